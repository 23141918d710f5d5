"""Bad input through the runner: one clear error, exit status 2, and earlier outputs left whole."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mlsec_survey.instrument.manifest import file_sha256, manifest_path
from small_project import ROOT, Done, SmallProject

pytestmark = pytest.mark.slow

NOTEBOOK, TESTING = "01_cleaning", "04_hypotheses"
Rows = list[list[str]]


class Compendium:
    """The real notebooks 01 and 04 with their data."""

    def __init__(self, root: Path) -> None:
        self.project = SmallProject(root)
        standin = root / "data" / "raw" / "standin.csv"
        self.text = standin.read_text(encoding="utf-8-sig")
        self.manifest = yaml.safe_load(manifest_path(standin).read_text(encoding="utf-8"))

    def run(self, content: bytes) -> Done:
        """Run the notebook on an export of this content, in the same run every time."""
        path = self.project.root / "data" / "raw" / "other.csv"
        path.write_bytes(content)
        manifest = self.manifest | {"sha256": file_sha256(path)}
        manifest_path(path).write_text(yaml.safe_dump(manifest), encoding="utf-8")
        return self.call("--only", NOTEBOOK)

    def call(self, *arguments: str) -> Done:
        """Call the runner for the export that is there."""
        which = ("--run", "x", "--set", "export=data/raw/other.csv", "--no-pdf")
        return self.project.call(*which, *arguments)

    def outputs(self) -> dict[str, str]:
        return self.project.outputs("runs/x")


@pytest.fixture(scope="module")
def compendium(tmp_path_factory: pytest.TempPathFactory) -> Compendium:
    root = tmp_path_factory.mktemp("bad") / "project"
    junk = shutil.ignore_patterns("__pycache__", "*.ipynb", "processed")
    for part in ("data", "notebooks", "src", "scripts"):
        shutil.copytree(ROOT / part, root / part, ignore=junk)
    shutil.copy(ROOT / "requirements.lock", root)
    pipeline = root / "notebooks" / "pipeline.yml"
    content = yaml.safe_load(pipeline.read_text(encoding="utf-8"))
    content["notebooks"] = {name: content["notebooks"][name] for name in (NOTEBOOK, TESTING)}
    del content["paper"]
    pipeline.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    made = Compendium(root)
    first = made.run(made.text.encode())
    assert first.status == 0, first.err
    assert {"figures/exclusion_flow.png", "data/processed/responses.parquet"} <= set(made.outputs())
    return made


def changed(text: str, change: Callable[[Rows], object]) -> bytes:
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    change(rows)
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows(rows)
    return buffer.getvalue().encode()


def without_column(rows: Rows) -> None:
    at = rows[0].index("CON[EVA]")
    for row in rows:
        del row[at]


def unknown_code(rows: Rows) -> None:
    rows[3][rows[0].index("CON[EVA]")] = "A9"


def repeated_number(rows: Rows) -> None:
    rows[5][0] = rows[4][0]


def cut_short(rows: Rows) -> None:
    rows[-1] = rows[-1][:40]


BAD: dict[str, tuple[Callable[[str], bytes], tuple[str, ...]]] = {
    "missing column": (
        lambda text: changed(text, without_column),
        ("row 1", "CON[EVA]", "missing"),
    ),
    "unknown code": (lambda text: changed(text, unknown_code), ("row 4", "CON[EVA]", "A9")),
    "wrong encoding": (
        lambda text: (text[:5000] + "ü" + text[5000:]).encode("cp1252", "replace"),
        ("UTF-8", "windows-1252"),
    ),
    "empty file": (lambda _: b"", ("empty",)),
    "truncated row": (lambda text: changed(text, cut_short), ("40 cells",)),
    "duplicated number": (lambda text: changed(text, repeated_number), ("row 6", "'id'", "row 5")),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_export_gives_one_error_and_keeps_what_was_there(
    compendium: Compendium, case: str
) -> None:
    make, words = BAD[case]
    before = compendium.outputs()
    done = compendium.run(make(compendium.text))
    assert done.status == 2
    errors = [line for line in done.err.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert "data/raw/other.csv" in errors[0]
    assert "Traceback" not in done.err
    assert "What to do: " in done.err
    for word in words:
        assert word in done.err
    assert compendium.outputs() == before


def test_a_plan_with_an_unknown_item_gives_one_error_and_keeps_what_was_there(
    compendium: Compendium,
) -> None:
    data = compendium.project.root / "data"
    plan = (data / "analysis_plan.yml").read_text(encoding="utf-8")
    wrong = plan.replace("predictor: org_size", "predictor: org_sise", 1)
    (data / "wrong_plan.yml").write_text(wrong, encoding="utf-8")
    assert compendium.run(compendium.text.encode()).status == 0
    before = compendium.outputs()
    done = compendium.call("--set", "plan=data/wrong_plan.yml", "--only", TESTING)
    assert done.status == 2
    assert "data/wrong_plan.yml" in done.err
    assert "Traceback" not in done.err
    for word in ("predictor", "org_sise", "org_size", "What to do: "):
        assert word in done.err
    assert compendium.outputs() == before


def test_a_good_export_then_runs_again(compendium: Compendium) -> None:
    before = compendium.outputs()
    done = compendium.run(compendium.text.encode())
    assert done.status == 0, done.err
    assert compendium.outputs() == before
