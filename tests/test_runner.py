"""The runner on a small project: what runs again and why, failures, what is told."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import termios
from pathlib import Path

import pytest

from small_project import NOTEBOOKS, STEPS, Done, SmallProject, make_project, write_export

pytestmark = pytest.mark.slow

PAGES = [f"{name}.html" for name in NOTEBOOKS]


class Runner:
    """A project in small that is run in this process, whose fork server serves many runs."""

    def __init__(self, project: SmallProject) -> None:
        self.root, self.outputs, self.project = project.root, project.outputs, project

    def run(self, *arguments: str) -> Done:
        return self.project.call(*arguments)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A project whose steps are all current."""
    project = make_project(tmp_path_factory.mktemp("quick") / "project", paper=True)
    runner = Runner(project)
    first = runner.run("--no-pdf")
    assert first.status == 0, first.err
    return runner


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A project whose steps are all current; tests change it and change it back."""
    project = make_project(tmp_path_factory.mktemp("small") / "project", paper=True)
    first = project.run("--no-pdf")
    assert first.status == 0, first.err
    assert first.worked == sorted([*STEPS, "numbers"])
    return project


def to_do(project: SmallProject, *options: str) -> tuple[set[str], set[str]]:
    """Return the notebooks that would run, and those that wait for them."""
    lines = project.run("--list", "--no-pdf", *options).out.splitlines()
    states = {name: word for word, name in map(str.split, lines_of(lines))}
    return (
        {name for name, word in states.items() if word == "to"},
        {name for name, word in states.items() if word == "waits"},
    )


def lines_of(lines: list[str]) -> list[str]:
    return [re.sub(r"^to do", "to", line) for line in lines]


class Changed:
    """A file's text changed for the time of a test."""

    def __init__(self, project: SmallProject | Runner, path: str, old: str, new: str) -> None:
        self.path = project.root / path
        self.before = self.path.read_text(encoding="utf-8")
        assert self.before.count(old) == 1
        self.after = self.before.replace(old, new)

    def __enter__(self) -> None:
        self.path.write_text(self.after, encoding="utf-8")

    def __exit__(self, *_: object) -> None:
        self.path.write_text(self.before, encoding="utf-8")


def test_nothing_to_do_is_said(done: SmallProject) -> None:
    before = done.outputs()
    again = done.run("--no-pdf")
    assert again.status == 0
    assert again.out.startswith("nothing to do: all 11 steps are current")
    assert again.err == ""
    assert done.outputs() == before


def test_no_part_of_it_is_heavy_when_there_is_nothing_to_do(done: SmallProject) -> None:
    code = (
        "import sys; sys.path.insert(0, 'src'); from mlsec_survey.runner.cli import main\n"
        "from pathlib import Path; status = main(['--no-pdf'], Path.cwd())\n"
        "heavy = {'pandas', 'numpy', 'papermill', 'nbformat', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [done.command()[0], "-c", code],
        cwd=done.root,
        env=done.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        # Prose of one notebook: that one; its page and what reads what it publishes may follow.
        ("notebooks/02_second.py", "Prose of", "Other prose of", {"02_second"}),
        # A module that one notebook imports; one that all reach through others.
        ("src/mlsec_survey/stats/proportions.py", '"""', '"""Changed. ', {"03_third"}),
        ("src/mlsec_survey/base/text_safety.py", '"""', '"""Changed. ', set(NOTEBOOKS)),
        ("src/mlsec_survey/figures/style.py", '"""', '"""Changed. ', set(NOTEBOOKS)),
        # A module that no notebook uses, directly or not.
        ("src/mlsec_survey/stats/reliability.py", '"""', '"""Changed. ', set()),
        ("src/mlsec_survey/figures/forest.py", '"""', '"""Changed. ', set()),
        # Data that one notebook reads; data that all read; the lock.
        ("data/notes.txt", "noted", "told", {"03_third"}),
        ("data/raw/standin.manifest.yml", "small\nformat", "smaller\nformat", set(NOTEBOOKS)),
        ("requirements.lock", "==0", "==1", set(NOTEBOOKS)),
        # A default parameter: those that declare it. How to compute is no reason.
        ("notebooks/pipeline.yml", "default: 1", "default: 2", {"01_first", "02_second"}),
        ("notebooks/pipeline.yml", "default: null", "default: 'tcp://here:1'", set()),
        # How pages look: pages only. What the paper says: the paper's numbers only.
        (
            "src/mlsec_survey/runner/outputs/template/pages/style.css",
            "body {",
            "body  {",
            set(),
        ),
    ],
)
def test_a_change_reruns_those_that_use_it(
    done: SmallProject, path: str, old: str, new: str, expected: set[str]
) -> None:
    text = (done.root / path).read_text(encoding="utf-8")
    longer = old + text.split(old, 1)[1][:60] if text.count(old) > 1 else old
    with Changed(done, path, longer, longer.replace(old, new, 1)):
        now, later = to_do(done)
        assert now & set(NOTEBOOKS) == expected
        if expected == {"02_second"}:
            assert later == {
                "04_fourth",
                "02_second.html",
                "04_fourth.html",
                "numbers",
                "index.html",
                "search.html",
            }
        if path.endswith("style.css"):
            assert now == {*PAGES, "index.html", "search.html"}
    assert to_do(done) == (set(), set())


