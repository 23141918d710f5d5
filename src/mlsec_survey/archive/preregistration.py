"""The analysis plan as a preregistration reads it: what is tested, how, and what would count."""

from __future__ import annotations

from mlsec_survey.base.formatting import as_text, percent_text
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.plan import AnalysisPlan, Hypothesis
from mlsec_survey.stats.tests import TESTS

_RULES = {
    "holm": "Holm's step-down correction",
    "benjamini_hochberg": "Benjamini and Hochberg's false discovery rate",
}
_DIRECTIONS = {"either": "either direction", "positive": "positive", "negative": "negative"}


def preregistration(plan: AnalysisPlan, codebook: Codebook) -> str:
    """Return the preregistration as Markdown.

    It says nothing that the plan and the codebook do not say; its digest is theirs, so that a later
    reader can tell whether either was changed after answers were seen.
    """
    lines = [
        "# Preregistration",
        "",
        "Written from `data/analysis_plan.yml` and `data/codebook.yml` by the compendium.",
        "",
        f"- Digest of the plan (SHA-256 of its content): `{plan.digest}`",
        f"- Digest of the codebook: `{codebook.digest}`",
        "",
        plan.note,
        "",
        codebook.wording_note,
        "",
        "## Who is analysed",
        "",
        "Responses are left out in this order; the first reason counts.",
        "",
        "| | reason |",
        "|---|---|",
        *(f"| {_cell(rule.label)} | {_cell(rule.reason)} |" for rule in codebook.exclusions),
        "",
        "## What is missing",
        "",
        "Four kinds, which stay apart: "
        + "; ".join(
            f"{kind.label.lower()} ({kind.meaning})"
            for kind in (
                codebook.missing.not_answered,
                codebook.missing.not_shown,
                codebook.missing.dont_know,
                codebook.missing.prefer_not,
            )
        )
        + ".",
        "",
        "## What would count",
        "",
        f"Level {as_text(plan.alpha, '2s')} in each family, after its correction; intervals at "
        f"{plan.level}; detectable effects at a power of {percent_text(plan.power)}.",
        "",
    ]
    for family in plan.families:
        lines += [
            f"## Family {family.id}: {family.label}",
            "",
            f"{family.kind.capitalize()}; {_RULES[family.adjust]} over its "
            f"{len(plan.of_family(family.id))} hypotheses."
            + (f" Stated in public: {family.published}" if family.published else ""),
            "",
            "| | hypothesis | outcome | predictor | predicted | test | smallest effect of "
            "interest |",
            "|---|---|---|---|---|---|---|",
            *(_row(entry, codebook) for entry in plan.of_family(family.id)),
            "",
        ]
    if plan.joint_models:
        lines += ["## Joint models", "", "| | outcome | predictors | model |", "|---|---|---|---|"]
        lines += [
            f"| {model.id} {_cell(model.label)} | {_cell(codebook.label(model.outcome))} | "
            f"{_cell('; '.join(codebook.label(name) for name in model.predictors))} | "
            f"{_cell(TESTS[model.model].label)} |"
            for model in plan.joint_models
        ]
        lines.append("")
    return "\n".join(lines)


def _row(entry: Hypothesis, codebook: Codebook) -> str:
    smallest = entry.sesoi
    cells = (
        entry.id,
        entry.label,
        codebook.label(entry.outcome),
        codebook.label(entry.predictor),
        _DIRECTIONS[entry.direction],
        TESTS[entry.test].label,
        f"{smallest.measure.name} {as_text(smallest.value, '2s')}: {smallest.reason}",
    )
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
