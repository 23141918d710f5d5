"""Parameters and texts of the stand-in model, read from YAML and checked against the codebook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.yaml_input import (
    Entry,
    Location,
    Sequence,
    YamlDocument,
    near,
    read_yaml,
    validate,
)
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import Text

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
CutPoints = Annotated[Sequence[float], Field(min_length=1)]
ByAttack = dict[str, float]

# Codes of descriptions of incidents; the codes of reasons are the keys of the grammar.
CONFIRMED = "incident_confirmed"
DOUBTED = "incident_doubted"


class SampleParameters(Entry):
    """Size and fieldwork."""

    respondents: Annotated[int, Field(ge=20, le=1_000_000)]
    start: Text
    days: Annotated[int, Field(ge=1)]
    german: Share
    invited: Share
    id_gap: Share


class ExcludedParameters(Entry):
    """Numbers of responses that the exclusions remove, per `sample.respondents` respondents."""

    test_run: Count
    no_consent: Count
    screened_out: Count
    partial_by_last_page: dict[str, Count]
    duplicate: Count
    returned: Count


class QualityParameters(Entry):
    """Numbers of remaining respondents with a flaw."""

    not_submitted: Count
    speeders: Count
    straight_liners: Count
    failed_attention: Count


class TraitParameters(Entry):
    """Loadings of the latent traits."""

    acquiescence_loading: float
    person_loading: float
    organisation_to_team: float
    organisation_to_practice: float
    culture_to_practice: float
    organisation_to_maturity: float
    role_knowledge: dict[str, float]
    knowledge_to_ml: float
    knowledge_to_security: float
    knowledge_to_mlsec: float
    knowledge_to_experience: float
    knowledge_to_education: float


class Reports(Entry):
    """Respondents who report an attack."""

    happened: Count
    suspected: Count


class ExposureParameters(Entry):
    """Reports of attacks and what adjudication makes of their descriptions."""

    climate_loading: float
    counts: dict[str, Reports]
    dont_know: Share
    prefer_not: Share
    described: Share
    confirmed: dict[str, Count]
    confirmed_but_doubted: dict[str, Count]


class PerceptionParameters(Entry):
    """Ratings of concern, relevance and familiarity per attack."""

    knowledge_to_concern: float
    knowledge_to_relevance: float
    climate_to_concern: float
    climate_to_relevance: float
    maturity_to_relevance: float
    concern_to_relevance: float
    concern: ByAttack
    relevance: ByAttack
    cut_points: CutPoints
    skipped: Share
    dont_know: Share
    dont_know_without_knowledge: Share
    familiarity: ByAttack
    familiarity_cut_points: CutPoints
    familiarity_loading: float


class LikelihoodParameters(Entry):
    """Expected likelihood to become a target."""

    knowledge_loading: float
    climate_loading: float
    cut_points: CutPoints
    dont_know: Share
    prefer_not: Share


class DefenceParameters(Entry):
    """Checklists of defences."""

    base: dict[str, float]
    exposure: float
    likelihood: float
    culture: float
    spread: float
    planned: float
    none_ticked: Share
    dont_know: Share
    prefer_not: Share


class RespondentParameters(Entry):
    """Respondents and their organisations."""

    skipped: Share
    dont_know: Share
    prefer_not: Share
    channel: dict[str, Share]
    role: dict[str, Share]
    experience_cut_points: CutPoints
    education_cut_points: CutPoints
    ml_knowledge_cut_points: CutPoints
    security_knowledge_cut_points: CutPoints
    prior_knowledge_cut_points: CutPoints
    org_size_cut_points: CutPoints
    industry: dict[str, Share]
    maturity_cut_points: CutPoints
    team_size_cut_points: CutPoints
    security_practice_cut_points: CutPoints
    other_role: Sequence[str]
    other_industry: Sequence[str]


class ParadataParameters(Entry):
    """Times and referring pages."""

    page_seconds: Sequence[Positive]
    person_spread: Positive
    page_spread: Positive
    speeder_factor: Positive
    pause: Share
    referrers: Sequence[str]


class FreeTextParameters(Entry):
    """How often and how much respondents write."""

    why_answered: Share
    german_in_german: Share
    second_concern: Share
    third_concern: Share
    low_rating: int
    comment_answered: Share


class CoderParameters(Entry):
    """How one coder differs from what a text was composed of."""

    miss: Share
    add: Share
    confuse: Share


class CoderPair(Entry):
    """The two coders."""

    a: CoderParameters
    b: CoderParameters


class StandinParameters(Entry):
    """All parameters of the stand-in; read them with `load_parameters`."""

    version: Literal[1]
    seed: Count
    sample: SampleParameters
    excluded: ExcludedParameters
    quality: QualityParameters
    traits: TraitParameters
    exposure: ExposureParameters
    perception: PerceptionParameters
    likelihood: LikelihoodParameters
    defences: DefenceParameters
    respondents: RespondentParameters
    paradata: ParadataParameters
    free_text: FreeTextParameters
    coders: CoderPair

    def resized(self, respondents: int) -> StandinParameters:
        """Return the parameters for another number of respondents, all counts in proportion.

        Raises:
            InputError: the number is too small for the counts to be kept apart.
        """
        if respondents < 20:
            raise InputError("a stand-in needs at least 20 respondents", value=respondents)
        factor = respondents / self.sample.respondents

        def scaled(node: object) -> object:
            if isinstance(node, dict):
                return {key: scaled(value) for key, value in node.items()}
            return round(factor * node) if isinstance(node, int) else node

        content = self.model_dump()
        content["sample"]["respondents"] = respondents
        for part in ("excluded", "quality"):
            content[part] = scaled(content[part])
        for part in ("counts", "confirmed", "confirmed_but_doubted"):
            content["exposure"][part] = scaled(content["exposure"][part])
        for attack, counts in content["exposure"]["counts"].items():
            confirmed = min(content["exposure"]["confirmed"][attack], counts["happened"])
            content["exposure"]["confirmed"][attack] = confirmed
            doubted = content["exposure"]["confirmed_but_doubted"]
            doubted[attack] = min(doubted[attack], confirmed)
        return StandinParameters.model_validate(content)


class Bilingual(Entry):
    """The same kind of sentence in English and German."""

    en: Annotated[Sequence[str], Field(min_length=1)]
    de: Annotated[Sequence[str], Field(min_length=1)]


class IncidentTexts(Entry):
    """Descriptions of incidents by what adjudication makes of them."""

    confirmed: dict[str, Bilingual]
    doubted: dict[str, Bilingual]
    unconfirmed: dict[str, Bilingual]


class StandinTexts(Entry):
    """The grammar that free text is composed from; read it with `load_texts`."""

    version: Literal[1]
    slots: dict[str, Bilingual]
    why: dict[str, Bilingual]
    weights: dict[str, dict[str, Annotated[float, Field(gt=0)]]]
    low: dict[str, Annotated[float, Field(gt=0)]]
    confusions: dict[str, str]
    incident: IncidentTexts
    uncodable: Annotated[Sequence[str], Field(min_length=1)]
    comments: Bilingual
    hostile: Annotated[Sequence[str], Field(min_length=1)]
    reasons: dict[Literal["both_right", "first", "second", "definition", "incident"], Text]

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes that the texts are composed to carry, in the order in which coders note them."""
        return (*self.why, CONFIRMED, DOUBTED)


