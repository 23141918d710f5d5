"""Published results as HTML, from the templates beside this module; everything is escaped there."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

# A page's text is wider than a notebook's.
_ON_PAGE = 1.2
TEMPLATES = Path(__file__).with_name("templates")


def render(template: str, **content: Any) -> str:
    """Return a template filled with content.

    Args:
        template: its name without ending, such as "table".
        content: what the template names; text is escaped.
    """
    return _environment().get_template(f"{template}.html.j2").render(content).strip()


def join_figures(notebook: Any) -> None:
    """Turn each figure of an executed notebook, picture and caption, into one `<figure>`, in place.

    Args:
        notebook: an nbformat notebook whose results a `Publisher` published.
    """
    for cell in notebook.cells:
        outputs = []
        for output in cell.get("outputs", ()):
            shown = output.get("metadata", {})
            if "caption_of" in shown:
                continue
            if "result" in shown:
                picture = shown["image/png"]
                page = render(
                    "figure",
                    png=output.data["image/png"].replace("\n", ""),
                    alt=picture["alt"],
                    width=round(picture["width"] * _ON_PAGE),
                    **{"csv": "", **shown["result"]},
                )
                output.data = {"text/html": page, "text/plain": output.data["text/plain"]}
            outputs.append(output)
        if outputs:
            cell.outputs = outputs


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
