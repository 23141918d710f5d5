"""With a real export no label is left, small cells are hidden and nobody's words get out.

The stand-in's answers play the real ones: its manifest is replaced by one that says so.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import jupytext
import pandas as pd
import pytest
import yaml

from mlsec_survey.base.synthetic import SYNTHETIC_SHORT
from mlsec_survey.figures import style
from mlsec_survey.instrument.codebook import load_codebook
from mlsec_survey.report import publisher
from mlsec_survey.report.publisher import SUPPRESSED

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = tuple(
    name
    for name, entry in yaml.safe_load((ROOT / "notebooks" / "pipeline.yml").read_text("utf-8"))[
        "notebooks"
    ].items()
    if entry.get("kind", "analysis") == "analysis" and name != "00_overview"
)
# Few draws: labels, suppressed cells and words do not depend on them.
FEW = (
    ("resamples: int = 2000", "resamples: int = 99"),
    ("simulations: int = 2000", "simulations: int = 20"),
)
LABEL = re.compile(r"synthetic|stand-in", re.IGNORECASE)


@dataclass(frozen=True)
class Drill:
    """What running the notebooks wrote and showed."""

    folder: Path
    shown: dict[str, list[dict[str, str]]]

    def words(self) -> dict[str, str]:
        """Return every text that a reader of files or pages meets, by where it stands."""
        texts = {
            str(path.relative_to(self.folder)): path.read_text(encoding="utf-8")
            for pattern in ("paper/**/*", "figures/*", "data/processed/*.csv")
            for path in self.folder.glob(pattern)
            if path.is_file()
        }
        for notebook, outputs in self.shown.items():
            kept = [{k: v for k, v in data.items() if k.startswith("text/")} for data in outputs]
            texts[notebook] = "\n".join(text for data in kept for text in data.values())
            cells = jupytext.read(ROOT / "notebooks" / f"{notebook}.py").cells
            prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
            texts[f"{notebook} (prose)"] = "\n".join(prose)
        return texts


def drill(folder: Path, synthetic: bool) -> Drill:
    """Run the notebooks' cells in this process on the stand-in's answers."""
    for part in ("data", "notebooks"):
        ignored = shutil.ignore_patterns("processed", "*.ipynb", "export", "export.*")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    pipeline = folder / "notebooks" / "pipeline.yml"
    described = yaml.safe_load(pipeline.read_text(encoding="utf-8"))
    described["parameters"]["resamples"]["default"] = 99
    described["parameters"]["simulations"]["default"] = 20
    pipeline.write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
    if not synthetic:
        raw = folder / "data" / "raw"
        shutil.copy(raw / "standin.csv", raw / "export.csv")
        manifest = yaml.safe_load((raw / "standin.manifest.yml").read_text(encoding="utf-8"))
        del manifest["generator"], manifest["note"]
        manifest |= {"synthetic": False, "title": "Export of the survey"}
        (raw / "export.manifest.yml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
        shutil.copytree(folder / "data" / "coding", folder / "coding")
        (folder / "coding").rename(folder / "data" / "coding" / "export")
    shown: dict[str, list[dict[str, str]]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLSEC_PROJECT", str(folder))
        for name in ("MLSEC_RUN", "MLSEC_OUTPUT", "MLSEC_NOTEBOOK"):
            patch.delenv(name, raising=False)
        # A figure's words are in its title; drawing it would take most of the time.
        patch.setattr(style, "figure_files", lambda _, title, **options: {"png": title.encode()})
        for name in NOTEBOOKS:
            outputs = shown.setdefault(name, [])
            patch.setattr(publisher, "_display", lambda data, _=None, o=outputs: o.append(data))
            names: dict[str, object] = {}
            for cell in jupytext.read(ROOT / "notebooks" / f"{name}.py").cells:
                if cell.cell_type == "code":
                    source = cell.source
                    for many, few in FEW:
                        source = source.replace(many, few)
                    exec(source, names)
            outputs.append({"text/html": names["project"].describe().data})  # type: ignore[attr-defined]
    return Drill(folder if synthetic else folder / "runs" / "export", shown)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Drill:
    return drill(tmp_path_factory.mktemp("real") / "project", synthetic=False)


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Drill:
    return drill(tmp_path_factory.mktemp("synthetic") / "project", synthetic=True)


def test_no_label_is_left_anywhere(real: Drill) -> None:
    for place, text in real.words().items():
        if place.startswith("paper/generated/records/"):
            assert json.loads(text)["synthetic"] is False
            text = text.replace('"synthetic": false', "")
        assert LABEL.search(text) is None, (place, LABEL.search(text))


def test_synthetic_answers_carry_the_label_wherever_they_are_shown(synthetic: Drill) -> None:
    marked = {f"fig-{key}" for key in _published(synthetic, "figures")}
    marked |= {f"tab-{key}" for key in _published(synthetic, "tables")}
    assert marked
    for outputs in synthetic.shown.values():
        for data in outputs:
            anchor = re.search(r'id="((?:fig|tab)-[a-z0-9_]+)"', data.get("text/html", ""))
            if anchor and anchor.group(1) in marked:
                assert SYNTHETIC_SHORT in data["text/html"], anchor.group(1)
                marked.discard(anchor.group(1))
    assert not marked
    for key in _published(synthetic, "tables"):
        table = pd.read_csv(synthetic.folder / "paper" / "generated" / "tables" / f"{key}.csv")
        assert set(table["data_basis"]) == {"synthetic stand-in"}


def _published(run: Drill, kind: str) -> list[str]:
    folder = run.folder / "paper" / "generated" / "records"
    records = [json.loads((folder / f"{name}.json").read_text("utf-8")) for name in NOTEBOOKS]
    return [
        key
        for record in records
        for key, entry in record[kind].items()
        if entry["basis"] == "responses"
    ]


def test_small_cells_of_table_one_are_hidden_and_cannot_be_found(
    real: Drill, synthetic: Drill
) -> None:
    path = "paper/generated/tables/table_one.csv"
    hidden = pd.read_csv(real.folder / path, dtype=str)
    whole = pd.read_csv(synthetic.folder / path)
    assert hidden["option"].tolist() == whole["option"].tolist()
    small = whole["count"].between(1, 4)
    assert small.any()
    suppressed = hidden["count"] == SUPPRESSED
    assert (suppressed | ~small).all()
    assert (hidden.loc[suppressed, ["count", "estimate", "low", "high"]] == SUPPRESSED).all(
        axis=None
    )
    for _, rows in whole.assign(hidden=suppressed).groupby("heading"):
        behind = rows[rows["hidden"]]
        assert len(behind) != 1
        assert behind.empty or behind["count"].sum() >= 5
    shown = " ".join(data.get("text/html", "") for data in real.shown["02_sample"])
    assert "a count below 5" in shown


def test_nobodys_words_and_nothing_identifying_leave_the_analysis(real: Drill) -> None:
    codebook = load_codebook(ROOT / "data" / "codebook.yml")
    answers = pd.read_parquet(real.folder / "data" / "processed" / "responses.parquet")
    texts = [variable.name for variable in codebook.variables() if variable.is_text]
    said = {
        text
        for name in texts
        for text in answers[name].dropna()
        # Shorter ones are words that any page has.
        if len(text) > 12
    }
    assert len(said) > 100
    for place, words in real.words().items():
        found = [text for text in said if text in words]
        assert not found, (place, found[:3])
    labelled = pd.read_csv(real.folder / "data" / "processed" / "responses_labelled.csv")
    listed = pd.read_csv(real.folder / "data" / "processed" / "variables.csv")
    identifying = set(listed.loc[listed["identifying"], "variable"])
    assert identifying > set(texts)
    paradata = {entry.variable for entry in codebook.paradata if entry.identifying}
    paradata |= {entry.variable for entry in codebook.paradata if entry.kind == "datetime"}
    assert not {*labelled.columns} & {*identifying, *paradata, "respondent_id"}
    assert len(labelled) == len(answers)
