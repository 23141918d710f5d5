"""The glossary: what the words of the field mean, and links to it from where they are used."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.markup import MarkupCopy
from mlsec_survey.base.yaml_input import Entry, Sequence, near, read_yaml, validate


class Term(Entry):
    """One entry of the glossary.

    Attributes:
        also: other forms of the term that text uses, such as plurals and symbols.
        short: one sentence that stands on its own.
        more: how to read it, with an example.
        see: ids of related terms.
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    term: str
    also: Sequence[str] = ()
    short: str
    more: str = ""
    source: str = ""
    see: Sequence[str] = ()


class _Glossary(Entry):
    version: int
    terms: Annotated[Sequence[Term], Field(min_length=1)]


def load_glossary(path: Path) -> tuple[Term, ...]:
    """Return the terms in alphabetical order.

    Raises:
        InputError: the file has the wrong shape, uses an id or a form twice, or refers to a term
            that is not there.
    """
    document = read_yaml(path)
    terms = validate(document, _Glossary).terms
    owner: dict[str, str] = {}
    known = {term.id for term in terms}
    for at, term in enumerate(terms):
        for form in (f"id {term.id}", *{_plain(form) for form in (term.term, *term.also)}):
            if form in owner:
                raise InputError(
                    f"{form!r} stands for two terms, {owner[form]!r} and {term.id!r}",
                    file=path,
                    row=document.line(("terms", at)),
                    remedy="take it out of one of them",
                )
            owner[form] = term.id
        for other in term.see:
            if other not in known:
                raise InputError(
                    f"{term.id!r} refers to {other!r}, which is no term",
                    file=path,
                    row=document.line(("terms", at, "see")),
                    remedy=near(other, known),
                )
    return tuple(sorted(terms, key=lambda term: term.term.lower()))


def _plain(form: str) -> str:
    return " ".join(form.lower().replace("\N{NO-BREAK SPACE}", " ").split())


@dataclass
class TermLinks:
    """Links each term where it is first used below a heading.

    Attributes:
        terms: of the glossary.
        page: address of the glossary.
    """

    terms: tuple[Term, ...]
    page: str = "glossary.html"
    _by_form: dict[str, Term] = field(init=False, repr=False)
    _pattern: re.Pattern[str] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._by_form = {_plain(form): t for t in self.terms for form in (t.term, *t.also)}
        # Longer forms first, so that "adjusted p" is not taken for "p".
        forms = sorted(self._by_form, key=lambda form: (-len(form), form))
        alternatives = "|".join(re.escape(form).replace(r"\ ", r"\s+") for form in forms)
        self._pattern = (
            re.compile(rf"(?<![\w-])(?:{alternatives})(?![\w-])", re.I) if forms else None
        )

    def link(self, page: str) -> str:
        """Return HTML in which terms lead to the glossary; markup stays as it is."""
        if self._pattern is None:
            return page
        # An apostrophe needs no reference in text, and a term is looked for in one piece.
        return _Linker(self).copied(page.replace("&#39;", "'").replace("&#x27;", "'"))

    def marked(self, text: str, seen: set[str]) -> str:
        """Return escaped text with links on terms that are not among `seen`; adds them to it."""
        assert self._pattern is not None
        parts, at = [], 0
        for match in self._pattern.finditer(text):
            term = self._by_form[_plain(match[0])]
            if term.id in seen:
                continue
            seen.add(term.id)
            parts += [
                text[at : match.start()],
                f'<a class="term" href="{self.page}#{term.id}" '
                f'data-short="{html.escape(term.short)}">{match[0]}</a>',
            ]
            at = match.end()
        return "".join([*parts, text[at:]])


class _Linker(MarkupCopy):
    """Marks terms in paragraphs, lists, captions and headings of columns."""

    INTO = frozenset(["p", "li", "figcaption", "caption", "th", "dd"])
    NOT_INTO = frozenset(
        ["a", "button", "code", "pre", "script", "style", "summary", "svg", "nav", "h1", "h2", "h3"]
    )
    AGAIN = frozenset(["h2", "h3", "figure", "table"])

    def __init__(self, links: TermLinks) -> None:
        super().__init__()
        self.links = links
        self.seen: set[str] = set()
        self.into = self.not_into = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.AGAIN:
            self.seen = set()
        self.into += tag in self.INTO
        self.not_into += tag in self.NOT_INTO
        super().handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.into -= tag in self.INTO
        self.not_into -= tag in self.NOT_INTO
        super().handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        usable = self.into > 0 and self.not_into == 0
        super().handle_data(self.links.marked(data, self.seen) if usable else data)
