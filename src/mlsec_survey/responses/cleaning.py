"""From the raw export to the analysis file: exclusions, recoding, kinds of missing, quality flags.

Every decision comes from the codebook. Functions take and return tables and write nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.text_safety import escape_spreadsheet, tidy
from mlsec_survey.instrument.codebook import (
    ANSWERED,
    OTHER_VALUE,
    RESPONDENT,
    Codebook,
    Column,
    DiffersFlag,
    ExcludeEarlyExit,
    ExcludeEquals,
    ExcludeRepeated,
    Item,
    NoVariationFlag,
    SpeedFlag,
)
from mlsec_survey.responses.readers.limesurvey import RawExport
from mlsec_survey.responses.scales import derive_scales

KINDS = (ANSWERED, "not_answered", "not_shown", "dont_know", "prefer_not")
KIND_DTYPE = pd.CategoricalDtype(list(KINDS))
_ANSWERED, _NOT_ANSWERED, _NOT_SHOWN = (
    KINDS.index(k) for k in (ANSWERED, "not_answered", "not_shown")
)


def exclusion_reasons(raw: RawExport, codebook: Codebook) -> pd.Series:
    """Return the first exclusion that applies to each response.

    Returns:
        Series indexed as `raw.frame`, category with the ids of the exclusions in their order;
        missing for responses that are kept.
    """
    frame = raw.frame
    reasons = pd.Series(pd.NA, index=frame.index, dtype="object")
    for rule in codebook.exclusions:
        open_rows = frame[reasons.isna()]
        reasons[open_rows.index[_excluded(open_rows, rule, codebook)]] = rule.id
    dtype = pd.CategoricalDtype([rule.id for rule in codebook.exclusions])
    return reasons.astype(dtype).rename("exclusion")


def _excluded(
    frame: pd.DataFrame,
    rule: ExcludeEquals | ExcludeEarlyExit | ExcludeRepeated,
    codebook: Codebook,
) -> np.ndarray:
    if isinstance(rule, ExcludeEarlyExit):
        return (_numbers(frame["lastpage"]).fillna(0) < rule.value).to_numpy()
    if isinstance(rule, ExcludeRepeated):
        # Response numbers rise with the time of start, whatever the order of the rows.
        in_order = frame.loc[_numbers(frame["id"]).sort_values(kind="stable").index, rule.column]
        given = in_order.notna() & (in_order.str.strip() != "")
        repeated = in_order.where(given).duplicated(keep=rule.keep) & given
        return repeated.reindex(frame.index).to_numpy()
    item = codebook.item(rule.item)
    code = next(o.code for o in codebook.options(item) if o.value == rule.value)
    equal = (frame[item.code] == code).to_numpy()
    return equal if rule.rule == "equals" else ~equal


def apply_exclusions(raw: RawExport, codebook: Codebook) -> tuple[RawExport, pd.DataFrame]:
    """Apply the exclusions in the order of the codebook.

    Args:
        raw: export as read.
        codebook: names the exclusions; a response counts under the first that applies.

    Returns:
        The export with the kept responses only, and the flow: one row per exclusion with columns
        step (from 1), id, label, reason, excluded and remaining.

    Raises:
        AnalysisError: no response remains.
    """
    reasons = exclusion_reasons(raw, codebook)
    remaining = len(raw.frame)
    rows: list[dict[str, object]] = []
    for step, rule in enumerate(codebook.exclusions, start=1):
        excluded = int((reasons == rule.id).sum())
        remaining -= excluded
        rows.append(
            {
                "step": step,
                "id": rule.id,
                "label": rule.label,
                "reason": rule.reason,
                "excluded": excluded,
                "remaining": remaining,
            }
        )
    if remaining == 0:
        raise AnalysisError(f"all {len(raw.frame)} responses in {raw.path.name} are excluded")
    columns = ["step", "id", "label", "reason", "excluded", "remaining"]
    return raw.where(reasons.isna()), pd.DataFrame(rows, columns=columns)


def candidates(raw: RawExport, codebook: Codebook) -> pd.DataFrame:
    """Return the responses that a sensitivity analysis may draw on.

    Args:
        raw: export as read.
        codebook: says which exclusions may be lifted.

    Returns:
        Recoded responses with scales and quality flags, of those kept and of those excluded under
        a rule that may be lifted, and the column `exclusion` with the id of that rule (category,
        missing for those kept).
    """
    reasons = exclusion_reasons(raw, codebook)
    liftable = [rule.id for rule in codebook.exclusions if rule.liftable]
    chosen = raw.where(reasons.isna() | reasons.isin(liftable))
    kinds = missing_kinds(chosen, codebook)
    responses = derive_scales(recode(chosen, codebook, kinds), kinds, codebook)
    reason = reasons[chosen.frame.index].reset_index(drop=True)
    flags = quality_flags(responses, codebook, reference=responses[reason.isna()])
    exclusion = reason.cat.set_categories(liftable)
    return responses.join(flags).assign(exclusion=exclusion)


def missing_kinds(kept: RawExport, codebook: Codebook) -> pd.DataFrame:
    """Say of every answer whether it is there, and if not, why not.

    Args:
        kept: responses to describe.
        codebook: defines the codes of missing answers, pages and filters.

    Returns:
        One row per response in the order of the export: `respondent_id`, then every variable of
        the codebook as a category of answered, not_answered, not_shown, dont_know and prefer_not.

    Notes:
        In an export that does not tell NULL from empty, a cell counts as not shown if its page was
        not reached or its filter not met. A checklist with nothing ticked, not even "none of
        these", counts as not answered. The text of the option other is not shown to those who did
        not choose it.
    """
    cells = _cells(kept.frame)
    found: dict[str, np.ndarray] = {}
    reached = _numbers(kept.frame["lastpage"]).fillna(0).to_numpy()
    for item in codebook.items:
        shown = _shown(cells, codebook, item, reached)
        if item.type == "multiple":
            kinds = _checklist_kinds(cells, codebook, item, shown, kept.marks_null)
            found |= dict.fromkeys(codebook.variables(item), kinds)
            continue
        codes = codebook.missing_codes(item)
        for column in _item_columns(codebook, item):
            values = cells[column.name]
            blank = np.array([value is None or not value.strip() for value in values], dtype=bool)
            kinds = np.where(blank, _NOT_ANSWERED, _ANSWERED)
            if column.kind not in {"text", "other"}:
                for code, kind in codes.items():
                    if code != "":
                        kinds[values == code] = KINDS.index(kind)
            not_shown = ~shown[column.variable]
            if kept.marks_null:
                not_shown |= _is_null(values)
            kinds[blank & not_shown] = _NOT_SHOWN
            found[column.variable] = kinds
    columns: dict[str, object] = {RESPONDENT: _numbers(kept.frame["id"], "int64").to_numpy()}
    for name in codebook.variables():
        columns[name] = pd.Categorical.from_codes(found[name], dtype=KIND_DTYPE)
    return pd.DataFrame(columns)


def _shown(
    cells: Mapping[str, np.ndarray], codebook: Codebook, item: Item, reached: np.ndarray
) -> dict[str, np.ndarray]:
    """Return by variable which responses can have been shown the item."""
    on_page = reached >= item.page
    result: dict[str, np.ndarray] = {}
    for column in _item_columns(codebook, item):
        shown = on_page
        if column.kind == "other":
            other = next(o.code for o in codebook.options(item) if o.value == OTHER_VALUE)
            shown = shown & (cells[item.code] == other)
        if item.shown_if is not None:
            filter_item = codebook.item(item.shown_if.item)
            name = filter_item.code
            if filter_item.subquestions is not None and column.subquestion is not None:
                name = f"{name}[{column.subquestion.code}]"
            passing = {
                option.code
                for option in codebook.options(filter_item)
                if option.value in item.shown_if.values
            }
            shown = shown & np.array([value in passing for value in cells[name]], dtype=bool)
        result[column.variable] = shown
    return result


def _checklist_kinds(
    cells: Mapping[str, np.ndarray],
    codebook: Codebook,
    item: Item,
    shown: Mapping[str, np.ndarray],
    marks_null: bool,
) -> np.ndarray:
    boxes = _item_columns(codebook, item)
    kinds = np.full(len(cells[boxes[0].name]), _NOT_ANSWERED)
    exclusive = codebook.exclusive_codes(item)
    for code, meaning in exclusive.items():
        ticked = cells[f"{item.code}[{code}]"] == "Y"
        kinds[ticked] = _ANSWERED if meaning == "none" else KINDS.index(meaning)
    # A ticked box outweighs an exclusive one, which the tool lets nobody tick together.
    kinds[np.any([cells[box.name] == "Y" for box in boxes], axis=0)] = _ANSWERED
    names = [box.name for box in boxes] + [f"{item.code}[{code}]" for code in exclusive]
    absent = codebook.missing.not_shown.code
    empty = [_is_null(cells[name]) if marks_null else cells[name] == absent for name in names]
    never = ~shown[boxes[0].variable] | np.all(empty, axis=0)
    kinds[never & (kinds == _NOT_ANSWERED)] = _NOT_SHOWN
    return kinds


def recode(kept: RawExport, codebook: Codebook, kinds: pd.DataFrame | None = None) -> pd.DataFrame:
    """Turn response codes into values for analysis.

    Args:
        kept: responses to recode; any rows of an export.
        codebook: defines values and their order.
        kinds: of missing answer of these responses, from `missing_kinds`, if at hand.

    Returns:
        One row per response in the order of the export, with a plain index: `respondent_id`
        (int64), then every variable of the codebook. Ordinal variables are Int64 with the values
        of the codebook; nominal ones and checklist boxes are categories of the option values in
        their order; texts are strings, tidied of control characters and surplus space. Then the
        paradata: submitted, started and last_action as datetime64, last_page as Int64, language as
        category, duration_seconds and page_seconds_N as float64. Identifying paradata (invitation,
        referrer) are left out. A missing answer of whatever kind is NA.
    """
    cells = _cells(kept.frame)
    if kinds is None:
        kinds = missing_kinds(kept, codebook)
    columns: dict[str, object] = {RESPONDENT: _numbers(kept.frame["id"], "int64").to_numpy()}
    for item in codebook.items:
        options = codebook.options(item)
        values = {option.code: option.value for option in options}
        place = {option.code: at for at, option in enumerate(options)}
        for column in _item_columns(codebook, item):
            name, raw = column.variable, cells[column.name]
            answered = kinds[name].cat.codes.to_numpy() == _ANSWERED
            if column.kind in {"text", "other"}:
                texts = [
                    (tidy(text) or None) if given else None
                    for text, given in zip(raw, answered, strict=True)
                ]
                columns[name] = pd.array(texts, dtype="str")
                continue
            if item.type == "multiple":
                # What is not ticked is "no", whether the cell is empty or NULL.
                raw = np.where(raw == "Y", "Y", "N")
            if codebook.measure(name) == "ordinal":
                numbers: list[Any] = [
                    values.get(code) if given else None
                    for code, given in zip(raw, answered, strict=True)
                ]
                columns[name] = pd.array(numbers, dtype="Int64")
            else:
                codes = np.array([place.get(code, -1) for code in raw])
                dtype = pd.CategoricalDtype([str(option.value) for option in options])
                columns[name] = pd.Categorical.from_codes(
                    np.where(answered, codes, -1), dtype=dtype
                )
    columns.update(_paradata(kept.frame.reset_index(drop=True), codebook))
    return pd.DataFrame(columns)


def _paradata(frame: pd.DataFrame, codebook: Codebook) -> Iterator[tuple[str, pd.Series]]:
    for column in codebook.column_specs:
        entry = column.paradata
        cells = frame[column.name]
        if column.kind == "timing":
            yield column.variable, _numbers(cells, "float64")
        elif entry is None or entry.variable == RESPONDENT or entry.identifying:
            continue
        elif entry.kind == "datetime":
            filled = cells.where(cells != "")
            yield (
                entry.variable,
                pd.to_datetime(filled, format="%Y-%m-%d %H:%M:%S").astype("datetime64[ms]"),
            )
        elif entry.kind == "integer":
            yield entry.variable, _numbers(cells)
        elif entry.kind == "number":
            yield entry.variable, _numbers(cells, "float64")
        elif entry.kind == "category":
            yield entry.variable, cells.astype(pd.CategoricalDtype(list(entry.values)))
        else:
            yield entry.variable, cells.where(cells != "")


def quality_flags(
    responses: pd.DataFrame, codebook: Codebook, reference: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Flag responses of doubtful quality; nothing is excluded by a flag.

    Args:
        responses: recoded responses, as `recode` returns them.
        codebook: defines the flags.
        reference: responses whose median time a speed flag is measured by; default `responses`.

    Returns:
        One row per response, indexed as `responses`: one bool column per flag, and
        `quality_flags`, their number. A speed flag is False where the time is unknown; a check
        left unanswered counts as failed; no variation means that at least half the cells of each
        grid are answered and all with one option.
    """
    flags: dict[str, pd.Series] = {}
    for flag in codebook.quality_flags:
        if isinstance(flag, SpeedFlag):
            median = (responses if reference is None else reference)["duration_seconds"].median()
            flagged = responses["duration_seconds"] < flag.value * median
        elif isinstance(flag, NoVariationFlag):
            flagged = _straight(responses, codebook, flag)
        else:
            assert isinstance(flag, DiffersFlag)
            flagged = (responses[flag.item] != flag.value).fillna(True)
        flags[flag.id] = flagged.astype(bool)
    result = pd.DataFrame(flags, index=responses.index)
    return result.assign(quality_flags=result.sum(axis=1).astype("int64"))


