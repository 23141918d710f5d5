"""A twin has the layout, filters and safe margins of an export, and nobody's answers."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.manifest import load_manifest
from mlsec_survey.responses.exclusions import apply_exclusions
from mlsec_survey.responses.missing import missing_kinds
from mlsec_survey.responses.readers import RawExport, read_export
from mlsec_survey.responses.recode import recode
from mlsec_survey.standin.twin import THRESHOLD, WORDS, draw_twin

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def export(codebook: Codebook) -> RawExport:
    """The stand-in plays the private export."""
    return read_export(ROOT / "data" / "raw" / "standin.csv", codebook)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory, codebook: Codebook) -> RawExport:
    folder = tmp_path_factory.mktemp("twin")
    script = runpy.run_path(str(ROOT / "scripts" / "make_twin.py"))
    given = ["--export", str(ROOT / "data" / "raw" / "standin.csv"), "--out", str(folder)]
    assert script["main"](given) == 0
    again = (folder / "twin.csv").read_bytes()
    assert script["main"](given) == 0
    assert (folder / "twin.csv").read_bytes() == again
    assert load_manifest(folder / "twin.csv").is_synthetic
    return read_export(folder / "twin.csv", codebook)


@pytest.mark.slow
def test_layout_and_size_are_the_exports(twin: RawExport, export: RawExport) -> None:
    assert list(twin.frame.columns) == list(export.frame.columns)
    assert len(twin.frame) == len(export.frame)


def test_it_goes_through_cleaning_and_loses_as_many_rows(
    twin: RawExport, export: RawExport, codebook: Codebook
) -> None:
    kept, _ = apply_exclusions(twin, codebook)
    original, _ = apply_exclusions(export, codebook)
    assert abs(len(kept.frame) - len(original.frame)) <= 2 * THRESHOLD
    responses = recode(kept, codebook, missing_kinds(kept, codebook))
    assert responses["role"].notna().any()


def test_margins_follow_the_export_where_enough_stand_behind_them(
    twin: RawExport, export: RawExport, codebook: Codebook
) -> None:
    for item in codebook.items:
        for column in codebook.columns_of(item):
            if column.kind not in ("single", "array", "multiple") or item.shown_if is not None:
                continue
            wanted = export.frame[column.name].astype(object).dropna().value_counts()
            made = twin.frame[column.name].astype(object).dropna().value_counts()
            assert set(made.index) - {""} <= set(wanted[wanted >= THRESHOLD].index)
            safe = wanted[wanted >= THRESHOLD]
            share = (safe / safe.sum()).sub(made.reindex(safe.index).fillna(0) / made.sum())
            if item.type != "multiple":
                assert share.abs().max() < 0.05, column.name


def test_nobodys_words_numbers_or_times_are_in_it(
    twin: RawExport, export: RawExport, codebook: Codebook
) -> None:
    for column in codebook.column_specs:
        cells = twin.frame[column.name].astype(object).dropna()
        if column.kind in ("text", "other"):
            assert set(cells) <= {WORDS, ""}
        if column.name in ("submitdate", "startdate", "seed", "token"):
            assert not (set(cells) & set(export.frame[column.name].dropna())) - {""}
    answers = [c.name for c in codebook.column_specs if c.item is not None]
    rows = {tuple(row) for row in export.frame[answers].astype(str).to_numpy()}
    long = [tuple(row) for row in twin.frame[answers].astype(str).to_numpy()]
    complete = (twin.frame["lastpage"].astype(float) == codebook.pages).to_numpy()
    assert not [row for row, whole in zip(long, complete, strict=True) if whole and row in rows]


def test_filters_hold(twin: RawExport, codebook: Codebook) -> None:
    for item in codebook.items:
        if item.shown_if is None:
            continue
        asked = codebook.item(item.shown_if.item)
        passing = {o.code for o in codebook.options(asked) if o.value in item.shown_if.values}
        for column in codebook.columns_of(item):
            name = asked.code
            if column.subquestion is not None and asked.subquestions is not None:
                name = f"{name}[{column.subquestion.code}]"
            cells = twin.frame[column.name].astype(object)
            assert cells[~twin.frame[name].isin(passing)].isna().all()


def test_rare_values_are_left_out() -> None:
    from mlsec_survey.standin.twin import _drawn

    answers = pd.Series(["a"] * 60 + ["b"] * 40 + ["rare"] * 4)
    made = pd.Series(_drawn(answers, 50, np.random.default_rng(1))).value_counts()
    assert made.to_dict() == {"a": 30, "b": 20}
    assert set(_drawn(pd.Series(["x", "y"]), 3, np.random.default_rng(1))) == {""}


@pytest.mark.slow
def test_draw_twin_takes_a_generator(export: RawExport, codebook: Codebook) -> None:
    one = draw_twin(export.frame, codebook, np.random.default_rng(3))
    other = draw_twin(export.frame, codebook, np.random.default_rng(4))
    assert not one.equals(other)
