"""The cells of an export as plain strings and numbers."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd


def plain_cells(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return each column as plain strings, None where the cell was NULL."""
    return {
        str(name): cells.array.to_numpy(dtype=object, na_value=None)
        for name, cells in frame.items()
    }


def is_null(values: np.ndarray) -> np.ndarray:
    """Return which cells were NULL, as `plain_cells` returns them."""
    return np.array([value is None for value in values], dtype=bool)


def as_numbers(
    cells: pd.Series, dtype: Literal["Int64", "int64", "float64"] = "Int64"
) -> pd.Series:
    """Return cells as numbers; an empty cell is missing."""
    return pd.to_numeric(cells.where(cells != "")).astype(dtype)
