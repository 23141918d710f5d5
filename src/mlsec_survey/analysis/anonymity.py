"""How far what is known of a respondent singles them out: k-anonymity and l-diversity."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

_KNOWN = {1: "any one of them", 2: "any two of them"}
_COLUMNS = ["known", "smallest", "alone", "diversity"]


def anonymity(
    responses: pd.DataFrame, known: Sequence[str], sensitive: Sequence[str]
) -> pd.DataFrame:
    """Say how small the groups are that somebody finds who knows some answers of a respondent.

    A file is k-anonymous if nobody is in a group of fewer than k respondents with the same known
    answers (Sweeney 2002, doi:10.1142/S0218488502001648), and l-diverse if each group holds at
    least l different answers to what is sensitive (Machanavajjhala and others 2007,
    doi:10.1145/1217299.1217302). A missing answer counts as an answer of its own.

    Args:
        responses: the analysis file.
        known: variables that somebody may know of a respondent, such as role and industry.
        sensitive: variables that nobody should learn.

    Returns:
        One row per extent of knowledge (any one of the variables, any two, all), each at its worst
        set of variables: known (in words), smallest (respondents in the smallest group, k), alone
        (respondents whose group is nobody else), diversity (fewest different answers to a sensitive
        variable in a group, l).
    """
    codes = responses[[*known, *sensitive]].apply(lambda column: pd.factorize(column)[0])
    rows = []
    for size in sorted({1, 2, len(known)} & set(range(1, len(known) + 1))):
        found = [
            _groups(codes, chosen, sensitive) for chosen in itertools.combinations(known, size)
        ]
        smallest, alone, diversity = np.array(found).T
        words = _KNOWN.get(size, f"all {size} of them") if size < len(known) else "all of them"
        rows.append((words, int(smallest.min()), int(alone.max()), int(diversity.min())))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _groups(
    codes: pd.DataFrame, known: Sequence[str], sensitive: Sequence[str]
) -> tuple[int, int, int]:
    groups = codes.groupby(list(known), sort=False)
    sizes = groups.size()
    fewest = int(groups[list(sensitive)].nunique().min().min()) if sensitive else 0
    return int(sizes.min()), int((sizes == 1).sum()), fewest
