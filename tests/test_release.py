"""The release check finds planted leaks of every kind, and passes once they are mended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import figure_examples as examples
from mlsec_survey.base.formatting import SUPPRESSED
from mlsec_survey.base.identifiers import identifiers
from mlsec_survey.report import publisher, release
from mlsec_survey.report.columns import load_columns
from mlsec_survey.report.html import render
from mlsec_survey.report.macros import assemble
from mlsec_survey.report.publisher import Publisher
from mlsec_survey.responses.private import invited_names, nearly_unique

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = load_columns(ROOT / "data" / "columns.yml")
ANSWER = "Our vendor retrains the ranking model every night without telling anybody"
SECRETS = release.Secrets(
    (ANSWER, "no idea"), ("Quintzel", "Ada Quintzel"), frozenset(["doi.org"]), ("no idea at all",)
)
TABLES = Path("paper/generated/tables")
RECORD = Path("paper/generated/records/02_sample.json")


def rows(counts: list[int], n: int = 139) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "list": ["Defences"] * len(counts),
            "label": ["Input checks", "Provenance", "Red team", "Other"][: len(counts)],
            "count": counts,
            "n": n,
            "estimate": [count / n for count in counts],
        }
    )


def cells(outputs: list[tuple[dict, dict]]) -> list[dict[str, Any]]:
    return [
        {
            "cell_type": "code",
            "metadata": {},
            "source": [],
            "outputs": [{"output_type": "display_data", "data": data, "metadata": metadata}],
        }
        for data, metadata in outputs
    ]


def publish(folder: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write what a run on private answers writes, with one notebook, its page, and an explorer."""
    outputs: list[tuple[dict, dict]] = []
    monkeypatch.setattr(
        publisher, "_display", lambda data, metadata=None: outputs.append((data, metadata or {}))
    )
    pub = Publisher.open(
        "02_sample", synthetic=False, output=folder, columns=COLUMNS, respondents=139
    )
    words = "label:defence count n estimate:share"
    pub.number("n_respondents", 139, "analysed respondents", unit="respondents")
    pub.number("reading", "62 of 139 respondents check their inputs.", "what is found")
    pub.table("defences", table, words, caption="Defences.", sections="list", note="A note.")
    shown = pub.released(table, words)
    pub.figure(
        "bars", examples.EXAMPLES["ranking"](), caption="Bars.", alt="Checks first.", data=shown
    )
    pub.close()
    (folder / "paper" / "main.tex").write_text("")
    assemble([pub.record_path], folder / "paper", folder / "paper" / "generated")
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "02_sample.ipynb").write_text(json.dumps({"cells": cells(outputs)}))
    (folder / "html").mkdir()
    body = "\n".join(data.get("text/html", "") for data, _ in outputs)
    (folder / "html" / "02_sample.html").write_text(f"<main>{body}</main>")
    explorer = {
        "items": [{"id": "d", "label": "Role", "answers": ["A", "B", "No answer"], "answered": 2}],
        "tables": {"d": {"": {"counts": [[100, 30, 9]], "n": [[139, 130]]}}},
    }
    (folder / "html" / "explore.html").write_text(
        f'<script type="application/json">{json.dumps(explorer)}</script>'
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "runs" / "export"
    publish(folder, rows([62, 40, 20, 9]), monkeypatch)
    return folder


def found(run: Path) -> set[tuple[str, str]]:
    """Return rule and file of each finding."""
    return {
        (finding.rule, finding.where.split(",")[0])
        for finding in release.check(run, COLUMNS, SECRETS)
    }


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, (path, old)
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def in_record(kind: str, key: str, **fields: Any) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        content = json.loads((run / RECORD).read_text())
        content[kind][key] |= fields
        (run / RECORD).write_text(json.dumps(content))

    return change


def hidden_output(run: Path) -> None:
    path = run / "notebooks" / "02_sample.ipynb"
    content = json.loads(path.read_text())
    content["cells"][0]["metadata"] = {"jupyter": {"outputs_hidden": True}}
    stream = {"output_type": "stream", "name": "stdout", "text": ["role  3\n"]}
    content["cells"][0]["outputs"].append(stream)
    path.write_text(json.dumps(content))


# What is planted, how, and the rule and the file that it must be found by.
LEAKS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "a count of one by differencing two results": (
        lambda run: changed(run / TABLES / "defences.csv", ",62,", ",61,"),
        "differencing",
        "paper/generated/tables/defences.csv",
    ),
    "a name in a note": (
        in_record("tables", "defences", note="Decided after Quintzel objected."),
        "identifier",
        RECORD.as_posix(),
    ),
    "a mail address": (
        lambda run: changed(run / TABLES / "defences.csv", "Red team", "ada@firm.example"),
        "identifier",
        "paper/generated/tables/defences.csv",
    ),
    "a sentence on three people": (
        in_record("numbers", "reading", value="Three people met it.", text="Three people met it."),
        "threshold",
        RECORD.as_posix(),
    ),
    "an alternative text": (
        in_record("figures", "bars", alt="Checks first; 2 engineers disagree."),
        "threshold",
        RECORD.as_posix(),
    ),
    "a small bar": (
        lambda run: changed(run / "figures" / "bars.csv", ",20,", ",2,"),
        "threshold",
        "figures/bars.csv",
    ),
    "a macro": (
        lambda run: changed(
            run / "paper/generated/numbers.tex",
            r"\defineresult{n_respondents}{139}",
            r"\defineresult{n_respondents}{3}",
        ),
        "unequal",
        "paper/generated/numbers.tex",
    ),
    "a hidden output": (hidden_output, "unpublished", "notebooks/02_sample.ipynb"),
    "the explorer": (
        lambda run: changed(run / "html" / "explore.html", "30", "3"),
        "threshold",
        "html/explore.html",
    ),
    "a CSV file": (
        lambda run: changed(run / TABLES / "defences.csv", ",20,", ",3,"),
        "threshold",
        "paper/generated/tables/defences.csv",
    ),
    "a stray file": (
        lambda run: (run / "figures" / "extra.csv").write_text("a\n1\n"),
        "unpublished",
        "figures/extra.csv",
    ),
    "words of a respondent": (
        lambda run: changed(
            run / "html" / "02_sample.html",
            "A note.",
            "One said: our vendor retrains the ranking model.",
        ),
        "quotation",
        "html/02_sample.html",
    ),
    "a cell of a page": (
        lambda run: changed(run / "html" / "02_sample.html", ">20</td>", ">4</td>"),
        "threshold",
        "html/02_sample.html",
    ),
    "a cell of the paper": (
        lambda run: changed(run / TABLES / "defences.tex", "& 20 &", "& 4 &"),
        "threshold",
        "paper/generated/tables/defences.tex",
    ),
    "a count hidden alone": (
        lambda run: changed(run / "html" / "explore.html", "100, 30", "null, 30"),
        "complement",
        "html/explore.html",
    ),
    "a figure whose values nobody has": (
        lambda run: (
            (run / "figures" / "bars.csv").unlink(),
            in_record("figures", "bars", columns=None)(run),
            _without(run, "figures", "bars", "columns"),
        )[-1],
        "unpublished",
        "figures/bars.png",
    ),
}


