"""k-anonymity and l-diversity of small files counted by hand; identifiers in any column."""

from __future__ import annotations

import pandas as pd

from mlsec_survey.analysis.anonymity import anonymity
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.responses.private import identifier_columns


def test_groups_are_counted_as_by_hand() -> None:
    responses = pd.DataFrame(
        {
            "role": ["a", "a", "a", "b", "b", None],
            "size": [1, 1, 2, 2, 2, 2],
            "field": ["x", "x", "x", "x", "x", "x"],
            "met": ["yes", "no", "no", "no", "no", "yes"],
        }
    )
    table = anonymity(responses, ["role", "size", "field"], ["met"])
    assert table.to_dict("records") == [
        # Nobody else left role empty; field is the same for all.
        {"known": "any one of them", "smallest": 1, "alone": 1, "diversity": 1},
        {"known": "any two of them", "smallest": 1, "alone": 2, "diversity": 1},
        {"known": "all of them", "smallest": 1, "alone": 2, "diversity": 1},
    ]


def test_a_safe_file_says_so() -> None:
    responses = pd.DataFrame({"role": ["a", "b"] * 6, "met": ["yes", "yes", "no", "no"] * 3})
    table = anonymity(responses, ["role"], ["met"])
    assert table.to_dict("records") == [
        {"known": "all of them", "smallest": 6, "alone": 0, "diversity": 2}
    ]


def test_identifiers_are_found_in_any_column(codebook: Codebook) -> None:
    comment = codebook.item("comment").code
    role = codebook.item("role").code
    frame = pd.DataFrame(
        {
            "token": ["ada@firm.example", ""],
            comment: ["call +49 30 1234567", "Quintzel knows"],
            role: ["A1", "A2"],
            "stray": ["10.0.0.7", "none"],
        }
    )
    table = identifier_columns(frame, codebook, ["Quintzel"])
    assert table[["column", "kind", "cells"]].to_numpy().tolist() == [
        ["token", "mail address", 1],
        [comment, "name", 1],
        [comment, "telephone number", 1],
        ["stray", "network address", 1],
    ]
    assert table.set_index("column").at["token", "treated"] == "left out of the analysis file"
