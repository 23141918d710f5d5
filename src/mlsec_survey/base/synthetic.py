"""The words that mark synthetic results; the only place where they stand."""

from __future__ import annotations

SYNTHETIC_SHORT = "Synthetic stand-in data: no evidence about anybody"
SYNTHETIC_LONG = (
    "Synthetic stand-in data: a program generated the answers. They show how the analysis works "
    "and are no evidence about anybody."
)
