"""Waves of a survey: which exports there are, and how the questionnaire of each differs.

A wave's overlay adds, drops or rewords items of the codebook. What was reworded keeps its place and
its response options, and is compared with the mark that its words differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from mlsec_survey.base.yaml_input import Entry, Sequence, near, read_yaml, validate
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.codebook_file import validated
from mlsec_survey.instrument.entries import Identifier, Text


class Overlay(Entry):
    """How the questionnaire of a wave differs from the codebook.

    Attributes:
        drop: items that the wave does not have; scales and flags of theirs go too.
        reword: what is different in the words of an item, by its id.
        add: items that only this wave has, as the codebook describes items.
        option_sets, subquestion_sets, scales: what added items need, as in the codebook.
    """

    version: Literal[1]
    drop: Sequence[Identifier] = ()
    reword: dict[Identifier, Text] = Field(default_factory=dict)
    add: Sequence[dict[str, Any]] = ()
    option_sets: dict[str, Any] = Field(default_factory=dict)
    subquestion_sets: dict[str, Any] = Field(default_factory=dict)
    scales: Sequence[dict[str, Any]] = ()


class WaveEntry(Entry):
    """One wave as written in the file of waves."""

    id: Identifier
    label: Text
    export: Text
    overlay: Text | None = None


class Waves(Entry):
    """The file of waves.

    Attributes:
        link: `invitation` if the same invitation code is the same person in each wave; `none` if
            every wave asked others, so that waves are independent samples.
    """

    version: Literal[1]
    link: Literal["none", "invitation"] = "none"
    waves: Annotated[Sequence[WaveEntry], Field(min_length=2)]


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave: its export, and the codebook of what it asked.

    Attributes:
        reworded: what is different in the words of an item, by its id.
    """

    id: str
    label: str
    export: Path
    codebook: Codebook
    reworded: dict[str, str]


def load_waves(path: Path, root: Path, codebook: Codebook) -> tuple[list[Wave], bool]:
    """Read which waves there are and how each differs from the codebook.

    Args:
        path: YAML file in the layout of `data/waves/example.yml`.
        root: folder that exports and overlays are named from.
        codebook: that overlays change.

    Returns:
        The waves in their order, and whether invitation codes link respondents.

    Raises:
        InputError: a wave is named twice, a file is not there, or an overlay does not fit.
    """
    document = read_yaml(path)
    declared = validate(document, Waves)
    waves: list[Wave] = []
    for at, entry in enumerate(declared.waves):
        if entry.id in {wave.id for wave in waves}:
            raise document.error(("waves", at, "id"), "a wave has this id already", value=entry.id)
        for key in ("export", "overlay"):
            name = getattr(entry, key)
            if name is not None and not (root / name).is_file():
                raise document.error(
                    ("waves", at, key),
                    "there is no such file",
                    value=name,
                    remedy="Give its path below the project's folder.",
                )
        book, reworded = codebook, dict[str, str]()
        if entry.overlay is not None:
            book, reworded = overlaid(codebook, root / entry.overlay)
        waves.append(Wave(entry.id, entry.label, root / entry.export, book, reworded))
    return waves, declared.link == "invitation"


def overlaid(codebook: Codebook, path: Path) -> tuple[Codebook, dict[str, str]]:
    """Return the codebook of a wave, and what is different in the words of its items.

    Raises:
        InputError: the overlay drops or rewords an item that is not there, adds one that is, or
            leaves something (an exclusion, a filter) that needs a dropped item.
    """
    document = read_yaml(path)
    overlay = validate(document, Overlay)
    known = {item.id for item in codebook.items}
    for key, names in (("drop", list(overlay.drop)), ("reword", list(overlay.reword))):
        for at, name in enumerate(names):
            if name not in known:
                raise document.error(
                    (key, at if key == "drop" else name),
                    "the codebook has no such item",
                    value=name,
                    remedy=near(name, known),
                )
    content = codebook.model_dump(by_alias=True, exclude_unset=True)
    dropped = set(overlay.drop)
    content["items"] = [i for i in content["items"] if i["id"] not in dropped] + list(overlay.add)
    for key in ("scales", "quality_flags"):
        content[key] = list(_left(content.get(key, ()), dropped))
    content["scales"] += overlay.scales
    content["option_sets"] |= overlay.option_sets
    content["subquestion_sets"] |= overlay.subquestion_sets
    return validated(document, content), dict(overlay.reword)


def _left(entries: Iterable[dict[str, Any]], dropped: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the scales or flags that are left; those over several items keep the other ones."""
    for entry in entries:
        if "items" in entry:
            items = [item for item in entry["items"] if item not in dropped]
            if items:
                yield entry | {"items": items}
        elif entry.get("item") not in dropped:
            yield entry
