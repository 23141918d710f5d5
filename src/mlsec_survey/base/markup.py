"""HTML that is copied as it stands, but for what a subclass changes."""

from __future__ import annotations

from html.parser import HTMLParser


class MarkupCopy(HTMLParser):
    """Copies a page; `copied` returns what was fed, with the changes of the subclass."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []

    def copied(self, page: str) -> str:
        """Return the copy of a page."""
        self.feed(page)
        self.close()
        return "".join(self.parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Copy a tag as it was written."""
        self.parts.append(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Copy a tag without content as it was written."""
        self.parts.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        """Copy an end tag."""
        self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Copy text; references are not resolved in it."""
        self.parts.append(data)

    def handle_entityref(self, name: str) -> None:
        """Copy a named reference."""
        self.parts.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """Copy a numbered reference."""
        self.parts.append(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        """Copy a comment."""
        self.parts.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        """Copy a declaration."""
        self.parts.append(f"<!{decl}>")