def _without(run: Path, kind: str, key: str, field: str) -> None:
    content = json.loads((run / RECORD).read_text())
    del content[kind][key][field]
    (run / RECORD).write_text(json.dumps(content))


def test_what_the_publisher_wrote_passes(run: Path) -> None:
    assert found(run) == set()


def test_small_counts_are_hidden_by_the_publisher_and_then_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    publish(folder, rows([62, 40, 136, 3]), monkeypatch)
    table = pd.read_csv(folder / TABLES / "defences.csv", dtype=str)
    assert table["count"].tolist() == ["62", "40", SUPPRESSED, SUPPRESSED]
    assert pd.read_csv(folder / "figures" / "bars.csv")["count"].tolist() == [62, 40]
    assert found(folder) == set()


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_found_and_its_mending_passes(
    run: Path, leak: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, rule, place = LEAKS[leak]
    plant(run)
    assert (rule, place) in found(run)
    mended = tmp_path / "mended"
    publish(mended, rows([62, 40, 20, 9]), monkeypatch)
    assert found(mended) == set()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("write to a.b+c@firm.co.uk", ["mail address"]),
        ("from 192.168.10.4 or 2001:db8:0:1:1:1:1:1", ["network address"] * 2),
        ("version 1.2.3 of 300.1.1.1", []),
        ("see https://firm.example/x and https://doi.org/10.1/x", ["link"]),
        ("call +49 30 1234567 or 030/123456-78", ["telephone number"] * 2),
        ("95 % of 1,234,567; 10.1109/TIFS.2023.3251842; 2023-01-02 10:11:12", []),
        ("said Quintzel, not Quintzels", ["name"]),
    ],
)
def test_direct_identifiers_are_found(text: str, kinds: list[str]) -> None:
    found = identifiers(text, SECRETS.names, SECRETS.links)
    assert [kind for kind, _ in found] == kinds


