"""ATLAS facts: taken from a small file of the same layout, read strictly, compared in the open."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.study import atlas as at
from mlsec_survey.study.literature import load_facts

ROOT = Path(__file__).parent.parent
PUBLISHED = ROOT / "data/published"

# The layout of an ATLAS.yaml in small; names and sentences were written for this test.
SMALL = """---
id: ATLAS
name: A small file for tests
version: 9.9.0
matrices:
- id: ATLAS
  tactics: []
  techniques:
  - {id: AML.T0001, name: Alter inputs, description: 'not to be taken over'}
  - {id: AML.T0002, name: Alter data}
  - {id: AML.T0002.000, name: By hand, subtechnique-of: AML.T0002}
  - {id: AML.T0003, name: Look around}
case-studies:
- id: AML.CS0001
  name: Second
  summary: 'not to be taken over'
  incident-date: 2021-03-01
  incident-date-granularity: MONTH
  case-study-type: incident
  procedure:
  - {tactic: AML.TA0000, technique: AML.T0003, description: 'not to be taken over'}
  - {tactic: AML.TA0000, technique: AML.T0001}
  - {tactic: AML.TA0000, technique: AML.T0001}
  - {tactic: AML.TA0000, technique: AML.T0002.000}
- id: AML.CS0000
  name: First
  incident-date: 2019-01-01
  incident-date-granularity: YEAR
  case-study-type: exercise
  procedure:
  - {tactic: AML.TA0000, technique: AML.T0001}
- id: AML.CS0002
  name: Third
  incident-date: 2021-03-04
  incident-date-granularity: DATE
  case-study-type: exercise
  procedure:
  - {tactic: AML.TA0000, technique: AML.T0003}
"""
MAP = """version: 1
atlas_version: 9.9.0
rule: for tests
mapped:
  - {technique: AML.T0001, attack: evasion, fit: close, reason: inputs}
  - {technique: AML.T0002.000, attack: poisoning, fit: broad, reason: data}