def load_parameters(path: Path | str, codebook: Codebook) -> StandinParameters:
    """Read the parameters; InputError names the entry that does not fit the codebook."""
    document = read_yaml(path)
    parameters = validate(document, StandinParameters)
    for location, known in _keys(parameters, codebook):
        _require_keys(document, location, known)
    n = parameters.sample.respondents
    for attack, reports in parameters.exposure.counts.items():
        here: Location = ("exposure", "counts", attack)
        if reports.happened + reports.suspected > n:
            raise document.error(here, "more reports than respondents")
        confirmed = parameters.exposure.confirmed[attack]
        if confirmed > reports.happened:
            raise document.error(
                ("exposure", "confirmed", attack), "more confirmed cases than reports"
            )
        if parameters.exposure.confirmed_but_doubted[attack] > confirmed:
            raise document.error(
                ("exposure", "confirmed_but_doubted", attack), "more doubted cases than confirmed"
            )
    if len(parameters.paradata.page_seconds) != codebook.pages:
        raise document.error(("paradata", "page_seconds"), f"the survey has {codebook.pages} pages")
    return parameters


def load_texts(path: Path | str, codebook: Codebook) -> StandinTexts:
    """Read the grammar; InputError names the entry that does not fit.

    Args:
        path: YAML file in the layout of `data/standin_texts.yml`.
        codebook: defines the attacks.
    """
    document = read_yaml(path)
    texts = validate(document, StandinTexts)
    attacks = set(codebook.part_labels("attacks"))
    for kind in ("confirmed", "doubted", "unconfirmed"):
        _require_keys(document, ("incident", kind), attacks, complete=kind == "unconfirmed")
    _require_keys(document, ("weights",), attacks)
    for attack in texts.weights:
        _require_keys(document, ("weights", attack), set(texts.why), complete=False)
    _require_keys(document, ("low",), set(texts.why), complete=False)
    _require_keys(document, ("confusions",), set(texts.why))
    for code, other in texts.confusions.items():
        if other not in texts.why or other == code:
            raise document.error(("confusions", code), f"no other code {other!r}")
    return texts


def _keys(parameters: StandinParameters, codebook: Codebook) -> Iterator[tuple[Location, set[str]]]:
    attacks = set(codebook.part_labels("attacks"))
    yield ("exposure", "counts"), attacks
    yield ("exposure", "confirmed"), attacks
    yield ("exposure", "confirmed_but_doubted"), attacks
    for name in ("concern", "relevance", "familiarity"):
        yield ("perception", name), attacks
    yield ("defences", "base"), {entry.id for entry in codebook.subquestions("defence")}
    for name in ("role", "industry"):
        yield ("respondents", name), {str(option.value) for option in codebook.options(name)}


def _require_keys(
    document: YamlDocument, location: Location, known: set[str], *, complete: bool = True
) -> None:
    node = document.content
    for key in location:
        node = node[key]
    for key in node:
        if key not in known:
            raise document.error((*location, key), f"unknown name. {near(key, known)}")
    missing = sorted(known - set(node))
    if complete and missing:
        raise document.error(location, f"{missing[0]!r} is missing")
