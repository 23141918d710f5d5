"""Statistical disclosure control: small counts of respondents that a table must not show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def suppress_small_cells(
    table: pd.DataFrame, count: str, group: str | Sequence[str] | None = None, threshold: int = 5
) -> pd.DataFrame:
    """Hide small counts of a table, and as many more as it takes to keep them hidden.

    Counts from 1 to `threshold` - 1 are hidden (primary suppression). Within a group, whose total a
    reader can know, the smallest further counts are hidden until at least two counts are hidden and
    they add up to at least `threshold`, so that subtraction tells neither (complementary
    suppression; see Hundepool et al. 2012, Statistical Disclosure Control, chapter 4). A count of
    zero is shown unless it is needed for that.

    Args:
        table: one row per count.
        count: column of counts; missing ones are left alone.
        group: column, or columns, within which counts add up to a total; None for the whole table.
        threshold: smallest count that may be shown.

    Returns:
        A copy of the table whose column `count` is Int64, missing where hidden.

    Raises:
        ValueError: a count is negative or not whole.
    """
    counts = pd.to_numeric(table[count])
    known = counts.notna().to_numpy()
    whole = counts.to_numpy(dtype="float64", na_value=0.0)
    if (whole < 0).any() or (whole != np.floor(whole)).any():
        raise ValueError(f"the column {count!r} does not hold counts")
    hidden = np.zeros(len(table), dtype=bool)
    for positions in _groups(table, group):
        cells = np.array([at for at in positions if known[at]], dtype=int)
        small = [at for at in cells if 0 < whole[at] < threshold]
        if not small:
            continue
        chosen = list(small)
        # Stable order, so that the same table always hides the same cells.
        further = sorted(
            (at for at in cells if at not in small), key=lambda at: (whole[at] == 0, whole[at], at)
        )
        while further and _guessable(whole[chosen], threshold):
            chosen.append(further.pop(0))
        hidden[chosen] = True
    result = table.copy()
    result[count] = counts.astype("Int64").mask(hidden)
    return result


def _groups(table: pd.DataFrame, group: str | Sequence[str] | None) -> list[np.ndarray]:
    if group is None:
        return [np.arange(len(table))]
    by = [group] if isinstance(group, str) else list(group)
    numbers = table.groupby(by, sort=False, dropna=False).ngroup().to_numpy()
    return [np.flatnonzero(numbers == number) for number in np.unique(numbers)]


def suppress_cross_table(
    counts: NDArray[np.int64], answered: NDArray[np.bool_], threshold: int = 5
) -> NDArray[np.bool_]:
    """Say which counts of a cross-table to hide when its totals can be known.

    Totals that a reader can know are those of each group (all answers, and substantive answers
    alone) and, from the table without groups, those of each answer. In each such line the rule of
    `suppress_small_cells` holds: small counts are hidden, and as many more as it takes to have at
    least two hidden that add up to at least `threshold`, or all of the line.

    Args:
        counts: groups × answers.
        answered: which answers are substantive; the others are kinds of missing answer.
        threshold: smallest count that may be shown.

    Returns:
        Groups × answers, True where hidden.
    """
    hidden = (counts > 0) & (counts < threshold)
    places = np.arange(counts.size).reshape(counts.shape)
    lines = [row[kind] for row in places for kind in (answered, ~answered)]
    if len(counts) > 1:
        lines += list(places.T)
    flat, whole = hidden.ravel(), counts.ravel()
    settled = False
    while not settled:
        settled = True
        for line in lines:
            chosen = line[flat[line]]
            # Stable order, so that the same table always hides the same cells.
            further = sorted(line[~flat[line]], key=lambda at: (whole[at] == 0, whole[at], at))
            while len(chosen) and further and _guessable(whole[chosen], threshold):
                chosen = np.append(chosen, further.pop(0))
                settled = False
            flat[chosen] = True
    return flat.reshape(counts.shape)


def _guessable(hidden: NDArray[np.int64], threshold: int) -> bool:
    """Whether subtraction from a known total tells the hidden counts, or that they are small."""
    return len(hidden) < 2 or hidden.sum() < threshold