def _straight(responses: pd.DataFrame, codebook: Codebook, flag: NoVariationFlag) -> pd.Series:
    grids = [list(codebook.rating_variables(item).values()) for item in flag.items]
    enough = pd.Series(True, index=responses.index)
    for names in grids:
        enough &= 2 * responses[names].notna().sum(axis=1) >= len(names)
    cells = responses[[name for names in grids for name in names]]
    answers = cells.to_numpy(dtype=float, na_value=np.nan)
    return enough & (np.fmin.reduce(answers, axis=1) == np.fmax.reduce(answers, axis=1))


def variable_list(codebook: Codebook) -> pd.DataFrame:
    """Describe every variable of the analysis file, scales and flags included.

    Returns:
        One row per variable: variable, label, measure, construct, about, basis, values (as text),
        missing (kinds that can occur), page, identifying, source (column of the export or rule).
    """
    rows: list[dict[str, object]] = []
    for variable in codebook.variables():
        column = codebook.column(variable)
        item = column.item
        assert item is not None
        part = column.subquestion
        text = column.kind in {"text", "other"}
        options = () if text else codebook.options(item)
        rows.append(
            {
                "variable": variable,
                "label": codebook.label(variable),
                "measure": codebook.measure(variable),
                "construct": item.construct_,
                "about": item.about if part is None else f"{item.about}: {part.about}",
                "basis": item.basis,
                "values": "; ".join(f"{option.value} = {option.label}" for option in options),
                "missing": ", ".join(["not_answered", "not_shown", *item.missing]),
                "page": item.page,
                "identifying": item.identifying or text,
                "source": column.name,
            }
        )
    for scale in codebook.scales:
        item = codebook.item(scale.item)
        rows.append(
            {
                "variable": scale.id,
                "label": scale.label,
                "measure": scale.measure,
                "construct": scale.construct_,
                "about": f"{scale.rule} over {item.label.lower()}",
                "basis": item.basis,
                "values": f"{scale.low:g} to {scale.high:g}",
                "missing": f"fewer than {scale.minimum} answers",
                "page": item.page,
                "identifying": False,
                "source": f"{scale.rule} of {item.id}",
            }
        )
    for flag in codebook.quality_flags:
        rows.append(
            {
                "variable": flag.id,
                "label": flag.label,
                "measure": "binary",
                "construct": "quality",
                "about": flag.reason,
                "basis": "reconstructed",
                "values": "True; False",
                "missing": "",
                "page": 0,
                "identifying": False,
                "source": flag.rule,
            }
        )
    return pd.DataFrame(rows)


