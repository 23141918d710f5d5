"""The self-assessment: the survey's questions for one organisation, beside the sample's answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from scipy import stats

from mlsec_survey.analysis.exploration import explorable
from mlsec_survey.base.yaml_input import Entry, Sequence, near, read_yaml, validate
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.instrument.entries import Text
from mlsec_survey.instrument.plan import load_plan
from mlsec_survey.report.basis import basis_label
from mlsec_survey.runner.outputs.explorer import released_counts
from mlsec_survey.runner.outputs.pages import json_in_page, render_template, write_page
from mlsec_survey.study.claims import load_claims
from mlsec_survey.study.literature import load_facts


class Topic(Entry):
    """A construct of the survey that the self-assessment asks about.

    Attributes:
        construct: of the codebook; all its items are asked.
        label: heading of the topic.
        evidence: what to see before an answer is believed.
        reading: how to read an answer beside the sample's.
    """

    construct_: Text = Field(alias="construct")
    label: Text
    evidence: Text
    reading: Text


class Audit(Entry):
    """What the self-assessment asks about; build it with `load_audit`."""

    version: Literal[1]
    note: Text
    topics: Annotated[Sequence[Topic], Field(min_length=1)]


def load_audit(path: Path, codebook: Codebook) -> Audit:
    """Read `data/audit.yml` and check it against the codebook.

    Raises:
        InputError: a topic's construct is none of the codebook's.
    """
    document = read_yaml(path)
    audit = validate(document, Audit)
    known = {item.construct_ for item in codebook.items}
    for at, topic in enumerate(audit.topics):
        if topic.construct_ not in known:
            raise document.error(
                ("topics", at, "construct"),
                "the codebook has no such construct",
                value=topic.construct_,
                remedy=near(topic.construct_, known),
            )
    return audit


def render_audit(
    responses: str,
    missing: str,
    codebook: str,
    plan: str,
    claims: str,
    facts: str,
    audit: str,
    output: str,
    entry: dict[str, Any],
) -> None:
    """Render the page on which one organisation answers for itself.

    Args:
        responses: path of the analysis file.
        missing: path of the kinds of missing answer.
        codebook: path of the codebook.
        plan: path of the analysis plan, which sets the level of intervals.
        claims: path of the claims, each with its question for an audit.
        facts: path of the published facts, which claims name.
        audit: path of what the page asks about.
        output: path of the page to write.
        entry: as for `pages.render_page`.
    """
    import pandas as pd

    book = load_codebook(Path(codebook))
    asked = load_audit(Path(audit), book)
    confidence = load_plan(Path(plan), book).confidence
    ledger = load_claims(Path(claims), load_facts(Path(facts)))
    items = explorable(pd.read_parquet(responses), pd.read_parquet(missing), book)
    released = released_counts(items, (), suppress=not entry["synthetic"])
    topics = [
        {
            "label": topic.label,
            "evidence": topic.evidence,
            "reading": topic.reading,
            "questions": [
                _question(item, book, released["tables"][item["id"]][""])
                for item in released["items"]
                if item["construct"] == topic.construct_
                and book.variable(item["id"]).derived is None
            ],
        }
        for topic in asked.topics
    ]
    content = {
        "topics": topics,
        "questions": [
            {"id": claim.id, "label": claim.label, "ask": claim.audit, "evidence": claim.evidence}
            for claim in ledger.claims
        ],
        "status": basis_label("responses", entry["synthetic"]),
        "level": f"{100 * confidence:g} %",
        "z": float(stats.norm.ppf((1 + confidence) / 2)),
    }
    body = render_template("audit", audit=content, note=asked.note, data=json_in_page(content))
    write_page(output, entry, body, [])


def _question(item: dict[str, Any], codebook: Codebook, table: dict[str, Any]) -> dict[str, Any]:
    """Return one question with its answers and how many respondents gave each."""
    variable = codebook.variable(item["id"])
    return {
        "id": item["id"],
        "label": item["label"],
        "about": variable.item.about,
        "answers": item["answers"][: item["answered"]],
        "counts": table["counts"][0][: item["answered"]],
        "n": table["n"][0][1],
    }