def test_quotations_are_words_in_a_row_and_the_projects_own_are_none() -> None:
    quotations = release.Quotations([ANSWER, "the data leaked", "no"], ["when the data leaked"])
    assert quotations.of("They wrote: Retrains the RANKING model, every night!") is not None
    assert quotations.of("The ranking model retrains every night") is None
    assert quotations.of("the data leaked") is None
    assert quotations.of("no") is None


def test_the_report_says_what_where_which_rule_and_what_to_do(run: Path) -> None:
    changed(run / TABLES / "defences.csv", ",20,", ",3,")
    findings = release.check(run, COLUMNS, SECRETS)
    page = release.report(run, findings)
    content = json.loads((run / "release" / "report.json").read_text())
    assert content["passed"] is False
    assert set(content["findings"][0]) == {"where", "rule", "what", "remedy"}
    assert "not passed" in page.read_text()
    assert "Red team" in page.read_text()
    release.report(run, [])
    assert json.loads((run / "release" / "report.json").read_text())["passed"] is True
    assert "<script" not in render("release", findings=[], rules={})


def test_only_what_passed_is_copied(run: Path, tmp_path: Path) -> None:
    root = tmp_path
    (root / "data").mkdir()
    (root / "notebooks").mkdir()
    (root / "scripts").mkdir()
    for name in ("codebook.yml", "columns.yml"):
        (root / "data" / name).write_bytes((ROOT / "data" / name).read_bytes())
    (root / "figures").mkdir()
    (root / "figures" / "old.png").write_text("old")
    script = [sys.executable, str(ROOT / "scripts" / "release.py"), "--root", str(root)]
    kept = (run / TABLES / "defences.csv").read_text()
    changed(run / TABLES / "defences.csv", ",20,", ",3,")
    failed = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (failed.returncode, (root / "figures" / "old.png").exists()) == (2, True)
    assert "not released" in failed.stdout
    (run / TABLES / "defences.csv").write_text(kept)
    passed = subprocess.run(script, capture_output=True, text=True, check=False)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert sorted(path.name for path in (root / "figures").iterdir()) == sorted(
        path.name for path in (run / "figures").iterdir()
    )
    assert (root / "notebooks" / "02_sample.ipynb").is_file()
    assert not (root / "data" / "processed").exists()


def test_names_come_from_the_invitation_list(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("firstname,lastname,email,status\nAda,Quintzel,ada@firm.example,sent\n")
    assert invited_names(tmp_path, path) == ["Ada Quintzel", "Quintzel", "ada@firm.example"]
    assert invited_names(tmp_path) == []


def test_a_column_that_is_nearly_a_key_is_found() -> None:
    table = pd.DataFrame(
        {
            "seed": range(100),
            "seconds": [at / 7 for at in range(90)] + [1.0] * 10,
            "role": ["a", "b"] * 50,
            "rare": [*range(10), *[None] * 90],
            "few": [*range(5), *[None] * 95],
        }
    )
    assert nearly_unique(table) == ["seed", "seconds", "rare"]
