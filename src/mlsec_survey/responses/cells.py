"""The cells of an export by their distinct strings, and as numbers.

Columns with codes are categories, so that what is to be said of a million cells is said of the few
strings that occur among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
import pandas as pd


def looked_up(cells: pd.Series, value_of: Callable[[str], int], null: int) -> np.ndarray:
    """Return a whole number for each cell, found once for each distinct string.

    Args:
        cells: categories of strings, or strings.
        value_of: the number that stands for a string.
        null: the number that stands for a cell that was NULL.
    """
    if not isinstance(cells.dtype, pd.CategoricalDtype):
        cells = cells.astype("category")
    values = [value_of(value) for value in cells.cat.categories.tolist()]
    return np.array([*values, null], dtype=np.int64)[cells.cat.codes.to_numpy()]


def is_filled(cells: pd.Series) -> np.ndarray:
    """Return which cells hold anything but blanks."""
    if not isinstance(cells.dtype, pd.CategoricalDtype):
        return (cells.notna() & (cells.str.strip() != "")).to_numpy()
    filled = (cells.cat.categories.str.strip() != "").astype(bool)
    return np.append(filled, False)[cells.cat.codes.to_numpy()].astype(bool)


def is_one_of(cells: pd.Series, strings: Iterable[str]) -> np.ndarray:
    """Return which cells hold one of the strings."""
    wanted = set(strings)
    return looked_up(cells, lambda value: value in wanted, 0).astype(bool)


def as_numbers(
    cells: pd.Series, dtype: Literal["Int64", "int64", "float64"] = "Int64"
) -> pd.Series:
    """Return cells as numbers; an empty cell is missing."""
    return pd.to_numeric(cells.where(cells != "")).astype(dtype)
