"""Documented attacks on deployed machine learning: facts of MITRE ATLAS beside the survey.

ATLAS (https://atlas.mitre.org) collects case studies, each an incident or an exercise, and says
which techniques each one used. This module turns an ATLAS file into tables of plain facts, maps
techniques to the attacks of the questionnaire, and compares counts with the survey's ranking.
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import itertools
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
import yaml
from pydantic import Field, StringConstraints

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.formatting import listed
from mlsec_survey.base.yaml_input import Entry, Sequence, near, read_yaml, validate
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.entries import Identifier, Text
from mlsec_survey.stats.bootstrap import percentile_interval
from mlsec_survey.stats.ranks import mean_rank_draws
from mlsec_survey.stats.result import TestResult
from mlsec_survey.study.attacks import attack_labels

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CASES_FILE = "atlas_case_studies.csv"
TECHNIQUES_FILE = "atlas_techniques.csv"
MANIFEST_FILE = "atlas.manifest.yml"
# The word for several cases, by the type of one.
KINDS = {"incident": "incidents", "exercise": "exercises"}
_CASE_COLUMNS = ("case_id", "type", "date", "granularity", "year", "techniques")
_TECHNIQUE_COLUMNS = ("technique", "name")
_GRANULARITIES = {"YEAR": "year", "MONTH": "month", "DATE": "day"}
_LARGEST_FILE = 20_000_000
_TECHNIQUE = re.compile(r"AML\.T\d{4}(\.\d{3})?")
_CASE = re.compile(r"AML\.CS\d{4}")
# More attacks than this are permuted at random: 9! enumerations are too many.
_MOST_ENUMERATED = 8
_RANDOM_PERMUTATIONS = 20_000

TechniqueId = Annotated[str, StringConstraints(pattern=r"^AML\.T\d{4}(\.\d{3})?$")]


class AtlasManifest(Entry):
    """Where the tables of facts come from."""

    version: Literal[1]
    source: Text
    address: Text
    atlas_version: Text
    licence: Text
    copyright: Text
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    case_studies: Annotated[int, Field(ge=0)]
    techniques: Annotated[int, Field(ge=0)]
    note: Text

    @property
    def citation(self) -> str:
        """Source line for tables and figures."""
        return f"{self.source} {self.atlas_version} ({self.licence})"


class MappedTechnique(Entry):
    """A technique that is one of the questionnaire's attacks; `broad` where that can be argued."""

    technique: TechniqueId
    attack: Identifier
    fit: Literal["close", "broad"]
    reason: Text


class OutOfScope(Entry):
    """Techniques that one rule keeps apart from the questionnaire's attacks."""

    id: Identifier
    label: Text
    reason: Text
    techniques: Annotated[Sequence[TechniqueId], Field(min_length=1)]


class AttackMap(Entry):
    """Which ATLAS techniques are which of the questionnaire's attacks; see `load_attack_map`."""

    version: Literal[1]
    atlas_version: Text
    rule: Text
    mapped: Annotated[Sequence[MappedTechnique], Field(min_length=1)]
    out_of_scope: Sequence[OutOfScope]

    def attacks_of(self, *, close_only: bool = False) -> dict[str, str]:
        """Return the attack of each mapped technique."""
        return {
            entry.technique: entry.attack
            for entry in self.mapped
            if entry.fit == "close" or not close_only
        }


@dataclass(frozen=True)
class Atlas:
    """Facts of one ATLAS version.

    Attributes:
        cases: one row per case study with columns case_id, type (incident or exercise), date,
            granularity (of the date), year and techniques (tuple of ids in order of first use).
        names: name of each technique by id.
        manifest: version, source and licence.
    """

    cases: pd.DataFrame
    names: dict[str, str]
    manifest: AtlasManifest

    @cached_property
    def full_names(self) -> dict[str, str]:
        """Name of each technique; that of a sub-technique with its technique's in front."""
        return {
            key: f"{self.names[key[:9]]}: {name}"
            if len(key) > 9 and key[:9] in self.names
            else name
            for key, name in self.names.items()
        }


