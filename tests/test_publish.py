"""What leaves a notebook: bytes, labels, escaping, anchors, records, and the paper's macros."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import figure_examples as examples
from mlsec_survey.base.errors import InputError
from mlsec_survey.base.formatting import as_text, interval_text, p_text, percent_text, significant
from mlsec_survey.base.synthetic import SYNTHETIC_SHORT
from mlsec_survey.report import latex, publisher
from mlsec_survey.report.columns import Columns, load_columns
from mlsec_survey.report.html import join_figures
from mlsec_survey.report.latex import escape_latex, latex_table, latex_tabular
from mlsec_survey.report.macros import assemble, uses_in
from mlsec_survey.report.publisher import SUPPRESSED, Publisher

SYNTHETIC, REAL = True, False
HOSTILE = '=HYPERLINK("http://x")&<script>alert(1)</script> 50% $x_1^2$ {a}~#\\ 😀 Größe'


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict, dict]]:
    """Record what a notebook would show."""
    outputs: list[tuple[dict, dict]] = []
    monkeypatch.setattr(
        publisher, "_display", lambda data, metadata=None: outputs.append((data, metadata or {}))
    )
    return outputs


REGISTRY = """\
columns:
  option: {heading: Option, rows: parts, meaning: response option}
  about: {heading: About, meaning: item}
  variable: {heading: Variable, meaning: item}
  count: {heading: n, unit: respondents, format: "0", role: count, meaning: respondents}
  count_*: {heading: "{}", unit: respondents, format: "0", meaning: "answered: {}"}
  at_least_*: {heading: "At least {}", meaning: "odds ratio: {}"}
  share: {heading: Share, unit: share, format: percent, meaning: count of n}
  low: {heading: Low, format: as its estimate, meaning: lower end of the interval}
  odds: {heading: Odds ratio, meaning: odds ratio}
  many: {heading: Many, meaning: a large number}
  flag: {heading: Flag, meaning: yes or no}
