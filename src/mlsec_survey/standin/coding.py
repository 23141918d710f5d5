"""Two coders' sheets and the adjudication of their differences, for the stand-in's free text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlsec_survey.instrument.coding_scheme import NONE_APPLIES
from mlsec_survey.responses.coding import ADJUDICATION_COLUMNS, SEPARATOR, SHEET_COLUMNS
from mlsec_survey.standin.draws import Draws
from mlsec_survey.standin.parameters import (
    CONFIRMED,
    DOUBTED,
    CoderParameters,
    StandinParameters,
    StandinTexts,
)
from mlsec_survey.standin.responses import Response
from mlsec_survey.standin.texts import Written

Unit = tuple[int, str, str]


@dataclass(frozen=True)
class CodingSheets:
    """Codes of each unit (respondent number, attack, field) by coder and after adjudication."""

    coder_a: dict[Unit, tuple[str, ...]]
    coder_b: dict[Unit, tuple[str, ...]]
    adjudicated: dict[Unit, tuple[tuple[str, ...], str]]


def draw_sheets(
    responses: Iterable[Response],
    parameters: StandinParameters,
    texts: StandinTexts,
    seed: int,
) -> CodingSheets:
    """Draw what two coders make of the free text, and the decision where they differ.

    Args:
        responses: all responses; the free text of those that the exclusions keep is coded.
        parameters: how often each coder misses, adds and confuses codes.
        texts: which code is mistaken for which, and the reasons that adjudication gives.
        seed: of every draw.
    """
    streams = {name: Draws(seed, f"coder {name}") for name in ("a", "b")}
    decisions = Draws(seed, "adjudication")
    sheets: dict[str, dict[Unit, tuple[str, ...]]] = {"a": {}, "b": {}}
    adjudicated: dict[Unit, tuple[tuple[str, ...], str]] = {}
    for response in responses:
        for written in response.written:
            unit = (response.number, written.attack, written.field)
            given = {
                name: _coded(written, coder, streams[name], texts)
                for name, coder in (("a", parameters.coders.a), ("b", parameters.coders.b))
            }
            # An agreed reading that is not what the text was composed to say would stand, so it
            # is sent to adjudication for incidents, where the published count must come out.
            if given["a"] == given["b"] and written.field == "incident":
                given = {name: _ordered(written.codes, texts.codes) for name in given}
            for name, sheet in sheets.items():
                sheet[unit] = given[name]
            if given["a"] != given["b"]:
                final = _ordered(written.codes, texts.codes)
                adjudicated[unit] = (final, _reason(written, given, final, texts, decisions))
    return CodingSheets(sheets["a"], sheets["b"], adjudicated)


def _coded(
    written: Written,
    coder: CoderParameters,
    draws: Draws,
    texts: StandinTexts,
) -> tuple[str, ...]:
    given: set[str] = set()
    if written.field == "incident":
        for code in (CONFIRMED, DOUBTED):
            carried = code in written.codes
            # Whether something was an attack is harder to tell than what a reason is about.
            if draws.chance(1 - 1.5 * coder.miss) if carried else draws.chance(6 * coder.add):
                given.add(code)
        if DOUBTED in given and CONFIRMED not in given:
            given.discard(DOUBTED)
        return _ordered(given, texts.codes)
    for code in texts.why:
        if code in written.codes:
            if draws.chance(coder.confuse):
                given.add(texts.confusions[code])
            elif not draws.chance(coder.miss):
                given.add(code)
        elif draws.chance(coder.add):
            given.add(code)
    return _ordered(given, texts.codes)


def _ordered(given: Iterable[str], codes: tuple[str, ...]) -> tuple[str, ...]:
    chosen = set(given)
    return tuple(code for code in codes if code in chosen)


def _reason(
    written: Written,
    given: dict[str, tuple[str, ...]],
    final: tuple[str, ...],
    texts: StandinTexts,
    draws: Draws,
) -> str:
    if written.field == "incident":
        return texts.reasons["incident"]
    if final == given["a"]:
        return texts.reasons["first"]
    if final == given["b"]:
        return texts.reasons["second"]
    if set(final) == set(given["a"]) | set(given["b"]):
        return texts.reasons["both_right"]
    return texts.reasons["definition"]


def sheet_csv(sheet: dict[Unit, tuple[str, ...]]) -> bytes:
    """Return one coder's sheet as CSV: one row per answer, codes separated by `|` or `none`."""
    rows = [[str(n), attack, field, _cell(codes)] for (n, attack, field), codes in sheet.items()]
    return _csv(SHEET_COLUMNS, rows)


def adjudication_csv(adjudicated: dict[Unit, tuple[tuple[str, ...], str]]) -> bytes:
    """Return the adjudication as CSV: the columns of a sheet and the reason of the decision."""
    rows = [
        [str(n), attack, field, _cell(codes), reason]
        for (n, attack, field), (codes, reason) in adjudicated.items()
    ]
    return _csv(ADJUDICATION_COLUMNS, rows)


def _cell(codes: tuple[str, ...]) -> str:
    return SEPARATOR.join(codes) or NONE_APPLIES


def _csv(header: Sequence[str], rows: list[list[str]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue().encode()
