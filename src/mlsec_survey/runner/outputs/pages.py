"""Web pages: one file each, readable without a network, without scripts and on any screen.

Notebooks become pages through nbconvert; what surrounds their cells, and the pages that are no
notebooks (first page, glossary, search), comes from the templates of the site.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlsec_survey.base.synthetic import SYNTHETIC_LONG
from mlsec_survey.report.answers import answers_of, load_answers
from mlsec_survey.report.glossary import TermLinks, load_glossary
from mlsec_survey.report.html import join_figures
from mlsec_survey.report.macros import read_records
from mlsec_survey.runner.outputs.results import picture_source, present_results
from mlsec_survey.runner.outputs.search_index import search_entries

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATE = Path(__file__).with_name("template")
SITE = "Machine learning security in industry"
_MARKS = {"figures": "fig", "tables": "tab"}
# A phone shows the ends alone, which say the same in short.
_BANNER = dict(
    zip(
        ("head", "how", "what"),
        re.fullmatch(r"(.*?): (.*) (no evidence .*)", SYNTHETIC_LONG, flags=re.S).groups(),  # type: ignore[union-attr]
        strict=True,
    )
)


def render_page(notebook: str, output: str, entry: dict[str, Any]) -> None:
    """Render an executed notebook as a page.

    Args:
        notebook: path of the executed notebook, below notebooks/ of its run.
        output: path of the page to write.
        entry: facts of the page: `name`, `title`, `synthetic`, `navigation` (pairs of page name and
            title); and, where there are any, `search` (address of the search page), `glossary`
            (path of its file), `places` (where the paper uses results, by kind and key), and
            `answers` and `record` (paths of the file of answers and of what the notebook published;
            the answers that it computes then open the page).
    """
    import nbformat
    from nbconvert.exporters import HTMLExporter
    from traitlets.config import Config

    config = Config()
    config.HTMLExporter.extra_template_basedirs = [str(TEMPLATE)]
    config.HTMLExporter.template_name = "compendium"
    node = nbformat.read(notebook, as_version=4)
    join_figures(node)
    body, _ = HTMLExporter(config=config).from_notebook_node(node)
    # Notebooks link to notebooks, pages to pages.
    body = re.sub(r'href="(\w+)\.ipynb(?=["#])', r'href="\1.html', body)
    body = re.sub(r"[ \t]+\n", "\n", re.sub(r"\n{3,}", "\n\n", body)).strip()
    sections = [
        (html.unescape(anchor), html.unescape(re.sub(r"<[^>]+>", "", text)).strip())
        for anchor, text in re.findall(
            r'<h2 id="([^"]+)">(.*?)(?:<a class="anchor-link"[^>]*>.*?</a>)?</h2>', body, flags=re.S
        )
    ]
    run = Path(notebook).parents[1]
    body = present_results(body, run, entry.get("places") or {}, render_template)
    body = _with_answers(body, entry)
    write_page(output, entry, _with_terms(body, entry), sections)


def render_index(records: list[str], output: str, entry: dict[str, Any]) -> None:
    """Render the first page: answers, ways in, and all notebooks with their results.

    Args:
        records: paths of the notebooks' records of published results.
        output: path of the page to write.
        entry: as for `render_page`, with `questions` by notebook, `paper` (a link, or None) and
            `answers` (path of the file that says what comes first, or None).
    """
    published = read_records(map(Path, records))
    run = Path(records[0]).parents[3]
    first = load_answers(Path(entry["answers"]), published) if entry.get("answers") else None
    figure = None
    if first is not None and first.figure_notebook:
        shown = published[first.figure_notebook]["figures"][first.figure]
        figure = {"caption": shown["caption"], "picture": _picture(run, first.figure, shown)}
    body = render_template(
        "overview",
        heading=entry["title"],
        synthetic=entry["synthetic"],
        paper=entry.get("paper"),
        first=first,
        figure=figure,
        notebooks=[
            {"name": name, "title": title, "question": entry["questions"][name]}
            | _listed(published.get(name, {"figures": {}, "tables": {}}))
            for name, title in entry["navigation"]
            if name in entry["questions"]
        ],
    )
    write_page(output, entry | {"name": "index"}, _with_terms(body, entry), [])


def render_glossary(output: str, entry: dict[str, Any]) -> None:
    """Render the glossary, from the file that `entry` names; the rest is as for `render_page`."""
    terms = load_glossary(Path(entry["glossary"]))
    body = render_template("glossary", terms=terms, names={term.id: term.term for term in terms})
    write_page(output, entry, body, [])


def render_search(pages: list[str], output: str, entry: dict[str, Any]) -> None:
    """Render the page that searches all others.

    Args:
        pages: paths of the pages to look through, in the order of the navigation.
        output: path of the page to write.
        entry: as for `render_page`.
    """
    titles = dict(entry["navigation"])
    index = [
        found
        for path in map(Path, pages)
        for found in search_entries(
            path.name, titles.get(path.stem, path.stem), path.read_text(encoding="utf-8")
        )
    ]
    write_page(output, entry, render_template("search", index=json_in_page(index)), [])


def json_in_page(content: Any) -> str:
    """Return JSON that a page can hold inside of a script element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _picture(run: Path, key: str, shown: Mapping[str, Any]) -> str:
    import base64

    wide = picture_source(run, key)
    if not wide:
        bitmap = (run / "figures" / f"{key}.png").read_bytes()
        wide = "data:image/png;base64," + base64.b64encode(bitmap).decode()
    narrow = picture_source(run, key, narrow=True)
    return render_template("picture", wide=wide, narrow=narrow, alt=shown["alt"], width=462)


