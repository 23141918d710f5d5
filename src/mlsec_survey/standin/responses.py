"""All responses of the stand-in in the order of their numbers, with every kind of mess."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.standin.draws import Draws
from mlsec_survey.standin.parameters import StandinParameters, StandinTexts
from mlsec_survey.standin.people import Person, Population, grid_columns
from mlsec_survey.standin.texts import Writer, Written


@dataclass(frozen=True)
class Response:
    """One numbered response of the raw export."""

    number: int
    seed: int
    person: Person
    written: list[Written]


def draw_responses(
    codebook: Codebook, parameters: StandinParameters, texts: StandinTexts, seed: int
) -> list[Response]:
    """Draw all responses.

    Args:
        codebook: the questionnaire.
        parameters: numbers and loadings.
        texts: grammar of the free text.
        seed: of every draw; the same seed gives the same responses.

    Returns:
        Responses in the order of their numbers. `person.analysed` marks those that remain after the
        exclusions of the codebook.
    """
    population = Population(codebook, parameters, seed)
    writer = Writer(codebook, parameters, texts, seed)
    mess = Draws(seed, "mess")
    size = parameters.sample.respondents
    core = [population.person() for _ in range(size)]
    _report_attacks(core, codebook, parameters, population)
    leavers = [
        population.person()
        for count in parameters.excluded.partial_by_last_page.values()
        for _ in range(count)
    ]
    for person in leavers:
        _report_by_chance(person, codebook, parameters, population, mess)
    for person in (*core, *leavers):
        population.rate(person)
        population.expect(person)
        population.defend(person)
    for person in core:
        person.analysed = True
    _spoil_quality(core, codebook, parameters, mess)
    written = {id(person): writer.write(person) for person in (*core, *leavers)}
    writer.plant_hostile(core, [written[id(person)] for person in core])
    _shorten(leavers, parameters, mess)
    repeats = _repeats(core, codebook, parameters, mess)
    everybody = [
        *core,
        *leavers,
        *repeats,
        *_returned(core, codebook, parameters, mess),
        *_outside(codebook, parameters, population, mess),
    ]
    return _numbered(everybody, written, codebook, parameters, mess)


def _report_attacks(
    core: list[Person], codebook: Codebook, parameters: StandinParameters, population: Population
) -> None:
    exposure = parameters.exposure
    for attack in codebook.part_labels("attacks"):
        counts = exposure.counts[attack]
        scored = sorted(
            ((population.exposure_score(person), at) for at, person in enumerate(core)),
            reverse=True,
        )
        for rank, (_, at) in enumerate(scored):
            person = core[at]
            if rank < counts.happened:
                population.answer_occurrence(person, attack, "yes")
                if rank < exposure.confirmed_but_doubted[attack]:
                    person.outcomes[attack] = "doubted"
                elif rank < exposure.confirmed[attack]:
                    person.outcomes[attack] = "confirmed"
                else:
                    person.outcomes[attack] = "unconfirmed"
            elif rank < counts.happened + counts.suspected:
                population.answer_occurrence(person, attack, "suspected")
                person.outcomes[attack] = "unconfirmed"
            else:
                population.answer_occurrence(person, attack, None)


def _report_by_chance(
    person: Person,
    codebook: Codebook,
    parameters: StandinParameters,
    population: Population,
    mess: Draws,
) -> None:
    for attack in codebook.part_labels("attacks"):
        counts = parameters.exposure.counts[attack]
        if mess.chance(counts.suspected / parameters.sample.respondents):
            population.answer_occurrence(person, attack, "suspected")
            person.outcomes[attack] = "unconfirmed"
        else:
            population.answer_occurrence(person, attack, None)


def _spoil_quality(
    core: list[Person], codebook: Codebook, parameters: StandinParameters, mess: Draws
) -> None:
    quality = parameters.quality
    kinds = ["fast"] * quality.speeders + ["straight"] * quality.straight_liners
    kinds += ["inattentive"] * quality.failed_attention + ["open"] * quality.not_submitted
    chosen = mess.sample(range(len(core)), len(kinds))
    attention = codebook.item("attention").code
    for at, kind in zip(chosen, kinds, strict=True):
        person = core[at]
        if kind == "fast":
            factor = parameters.paradata.speeder_factor
            person.page_seconds = [
                round(max(factor * median, 1.0), 2) for median in parameters.paradata.page_seconds
            ]
        elif kind == "straight":
            code = mess.one(["A3", "A3", "A4", "A1"])
            for item_id in ("concern", "relevance"):
                for column in grid_columns(codebook, codebook.item(item_id)).values():
                    person.answers[column] = code
        elif kind == "inattentive":
            person.answers[attention] = mess.one(["A1", "A2", "A3", "A5", ""])
        else:
            person.last_page = codebook.pages - 1
            person.submitted = False


def _shorten(leavers: list[Person], parameters: StandinParameters, mess: Draws) -> None:
    last_pages = [
        int(page)
        for page, count in parameters.excluded.partial_by_last_page.items()
        for _ in range(count)
    ]
    for person, last_page in zip(leavers, last_pages, strict=True):
        person.last_page = last_page
        person.submitted = False
        person.pause_seconds = 0.0 if mess.chance(0.7) else person.pause_seconds


def _repeats(
    core: list[Person], codebook: Codebook, parameters: StandinParameters, mess: Draws
) -> list[Person]:
    """Return second complete responses of people who answered twice under one token."""
    invited = [person for person in core if person.token and person.submitted]
    repeats = []
    for person in mess.sample(invited, parameters.excluded.duplicate):
        answers = dict(person.answers)
        for column in grid_columns(codebook, codebook.item("concern")).values():
            if mess.chance(0.3):
                answers[column] = mess.one(["A2", "A3", "A4"])
        for item_id in ("why", "incident"):
            for column in grid_columns(codebook, codebook.item(item_id)).values():
                if answers.get(column):
                    answers[column] = ""
        repeats.append(
            replace(
                person,
                answers=answers,
                outcomes={},
                started=person.started
                + timedelta(days=3 + mess.below(25), seconds=mess.below(9000)),
                page_seconds=[round(0.7 * seconds, 2) for seconds in person.page_seconds],
                pause_seconds=0.0,
                analysed=False,
            )
        )
    return repeats


def _returned(
    core: list[Person], codebook: Codebook, parameters: StandinParameters, mess: Draws
) -> list[Person]:
    """Return first, incomplete responses of people who came back later under the same token."""
    invited = [person for person in core if person.token and person.submitted]
    return [
        replace(
            person,
            answers=dict(person.answers),
            outcomes={},
            started=person.started - timedelta(hours=1 + mess.below(40), seconds=mess.below(3600)),
            last_page=2 + mess.below(4),
            submitted=False,
            pause_seconds=0.0,
            analysed=False,
        )
        for person in mess.sample(invited, parameters.excluded.returned)
    ]


def _outside(
    codebook: Codebook, parameters: StandinParameters, population: Population, mess: Draws
) -> list[Person]:
    """Return tests by the team, people without consent and people outside the population."""
    consent, screening = codebook.item("consent").code, codebook.item("screening").code
    channel = codebook.item("channel").code
    people = []
    begin = datetime.fromisoformat(parameters.sample.start)
    for at in range(parameters.excluded.test_run):
        person = population.person()
        for attack in codebook.part_labels("attacks"):
            population.answer_occurrence(person, attack, None)
        population.rate(person)
        population.expect(person)
        population.defend(person)
        person.answers[channel] = "TEST"
        person.answers[codebook.item("comment").code] = mess.one(
            ["test", "TEST", "asdf", "ignore me"]
        )
        person.started = begin - timedelta(days=6 - at, seconds=mess.below(20_000))
        person.token, person.referrer = f"TEST{at:02d}", ""
        people.append(person)
    for at in range(parameters.excluded.no_consent):
        person = population.person()
        person.answers = {consent: "" if at % 4 == 0 else "N", screening: "", channel: ""}
        person.last_page, person.submitted = 1, False
        people.append(person)
    for _ in range(parameters.excluded.screened_out):
        person = population.person()
        given = person.answers[channel]
        person.answers = {consent: "Y", screening: "N", channel: given}
        # The survey ends after the first page, which the tool counts as submitted.
        person.last_page, person.submitted = 1, True
        people.append(person)
    return people


def _numbered(
    people: list[Person],
    written: dict[int, list[Written]],
    codebook: Codebook,
    parameters: StandinParameters,
    mess: Draws,
) -> list[Response]:
    ordered = sorted(enumerate(people), key=lambda entry: (entry[1].started, entry[0]))
    pages = {column.name: column.page for column in codebook.column_specs}
    responses = []
    number = 2  # the tool's own first entries are deleted before fieldwork
    for _, person in ordered:
        number += 1
        while mess.chance(parameters.sample.id_gap):
            number += 1
        person.answers = {
            name: cell for name, cell in person.answers.items() if pages[name] <= person.last_page
        }
        responses.append(
            Response(
                number,
                100_000_000 + mess.below(900_000_000),
                person,
                written.get(id(person), []) if person.analysed else [],
            )
        )
    return responses
