"""The examples in the docstrings of `stats/` give what they say."""

from __future__ import annotations

import doctest
import importlib
import inspect
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


def test_every_public_function_has_an_example() -> None:
    without = [
        f"{name}.{function}"
        for name in MODULES
        for function, value in vars(importlib.import_module(f"mlsec_survey.stats.{name}")).items()
        if inspect.isfunction(value)
        and value.__module__ == f"mlsec_survey.stats.{name}"
        and not function.startswith("_")
        and ">>>" not in (value.__doc__ or "")
    ]
    assert without == []
