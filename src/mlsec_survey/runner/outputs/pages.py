"""Web pages from executed notebooks: one file each, readable without a network or scripts."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

from mlsec_survey.base.synthetic import SYNTHETIC_LONG
from mlsec_survey.report.html import join_figures
from mlsec_survey.runner.kernels.quick_imports import quick_imports

TEMPLATE = Path(__file__).with_name("template")
_SITE = "Machine learning security in industry"
# The page reads without it: it only opens and closes all code at once.
_SCRIPT = """\
<script>
const all = document.getElementById("all-code"), code = document.querySelectorAll("details.code");
if (code.length) all.hidden = false;
all.onclick = () => {
  const open = all.getAttribute("aria-pressed") !== "true";
  code.forEach((part) => { part.open = open; });
  all.setAttribute("aria-pressed", open);
  all.textContent = open ? "Hide all code" : "Show all code";
};
</script>"""


def render_page(notebook: str, output: str, entry: dict[str, Any]) -> None:
    """Render an executed notebook as a page.

    Args:
        notebook: path of the executed notebook.
        output: path of the page to write.
        entry: `title`, `name`, `synthetic`, and `navigation`: pairs of page name and title.
    """
    with quick_imports():
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
        (anchor, re.sub(r"<[^>]+>", "", text).strip())
        for anchor, text in re.findall(
            r'<h2 id="([^"]+)">(.*?)(?:<a class="anchor-link"[^>]*>.*?</a>)?</h2>', body, flags=re.S
        )
    ]
    _write(Path(output), _page(entry, sections, f"{body}\n{_neighbours(entry)}"))


def render_index(records: list[str], output: str, entry: dict[str, Any]) -> None:
    """Render the overview: all notebooks with their questions, figures, tables and the paper.

    Args:
        records: paths of the notebooks' records of published results.
        output: path of the page to write.
        entry: `navigation` as above, `questions` by notebook, `synthetic`, and `paper`, a link.
    """
    by_notebook = {}
    for path in records:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        by_notebook[record["notebook"]] = record
    parts = [
        f"<h1>{html.escape(entry['title'])}</h1>",
        "<p>A reproducible analysis of the survey behind <em>Machine Learning Security in "
        "Industry: A Quantitative Survey</em> (Grosse, Bieringer, Besold, Biggio, Krombholz; IEEE "
        "TIFS 2023, doi:10.1109/TIFS.2023.3251842), made without its authors.</p>",
        "<p>Each notebook asks one question and answers it from the survey's export, its codebook "
        "and its analysis plan. The code is folded away in each page and one click from its "
        "result.</p>",
    ]
    if entry.get("paper"):
        parts.append(f'<p><a href="{html.escape(entry["paper"])}">The paper (PDF)</a></p>')
    for name, title in entry["navigation"]:
        if name == "index":
            continue
        parts.append(
            f'<section><h2><a href="{name}.html">{html.escape(title)}</a></h2>\n'
            f"<p>{html.escape(entry['questions'][name])}</p>"
        )
        record = by_notebook.get(name, {"figures": {}, "tables": {}})
        items = [
            f'<li><a href="{name}.html#{mark}-{key}">{html.escape(item["caption"])}</a></li>'
            for kind, mark in (("figures", "fig"), ("tables", "tab"))
            for key, item in sorted(record[kind].items())
        ]
        if items:
            counts = [
                f"{len(record[kind])} {kind if len(record[kind]) > 1 else kind[:-1]}"
                for kind in ("figures", "tables")
                if record[kind]
            ]
            parts.append(
                f"<details><summary>{' and '.join(counts)}</summary>\n<ul>"
                + "\n".join(items)
                + "</ul></details>"
            )
        parts.append("</section>")
    body = '<div class="index">\n' + "\n".join(parts) + "\n</div>"
    _write(Path(output), _page(entry | {"name": "index"}, [], body))


def _page(entry: dict[str, Any], sections: list[tuple[str, str]], body: str) -> str:
    style = (TEMPLATE / "compendium" / "style.css").read_text(encoding="utf-8")
    banner = (
        f'<div class="banner" role="note">{html.escape(SYNTHETIC_LONG)}</div>\n'
        if entry["synthetic"]
        else ""
    )
    title = entry["title"] if entry["title"].startswith(_SITE) else f"{entry['title']} · {_SITE}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#text">Skip to the text</a>\n{banner}<div class="page">\n'
        f'{_navigation(entry, sections)}\n<main id="text">\n{body}\n</main>\n</div>\n'
        f"{_SCRIPT}\n</body>\n</html>\n"
    )


def _navigation(entry: dict[str, Any], sections: list[tuple[str, str]]) -> str:
    items = []
    for name, title in entry["navigation"]:
        here = name == entry["name"]
        link = (
            f'<a href="{name}.html"{" aria-current=page" if here else ""}>{html.escape(title)}</a>'
        )
        inner = "".join(f'\n<li><a href="#{anchor}">{text}</a></li>' for anchor, text in sections)
        below = f"\n<ol>{inner}\n</ol>" if here and inner else ""
        items.append(f"<li{' class=here' if here else ''}>{link}{below}</li>")
    return (
        '<nav aria-label="Contents">\n'
        f'<p class="site">{_SITE}</p>\n'
        '<input type="checkbox" id="menu"><label for="menu">Contents</label>\n'
        '<div class="links">\n<ol>\n' + "\n".join(items) + "\n</ol>\n"
        '<button id="all-code" type="button" aria-pressed="false" hidden>Show all code</button>\n'
        "</div>\n</nav>"
    )


def _neighbours(entry: dict[str, Any]) -> str:
    """Return links to the page before and the page after."""
    pages = list(entry["navigation"])
    names = [name for name, _ in pages]
    at = names.index(entry["name"]) if entry["name"] in names else 0
    before = pages[at - 1] if at > 0 else None
    after = pages[at + 1] if at + 1 < len(pages) else None
    links = [
        f'<a href="{page[0]}.html" rel="{rel}">{html.escape(text.format(page[1]))}</a>'
        for page, rel, text in ((before, "prev", "← {}"), (after, "next", "{} →"))
        if page
    ]
    return f"<footer>{''.join(links)}</footer>"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
