"""Web pages: self-contained, labelled, navigable, readable on a phone and without code."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest

from mlsec_survey.base.synthetic import SYNTHETIC_LONG
from mlsec_survey.runner.outputs.pages import render_page
from small_project import NOTEBOOKS, SmallProject, make_project

pytestmark = pytest.mark.slow

HARD = """\
# %% [markdown]
# ## A `section` with <em>marks</em> & more
#
# See [the first](01_first.ipynb#tab-rows), $5 and [data](../data/notes.txt).

# %%
import pandas as pd
long = "a_rather_long_name_without_any_place_to_break_it_" * 3
wide = pd.DataFrame({f"column_{n}": [n * 1000.123, n, n] for n in range(14)})
pub.table("wide", wide, "column_*", caption="Wide.")
pub.table("escaped", pd.DataFrame({"item": ["<script>alert(1)</script> & $x$"]}),
          caption="<b>Not bold</b> & $y$.")
pub.number("quiet", 1, "said quietly")
print(long)
wide

# %%
"""


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes, and checks that they are balanced."""

    VOID = frozenset(["meta", "link", "br", "img", "input", "hr"])

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def values(self, attribute: str) -> list[str]:
        return [a[attribute] or "" for _, a in self.tags if attribute in a]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallProject]:
    made = make_project(tmp_path_factory.mktemp("pages") / "project", paper=True)
    made.edit(
        "notebooks/02_second.py",
        "# %%\nfrom mlsec_survey.base.text_safety",
        HARD + "from mlsec_survey.base.text_safety",
    )
    done = made.call("--no-pdf")
    assert done.status == 0, done.err
    return made


@pytest.fixture(scope="module")
def pages(project: SmallProject) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (project.root / "html").glob("*.html")}


def test_each_notebook_has_a_page_and_there_is_an_overview(pages: dict[str, str]) -> None:
    assert set(pages) == {*NOTEBOOKS, "index", "search"}
    for page in pages.values():
        Tags(page)


def test_pages_need_nothing_from_anywhere_else(pages: dict[str, str]) -> None:
    for page in pages.values():
        tags = Tags(page)
        for tag, attributes in tags.tags:
            assert tag not in ("link", "iframe", "object", "embed", "base")
            if tag != "a":
                loaded = attributes.get("src") or attributes.get("href") or "data:"
                assert loaded.startswith("data:image/") or loaded == "data:"
            if tag == "script":
                assert "src" not in attributes
        # What a picture refers to is inside of it.
        outside = re.sub(r'"data:image/[^"]*"', "", page)
        assert not re.search(r"@import|url\(|http-equiv|MathJax|require\.js", outside)


def test_every_page_says_that_the_answers_are_synthetic(
    pages: dict[str, str], project: SmallProject, tmp_path: Path
) -> None:
    for page in pages.values():
        banners = re.findall(r'<header class="banner">(.*?)</header>', page)
        assert [re.sub(r"<[^>]+>", "", text) for text in banners] == [SYNTHETIC_LONG]
        assert page.index('class="banner"') < page.index("<main")
    real = tmp_path / "page.html"
    entry = {"name": "x", "title": "X", "synthetic": False, "navigation": [("index", "I")]}
    render_page(str(project.root / "notebooks" / "04_fourth.ipynb"), str(real), entry)
    assert 'class="banner"' not in real.read_text()


def test_all_links_lead_somewhere(pages: dict[str, str], project: SmallProject) -> None:
    anchors = {name: set(Tags(page).values("id")) for name, page in pages.items()}
    for name, page in pages.items():
        ids = Tags(page).values("id")
        assert len(ids) == len(set(ids))
        for link in Tags(page).values("href"):
            assert not re.match(r"[a-z]+:", link)
            target, _, anchor = html.unescape(link).partition("#")
            if target.endswith(".html") or not target:
                assert anchor in anchors[target.removesuffix(".html") or name] | {""}
            elif not target.endswith(".pdf"):
                assert (project.root / "html" / target).exists()
    assert 'href="01_first.html#tab-rows"' in pages["02_second"]


def test_navigation_shows_all_pages_this_one_and_its_sections(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        nav = page[page.index("<nav") : page.index("</nav>")]
        links = ["index", *NOTEBOOKS, "search"]
        assert re.findall(r'<li[^>]*><a href="(\w+)\.html"', nav) == links
        assert re.findall(r'href="(\w+)\.html" aria-current="page"', nav) == [name]
    nav = pages["02_second"][: pages["02_second"].index("</nav>")]
    assert ">A section with <em>marks</em> & more</a>" not in nav
    assert "A section with marks &amp; more</a>" in nav
    footer = pages["02_second"][pages["02_second"].index("<footer>") :]
    assert re.findall(r'href="(\w+)\.html" rel="(\w+)"', footer) == [
        ("01_first", "prev"),
        ("03_third", "next"),
    ]


def test_every_published_result_has_its_anchor(
    pages: dict[str, str], project: SmallProject
) -> None:
    for name in NOTEBOOKS:
        record: dict[str, Any] = project.record(name)
        ids = Tags(pages[name]).values("id")
        for kind, mark in (("numbers", "num"), ("tables", "tab"), ("figures", "fig")):
            for key in record[kind]:
                assert f"{mark}-{key}" in ids
    assert {"num-quiet", "tab-wide", "fig-answers"} <= set(Tags(pages["02_second"]).values("id"))


def test_figures_keep_their_description(pages: dict[str, str], project: SmallProject) -> None:
    images = [a for tag, a in Tags(pages["02_second"]).tags if tag == "img"]
    assert [image["alt"] for image in images] == [
        project.record("02_second")["figures"]["answers"]["alt"]
    ]


def test_text_of_tables_and_captions_is_escaped(pages: dict[str, str]) -> None:
    page = pages["02_second"]
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; $x$" in page
    assert "&lt;b&gt;Not bold&lt;/b&gt; &amp; $y$." in page


def test_code_is_folded_and_complete(pages: dict[str, str], project: SmallProject) -> None:
    for name in NOTEBOOKS:
        notebook = nbformat.read(project.root / "notebooks" / f"{name}.ipynb", as_version=4)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        folded = re.findall(
            r'<details class="code"[^>]*><summary>(?:Code|Parameters)</summary>(.*?)</details>',
            pages[name],
            flags=re.S,
        )
        shown = [html.unescape(re.sub(r"<[^>]+>", "", part)).strip() for part in folded]
        assert shown == [cell.source.strip() for cell in cells]
    assert "<details open" not in "".join(pages.values())


def test_the_overview_leads_to_every_figure_and_table(
    pages: dict[str, str], project: SmallProject
) -> None:
    index = pages["index"]
    assert '<a href="02_second.html#fig-answers">Answers.</a>' in index
    assert '<a href="02_second.html#tab-wide">Wide.</a>' in index
    assert "1 figure and 2 tables" in index
    for question in ("What is in the file?", "What follows?"):
        assert question in index


def test_rendering_again_gives_the_same_bytes(pages: dict[str, str], project: SmallProject) -> None:
    assert project.call("--no-pdf", "--force", "--only", "02_second").status == 0
    assert (project.root / "html" / "02_second.html").read_text() == pages["02_second"]
