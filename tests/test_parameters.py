"""Parameters: one description, the same refusal in each way of running, results kept apart."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.parameters import Parameter, read_schema
from mlsec_survey.base.yaml_input import read_yaml
from mlsec_survey.runner.cli import parse_setting
from mlsec_survey.runner.parameters import own_parameters
from mlsec_survey.runner.pipeline import load_pipeline
from small_project import ROOT, SmallProject, make_project, write_export

PIPELINE = load_pipeline(ROOT)
SEED = Parameter("seed", "integer", 1, "of draws", minimum=0, maximum=100)


@pytest.mark.parametrize("name", PIPELINE.notebooks)
def test_each_notebooks_cell_says_what_the_pipeline_says(name: str) -> None:
    entry = PIPELINE.notebooks[name]
    source = (ROOT / entry.source).read_text(encoding="utf-8")
    cell = re.search(r'# %% tags=\["parameters"\]\n(.*?)\n\n', source, flags=re.S)
    assert cell is not None
    lines = [PIPELINE.schema.parameters[key].cell_line for key in entry.parameters]
    assert cell.group(1).splitlines() == lines
    assert own_parameters(source) == {
        key: PIPELINE.schema.parameters[key].default for key in entry.parameters
    }
    assert f'open_project("{name}", globals())' in source


@pytest.mark.parametrize(
    "text", ["NO", "010", "2.5", ".nan", "1e3", "-1", "101", "", "true", "7 8"]
)
def test_a_seed_is_a_whole_number_in_plain_digits(text: str) -> None:
    with pytest.raises(InputError, match="parameter seed does not take this value") as caught:
        SEED.read(text)
    assert "give a whole number in plain digits, from 0 to 100" in str(caught.value)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("value", [True, None, 2.5, float("nan"), "7", [7], -1, 101])
def test_a_value_from_yaml_or_python_has_to_be_one_too(value: object) -> None:
    with pytest.raises(InputError):
        SEED.check(value)


def test_values_that_are_taken() -> None:
    assert [SEED.read(text) for text in ("0", " 7 ", "+100")] == [0, 7, 100]
    names = Parameter("runs", "names", None, "of runs")
    assert names.read("a, b") == ["a", "b"]
    assert names.read("null") is None
    address = Parameter("scheduler", "address", None, "of a scheduler")
    assert address.check("tcp://host:8786") == "tcp://host:8786"
    with pytest.raises(InputError):
        address.check("host")
    file = Parameter("export", "file", "auto", "raw export", also=("auto",))
    assert file.check("auto", root=ROOT) == "auto"
    with pytest.raises(InputError, match="there is no such file"):
        file.check("data/raw/none.csv", root=ROOT)


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("sead=7", "Did you mean seed?"),
        ("resamples=0", "from 20 to"),
        ("scheduler=tcp://x:1", "give --scheduler on the command line"),
        ("runs=a", "use one of export"),
        ("seed", "--set seed=7"),
        ("export=data/none.csv", "such as data/raw/wave2.csv"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_can(setting: str, hint: str) -> None:
    with pytest.raises(InputError, match=re.escape(hint)):
        parse_setting(setting, PIPELINE, ROOT)


def test_yaml_does_not_read_numbers_in_another_way_than_they_are_written(tmp_path: Path) -> None:
    for text in ("010", "0x1f", "1:30", "0b1"):
        (tmp_path / "x.yml").write_text(f"seed: {text}\n")
        with pytest.raises(InputError, match="plain decimal digits"):
            read_yaml(tmp_path / "x.yml")


def test_a_description_that_is_wrong_is_refused() -> None:
    for entries, problem in [
        ({"seed": 1}, "needs `type`"),
        ({"seed": {"type": "int", "meaning": "x"}}, "is none of"),
        ({"seed": {"type": "integer", "meaning": "x", "max": 3}}, "unknown entries"),
        ({"seed": {"type": "integer", "default": "x", "meaning": "x"}}, "does not take"),
    ]:
        with pytest.raises(InputError, match=problem):
            read_schema(entries)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    made = make_project(tmp_path_factory.mktemp("by hand") / "project")
    assert made.call("--no-pdf").status == 0
    return made


@pytest.fixture
def by_hand(project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    monkeypatch.chdir(project.root / "notebooks")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    return project


def execute(name: str, **parameters: object) -> nbformat.NotebookNode:
    """Execute a notebook with plain papermill, as anybody would."""
    out = Path(f"../{name}.out.ipynb")
    papermill.execute_notebook(f"{name}.ipynb", out, parameters=parameters, progress_bar=False)
    return nbformat.read(out, as_version=4)


@pytest.mark.slow
def test_other_parameters_by_hand_make_a_run_of_their_own(by_hand: SmallProject) -> None:
    before = by_hand.outputs()
    execute("01_first")
    assert by_hand.outputs() == before
    assert not (by_hand.root / "runs").exists()
    execute("01_first", seed=7)
    assert by_hand.outputs() == before
    own = by_hand.outputs("runs/by-hand-seed-7")
    assert own.keys() == {path for path in before if "01_first" in path or "/first" in path} - {
        *("notebooks/01_first.ipynb", "html/01_first.html")
    } | {path for path in before if "/tables/rows" in path}
    # What the same parameters give under the runner.
    assert by_hand.call("--run", "seven", "--set", "seed=7", "--no-pdf").status == 0
    assert own.items() <= by_hand.outputs("runs/seven").items()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"sead": 7}, "Did you mean seed"),
        ({"seed": "NO"}, "does not take"),
        ({"seed": 2.5}, "give"),
    ],
)
@pytest.mark.slow
def test_what_is_wrong_by_hand_is_refused_in_the_first_cell(
    by_hand: SmallProject, parameters: dict[str, object], words: str
) -> None:
    before = by_hand.outputs()
    with pytest.raises(PapermillExecutionError, match=words) as caught:
        execute("01_first", **parameters)
    assert caught.value.ename == "InputError"
    assert by_hand.outputs() == before


@pytest.mark.slow
def test_private_answers_by_hand_do_not_reach_what_the_project_keeps(by_hand: SmallProject) -> None:
    before = by_hand.outputs()
    raw = by_hand.root / "data" / "raw"
    kept = {path: path.read_bytes() for path in raw.iterdir()}
    write_export(by_hand, (raw / "standin.csv").read_text(), synthetic=False)
    try:
        execute("01_first")
        assert by_hand.outputs() == before
        assert by_hand.record("01_first", "runs/export")["synthetic"] is False
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


@pytest.mark.slow
def test_two_at_a_time_do_not_collide(by_hand: SmallProject) -> None:
    command = [
        *(sys.executable, "-m", "papermill", "--no-progress-bar"),
        *("01_first.ipynb", "../both.ipynb", "-p", "seed", "8"),
    ]
    # Two kernels that begin at once can be given one port by Jupyter, which is nobody's fault here.
    for _ in range(4):
        both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        printed = [process.communicate()[1] for process in both]
        if not any("Address already in use" in text for text in printed):
            break
    assert [process.returncode for process in both] == [0, 0], printed
    assert not list((by_hand.root / "runs").rglob("*.part"))