out_of_scope:
  - {id: other, label: Other, reason: not an attack, techniques: [AML.T0002, AML.T0003]}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with the facts of the small file."""
    (tmp_path / "ATLAS.yaml").write_text(SMALL)
    for name, content in at.extract_facts(tmp_path / "ATLAS.yaml").items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "map.yml").write_text(MAP)
    return tmp_path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    script = ROOT / "scripts/make_atlas_facts.py"
    return subprocess.run(
        [sys.executable, str(script), *map(str, arguments)], capture_output=True, text=True
    )


def test_the_script_takes_facts_and_no_sentences(small: Path) -> None:
    assert (small / at.CASES_FILE).read_text().splitlines() == [
        "case_id,type,date,granularity,year,techniques",
        "AML.CS0000,exercise,2019-01-01,year,2019,AML.T0001",
        "AML.CS0001,incident,2021-03-01,month,2021,AML.T0003|AML.T0001|AML.T0002.000",
        "AML.CS0002,exercise,2021-03-04,day,2021,AML.T0003",
    ]
    text = "".join((small / n).read_text() for n in (at.TECHNIQUES_FILE, at.MANIFEST_FILE))
    assert "AML.T0002.000,By hand" in text
    assert "not to be taken over" not in text
    manifest = at.load_atlas(small).manifest
    assert (manifest.atlas_version, manifest.licence) == ("9.9.0", "Apache-2.0")
    assert (manifest.case_studies, manifest.techniques) == (3, 4)


@pytest.mark.slow
def test_the_script_writes_checks_and_refuses(small: Path) -> None:
    files = {name: (small / name).read_bytes() for name in (at.CASES_FILE, at.MANIFEST_FILE)}
    (small / at.CASES_FILE).unlink()
    changed = run(small / "ATLAS.yaml", "--out", small, "--check")
    assert changed.returncode == 1
    assert at.CASES_FILE in changed.stderr
    assert run(small / "ATLAS.yaml", "--out", small).returncode == 0
    assert {name: (small / name).read_bytes() for name in files} == files
    missing = run(small / "none.yaml", "--out", small)
    assert missing.returncode == 2
    assert "none.yaml" in missing.stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id: ATLAS\n", "id: OTHER\n", "no ATLAS data file"),
        ("version: 9.9.0\n", "", "no ATLAS data file"),
        ("case-studies:", "cases:", "no list 'case-studies'"),
        ("case-study-type: incident", "case-study-type: rumour", "AML.CS0001 has an unknown type"),
        ("2021-03-01", "soon", "AML.CS0001 has no date"),
        ("granularity: MONTH", "granularity: WEEK", "AML.CS0001 has an unknown granularity"),
        ("technique: AML.T0002.000", "technique: AML.T0009", "AML.CS0001 uses an undefined"),
        ("id: AML.T0003", "id: AML.T0001", "occurs twice"),
        ("id: AML.CS0002", "id: AML.CS0001", "occurs twice"),
        ("id: AML.CS0002", "id: CS2", "'id' of 'CS2'"),
        ("  - {id: AML.T0001,", "  - {id: [", "not valid YAML"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SMALL
    (tmp_path / "ATLAS.yaml").write_text(SMALL.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        at.extract_facts(tmp_path / "ATLAS.yaml")


def test_cases_are_counted_by_year_and_attack(small: Path, codebook: Codebook) -> None:
    facts = at.load_atlas(small)
    mapping = at.load_attack_map(small / "map.yml", facts, codebook)
    years = at.cases_by_year(facts)
    assert years.to_numpy().tolist() == [[2019, 0, 1], [2020, 0, 0], [2021, 1, 1]]
    counts = at.cases_by_attack(facts, mapping, codebook)
    assert list(counts["attack"])[:-1] == list(codebook.part_labels("attacks"))
    by_label = counts.set_index("label")
    evasion = by_label.loc["Evasion"]
    assert (evasion["incident"], evasion["exercise"]) == (1, 1)
    assert (evasion["first_year"], evasion["last_year"]) == (2019, 2021)
    assert by_label.loc["Poisoning", "incident"] == 1
    assert by_label.loc["None of these attacks", ["incident", "exercise"]].tolist() == [0, 1]
    close = at.cases_by_attack(facts, mapping, codebook, close_only=True).set_index("label")
    assert close.loc["Poisoning", "incident"] == 0
    table = at.attack_map_table(facts, mapping, codebook)
    assert table["technique"].tolist() == [
        "AML.T0001 Alter inputs",
        "AML.T0002.000 Alter data: By hand",
        "Other (2 techniques)",
    ]
    assert table["cases"].tolist() == [2, 1, 2]


@pytest.mark.parametrize(
    ("name", "old", "new", "row", "column"),
    [
        (at.CASES_FILE, "incident,2021", "rumour,2021", 3, "type"),
        (at.CASES_FILE, "2021-03-01", "2021-13-01", 3, "date"),
        (at.CASES_FILE, "month,2021", "month,2022", 3, "year"),
        (at.CASES_FILE, "month", "week", 3, "granularity"),
        (at.CASES_FILE, "AML.T0003|AML.T0001|", "AML.T0003|AML.T0009|", 3, "techniques"),
        (at.CASES_FILE, "AML.T0003|AML.T0001|", "AML.T0003|AML.T0003|", 3, "techniques"),
        (at.CASES_FILE, "AML.CS0001", "AML.CS0000", 3, "case_id"),
        (at.CASES_FILE, "case_id,", "id,", 1, None),
        (at.CASES_FILE, ",day,", ",", 4, None),
        (at.TECHNIQUES_FILE, "AML.T0003", "T3", 5, "technique"),
        (at.TECHNIQUES_FILE, "Look around", "", 5, "name"),
    ],
)
def test_changed_tables_are_refused(small: Path, name, old, new, row, column) -> None:
    text = (small / name).read_text()
    assert old in text
    (small / name).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as error:
        at.load_atlas(small)
    assert error.value.file is not None
    assert (error.value.file.name, error.value.row, error.value.column) == (name, row, column)
    assert error.value.remedy


def test_tables_that_lack_rows_are_refused(small: Path) -> None:
    lines = (small / at.CASES_FILE).read_text().splitlines()
    (small / at.CASES_FILE).write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(InputError, match="2 rows, but the manifest states 3"):
        at.load_atlas(small)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("9.9.0", "9.8.0", "the facts are of ATLAS 9.9.0"),
        ("attack: evasion", "attack: evasions", "unknown attack"),
        ("technique: AML.T0001", "technique: AML.T0009", "no technique of this ATLAS version"),
        ("[AML.T0002, AML.T0003]", "[AML.T0002]", r"1 techniques are not classified.*AML\.T0003"),
        ("[AML.T0002,", "[AML.T0001, AML.T0002,", "classified twice"),
        ("fit: close", "fit: loose", "fit"),
        ("reason: inputs", "reason: ''", "reason"),
    ],
)
def test_maps_that_do_not_fit_are_refused(small: Path, codebook, old, new, message) -> None:
    assert old in MAP
    (small / "map.yml").write_text(MAP.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        at.load_attack_map(small / "map.yml", at.load_atlas(small), codebook)


def test_the_committed_facts_are_those_stated(codebook: Codebook) -> None:
    facts = at.load_atlas(PUBLISHED)
    stated = load_facts(PUBLISHED / "facts.csv")
    version = f"atlas.{facts.manifest.atlas_version}"
    types = facts.cases["type"].value_counts()
    assert len(facts.cases) == stated.number(version)
    assert types["incident"] == stated.number(f"{version}.incidents")
    assert types["exercise"] == stated.number(f"{version}.exercises")
    mapping = at.load_attack_map(PUBLISHED / "atlas_attack_map.yml", facts, codebook)
    assert {entry.attack for entry in mapping.mapped} == set(codebook.part_labels("attacks"))


def ratings_of(n: int, seed: int, missing: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = np.clip(np.round(rng.normal([3.5, 3, 2.5, 2], 1, (n, 4))), 1, 5)
    values[rng.random(values.shape) < missing] = np.nan
    return pd.DataFrame(values, columns=list("abcd"))


def documented(*incidents: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "attack": [*"abcd", None],
            "label": [*"ABCD", "none"],
            "incident": [*incidents, 9],
            "exercise": [0, 1, 2, 3, 9],
        }
    )


def test_ranking_is_compared_as_scipy_and_enumeration_do() -> None:
    ratings = ratings_of(60, 3)
    found = at.compare_ranking(
        ratings, documented(5, 2, 2, 0), resamples=200, rng=np.random.default_rng(1)
    )
    ranks = ratings.rank(axis=1, ascending=False)
    assert found.table["mean_rank"].to_numpy() == pytest.approx(ranks.mean().to_numpy())
    assert found.kendall.n == found.spearman.n == 60
    counts = np.array([5, 2, 2, 0])
    relevance = -ranks.mean().to_numpy()
    for result, statistic in (
        (found.kendall, stats.kendalltau),
        (found.spearman, stats.spearmanr),
    ):
        assert result.estimate == pytest.approx(statistic(relevance, counts).statistic)
        null = [statistic(relevance, p).statistic for p in itertools.permutations(counts)]
        exact = np.mean([abs(v) >= abs(result.estimate) - 1e-9 for v in null])
        assert result.p == pytest.approx(exact)
        assert result.low <= result.estimate <= result.high
    inside = found.table["mean_rank"].between(found.table["low"], found.table["high"])
    assert inside.all()


@pytest.mark.slow
def test_interval_covers_the_correlation_of_the_population() -> None:
    truth = at.compare_ranking(
        ratings_of(200_000, 9), documented(0, 3, 1, 2), resamples=2, rng=np.random.default_rng(1)
    )
    covered = 0
    for seed in range(100):
        found = at.compare_ranking(
            ratings_of(25, seed),
            documented(0, 3, 1, 2),
            resamples=200,
            rng=np.random.default_rng(seed),
        ).kendall
        covered += found.low - 1e-9 <= truth.kendall.estimate <= found.high + 1e-9
    # The correlation takes few values, so that its percentile interval covers more than 95 %.
    assert covered >= 92


def test_counts_without_differences_have_no_correlation() -> None:
    found = at.compare_ranking(
        ratings_of(20, 1), documented(1, 1, 1, 1), resamples=50, rng=np.random.default_rng(1)
    )
    assert np.isnan([found.kendall.estimate, found.kendall.p, found.kendall.low]).all()
    both = at.compare_ranking(
        ratings_of(20, 1),
        documented(3, 2, 1, 0),
        counted=("incident", "exercise"),
        resamples=50,
        rng=np.random.default_rng(1),
    )
    assert np.isnan(both.kendall.estimate)


def test_attacks_that_nobody_rated_are_not_in_the_correlation() -> None:
    unrated = ratings_of(20, 1).assign(c=np.nan)
    rng = np.random.default_rng(1)
    found = at.compare_ranking(unrated, documented(3, 2, 1, 0), resamples=50, rng=rng)
    assert found.table["mean_rank"].isna().tolist() == [False, False, True, False]
    assert found.kendall.extra["attacks"] == 3 and np.isfinite(found.kendall.p)
    nobody = at.compare_ranking(unrated * np.nan, documented(3, 2, 1, 0), resamples=50, rng=rng)
    assert np.isnan([nobody.kendall.estimate, nobody.kendall.p, nobody.spearman.low]).all()


def test_those_who_skipped_attacks_count() -> None:
    found = at.compare_ranking(
        ratings_of(60, 3, missing=0.2),
        documented(5, 2, 2, 0),
        resamples=50,
        rng=np.random.default_rng(1),
    )
    rated = ratings_of(60, 3, missing=0.2).notna().sum(axis=1)
    assert found.kendall.n == (rated >= 2).sum() > (rated == 4).sum()
