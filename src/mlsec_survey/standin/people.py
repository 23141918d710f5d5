"""Who answers the stand-in survey, and what: traits, answers, times and reports of attacks.

A person's answers are held by column of the export. A column that is absent was not shown (NULL in
the survey tool's database); an empty string is a question left empty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import OTHER_CODE, Item
from mlsec_survey.standin.draws import Draws, grade
from mlsec_survey.standin.parameters import StandinParameters

Outcome = str  # of a described report: "confirmed", "doubted" or "unconfirmed"


@dataclass
class Person:
    """One person who opened the survey.

    Attributes:
        knowledge, culture, climate, acquiescence, organisation, tendency: latent traits; tendency
            is what the person's ratings share beyond the other traits.
        answers: cells by column of the export.
        outcomes: what adjudication will make of each described report, by attack id.
        started: when the survey was opened.
        page_seconds: seconds on each page.
        last_page: last page that was stored.
        submitted: whether the response was submitted.
        language, token, referrer: paradata.
    """

    knowledge: float
    culture: float
    climate: float
    acquiescence: float
    organisation: float
    tendency: float
    language: str
    token: str
    referrer: str
    started: datetime
    page_seconds: list[float]
    last_page: int
    submitted: bool
    pause_seconds: float = 0.0
    answers: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    analysed: bool = False

    def rating(self, codebook: Codebook, item: str, subquestion: str | None = None) -> int | None:
        """Return the value of an ordinal answer, None if there is none."""
        entry = codebook.item(item)
        name = entry.code
        if subquestion is not None:
            code = next(s.code for s in codebook.subquestions(entry) if s.id == subquestion)
            name = f"{entry.code}[{code}]"
        given = self.answers.get(name)
        for option in codebook.options(entry):
            if option.code == given:
                return int(option.value)
        return None


class Population:
    """Draws people one after another; the same seed gives the same people."""

    def __init__(self, codebook: Codebook, parameters: StandinParameters, seed: int) -> None:
        """Prepare the streams of random draws, one for each part of the questionnaire."""
        self.codebook = codebook
        self.parameters = parameters
        self._traits = Draws(seed, "traits")
        self._fieldwork = Draws(seed, "fieldwork")
        self._background = Draws(seed, "background")
        self._ratings = Draws(seed, "ratings")
        self._exposure = Draws(seed, "exposure")
        self._defences = Draws(seed, "defences")
        self._seconds = Draws(seed, "seconds")
        self._tokens: set[str] = set()

    def person(self) -> Person:
        """Return a person who consents, is in scope and has answered everything but on attacks."""
        sample = self.parameters.sample
        traits = self._traits
        fieldwork = self._fieldwork
        # More responses come early and after reminders than late in a field period.
        day = int(sample.days * fieldwork.uniform() ** 1.6)
        second = int(86_400 * min(max(0.58 + 0.16 * fieldwork.normal(), 0.0), 0.999))
        started = datetime.fromisoformat(sample.start).replace(hour=0, minute=0, second=0)
        invited = fieldwork.chance(sample.invited)
        referrer = fieldwork.one(self.parameters.paradata.referrers)
        person = Person(
            knowledge=traits.normal(),
            culture=traits.normal(),
            climate=traits.normal(),
            acquiescence=traits.normal(),
            organisation=traits.normal(),
            tendency=traits.normal(),
            language="de" if fieldwork.chance(sample.german) else "en",
            token=self._token() if invited else "",
            referrer="" if invited else referrer,
            started=started + timedelta(days=day, seconds=second),
            page_seconds=self._page_seconds(),
            last_page=self.codebook.pages,
            submitted=True,
        )
        if fieldwork.chance(self.parameters.paradata.pause):
            person.pause_seconds = round(600 * math.exp(2.5 * fieldwork.uniform()), 2)
        self._consent(person)
        self._respondent(person)
        self._organisation(person)
        self._familiarity(person)
        return person

    def _token(self) -> str:
        alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
        while True:
            token = "".join(self._fieldwork.one(alphabet) for _ in range(15))
            if token not in self._tokens:
                self._tokens.add(token)
                return token

    def _page_seconds(self) -> list[float]:
        parameters = self.parameters.paradata
        speed = parameters.person_spread * self._seconds.normal()
        return [
            round(median * math.exp(speed + parameters.page_spread * self._seconds.normal()), 2)
            for median in parameters.page_seconds
        ]

    def _consent(self, person: Person) -> None:
        channels = dict(self.parameters.respondents.channel)
        self._choose(person, "consent", "yes")
        self._choose(person, "screening", "yes")
        self._choose(person, "channel", self._background.weighted(channels), may_skip=True)

    def _respondent(self, person: Person) -> None:
        parameters, traits = self.parameters.respondents, self.parameters.traits
        role = self._background.weighted(parameters.role)
        person.knowledge += traits.role_knowledge.get(role, 0.0)
        self._choose(person, "role", role, may_skip=True, other=parameters.other_role)
        for item, loading, points in (
            ("experience", traits.knowledge_to_experience, parameters.experience_cut_points),
            ("education", traits.knowledge_to_education, parameters.education_cut_points),
            ("ml_knowledge", traits.knowledge_to_ml, parameters.ml_knowledge_cut_points),
            (
                "security_knowledge",
                traits.knowledge_to_security,
                parameters.security_knowledge_cut_points,
            ),
            (
                "prior_knowledge",
                traits.knowledge_to_mlsec,
                parameters.prior_knowledge_cut_points,
            ),
        ):
            score = self._score(self._background, (loading, person.knowledge))
            self._grade(person, item, score, points)

    def _organisation(self, person: Person) -> None:
        parameters, traits = self.parameters.respondents, self.parameters.traits
        self._grade(person, "org_size", person.organisation, parameters.org_size_cut_points)
        industry = self._background.weighted(parameters.industry)
        self._choose(person, "industry", industry, may_skip=True, other=parameters.other_industry)
        for item, loadings, points in (
            (
                "maturity",
                ((traits.organisation_to_maturity, person.organisation),),
                parameters.maturity_cut_points,
            ),
            (
                "team_size",
                ((traits.organisation_to_team, person.organisation),),
                parameters.team_size_cut_points,
            ),
            (
                "security_practice",
                (
                    (traits.organisation_to_practice, person.organisation),
                    (traits.culture_to_practice, person.culture),
                ),
                parameters.security_practice_cut_points,
            ),
        ):
            self._grade(person, item, self._score(self._background, *loadings), points)

    def _familiarity(self, person: Person) -> None:
        parameters = self.parameters.perception
        for attack, column in self._grid("familiarity").items():
            score = parameters.familiarity[attack] + self._score(
                self._ratings, (parameters.familiarity_loading, person.knowledge)
            )
            value = grade(score, parameters.familiarity_cut_points)
            skipped = self._ratings.chance(self.parameters.respondents.skipped)
            person.answers[column] = "" if skipped else self._code("familiarity", value)

    def exposure_score(self, person: Person) -> float:
        """Return the latent tendency of one person to report one attack."""
        return self._score(
            self._exposure, (self.parameters.exposure.climate_loading, person.climate)
        )

    def answer_occurrence(self, person: Person, attack: str, report: str | None) -> None:
        """Answer whether an attack occurred: with `report` (yes, suspected), or that it did not.

        As many draws are made for a report as for none, so that the numbers of reports can be
        changed without changing any other answer.
        """
        parameters = self.parameters.exposure
        draw = self._exposure.uniform()
        if report is not None:
            code = self._code("occurrence", report)
        elif draw < parameters.dont_know:
            code = self.codebook.missing.dont_know.code
        elif draw < parameters.dont_know + parameters.prefer_not:
            code = self.codebook.missing.prefer_not.code
        elif draw > 1 - self.parameters.respondents.skipped:
            code = ""
        else:
            code = self._code("occurrence", "no")
        person.answers[self._grid("occurrence")[attack]] = code

    def rate(self, person: Person) -> None:
        """Answer both grids on the attacks; a reason may follow only a rating of relevance."""
        parameters, traits = self.parameters.perception, self.parameters.traits
        draws = self._ratings
        maturity = person.rating(self.codebook, "maturity")
        maturity_score = 0.0 if maturity is None else (maturity - 3) / 1.2
        familiar = self._grid("familiarity")
        concern, relevance = self._grid("concern"), self._grid("relevance")
        for attack in self.codebook.part_labels("attacks"):
            shared = draws.normal()
            common = (
                (traits.acquiescence_loading, person.acquiescence),
                (traits.person_loading, person.tendency),
                (parameters.concern_to_relevance, shared),
            )
            scores = {
                concern[attack]: parameters.concern[attack]
                + self._score(
                    draws,
                    *common,
                    (parameters.knowledge_to_concern, person.knowledge),
                    (parameters.climate_to_concern, person.climate),
                ),
                relevance[attack]: parameters.relevance[attack]
                + self._score(
                    draws,
                    *common,
                    (parameters.knowledge_to_relevance, person.knowledge),
                    (parameters.climate_to_relevance, person.climate),
                    (parameters.maturity_to_relevance, maturity_score),
                ),
            }
            unheard = person.answers.get(familiar[attack]) == self._code("familiarity", 0)
            doubt = parameters.dont_know_without_knowledge if unheard else parameters.dont_know
            for column, score in scores.items():
                item = "concern" if column == concern[attack] else "relevance"
                draw = draws.uniform()
                if draw < doubt:
                    person.answers[column] = self.codebook.missing.dont_know.code
                elif draw < doubt + parameters.skipped:
                    person.answers[column] = ""
                else:
                    value = 1 + grade(score, parameters.cut_points)
                    person.answers[column] = self._code(item, value)

    def expect(self, person: Person) -> None:
        """Answer the question on the expected likelihood, and pass the attention check."""
        parameters = self.parameters.likelihood
        score = self._score(
            self._defences,
            (parameters.knowledge_loading, person.knowledge),
            (parameters.climate_loading, person.climate),
        )
        value = 1 + grade(score, parameters.cut_points)
        code = self._code("target_likelihood", value)
        draw = self._defences.uniform()
        if draw < parameters.dont_know:
            code = self.codebook.missing.dont_know.code
        elif draw < parameters.dont_know + parameters.prefer_not:
            code = self.codebook.missing.prefer_not.code
        person.answers[self.codebook.item("target_likelihood").code] = code
        self._choose(person, "attention", 4)

    def defend(self, person: Person) -> None:
        """Answer the checklists of defences; needs reports and the expected likelihood."""
        parameters, draws = self.parameters.defences, self._defences
        reports = {self._code("occurrence", "yes"), self._code("occurrence", "suspected")}
        exposed = any(
            person.answers.get(column) in reports for column in self._grid("occurrence").values()
        )
        likelihood = person.rating(self.codebook, "target_likelihood") or 3
        common = (
            parameters.exposure * exposed
            + parameters.likelihood * (likelihood - 3)
            + parameters.culture * person.culture
            + parameters.spread * draws.normal()
        )
        boxes = {
            entry.id: draws.chance(_logistic(base + common))
            for entry in self.codebook.subquestions("defence")
            for base in (parameters.base[entry.id],)
        }
        self._tick(person, "defence", boxes)
        planned = {
            name: not ticked and draws.chance(_logistic(parameters.planned + 0.4 * person.culture))
            for name, ticked in boxes.items()
        }
        self._tick(person, "planned", planned)

    def _tick(self, person: Person, item_id: str, boxes: dict[str, bool]) -> None:
        parameters, draws = self.parameters.defences, self._defences
        item = self.codebook.item(item_id)
        exclusive = {kind: code for code, kind in self.codebook.exclusive_codes(item).items()}
        draw = draws.uniform()
        chosen = None
        if draw < parameters.dont_know:
            chosen = exclusive.get("dont_know")
        elif draw < parameters.dont_know + parameters.prefer_not:
            chosen = exclusive.get("prefer_not")
        elif not any(boxes.values()) and draws.chance(parameters.none_ticked):
            chosen = exclusive.get("none")
        for entry in self.codebook.subquestions(item):
            ticked = boxes[entry.id] and chosen is None
            person.answers[f"{item.code}[{entry.code}]"] = "Y" if ticked else ""
        for code in exclusive.values():
            person.answers[f"{item.code}[{code}]"] = "Y" if code == chosen else ""

    def _grade(self, person: Person, item: str, score: float, points: tuple[float, ...]) -> None:
        lowest = self.codebook.options(item)[0].value
        assert isinstance(lowest, int)
        self._choose(person, item, lowest + grade(score, points), may_skip=True)

    def _choose(
        self,
        person: Person,
        item_id: str,
        value: int | str,
        *,
        may_skip: bool = False,
        other: tuple[str, ...] = (),
    ) -> None:
        parameters, draws = self.parameters.respondents, self._background
        item = self.codebook.item(item_id)
        code = self._code(item_id, value)
        if may_skip:
            draw = draws.uniform()
            if draw < parameters.skipped:
                code = ""
            elif "dont_know" in item.missing and draw < parameters.skipped + parameters.dont_know:
                code = self.codebook.missing.dont_know.code
            elif "prefer_not" in item.missing and draw > 1 - parameters.prefer_not:
                code = self.codebook.missing.prefer_not.code
        person.answers[item.code] = code
        if item.other:
            text = draws.one(other) if code == OTHER_CODE else ""
            person.answers[f"{item.code}[other]"] = text

    def _code(self, item_id: str, value: int | str) -> str:
        for option in self.codebook.options(item_id):
            if option.value == value:
                return option.code
        raise KeyError(f"the item {item_id!r} has no option {value!r}")

    def _grid(self, item_id: str) -> dict[str, str]:
        return grid_columns(self.codebook, self.codebook.item(item_id))

    def _score(self, draws: Draws, *loadings: tuple[float, float]) -> float:
        """Return a latent score of variance 1: weighted traits plus noise."""
        total = sum(weight * trait for weight, trait in loadings) + draws.normal()
        return total / math.sqrt(1 + sum(weight**2 for weight, _ in loadings))


def grid_columns(codebook: Codebook, item: Item) -> dict[str, str]:
    """Return the export column of each sub-question of an item, by sub-question id."""
    return {entry.id: f"{item.code}[{entry.code}]" for entry in codebook.subquestions(item)}


def _logistic(score: float) -> float:
    return 1 / (1 + math.exp(-score))
