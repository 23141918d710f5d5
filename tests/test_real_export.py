"""With a real export no label is left, small cells are hidden, and no sentence says what is not so.

Answers like the stand-in's play the real ones, from the same people and with the opposite effects;
their manifest says that they are real.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import jupytext
import pandas as pd
import pytest
import yaml

from mlsec_survey.base.synthetic import SYNTHETIC_SHORT
from mlsec_survey.base.system import TEX
from mlsec_survey.figures import style
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.report import publisher
from mlsec_survey.report.macros import assemble, uses_in
from mlsec_survey.report.publisher import SUPPRESSED
from mlsec_survey.runner.outputs.typesetting import typeset
from mlsec_survey.standin.files import draw_files
from mlsec_survey.standin.parameters import load_parameters, load_texts

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


def write_opposite(data: Path) -> None:
    """Write an export, called real, in which what goes up in the stand-in goes down."""
    codebook = load_codebook(data / "codebook.yml")
    parameters = load_parameters(data / "standin.yml", codebook)
    perception, defences = parameters.perception, parameters.defences
    changes = {
        "perception": perception.model_copy(
            update={
                "knowledge_to_concern": -perception.knowledge_to_concern,
                "knowledge_to_relevance": -perception.knowledge_to_relevance,
            }
        ),
        "likelihood": parameters.likelihood.model_copy(
            update={"knowledge_loading": -parameters.likelihood.knowledge_loading}
        ),
        "defences": defences.model_copy(
            update={"exposure": -defences.exposure, "likelihood": -defences.likelihood}
        ),
    }
    described = [data / "standin.yml", data / "standin_texts.yml"]
    files = draw_files(
        codebook,
        parameters.model_copy(update=changes),
        load_texts(described[1], codebook),
        described,
        parameters.seed,
        "export",
    )
    for name, content in files.items():
        path = data / name.replace("coding/", "coding/export/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    path = data / "raw" / "export.manifest.yml"
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    del manifest["generator"], manifest["note"]
    manifest |= {"synthetic": False, "title": "Export of the survey"}
    path.write_text(yaml.safe_dump(manifest), encoding="utf-8")


def drill(folder: Path, synthetic: bool) -> Drill:
    """Run the notebooks' cells in this process on the stand-in's answers, or on such as these."""
    for part in ("data", "notebooks"):
        ignored = shutil.ignore_patterns("processed", "*.ipynb", "export", "export.*")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    pipeline = folder / "notebooks" / "pipeline.yml"
    described = yaml.safe_load(pipeline.read_text(encoding="utf-8"))
    described["parameters"]["resamples"]["default"] = 99
    described["parameters"]["simulations"]["default"] = 20
    pipeline.write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
    if not synthetic:
        write_opposite(folder / "data")
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
    # The scheme's own examples are no answers, though the model draws its texts from the same.
    scheme = (ROOT / "data" / "concern_codes.yml").read_text(encoding="utf-8")
    said = {text for text in said if text not in scheme}
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


@pytest.fixture(scope="module")
def paper(real: Drill, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The paper's text with opposite effects; figures are blank."""
    if TEX.missing() or shutil.which("pdftotext") is None:
        pytest.skip("TeX or poppler is not there")
    folder = tmp_path_factory.mktemp("paper")
    records = sorted((real.folder / "paper" / "generated" / "records").glob("*.json"))
    # The overview and its tables hold no answer, and the drill leaves it out.
    records += [ROOT / "paper" / "generated" / "records" / "00_overview.json"]
    run = folder / "run"
    shutil.copytree(real.folder / "paper", run / "paper")
    for path in (ROOT / "paper" / "generated" / "tables").glob("*.tex"):
        target = run / "paper" / "generated" / "tables" / path.name
        if not target.exists():
            shutil.copy(path, target)
    first = json.loads(records[-1].read_text(encoding="utf-8")) | {"synthetic": False}
    records[-1] = folder / "00_overview.json"
    records[-1].write_text(json.dumps(first), encoding="utf-8")
    blank = style.figure_files(style.new_figure("narrow", 0.6), "t")["pdf"]
    (run / "figures").mkdir(exist_ok=True)
    for use in uses_in(ROOT / "paper"):
        if use.kind == "figures":
            (run / "figures" / f"{use.key}.pdf").write_bytes(blank)
    assemble(records, ROOT / "paper", run / "paper" / "generated")
    sources = (Path("paper/sections"), Path("paper/references.bib"))
    typeset(ROOT, run, Path("paper/main.tex"), sources, folder / "out", folder / "latex.log")
    done = subprocess.run(
        ["pdftotext", "-raw", folder / "out" / "paper" / "main.pdf", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    return " ".join(done.stdout.split())


def test_the_paper_says_the_opposite_when_the_answers_do(real: Drill, paper: str) -> None:
    results = pd.read_csv(real.folder / "paper/generated/tables/confirmatory_results.csv")
    found = results.set_index("id")
    assert (found.loc[["D2", "K1", "K2"], "estimate"].astype(float) < 0).all()
    assert float(found.loc["D1", "estimate"]) < 0.5 and float(found.loc["K3", "estimate"]) < 1
    for name in ("D1", "D2", "K1", "K2", "K3"):
        assert f"{name} negative" in paper and f"{name} positive" not in paper
    effect = re.search(r"expected likelihood is (.{60})", paper)
    assert effect and re.match(r"Kendall.s tau- ?b −\s?0\.\d\d", effect[1]), effect
    effect = re.search(r"exposure on the number of defences is (.{60})", paper)
    assert effect and re.match(r"probability of superiority 0\.[0-4]", effect[1]), effect
    assert "negative association is left" in paper and "positive association" not in paper
    assert "Defences follow threat" in paper
    ledger = pd.read_csv(real.folder / "paper/generated/tables/claim_ledger.csv")
    strength = ledger.set_index("claim")["strength"]
    for claim, said in strength.items():
        if "defences" in str(claim):
            assert str(said).startswith("not carried")
    assert not LABEL.search(paper)
