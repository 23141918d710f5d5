"""Batches: read strictly, shared work done once, failures apart, resumable, as single runs."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from mlsec_survey.base.errors import InputError
from mlsec_survey.runner.batch import Batch, load_batch
from mlsec_survey.runner.pipeline import load_pipeline
from small_project import ROOT, SmallProject, make_project, write_export

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def read_only(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    return make_project(tmp_path_factory.mktemp("read") / "project")


def write(project: SmallProject, text: str, name: str = "many.yml") -> Path:
    path = project.root / name
    path.write_text(text)
    return path


def load(project: SmallProject, text: str) -> Batch:
    return load_batch(write(project, text), project.root, load_pipeline(project.root))


# ── The file ──────────────────────────────────────────────────────────────────────────────────────


def test_runs_and_grids_become_runs_with_what_differs_from_the_defaults(
    read_only: SmallProject,
) -> None:
    batch = load(
        read_only,
        "version: 1\nparameters: {seed: 9}\nruns:\n  - name: main\n    parameters: {seed: 1}\n"
        "  - name: nine\ngrids:\n  - name: g\n"
        "    over: {seed: [1, 2], export: [auto, data/raw/standin.csv]}\n",
    )
    assert batch.runs == {
        "main": {},
        "nine": {"seed": 9},
        "g-1-auto": {},
        "g-1-standin": {"export": "data/raw/standin.csv"},
        "g-2-auto": {"seed": 2},
        "g-2-standin": {"seed": 2, "export": "data/raw/standin.csv"},
    }
    assert (batch.name, batch.reference, batch.pages, batch.pdf) == ("many", "main", True, False)


def test_the_example_fits_the_pipeline_and_is_not_empty() -> None:
    batch = load_batch(ROOT / "data" / "batches" / "example.yml", ROOT, load_pipeline(ROOT))
    assert list(batch.runs) == ["main", "fine", "seed-1", "seed-2", "seed-3"]
    assert batch.runs["main"] == {}
    assert all(batch.runs[name] for name in batch.runs if name != "main")


BAD = {
    "no run": ("version: 1\n", ["the batch has no run"]),
    "unknown key": ("version: 1\nrun:\n  - name: a\n", ["row 2", "run"]),
    "unknown parameter": (
        "version: 1\nruns:\n  - name: a\n    parameters: {sede: 1}\n",
        ["row 4", "sede", "there is no parameter", "Did you mean seed"],
    ),
    "unknown parameter of a grid": (
        "version: 1\ngrids:\n  - name: a\n    over:\n      sede: [1]\n",
        ["row 5", "there is no parameter", "Did you mean seed"],
    ),
    "text for a number": (
        "version: 1\nruns:\n  - name: a\n    parameters: {seed: '1'}\n",
        ["row 4", "give a whole number"],
    ),
    "truth value for a number": (
        "version: 1\nruns:\n  - name: a\n    parameters: {seed: yes}\n",
        ["row 4", "give a whole number"],
    ),
    "file that is not there": (
        "version: 1\nruns:\n  - name: a\n    parameters: {export: data/raw/wave2.csv}\n",
        ["row 4", "no such file", "wave2.csv"],
    ),
    "how, not what": (
        "version: 1\nruns:\n  - name: a\n    parameters: {scheduler: 'tcp://x:1'}\n",
        ["row 4", "how to compute", "--scheduler"],
    ),
    "name twice": (
        "version: 1\nruns:\n  - name: a-1\ngrids:\n  - name: a\n    over: {seed: [1]}\n",
        ["row 5", "taken by another run", "a-1"],
    ),
    "name of the project": (
        "version: 1\nruns:\n  - name: default\n",
        ["row 3", "taken by the project"],
    ),
    "name of the batch": (
        "version: 1\nruns:\n  - name: many\n",
        ["row 3", "taken by the comparison"],
    ),
    "name that leads elsewhere": ("version: 1\nruns:\n  - name: ../a\n", ["row 3", "../a"]),
    "reference that is no run": (
        "version: 1\nreference: b\nruns:\n  - name: a\n",
        ["row 2", "no run has this name", "Known: a"],
    ),
    "no YAML": ("version: 1\nruns: [\n", ["not valid YAML"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_named_with_its_place_and_remedy(case: str, read_only: SmallProject) -> None:
    text, told = BAD[case]
    with pytest.raises(InputError) as raised:
        load(read_only, text)
    message = str(raised.value)
    assert "many.yml" in message
    assert [words for words in told if words not in message] == [], message
    assert raised.value.exit_status == 2


def test_a_grid_without_end_is_refused(read_only: SmallProject) -> None:
    seeds = ", ".join(map(str, range(10_001)))
    text = f"version: 1\ngrids:\n  - name: a\n    over: {{seed: [{seeds}]}}\n"
    with pytest.raises(InputError, match=r"10,000 runs"):
        load(read_only, text)


# ── Running ───────────────────────────────────────────────────────────────────────────────────────

THREE = (
    "version: 1\npages: false\nruns:\n  - name: one\n    parameters: {seed: 1}\n"
    "grids:\n  - name: s\n    over: {seed: [2, 3]}\n"
)
NOTEBOOKS_OF_A_RUN = 4


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A project in which a batch of three runs has been done."""
    project = make_project(tmp_path_factory.mktemp("done") / "project")
    write(project, THREE)
    first = project.run("--batch", "many.yml", "--jobs", "2")
    assert first.status == 0, first
    assert "3 of 3 runs complete" in first.out
    made = [line.split()[1] for line in first.err.splitlines() if line.split()[0] == "made"]
    names = [label.partition("/")[2] for label in made]
    assert names.count("01_first") == 3, "each seed draws other numbers"
    assert names.count("02_second") == 3
    # The fourth notebook reads records in which the seed makes no difference.
    assert names.count("04_fourth") == 1, made
    return project