def labelled(
    responses: pd.DataFrame, codebook: Codebook, *, texts: bool = False, identifying: bool = False
) -> pd.DataFrame:
    """Return responses with option labels in place of values, for people and other programs.

    Args:
        responses: recoded responses; columns that the codebook does not know stay as they are.
        codebook: defines labels.
        texts: keep free text, escaped against execution by a spreadsheet; dropped otherwise.
        identifying: keep what can point to a person together with other columns: the items that the
            codebook marks so, the response number, and dates and times; dropped otherwise.

    Returns:
        One row per response. Without response numbers rows are in the order of their answers, so
        that the order of the export does not lead back to them.
    """
    dated = {entry.variable for entry in codebook.paradata if entry.kind == "datetime"}
    private = set() if identifying else {RESPONDENT, *dated}
    result: dict[str, object] = {}
    known = set(codebook.variables())
    for name in responses.columns:
        values = responses[name]
        if name in private:
            continue
        if name not in known:
            result[name] = values
            continue
        column = codebook.column(name)
        assert column.item is not None
        if column.item.identifying and not identifying:
            continue
        if column.kind in {"text", "other"}:
            if texts:
                result[name] = values.map(escape_spreadsheet, na_action="ignore")
            continue
        options = codebook.options(column.item)
        dtype = pd.CategoricalDtype(
            [option.label for option in options], ordered=codebook.measure(name) == "ordinal"
        )
        codes = pd.Index([option.value for option in options]).get_indexer(pd.Index(values))
        result[name] = pd.Categorical.from_codes(codes, dtype=dtype)
    table = pd.DataFrame(result, index=responses.index)
    if identifying or not len(table.columns):
        return table
    return table.sort_values(list(table.columns), ignore_index=True)


def _item_columns(codebook: Codebook, item: Item) -> list[Column]:
    return [codebook.column(variable) for variable in codebook.variables(item)]


def _cells(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return each column as plain strings, None where the cell was NULL."""
    return {
        str(name): cells.array.to_numpy(dtype=object, na_value=None)
        for name, cells in frame.items()
    }


def _is_null(values: np.ndarray) -> np.ndarray:
    return np.array([value is None for value in values], dtype=bool)


def _numbers(cells: pd.Series, dtype: Literal["Int64", "int64", "float64"] = "Int64") -> pd.Series:
    return pd.to_numeric(cells.where(cells != "")).astype(dtype)
