"""The examples in the docstrings of `stats/` give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pandas as pd
import pytest

import mlsec_survey.stats

MODULES = sorted(module.name for module in pkgutil.iter_modules(mlsec_survey.stats.__path__))


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.slow
def test_examples_give_what_they_say(name: str) -> None:
    module = importlib.import_module(f"mlsec_survey.stats.{name}")
    found = doctest.testmod(module, extraglobs={"np": np, "pd": pd})
    assert found.failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [importlib.import_module(f"mlsec_survey.stats.{name}") for name in MODULES]
    examples = [test for module in modules for test in finder.find(module) if test.examples]
    assert len(examples) >= 40
