"""A small wave and another plan run through all notebooks, and leave no key of the paper open.

A dozen of the stand-in's respondents play a small wave; the plan loses whole families.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
from pathlib import Path

import jupytext
import pandas as pd
import pytest
import yaml

from mlsec_survey.figures import style
from mlsec_survey.report import publisher
from mlsec_survey.report.macros import assemble

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
PIPELINE = yaml.safe_load((ROOT / "notebooks" / "pipeline.yml").read_text("utf-8"))["notebooks"]
NOTEBOOKS = [name for name, e in PIPELINE.items() if e.get("kind", "analysis") == "analysis"]
QUICK = {"resamples": 99, "simulations": 20}
# Respondents of the stand-in that are kept by every exclusion.
FIRST_KEPT = 11


def compendium(folder: Path, *, respondents: int | None = None, families: str = "EDKX") -> Path:
    """Copy the project with the first respondents only, and a plan of some families only."""
    for part in ("data", "notebooks", "paper"):
        ignored = shutil.ignore_patterns("processed", "*.ipynb", "export", "export.*", "generated")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    if respondents is not None:
        _cut(folder / "data", respondents)
    path = folder / "data" / "analysis_plan.yml"
    plan = yaml.safe_load(path.read_text(encoding="utf-8"))
    plan["families"] = [entry for entry in plan["families"] if entry["id"] in families]
    for kind in ("hypotheses", "joint_models"):
        plan[kind] = [entry for entry in plan[kind] if entry["family"] in families]
    path.write_text(yaml.safe_dump(plan), encoding="utf-8")
    return folder


def _cut(data: Path, respondents: int) -> None:
    export = data / "raw" / "standin.csv"
    rows = list(csv.reader(io.StringIO(export.read_text(encoding="utf-8-sig"), newline="")))
    kept = [row for row in rows[1:] if row and row[0].isdecimal() and int(row[0]) >= FIRST_KEPT]
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([rows[0], *kept[:respondents]])
    content = out.getvalue().encode("utf-8-sig")
    export.write_bytes(content)
    path = data / "raw" / "standin.manifest.yml"
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    manifest |= {"rows": len(kept[:respondents]), "sha256": hashlib.sha256(content).hexdigest()}
    path.write_text(yaml.safe_dump(manifest), encoding="utf-8")
    ids = {row[0] for row in kept[:respondents]}
    for sheet in ("coder_a", "coder_b", "adjudication"):
        path = data / "coding" / f"{sheet}.csv"
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table[table["respondent_id"].isin(ids)].to_csv(path, index=False, lineterminator="\n")


def run_notebooks(
    folder: Path, names: list[str] = NOTEBOOKS, settings: dict[str, object] | None = None
) -> dict[str, dict[str, dict]]:
    """Run the notebooks' cells in this process with few resamples; return the records by kind."""
    quick = QUICK | (settings or {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLSEC_PROJECT", str(folder))
        # As under the runner: one folder for all notebooks, whatever parameters each of them has.
        patch.setenv("MLSEC_RUN", str(folder))
        patch.setenv("MLSEC_OUTPUT", str(folder))
        patch.delenv("MLSEC_NOTEBOOK", raising=False)
        patch.setattr(style, "figure_files", lambda _, title, **options: {"png": title.encode()})
        patch.setattr(publisher, "_display", lambda *_: None)
        for name in names:
            variables: dict[str, object] = {}
            for cell in jupytext.read(ROOT / "notebooks" / f"{name}.py").cells:
                if cell.cell_type == "code":
                    exec(cell.source, variables)
                    if "parameters" in cell.metadata.get("tags", []):
                        variables |= {k: v for k, v in quick.items() if k in variables}
    found: dict[str, dict[str, dict]] = {"numbers": {}, "tables": {}, "figures": {}}
    for path in (folder / "paper" / "generated" / "records").glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        for kind, entries in found.items():
            entries |= record[kind]
    return found


def paper_is_complete(folder: Path) -> None:
    """Refuse, as the runner does, a key of the paper that no notebook published."""
    records = sorted((folder / "paper" / "generated" / "records").glob("*.json"))
    assemble(records, folder / "paper", folder / "paper" / "generated")


def test_a_dozen_respondents_run_to_the_end(tmp_path: Path) -> None:
    folder = compendium(tmp_path / "project", respondents=12)
    found = run_notebooks(folder)
    paper_is_complete(folder)
    numbers = found["numbers"]
    assert 5 <= numbers["n_respondents"]["value"] <= 12
    # Nothing can be shown with a handful, and the notebooks do not pretend it can.
    assert (numbers["exposure_found"]["text"], numbers["exposure_open"]["text"]) == ("0", "5")
    assert "∞" not in numbers["exposure_null_sentence"]["text"]


def test_nobody_rated_an_attack_and_all_met_the_same(tmp_path: Path) -> None:
    folder = compendium(tmp_path / "project", respondents=18)
    export = folder / "data" / "raw" / "standin.csv"
    answers = pd.read_csv(export, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    for column in ("CON[MEM]", "REL[MEM]"):
        answers.loc[answers[column] != "", column] = "DK"
    for column in answers.columns[answers.columns.str.startswith("OCC[")]:
        answers.loc[answers[column] != "", column] = "A1"
    answers.to_csv(export, index=False, quoting=csv.QUOTE_ALL, encoding="utf-8-sig")
    path = export.with_name("standin.manifest.yml")
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    manifest["sha256"] = hashlib.sha256(export.read_bytes()).hexdigest()
    path.write_text(yaml.safe_dump(manifest), encoding="utf-8")
    found = run_notebooks(folder)
    paper_is_complete(folder)
    numbers = found["numbers"]
    assert "no mean rank for Membership inference" in numbers["relevance_order"]["text"]
    assert numbers["friedman_w"]["text"] == "not estimable"
    assert "Not estimable: Membership inference" in found["figures"]["relevance_ranking"]["alt"]


def test_five_respondents_and_no_hypotheses_on_defences(tmp_path: Path) -> None:
    folder = compendium(tmp_path / "project", respondents=5, families="EX")
    figures = run_notebooks(folder)["figures"]
    paper_is_complete(folder)
    for key in ("specification_curve_defences", "defences_dose_response"):
        assert "not examined by this plan" in figures[key]["alt"], key


def test_a_plan_without_hypotheses_on_exposure(tmp_path: Path) -> None:
    folder = compendium(tmp_path / "project", respondents=60, families="DK")
    numbers = run_notebooks(folder)["numbers"]
    paper_is_complete(folder)
    assert numbers["exposure_null_sentence"]["text"] == "not examined by this plan"
    assert numbers["exposure_found"]["text"] == "not estimable"
    tables = folder / "paper" / "generated" / "tables"
    checks = pd.read_csv(tables / "claim_checks.csv")
    # What was not examined is open; it must not count as a null.
    about = checks[checks["check"].str.contains("predictor")]
    assert not about.empty and set(about["holds"]) == {"open"}
    assert pd.read_csv(tables / "exposure_equivalence.csv").empty
    assert "nothing to show" in (tables / "exposure_equivalence.tex").read_text(encoding="utf-8")


def without_coding(folder: Path, how: str) -> dict[str, object]:
    """Take the coding away in one of the ways in which it can be lacking; return parameters."""
    sheets = folder / "data" / "coding"
    if how == "declared":
        return {"coding": "none"}
    if how == "no folder":
        shutil.rmtree(sheets)
        return {}
    for path in sheets.glob("coder_*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        # Partly: one answer in each field has been read.
        kept = ~table.duplicated("field") & (how == "partly")
        table["codes"] = table["codes"].where(kept, "")
        table.to_csv(path, index=False, lineterminator="\n")
    (sheets / "adjudication.csv").unlink()
    return {}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["declared", "no folder", "partly"])
def test_what_rests_on_coding_says_that_there_is_none(tmp_path: Path, how: str) -> None:
    folder = compendium(tmp_path / "project", respondents=30)
    settings = without_coding(folder, how)
    found = run_notebooks(folder, NOTEBOOKS[:4], settings)
    numbers = found["numbers"]
    assert numbers["evasion_confirmed"]["text"] == "not yet coded"
    assert "no case is confirmed, nor any ruled out" in numbers["evasion_confirmed_reading"]["text"]
    assert "not yet coded" in numbers["concern_reading"]["text"]
    assert "not yet coded" in numbers["concern_coding"]["text"]
    read = pd.read_csv(folder / "paper/generated/tables/confirmed_incidents.csv", dtype=str)
    assert read["confirmed"].isna().all()
    assert read["reported"].notna().all()
    # What needs no coding is there as ever.
    assert float(numbers["n_respondents"]["value"]) > 10
    assert "relevance_ranking" in found["figures"]
    assert "Nothing to draw" in found["figures"]["concern_by_attack"]["alt"]
    assert not re.search(r"\b0 (incidents|cases) (are )?confirmed", json.dumps(found))


@pytest.mark.slow
def test_claims_that_rest_on_sheets_that_nobody_filled_in_stay_open(tmp_path: Path) -> None:
    folder = compendium(tmp_path / "project")
    settings = without_coding(folder, "nobody filled them in")
    run_notebooks(folder, settings=settings)
    paper_is_complete(folder)
    ledger = pd.read_csv(folder / "paper/generated/tables/claim_ledger.csv", dtype=str)
    checks = pd.read_csv(folder / "paper/generated/tables/claim_checks.csv", dtype=str)
    for claim in ("Attacks occur", "Complex concerns"):
        assert "open" in set(checks.loc[checks["claim"] == claim, "holds"]), claim
    assert ledger["strength"].str.startswith("open").sum() >= 2
    assert not ledger["strength"].str.startswith("open").all()
