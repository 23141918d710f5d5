"""Write the computed answers between their marks in README.md, from the committed results.

With --check, say whether they are those of the committed results and change nothing.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.files import keep_or_compare
from mlsec_survey.report.answers import FirstPage, load_answers
from mlsec_survey.report.macros import read_records

ROOT = Path(__file__).resolve().parents[1]
MARKS = ("<!-- answers -->", "<!-- /answers -->")


def answers_block(first: FirstPage, alt: str) -> str:
    """Return the answers that the README carries, as Markdown.

    Args:
        first: what the first page opens with.
        alt: the figure in words.
    """
    lines = [
        f"- **{answer.question}** {answer.answer} *n: {answer.n}; {answer.status}; "
        f"[table and code](notebooks/{answer.notebook}.ipynb).*"
        for answer in (*first.answers, *first.without_answers)
        if answer.readme and answer.notebook
    ]
    words = alt.replace("[", "(").replace("]", ")")
    return "\n".join([*lines, "", f"![{words}](figures/{first.figure}.svg)"])


def with_answers(readme: str, block: str) -> str:
    """Return the README with the block between its marks.

    Raises:
        InputError: the marks are not there.
    """
    start, end = map(re.escape, MARKS)
    found = re.subn(
        f"({start}\n).*?(\n{end})", lambda marks: f"{marks[1]}{block}{marks[2]}", readme, flags=re.S
    )
    if found[1] != 1:
        raise InputError(
            f"the lines {MARKS[0]} and {MARKS[1]} have to stand once",
            file="README.md",
            remedy="put them where the answers belong",
        )
    return found[0]


def main() -> int:
    """Write or compare the block and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="compare and write nothing")
    options = parser.parse_args()
    try:
        records = read_records((ROOT / "paper/generated/records").glob("*.json"))
        first = load_answers(ROOT / "data/answers.yml", records)
        alt = records[first.figure_notebook]["figures"][first.figure]["alt"]
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        text = with_answers(readme, answers_block(first, alt))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return keep_or_compare(
        {"README.md": text.encode()}, ROOT, check=options.check, source="scripts/update_readme.py"
    )


if __name__ == "__main__":
    sys.exit(main())