def test_only_what_is_needed_runs_and_what_follows_is_the_same(quick: Runner) -> None:
    with Changed(quick, "notebooks/02_second.py", "Prose of", "Other prose of"):
        ran = quick.run("--no-pdf")
        # What 02 published did not change, so that 04, which reads that, did not run.
        assert ran.worked == ["02_second", "02_second.html", "search.html"]
        assert ran.out.startswith("made 3, unchanged 8")
        assert "Other prose" in (quick.root / "html" / "02_second.html").read_text()
    back = quick.run("--no-pdf")
    assert back.status == 0
    assert back.out.startswith("made 0, reused 3 made earlier, unchanged 8")


@pytest.mark.parametrize("run", [(), ("--run", "x", "--set", "seed=3")])
def test_new_prose_goes_into_an_executed_notebook_as_if_it_had_run_again(
    quick: Runner, run: tuple[str, ...]
) -> None:
    quick.run("--notebooks-only", *run)
    folder = quick.root / "runs" / "x" if run else quick.root
    executed = folder / "notebooks" / "02_second.ipynb"
    text = (quick.root / "notebooks" / "02_second.py").read_text(encoding="utf-8")
    last = text[text.rindex("# %%\n") :]
    more = "# %% [markdown]\n# A cell *more*.\n\n" + last + "\n# %% [markdown]\n# The end.\n"
    with Changed(quick, "notebooks/02_second.py", last, more):
        assert "changed   text with prose" in quick.run("--why", "02_second").out
        done = quick.run("--notebooks-only", *run)
        assert "revised 02_second" in done.err.replace("x/", "")
        revised = executed.read_bytes()
        assert b"A cell *more*." in revised
        assert (b"# Parameters of this run" in revised) == bool(run)
        forced = quick.run("--only", "02_second", "--force", "--notebooks-only", *run)
        assert "made 02_second" in forced.err.replace("x/", "")
        assert executed.read_bytes() == revised
    quick.run("--notebooks-only", *run)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # Code that was prose, another tag, a comment in the code: all can be seen or do something.
        ("[markdown]\n# # The second", "\n# # The second"),
        ('tags=["parameters"]', 'tags=["parameters", "x"]'),
        ("table = project", "# Here.\ntable = project"),
    ],
)
def test_a_change_of_code_is_never_taken_for_one_of_prose(
    quick: Runner, old: str, new: str
) -> None:
    with Changed(quick, "notebooks/02_second.py", old, new):
        assert "changed   code" in quick.run("--why", "02_second").out
        assert "made 02_second" in quick.run("--notebooks-only").err
    quick.run("--notebooks-only")


def test_an_output_that_somebody_changed_is_restored(quick: Runner) -> None:
    figure = quick.root / "figures" / "answers.png"
    before = figure.read_bytes()
    figure.write_bytes(b"damaged")
    assert "output    figures/answers.png" in quick.run("--why", "02_second").out
    assert quick.run("--no-pdf").worked == ["02_second"]
    assert figure.read_bytes() == before