def test_a_batch_gives_what_single_runs_give(done: SmallProject) -> None:
    single = done.run("--run", "alone", "--set", "seed=2", "--no-pdf", "--force")
    assert single.status == 0, single
    alone = {k: v for k, v in done.outputs("runs/alone").items() if not k.startswith("html/")}
    in_batch = done.outputs("runs/s-2")
    assert {k: v for k, v in alone.items() if k in in_batch} == in_batch
    assert set(alone) == set(in_batch)
    assert in_batch != done.outputs("runs/s-3")


def test_nothing_changed_is_nothing_to_do(done: SmallProject) -> None:
    again = done.run("--batch", "many.yml")
    assert (again.status, again.worked) == (0, [])
    assert f"unchanged {3 * NOTEBOOKS_OF_A_RUN} steps" in again.out


def test_options_that_say_something_else_are_refused(done: SmallProject) -> None:
    for option in (["--run", "x"], ["--set", "seed=2"], ["--why", "01_first"]):
        refused = done.run("--batch", "many.yml", *option)
        assert refused.status == 2
        assert "do not go together" in refused.err


def test_only_and_list_work_within_each_run(done: SmallProject) -> None:
    listed = done.run("--batch", "many.yml", "--only", "02_second", "--list")
    assert listed.out.split() == [
        word
        for run in ("one", "s-2", "s-3")
        for name in ("01_first", "02_second")
        for word in ("current", f"{run}/{name}")
    ]


def test_failures_stay_in_their_run_and_are_summed_up(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    raw = project.root / "data" / "raw"
    write_export(project, "item,answer\na,x\nb,y\n")
    for ending in ("csv", "manifest.yml"):
        (raw / f"standin.{ending}").rename(raw / f"wave.{ending}")
    write_export(project, "item,answer\na,1\nb,3\nc,5\nd,2\n")
    project.edit("notebooks/03_third.py", "low, high", "assert len(table) == 4\nlow, high")
    write(
        project,
        "version: 1\npages: false\nruns:\n  - name: good\n  - name: bad\n"
        "    parameters: {export: data/raw/wave.csv}\n  - name: also\n    parameters: {seed: 5}\n",
    )
    batch = project.run("--batch", "many.yml")
    assert batch.status == 1
    assert "2 of 3 runs complete" in batch.out
    assert "failed bad/02_second: notebook 02_second, cell" in batch.out
    assert "failed bad/03_third: notebook 03_third, cell" in batch.out
    assert "left out 1 steps" in batch.out
    assert ".cache/failed/bad/02_second.ipynb" in batch.out
    assert (project.root / ".cache" / "failed" / "bad" / "02_second.ipynb").is_file()
    assert project.record("04_fourth", "runs/good") == project.record("04_fourth", "runs/also")
    assert not (project.root / "runs" / "bad" / "notebooks" / "04_fourth.ipynb").exists()
    again = project.run("--batch", "many.yml")
    assert again.status == 1
    assert again.worked == [], "what was fine was done again"


def test_a_killed_batch_goes_on_where_it_was(done: SmallProject, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    write(project, THREE)
    runner = subprocess.Popen(
        project.command("--batch", "many.yml", "--jobs", "1"),
        cwd=project.root,
        env=project.environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert runner.stderr is not None
    before = [runner.stderr.readline().split()[1] for _ in range(5)]
    runner.send_signal(signal.SIGKILL)
    before += [line.split()[1] for line in runner.stderr.read().splitlines()]
    runner.wait()
    time.sleep(0.1)
    after = project.run("--batch", "many.yml")
    assert after.status == 0, after
    assert not set(before) & set(after.worked)
    for run in ("one", "s-2", "s-3"):
        assert project.outputs(f"runs/{run}") == done.outputs(f"runs/{run}")