"""
LABELS = {"met": {"yes": "Yes, it happened", "no": "No"}}
ALLOWED = {"p", "b", "div", "table", "caption", "thead", "tbody", "tr", "th", "td"}


def columns() -> Columns:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "columns.yml"
        path.write_text(REGISTRY)
        return load_columns(path, LABELS.__getitem__)


def opened(folder: Path, synthetic: bool = True, notebook: str = "02_sample") -> Publisher:
    return Publisher.open(notebook, synthetic=synthetic, output=folder, columns=columns())


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "option": ["A", HOSTILE, "-x"],
            "count": pd.array([10, 2, pd.NA], dtype="Int64"),
            "share": [10 / 12, 1 / 6, np.nan],
            "many": [1234567, 2, 3],
            "flag": [True, False, True],
        }
    )


# Numbers as text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (139, 0, "139"),
        (1234.5678, 1, "1,234.6"),
        (0.12345, "2s", "0.12"),
        (0.0996, "2s", "0.10"),
        (12345.0, "2s", "12,000"),
        (0.00012345, "2s", "0.00012"),
        (-0.5, 2, "−0.50"),
        (-0.001, 2, "0.00"),
        (0.0, "2s", "0.0"),
        (math.nan, 2, "not estimable"),
        (math.inf, 2, "∞"),
        (-math.inf, 2, "−∞"),
        ("1.2 to 3.4", 2, "1.2 to 3.4"),
    ],
)
def test_numbers_as_readers_see_them(value: float, digits: int | str, text: str) -> None:
    assert as_text(value, digits) == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_the_last_bits_do_not_show(value: float) -> None:
    neighbour = math.nextafter(value, math.inf)
    assert as_text(significant(value), "3s") == as_text(significant(significant(value)), "3s")
    if significant(value, 12) == significant(neighbour, 12):
        assert as_text(value, 2) == as_text(neighbour, 2)


def test_p_values_never_read_as_certain() -> None:
    assert [p_text(p) for p in (0.0004, 0.0005, 0.04949, 0.9996, 1.0, math.nan)] == [
        "< 0.001",
        "< 0.001",
        "0.049",
        "> 0.999",
        "1.000",
        "",
    ]
    assert interval_text(-0.1, math.inf) == "−0.10 to ∞"
    assert interval_text(0.123, 0.456, 0, percent=True) == "12 to 46 %"
    assert percent_text(0.126) == "13 %"


# Escaping


@given(st.text(max_size=60))
def test_latex_text_has_no_live_character_and_is_ascii_or_t1(text: str) -> None:
    escaped = escape_latex(text)
    # The few commands that escaping itself writes are taken out; then nothing special may remain.
    rest = re.sub(
        r"\\fbox\{\\tiny U\+[0-9A-F]+\}|\\textsuperscript\{2\}|\\[a-zA-Z]+\{\}", "", escaped
    )
    rest = re.sub(r"\$(?:\\[a-z]+|-)\$", "", rest)
    rest = re.sub(r"\\[&%$#_{}]|\\,", "", rest)
    rest = rest.replace("~", "")
    assert not re.search(r"[\\&%$#_{}^]", rest)
    assert "\n" not in escaped


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("50 % & more", r"50 \% \& more"),
        ("a_b^c", r"a\_b\textasciicircum{}c"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("Größe", "Größe"),
        ("😀", r"\fbox{\tiny U+1F600}"),
        ("a\x00b\u202ec", "abc"),
        ("two\nlines", "two lines"),
        ("p < 0.001, −1", r"p \textless{} 0.001, $-$1"),
    ],
)
def test_latex_escapes(text: str, latex: str) -> None:
    assert escape_latex(text) == latex


def test_tabular_escapes_cells_and_aligns() -> None:
    tex = latex_tabular(["a_b", "n"], [["x & y", "1"], ["z", "2"]], [False, True], wrap=[0.5, None])
    assert r"a\_b & n \\" in tex
    assert r"x \& y & 1 \\" in tex
    assert r"p{0.50\linewidth}r" in tex


# Tables


def test_table_is_written_for_paper_page_and_spreadsheet(tmp_path: Path, shown: list) -> None:
    pub = opened(tmp_path)
    pub.table(
        "one",
        table(),
        "option count share",
        caption="A <b>table</b>",
        note="A note.",
    )
    tex = (tmp_path / "paper/generated/tables/one.tex").read_text()
    assert r"Option & n & Share \\" in tex
    assert r"A & 10 & 83 \% \\" in tex
    assert "synthetic stand-in" in tex.splitlines()[0]
    assert r"{\raggedright" not in tex
    assert re.search(r"<script|[^\\]%[^ ]|\\input", tex) is None
    csv = pd.read_csv(tmp_path / "paper/generated/tables/one.csv")
    assert list(csv.columns) == ["data_basis", "option", "count", "share"]
    assert set(csv["data_basis"]) == {"synthetic stand-in"}
    assert csv["option"].tolist()[1].startswith("'=HYPERLINK")
    assert csv["option"].tolist()[2] == "'-x"
    assert csv["share"][0] == 0.833333
    page, _ = shown[0]
    assert 'id="tab-one"' in page["text/html"]
    assert SYNTHETIC_SHORT in page["text/html"]
    assert "<script" not in page["text/html"]
    assert "A &lt;b&gt;table" in page["text/html"]
    assert "A note." in page["text/html"]
    assert "Größe" in page["text/plain"]


def test_cells_show_integers_flags_and_a_dash_for_missing(tmp_path: Path, shown: list) -> None:
    opened(tmp_path).table("t", table(), caption="c")
    rows = re.findall(r"<tr>(.*?)</tr>", shown[0][0]["text/html"])
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in rows[1:]]
    assert cells[0] == ["A", "10", "83 %", "1,234,567", "yes"]
    assert cells[2] == ["-x", "–", "–", "3", "yes"]


def test_sections_stand_above_their_rows_and_part_the_halves(
    tmp_path: Path, shown: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latex, "_TALL", 8)
    long = pd.DataFrame(
        {
            "about": ["Ro_le"] * 3 + ["Size"] * 2 + ["Field"] * 2,
            "option": list("abcdefg"),
            "count": range(7),
        }
    )
    pub = opened(tmp_path)
    pub.table("t", long, "option count", caption="c", sections="about")
    tex = (tmp_path / "paper/generated/tables/t.tex").read_text()
    left, right = tex.split("\\hfill\n")
    heading = r"\multicolumn{2}{@{}l@{}}{\textit{%s}} \\"
    assert left.count(r"\multicolumn") == 1
    assert left.index(heading % r"Ro\_le") < left.index(r"\enspace a & 0") < left.index("c & 2")
    assert right.index(heading % "Size") < right.index(r"\enspace d & 3")
    assert right.index("e & 4") < right.index(heading % "Field") < right.index("f & 5")
    for half in (left, right):
        assert half.count(r"Option & n \\") == 1
        assert half.count(r"\begin{tabular}[t]") == half.count(r"\end{tabular}") == 1
    csv = pd.read_csv(tmp_path / "paper/generated/tables/t.csv")
    assert csv.columns.tolist() == ["data_basis", "about", "option", "count"]
    page = shown[0][0]["text/html"]
    assert re.findall(r'colspan="2"[^>]*>(.*?)<', page) == ["Ro_le", "Size", "Field"]
    assert page.count("<tr") == 1 + 7 + 3
    assert "Size:\nd" in shown[0][0]["text/plain"]


def test_one_section_is_not_parted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latex, "_TALL", 2)
    pub = opened(tmp_path)
    pub.table("t", table().assign(about="p"), "count", caption="c", sections="about")
    assert r"\hfill" not in (tmp_path / "paper/generated/tables/t.tex").read_text()


def test_a_spreadsheet_can_hold_more_than_is_shown(tmp_path: Path, shown: list) -> None:
    pub = opened(tmp_path)
    pub.table("t", table()[1:], "option", caption="T.", data=table())
    csv = pd.read_csv(tmp_path / "paper/generated/tables/t.csv")
    assert list(csv.columns) == ["data_basis", *table().columns]
    assert len(csv) == 3
    assert csv["option"].tolist()[2] == "'-x"
    assert "1,234,567" not in shown[0][0]["text/html"]


def test_html_of_a_table_is_well_formed(tmp_path: Path, shown: list) -> None:
    opened(tmp_path).table("t", table(), caption=HOSTILE, note=HOSTILE, sections="option")

    class Balanced(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs) -> None:
            self.open.append(tag)
            assert tag in {
                *["p", "b", "div", "table", "caption", "thead", "tbody", "tr", "th", "td"]
            }

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    parser = Balanced()
    parser.feed(shown[0][0]["text/html"])
    assert parser.open == []


def test_real_data_carry_no_label_and_small_counts_are_hidden(tmp_path: Path, shown: list) -> None:
    counts = pd.DataFrame(
        {
            "variable": ["role"] * 4,
            "option": list("abcd"),
            "count": [60, 3, 7, 69],
            "share": [0.43, 0.02, 0.05, 0.5],
        }
    )
    pub = opened(tmp_path, REAL)
    pub.table("t", counts, caption="c", sections="variable")
    csv = pd.read_csv(tmp_path / "paper/generated/tables/t.csv", dtype=str)
    assert csv["count"].tolist() == ["60", SUPPRESSED, SUPPRESSED, "69"]
    assert csv["share"].tolist()[1:3] == [SUPPRESSED] * 2
    assert csv["data_basis"].unique().tolist() == ["survey responses"]
    text = shown[0][0]["text/html"] + (tmp_path / "paper/generated/tables/t.tex").read_text()
    assert SYNTHETIC_SHORT not in text
    assert "stand-in" not in text
    assert "below 5" in text
    assert not re.search(r">0?\.?0?2<|>3<", text)


def test_a_row_without_a_count_stays_so_beside_hidden_ones(tmp_path: Path, shown: list) -> None:
    counts = pd.DataFrame(
        {"option": ["a", "b", "c", "all"], "count": pd.array([60, 3, 7, None], dtype="Int64")}
    )
    pub = opened(tmp_path, REAL)
    pub.table("t", counts, caption="c")
    csv = pd.read_csv(tmp_path / "paper/generated/tables/t.csv", dtype=str)
    assert csv["count"].tolist()[:3] == ["60", SUPPRESSED, SUPPRESSED]
    assert pd.isna(csv["count"].iloc[3])
    assert shown[0][0]["text/html"].count('class="number"') == 5


def test_synthetic_counts_are_shown_whole(tmp_path: Path) -> None:
    counts = pd.DataFrame({"option": ["a", "b"], "count": [60, 3]})
    opened(tmp_path).table("t", counts, caption="c")
    assert "\nsynthetic stand-in,b,3\n" in (tmp_path / "paper/generated/tables/t.csv").read_text()


# Columns


def test_the_registry_gives_heading_format_and_meaning() -> None:
    names = ["met", "count_no", "count_yes", "share", "low", "odds", "count"]
    found = columns().named("met:option share low odds low count:many count_*:met", names)
    assert [(c.name, c.heading, c.format) for c in found] == [
        ("met", "Option", "2"),
        ("share", "Share", "percent"),
        ("low", "Low", "percent"),
        ("odds", "Odds ratio", "2"),
        ("low", "Low", "2"),
        ("count", "Many", "2"),
        ("count_yes", "Yes, it happened", "0"),
        ("count_no", "No", "0"),
    ]
    assert found[-1].meaning == "answered: no"
    assert columns().named("at_least_*", ["at_least_4"])[0].heading == "At least 4"
    with pytest.raises(KeyError, match="no column 'absent'"):
        columns().named("absent:option", names)
    with pytest.raises(InputError, match="no entry 'shaer'") as error:
        columns().named("share:shaer", names)
    assert "'share'" in str(error.value)


# Figures and numbers


@pytest.mark.slow
def test_figure_is_written_in_three_forms_with_its_text(tmp_path: Path, shown: list) -> None:
    pub = opened(tmp_path)
    pub.figure("rank", examples.EXAMPLES["ranking"](), caption="Ranks", alt="Evasion\nfirst.")
    assert (tmp_path / "figures/rank.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "figures/rank.png").read_bytes().startswith(b"\x89PNG")
    assert {path.suffix for path in (tmp_path / "figures").iterdir()} == {".pdf", ".png", ".svg"}
    (picture, metadata), (caption, _) = shown
    assert set(picture) == {"image/png", "text/plain"}
    assert metadata["image/png"]["alt"] == f"{SYNTHETIC_SHORT}. Evasion first."
    assert metadata["image/png"]["width"] > 300
    assert 'id="fig-rank"' in caption["text/html"]
    assert metadata["result"] == {
        "key": "rank",
        "basis": "responses",
        "notebook": "02_sample",
        "label": SYNTHETIC_SHORT,
        "caption": "Ranks",
    }
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.slow
def test_pages_show_picture_and_caption_as_one_figure(tmp_path: Path, shown: list) -> None:
    pub = opened(tmp_path)
    figure, data = examples.EXAMPLES["ranking"](), table()[["option"]]
    pub.figure("rank", figure, caption=HOSTILE, alt=f"{HOSTILE}.", data=data)
    outputs = [
        nbformat.v4.new_output("display_data", data=data, metadata=metadata)
        for data, metadata in shown
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=outputs)])
    join_figures(notebook)
    (output,) = notebook.cells[0].outputs
    page = output.data["text/html"]
    assert "image/png" not in output.data
    assert re.findall(r"<(/?\w+)", page) == [
        "figure", "img", "figcaption", "b", "/b", "/figcaption", "/figure"
    ]  # fmt: skip
    assert 'id="fig-rank" data-kind="figure" data-key="rank" data-basis="responses"' in page
    assert 'data-notebook="02_sample" data-csv="figures/rank.csv"' in page


def test_many_numbers_are_shown_folded(tmp_path: Path, shown: list) -> None:
    numbers = pd.DataFrame(
        {"key": ["a", "b"], "value": [3, "4 %"], "description": ["x <y>", "z"], "unit": ["m", ""]}
    )
    pub = opened(tmp_path)
    pub.numbers(numbers, "Both")
    page = shown[0][0]["text/html"]
    assert page.startswith('<details class="numbers')
    assert "X &lt;y&gt;: <b>3 m</b>" in page
    assert page.index('id="num-a"') < page.index('id="num-b"')
    record = json.loads(pub.record_path.read_text())
    assert {key: entry["text"] for key, entry in record["numbers"].items()} == {
        "a": "3",
        "b": "4 %",
    }


@pytest.mark.slow
def test_a_figure_from_published_facts_names_its_source_and_has_no_label(tmp_path: Path) -> None:
    pub = opened(tmp_path)
    figure = examples.EXAMPLES["published"]()
    pub.figure("p", figure, caption="c", alt="a", basis="published", source="arXiv 2207.05164")
    words = [text.get_text() for text in figure.texts]
    assert words == ["Source: arXiv 2207.05164"]
    figure = examples.EXAMPLES["published"]()
    pub.figure("q", figure, caption="c", alt="a")
    assert [text.get_text() for text in figure.texts] == [SYNTHETIC_SHORT]
    figure = examples.EXAMPLES["published"]()
    opened(tmp_path, REAL).figure("r", figure, caption="c", alt="a")
    assert figure.texts == []


def test_number_is_recorded_rounded_and_shown(tmp_path: Path, shown: list) -> None:
    pub = opened(tmp_path)
    pub.number("w", np.float64(1 / 3), "Kendall's W", digits=2, unit="", basis="design")
    pub.number("n", np.int64(139), "analysed", unit="respondents")
    pub.number("bad", math.nan, "undefined")
    record = json.loads(pub.record_path.read_text())
    assert record["numbers"]["w"] == {
        "value": 0.333333,
        "text": "0.33",
        "unit": "",
        "description": "Kendall's W",
        "basis": "design",
    }
    assert record["numbers"]["n"]["value"] == 139
    assert record["numbers"]["bad"]["value"] == "not estimable"
    assert record["synthetic"] is True
    assert 'id="num-w"' in shown[0][0]["text/html"]
    assert "synthetic" not in shown[0][0]["text/html"]
    for kind in ("text/html", "text/plain"):
        assert "139 respondents" in shown[1][0][kind]
        assert "[synthetic stand-in]" in shown[1][0][kind]


def test_outside_a_notebook_nothing_is_shown(tmp_path: Path, capsys) -> None:
    opened(tmp_path).number("n", 1, "d")
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_in_ipython_the_result_is_displayed_with_its_metadata(tmp_path: Path) -> None:
    code = f"""
