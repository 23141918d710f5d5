"""With a real export no label is left, small cells are hidden, and no sentence says what is not so.

Answers like the stand-in's play the real ones, from the same people and with the opposite effects;
their manifest says that they are real.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jupytext
import pandas as pd
import pytest
import yaml

from conftest import copy_checkout, run_compendium
from mlsec_survey.base.synthetic import SYNTHETIC_SHORT
from mlsec_survey.base.system import TEX
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.report.publisher import SUPPRESSED
from mlsec_survey.standin.files import draw_files
from mlsec_survey.standin.parameters import load_parameters, load_texts

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = tuple(
    name
    for name, entry in yaml.safe_load((ROOT / "notebooks" / "pipeline.yml").read_text("utf-8"))[
        "notebooks"
    ].items()
    if entry.get("kind", "analysis") == "analysis" and name != "00_overview"
)
LABEL = re.compile(r"synthetic|stand-in", re.IGNORECASE)


@dataclass(frozen=True)
class Run:
    """What a run wrote, and what it shows of it in notebooks.

    Attributes:
        folder: with figures/, notebooks/ and paper/.
        project: the compendium that it is of.
    """

    folder: Path
    project: Path

    def shown(self, notebook: str) -> list[dict[str, str]]:
        """Return the outputs of a notebook's cells by media type, in their order."""
        content = json.loads((self.folder / "notebooks" / f"{notebook}.ipynb").read_text("utf-8"))
        return [
            {kind: "".join(text) for kind, text in output.get("data", {}).items()}
            for cell in content["cells"]
            for output in cell.get("outputs", [])
        ]

    def words(self) -> dict[str, str]:
        """Return every text that a reader of files or pages meets, by where it stands."""
        processed = self.folder if (self.folder / "data").exists() else self.project
        paths = [
            *self.folder.glob("paper/**/*"),
            *self.folder.glob("figures/*"),
            *processed.glob("data/processed/*.csv"),
        ]
        texts = {
            str(path): path.read_text(encoding="utf-8")
            for path in paths
            # The dictionary of all results says what the mark would be.
            if path.suffix in {".csv", ".tex", ".json", ".svg"} and path.stem != "data_dictionary"
        }
        for notebook in NOTEBOOKS:
            kept = [
                text
                for data in self.shown(notebook)
                for kind, text in data.items()
                if kind.startswith("text/")
            ]
            cells = jupytext.read(ROOT / "notebooks" / f"{notebook}.py").cells
            prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
            texts[notebook] = "\n".join([*kept, *prose])
            page = (self.folder / "html" / f"{notebook}.html").read_text(encoding="utf-8")
            body = page[page.index("<main") : page.index("</main>")]
            body = re.sub(r'(?s)<details class="code".*?</details>', " ", body)
            texts[f"{notebook}.html"] = re.sub(r"<[^>]+>", " ", body)
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