def extract_facts(path: Path | str) -> dict[str, bytes]:
    """Return the files of facts that an ATLAS.yaml holds, by name; no sentences are taken over.

    Raises:
        InputError: the file is missing, too large, no YAML, or not in ATLAS's layout; a case study
            has an unknown type or date, or uses a technique that is not defined.
    """
    path = Path(path)
    raw, content = _read_atlas(path)
    names: dict[str, str] = {}
    for matrix in _items(path, content, "matrices"):
        for entry in _items(path, matrix, "techniques"):
            key = _text(path, entry, "id", _TECHNIQUE)
            if key in names:
                raise InputError("this technique occurs twice", file=path, value=key)
            names[key] = _text(path, entry, "name")
    cases = [_case(path, entry, names) for entry in _items(path, content, "case-studies")]
    if len({case[0] for case in cases}) < len(cases):
        raise InputError("a case study occurs twice", file=path)
    cases.sort()
    manifest = {
        "version": 1,
        "source": "MITRE ATLAS data",
        "address": "https://github.com/mitre-atlas/atlas-data",
        "atlas_version": str(content.get("version", "")),
        "licence": "Apache-2.0",
        "copyright": "Copyright MITRE",
        "sha256": hashlib.sha256(raw).hexdigest(),
        "case_studies": len(cases),
        "techniques": len(names),
        "note": "Facts only: ids, types, dates, techniques used, names of techniques. Made by "
        "scripts/make_atlas_facts.py from the ATLAS.yaml with this hash.",
    }
    return {
        CASES_FILE: _csv(_CASE_COLUMNS, cases),
        TECHNIQUES_FILE: _csv(_TECHNIQUE_COLUMNS, sorted(names.items())),
        MANIFEST_FILE: yaml.safe_dump(
            manifest, sort_keys=False, allow_unicode=True, width=100
        ).encode(),
    }


def _read_atlas(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the file cannot be read ({error.strerror})",
            file=path,
            remedy="Give the path of an ATLAS.yaml.",
        ) from None
    if len(raw) > _LARGEST_FILE:
        raise InputError(f"the file has {len(raw):,} bytes, more than any ATLAS file", file=path)
    try:
        content = yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"not valid YAML: {error}", file=path) from None
    if not isinstance(content, dict) or content.get("id") != "ATLAS" or not content.get("version"):
        raise InputError(
            "this is no ATLAS data file",
            file=path,
            remedy="Give dist/ATLAS.yaml of the repository mitre-atlas/atlas-data.",
        )
    return raw, content


