"""What tests of several files start from: the shipped codebook, plan, export and what they give.

Fixtures of the shipped data are made once and must not be changed; a test that changes one copies
it first.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from mlsec_survey.instrument.codebook import Codebook, load_codebook

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let Ctrl-C's signal through, which a shell ignores for what it starts in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def codebook() -> Codebook:
    """The shipped codebook."""
    return load_codebook(ROOT / "data" / "codebook.yml")