def _listed(record: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a notebook's figures and tables, with their captions, and their numbers in words."""
    results = [
        {"anchor": f"{mark}-{key}", "caption": item["caption"]}
        for kind, mark in _MARKS.items()
        for key, item in sorted(record[kind].items())
    ]
    counts = [
        f"{len(record[kind])} {kind if len(record[kind]) > 1 else kind[:-1]}"
        for kind in _MARKS
        if record[kind]
    ]
    return {"results": results, "counts": " and ".join(counts)}


def _with_answers(body: str, entry: Mapping[str, Any]) -> str:
    """Put the answers that a notebook computes behind the text that opens its page."""
    if not entry.get("answers"):
        return body
    record = json.loads(Path(entry["record"]).read_text(encoding="utf-8"))
    found = answers_of(Path(entry["answers"]), entry["name"], record)
    if not found:
        return body
    opening, end, rest = body.partition("</section>")
    return f"{opening}{end}\n{render_template('in_short', answers=found)}{rest}"


def _with_terms(body: str, entry: Mapping[str, Any]) -> str:
    if not entry.get("glossary"):
        return body
    return TermLinks(load_glossary(Path(entry["glossary"]))).link(str(body))


def write_page(
    output: str, entry: Mapping[str, Any], body: str, sections: Sequence[tuple[str, str]]
) -> None:
    """Write a page: the body with what surrounds it.

    Args:
        output: path of the page.
        entry: as for `render_page`.
        body: HTML of the text.
        sections: pairs of anchor and heading, for the contents.
    """
    pages = [
        {"name": name, "title": title, "here": name == entry["name"]}
        for name, title in entry["navigation"]
    ]
    at = next((at for at, page in enumerate(pages) if page["here"]), None)
    title = entry["title"]
    text = render_template(
        "layout",
        title=title if title.startswith(SITE) else f"{title} · {SITE}",
        site=SITE,
        home=f"{pages[0]['name']}.html",
        style=_text("style.css"),
        synthetic=entry["synthetic"],
        banner=_BANNER,
        navigation=pages,
        sections=sections,
        search=entry.get("search"),
        body=_safe(body),
        content_hash=hashlib.sha256(body.encode()).hexdigest()[:12],
        before=pages[at - 1] if at else None,
        after=pages[at + 1] if at is not None and at + 1 < len(pages) else None,
    )
    path = Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def render_template(template: str, **content: Any) -> str:
    """Return a template of the site as HTML that templates do not escape again."""
    return _safe(_environment().get_template(f"{template}.html.j2").render(content).strip())


def _safe(text: str) -> str:
    from markupsafe import Markup

    return Markup(text)


def _text(name: str) -> str:
    return (TEMPLATE / "pages" / name).read_text(encoding="utf-8").strip()


def unbroken(text: str) -> str:
    """Return a sentence in which no line ends between n, its number and a unit.

    >>> unbroken("64 % (n = 86)").replace("\N{NO-BREAK SPACE}", "_")
    '64_% (n_=_86)'
    """
    text = re.sub(r"\bn = (?=\d)", "n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}", text)
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", text)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATE / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["script"] = _text
    made.filters["unbroken"] = unbroken
    return made
