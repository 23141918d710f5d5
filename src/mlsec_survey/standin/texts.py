"""Free text of the stand-in, composed from a small bilingual grammar so that it can be coded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.standin.draws import Draws
from mlsec_survey.standin.parameters import (
    CONFIRMED,
    DOUBTED,
    Bilingual,
    StandinParameters,
    StandinTexts,
)
from mlsec_survey.standin.people import Person, grid_columns

_SLOT = re.compile(r"\{([a-z]+)\}")


@dataclass
class Written:
    """One free-text answer about one attack, and the codes that it was composed to carry."""

    attack: str
    field: Literal["why", "incident"]
    column: str
    text: str
    codes: tuple[str, ...]


class Writer:
    """Writes what people answer in their own words."""

    def __init__(
        self, codebook: Codebook, parameters: StandinParameters, texts: StandinTexts, seed: int
    ) -> None:
        """Prepare the streams of random draws."""
        self._codebook = codebook
        self._parameters = parameters
        self._texts = texts
        self._draws = Draws(seed, "texts")
        self._why = grid_columns(codebook, codebook.item("why"))
        self._incident = grid_columns(codebook, codebook.item("incident"))
        # No two people tell the same story while there is another one left to tell.
        self._told: dict[tuple[str, str, str], list[str]] = {}

    def write(self, person: Person) -> list[Written]:
        """Fill the free-text columns of one person; fields behind a filter stay absent."""
        draws, parameters = self._draws, self._parameters.free_text
        german = person.language == "de" and draws.chance(parameters.german_in_german)
        written = []
        for attack, outcome in person.outcomes.items():
            column = self._incident[attack]
            described = (
                attack == "evasion"
                or outcome != "unconfirmed"
                or draws.chance(self._parameters.exposure.described)
            )
            if not described:
                person.answers[column] = ""
                continue
            text = self._styled([self._story(attack, outcome, german)])
            codes = {
                "confirmed": (CONFIRMED,),
                "doubted": (CONFIRMED, DOUBTED),
                "unconfirmed": (),
            }[outcome]
            person.answers[column] = text
            written.append(Written(attack, "incident", column, text, codes))
        for attack, column in self._why.items():
            rating = person.rating(self._codebook, "relevance", attack)
            if rating is None:
                continue
            if not draws.chance(parameters.why_answered):
                person.answers[column] = ""
                continue
            codes = self._codes(attack, rating)
            if draws.chance(0.04):
                text, codes = draws.one(self._texts.uncodable), ()
            else:
                text = self._composed([self._texts.why[code] for code in codes], german)
            person.answers[column] = text
            written.append(Written(attack, "why", column, text, codes))
        comment = self._codebook.item("comment").code
        wants = draws.chance(parameters.comment_answered)
        person.answers[comment] = self._composed([self._texts.comments], german) if wants else ""
        return written

    def plant_hostile(self, people: list[Person], written: list[list[Written]]) -> None:
        """Put texts that try to attack a reader's tools in place of some reasons and comments."""
        draws = self._draws
        comment = self._codebook.item("comment").code
        reasons = [
            (person, entry)
            for person, entries in zip(people, written, strict=True)
            for entry in entries
            if entry.field == "why"
        ]
        chosen = draws.sample(reasons, min(len(reasons), len(self._texts.hostile)))
        for text, (person, entry) in zip(self._texts.hostile, chosen, strict=False):
            entry.text, entry.codes = text, ()
            person.answers[entry.column] = text
        full = [person for person in people if person.last_page == self._codebook.pages]
        for text, person in zip(
            self._texts.hostile,
            draws.sample(full, min(len(full), len(self._texts.hostile))),
            strict=False,
        ):
            person.answers[comment] = text

    def _codes(self, attack: str, rating: int) -> tuple[str, ...]:
        parameters, draws = self._parameters.free_text, self._draws
        high = dict(self._texts.weights[attack])
        low = dict(self._texts.low)
        weights = low if rating <= parameters.low_rating else high
        codes = [draws.weighted(weights)]
        for chance in (parameters.second_concern, parameters.third_concern):
            if draws.chance(chance):
                rest = {code: weight for code, weight in weights.items() if code not in codes}
                if rest:
                    codes.append(draws.weighted(rest))
        return tuple(codes)

    def _story(self, attack: str, outcome: str, german: bool) -> str:
        language = "de" if german else "en"
        stories: tuple[str, ...] = getattr(getattr(self._texts.incident, outcome)[attack], language)
        told = self._told.setdefault((attack, outcome, language), [])
        untold = [story for story in stories if story not in told]
        if not untold:
            told.clear()
            untold = list(stories)
        story = self._draws.one(untold)
        told.append(story)
        return self._filled(story, language)

    def _composed(self, kinds: list[Bilingual], german: bool) -> str:
        language = "de" if german else "en"
        return self._styled(
            [self._filled(self._draws.one(getattr(kind, language)), language) for kind in kinds]
        )

    def _filled(self, template: str, language: str) -> str:
        return _SLOT.sub(
            lambda match: self._draws.one(getattr(self._texts.slots[match.group(1)], language)),
            template,
        )

    def _styled(self, sentences: list[str]) -> str:
        style = self._draws.uniform()
        if style < 0.08:
            return "\n".join(sentences)
        if style < 0.16:
            return " ".join(sentence.rstrip(".").lower() for sentence in sentences)
        if style < 0.20:
            return "  " + " ; ".join(sentence.rstrip(".") for sentence in sentences) + " "
        return " ".join(sentence[:1].upper() + sentence[1:] for sentence in sentences)
