"""What the search page looks through: the headings, results and terms of all pages."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = frozenset(["area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"])
_LEFT_OUT = frozenset(["script", "style", "pre", "nav", "footer", "button", "noscript", "svg"])
_LEFT_OUT_CLASSES = frozenset(
    ["tools", "permalink", "anchor-link", "synthetic", "place", "code", "see"]
)
_STARTS = frozenset(["h1", "h2", "h3"])
_LONGEST = 6000


def search_entries(address: str, title: str, page: str) -> list[dict[str, str]]:
    """Return what can be found on a page.

    Args:
        address: of the page.
        title: of the page.
        page: its HTML.

    Returns:
        One entry per heading, published result, answer and term, with its text up to the next:
        page (title), title, href, text and kind (text, result or term).
    """
    reader = _Reader(address, title)
    reader.feed(page)
    reader.close()
    entries = []
    for entry in reader.entries:
        text = " ".join("".join(entry.pop("parts")).split())[:_LONGEST]
        heading = " ".join("".join(entry.pop("heading")).split())
        if not (text or heading):
            continue
        entries.append(
            {
                "page": title,
                "title": heading or _short(text),
                "href": entry["href"],
                "text": text,
                "kind": entry["kind"],
            }
        )
    return entries


def _short(text: str, longest: int = 90) -> str:
    first = text.split(". ")[0]
    return first if len(first) <= longest else f"{first[:longest].rsplit(' ', 1)[0]} …"


class _Reader(HTMLParser):
    """Gathers the text of `<main>` by the element with an id under which it stands."""

    def __init__(self, address: str, title: str) -> None:
        super().__init__(convert_charrefs=True)
        self.address = address
        self.entries: list[dict] = []
        # Per open element: its tag, whether it is left out, and the entry that it began.
        self.open: list[tuple[str, bool, dict | None]] = []
        self.in_main = self.left_out = 0
        self.heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        classes = set((named.get("class") or "").split())
        if tag in _VOID:
            return
        self.in_main += tag == "main"
        out = tag in _LEFT_OUT or bool(classes & _LEFT_OUT_CLASSES)
        self.left_out += out
        began = None
        anchor = named.get("id") or ""
        if self.in_main and not self.left_out:
            if tag in _STARTS:
                began = self._begin(anchor, "text")
                self.heading = True
            elif "result" in classes and "number" not in classes and anchor:
                began = self._begin(anchor, "result")
            elif tag == "div" and (
                "answer" in classes or any(t == "dl" for t, *_ in self.open[-1:])
            ):
                began = self._begin(anchor, "term" if "answer" not in classes else "text")
            elif tag == "dt":
                self.heading = True
            elif self.entries:
                # So that words of neighbouring cells and paragraphs do not run together.
                self.entries[-1]["parts"].append(" ")
        self.open.append((tag, out, began))

    def _begin(self, anchor: str, kind: str) -> dict:
        href = f"{self.address}#{anchor}" if anchor else self.address
        entry = {"href": href, "kind": kind, "heading": [], "parts": []}
        self.entries.append(entry)
        return entry

    def handle_endtag(self, tag: str) -> None:
        while self.open:
            name, out, began = self.open.pop()
            self.left_out -= out
            if name in _STARTS or name == "dt":
                self.heading = False
            self.in_main -= name == "main"
            if began is not None and began["kind"] == "result" and len(self.entries) > 0:
                # What follows a result belongs to the heading above it again.
                above = next((e for e in reversed(self.entries) if e["kind"] == "text"), None)
                if above is not None and above is not self.entries[-1]:
                    self.entries.remove(above)
                    self.entries.append(above)
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        if self.in_main and not self.left_out and self.entries:
            self.entries[-1]["heading" if self.heading else "parts"].append(data)
