"""Published results on a page: permalink, cell, places in the paper, downloads, best picture.

Results come as elements of the class `result` with `data-kind` and `data-key`, as
`report.publisher` describes; what surrounds them on a page is added here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlsec_survey.base.markup import MarkupCopy

KINDS = {"figure": "figures", "table": "tables", "number": "numbers"}
# Files of a figure and a table below the run's folder, by what a reader calls them.
_FILES = {
    "figure": (
        ("SVG", "figures/{}.svg"),
        ("PDF", "figures/{}.pdf"),
        ("PNG", "figures/{}.png"),
        ("plotted values (CSV)", "figures/{}.csv"),
    ),
    "table": (("CSV", "paper/generated/tables/{}.csv"),),
    "number": (),
}
_PICTURE = "figures/{}.svg"
# Letters of a data address that need no escape in `src` and `srcset`, which ends at a blank.
_PLAIN = "/:;=,.-_!()*'@?+$~[]{}|^"
_NARROW_PICTURE = "figures/{}.narrow.svg"


def downloads(run: Path, kind: str, key: str) -> list[dict[str, str]]:
    """Return the files of a result that this run wrote.

    Args:
        run: the run's folder.
        kind: figure, table or number.
        key: of the result.

    Returns:
        Name and href, seen from html/, of each file.
    """
    return [
        {"name": name, "href": f"../{pattern.format(key)}"}
        for name, pattern in _FILES[kind]
        if (run / pattern.format(key)).is_file()
    ]


def picture_source(run: Path, key: str, *, narrow: bool = False) -> str:
    """Return a figure's vector picture as a data address; empty when the run wrote none."""
    path = run / (_NARROW_PICTURE if narrow else _PICTURE).format(key)
    if not path.is_file():
        return ""
    return "data:image/svg+xml," + quote(_compact(path.read_text(encoding="utf-8")), safe=_PLAIN)


def _compact(picture: str) -> str:
    """Return an SVG without what a page has no use for.

    That is the prolog, metadata, blanks, hundredths of a point, and long names of parts.
    """
    picture = re.sub(r"^.*?(?=<svg)|<metadata>.*?</metadata>", "", picture, flags=re.S)
    picture = re.sub(r">\s+<", "><", picture)
    picture = re.sub(r'(?<=\sstyle=")[^"]+', lambda style: re.sub(r"\s+", "", style[0]), picture)
    picture = re.sub(r'(?<=\sd=")[^"]+', lambda path: _compact_path(path[0]), picture)
    picture = re.sub(r"(?<=base64,)[^\"]+", lambda image: "".join(image[0].split()), picture)
    picture = picture.replace("xlink:href=", "href=")
    used = dict.fromkeys(re.findall(r'(?:href="|url\()#([^")]+)', picture))
    names = {name: f"n{at}" for at, name in enumerate(used)}
    picture = re.sub(
        r'\sid="([^"]+)"',
        lambda part: f' id="{names[part[1]]}"' if part[1] in names else "",
        picture,
    )
    picture = re.sub(
        r'(href="|url\()#([^")]+)', lambda part: f"{part[1]}#{names[part[2]]}", picture
    )
    # Single quotes need no escape in an address.
    return re.sub(r"=\"([^\"']*)\"", r"='\1'", picture)


def _compact_path(path: str) -> str:
    rounded = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.2f}", path)
    # With commas, since each blank takes three letters in an address.
    return re.sub(r",?([A-Za-z]),?", r"\1", ",".join(rounded.split()))


def present_results(
    body: str,
    run: Path,
    places: Mapping[str, Mapping[str, Sequence[str]]],
    render: Callable[..., str],
) -> str:
    """Return a page's body with each result made ready for its readers.

    Args:
        body: HTML of the cells of a notebook.
        run: the run's folder.
        places: where the paper uses a result, by kind (numbers, tables, figures) and key.
        render: renders a template of the site.
    """
    return _Presenter(run, places, render).copied(body)


class _Presenter(MarkupCopy):
    def __init__(
        self,
        run: Path,
        places: Mapping[str, Mapping[str, Sequence[str]]],
        render: Callable[..., str],
    ) -> None:
        super().__init__()
        self.run, self.places, self.render = run, places, render
        self.cell = ""
        self.result: dict[str, Any] | None = None
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        classes = (named.get("class") or "").split()
        if "cell" in classes:
            self.cell = named.get("id") or ""
        if "result" in classes and named.get("data-key"):
            self.result = {"tag": tag, "kind": named["data-kind"], "key": named["data-key"]}
            self.depth = 0
        if self.result is not None and tag == self.result["tag"]:
            self.depth += 1
        if tag == "img" and self.result is not None and self._picture(named):
            return
        super().handle_starttag(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not (tag == "img" and self.result is not None and self._picture(dict(attrs))):
            super().handle_startendtag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self.result is not None and tag == self.result["tag"]:
            self.depth -= 1
            if not self.depth:
                self.parts.append(self._tools())
                self.result = None
        super().handle_endtag(tag)

    def _picture(self, image: Mapping[str, str | None]) -> bool:
        """Put the vector picture in place of the bitmap, if there is one; return whether."""
        assert self.result is not None
        key = self.result["key"]
        wide = picture_source(self.run, key)
        if wide:
            self.parts.append(
                self.render(
                    "picture",
                    wide=wide,
                    narrow=picture_source(self.run, key, narrow=True),
                    alt=image.get("alt") or "",
                    width=image.get("width") or "",
                )
            )
        return bool(wide)

    def _tools(self) -> str:
        assert self.result is not None
        kind, key = self.result["kind"], self.result["key"]
        return self.render(
            "tools",
            kind=kind,
            key=key,
            anchor=f"{ {'figure': 'fig', 'table': 'tab', 'number': 'num'}[kind] }-{key}",
            cell=self.cell,
            places=self.places.get(KINDS[kind], {}).get(key, []),
            downloads=downloads(self.run, kind, key),
        )
