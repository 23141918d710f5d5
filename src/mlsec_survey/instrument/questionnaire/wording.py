"""The wording of the questionnaire, a file per language, and how the questionnaire is fielded.

A wording covers the codebook exactly: every item, row, box, option and page that respondents meet
has its words in every language, and there are no words for what is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.yaml_input import (
    Entry,
    Location,
    Sequence,
    YamlDocument,
    more,
    near,
    read_yaml,
    validate,
)
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import Identifier, Text

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")]
_FILL_IN = re.compile(r"\{([a-z_]+)\}")
# What the paper form fills into its own instructions.
_INSTRUCTION_FIELDS = frozenset({"answers", "number"})


class SurveyWords(Entry):
    """Title, welcome and farewell."""

    title: Text
    description: Text
    welcome: Text
    end: Text
    ended_early: Text


class SharedWords(Entry):
    """Words of options that items share."""

    other: Text
    dont_know: Text
    prefer_not: Text


class PaperWords(Entry):
    """Instructions that only a form on paper needs."""

    part: Text
    choose_one: Text
    choose_per_row: Text
    choose_several: Text
    exclusive: Text
    write: Text
    write_per_row: Text
    number: Text
    date: Text
    rank: Text
    ticked: Text
    only_if: Text
    only_if_row: Text
    only_unless: Text
    only_unless_row: Text
    or_: Text = Field(alias="or")
    go_on_if: Text
    codes: Text


class ItemWords(Entry):
    """One question as it is put; `none` is the box that says none of these."""

    text: Text
    help: Text | None = None
    none: Text | None = None


class Wording(Entry):
    """All that respondents read, in one language; build it with `load_wording`."""

    version: Literal[1]
    language: Language
    notice: Text
    survey: SurveyWords
    words: SharedWords
    paper: PaperWords
    pages: Annotated[Sequence[Text], Field(min_length=1)]
    options: dict[str, dict[str, Text]]
    subquestions: dict[str, dict[str, Text]] = Field(default_factory=dict)
    items: dict[Identifier, ItemWords]


class GoOnIf(Entry):
    """An answer that somebody has to give to be asked anything further."""

    item: Identifier
    value: int | str


class Fielding(Entry):
    """How the questionnaire is put to people; build it with `load_fielding`."""

    version: Literal[1]
    languages: Annotated[Sequence[Language], Field(min_length=1)]
    fill_in: dict[str, Text] = Field(default_factory=dict)
    go_on_if: Sequence[GoOnIf] = ()
    random_order: Sequence[Identifier] = ()
    text_limits: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)

    def open_words(self) -> list[str]:
        """Return the words to fill in that are still in square brackets."""
        return [name for name, words in self.fill_in.items() if words.startswith("[")]


def load_fielding(path: Path | str, codebook: Codebook) -> Fielding:
    """Read how the questionnaire is fielded.

    Args:
        path: YAML file in the layout of `data/questionnaire.yml`.
        codebook: defines the items.

    Raises:
        InputError: an entry has the wrong shape or names what the codebook has not; the first one,
            with its line.
    """
    document = read_yaml(path)
    fielding = validate(document, Fielding)
    items = {item.id: item for item in codebook.items}
    for at, gate in enumerate(fielding.go_on_if):
        here: Location = ("go_on_if", at, "item")
        if gate.item not in items:
            raise document.error(here, f"no item {gate.item!r}", remedy=near(gate.item, items))
        values = [option.value for option in codebook.options(gate.item)]
        if items[gate.item].type != "single" or gate.value not in values:
            raise document.error(
                ("go_on_if", at, "value"),
                "not an option of a single-choice item",
                value=gate.value,
                remedy="Options: " + ", ".join(map(repr, values)) + ".",
            )
    for at, name in enumerate(fielding.random_order):
        if name not in items:
            raise document.error(
                ("random_order", at), f"no item {name!r}", remedy=near(name, items)
            )
        if items[name].type == "multiple" or not codebook.subquestions(name):
            raise document.error(
                ("random_order", at),
                f"the item {name!r} has no rows that could be shuffled",
                remedy="Name items with rows; checklists keep their order.",
            )
    texts = {item.id for item in codebook.items if item.type == "text"} | {"other"}
    for name in fielding.text_limits:
        if name not in texts:
            raise document.error(
                ("text_limits", name), f"no item {name!r} in own words", remedy=near(name, texts)
            )
    return fielding


def load_wording(path: Path | str, codebook: Codebook, fielding: Fielding) -> Wording:
    """Read the wording of one language and check that it covers the codebook.

    Args:
        path: YAML file in the layout of `data/wording/en.yml`.
        codebook: says what needs words.
        fielding: says what stands for words in braces, which are filled in here.

    Raises:
        InputError: an entry has the wrong shape, words are missing, or there are words for what the
            codebook has not; the first such place, and how many more there are.
    """
    document = read_yaml(path)
    _refuse_unknown_braces(document, fielding)
    content = _filled(document.content, fielding.fill_in)
    wording = validate(YamlDocument(document.path, content, document.lines), Wording)
    lacking, surplus = [], []
    for location, wanted, given in _coverage(wording, codebook):
        known = set(wanted)
        lacking += [(location, name) for name in wanted if name not in given]
        surplus += [(location, name, near(name, known)) for name in given if name not in known]
    if lacking:
        location, name = lacking[0]
        raise document.error(
            location,
            f"there are no words for {name!r}{more(len(lacking) - 1)}",
            remedy="Add them: every item and option of the codebook needs words in each language.",
        )
    if surplus:
        location, name, hint = surplus[0]
        raise document.error(
            (*location, name),
            f"the codebook has no {name!r}{more(len(surplus) - 1)}",
            remedy=f"Remove the words, or correct the name. {hint}",
        )
    return wording


def _coverage(
    wording: Wording, codebook: Codebook
) -> Iterator[tuple[Location, list[str], Iterable[str]]]:
    """Yield place, names that need words and names that have some."""
    pages = [str(page) for page in range(1, codebook.pages + 1)]
    yield ("pages",), pages, [str(page) for page in range(1, len(wording.pages) + 1)]
    yield ("items",), [item.id for item in codebook.items], wording.items
    option_sets = [item.options for item in codebook.items if item.options is not None]
    yield ("options",), list(dict.fromkeys(option_sets)), wording.options
    for name in dict.fromkeys(option_sets):
        codes = [option.code for option in codebook.option_sets[name].options]
        yield ("options", name), codes, wording.options.get(name, {})
    row_sets = [item.subquestions for item in codebook.items if item.subquestions is not None]
    yield ("subquestions",), list(dict.fromkeys(row_sets)), wording.subquestions
    for name in dict.fromkeys(row_sets):
        ids = [entry.id for entry in codebook.subquestion_sets[name]]
        yield ("subquestions", name), ids, wording.subquestions.get(name, {})
    for item in codebook.items:
        if item.id in wording.items:
            wanted = ["none"] if item.none is not None else []
            yield ("items", item.id), wanted, ["none"] if wording.items[item.id].none else []


def _refuse_unknown_braces(document: YamlDocument, fielding: Fielding) -> None:
    """Refuse braces that nothing stands for: a survey tool would take them for an expression."""
    known = {*fielding.fill_in, *_INSTRUCTION_FIELDS}
    for location, text in _texts(document.content):
        left = _FILL_IN.sub(lambda found: "" if found[1] in known else found[0], text)
        if "{" in left or "}" in left:
            raise document.error(
                location,
                "nothing stands for these braces",
                value=left,
                remedy="Leave them out, or add the word in them to fill_in in "
                "data/questionnaire.yml.",
            )


def _texts(content: object, location: Location = ()) -> Iterator[tuple[Location, str]]:
    if isinstance(content, str):
        yield location, content
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from _texts(value, (*location, key))
    elif isinstance(content, list):
        for at, value in enumerate(content):
            yield from _texts(value, (*location, at))


def _filled(content: object, words: Mapping[str, str]) -> object:
    if isinstance(content, str):
        return _FILL_IN.sub(lambda found: words.get(found[1], found[0]), content)
    if isinstance(content, Mapping):
        return {key: _filled(value, words) for key, value in content.items()}
    if isinstance(content, list):
        return [_filled(value, words) for value in content]
    return content


def load_wordings(folder: Path, codebook: Codebook) -> tuple[Wording, ...]:
    """Return the wordings of the questionnaire, none where they do not fit the codebook.

    A survey may be fielded in other words, or have none here; `make survey` says what does not fit.

    Args:
        folder: with `questionnaire.yml` and, in `wording`, one file per language.
        codebook: what needs words.
    """
    try:
        fielding = load_fielding(folder / "questionnaire.yml", codebook)
        return tuple(
            load_wording(folder / "wording" / f"{language}.yml", codebook, fielding)
            for language in fielding.languages
        )
    except InputError:
        return ()