import io
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
shell = InteractiveShell.instance()
with capture_output() as captured:
    from pathlib import Path
    import figure_examples as e
    from test_publish import opened
    pub = opened(Path({str(tmp_path)!r}))
    pub.figure("f", e.EXAMPLES["ranking"](), caption="c", alt="the finding")
    pub.number("k", 1, "d")
first = captured.outputs[0]
assert first.data["image/png"].startswith("iVBOR")
assert first.metadata["image/png"]["alt"].endswith("the finding")
assert 'id="num-k"' in captured.outputs[2].data["text/html"]
"""
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "", "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


# Keys and records


@pytest.mark.parametrize("key", ["", "Big", "with space", "1st", "a-b", "x}", "../x"])
def test_keys_are_checked(tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError, match="no key"):
        opened(tmp_path).number(key, 1, "d")


def test_a_key_published_twice_is_refused_by_the_runner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pub = opened(tmp_path)
    pub.number("n", 1, "d")
    pub.number("n", 2, "d")
    assert json.loads(pub.record_path.read_text())["numbers"]["n"]["value"] == 2
    monkeypatch.setenv("MLSEC_NOTEBOOK", "02_sample")
    pub = opened(tmp_path)
    pub.number("n", 1, "d")
    with pytest.raises(InputError, match="publishes the number 'n' twice"):
        pub.number("n", 1, "d")


def test_running_one_cell_by_hand_keeps_the_rest_until_close(tmp_path: Path) -> None:
    pub = opened(tmp_path)
    pub.number("first", 1, "d")
    pub.number("second", 2, "d")
    pub.close()
    again = opened(tmp_path)
    again.number("second", 3, "d")
    numbers = json.loads(pub.record_path.read_text())["numbers"]
    assert {key: entry["value"] for key, entry in numbers.items()} == {"first": 1, "second": 3}
    again.close()
    assert list(json.loads(pub.record_path.read_text())["numbers"]) == ["second"]


def test_results_of_synthetic_data_do_not_stay_beside_real_ones(tmp_path: Path) -> None:
    opened(tmp_path).number("first", 1, "d")
    real = opened(tmp_path, REAL)
    real.number("second", 2, "d")
    assert list(json.loads(real.record_path.read_text())["numbers"]) == ["second"]


@pytest.mark.slow
def test_everything_has_the_same_bytes_twice(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        pub = opened(tmp_path / folder)
        pub.table("t", table(), caption="c")
        pub.figure("f", examples.EXAMPLES["forest"](), caption="c", alt="a")
        pub.number("n", 0.1 + 0.2, "d", digits="3s")
        pub.close()
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 6
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


# The paper's macros


def paper(folder: Path, text: str, name: str = "main.tex") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


def two_records(folder: Path) -> list[Path]:
    one = opened(folder, notebook="01_cleaning")
    one.number("n_raw", 215, "d")
    one.number("kept", 1, "d")
    one.close()
    two = opened(folder, notebook="02_sample")
    two.number("p_value", "< 0.001", "d", basis="design")
    two.table("table_one", table(), caption="100 % of _all_", note="N.")
    two.figure("ranks", examples.EXAMPLES["ranking"](), caption="Ranks", alt="É first.")
    two.close()
    return [one.record_path, two.record_path]


USES = "\\result{n_raw} \\result{p_value} \\resulttable{table_one} \\resultfigure{ranks}\n"


@pytest.mark.slow
def test_assemble_defines_each_result_with_its_link(tmp_path: Path) -> None:
    records = two_records(tmp_path)
    assemble(records, paper(tmp_path / "paper", USES), tmp_path / "out")
    tex = (tmp_path / "out/numbers.tex").read_text()
    assert r"\synthetictrue" in tex
    assert r"\defineresult{n_raw}{215}{../html/01_cleaning.html\#num-n_raw}" in tex
    assert r"\defineresult{p_value}{\textless{} 0.001}" in tex
    assert r"\definetable{table_one}{page}{\syntheticmark{} 100 \% of \_all\_}" in tex
    assert f"{{N. {SYNTHETIC_SHORT}.}}" in tex
    alt = f"{SYNTHETIC_SHORT}. É first.".encode("utf-16-be").hex().upper()
    assert f"{{FEFF{alt}}}" in tex
    assert tex == _again(records, tmp_path)


def _again(records: list[Path], folder: Path) -> str:
    assemble(records[::-1], folder / "paper", folder / "out2")
    return (folder / "out2/numbers.tex").read_text()


@pytest.mark.slow
def test_a_key_of_two_notebooks_is_refused(tmp_path: Path) -> None:
    records = two_records(tmp_path)
    third = opened(tmp_path, notebook="03_attack_relevance")
    third.number("n_raw", 1, "d")
    with pytest.raises(InputError, match="'n_raw' is published by 01_cleaning and by 03_attack"):
        assemble([*records, third.record_path], paper(tmp_path / "paper", USES), tmp_path / "out")


@pytest.mark.slow
def test_an_unknown_key_is_refused_with_its_place(tmp_path: Path) -> None:
    records = two_records(tmp_path)
    folder = paper(tmp_path / "paper", USES)
    paper(folder / "sections", "text\n% \\result{commented}\n50\\% \\resulttable{n_raw}", "a.tex")
    with pytest.raises(InputError, match="no notebook publishes the table 'n_raw'") as error:
        assemble(records, folder, tmp_path / "out")
    assert (str(error.value.file), error.value.row) == ("paper/sections/a.tex", 3)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_paper_need_not_use_all_results(tmp_path: Path) -> None:
    records = two_records(tmp_path)
    assemble(records, paper(tmp_path / "paper", "\\result{n_raw}"), tmp_path / "out")
    assert r"\definefigure{ranks}" in (tmp_path / "out/numbers.tex").read_text()


@pytest.mark.slow
def test_the_dictionary_says_what_each_published_column_is(tmp_path: Path) -> None:
    pub = opened(tmp_path)
    pub.table("t", table(), "option:about share", caption="c", basis="design")
    pub.figure("f", examples.EXAMPLES["forest"](), caption="c", alt="a", data=table()[["many"]])
    pub.close()
    assemble([pub.record_path], tmp_path, tmp_path / "out")
    assert (tmp_path / "out/data_dictionary.csv").read_text().splitlines() == [
        "file,column,heading,meaning,unit,basis",
        "paper/generated/tables/t.csv,option,About,item,,design",
        "paper/generated/tables/t.csv,share,Share,count of n,share,design",
        "figures/f.csv,many,Many,a large number,,responses",
    ]
    figure = pd.read_csv(tmp_path / "figures/f.csv")
    assert figure["many"].tolist() == [1234567, 2, 3]


def test_uses_in_generated_files_do_not_count(tmp_path: Path) -> None:
    paper(tmp_path / "generated", "\\result{x}", "numbers.tex")
    paper(tmp_path, "\\newcommand{\\result}[1]{..} \\result {spaced}")
    assert [(use.kind, use.key) for use in uses_in(tmp_path)] == [("numbers", "spaced")]


def test_a_broken_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InputError, match="record of published results"):
        assemble([tmp_path / "x.json"], tmp_path, tmp_path / "out")


def test_real_records_make_the_switch_false(tmp_path: Path) -> None:
    pub = opened(tmp_path, REAL)
    pub.table("t", pd.DataFrame({"many": [1]}), caption="c")
    assemble([pub.record_path], tmp_path, tmp_path / "out")
    tex = (tmp_path / "out/numbers.tex").read_text()
    assert r"\syntheticfalse" in tex
    assert r"\syntheticmark" not in tex


def test_assemble_is_cheap_to_import() -> None:
    code = (
        "import sys, mlsec_survey.report.macros\n"
        "heavy = {'pandas', 'numpy', 'matplotlib', 'scipy', 'pydantic', 'IPython'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_long_headings_stand_in_lines_and_long_words_may_end_one() -> None:
    rows = [
        ["a hypothesis with a name of some length, and more " * 2, "1.25", "doi:10.1109/TIFS.1"]
    ]
    header = ["Hypothesis", "Smallest effect found with the target power", "Source"]
    wide, text = latex_table(header, [[*rows[0][:2], rows[0][2] * 4]], [False, True, False], {})
    assert wide and r"\shortstack[r]{Smallest effect\\found" in text
    assert r"/\allowbreak{}TIFS.\allowbreak{}1" in text
    plain = latex_table(["n", "p"], [["1", "2"]], [True, True], {})[1]
    assert "shortstack" not in plain and "allowbreak" not in plain
