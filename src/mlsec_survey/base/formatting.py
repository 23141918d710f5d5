"""Numbers as readers see them, and rounded so that every processor writes the same."""

from __future__ import annotations

import math
from collections.abc import Sequence

NOT_ESTIMABLE = "not estimable"
# Stands for what would tell a small count of respondents.
SUPPRESSED = "(s)"


def significant(value: float, digits: int = 6) -> float:
    """Return `value` rounded to significant digits.

    The last bits of a floating-point result differ between processors; six digits do not, and lie
    well inside the width of every interval that the compendium reports.
    """
    return float(f"{value:.{digits - 1}e}") if math.isfinite(value) else value


def as_text(value: float | int | str, digits: int | str) -> str:
    """Return a number as readers see it.

    Args:
        value: the number; text is returned as it is.
        digits: decimals (2 → "0.25"), or significant digits with an s ("2s" → "0.25", "1,300").
    """
    if isinstance(value, str):
        return value
    if math.isnan(value):
        return NOT_ESTIMABLE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    # A tie such as 0.125 must not fall to either side by the last bit.
    value = significant(float(value), 12)
    decimals, value = _decimals(value, digits)
    text = f"{value:,.{decimals}f}"
    if not float(text.replace(",", "")):
        return text.lstrip("-")
    return text.replace("-", "−")


def _decimals(value: float, digits: int | str) -> tuple[int, float]:
    if not isinstance(digits, str):
        return digits, value
    wanted = int(digits.removesuffix("s"))
    if wanted < 1:
        raise ValueError(f"{digits!r}: at least one significant digit")
    rounded = significant(value, wanted)
    magnitude = 0 if rounded == 0 else math.floor(math.log10(abs(rounded)))
    return max(wanted - 1 - magnitude, 0), rounded


def p_text(p: float) -> str:
    """Return a p-value as readers see it: three decimals, "< 0.001" below, empty when undefined.

    A p-value never reads as 1.000 or 0.000 unless it is exactly that.
    """
    if math.isnan(p):
        return ""
    if p < 0.001:
        return "< 0.001"
    return "> 0.999" if 0.999 < p < 1 else f"{significant(p, 9):.3f}"


def interval_text(low: float, high: float, digits: int | str = 2, *, percent: bool = False) -> str:
    """Return an interval as "0.12 to 0.34", with `percent` as "12 to 34 %"; once if undefined."""
    if math.isnan(low) and math.isnan(high):
        return NOT_ESTIMABLE
    factor = 100 if percent else 1
    ends = f"{as_text(factor * low, digits)} to {as_text(factor * high, digits)}"
    return f"{ends} %" if percent else ends


def percent_text(share: float, digits: int | str = 0) -> str:
    """Return a share as per cent ("12 %"); "not estimable" when it is undefined.

    A share never reads as 0 or 100 % unless it is exactly that: "< 1 %", "> 99 %".
    """
    if math.isnan(share):
        return NOT_ESTIMABLE
    if isinstance(digits, int) and 0 < share < 1:
        step = 10.0**-digits
        if 100 * share < step / 2:
            return f"< {as_text(step, digits)} %"
        if 100 * share >= 100 - step / 2:
            return f"> {as_text(100 - step, digits)} %"
    return f"{as_text(100 * share, digits)} %"


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def hypothesis_text(hypothesis_id: str, label: str) -> str:
    """Return a hypothesis as a sentence names it: "mean concern by exposure (X5)".

    Args:
        hypothesis_id: of the plan, "X5".
        label: of the plan, outcome first: "Mean concern ~ exposure".
    """
    words = label.replace(" ~ ", " by ")
    if words[1:2].islower():
        words = words[0].lower() + words[1:]
    return f"{words} ({hypothesis_id})"


# The smallest count of respondents that may be shown, other than none.
SMALLEST_COUNT = 5


def counted(count: int, one: str, several: str | None = None) -> str:
    """Return a count with its noun: "1 answer", "2 answers".

    >>> counted(1, "reply", "replies"), counted(0, "answer")
    ('1 reply', '0 answers')
    """
    return f"{count} {one if count == 1 else several or one + 's'}"


def count_words(count: int) -> str:
    """Return a count of respondents as a sentence may say it: small ones are not told apart."""
    return str(count) if count == 0 or count >= SMALLEST_COUNT else f"fewer than {SMALLEST_COUNT}"
