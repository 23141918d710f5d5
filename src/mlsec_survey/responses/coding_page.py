"""A page to code in: one file that works from disk, asks for no network and holds no answer.

A coder opens answers.csv in it, codes by mouse or keyboard and saves a sheet. Opened with
differences.csv instead, it is the page of whoever adjudicates.
"""

from __future__ import annotations

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.coding_scheme import NONE_APPLIES, CodingScheme
from mlsec_survey.responses.coding import ADJUDICATION_COLUMNS, SEPARATOR, SHEET_COLUMNS

_TEMPLATES = Path(__file__).parent / "templates"


def coding_page(scheme: CodingScheme, codebook: Codebook) -> str:
    """Return the page for a coding scheme.

    Args:
        scheme: the codes with their rules, which the page shows beside each answer.
        codebook: labels of fields and sub-questions.
    """
    themes = {theme.id: theme.label for theme in scheme.themes}
    rules = scheme.table()
    fields = {
        field: {
            "label": codebook.label(field),
            "subquestions": {entry.id: entry.label for entry in codebook.subquestions(field)},
            "codes": [
                {"id": code.id, "theme": themes[code.theme]}
                | {
                    name: str(rules.at[place, column])
                    for name, column in (
                        ("label", "code"),
                        ("definition", "definition"),
                        ("include", "include"),
                        ("exclude", "exclude"),
                    )
                }
                for place, code in enumerate(scheme.codes)
                if code.field == field
            ],
        }
        for field in scheme.fields
    }
    data = {
        "fields": fields,
        "none": NONE_APPLIES,
        "separator": SEPARATOR,
        "sheet": list(SHEET_COLUMNS),
        "adjudication": list(ADJUDICATION_COLUMNS),
    }
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    # No "<" can end the script element that the data stand in.
    embedded = json.dumps(data, ensure_ascii=False, indent=1).replace("<", "\\u003c")
    return environment.get_template("coding.html.j2").render(data=embedded) + "\n"