def contents(project: Path) -> dict[str, str]:
    """Return a digest of each file that git would track, by its name."""
    return {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(project.rglob("*"))
        if path.is_file() and not {"runs", ".cache", "__pycache__"} & {*path.parts}
    }


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The whole compendium, run as a team would on its own export; few draws serve here."""
    project = tmp_path_factory.mktemp("real") / "project"
    copy_checkout(project, outputs=True)
    for path in (project / "notebooks").glob("*.*"):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            text = re.sub(r"(?m)^resamples: int = \d+", "resamples: int = 99", text)
            text = re.sub(r"(?m)^simulations: int = \d+", "simulations: int = 20", text)
        elif path.suffix == ".yml":
            described = yaml.safe_load(text)
            described["parameters"]["resamples"]["default"] = 99
            described["parameters"]["simulations"]["default"] = 20
            text = yaml.safe_dump(described, sort_keys=False)
        path.write_text(text, encoding="utf-8")
    write_opposite(project / "data")
    before = contents(project)
    done = run_compendium(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "private: all of it rests on answers of people" in done.stdout
    assert contents(project) == before
    return Run(project / "runs" / "export", project)


@pytest.fixture(scope="module")
def synthetic(whole_run: Path) -> Run:
    return Run(whole_run, whole_run)


def test_no_label_is_left_anywhere(real: Run) -> None:
    for place, text in real.words().items():
        if place.endswith(".json"):
            assert json.loads(text)["synthetic"] is False
            text = text.replace('"synthetic": false', "")
        if place.endswith("generated/numbers.tex"):
            assert "\\syntheticfalse" in text
            text = re.sub(r"\\(if|)synthetic\w*|\\newcommand\{\\synthetic\w*\}.*", "", text)
        assert LABEL.search(text) is None, (place, LABEL.search(text))


def test_synthetic_answers_carry_the_label_wherever_they_are_shown(synthetic: Run) -> None:
    marked = {f"fig-{key}" for key in _published(synthetic, "figures")}
    marked |= {f"tab-{key}" for key in _published(synthetic, "tables")}
    assert marked
    for notebook in NOTEBOOKS:
        for data in synthetic.shown(notebook):
            anchor = re.search(r'id="((?:fig|tab)-[a-z0-9_]+)"', data.get("text/html", ""))
            if anchor and anchor.group(1) in marked:
                assert SYNTHETIC_SHORT in data["text/html"], anchor.group(1)
                marked.discard(anchor.group(1))
    assert not marked
    for key in _published(synthetic, "tables"):
        table = pd.read_csv(synthetic.folder / "paper" / "generated" / "tables" / f"{key}.csv")
        assert set(table["data_basis"]) == {"synthetic stand-in"}


def _published(run: Run, kind: str) -> list[str]:
    folder = run.folder / "paper" / "generated" / "records"
    records = [json.loads((folder / f"{name}.json").read_text("utf-8")) for name in NOTEBOOKS]
    return [
        key
        for record in records
        for key, entry in record[kind].items()
        if entry["basis"] == "responses"
    ]


def test_small_cells_of_table_one_are_hidden_and_cannot_be_found(real: Run, synthetic: Run) -> None:
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
    shown = " ".join(data.get("text/html", "") for data in real.shown("02_sample"))
    assert "a count below 5" in shown


def test_what_combinations_and_pairs_of_codes_tell_together_is_hidden(real: Run) -> None:
    """Reasons with a pair of codes, less those with the pair alone, are reasons with a third."""
    pairs = pd.read_csv(real.folder / "paper/generated/tables/concern_pairs.csv", dtype=str)
    combos = pd.read_csv(real.folder / "figures/concern_intersections.csv").set_index("codes")
    assert len(combos) >= 2
    differences = combos["carrying"] - combos["exactly"]
    compared = 0
    for row in pairs[pairs["count"] != SUPPRESSED].itertuples():
        for name in (f"{row.first} + {row.second}", f"{row.second} + {row.first}"):
            if name in combos.index:
                compared += 1
                assert combos.loc[name, "carrying"] == int(row.count)
    assert not differences.between(1, 4).any()
    drawn = (real.folder / "figures/concern_intersections.svg").read_text(encoding="utf-8")
    assert not re.search(r"\([1-4]\)\s", drawn) and re.search(r"\(\d+\)\s", drawn)
    assert compared


def test_nobodys_words_and_nothing_identifying_leave_the_analysis(real: Run) -> None:
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
def paper(real: Run) -> str:
    """The paper's text with opposite effects."""
    if TEX.missing() or shutil.which("pdftotext") is None:
        pytest.skip("TeX or poppler is not there")
    done = subprocess.run(
        ["pdftotext", "-raw", real.folder / "paper" / "main.pdf", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    return " ".join(done.stdout.split())


def test_the_paper_says_the_opposite_when_the_answers_do(real: Run, paper: str) -> None:
    results = pd.read_csv(real.folder / "paper/generated/tables/confirmatory_results.csv")
    found = results.set_index("id")
    assert (found.loc[["D2", "K1", "K2"], "estimate"].astype(float) < 0).all()
    assert float(found.loc["D1", "estimate"]) < 0.5 and float(found.loc["K3", "estimate"]) < 1
    for name in ("D1", "D2", "K1", "K2", "K3"):
        assert f"({name}): negative" in paper and f"({name}): positive" not in paper
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


def in_record(run: Path, notebook: str, kind: str, key: str, **fields: str) -> None:
    path = run / "paper" / "generated" / "records" / f"{notebook}.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert key in content[kind]
    content[kind][key] |= fields
    path.write_text(json.dumps(content), encoding="utf-8")


def count_in(path: Path, new: Callable[[int], int], *, column: str = "count", row: int = 0) -> None:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[row, column] = str(new(int(table.loc[row, column])))
    table.to_csv(path, index=False)


def cell_of_notebook(path: Path, change: Callable[[dict], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(next(cell for cell in content["cells"] if cell.get("outputs")))
    path.write_text(json.dumps(content), encoding="utf-8")


def print_hidden(cell: dict) -> None:
    cell["metadata"]["jupyter"] = {"outputs_hidden": True}
    printed = {"output_type": "stream", "name": "stdout", "text": ["one of them is a founder\n"]}
    cell["outputs"].append(printed)


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, (path, old)
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def first_count_of_explorer(path: Path) -> None:
    """Turn the first count that the explorer shows into one of two people."""
    text = path.read_text(encoding="utf-8")
    counts = re.search(r'"counts":\[\[(\d+)', text)
    assert counts and int(counts[1]) > 4
    path.write_text(f"{text[: counts.start(1)]}2{text[counts.end(1) :]}", encoding="utf-8")


GENERATED = "paper/generated"
# Ten kinds of leak: what is planted in a whole run, the file it changes, and how it must be found.
LEAKS: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "a count of one by differencing two results": (
        f"{GENERATED}/tables/table_one.csv",
        lambda run: count_in(run / GENERATED / "tables/table_one.csv", lambda n: n - 1),
        "differencing",
    ),
    "a name in a reason": (
        f"{GENERATED}/records/03_attack_relevance.json",
        lambda run: in_record(
            run, "03_attack_relevance", "tables", "coder_disagreements", note="So said Quintzel."
        ),
        "identifier",
    ),
    "a mail address in free text": (
        "html/03_attack_relevance.html",
        lambda run: replace_in(
            run / "html/03_attack_relevance.html", "</main>", "<p>ada@firm.example</p></main>"
        ),
        "identifier",
    ),
    "a sentence on three people": (
        f"{GENERATED}/records/04_hypotheses.json",
        lambda run: in_record(
            run,
            "04_hypotheses",
            "numbers",
            "perception_partialled",
            value="Three respondents rate it higher.",
            text="Three respondents rate it higher.",
        ),
        "threshold",
    ),
    "an alternative text": (
        f"{GENERATED}/records/02_sample.json",
        lambda run: in_record(
            run, "02_sample", "figures", "defences_intervals", alt="2 engineers have no defence."
        ),
        "threshold",
    ),
    "a figure's small bar": (
        "figures/defences_intervals.csv",
        lambda run: count_in(run / "figures/defences_intervals.csv", lambda _: 3),
        "threshold",
    ),
    "a macro": (
        f"{GENERATED}/numbers.tex",
        lambda run: replace_in(
            run / GENERATED / "numbers.tex", "{n_respondents}{139}", "{n_respondents}{138}"
        ),
        "unequal",
    ),
    "a hidden output of a cell": (
        "notebooks/05_robustness.ipynb",
        lambda run: cell_of_notebook(run / "notebooks/05_robustness.ipynb", print_hidden),
        "unpublished",
    ),
    "the explorer": (
        "html/explore.html",
        lambda run: first_count_of_explorer(run / "html/explore.html"),
        "threshold",
    ),
    "a CSV file": (
        f"{GENERATED}/tables/defences.csv",
        lambda run: count_in(run / GENERATED / "tables/defences.csv", lambda _: 1),
        "threshold",
    ),
}


def test_ten_leaks_keep_a_whole_run_from_leaving_and_it_leaves_once_they_are_mended(
    real: Run, tmp_path: Path
) -> None:
    names = tmp_path / "invited.csv"
    names.write_text("firstname,lastname,email\nAda,Quintzel,ada@firm.example\n", encoding="utf-8")
    script = [sys.executable, "scripts/release.py", "--check-only", "--names", str(names)]

    def checked() -> tuple[int, set[tuple[str, str]]]:
        done = subprocess.run(script, cwd=real.project, capture_output=True, text=True, check=False)
        report = json.loads((real.folder / "release" / "report.json").read_text("utf-8"))
        assert report["passed"] is (done.returncode == 0), done.stdout + done.stderr
        places = {(f["rule"], f["where"].split(",")[0]) for f in report["findings"]}
        return done.returncode, places

    assert checked() == (0, set())
    before = {place: (real.folder / place).read_bytes() for place, _, _ in LEAKS.values()}
    assert len(before) == len(LEAKS) == 10
    for _, plant, _ in LEAKS.values():
        plant(real.folder)
    status, found = checked()
    assert status == 2
    missed = [leak for leak, (place, _, rule) in LEAKS.items() if (rule, place) not in found]
    assert not missed, (missed, sorted(found))
    for place, content in before.items():
        (real.folder / place).write_bytes(content)
    assert checked() == (0, set())
