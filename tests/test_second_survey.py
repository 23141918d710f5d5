"""Another survey of this kind goes through the analysis with its own codebook and plan alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from limesurvey_rows import Rows, as_csv, write_with_manifest
from mlsec_survey.analysis import hypotheses as hyp
from mlsec_survey.analysis import ratings, sample
from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.instrument.plan import load_plan
from mlsec_survey.responses.exclusions import apply_exclusions
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.responses.quality import quality_flags
from mlsec_survey.responses.readers import read_export
from mlsec_survey.responses.recode import labelled, recode, variable_list
from mlsec_survey.responses.scales import derive_scales, scale_reliability

FOLDER = Path(__file__).parent / "second_survey"
N = 80


@dataclass(frozen=True)
class Second:
    """The second survey: its codebook and what became of its export."""

    codebook: Codebook
    responses: pd.DataFrame
    missing: pd.DataFrame


def answers(codebook: Codebook) -> Iterator[dict[str, str]]:
    """Yield complete responses in which use goes with satisfaction, and years with the library."""
    rng = np.random.default_rng(4)
    services = [part.code for part in codebook.subquestions("satisfied")]
    for _ in range(N):
        use, years = int(rng.integers(1, 4)), int(rng.integers(0, 20))
        level = use + rng.normal(0, 0.5, len(services))
        cells = {"MEMBER": f"M{rng.integers(1, 4)}", "USE": f"U{use}", "YEARS": str(years)}
        cells["JOINED"] = f"{2010 + years % 9}-03-0{1 + years % 5}"
        for code, value in zip(services, level, strict=True):
            cells[f"SAT[{code}]"] = f"S{int(np.clip(np.rint(value), 1, 4))}"
        place = services[:]
        rng.shuffle(place)
        if years > 10:
            place.remove("LIB")
            place.insert(0, "LIB")
        yield cells | {f"ORD[{at}]": code for at, code in enumerate(place, start=1)}


def export(folder: Path, codebook: Codebook, *changes: dict[str, str]) -> Path:
    rows: Rows = [list(codebook.columns())]
    for number, cells in enumerate(answers(codebook), start=1):
        whole = {
            "id": str(number),
            "submitdate": "2024-05-06 10:20:30",
            "lastpage": "3",
            "startlanguage": "en",
            "startdate": "2024-05-06 10:00:00",
            "datestamp": "2024-05-06 10:20:30",
            "interviewtime": "300",
            **cells,
            **(changes[number - 1] if number <= len(changes) else {}),
        }
        rows.append([whole.get(name, "") for name in codebook.columns()])
    content = as_csv(rows)
    return write_with_manifest(folder / "export.csv", content, len(rows) - 1)


@pytest.fixture(scope="module")
def codebook() -> Codebook:
    return load_codebook(FOLDER / "codebook.yml")


@pytest.fixture(scope="module")
def second(codebook: Codebook, tmp_path_factory: pytest.TempPathFactory) -> Second:
    # One ranked two services only, one left the number empty, one left after the first page.
    odd = (
        {"ORD[1]": "NET", "ORD[2]": "LIB", "ORD[3]": "", "ORD[4]": "", "ORD[5]": ""},
        {"YEARS": "", "JOINED": "", "USE": "DK"},
        {name: "" for name in codebook.columns() if name.startswith(("SAT[", "ORD["))}
        | {"lastpage": "1", "submitdate": ""},
    )
    raw = read_export(export(tmp_path_factory.mktemp("second"), codebook, *odd), codebook)
    kept, flow = apply_exclusions(raw, codebook)
    assert flow["remaining"].tolist() == [N - 1]
    missing = missing_kinds(kept, codebook)
    responses = derive_scales(recode(kept, codebook, missing), missing, codebook)
    responses = responses.join(quality_flags(responses, codebook))
    return Second(codebook, responses, missing)


def test_numbers_dates_and_places_are_cleaned(second: Second) -> None:
    responses, missing = second.responses, second.missing
    first = responses.iloc[0]
    assert (first["order__network"], first["order__library"]) == (1, 2)
    assert pd.isna(first["order__canteen"])
    assert missing.loc[0, "order__canteen"] == "not_answered"
    assert missing.loc[0, "order__library"] == "answered"
    assert pd.isna(responses.loc[1, "years"]) and missing.loc[1, "years"] == "not_answered"
    assert missing.loc[1, "use"] == "dont_know"
    assert str(responses["years"].dtype) == "Int64"
    assert str(responses["joined"].dtype).startswith("datetime64")
    whole = responses.iloc[2:]
    places = whole[[part.name for part in second.codebook.parts("order").values()]]
    assert (places.sum(axis=1) == 15).all()


def test_what_the_codebook_says_of_them(codebook: Codebook) -> None:
    years, place = codebook.variable("years"), codebook.variable("order__library")
    assert (years.measure, years.minimum, years.maximum, years.levels) == ("count", 0, None, ())
    assert years.largest_count is None
    assert (place.measure, place.levels) == ("ordinal", (1, 2, 3, 4, 5))
    assert not codebook.variable("joined").is_measured
    table = variable_list(codebook).set_index("variable")
    assert table.loc["years", "values"] == "from 0 years"
    assert table.loc["order__library", "source"] == "ORD[1] ORD[2] ORD[3] ORD[4] ORD[5]"


def test_numbers_dates_and_places_are_described(second: Second) -> None:
    rng = np.random.default_rng(1)
    numbers = sample.number_table(
        second.responses, second.missing, second.codebook, rng, resamples=200
    )
    years = second.responses["years"].dropna().astype(float)
    row = numbers.set_index("variable").loc["years"]
    assert (row["n"], row["no_answer"], row["unit"]) == (N - 2, 1, "years")
    assert row["median"] == pytest.approx(np.median(years))
    assert row["mean_low"] < row["mean"] < row["mean_high"]
    places = sample.places_table(second.responses, second.missing, second.codebook, "order")
    library = places.set_index("subquestion").loc["library"]
    assert library["count"] == int((second.responses["order__library"] == 1).sum())
    assert library["n"] == N - 1
    assert places.set_index("subquestion").loc["canteen", "placed"] == N - 2
    dates = sample.date_table(second.responses, second.missing, second.codebook).iloc[0]
    given = second.responses["joined"].dropna().dt.year
    assert dates["n"] == N - 2 and given.min() <= dates["median"] <= given.max()


def test_ratings_of_four_options(second: Second) -> None:
    table = sample.rating_distribution(
        second.responses, second.missing, second.codebook, "satisfied"
    )
    assert [name for name in table if name.startswith("count_")] == [
        f"count_{value}" for value in (1, 2, 3, 4)
    ]
    assert (table["count"] == table["count_3"] + table["count_4"]).all()
    order = ratings.ranking(
        second.responses,
        second.missing,
        second.codebook,
        "satisfied",
        rng=np.random.default_rng(1),
        resamples=100,
    )
    assert set(order["part"]) == set(second.codebook.part_labels("services"))
    reliability = scale_reliability(
        second.responses, second.codebook, np.random.default_rng(1), resamples=100
    )
    assert reliability["alpha"].iloc[0] > 0.7


def test_the_plan_runs(second: Second) -> None:
    plan = load_plan(FOLDER / "plan.yml", second.codebook)
    data = hyp.analysis_data(second.responses, second.codebook)
    assert "joined" not in data
    settings = {"seed": 1, "resamples": 499}
    found = hyp.run_plan(plan, data, second.codebook, kind="confirmatory", **settings)
    row = found.table.set_index("id").loc["S1"]
    both = data[["satisfaction", "use"]].dropna()
    tau = stats.kendalltau(both["satisfaction"], both["use"])
    assert row["estimate"] == pytest.approx(tau.statistic) and row["p_adjusted"] < 0.01
    explored = hyp.run_plan(plan, data, second.codebook, kind="exploratory", **settings)
    library = explored.table.set_index("id").loc["Y2"]
    assert library["estimate"] < -0.3 and library["n"] == N - 2
    adjusted = hyp.multiplicity_table(plan, data, found, **settings)
    assert adjusted["p_westfall_young"].notna().all()
    handled = hyp.missing_handling_table(
        plan, data, second.responses, second.missing, second.codebook, imputations=3, **settings
    )
    assert {"complete cases", "multiple imputation"} <= set(handled["handling"])


def test_labels_for_people_leave_days_out(second: Second) -> None:
    table = labelled(second.responses, second.codebook)
    assert "joined" not in table and "years" in table
    assert set(table["use"].dropna()) <= {"Rarely", "Monthly", "Weekly"}
    assert "joined" in labelled(second.responses, second.codebook, identifying=True)


@pytest.mark.parametrize(
    ("cells", "parts"),
    [
        ({"YEARS": "many"}, ["YEARS", "many", "number"]),
        ({"YEARS": "-1"}, ["YEARS", "at least 0"]),
        ({"YEARS": "2.5"}, ["YEARS", "whole number"]),
        ({"JOINED": "2024-02-30"}, ["JOINED", "not a date"]),
        ({"ORD[1]": "XXX"}, ["ORD[1]", "XXX"]),
    ],
)
@pytest.mark.slow
def test_bad_numbers_dates_and_places_name_the_cell(
    codebook: Codebook, tmp_path: Path, cells: dict[str, str], parts: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        read_export(export(tmp_path, codebook, cells), codebook)
    assert all(part in str(caught.value) for part in parts), caught.value