def _items(path: Path, entry: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = entry.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InputError(f"{entry.get('id', 'the file')} has no list {key!r}", file=path)
    return value


def _text(
    path: Path, entry: dict[str, Any], key: str, pattern: re.Pattern[str] | None = None
) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or (pattern is not None and not pattern.fullmatch(value)):
        raise InputError(
            f"{key!r} of {entry.get('id', 'an entry')!r} is not what ATLAS has there",
            file=path,
            value=value,
        )
    return " ".join(value.split())


def _case(
    path: Path, entry: dict[str, Any], names: dict[str, str]
) -> tuple[str, str, str, str, str, str]:
    key = _text(path, entry, "id", _CASE)
    kind = _text(path, entry, "case-study-type").lower()
    granularity = _GRANULARITIES.get(str(entry.get("incident-date-granularity", "DATE")), "")
    date = entry.get("incident-date")
    if kind not in KINDS:
        raise InputError(f"{key} has an unknown type", file=path, value=kind)
    if not granularity:
        raise InputError(f"the date of {key} has an unknown granularity", file=path)
    if isinstance(date, datetime.datetime) or not isinstance(date, datetime.date):
        raise InputError(f"{key} has no date", file=path, value=date)
    used = [_text(path, step, "technique") for step in _items(path, entry, "procedure")]
    for technique in used:
        if technique not in names:
            raise InputError(f"{key} uses an undefined technique", file=path, value=technique)
    techniques = "|".join(dict.fromkeys(used))
    return key, kind, date.isoformat(), granularity, str(date.year), techniques


def _csv(header: tuple[str, ...], rows: list[Any]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue().encode()


def load_atlas(folder: Path | str) -> Atlas:
    """Read the tables of facts and their manifest.

    Args:
        folder: holds `atlas_case_studies.csv`, `atlas_techniques.csv` and `atlas.manifest.yml`.

    Raises:
        InputError: a file is missing or not what `scripts/make_atlas_facts.py` writes; names row,
            column and value.
    """
    import pandas as pd

    folder = Path(folder)
    manifest = validate(read_yaml(folder / MANIFEST_FILE), AtlasManifest)
    path = folder / TECHNIQUES_FILE
    names: dict[str, str] = {}
    for row, cells in _rows(path, _TECHNIQUE_COLUMNS):
        key = cells["technique"]
        if not _TECHNIQUE.fullmatch(key) or key in names:
            raise _bad(path, row, "technique", key, "no id of a technique, or one given twice")
        if not cells["name"].strip():
            raise _bad(path, row, "name", cells["name"], "a technique without name")
        names[key] = cells["name"]
    path = folder / CASES_FILE
    cases = []
    seen: set[str] = set()
    for row, cells in _rows(path, _CASE_COLUMNS):
        key = cells["case_id"]
        if not _CASE.fullmatch(key) or key in seen:
            raise _bad(path, row, "case_id", key, "no id of a case study, or one given twice")
        seen.add(key)
        for column, allowed in (("type", KINDS), ("granularity", tuple(_GRANULARITIES.values()))):
            if cells[column] not in allowed:
                raise _bad(path, row, column, cells[column], f"none of {', '.join(allowed)}")
        try:
            date = datetime.date.fromisoformat(cells["date"])
        except ValueError:
            raise _bad(path, row, "date", cells["date"], "no date as YYYY-MM-DD") from None
        if cells["year"] != str(date.year):
            raise _bad(path, row, "year", cells["year"], "not the year of the date")
        techniques = tuple(cells["techniques"].split("|")) if cells["techniques"] else ()
        for technique in techniques:
            if technique not in names:
                raise _bad(path, row, "techniques", technique, "no technique of this version")
        if len(set(techniques)) < len(techniques):
            raise _bad(path, row, "techniques", cells["techniques"], "a technique given twice")
        cases.append(
            (key, cells["type"], cells["date"], cells["granularity"], date.year, techniques)
        )
    for name, count, stated in (
        (CASES_FILE, len(cases), manifest.case_studies),
        (TECHNIQUES_FILE, len(names), manifest.techniques),
    ):
        if count != stated:
            raise InputError(
                f"{count} rows, but the manifest states {stated}",
                file=folder / name,
                remedy="Make the tables again with scripts/make_atlas_facts.py.",
            )
    return Atlas(pd.DataFrame(cases, columns=list(_CASE_COLUMNS)), names, manifest)


def _rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise InputError(
            "there is no such file",
            file=path,
            remedy="Make it with scripts/make_atlas_facts.py.",
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 at byte {error.start}", file=path) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    if tuple(header) != columns:
        raise _bad(path, 1, None, ",".join(header), f"not the heading {','.join(columns)}")
    rows = []
    for cells in reader:
        if len(cells) != len(columns):
            raise _bad(path, reader.line_num, None, None, f"not {len(columns)} cells")
        rows.append((reader.line_num, dict(zip(columns, cells, strict=True))))
    return rows


def _bad(path: Path, row: int, column: str | None, value: str | None, problem: str) -> InputError:
    return InputError(
        problem,
        file=path,
        row=row,
        column=column,
        value=value,
        remedy="Make the file again with scripts/make_atlas_facts.py.",
    )


def load_attack_map(path: Path | str, atlas: Atlas, codebook: Codebook) -> AttackMap:
    """Read which techniques are which attacks; every technique has to be classified exactly once.

    Args:
        path: YAML file in the layout of `data/published/atlas_attack_map.yml`.
        atlas: the facts; a version other than the map's is an error, since the map is reviewed.
        codebook: defines the attacks.

    Raises:
        InputError: names the entry that does not fit, or the technique that is not classified.
    """
    document = read_yaml(path)
    mapping = validate(document, AttackMap)
    if mapping.atlas_version != atlas.manifest.atlas_version:
        raise document.error(
            ("atlas_version",),
            f"the facts are of ATLAS {atlas.manifest.atlas_version}",
            value=mapping.atlas_version,
            remedy="Review the map for the new version, then state that version here.",
        )
    places: list[tuple[tuple[str | int, ...], str]] = [
        (("mapped", i, "technique"), entry.technique) for i, entry in enumerate(mapping.mapped)
    ]
    for i, rule in enumerate(mapping.out_of_scope):
        places += [
            (("out_of_scope", i, "techniques", j), key) for j, key in enumerate(rule.techniques)
        ]
    seen: set[str] = set()
    for location, key in places:
        if key not in atlas.names:
            raise document.error(
                location,
                "no technique of this ATLAS version",
                value=key,
                remedy=near(key, atlas.names),
            )
        if key in seen:
            raise document.error(
                location, "classified twice", value=key, remedy="Keep one of the two."
            )
        seen.add(key)
    for i, entry in enumerate(mapping.mapped):
        if entry.attack not in attack_labels(codebook):
            raise document.error(
                ("mapped", i, "attack"),
                "unknown attack",
                value=entry.attack,
                remedy=near(entry.attack, attack_labels(codebook)),
            )
    missing = [key for key in atlas.names if key not in seen]
    if missing:
        raise InputError(
            f"{len(missing)} techniques are not classified, this first: {missing[0]} "
            f"({atlas.full_names[missing[0]]})",
            file=path,
            remedy="Map it to an attack with a reason, or put it under a rule of out_of_scope.",
        )
    return mapping


def cases_by_year(atlas: Atlas) -> pd.DataFrame:
    """Count case studies by year of what happened: year (without gaps), incident, exercise."""
    import pandas as pd

    years = atlas.cases["year"].astype(int)
    counts = pd.crosstab(years, atlas.cases["type"]).reindex(
        index=range(int(years.min()), int(years.max()) + 1), columns=list(KINDS), fill_value=0
    )
    return counts.rename_axis(index="year", columns=None).reset_index()


def case_numbers(years: pd.DataFrame) -> pd.DataFrame:
    """Return the documented cases of each type for publishing: key, value, description, unit.

    Args:
        years: as `cases_by_year` returns it.
    """
    import pandas as pd

    return pd.DataFrame(
        {
            "key": f"atlas_{kind}s",
            "value": int(years[kind].sum()),
            "description": f"documented {kind}s",
            "unit": "case studies",
        }
        for kind in KINDS
    )


def cases_by_attack(
    atlas: Atlas, mapping: AttackMap, codebook: Codebook, *, close_only: bool = False
) -> pd.DataFrame:
    """Count case studies by attack of the questionnaire; one case can count for several attacks.

    Args:
        atlas: the facts.
        mapping: techniques and attacks.
        codebook: the attacks in order.
        close_only: leave out techniques whose fit is marked as broad.

    Returns:
        One row per attack and a last one, attack None, for case studies with none of them: attack,
        label, incident, exercise, first_year and last_year (missing where there is no case).
    """
    import pandas as pd

    attacks_of = mapping.attacks_of(close_only=close_only)
    found = [
        {attacks_of[technique] for technique in techniques if technique in attacks_of}
        for techniques in atlas.cases["techniques"]
    ]
    rows = []
    for attack, label in (*attack_labels(codebook).items(), (None, "None of these attacks")):
        chosen = [attack in attacks if attack else not attacks for attacks in found]
        here = atlas.cases[np.array(chosen, dtype=bool)]
        rows.append(
            {
                "attack": attack,
                "label": label,
                **{kind: int((here["type"] == kind).sum()) for kind in KINDS},
                "first_year": here["year"].min() if len(here) else None,
                "last_year": here["year"].max() if len(here) else None,
            }
        )
    table = pd.DataFrame(rows)
    return table.astype({"first_year": "Int64", "last_year": "Int64"})


def attack_map_table(atlas: Atlas, mapping: AttackMap, codebook: Codebook) -> pd.DataFrame:
    """Return the map for display: attack, technique (id and name), cases, fit, reason.

    Techniques out of scope follow, one row per rule, with their number in place of a name.
    """
    import pandas as pd

    used = pd.Series([t for case in atlas.cases["techniques"] for t in case], dtype=object)
    rows = [
        {
            "attack": attack_labels(codebook)[entry.attack],
            "technique": f"{entry.technique} {atlas.full_names[entry.technique]}",
            "cases": int((used == entry.technique).sum()),
            "fit": entry.fit,
            "reason": entry.reason,
        }
        for attack in attack_labels(codebook)
        for entry in mapping.mapped
        if entry.attack == attack
    ]
    for rule in mapping.out_of_scope:
        inside = [bool(set(case) & set(rule.techniques)) for case in atlas.cases["techniques"]]
        rows.append(
            {
                "attack": "None of these attacks",
                "technique": f"{rule.label} ({len(rule.techniques)} techniques)",
                "cases": int(np.sum(inside)),
                "fit": "out of scope",
                "reason": rule.reason,
            }
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class RankComparison:
    """The survey's ranking of attacks beside documented case studies.

    Attributes:
        table: one row per attack in the order of the questionnaire with columns attack, label,
            incident, exercise, mean_rank, low and high.
        kendall, spearman: rank correlation of relevance with documented counts over attacks;
            positive where more relevant attacks are more often documented.
    """

    table: pd.DataFrame
    kendall: TestResult
    spearman: TestResult


def compare_ranking(
    ratings: pd.DataFrame,
    documented: pd.DataFrame,
    *,
    counted: Sequence[str] = ("incident",),
    resamples: int,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> RankComparison:
    """Compare how respondents rank attacks by relevance with how often attacks are documented.

    Mean ranks are those of `stats.ranks.mean_ranks` (1 is most relevant), which use everybody who
    rated at least two attacks. p comes from all permutations of the counts over attacks (at random
    beyond eight attacks); the interval from resampling respondents, with the documented counts as
    they are: it says how far the sample of respondents leaves the correlation open, not how far
    ATLAS's selection of cases does. Attacks that nobody rated beside another have no mean rank and
    are not in the correlation.

    Args:
        ratings: respondents × attacks, numeric, missing where an attack was not rated.
        documented: as `cases_by_attack` returns it.
        counted: the types of case studies to correlate with.
        resamples: bootstrap resamples.
        rng: source of randomness.
        confidence: level of the intervals.
    """
    import pandas as pd

    attacks = list(ratings.columns)
    known = documented.set_index("attack").loc[attacks]
    ranks = _mean_ranks(ratings, resamples, rng)
    low, high = percentile_interval(ranks.drawn, confidence)
    table = pd.DataFrame(
        {
            "attack": attacks,
            "label": known["label"].to_numpy(),
            **{kind: known[kind].to_numpy() for kind in KINDS},
            "mean_rank": ranks.means,
            "low": low,
            "high": high,
        }
    )
    counts = known[list(counted)].sum(axis=1).to_numpy(dtype=float)
    permutations = _permutations(int(ranks.ranked.sum()), rng)
    kendall, spearman = _correlations(ranks, counts, permutations, confidence)
    return RankComparison(table, kendall, spearman)


class _MeanRanks(NamedTuple):
    """Respondents, the attacks' mean ranks, and those of each resample (resamples × attacks).

    Attacks without a mean rank are NaN in all of them.
    """

    n: int
    means: Floats
    drawn: Floats

    @property
    def ranked(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.means)


def _mean_ranks(ratings: pd.DataFrame, resamples: int, rng: np.random.Generator) -> _MeanRanks:
    patterns, means, drawn = mean_rank_draws(ratings, rng=rng, resamples=resamples)
    ranked = ~np.isnan(means)
    return _MeanRanks(patterns.n, means, drawn[~np.isnan(drawn[:, ranked]).any(axis=1)])


def _correlations(
    ranks: _MeanRanks,
    counts: Floats,
    permutations: tuple[NDArray[np.int64], bool],
    confidence: float = 0.95,
) -> tuple[TestResult, TestResult]:
    """Return Kendall's and Spearman's correlation of mean ranks with documented counts."""
    means, resampled = ranks.means[ranks.ranked], ranks.drawn[:, ranks.ranked]
    counts = counts[ranks.ranked]
    orders, exact = permutations
    results = []
    for name, effect, statistic in (
        ("Kendall", "Kendall's tau-b", kendall_over_attacks),
        ("Spearman", "Spearman's rho", spearman_over_attacks),
    ):
        estimate = float(statistic(-means, counts))
        null = statistic(-means, counts[orders])
        draws = statistic(-resampled, counts)
        ends = (
            percentile_interval(draws, confidence) if np.isfinite(draws).any() else (np.nan, np.nan)
        )
        beyond = float((np.abs(null) >= abs(estimate) - 1e-9).sum())
        total = len(null) if exact else len(null) + 1
        results.append(
            TestResult(
                method=f"{name}, {'exact' if exact else 'random'} permutation of attacks",
                effect=effect,
                estimate=estimate,
                low=float(ends[0]),
                high=float(ends[1]),
                n=ranks.n,
                p=float("nan") if np.isnan(estimate) else (beyond + (not exact)) / total,
                confidence=confidence,
                notes=(
                    "interval from resampling respondents; documented counts as they are",
                    f"{len(counts)} attacks",
                ),
                extra={"attacks": float(len(counts))},
            )
        )
    return results[0], results[1]


def correlation_variants(
    ratings: pd.DataFrame,
    atlas: Atlas,
    mapping: AttackMap,
    codebook: Codebook,
    *,
    resamples: int,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the rank correlation for each reasonable way to count documented cases.

    All of them on the same resamples, so that only the counting differs.

    Args:
        ratings: respondents × attacks, as for `compare_ranking`.
        atlas, mapping, codebook: as for `cases_by_attack`.
        resamples: bootstrap resamples.
        rng: source of randomness.
        confidence: level of the intervals.

    Returns:
        One row per way to count and coefficient: counted, mapped (which rows of the map), effect,
        estimate, low, high, p, respondents, attacks.
    """
    import pandas as pd

    attacks = list(ratings.columns)
    ranks = _mean_ranks(ratings, resamples, rng)
    permutations = _permutations(int(ranks.ranked.sum()), rng)
    rows = []
    for close_only in (False, True):
        cases = cases_by_attack(atlas, mapping, codebook, close_only=close_only)
        known = cases.set_index("attack").loc[attacks]
        for kinds in (["incident"], list(KINDS)):
            counts = known[kinds].sum(axis=1).to_numpy(dtype=float)
            rows += [
                {
                    "counted": listed([KINDS[kind] for kind in kinds]),
                    "mapped": "close rows" if close_only else "all rows",
                    "effect": result.effect,
                    "estimate": result.estimate,
                    "low": result.low,
                    "high": result.high,
                    "p": result.p,
                    "respondents": result.n,
                    "attacks": int(result.extra["attacks"]),
                }
                for result in _correlations(ranks, counts, permutations, confidence)
            ]
    return pd.DataFrame(rows)


def kendall_over_attacks(x: Floats, y: Floats) -> Floats:
    """Return Kendall's tau-b along the last axis, with broadcasting; NaN where one is constant."""
    a, b = _signs(x), _signs(y)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (a * b).sum(axis=-1) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))


def spearman_over_attacks(x: Floats, y: Floats) -> Floats:
    """Return Spearman's rho along the last axis, with broadcasting; NaN where one is constant."""
    a, b = _centred_ranks(x), _centred_ranks(y)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (a * b).sum(axis=-1) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))


def _signs(values: Floats) -> Floats:
    i, j = np.triu_indices(values.shape[-1], 1)
    # Means that are equal in exact arithmetic can differ in the last bits.
    rounded = np.round(values, 9)
    return np.sign(rounded[..., i] - rounded[..., j])


def _centred_ranks(values: Floats) -> Floats:
    from scipy.stats import rankdata

    ranks = rankdata(np.round(values, 9), axis=-1)
    return ranks - (values.shape[-1] + 1) / 2


def _permutations(k: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], bool]:
    if k <= _MOST_ENUMERATED:
        return np.array(list(itertools.permutations(range(k))), dtype=np.int64), True
    order = np.tile(np.arange(k), (_RANDOM_PERMUTATIONS, 1))
    return rng.permuted(order, axis=1), False
