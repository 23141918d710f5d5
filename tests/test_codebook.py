"""The codebook is read strictly, and its errors name the entry."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.codebook_file import load_codebook

ROOT = Path(__file__).resolve().parent.parent
CODEBOOK = ROOT / "data" / "codebook.yml"


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    return yaml.safe_load(CODEBOOK.read_text(encoding="utf-8"))


@pytest.fixture
def load_changed(tmp_path: Path, content: dict[str, Any]) -> Callable[..., Any]:
    def load(change: Callable[[dict[str, Any]], None]) -> Any:
        changed = copy.deepcopy(content)
        change(changed)
        path = tmp_path / "codebook.yml"
        path.write_text(yaml.safe_dump(changed, sort_keys=False, allow_unicode=True), "utf-8")
        return load_codebook(path)

    return load


def at(entries: list[dict[str, Any]], identifier: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["id"] == identifier)


def test_columns_follow_limesurveys_order_and_names() -> None:
    columns = load_codebook(CODEBOOK).columns()
    assert columns[:5] == ["id", "submitdate", "lastpage", "startlanguage", "seed"]
    assert columns[-9:] == ["interviewtime", *(f"groupTime{page}" for page in range(1, 9))]
    assert columns.index("ROLE[other]") == columns.index("ROLE") + 1
    assert [name for name in columns if name.startswith("CON[")] == [
        f"CON[{code}]" for code in ("EVA", "POI", "BAC", "STE", "MEM", "INV")
    ]
    assert columns[columns.index("DEF[D10]") : columns.index("PLAN[D01]")] == [
        "DEF[D10]",
        "DEF[NONE]",
        "DEF[DK]",
        "DEF[PN]",
    ]


def test_variables_labels_measures_and_order() -> None:
    codebook = load_codebook(CODEBOOK)
    assert codebook.variables("concern")[0].name == "concern__evasion"
    assert [variable.name for variable in codebook.variables("role")] == ["role", "role__other"]
    names = [variable.name for variable in codebook.variables()]
    assert "defence" not in names
    assert names[-1] == codebook.scales[-1].id
    assert codebook.label("concern__evasion") == "Concern: Evasion"
    assert codebook.label("exposure") == "Threat exposure"
    assert codebook.label("role__other") == "Role: other, in own words"
    assert list(codebook.part_labels("attacks")) == [
        "evasion",
        "poisoning",
        "backdoor",
        "model_stealing",
        "membership_inference",
        "model_inversion",
    ]
    measures = {
        name: codebook.variable(name).measure
        for name in ("consent", "role", "org_size", "why__evasion", "defence__monitoring")
    }
    assert measures == {
        "consent": "binary",
        "role": "nominal",
        "org_size": "ordinal",
        "why__evasion": "text",
        "defence__monitoring": "binary",
    }


def test_a_variable_knows_what_an_analysis_asks_of_it() -> None:
    codebook = load_codebook(CODEBOOK)
    concern = codebook.variable("concern__evasion")
    assert concern.is_ordered and not concern.is_text
    assert (concern.minimum, concern.maximum, concern.levels) == (1, 5, (1, 2, 3, 4, 5))
    assert concern.level_labels[1] == "Not at all concerned"
    assert concern.short_label == "Evasion"
    assert concern.missing == ("not_answered", "not_shown", "dont_know")
    role = codebook.variable("role")
    assert not role.is_ordered
    assert role.options[-1].label == "Other"
    assert len(role.levels) == len(role.options)
    words = codebook.variable("role__other")
    assert words.is_text and words.other and words.levels == ()
    assert codebook.variable("consent").positive == "yes"
    assert codebook.variable("consent").level_labels == {0: "no", 1: "yes"}


def test_a_scale_is_a_variable_like_any_other() -> None:
    codebook = load_codebook(CODEBOOK)
    mean = codebook.variable("concern_scale")
    assert mean.construct == codebook.item("concern").construct_
    assert mean.parts == tuple(part.name for part in codebook.parts("concern").values())
    assert len(mean.levels) == 4 * 6 + 1 and mean.levels[-1] == 5
    assert mean.largest_count is None and mean.missing == ()
    count = codebook.variable("defence_count")
    assert count.largest_count == 10 and count.levels == tuple(range(11))
    assert codebook.variable("exposure").levels == (0, 1)


@pytest.mark.slow
def test_digest_ignores_layout_and_notices_content(
    load_changed: Callable[..., Any], tmp_path: Path
) -> None:
    original = load_codebook(CODEBOOK)
    assert load_changed(lambda content: None).digest == original.digest

    def relabel(content: dict[str, Any]) -> None:
        at(content["items"], "role")["label"] = "Position"

    assert load_changed(relabel).digest != original.digest


def test_unknown_names_get_near_matches() -> None:
    codebook = load_codebook(CODEBOOK)
    with pytest.raises(KeyError, match="'concern'"):
        codebook.item("concerns")
    with pytest.raises(KeyError, match="'concern__evasion'"):
        codebook.label("concern_evasion")


def rename_options(content: dict[str, Any]) -> None:
    at(content["items"], "concern")["options"] = "concerns"


def rename_subquestions(content: dict[str, Any]) -> None:
    at(content["items"], "concern")["subquestions"] = "attack"


def scale_of_nothing(content: dict[str, Any]) -> None:
    at(content["scales"], "exposure")["item"] = "occurence"


def scale_value(content: dict[str, Any]) -> None:
    at(content["scales"], "exposure")["values"] = ["yes", "maybe"]


def scale_minimum(content: dict[str, Any]) -> None:
    at(content["scales"], "concern_scale")["minimum"] = 7


def mean_of_nominal(content: dict[str, Any]) -> None:
    at(content["scales"], "concern_scale")["item"] = "occurrence"


def exclusion_item(content: dict[str, Any]) -> None:
    at(content["exclusions"], "no_consent")["item"] = "consents"


def exclusion_value(content: dict[str, Any]) -> None:
    at(content["exclusions"], "no_consent")["value"] = "Y"


def exclusion_column(content: dict[str, Any]) -> None:
    at(content["exclusions"], "duplicate")["column"] = "tokens"


def exclusion_unreached(content: dict[str, Any]) -> None:
    at(content["exclusions"], "partial")["item"] = "target"


def flag_item(content: dict[str, Any]) -> None:
    at(content["quality_flags"], "straight_liner")["items"] = ["concern", "role"]


def twin_item(content: dict[str, Any]) -> None:
    at(content["items"], "education")["id"] = "role"


def twin_code(content: dict[str, Any]) -> None:
    at(content["items"], "education")["code"] = "ROLE"


def twin_option(content: dict[str, Any]) -> None:
    content["option_sets"]["concern"]["options"][1]["code"] = "A1"


def twin_attack(content: dict[str, Any]) -> None:
    content["subquestion_sets"]["attacks"][1]["code"] = "EVA"


def wrong_order(content: dict[str, Any]) -> None:
    content["option_sets"]["concern"]["options"].reverse()


def gap(content: dict[str, Any]) -> None:
    content["option_sets"]["concern"]["options"][4]["value"] = 6


def reserved_code(content: dict[str, Any]) -> None:
    content["option_sets"]["role"]["options"][0]["code"] = "DK"


def reserved_value(content: dict[str, Any]) -> None:
    content["option_sets"]["role"]["options"][0]["value"] = "other"


def nominal_number(content: dict[str, Any]) -> None:
    content["option_sets"]["role"]["options"][0]["value"] = 1


def filter_unknown(content: dict[str, Any]) -> None:
    at(content["items"], "why")["shown_if"]["item"] = "relevancy"


def filter_value(content: dict[str, Any]) -> None:
    at(content["items"], "why")["shown_if"]["values"] = [1, 2, 6]


def filter_later(content: dict[str, Any]) -> None:
    at(content["items"], "incident")["shown_if"] = {"item": "concern", "values": [1]}


def filter_other_rows(content: dict[str, Any]) -> None:
    at(content["items"], "planned")["shown_if"] = {"item": "concern", "values": [1]}


def page_beyond(content: dict[str, Any]) -> None:
    at(content["items"], "comment")["page"] = 9


def missing_of_text(content: dict[str, Any]) -> None:
    at(content["items"], "comment")["missing"] = ["dont_know"]


def box_and_exclusive(content: dict[str, Any]) -> None:
    content["subquestion_sets"]["defences"][0]["code"] = "DK"


def no_last_page(content: dict[str, Any]) -> None:
    content["paradata"] = [e for e in content["paradata"] if e["column"] != "lastpage"]


def variable_clash(content: dict[str, Any]) -> None:
    at(content["scales"], "exposure")["id"] = "role"


def typo_key(content: dict[str, Any]) -> None:
    at(content["items"], "role")["mising"] = []


def truth_value(content: dict[str, Any]) -> None:
    content["option_sets"]["yes_no"]["options"][0]["value"] = True


def number_for_text(content: dict[str, Any]) -> None:
    at(content["items"], "role")["label"] = 3


def bad_basis(content: dict[str, Any]) -> None:
    at(content["items"], "role")["basis"] = "guessed"


def bad_rule(content: dict[str, Any]) -> None:
    at(content["scales"], "exposure")["rule"] = "sum"


def no_label(content: dict[str, Any]) -> None:
    del at(content["items"], "role")["label"]


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (rename_options, ["'concern'", "no option set 'concerns'", "Did you mean 'concern'"]),
        (rename_subquestions, ["'concern'", "no sub-question set 'attack'", "'attacks'?"]),
        (scale_of_nothing, ["scales[", "'exposure'", "no item 'occurence'", "'occurrence'?"]),
        (scale_value, ["'exposure'", "'maybe' is no value", "'suspected'"]),
        (scale_minimum, ["'concern_scale'", "7 answers cannot be reached", "6 sub-questions"]),
        (mean_of_nominal, ["'concern_scale'", "'occurrence'", "ordinal"]),
        (exclusion_item, ["exclusions[2]", "'no_consent'", "'consents'", "Did you mean 'consent'"]),
        (exclusion_value, ["'no_consent'", "'Y' is no value", "'yes', 'no'"]),
        (exclusion_column, ["'duplicate'", "no column 'tokens'", "'token'?"]),
        (exclusion_unreached, ["'partial'", "no item 'target'"]),
        (flag_item, ["'straight_liner'", "'role' is no grid"]),
        (twin_item, ["items[5]", "'role' is already used"]),
        (twin_code, ["items[5]", "'ROLE' is already used"]),
        (twin_option, ["option_sets.concern.options[1]", "'A1' is already used"]),
        (twin_attack, ["subquestion_sets.attacks[1]", "'EVA' is already used"]),
        (wrong_order, ["option_sets.concern.options[1]", "rise by one", "4 follows 5"]),
        (gap, ["option_sets.concern.options[4]", "6 follows 4"]),
        (reserved_code, ["option_sets.role.options[0]", "'DK' is the code of a missing answer"]),
        (reserved_value, ["option_sets.role.options[0]", "`other: true`"]),
        (nominal_number, ["option_sets.role.options[0]", "needs a word"]),
        (filter_unknown, ["'why'", "no item 'relevancy'", "'relevance'?"]),
        (filter_value, ["'why'", "6 is no value of the item 'relevance'"]),
        (filter_later, ["'incident'", "'concern' is asked after"]),
        (filter_other_rows, ["'planned'", "other sub-questions"]),
        (page_beyond, ["'comment'", "page 9 does not exist", "8 pages"]),
        (missing_of_text, ["'comment'", "type text has no codes"]),
        (box_and_exclusive, ["'defence'", "'DK' is both a box"]),
        (no_last_page, ["paradata", "'lastpage'"]),
        (variable_clash, ["'role' is already used by another variable"]),
        (typo_key, ["items[3]", "mising", "Correct the key"]),
        (truth_value, ["option_sets.yes_no.options[0]", "quote"]),
        (number_for_text, ["items[3].label", "value '3'"]),
        (bad_basis, ["items[3].basis", "'guessed'", "'published' or 'reconstructed'"]),
        (bad_rule, ["scales[7]", "'exposure'", "sum"]),
        (no_label, ["items[3].label", "required"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.slow
def test_errors_name_file_line_and_entry(
    load_changed: Callable[..., Any],
    change: Callable[[dict[str, Any]], None],
    parts: list[str],
) -> None:
    with pytest.raises(InputError) as caught:
        load_changed(change)
    message = str(caught.value)
    assert "codebook.yml, row " in message
    for part in parts:
        assert part in message
    assert caught.value.exit_status == 2


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "codebook.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "row", "part"),
    [
        ("version: 1\nitems: []\nversion: 2\n", 3, "the key 'version' appears twice"),
        ("version: 1\nitems: [a, b\nother: 1\n", 3, "not valid YAML"),
        ("a: &x 1\nb: *x\n", 1, "aliases"),
        ("a: !!python/object/apply:os.getcwd []\n", 1, "not valid YAML"),
        ("a: 1\nyes: 2\n", 2, "'yes' is not read as text"),
        (b"a: 1\nb: \xfc\n", 2, "not valid UTF-8 at byte 8"),
        ("", None, "the file is empty"),
        ("\ta: 1\n", 1, "not valid YAML"),
    ],
)
def test_malformed_yaml_names_the_line(
    tmp_path: Path, text: str | bytes, row: int | None, part: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_codebook(write(tmp_path, text))
    assert part in str(caught.value)
    assert caught.value.row == row


def test_missing_and_huge_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_codebook(tmp_path / "none.yml")
    with pytest.raises(InputError, match="more than"):
        load_codebook(write(tmp_path, b"#" * 2_000_001))
    deep = "a: " + "[" * 200 + "]" * 200
    with pytest.raises(InputError, match="nested too deeply"):
        load_codebook(write(tmp_path, deep))
