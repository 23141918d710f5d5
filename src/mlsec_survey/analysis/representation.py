"""How far readings depend on whom the sample stands for: assumed margins, tipping points, clusters.

No list of practitioners exists, so no weights are right. What can be said is how far the population
would have to differ for a reading to change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from scipy import special, stats

from mlsec_survey.analysis.hypotheses import PlanResults
from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.formatting import as_text, hypothesis_text, listed
from mlsec_survey.base.yaml_input import Entry, near, read_yaml, validate
from mlsec_survey.base.yaml_input import Sequence as Listed
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import Text
from mlsec_survey.instrument.plan import Hypothesis
from mlsec_survey.stats.multiplicity import holm
from mlsec_survey.stats.weighting import rake, weighted_mean, weighted_rank_z

Floats = NDArray[np.float64]
Share = Annotated[float, Field(ge=0, le=1, strict=False)]

# Respondents on each side of a margin that is moved; weights on fewer say little.
LEAST = 10
# Design effects that are tried: 1 if all respondents come from organisations of their own.
DESIGN_EFFECTS = (1.0, 1.25, 1.5, 1.75, 2.0)
# Shares of the population that are tried on the way to a tipping point.
_SHARES = np.arange(0.01, 1.0, 0.01)


class Assumption(Entry):
    """Margins that somebody may suppose of the population.

    Attributes:
        id, label: of the assumption.
        assumes: what is supposed and why it was chosen.
        margins: share of each response option, by its value as text, by item.
    """

    id: str
    label: Text
    assumes: Text
    margins: dict[str, dict[str, Share]]


class Assumptions(Entry):
    """All assumed margins; build it with `load_margins`."""

    version: Literal[1]
    assumptions: Listed[Assumption]


def load_margins(path: Path | str, codebook: Codebook) -> tuple[Assumption, ...]:
    """Read the assumed margins that this codebook can have.

    Args:
        path: data/assumed_margins.yml.
        codebook: names items and options. An assumption on an item that it does not have is left
            out, since it belongs to another survey.

    Raises:
        InputError: the file is malformed, an option does not exist, or shares do not add up to 1.
    """
    document = read_yaml(path)
    items = {item.id for item in codebook.items if item.type == "single"}
    kept = []
    for at, entry in enumerate(validate(document, Assumptions).assumptions):
        if not set(entry.margins) <= items:
            continue
        for item, shares in entry.margins.items():
            where = ("assumptions", at, "margins", item)
            values = [str(option.value) for option in codebook.options(item)]
            for value in shares:
                if value not in values:
                    raise document.error(
                        where,
                        "the item has no such response option",
                        value=value,
                        remedy=near(value, values),
                    )
            if abs(sum(shares.values()) - 1) > 1e-6:
                raise document.error(
                    where,
                    "the shares do not add up to 1",
                    value=as_text(sum(shares.values()), 3),
                    remedy="Give each response option its share of all.",
                )
        kept.append(entry)
    return tuple(kept)


def raked_table(
    assumptions: Sequence[Assumption],
    responses: pd.DataFrame,
    data: pd.DataFrame,
    outcomes: Sequence[str],
    codebook: Codebook,
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return what each outcome would be if the population had the assumed margins.

    Args:
        assumptions: as `load_margins` returns them.
        responses: the analysis file of notebook 01.
        data: outcomes as numbers, of the same respondents.
        outcomes: names of variables with an order.
        codebook: labels.
        confidence: level of the intervals.

    Returns:
        Per outcome one row without weights and one per assumption: label (of the outcome), margins,
        n, effective_n, mean (of a binary outcome the share), low, high. An assumption that cannot
        be met by this sample has no numbers.
    """
    weights: dict[str, pd.Series] = {"as in the sample": pd.Series(1.0, index=responses.index)}
    for entry in assumptions:
        try:
            weights[entry.label] = rake(
                responses[list(entry.margins)].astype("string"), entry.margins
            )
        except AnalysisError:
            weights[entry.label] = pd.Series(math.nan, index=responses.index)
    rows = []
    for name in outcomes:
        share = codebook.variable(name).measure == "binary"
        for label, weight in weights.items():
            row: dict[str, object] = {"label": codebook.label(name), "margins": label}
            try:
                result = weighted_mean(data[name], weight, share=share, confidence=confidence)
            except AnalysisError:
                rows.append(row | {"n": 0})
                continue
            rows.append(row | {
                "n": result.n, "effective_n": result.extra["effective_n"],
                "mean": result.estimate, "low": result.low, "high": result.high,
            })  # fmt: skip
    columns = ["label", "margins", "n", "effective_n", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def margins_table(assumptions: Sequence[Assumption], codebook: Codebook) -> pd.DataFrame:
    """Return the assumptions in words: margins (label), assumed (the shares), reason."""
    rows = []
    for entry in assumptions:
        parts = []
        for item, shares in entry.margins.items():
            labels = {str(option.value): option.label for option in codebook.options(item)}
            each = [f"{labels[v]} {as_text(100 * s, 0)} %" for v, s in shares.items()]
            parts.append(f"{codebook.label(item)}: {', '.join(each)}")
        rows.append({
            "margins": entry.label, "assumed": "; ".join(parts), "reason": entry.assumes
        })  # fmt: skip
    return pd.DataFrame(rows, columns=["margins", "assumed", "reason"])


# Tipping points


def tipping_table(
    hypotheses: Sequence[Hypothesis],
    results: PlanResults,
    responses: pd.DataFrame,
    data: pd.DataFrame,
    characteristics: Sequence[str],
    codebook: Codebook,
    *,
    alpha: float,
) -> pd.DataFrame:
    """Say how far a margin of the population must differ before a reading changes.

    The reading is whether the rank correlation of outcome and predictor is found, at the level that
    the correction for its family leaves to the hypothesis. Each response option with enough
    respondents inside and outside gets shares from 1 to 99 %, and the one nearest to its share of
    the sample at which the reading changes is its tipping point; of each characteristic the option
    whose tipping point is nearest, in log odds, stands in the table.

    Args:
        hypotheses: those whose variables have an order are looked at.
        results: of the plan; tell the level.
        responses: the analysis file of notebook 01.
        data: outcomes and predictors as numbers, of the same respondents.
        characteristics: items with options, or what the survey tool notes in categories.
        codebook: labels.
        alpha: familywise level.

    Returns:
        One row per hypothesis and characteristic: title (of the hypothesis), found ("found" or
        "not found", unweighted), characteristic, option, n, share (of the sample), tipping (share
        of the population at which the reading changes; missing if at none), options (tried).
    """
    rows = []
    main = {row["id"]: row for row in results.table.to_dict("records")}
    for entry in hypotheses:
        row = main[entry.id]
        ordered = all(codebook.variable(v).is_ordered for v in (entry.outcome, entry.predictor))
        if not ordered or math.isnan(row["p_adjusted"]):
            continue
        both = data[[entry.outcome, entry.predictor]].dropna()
        # What the correction multiplied the p-value by, as far as it can be told.
        factor = row["p_adjusted"] / row["p"] if row["p_adjusted"] < 1 else 1.0
        level = alpha / max(1.0, factor)
        sides = (both[entry.outcome].to_numpy(), both[entry.predictor].to_numpy())
        if min(map(np.ptp, sides)) == 0:
            continue
        plain = bool(_found(*sides, np.ones((1, len(both))), level)[0])
        for name in characteristics:
            if name in (entry.outcome, entry.predictor):
                continue
            nearest = _nearest(responses.loc[both.index, name], sides, level, plain)
            rows.append({
                "title": f"{entry.id}  {entry.label}",
                "found": "found" if plain else "not found",
                "characteristic": _label(codebook, name),
                "option": _option(codebook, name, nearest["option"]),
                **{key: nearest[key] for key in ("n", "share", "tipping", "options")},
            })  # fmt: skip
    columns = ["title", "found", "characteristic", "option", "n", "share", "tipping", "options"]
    return pd.DataFrame(rows, columns=columns)


def _found(x: Floats, y: Floats, weights: Floats, level: float) -> NDArray[np.bool_]:
    """Tell for each set of weights whether the rank correlation is found, by t."""
    effective = weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
    critical = stats.t.isf(level / 2, np.maximum(effective - 2, 1))
    return np.asarray(np.abs(weighted_rank_z(x, y, weights)[1]) >= critical)


def _nearest(
    values: pd.Series, sides: tuple[Floats, Floats], level: float, found: bool
) -> dict[str, object]:
    known = values.notna().to_numpy()
    x, y = (side[known] for side in sides)
    given = values[known].astype(object).to_numpy()
    counts = pd.Series(given).value_counts(sort=False)
    tried = [v for v, c in counts.items() if c >= LEAST and len(given) - c >= LEAST]
    best: dict[str, object] = {
        "option": None, "n": len(given), "share": math.nan, "tipping": math.nan,
        "options": len(tried),
    }  # fmt: skip
    distance = math.inf
    for option in sorted(tried, key=str):
        inside = given == option
        share = float(inside.mean())
        weights = np.where(inside, _SHARES[:, None] / share, (1 - _SHARES[:, None]) / (1 - share))
        changed = _found(x, y, weights, level) != found
        far = np.abs(np.log(_SHARES / (1 - _SHARES)) - math.log(share / (1 - share)))
        far[~changed] = math.inf
        if far.min() < distance:
            distance = float(far.min())
            tipping = float(_SHARES[int(far.argmin())])
            best |= {"option": option, "share": share, "tipping": tipping}
    return best


def _label(codebook: Codebook, name: str) -> str:
    tool = {entry.variable: entry.label for entry in codebook.paradata}
    return tool[name] if name in tool else codebook.label(name)


def _option(codebook: Codebook, name: str, value: object) -> str:
    if value is None:
        return "none"
    items = {item.id for item in codebook.items}
    labels = {o.value: o.label for o in codebook.options(name)} if name in items else {}
    return str(labels.get(value, value))  # type: ignore[call-overload]


def describe_tipping(table: pd.DataFrame) -> str:
    """Say which readings no margin changes, and the one that changes first."""
    if table.empty:
        return "not examined"
    firm = [
        _named(str(title))
        for title, part in table.groupby("title", sort=False)
        if part["tipping"].isna().all()
    ]
    parts = [f"{listed(firm)} would read the same at any share"] if firm else []
    moved = table.dropna(subset="tipping")
    if len(moved):
        far = special.logit(moved["tipping"].to_numpy()) - special.logit(moved["share"].to_numpy())
        row = moved.to_dict("records")[int(np.abs(far).argmin())]
        parts.append(
            f"the first to change is {_named(row['title'])}: {row['found']}, "
            f"n = {row['n']}, if “{row['option']}” ({row['characteristic']}) were "
            f"{as_text(100 * row['tipping'], 0)} % of the population instead of "
            f"{as_text(100 * row['share'], 0)} % of the sample"
        )
    return "; ".join(parts)


def _named(title: str) -> str:
    return hypothesis_text(*title.split("  ", 1))


# Several respondents of one organisation


def design_effect_table(
    results: PlanResults, *, alpha: float, effects: Sequence[float] = DESIGN_EFFECTS
) -> pd.DataFrame:
    """Return the adjusted p-values if answers of one organisation resemble each other.

    A design effect of d means that n respondents tell as much as n / d who are independent (Kish
    1965): each z is divided by its root, then the family is corrected again by Holm.

    Args:
        results: confirmatory results of the plan.
        alpha: familywise level.
        effects: design effects, from 1.

    Returns:
        One row per hypothesis: id, label, n, effective_n (at the largest), deff_1, deff_1.25 and so
        on (adjusted p), lost_at (the smallest of these design effects at which what was found is no
        longer found; missing where it was not, or stays so).
    """
    table = results.table[["id", "family", "label", "n"]].copy()
    z = stats.norm.isf(results.table["p"].to_numpy(dtype=float) / 2)
    names = [f"deff_{effect:g}" for effect in effects]
    for name, effect in zip(names, effects, strict=True):
        p = 2 * stats.norm.sf(z / math.sqrt(effect))
        for _, rows in table.groupby("family", sort=False).groups.items():
            table.loc[rows, name] = holm(p[table.index.get_indexer(rows)])
    table["effective_n"] = table["n"] / max(effects)
    found = table[names].to_numpy(dtype=float) < alpha
    first = [
        effects[int(np.argmin(row))] if row[0] and not row.all() else math.nan for row in found
    ]
    return table.assign(lost_at=first).drop(columns="family")


def describe_design_effects(table: pd.DataFrame, *, alpha: float) -> str:
    """Say which findings stay, and which are lost from which design effect on."""
    found = table[table["deff_1"] < alpha]
    if found.empty:
        return "nothing is found, whatever the design effect"
    named = [(row, hypothesis_text(row["id"], row["label"])) for row in found.to_dict("records")]
    stays = [name for row, name in named if math.isnan(row["lost_at"])]
    lost = [
        f"{name}, n = {row['n']}, is lost at {as_text(row['lost_at'], 2)}"
        for row, name in named
        if not math.isnan(row["lost_at"])
    ]
    parts = [f"{listed(stays)} {'stay' if len(stays) > 1 else 'stays'} found"] if stays else []
    return "; ".join(parts + lost)


def population_characteristics(codebook: Codebook, responses: pd.DataFrame) -> list[str]:
    """Return who respondents are and how they came: items on them and what the tool notes of them.

    Args:
        codebook: of the survey.
        responses: which of these variables are there.
    """
    items = [
        item.id
        for item in codebook.items
        if item.type == "single"
        and (item.construct_ in ("respondent", "organisation") or item.id == "channel")
    ]
    tool = [entry.variable for entry in codebook.paradata if entry.kind == "category"]
    return [name for name in [*items, *tool] if name in responses]
