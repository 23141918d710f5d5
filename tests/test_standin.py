"""The stand-in is what it is said to be: size, cases, mess, directions, and always the same."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.yaml_input import read_yaml
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.responses.exclusions import apply_exclusions
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.responses.quality import quality_flags
from mlsec_survey.responses.readers import RawExport, read_export
from mlsec_survey.responses.recode import recode
from mlsec_survey.responses.scales import derive_scales
from mlsec_survey.standin.draws import Draws, grade
from mlsec_survey.standin.parameters import load_parameters
from project_files import load_script

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"

Codes = frozenset[str]
Sheet = dict[tuple[str, str, str], Codes]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("make_standin")


@pytest.fixture(scope="module")
def raw(codebook: Codebook) -> RawExport:
    return read_export(DATA / "raw" / "standin.csv", codebook)


@pytest.fixture(scope="module")
def analysed(raw: RawExport, codebook: Codebook) -> pd.DataFrame:
    return analysis_file(raw, codebook)


def analysis_file(raw: RawExport, codebook: Codebook) -> pd.DataFrame:
    kept, _ = apply_exclusions(raw, codebook)
    responses = recode(kept, codebook)
    responses = derive_scales(responses, missing_kinds(kept, codebook), codebook)
    return responses.join(quality_flags(responses, codebook))


def sheet(name: str, folder: Path = DATA / "coding") -> Sheet:
    text = (folder / f"{name}.csv").read_text(encoding="utf-8")
    return {
        (row["respondent_id"], row["subquestion"], row["field"]): frozenset(
            code for code in row["codes"].split("|") if code != "none"
        )
        for row in csv.DictReader(io.StringIO(text))
    }


def final_codes(folder: Path = DATA / "coding") -> Sheet:
    return sheet("coder_a", folder) | sheet("adjudication", folder)


def test_committed_files_are_what_the_parameters_draw(script: ModuleType) -> None:
    assert script.main(["--check"]) == 0


@pytest.mark.slow
def test_check_notices_a_changed_byte(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--out", str(tmp_path)]) == 0
    assert script.main(["--out", str(tmp_path), "--check"]) == 0
    path = tmp_path / "coding" / "coder_a.csv"
    path.write_bytes(path.read_bytes() + b"\n")
    assert script.main(["--out", str(tmp_path), "--check"]) == 1
    assert "coder_a.csv" in capsys.readouterr().err


def test_size_and_manifest(raw: RawExport, codebook: Codebook) -> None:
    assert raw.is_synthetic
    assert raw.manifest.generator is not None
    assert raw.manifest.generator.seed == read_yaml(DATA / "standin.yml").content["seed"]
    assert 190 <= len(raw.frame) <= 230
    _, flow = apply_exclusions(raw, codebook)
    assert flow["remaining"].iloc[-1] == 139
    assert (flow["excluded"] >= 2).all()


def test_three_evasion_cases_of_which_two_are_doubted(analysed: pd.DataFrame) -> None:
    reported = analysed["occurrence__evasion"].isin(["yes", "suspected"])
    assert 8 <= reported.sum() <= 10
    assert analysed.loc[reported, "incident__evasion"].notna().all()
    final = {
        key: codes for key, codes in final_codes().items() if key[1:] == ("evasion", "incident")
    }
    assert len(final) == reported.sum()
    confirmed = {key[0] for key, codes in final.items() if "incident_confirmed" in codes}
    doubted = {key[0] for key, codes in final.items() if "incident_doubted" in codes}
    assert len(confirmed) == 3
    assert len(doubted) == 2
    assert doubted < confirmed


def test_every_text_of_the_sample_is_in_both_sheets_and_no_other(analysed: pd.DataFrame) -> None:
    texts = {
        (str(row["respondent_id"]), name.split("__")[1], name.split("__")[0])
        for _, row in analysed.iterrows()
        for name in analysed.columns
        if name.startswith(("why__", "incident__")) and pd.notna(row[name])
    }
    first, second = sheet("coder_a"), sheet("coder_b")
    assert set(first) == set(second) == texts
    differing = {key for key in first if first[key] != second[key]}
    assert set(sheet("adjudication")) == differing


@pytest.mark.skipif(
    not (DATA / "concern_codes.yml").is_file(), reason="there is no code book for free text"
)
def test_sheets_use_the_codes_of_the_scheme() -> None:
    used = {code for name in ("coder_a", "coder_b") for c in sheet(name).values() for code in c}
    known = {entry["id"] for entry in read_yaml(DATA / "concern_codes.yml").content["codes"]}
    assert used == known


def test_codes_of_incidents_are_given_to_incidents_alone() -> None:
    for name in ("coder_a", "coder_b", "adjudication"):
        for (_, _, field), codes in sheet(name).items():
            of_incident = {code for code in codes if code.startswith("incident_")}
            assert of_incident == (codes if field == "incident" else set())


def test_coders_agree_about_as_well_as_people_do() -> None:
    first, second = sheet("coder_a"), sheet("coder_b")
    keys = sorted(first)
    codes = sorted({code for codes in first.values() for code in codes})
    a = np.array([[code in first[key] for code in codes] for key in keys])
    b = np.array([[code in second[key] for code in codes] for key in keys])
    observed = (a == b).mean()
    expected = (a.mean(0) * b.mean(0) + (1 - a.mean(0)) * (1 - b.mean(0))).mean()
    assert 0.62 < (observed - expected) / (1 - expected) < 0.80


def test_directions_that_the_abstract_reports(analysed: pd.DataFrame) -> None:
    def tau(outcome: str, predictor: str) -> tuple[float, float]:
        pair = analysed[[outcome, predictor]].dropna().astype(float)
        result = stats.kendalltau(pair[outcome], pair[predictor])
        return float(result.statistic), float(result.pvalue)

    for outcome, predictor in (
        ("defence_count", "exposure"),
        ("defence_count", "target_likelihood"),
        ("concern_scale", "prior_knowledge"),
        ("relevance_scale", "prior_knowledge"),
        ("target_likelihood", "prior_knowledge"),
    ):
        effect, p = tau(outcome, predictor)
        assert effect > 0.15, (outcome, predictor)
        assert p < 0.01, (outcome, predictor)
    for predictor in ("org_size", "maturity", "team_size", "security_practice"):
        assert tau("exposure", predictor)[1] > 0.05, predictor
    assert 0.22 < analysed["exposure_reported"].mean() < 0.32


def test_ratings_differ_by_attack_and_hang_together_in_a_respondent(
    analysed: pd.DataFrame, codebook: Codebook
) -> None:
    ratings = analysed[[part.name for part in codebook.parts("relevance").values()]].astype(float)
    means = ratings.mean()
    assert means.max() - means.min() > 0.8
    correlations = ratings.corr().to_numpy()[np.triu_indices(6, 1)]
    assert 0.15 < correlations.mean() < 0.6


def test_grids_have_skips_and_dont_knows(raw: RawExport, codebook: Codebook) -> None:
    kept, _ = apply_exclusions(raw, codebook)
    kinds = missing_kinds(kept, codebook)
    for item in ("concern", "relevance"):
        cells = kinds[[part.name for part in codebook.parts(item).values()]].stack()
        share = cells.value_counts(normalize=True)
        assert 0.03 < share["not_answered"] < 0.08
        assert 0.03 < share["dont_know"] < 0.10


def test_mess_of_every_kind(raw: RawExport, analysed: pd.DataFrame) -> None:
    frame = raw.frame
    assert set(frame["startlanguage"]) == {"en", "de"}
    last_pages = Counter(frame["lastpage"])
    assert set(last_pages) == {str(page) for page in range(1, 9)}
    assert frame["submitdate"].isna().any()
    assert (analysed["submitted"].isna()).sum() == 4
    tokens = frame.loc[frame["token"] != "", "token"]
    assert tokens.duplicated().sum() >= 5
    assert (frame["token"] == "").sum() > 40
    for flag in ("speeder", "straight_liner", "failed_attention"):
        assert 3 <= analysed[flag].sum() <= 10, flag
    ids = frame["id"].astype(int)
    assert ids.is_monotonic_increasing
    assert (ids.diff().dropna() > 1).any()
    assert (frame["ROLE"] == "-oth-").sum() == (frame["ROLE[other]"].fillna("") != "").sum()
    texts = "\x01".join(frame.filter(regex=r"WHY|INC|COMMENT|other").stack().dropna())
    for part in (
        "=HYPERLINK(",
        "<script>",
        "\\input{",
        "ü",
        "u\u0308",
        "😀",
        "\n",
        ";",
        '"',
        "N/A",
    ):
        assert part in texts, part
    assert re.search(r"(^|\x01) {2}", texts)


def test_times_are_possible(raw: RawExport, codebook: Codebook) -> None:
    responses = recode(raw, codebook)
    spent = (responses["last_action"] - responses["started"]).dt.total_seconds()
    assert (spent >= responses["duration_seconds"] - 1).all()
    pages = responses.filter(like="page_seconds_")
    assert np.allclose(pages.sum(axis=1), responses["duration_seconds"], atol=0.05)
    assert (pages.notna().sum(axis=1) == responses["last_page"]).all()


def test_nothing_is_stored_after_the_last_page(raw: RawExport, codebook: Codebook) -> None:
    last = raw.frame["lastpage"].astype(int)
    for column in codebook.column_specs:
        if column.kind not in {"paradata", "timing"}:
            assert raw.frame.loc[last < column.page, column.name].isna().all(), column.name


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.slow
def test_other_waves_keep_size_and_cases(
    script: ModuleType, codebook: Codebook, tmp_path: Path, seed: int
) -> None:
    assert script.main(["--seed", str(seed), "--out", str(tmp_path), "--name", "wave"]) == 0
    wave = read_export(tmp_path / "raw" / "wave.csv", codebook)
    assert len(analysis_file(wave, codebook)) == 139
    cases = [
        key
        for key, codes in final_codes(tmp_path / "coding").items()
        if key[1:] == ("evasion", "incident") and "incident_confirmed" in codes
    ]
    assert len(cases) == 3
    assert (tmp_path / "raw/wave.csv").read_bytes() != (DATA / "raw/standin.csv").read_bytes()


@pytest.mark.parametrize("respondents", [20, 500])
@pytest.mark.slow
def test_other_sizes(
    script: ModuleType, codebook: Codebook, tmp_path: Path, respondents: int
) -> None:
    assert script.main(["--respondents", str(respondents), "--out", str(tmp_path)]) == 0
    wave = read_export(tmp_path / "raw" / "standin.csv", codebook)
    assert len(analysis_file(wave, codebook)) == respondents


def test_usage_errors_exit_with_two(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--respondents", "5", "--out", str(tmp_path)]) == 2
    assert script.main(["--seed", "-1", "--out", str(tmp_path)]) == 2
    assert "20 respondents" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("evasion: {happened: 5,", "evasoin: {happened: 5,", "Did you mean 'evasion'"),
        ("german: 0.30", "german: 1.30", "less than or equal to 1"),
        ("evasion: 3, poisoning: 2", "evasion: 6, poisoning: 2", "more confirmed cases"),
        ("page_seconds: [35, ", "page_seconds: [", "8 pages"),
        ("speeders: 5", "speders: 5", "Did you mean 'speeders'"),
    ],
)
def test_bad_parameters_are_named(
    codebook: Codebook, tmp_path: Path, old: str, new: str, part: str
) -> None:
    text = (DATA / "standin.yml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "standin.yml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_parameters(path, codebook)
    assert part in str(caught.value)
    assert caught.value.row is not None


def test_draws_have_the_distributions_that_they_claim() -> None:
    draws = Draws(1, "test")
    normal = np.array([draws.normal() for _ in range(20_000)])
    assert stats.kstest(normal, "norm").pvalue > 0.001
    picks = Counter(draws.weighted({"a": 1, "b": 3}) for _ in range(20_000))
    assert abs(picks["b"] / 20_000 - 0.75) < 0.02
    places = Counter(draws.below(4) for _ in range(20_000))
    assert stats.chisquare([places[at] for at in range(4)]).pvalue > 0.001
    assert sorted(draws.sample("abcdef", 6)) == list("abcdef")
    assert [grade(score, (-1.0, 1.0)) for score in (-2, 0, 2)] == [0, 1, 2]


def test_streams_are_reproducible_and_independent_of_each_other() -> None:
    one = [draws.uniform() for draws in [Draws(7, "one")] for _ in range(500)]
    assert one == [draws.uniform() for draws in [Draws(7, "one")] for _ in range(500)]
    two = [draws.uniform() for draws in [Draws(7, "two")] for _ in range(500)]
    assert abs(stats.pearsonr(one, two).statistic) < 0.15