def test_why_tells_what_changed(quick: Runner) -> None:
    assert "03_third is current: none of its" in quick.run("--why", "03_third").out
    with Changed(quick, "data/notes.txt", "noted", "told"):
        out = quick.run("--why", "03_third").out
        assert "changed   data/notes.txt" in out
        assert out.count("changed") == 1
        later = quick.run("--why", "04_fourth").out
        assert "would run first, and may change what 04_fourth reads: 03_third" in later
    unknown = quick.run("--why", "third")
    assert unknown.status == 2
    assert "no step is called 'third'" in unknown.err
    assert "Traceback" not in unknown.err


def test_only_and_force(quick: Runner) -> None:
    ran = quick.run("--only", "03_third", "--force")
    assert ran.worked == ["03_third", "03_third.html"]
    assert quick.run("--notebooks-only", "--force").worked == sorted(NOTEBOOKS)
    assert ran.out.startswith("made 2, unchanged 1")


def test_a_run_of_its_own_has_its_own_parameters_and_leaves_the_default_alone(
    quick: Runner,
) -> None:
    before = quick.outputs()
    assert quick.run("--set", "seed=7").status == 2
    assert "there is no parameter 'sed'" in quick.run("--run", "other", "--set", "sed=7").err
    ran = quick.run("--run", "other", "--set", "seed=7", "--only", "02_second")
    assert ran.status == 0, ran.err
    assert quick.outputs() == before
    other = quick.root / "runs" / "other"
    text = (other / "notebooks" / "01_first.ipynb").read_text()
    cells = json.loads(text)["cells"]
    injected = next(c for c in cells if "injected-parameters" in c["metadata"].get("tags", []))
    assert "".join(injected["source"]) == "# Parameters of this run\nseed = 7\n"
    default = (quick.root / "notebooks" / "01_first.ipynb").read_text()
    assert "injected-parameters" not in default
    drawn = "paper/generated/tables/rows.csv"
    assert (other / drawn).read_text() != (quick.root / drawn).read_text()
    # A parameter that says how to compute, not what, is none of a run.
    refused = quick.run("--run", "third", "--set", "scheduler=tcp://here:1", "--no-pdf")
    assert refused.status == 2 and "give --scheduler" in refused.err


def test_a_parameter_that_the_notebook_lacks_is_an_error(quick: Runner) -> None:
    for notebook, line, name in (
        ("03_third", "scheduler = None\n", "scheduler"),
        ("02_second", "seed = 1\n", "seed"),
    ):
        with Changed(quick, f"notebooks/{notebook}.py", line, ""):
            ran = quick.run("--only", notebook)
            assert ran.status == 2
            assert f"a parameter '{name}' that it does not have" in ran.err
    assert quick.run("--no-pdf").status == 0


def test_a_failed_notebook_is_named_and_kept_and_earlier_outputs_stay(quick: Runner) -> None:
    before = quick.outputs()
    with Changed(
        quick,
        "notebooks/03_third.py",
        "low, high",
        "raise ArithmeticError('too small\\nby far')\nlow, high",
    ):
        ran = quick.run("--no-pdf")
        assert ran.status == 1
        assert (
            "error: 03_third: notebook 03_third, cell 3 (The third): ArithmeticError: too small"
            in (ran.err)
        )
        assert "left out, since they need what failed: 04_fourth, numbers, 03_third.html" in ran.out
        assert "Traceback" not in ran.out + ran.err
        kept = json.loads((quick.root / ".cache/failed/default/03_third.ipynb").read_text())
        assert any("ArithmeticError" in json.dumps(cell.get("outputs")) for cell in kept["cells"])
    assert quick.outputs() == before
    with Changed(
        quick, "notebooks/03_third.py", "low, high", "import os; os.kill(os.getpid(), 9)\nlow, high"
    ):
        ran = quick.run("--no-pdf")
        assert ran.status == 1
        assert "cell 3 (The third): its kernel died" in ran.err
    assert quick.outputs() == before
    assert quick.run("--no-pdf").status == 0


def test_a_notebook_that_forgets_its_record_is_told_how_to_write_it(quick: Runner) -> None:
    description = '"numbers read")\n'
    with Changed(quick, "notebooks/04_fourth.py", description + "pub.close()\n", description):
        ran = quick.run("--only", "04_fourth")
        assert ran.status == 2
        assert "did not write paper/generated/records/04_fourth.json" in ran.err
        assert "`pub.close()`" in ran.err
    assert quick.run("--no-pdf").status == 0


