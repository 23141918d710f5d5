"""Web pages from executed notebooks: one file each, readable without a network or scripts."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

from mlsec_survey.labels import SYNTHETIC_LONG

TEMPLATE = Path(__file__).with_name("template")


def render_page(notebook: str, output: str, entry: dict[str, Any]) -> None:
    """Render an executed notebook as a page.

    Args:
        notebook: path of the executed notebook.
        output: path of the page to write.
        entry: `title`, `name`, `synthetic`, and `navigation`: pairs of page name and title.
    """
    import nbformat
    from nbconvert.exporters import HTMLExporter
    from traitlets.config import Config

    config = Config()
    config.HTMLExporter.extra_template_basedirs = [str(TEMPLATE)]
    config.HTMLExporter.template_name = "compendium"
    exporter = HTMLExporter(config=config)
    content = nbformat.read(notebook, as_version=4)
    resources = {
        "compendium": entry | {"navigation_html": _navigation(entry), "banner": _banner(entry)}
    }
    body, _ = exporter.from_notebook_node(content, resources=resources)
    _write(Path(output), re.sub(r"[ \t]+\n", "\n", body))


def render_index(records: list[str], output: str, entry: dict[str, Any]) -> None:
    """Render the overview: all notebooks with their questions, figures, tables and the paper.

    Args:
        records: paths of the notebooks' records of published results.
        output: path of the page to write.
        entry: `navigation` as above, `questions` by notebook, `synthetic`, and `paper`, a link.
    """
    parts = [f"<h1>{html.escape(entry['title'])}</h1>"]
    if entry.get("paper"):
        parts.append(f'<p><a href="{html.escape(entry["paper"])}">The paper (PDF)</a></p>')
    by_notebook = {}
    for path in records:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        by_notebook[record["notebook"]] = record
    for name, title in entry["navigation"]:
        if name == "index":
            continue
        parts.append(f'<section><h2><a href="{name}.html">{html.escape(title)}</a></h2>')
        parts.append(f"<p>{html.escape(entry['questions'][name])}</p>")
        record = by_notebook.get(name, {"figures": {}, "tables": {}})
        items = [
            f'<li><a href="{name}.html#{mark}-{key}">{html.escape(item["caption"])}</a></li>'
            for kind, mark in (("figures", "fig"), ("tables", "tab"))
            for key, item in sorted(record[kind].items())
        ]
        if items:
            parts.append(
                f"<details><summary>{len(items)} figures and tables</summary><ul>"
                + "".join(items)
                + "</ul></details>"
            )
        parts.append("</section>")
    style = (TEMPLATE / "compendium" / "style.css").read_text(encoding="utf-8")
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(entry['title'])}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"{_banner(entry)}\n{_navigation(entry | {'name': 'index'})}\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )
    _write(Path(output), page)


def _navigation(entry: dict[str, Any]) -> str:
    links = "".join(
        f'<a href="{name}.html"{" aria-current=page" if name == entry["name"] else ""}>'
        f"{html.escape(title)}</a>"
        for name, title in entry["navigation"]
    )
    return f'<nav aria-label="Notebooks">{links}</nav>'


def _banner(entry: dict[str, Any]) -> str:
    if not entry["synthetic"]:
        return ""
    return f'<div class="banner" role="note">{html.escape(SYNTHETIC_LONG)}</div>'


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
