"""What the overview notebook shows: what the data are, which notebooks there are, what is known."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from mlsec_survey.runner.pipeline import load_pipeline

if TYPE_CHECKING:
    import pandas as pd

    from mlsec_survey.codebook import Codebook
    from mlsec_survey.manifest import Manifest


def notebook_map(root: Path) -> pd.DataFrame:
    """Return the notebooks in order: notebook, title, question, reads, writes (as text).

    Args:
        root: folder of the project.
    """
    import pandas as pd

    pipeline = load_pipeline(root)
    rows = [
        {
            "notebook": entry.name,
            "title": entry.title,
            "question": entry.question,
            "after": ", ".join(name[:2] for name in pipeline.after(entry)),
        }
        for entry in pipeline.analysis
    ]
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
        "synthetic: drawn by a program from documented parameters; no evidence about anybody"
        if manifest.is_synthetic
        else "answers of respondents, as the manifest beside the export states"
    )
    rows = [
        ("Answers", f"{manifest.title}: {answers}"),
        ("Results computed from answers", "labelled as synthetic" if manifest.is_synthetic
         else "results of this export"),
        (
            "Items of the questionnaire",
            f"{basis['published']} on constructs that the publication names, "
            f"{basis['reconstructed']} reconstructed; never the original wording",
        ),
        ("Published facts", "each with its source and how it is known"),
        ("Design analysis", "arithmetic and simulation that use no answers"),
    ]
    return pd.DataFrame(rows, columns=["part", "status"])