def test_bad_input_met_by_a_notebook_gives_its_message_and_status_2(quick: Runner) -> None:
    before = quick.outputs()
    export = quick.root / "data" / "raw" / "standin.csv"
    content = export.read_text()
    export.write_text(content + "e,4\n")
    try:
        ran = quick.run("--no-pdf")
    finally:
        export.write_text(content)
    assert ran.status == 2
    message = ran.err[ran.err.index("error: ") :]
    # What no manifest says to be synthetic could be private, so its run is one of its own.
    assert message.startswith("error: export/01_first: ")
    assert "data/raw/standin.manifest.yml" in message
    assert "What to do: " in message
    assert "Traceback" not in ran.err
    assert str(quick.root) not in message
    assert quick.outputs() == before
    assert quick.run("--no-pdf").out.startswith("nothing to do")


def test_without_tex_all_but_the_pdf_is_made(
    quick: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = quick.run()
    assert ran.status == 3
    assert "the PDF was not made: TeX is missing (latexmk, pdflatex)" in ran.err
    assert "apt-get install texlive" in ran.err


def test_real_data_take_the_label_away(quick: Runner) -> None:
    raw = quick.root / "data" / "raw"
    kept = {path: path.read_bytes() for path in raw.iterdir()}
    page = quick.root / "html" / "01_first.html"
    before = page.read_text()
    assert 'class="banner"' in before
    try:
        write_export(quick.project, (raw / "standin.csv").read_text(), synthetic=False)
        assert quick.run("--no-pdf").status == 0
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
    # Results of answers that may be real stand where git ignores them.
    assert page.read_text() == before
    pages = list((quick.root / "runs" / "export" / "html").glob("*.html"))
    assert len(pages) > 3
    for path in pages:
        assert "ynthetic" not in re.sub(r"<style>.*?</style>", "", path.read_text(), flags=re.S)
    assert quick.run("--no-pdf").status == 0


def test_two_runs_at_a_time_are_refused_but_telling_is_not(quick: Runner) -> None:
    import fcntl

    with (quick.root / ".cache" / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        refused = quick.run("--no-pdf")
        assert refused.status == 2
        assert "another run is under way" in refused.err
        assert quick.run("--list").status == 0


def test_a_terminal_gets_a_bar(done: SmallProject) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = subprocess.Popen(
        done.command("--only", "03_third", "--force"),
        cwd=done.root,
        env=done.environment | {"TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait() == 0
    text = shown.decode()
    assert "█" in text
    assert "03_third" in text
    assert "/3" in text
    assert "made 03_third" not in text


def test_outputs_carry_no_trace_of_the_machine_or_the_moment(quick: Runner) -> None:
    for name in NOTEBOOKS:
        notebook = json.loads((quick.root / "notebooks" / f"{name}.ipynb").read_text())
        assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
        assert notebook["metadata"]["language_info"] == {"name": "python"}
        counts = [c["execution_count"] for c in notebook["cells"] if c["cell_type"] == "code"]
        assert counts == list(range(1, len(counts) + 1))
        for cell in notebook["cells"]:
            assert set(cell["metadata"]) <= {"tags"}
    texts = [
        path.read_bytes()
        for folder in ("notebooks", "html", "paper", "figures")
        for path in (quick.root / folder).rglob("*")
        if path.is_file()
    ]
    assert not any(str(quick.root).encode() in text for text in texts)


def test_notebooks_that_read_no_export_run(tmp_path: Path) -> None:
    """Somebody's own notebooks, that know nothing of a survey: no answers, nothing private."""
    project = make_project(tmp_path / "project")
    (project.root / "notebooks" / "pipeline.yml").write_text(
        "parameters:\n  seed: {type: integer, default: 1, meaning: of every random draw}\n"
        "notebooks:\n  01_first: {title: Alone, question: How many, parameters: [seed]}\n"
    )
    source = '# %% tags=["parameters"]\nseed = 1\n\n# %%\nprint(seed + 1)\n'
    (project.root / "notebooks" / "01_first.py").write_text(source)
    assert project.run("--notebooks-only").status == 0
    executed = (project.root / "notebooks" / "01_first.ipynb").read_text(encoding="utf-8")
    assert '"2\\n"' in executed
