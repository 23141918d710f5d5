"""Waves: overlays, links between people, changes that are known, and the run that compares them."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from mlsec_survey.analysis import waves
from mlsec_survey.analysis.waves import AskedOnce
from mlsec_survey.base.errors import AnalysisError, InputError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.waves import load_waves, overlaid
from mlsec_survey.responses.cleaned import cleaned
from mlsec_survey.responses.readers import read_export
from mlsec_survey.stats.change import change_of_ranks_within, change_of_share, change_within

ROOT = Path(__file__).resolve().parents[1]
EXPORT = ROOT / "data" / "raw" / "standin.csv"
BUDGET = {
    "id": "budget", "code": "BUDGET", "type": "single", "label": "Budget",
    "about": "whether there is a budget", "construct": "organisation",
    "basis": "reconstructed", "page": 4, "options": "yes_no",
}  # fmt: skip


def overlay(folder: Path, **content: object) -> Path:
    path = folder / "overlay.yml"
    path.write_text(yaml.safe_dump({"version": 1, **content}), encoding="utf-8")
    return path


# Overlays


def test_an_overlay_drops_rewords_and_adds(codebook: Codebook, tmp_path: Path) -> None:
    path = overlay(
        tmp_path, drop=["relevance", "why"], reword={"concern": "next year"}, add=[BUDGET]
    )
    book, reworded = overlaid(codebook, path)
    assert reworded == {"concern": "next year"}
    ids = {item.id for item in codebook.items}
    assert {item.id for item in book.items} == (ids - {"relevance", "why"}) | {"budget"}
    assert {"relevance_scale"} == {s.id for s in codebook.scales} - {s.id for s in book.scales}
    # What is not named is as it was.
    assert book.item("concern") == codebook.item("concern")
    assert codebook.item("relevance")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"drop": ["concernn"]}, "no such item"),
        ({"reword": {"budget": "x"}}, "no such item"),
        ({"drop": ["consent"]}, "consent"),
        ({"drop": ["relevance"]}, "relevance"),
        ({"add": [BUDGET | {"options": "nothing"}]}, "nothing"),
        ({"add": [BUDGET | {"id": "concern"}]}, "concern"),
        ({"adds": []}, "adds"),
    ],
)
def test_an_overlay_that_does_not_fit_is_refused(
    content: dict[str, object], message: str, codebook: Codebook, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message) as error:
        overlaid(codebook, overlay(tmp_path, **content))
    assert "overlay.yml" in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"waves": [{"id": "a", "label": "A", "export": "x.csv"}]}, "waves"),
        ({"second": {"id": "first"}}, "already"),
        ({"second": {"export": "nowhere.csv"}}, "no such file"),
        ({"second": {"overlay": "nowhere.yml"}}, "no such file"),
        ({"link": "mail"}, "link"),
    ],
)
def test_a_file_of_waves_that_does_not_fit_is_refused(
    change: dict, message: str, codebook: Codebook, tmp_path: Path
) -> None:
    first = {"id": "first", "label": "First", "export": "data/raw/standin.csv"}
    second = first | {"id": "second"} | change.pop("second", {})
    path = tmp_path / "waves.yml"
    content = {"version": 1, "waves": [first, second]} | change
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_waves(path, ROOT, codebook)


# Statistics of change


def test_a_change_of_shares_is_the_score_test_and_covers() -> None:
    first, second = pd.Series([1.0] * 30 + [0.0] * 70), pd.Series([1.0] * 45 + [0.0] * 55)
    found = change_of_share(first, pd.concat([second, pd.Series([math.nan])]))
    assert (found.n, found.estimate) == (200, pytest.approx(0.15))
    # The score statistic at no difference is the chi-square, times (N - 1)/N by these authors.
    chi = stats.chi2_contingency([[30, 70], [45, 55]], correction=False).statistic
    assert found.statistic**2 == pytest.approx(chi * 199 / 200)
    assert found.low < 0.15 < found.high and (found.p < 0.05) == (found.low > 0)
    rng = np.random.default_rng(4)
    k1, k2 = rng.binomial(60, 0.2, 400), rng.binomial(80, 0.35, 400)
    covered = 0
    for a, b in zip(k1, k2, strict=True):
        one = change_of_share(
            pd.Series([1.0] * a + [0.0] * (60 - a)), pd.Series([1.0] * b + [0.0] * (80 - b))
        )
        covered += one.low <= 0.15 <= one.high
    assert covered / 400 == pytest.approx(0.95, abs=0.033)


def test_nobody_both_times_leaves_open_what_the_samples_leave_open() -> None:
    found = change_of_share(pd.Series([0.0] * 20), pd.Series([0.0] * 40))
    assert (found.estimate, found.p) == (0, 1)
    assert found.high == pytest.approx(proportion_confint(0, 40, 0.05, "wilson")[1])
    assert found.low == pytest.approx(-proportion_confint(0, 20, 0.05, "wilson")[1])
    with pytest.raises(AnalysisError, match="nobody"):
        change_of_share(pd.Series([math.nan]), pd.Series([1.0]))


def test_mcnemar_is_the_exact_binomial_test_of_those_who_changed() -> None:
    first = pd.Series([0.0] * 12 + [1.0] * 3 + [1.0] * 20 + [0.0] * 30 + [math.nan])
    second = pd.Series([1.0] * 12 + [0.0] * 3 + [1.0] * 20 + [0.0] * 30 + [1.0])
    found = change_within(first, second)
    want = stats.binomtest(12, 15)
    interval = want.proportion_ci(method="exact")
    assert (found.n, found.extra) == (65, {"up": 12, "down": 3})
    assert found.estimate == pytest.approx(4) and found.p == pytest.approx(want.pvalue)
    assert found.low == pytest.approx(interval.low / (1 - interval.low))
    assert found.high == pytest.approx(interval.high / (1 - interval.high))
    same = change_within(pd.Series([0.0, 1.0]), pd.Series([0.0, 1.0]))
    assert math.isnan(same.estimate) and same.p == 1 and math.isinf(same.high)


def test_ranks_within_people_are_signed_ranks() -> None:
    rng = np.random.default_rng(2)
    first = pd.Series(rng.integers(1, 6, 60)).astype(float)
    second = (first + rng.integers(-1, 3, 60)).clip(1, 5)
    found = change_of_ranks_within(first, second, rng=rng, resamples=199)
    want = stats.wilcoxon(second - first, zero_method="pratt", method="approx").pvalue
    assert found.p == pytest.approx(want, abs=0.01) and found.estimate > 0
    back = change_of_ranks_within(second, first, rng=rng, resamples=199)
    assert back.estimate == pytest.approx(-found.estimate)


# Waves


@pytest.fixture(scope="module")
def once(codebook: Codebook) -> AskedOnce:
    responses, invitation = cleaned(read_export(EXPORT, codebook), codebook)
    return AskedOnce("First", codebook, {}, responses, invitation)


def later(first: AskedOnce, people: int, shift: int, **changes: object) -> AskedOnce:
    """The first respondents again, who expect to become a target more than they did."""
    responses = first.responses.iloc[:people].reset_index(drop=True).copy()
    responses["target_likelihood"] = (responses["target_likelihood"] + shift).clip(1, 5)
    codes_of = None if first.invitation is None else first.invitation.iloc[:people]
    made = {
        "label": "Second", "codebook": first.codebook, "reworded": {},
        "responses": responses, "invitation": codes_of,
    } | changes  # fmt: skip
    return AskedOnce(**made)  # type: ignore[arg-type]


NAMES = ["exposure", "target_likelihood", "concern_scale", "industry"]


@pytest.mark.slow
def test_a_list_with_nothing_ticked_is_read_as_the_codebook_says(once: AskedOnce) -> None:
    table = pd.read_csv(ROOT / "paper" / "generated" / "tables" / "defences.csv")
    pooled = waves.pooled_table(
        [once, later(once, 139, 0, invitation=None)], waves.with_checklists([], [once, once])
    )
    assert (pooled["n"] / 2).tolist() == table["n"].tolist()
    assert (pooled["count"] / 2).tolist() == table["count"].tolist()


def test_the_same_answers_of_others_have_not_changed(once: AskedOnce) -> None:
    again = later(once, len(once.responses), 0, invitation=None)
    table = waves.change_table(once, again, NAMES, seed=1, resamples=99)
    assert set(table["comparison"]) == {"all respondents"}
    assert table["label"].tolist() != [] and "Industry" not in table["label"].tolist()
    assert (table["p_adjusted"] > 0.9).all()
    assert "no proof that none has" in waves.describe_changes(table, alpha=0.05)


def test_people_in_both_waves_are_compared_with_themselves(once: AskedOnce) -> None:
    second = later(once, 100, 1)
    both = waves.linked(once, second)
    assert len(both) == once.invitation.iloc[:100].notna().sum()  # type: ignore[union-attr]
    assert (both["first"] == both["second"]).all()
    table = waves.change_table(once, second, NAMES, seed=1, resamples=99)
    same = table[table["comparison"] == "the same respondents"].set_index("label")
    row = same.loc["Expected likelihood to become a target"]
    assert row["estimate"] == 1 and row["p_adjusted"] < 0.001
    assert same.loc["Mean concern", "p"] == 1
    sizes = waves.size_table([once, second])
    assert sizes["again"].tolist() == [0, len(both)]
    # Of all, those in both count with their later answer only.
    others = table[table["comparison"] != "the same respondents"].set_index("label")
    assert others.loc["Expected likelihood to become a target", "n_first"] <= 139 - len(both)
    said = waves.describe_changes(table, alpha=0.05)
    assert "Expected likelihood to become a target higher" in said
    down = waves.change_table(second, once, NAMES, seed=1, resamples=99)
    assert "Expected likelihood to become a target lower" in waves.describe_changes(
        down, alpha=0.05
    )


def test_a_code_that_two_rows_share_links_nobody(once: AskedOnce) -> None:
    second = later(once, 100, 0)
    codes = second.invitation.copy()  # type: ignore[union-attr]
    given = codes[codes.notna()].index
    codes[given[1]] = codes[given[0]]
    doubled = later(once, 100, 0, invitation=codes)
    assert len(waves.linked(once, doubled)) == len(waves.linked(once, second)) - 2


def test_reworded_added_and_dropped_items(once: AskedOnce, tmp_path: Path) -> None:
    path = overlay(
        tmp_path, drop=["relevance", "why"], reword={"concern": "next year"}, add=[BUDGET]
    )
    book, reworded = overlaid(once.codebook, path)
    second = later(once, 139, 0, codebook=book, reworded=reworded, invitation=None)
    items = waves.item_table([once, second]).set_index("item")
    assert items["status"].to_dict() == {
        "Concern": "reworded", "Relevance": "dropped", "Reason for the relevance": "dropped",
        "Budget": "added",
    }  # fmt: skip
    assert items.loc["Concern", "difference"] == "next year"
    table = waves.change_table(
        once, second, ["concern_scale", "relevance_scale", "exposure"], seed=1, resamples=99
    ).set_index("label")
    assert "Mean relevance" not in table.index
    assert table.loc["Mean concern", "wording"] == "reworded"


def test_pooling_counts_everybody_once(once: AskedOnce) -> None:
    second = later(once, 100, 0)
    pooled = waves.pooled_table([once, second], ["exposure", "concern_scale"]).iloc[0]
    alone = waves.pooled_table([once, later(once, 139, 0, invitation=None)], ["exposure"]).iloc[0]
    known = int(once.responses["exposure"].notna().sum())
    assert alone["n"] == 2 * known and alone["lowest"] == alone["highest"]
    both = waves.linked(once, second)["first"]
    assert pooled["n"] == known + int(once.responses["exposure"].iloc[:100].notna().sum()) - int(
        once.responses["exposure"].iloc[both].notna().sum()
    )


@pytest.mark.slow
def test_half_a_million_respondents_are_compared(once: AskedOnce) -> None:
    many = pd.concat([once.responses] * 3600, ignore_index=True)
    first = AskedOnce("First", once.codebook, {}, many)
    second = later(first, len(many), 1)
    table = waves.change_table(first, second, NAMES[:3], seed=1, resamples=99).set_index("label")
    assert table.loc["Expected likelihood to become a target", "p"] < 1e-6
    assert table.loc["Mean concern", "estimate"] == pytest.approx(0.5)
    assert table["n_second"].max() > 400_000


@pytest.mark.slow
def test_one_command_compares_the_waves_of_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    for part in ("data", "notebooks", "paper"):
        ignored = shutil.ignore_patterns("processed", "*.ipynb", "generated")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    raw = folder / "data" / "raw"
    rows = list(csv.reader(io.StringIO(EXPORT.read_text("utf-8-sig"), newline="")))
    column = rows[0].index("TARGET")
    for row in filter(None, rows[1:]):
        row[column] = {"A1": "A3", "A2": "A4", "A3": "A5"}.get(row[column], row[column])
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(rows)
    (raw / "wave2.csv").write_bytes(out.getvalue().encode("utf-8-sig"))
    manifest = yaml.safe_load((raw / "standin.manifest.yml").read_text("utf-8"))
    from mlsec_survey.instrument.manifest import file_sha256
    from mlsec_survey.runner.cli import main

    manifest["sha256"] = file_sha256(raw / "wave2.csv")
    (raw / "wave2.manifest.yml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    listed = yaml.safe_load((ROOT / "data/waves/example.yml").read_text("utf-8"))
    listed["link"], listed["waves"][1]["export"] = "invitation", "data/raw/wave2.csv"
    (folder / "data" / "waves" / "two.yml").write_text(yaml.safe_dump(listed), encoding="utf-8")
    shutil.copy(ROOT / "requirements.lock", folder)
    assert main(["--waves", "data/waves/two.yml", "--set", "resamples=99"], folder) == 0
    run = folder / "runs" / "two"
    record = json.loads((run / "paper/generated/records/09_waves.json").read_text("utf-8"))
    said = record["numbers"]["changes_2_reading"]["text"]
    assert "Expected likelihood to become a target higher" in said
    assert record["synthetic"] and (run / "html" / "09_waves.html").is_file()
    assert main(["--waves", "data/waves/nowhere.yml"], folder) == 2
    for odd in ("waves: [one, two]\nversion: 1\n", "- one\n", "waves: 3\nversion: 1\n"):
        (folder / "data" / "waves" / "odd.yml").write_text(odd, encoding="utf-8")
        assert main(["--waves", "data/waves/odd.yml"], folder) == 2
