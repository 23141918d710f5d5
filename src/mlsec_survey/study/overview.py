"""What the overview notebook shows: what the data are, which notebooks there are, what is known."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from mlsec_survey.base.yaml_input import read_yaml

if TYPE_CHECKING:
    import pandas as pd

    from mlsec_survey.instrument.codebook import Codebook
    from mlsec_survey.instrument.manifest import Manifest


def notebook_map(pipeline: Path) -> pd.DataFrame:
    """Return the notebooks of a run in order: notebook, title, question, after.

    Args:
        pipeline: notebooks/pipeline.yml. `after` names the notebooks that have to be run before.

    Raises:
        InputError: the file is missing or no valid YAML.
    """
    import pandas as pd

    entries = read_yaml(pipeline).content["notebooks"]
    maker = {path: name for name, entry in entries.items() for path in entry.get("outputs") or []}
    rows = []
    for name, entry in entries.items():
        if entry.get("kind", "analysis") != "analysis":
            continue
        sources = (
            maker.get(source) if source in maker else source.partition("published:")[2]
            for source in entry.get("inputs") or []
        )
        before = dict.fromkeys(source[:2] for source in sources if source)
        rows.append(
            {
                "notebook": name,
                "title": entry["title"],
                "question": entry["question"],
                "after": ", ".join(before),
            }
        )
    return pd.DataFrame(rows)


def data_status(manifest: Manifest, codebook: Codebook) -> pd.DataFrame:
    """Return what is real and what is not in this run: part, status.

    Args:
        manifest: of the raw export.
        codebook: whose items are marked as published or reconstructed constructs.
    """
    import pandas as pd

    basis = Counter(item.basis for item in codebook.items)
    answers = (
        "no evidence about anybody"
        if manifest.is_synthetic
        else "answers of respondents, as the manifest beside the export states"
    )
    rows = [
        ("Answers", f"{manifest.title} ({answers})"),
        (
            "Results computed from answers",
            "labelled as synthetic" if manifest.is_synthetic else "results of this export",
        ),
        (
            "Items of the questionnaire",
            f"{basis['published']} on constructs that the publication names, "
            f"{basis['reconstructed']} reconstructed; never the original wording",
        ),
        ("Published facts", "each with its source and how it is known"),
        ("Design analysis", "arithmetic and simulation that use no answers"),
    ]
    return pd.DataFrame(rows, columns=["part", "status"])


def instrument_table(codebook: Codebook) -> pd.DataFrame:
    """Return what was asked, item by item: construct, item (label), asks, answers, origin.

    Args:
        codebook: `asks` is its paraphrase, never the original wording; `answers` names the response
            options and what a grid or checklist asks them of.
    """
    import pandas as pd

    forms = {
        "text": "in own words",
        "numeric": "a number",
        "date": "a date",
        "ranking": "an order",
        "multiple": "any of",
    }
    rows = []
    for item in codebook.items:
        answers = forms.get(item.type, "")
        if item.options is not None:
            answers = " · ".join(option.label for option in codebook.options(item))
        if item.subquestions is not None:
            parts = [part.label for part in codebook.subquestions(item)]
            listed = ", ".join(parts)
            answers = (
                f"{answers} {listed}" if item.type == "multiple" else f"{answers}; for {listed}"
            )
        rows.append(
            {
                "construct": item.construct_,
                "item": item.label,
                "asks": item.about,
                "answers": answers,
                "origin": "published" if item.basis == "published" else "own",
            }
        )
    return pd.DataFrame(rows)
