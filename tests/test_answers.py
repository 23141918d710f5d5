"""The answers that come first: filled from what notebooks publish, and the same in the README."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlsec_survey.base.errors import InputError
from mlsec_survey.report.answers import NOT_COMPUTED, answers_of, load_answers
from mlsec_survey.report.glossary import TermLinks, load_glossary
from mlsec_survey.report.paper_places import paper_places

ROOT = Path(__file__).resolve().parents[1]

FILE = """\
version: 1
figure: drawn
questions:
  - id: a
    question: How many?
    answer: "{share} of {n.unit}, and <b>"
    n: "{n} {n.unit}"
    result: counted
  - {id: b, question: Why?, answer: "{unheard_of}", n: "{n}", result: counted, readme: true}
"""


def record(**changes: Any) -> dict[str, dict[str, Any]]:
    base = {"basis": "responses"}
    return {
        "01_first": {
            "synthetic": True,
            "numbers": {
                "share": {"text": "12 %", "unit": "", **base},
                "n": {"text": "40", "unit": "respondents", **base},
            },
            "tables": {"counted": {"caption": "Counted.", **base}},
            "figures": {"drawn": {"caption": "Drawn.", "alt": "Bars.", **base}},
        }
        | changes
    }


def test_a_question_is_filled_with_published_numbers(tmp_path: Path) -> None:
    (tmp_path / "answers.yml").write_text(FILE)
    first = load_answers(tmp_path / "answers.yml", record())
    answer = first.answers[0]
    assert answer.answer == "12\N{NO-BREAK SPACE}% of respondents, and <b>"
    assert answer.n == "40 respondents"
    assert (answer.notebook, answer.anchor) == ("01_first", "tab-counted")
    assert answer.status == "synthetic stand-in"
    real = load_answers(tmp_path / "answers.yml", record(synthetic=False))
    assert real.answers[0].status == "survey responses"
    assert (first.figure, first.figure_notebook) == ("drawn", "01_first")


def test_what_a_run_does_not_publish_is_said_to_be_missing(tmp_path: Path) -> None:
    (tmp_path / "answers.yml").write_text(FILE)
    answer = load_answers(tmp_path / "answers.yml", record()).answers[1]
    assert (answer.answer, answer.n, answer.notebook) == (NOT_COMPUTED, "", "")
    nothing = load_answers(tmp_path / "answers.yml", record(figures={}, tables={}))
    assert {entry.answer for entry in nothing.answers} == {NOT_COMPUTED}
    assert nothing.figure_notebook == ""


def test_a_malformed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "answers.yml").write_text(FILE.replace("result:", "results:"))
    with pytest.raises(InputError, match="results"):
        load_answers(tmp_path / "answers.yml", record())


def test_the_readme_carries_the_committed_answers() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/update_readme.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}run scripts/update_readme.py"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.partition("<!-- answers -->")[2].partition("<!-- /answers -->")[0]
    assert block.count("\n- **") == 3
    assert "synthetic stand-in" in block
    assert "design analysis, no answers used" in block
    assert NOT_COMPUTED not in block
    assert readme.index("<!-- answers -->") < readme.index("## Two commands")


# Terms and places


GLOSSARY = """\
version: 1
terms:
  - {id: p, term: p, short: "How <often> chance \\"does\\"."}
  - {id: adjusted-p, term: adjusted p, also: [Holm], short: Raised., see: [p]}
"""


def test_terms_are_linked_once_below_each_heading_and_not_in_code(tmp_path: Path) -> None:
    (tmp_path / "glossary.yml").write_text(GLOSSARY)
    links = TermLinks(load_glossary(tmp_path / "glossary.yml"))
    page = (
        "<h2>The p</h2><p>An adjusted p, a p &amp; a p; Holm&#39;s.</p><pre>p</pre>"
        "<p><a href='#p'>p</a> <code>p</code></p>"
        "<h2>Again</h2><p>p &lt; 0.05, top, p-p</p><td>p</td>"
    )
    linked = links.link(page)
    assert linked.count('class="term"') == 3
    assert 'href="glossary.html#adjusted-p" data-short="Raised.">adjusted p</a>' in linked
    assert 'data-short="How &lt;often&gt; chance &quot;does&quot;.">p</a> &amp; a p;' in linked
    assert "<pre>p</pre>" in linked
    assert linked.replace('">', "").count("<h2>The p</h2>") == 1


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("also: [Holm]", "also: [P]", "two terms"),
        ("see: [p]", "see: [q]", "no term"),
        ("id: p,", "id: P,", "pattern"),
    ],
)
def test_a_glossary_that_contradicts_itself_is_refused(
    tmp_path: Path, old: str, new: str, what: str
) -> None:
    (tmp_path / "glossary.yml").write_text(GLOSSARY.replace(old, new, 1))
    with pytest.raises(InputError, match=what):
        load_glossary(tmp_path / "glossary.yml")


def test_places_in_the_paper_are_counted_as_latex_counts_them(tmp_path: Path) -> None:
    (tmp_path / "sections").mkdir()
    (tmp_path / "main.tex").write_text(
        "\\section{One}\n\\resulttable{a} % \\resulttable{commented}\n\\input{sections/two}\n"
        "\\input{sections/publishing}\\input{generated/numbers}\n"
    )
    (tmp_path / "sections" / "publishing.tex").write_text("\\resulttable{not_a_use}")
    (tmp_path / "sections" / "two.tex").write_text(
        "\\section{Two}\\begin{table}x\\end{table}\\subsection{Part}\n"
        "\\result{n} and \\result{n}\\resultfigure[t]{f}\\resulttable{b}"
    )
    assert paper_places(tmp_path / "main.tex") == {
        ("tables", "a"): ["Table I (One)"],
        ("numbers", "n"): ["Two, Part"],
        ("figures", "f"): ["Fig. 1 (Two, Part)"],
        ("tables", "b"): ["Table III (Two, Part)"],
    }


def test_a_page_opens_with_what_its_notebook_alone_computes(tmp_path: Path) -> None:
    path = tmp_path / "answers.yml"
    path.write_text(
        FILE
        + "on_pages:\n  - {id: c, question: So?, answer: '{n} of them', n: '', result: share}\n"
    )
    found = answers_of(path, "01_first", record()["01_first"])
    assert [(entry.id, entry.anchor) for entry in found] == [
        ("a", "tab-counted"),
        ("c", "num-share"),
    ]
    assert found[1].answer == "40 of them"
    # What stands on its page only is not on the first page.
    assert [entry.id for entry in load_answers(path, record()).answers] == ["a", "b"]
    nothing = {"synthetic": True, "numbers": {}, "tables": {}, "figures": {}}
    assert answers_of(path, "02_other", nothing) == ()
