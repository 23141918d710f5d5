"""Every figure shows what its table holds: each text, where it can be read, in the named colours.

What a reader sees is looked up in the files: words in the PDF (with poppler's pdftotext), colours
in the SVG. The checks are themselves checked: they fail when texts vanish or fills change.
"""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from matplotlib import font_manager, ft2font
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

import figure_examples as examples
from mlsec_survey import figures
from mlsec_survey.base.errors import InputError
from mlsec_survey.base.synthetic import SYNTHETIC_SHORT
from mlsec_survey.figures.style import (
    BLUE,
    COLUMN,
    DIVERGING,
    GREEN,
    LINES,
    ORANGE,
    PAGE,
    PINK,
    SMALL,
    add_strips,
    figure_files,
    house_style,
    new_figure,
)

pytestmark = pytest.mark.slow

SOURCE = "Source: MITRE ATLAS data 5.6.0, counted from the data file."
BLUES = mpl.colormaps["Blues"]


# What a table must put into its figure ---------------------------------------------------------


def percents(values: pd.Series) -> list[str]:
    return [f"{100 * value:.0f} %" for value in values]


def counted(table: pd.DataFrame) -> list[str]:
    return [f"{count}/{n}" for count, n in zip(table["count"], table["n"], strict=True)]


def rating_words(table: pd.DataFrame) -> list[str]:
    sides = [str(n) for column in ("n", "dont_know", "no_answer") for n in table[column]]
    # Parts that are wide enough for a number have it.
    parts = [f"{100 * v:.0f}" for k in range(1, 6) for v in table[f"share_{k}"] if v > 0.14]
    return [*table["label"], *sides, *parts, "% of those who rated", "n", "don't know", "no answer"]


def forest_words() -> list[str]:
    table = examples.effects()
    ends = ["1.12 [0.83, 1.52]", "1.31 [0.94, 1.83]", "2.71 [0.81, ∞]", "0.21 [0.00, 0.34]"]
    ends += ["0.64 [0.54, 0.73]", "0.27 [0.14, 0.39]", "0.19 [0.07, 0.31]"]
    numbers = [str(n) for n in table["n"]]
    words = [*table["label"], *table["p_text"], *table["p_adjusted_text"], *numbers, *ends]
    return [*words, *table["effect"].unique(), "intervals are not adjusted", "adjusted p < 0.05"]


def profile_words() -> list[str]:
    table = examples.profile()
    return [*examples.ATTACKS, *table["measure"].unique(), *percents(table["estimate"])]


def code_words() -> list[str]:
    counts, residuals, replies, marked = examples.code_tables()
    marks = ["▲" if up else "▼" for up in residuals.to_numpy()[marked.to_numpy()] > 0]
    numbers = [str(n) for n in (*counts.to_numpy().ravel(), *replies)]
    note = "▲ ▼ more or fewer than expected, after correction for the number of cells"
    return [*counts.index, *counts.columns, *numbers, *marks, note]


def intersection_words() -> list[str]:
    sets, table = examples.intersections()
    return [*(f"{name} ({n})" for name, n in sets.items()), *map(str, table["count"]), "reasons"]


def power_words() -> list[str]:
    table = examples.power()
    lines = [f"effect × SESOI: {value}" for value in table["effect"].unique()]
    return [*table["hypothesis"].unique(), *lines, "139", "139", "139", "power, %", "respondents"]


def grid_words() -> list[str]:
    table = examples.trend_power()
    cells = [f"{100 * value:.0f}" for value in table["power"]]
    return [*cells, "n = 139: power, %", "n = 271: power, %", "respondents with exposure, %"]


def curve_words() -> list[str]:
    table = examples.curve()
    options = [o.replace("_", " ") for c in table.columns[4:] for o in table[c].unique()]
    found = int((table["p"] < 0.05).sum())
    median = f"median {table['estimate'].median():.2f}"
    title = f"480 specifications; {found} with uncorrected p < 0.05 (blue)"
    return [*options, title, median, "Exclusions", "Missing", "Scale", "Test", "rank association"]


def run_words() -> list[str]:
    table = examples.runs()
    return [*table["result"].unique(), *table["run"].unique()]


WORDS: dict[str, Callable[[], list[str]]] = {
    "exclusion_flow": lambda: [
        "Rows in the export", "n = 215", "Test by the team: n = 5", "No consent: n = 7",
        "Not an industrial practitioner: n = 18", "Incomplete: n = 40", "Duplicate: n = 6",
        "210", "203", "185", "145", "Analysed respondents", "n = 139",
    ],
    "ratings": lambda: [
        *rating_words(examples.ratings(1)), *rating_words(examples.ratings(2)),
        *examples.OPTIONS["concern"], *examples.OPTIONS["relevance"], "Concern", "Relevance",
    ],
    "ratings_one": lambda: [
        *rating_words(examples.ratings(2)), *examples.OPTIONS["relevance"], "Relevance",
    ],
    "occurrence": lambda: [
        *examples.ATTACKS, *examples.occurrence()["kind"].unique(),
        *counted(examples.occurrence()), "% of respondents who answered",
    ],
    "published": lambda: [
        *examples.published()["label"], *counted(examples.published()), "% of respondents",
    ],
    "ranking": lambda: [
        *examples.ATTACKS, *(f"{rank:.2f}" for rank in examples.ranks()["mean_rank"]),
        *percents(examples.ranks()["share"]), "(n = 126)", "(1 = most relevant)",
    ],
    "pairwise": lambda: [
        *examples.pairs()["first"].unique(), *examples.pairs()["second"].unique(),
        *(f"{value:+.2f}".replace("-", "−") for value in examples.pairs()["effect"]),
        "framed: p < 0.05, adjusted by Holm's method",
    ],
    "incidents_by_year": lambda: [
        *map(str, examples.years()["year"]), "incidents", "exercises", "case studies",
        *(str(n) for kind in ("incident", "exercise") for n in examples.years()[kind] if n),
    ],
    "documented": lambda: [
        *examples.ATTACKS, "6 + 14", "3 + 5", "1 + 3", "4 + 6", "0 + 0", "1 + 2",
        "documented case studies", "incidents", "exercises",
    ],
    "error_rates": lambda: [
        "E1", "D1", "D2", "K1", "wrong sign, %", "exaggeration, factor",
        *2 * ["true effect, multiple of the smallest of interest"],
    ],
    "bayes_sensitivity": lambda: [
        *examples.bayes()["hypothesis"].unique(), "width of the prior on the effect", "1/3",
        "Bayes factor for no effect", "grey: little evidence either way",
    ],
    "dose_response": lambda: [
        *(" ".join(name.split()) for *_, t in examples.doses() for name in t["label"]),
        *(f"{mean:.1f}" for *_, table in examples.doses() for mean in table["mean"]),
        *(text for title, label, _ in examples.doses() for text in (title, label)),
        "n = 28", "implemented defences",
    ],
    "absence": lambda: ["Nothing to draw: not examined by this plan, or not testable"],
    "forest": forest_words,
    "attack_profile": profile_words,
    "code_by_attack": code_words,
    "intersections": intersection_words,
    "power_curves": power_words,
    "power_grid": grid_words,
    "specification_curve": curve_words,
    "runs": run_words,
}  # fmt: skip


def cells(values: object, colours: mpl.colors.Colormap, low: float, high: float) -> set[str]:
    scaled = (np.ravel(np.asarray(values, dtype=float)) - low) / (high - low)
    return {to_hex(colours(value)) for value in scaled}


def code_colours() -> set[str]:
    counts, _, replies, _ = examples.code_tables()
    shares = counts / replies
    return cells(shares, BLUES, 0, max(0.5, shares.to_numpy().max()))


def pair_colours() -> set[str]:
    colours = sns.blend_palette(["#EAAF8A", "white", "#80B8D8"], as_cmap=True)
    return cells(examples.pairs()["effect"], colours, -1, 1)


FOUR_LINES = {BLUE, ORANGE, GREEN, PINK}
CASES = {ORANGE, "#8CBEDB"}
COLOURS: dict[str, Callable[[], set[str]]] = {
    "exclusion_flow": lambda: {BLUE},
    "ratings": lambda: set(DIVERGING),
    "ratings_one": lambda: set(DIVERGING),
    "occurrence": lambda: {BLUE, ORANGE, GREEN},
    "published": lambda: {BLUE},
    "ranking": lambda: {BLUE, ORANGE},
    "pairwise": pair_colours,
    "incidents_by_year": lambda: CASES,
    "documented": lambda: CASES,
    "error_rates": lambda: FOUR_LINES,
    "bayes_sensitivity": lambda: FOUR_LINES,
    "dose_response": lambda: {BLUE},
    "absence": set,
    "forest": lambda: {BLUE},
    "attack_profile": lambda: {BLUE, ORANGE, GREEN},
    "code_by_attack": code_colours,
    "intersections": lambda: {BLUE},
    "power_curves": lambda: FOUR_LINES,
    "power_grid": lambda: cells(examples.trend_power()["power"], BLUES, 0, 1.15),
    # Its strokes are pixels, see `test_specification_curve_shows_its_colours`.
    "specification_curve": lambda: {ORANGE},
    "runs": lambda: {BLUE},
}


# What a reader sees ----------------------------------------------------------------------------


def words(text: str) -> Counter[str]:
    """Return the words of a text without commas between them, signs apart from numbers.

    The narrow blanks before a sign are none for who reads a PDF.
    """
    sums = re.sub(r"(?<=\d) \+ (?=\d)", "+", text)
    return Counter(re.findall(r"[▲▼%]|[^\s▲▼%]+?(?=[,;]?(?:[\s▲▼%]|$))", sums))


def words_in(pdf: bytes) -> Counter[str]:
    run = subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True)
    return words(run.stdout.decode())


def missing_words(wanted: list[str], pdf: bytes) -> Counter[str]:
    return words(" ".join(wanted)) - words_in(pdf)


def unread(name: str, pdf: bytes) -> Counter[str]:
    """Return what the table or the drawing says and the file does not."""
    drawn = [text.get_text() for text, _ in drawn_texts(examples.EXAMPLES[name]())]
    return missing_words(WORDS[base(name)](), pdf) | missing_words(drawn, pdf)


def colours_in(svg: bytes) -> set[str]:
    """Return the colours of fills and strokes that are no shade of grey."""
    used = {f"#{code}" for code in re.findall(r"(?:fill|stroke): #([0-9a-f]{6})", svg.decode())}
    return {colour for colour in used if is_coloured(colour)}


def is_coloured(colour: str) -> bool:
    return max(to_rgb(colour)) - min(to_rgb(colour)) > 0.05


def wrong_colours(name: str, svg: bytes) -> set[str]:
    """Return the colours that are there and not wanted, or the other way round."""
    wanted, found = set(filter(is_coloured, COLOURS[name]())), colours_in(svg)
    near = {(a, b) for a in wanted for b in found if distance(a, b) < 3 / 255}
    return (wanted - {a for a, _ in near}) | (found - {b for _, b in near})


def distance(one: str, other: str) -> float:
    return float(np.abs(np.subtract(to_rgb(one), to_rgb(other))).max())


def base(name: str) -> str:
    return name.removesuffix("_narrow")


def drawn_texts(figure: Figure) -> list[tuple[Text, Bbox]]:
    """Return the texts that reach the canvas, with their extents in pixels.

    Matplotlib keeps further ones, such as labels of ticks beyond the limits.
    """
    seen: list[Text] = []
    draw = Text.draw

    def recording(self: Text, renderer, *arguments, **options) -> None:
        seen.append(self)
        draw(self, renderer, *arguments, **options)

    canvas = FigureCanvasAgg(figure)
    with house_style(), patch.object(Text, "draw", recording):
        canvas.draw()
    renderer = canvas.get_renderer()
    return [
        (text, Text.get_window_extent(text, renderer))
        for text in dict.fromkeys(seen)
        if text.get_visible() and text.get_text().strip()
    ]


def clipped_text(figure: Figure) -> list[str]:
    """Return the texts that leave the canvas."""
    canvas = figure.bbox
    return [
        text.get_text()
        for text, box in drawn_texts(figure)
        if box.x0 < canvas.x0 - 1
        or box.y0 < canvas.y0 - 1
        or box.x1 > canvas.x1 + 1
        or box.y1 > canvas.y1 + 1
    ]


def overlapping_text(figure: Figure) -> list[tuple[str, str]]:
    """Return the pairs of texts that lie on one another by more than a pixel."""
    pairs = []
    for (one, a), (other, b) in combinations(drawn_texts(figure), 2):
        width = min(a.x1, b.x1) - max(a.x0, b.x0)
        height = min(a.y1, b.y1) - max(a.y0, b.y0)
        if min(width, height) > 1.5 * figure.dpi / 100:
            pairs.append((one.get_text(), other.get_text()))
    return pairs


@pytest.fixture(scope="module")
def files() -> dict[str, dict[str, bytes]]:
    return {
        name: figure_files(draw(), name, label=SYNTHETIC_SHORT)
        for name, draw in examples.EXAMPLES.items()
    }


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_every_text_of_the_table_is_there(name: str, files) -> None:
    assert not unread(name, files[name]["pdf"])
    assert not missing_words([SYNTHETIC_SHORT], files[name]["pdf"])


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_colours_are_those_that_have_a_name(name: str) -> None:
    # Without the strip, whose red is none of the drawing's.
    assert not wrong_colours(base(name), figure_files(examples.EXAMPLES[name](), name)["svg"])


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_no_text_is_cut_or_covered(name: str) -> None:
    figure = examples.EXAMPLES[name]()
    add_strips(figure, SYNTHETIC_SHORT, SOURCE)
    assert clipped_text(figure) == []
    assert overlapping_text(figure) == []


def without_every_fifth(first: int) -> Callable[..., None]:
    drawn = Text.draw
    calls = iter(range(first, 1_000_000))

    def draw(self: Text, renderer, *arguments, **options) -> None:
        if not self.get_text().strip() or next(calls) % 5:
            drawn(self, renderer, *arguments, **options)

    return draw


@pytest.mark.parametrize("name", [name for name in examples.EXAMPLES if name != "absence"])
def test_a_text_that_vanishes_is_noticed(name: str) -> None:
    figure = examples.EXAMPLES[name]()
    with patch.object(Text, "draw", without_every_fifth(1)):
        pdf = figure_files(figure, name)["pdf"]
    assert unread(name, pdf)


def reddened(figure: Figure) -> bool:
    """Turn every fill of data red, and say whether there was any."""
    found = False
    for axes in figure.axes:
        for artist in (*axes.patches, *axes.collections):
            if isinstance(artist, QuadMesh):
                artist.set_array(None)
            if isinstance(artist, Patch | Collection):
                artist.set_facecolor("red")
                found = True
        for line in axes.lines:
            if isinstance(line, Line2D) and line.get_marker() not in ("None", None, "", " "):
                line.set_markerfacecolor("red")
                found = True
    return found


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_a_fill_that_turns_red_is_noticed(name: str) -> None:
    figure = examples.EXAMPLES[name]()
    if reddened(figure) and base(name) != "specification_curve":
        assert "#ff0000" in wrong_colours(base(name), figure_files(figure, name)["svg"])


def test_the_helpers_see_what_they_look_for() -> None:
    with house_style():
        figure = new_figure("narrow", 2.4)
        axes = figure.add_subplot()
        axes.text(0.5, 0.5, "one")
        axes.text(0.5, 0.5, "two")
        figure.text(0.99, 0.5, "over the edge")
    assert clipped_text(figure) == ["over the edge"]
    assert overlapping_text(figure) == [("one", "two")]


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_figures_are_legible_in_print_and_on_a_phone(name: str) -> None:
    figure = examples.EXAMPLES[name]()
    width, height = figure.get_size_inches()
    assert width in (COLUMN, PAGE)
    assert width == COLUMN or name in examples.WIDE
    assert height < (8 if name.endswith("_narrow") else 5.5)
    assert min(text.get_fontsize() for text, _ in drawn_texts(figure)) >= SMALL


def test_a_column_on_a_phone_has_letters_of_nine_pixels() -> None:
    # 390 pixels less the page's margins.
    assert SMALL / 72 * (358 / COLUMN) > 9


# Files -----------------------------------------------------------------------------------------


def test_label_and_source_stand_below_the_drawing() -> None:
    figure = examples.EXAMPLES["ranking"]()
    before = figure.get_size_inches()[1]
    add_strips(figure, SYNTHETIC_SHORT, "Source: " + "a long source " * 12)
    assert figure.get_size_inches()[1] > before
    boxes = dict(drawn_texts(figure))
    top_of_strips = max(boxes[text].y1 for text in figure.texts)
    bottom_of_axes = min(box.y0 for text, box in boxes.items() if text not in figure.texts)
    assert top_of_strips <= bottom_of_axes + 1


def test_a_wide_figure_has_a_file_for_small_screens() -> None:
    draw = examples.EXAMPLES["forest"]
    made = figure_files(draw(), "t", narrow=draw(width="narrow"), label="label")
    assert list(made) == ["pdf", "svg", "png", "narrow.svg"]
    widths = {
        ending: float(ElementTree.fromstring(made[ending]).attrib["width"].removesuffix("pt"))
        for ending in ("svg", "narrow.svg")
    }
    assert widths == {"svg": pytest.approx(72 * PAGE), "narrow.svg": pytest.approx(72 * COLUMN)}


def test_the_look_does_not_depend_on_what_the_process_set_and_leaves_it() -> None:
    def drawn() -> bytes:
        return figure_files(examples.EXAMPLES["ratings_one"](), "alt")["png"]

    wanted = drawn()
    with mpl.rc_context({"font.size": 20, "axes.spines.right": True, "legend.frameon": True}):
        before = dict(mpl.rcParams)
        assert drawn() == wanted
        assert dict(mpl.rcParams) == before


def test_bytes_are_the_same_in_another_process_cold_and_warm(tmp_path: Path) -> None:
    """Also with letters of the second font, after other figures had other letters."""
    program = (
        "import hashlib, sys, figure_examples as e\n"
        "from mlsec_survey import figures\n"
        "from mlsec_survey.figures.style import figure_files\n"
        "table = e.published().assign(label=['Модель', 'αβγ ≥ é', 'plain'])\n"
        "if sys.argv[1] == 'warm':\n"
        "    figure_files(e.EXAMPLES['forest'](), 'other')\n"
        "    figure_files(figures.draw_intervals(table.assign(label=['Ж', 'ю', 'ξ']),"
        " row='label', axis='a'), 'b')\n"
        "for figure in (e.EXAMPLES['specification_curve'](),"
        " figures.draw_intervals(table, row='label', axis='%')):\n"
        "    for content in figure_files(figure, 'alt', label='label').values():\n"
        "        print(hashlib.sha256(content).hexdigest())\n"
    )
    folder = Path(__file__).parent
    outputs = set()
    for seed, clock, state in (("1", "0", "cold"), ("77", "1700000000", "warm")):
        environment = {
            "PYTHONHASHSEED": seed,
            "SOURCE_DATE_EPOCH": clock,
            "PYTHONPATH": f"{folder}:{folder.parent / 'src'}",
            "MPLCONFIGDIR": str(tmp_path / seed),
            "PATH": "",
        }
        run = subprocess.run(
            [sys.executable, "-c", program, state],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(run.stdout)
    assert len(outputs) == 1


@pytest.mark.parametrize("ending", ["pdf", "png", "svg"])
def test_files_tell_no_time_and_no_program(ending: str) -> None:
    content = figure_files(examples.EXAMPLES["pairwise"](), "alt <text> & more")[ending]
    for word in (b"CreationDate", b"ModDate", b"matplotlib.org", b"Software", b"<dc:date>"):
        assert word not in content
    if ending == "svg":
        assert "alt <text> & more" in "".join(ElementTree.fromstring(content).itertext())


def test_files_are_small_enough_for_a_page(files) -> None:
    assert max(len(made["svg"]) for made in files.values()) < 250_000


# Labels from data ------------------------------------------------------------------------------


def with_labels(labels: list[str]) -> Figure:
    return figures.draw_intervals(
        examples.published().assign(label=labels), row="label", axis="% of respondents"
    )


def test_a_dollar_sign_is_no_formula() -> None:
    figure = with_labels(["$x", "a $b$ c", "$\\frac{1}{2}$"])
    assert clipped_text(figure) == []
    assert not missing_words(["$x a $b$ c $\\frac{1}{2}$"], figure_files(figure, "alt")["pdf"])


LONG = "A question of three hundred letters that goes on and on, as questions of surveys do, " * 4
HARD = [LONG[:300], "x" * 300, "short"]
TABLES: dict[str, Callable[[], Figure]] = {
    "intervals": lambda: with_labels(HARD),
    "ratings": lambda: figures.draw_ratings(
        [(LONG[:40], examples.ratings().iloc[:3].assign(label=HARD))], [examples.OPTIONS["concern"]]
    ),
    "ranking": lambda: figures.draw_ranking(examples.ranks().iloc[:3].assign(label=HARD)),
    "flow": lambda: figures.draw_exclusion_flow(
        examples.flow().assign(label=[*HARD, *HARD])
    ),
    "pairwise": lambda: figures.draw_pairwise(
        pd.DataFrame({"first": HARD[:2], "second": HARD[1:], "effect": 0.3, "p_adjusted": 0.01})
    ),
    "profile": lambda: figures.draw_item_profile(
        examples.profile().replace(dict(zip(examples.ATTACKS, HARD, strict=False)))
    ),
    "forest": lambda: figures.draw_forest(examples.effects().assign(label=[*HARD, *HARD, "D1"])),
    "forest_narrow": lambda: figures.draw_forest(
        examples.effects().assign(label=[*HARD, *HARD, "D1"]), width="narrow"
    ),
    "runs": lambda: figures.draw_runs(
        examples.runs().replace({"main": HARD[0], "seed 7": HARD[1]})
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_labels_of_300_letters_are_folded_and_cut_with_a_mark(name: str) -> None:
    figure = TABLES[name]()
    assert clipped_text(figure) == []
    assert overlapping_text(figure) == []
    assert "…" in " ".join(text.get_text() for text, _ in drawn_texts(figure))


def test_marks_that_turn_or_hide_text_are_not_drawn() -> None:
    figure = with_labels(["a\u202eb", "c\u200bd", "\u2066e\x07f\u2069"])
    words = [text.get_text() for text, _ in drawn_texts(figure)]
    assert {"ab", "cd", "e f"} <= set(words)
    assert figure_files(figure, "alt")


def test_letters_of_the_second_font_are_drawn() -> None:
    pdf = figure_files(with_labels(["Модель", "مرحبا", "αβγ"]), "alt")["pdf"]
    assert words_in(pdf)["Модель"] == 1


def test_a_letter_that_no_font_has_is_one_error_that_says_so() -> None:
    with pytest.raises(InputError) as caught:
        figure_files(with_labels(["a", "攻击", "c"]), "alt")
    assert "U+51FB, CJK UNIFIED IDEOGRAPH-51FB" in str(caught.value)
    assert "raw data" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_fonts_have_what_figures_write() -> None:
    for weight in ("normal", "bold"):
        path = font_manager.findfont(
            font_manager.FontProperties(family="Compendium Sans", weight=weight)
        )
        assert "CompendiumSans" in Path(path).name
        assert set(map(ord, "Aé–−≥▲▽… µ°×·√∞")) <= set(ft2font.FT2Font(path).get_charmap())


NO_ROWS: dict[str, Callable[[], tuple[Figure, str]]] = {
    "intervals": lambda: (
        figures.draw_intervals(examples.published().head(0), row="label", axis="%"),
        figures.describe_intervals(examples.published().head(0), row="label"),
    ),
    "ratings": lambda: (figures.draw_ratings([], []), figures.describe_ratings([])),
    "ranking": lambda: (
        figures.draw_ranking(examples.ranks().head(0)),
        figures.describe_ranking(examples.ranks().head(0)),
    ),
    "pairwise": lambda: (
        figures.draw_pairwise(examples.pairs().head(0)),
        figures.describe_pairwise(examples.pairs().head(0)),
    ),
    "forest": lambda: (
        figures.draw_forest(examples.effects().head(0), width="narrow"),
        figures.describe_forest(examples.effects().head(0)),
    ),
    "runs": lambda: (
        figures.draw_runs(examples.runs().head(0)),
        figures.describe_runs(examples.runs().head(0)),
    ),
    "curve": lambda: (
        figures.draw_specification_curve(examples.curve().head(0), {}, "x"),
        figures.describe_specification_curve(examples.curve().head(0)),
    ),
    "power_grid": lambda: (
        figures.draw_power_grid(examples.trend_power().head(0)),
        figures.describe_power_grid(examples.trend_power().head(0)),
    ),
    "profile": lambda: (
        figures.draw_item_profile(examples.profile().head(0)),
        figures.describe_item_profile(examples.profile().head(0)),
    ),
}


@pytest.mark.parametrize("name", NO_ROWS)
def test_a_table_without_rows_is_said_in_its_place(name: str) -> None:
    figure, words = NO_ROWS[name]()
    assert words.startswith("Nothing to draw")
    assert "Nothing to draw" in drawn_texts(figure)[0][0].get_text()


# What single figures say -----------------------------------------------------------------------


def test_palette_keeps_its_order_in_grey() -> None:
    """Opposite ends differ in grey from the middle, neighbours from one another."""
    grey = [float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722))) for colour in DIVERGING]
    assert grey[0] < grey[1] < grey[2] > grey[3] > grey[4]
    assert all(abs(a - b) > 0.1 for a, b in pairwise(grey))


def seen_without_red_cones(colour: str) -> np.ndarray:
    """Return how a protanope sees a colour (Viénot, Brettel and Mollon 1999), linear RGB."""
    red, green, blue = (np.array(to_rgb(colour)) ** 2.2).tolist()
    return np.array([0.1124 * red + 0.8876 * green, 0.1124 * red + 0.8876 * green,
                     0.0040 * red - 0.0040 * green + blue])  # fmt: skip


def test_lines_are_told_apart_without_red_cones_or_by_their_stroke() -> None:
    for (one, stroke), (other, another) in combinations(LINES, 2):
        apart = np.abs(seen_without_red_cones(one) - seen_without_red_cones(other)).max()
        assert apart > 0.1 or stroke != another


def test_flow_without_a_first_row_shows_both_totals() -> None:
    flow = examples.flow()
    figure = figures.draw_exclusion_flow(flow[flow["step"] > 0])
    words = " ".join(text.get_text() for text, _ in drawn_texts(figure))
    for part in ("n = 215", "Incomplete: n = 40", "Duplicate: n = 6", "n = 139", "145"):
        assert part in words
    assert "n = 0" not in words


@pytest.mark.parametrize("options", [4, 5, 7])
def test_ratings_are_centred_on_the_middle_of_the_scale(options: int) -> None:
    shares = np.random.default_rng(4).dirichlet([3] * options, size=3)
    table = pd.DataFrame(shares, columns=[f"share_{k + 1}" for k in range(options)]).assign(
        label=["a", "b", "c"], n=100, dont_know=0, no_answer=0
    )
    names = [f"option {k}" for k in range(options)]
    figure = figures.draw_ratings([("Relevance", table)], [names])
    assert clipped_text(figure) == []
    bars = [bar for bar in figure.axes[0].patches if bar.get_width() > 0]
    colours = [to_hex(colour) for colour in sns.blend_palette(DIVERGING, options)]
    for row in range(3):
        mine = [bar for bar in bars if abs(bar.get_y() + bar.get_height() / 2 - row) < 0.01]
        widths = np.array([bar.get_width() for bar in mine])
        assert widths == pytest.approx(100 * shares[row])
        half = options // 2
        below = widths[:half].sum() + (widths[half] / 2 if options % 2 else 0)
        assert mine[0].get_x() == pytest.approx(-below)
        assert [to_hex(bar.get_facecolor()) for bar in mine] == colours


def test_each_series_has_its_colour_and_place() -> None:
    table = examples.occurrence()
    figure = figures.draw_intervals(table, row="label", series="kind", axis="%")
    points = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 6]
    assert [to_hex(line.get_color()).upper() for line in points] == [BLUE, ORANGE, GREEN]
    for line, (_, part) in zip(points, table.groupby("kind", sort=False), strict=True):
        assert line.get_xdata() == pytest.approx(100 * part["estimate"].to_numpy())
    key = {t.get_text(): h for t, h in zip(
        figure.legends[0].get_texts(), figure.legends[0].legend_handles, strict=True)}  # fmt: skip
    assert to_hex(key["suspected"].get_color()).upper() == ORANGE


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_forest_marks_what_is_found_after_correction_alone(width) -> None:
    """An interval that excludes no effect before correction is not marked."""
    table = examples.effects()
    table.loc[6, "p_adjusted"] = 0.2
    figure = figures.draw_forest(table, width=width)
    blue = [
        float(line.get_xdata()[0])
        for axes in figure.axes
        for line in axes.lines
        if line.get_marker() == "o" and to_hex(line.get_color()).upper() == BLUE
    ]
    assert blue == [0.64, 0.27]
    scales = [axes.get_xscale() for axes in figure.axes]
    assert scales[0] == "log" and set(scales[1:]) == {"linear"}
    found = figures.describe_forest(table)
    assert "below 0.05 for D1" in found and "K1" not in found.split(". ")[0]


def test_forest_survives_effects_that_cannot_be_estimated() -> None:
    table = examples.effects()
    table.loc[0, ["estimate", "low", "high"]] = np.nan
    table.loc[1, "low"] = 0.0
    assert "not estimable [–]" in {
        text.get_text() for text, _ in drawn_texts(figures.draw_forest(table))
    }


def test_pairwise_frames_only_pairs_told_apart() -> None:
    table = examples.pairs()
    figure = figures.draw_pairwise(table)
    bold = {t.get_text() for t, _ in drawn_texts(figure) if t.get_fontweight() == "bold"}
    clear = {f"{e:+.2f}".replace("-", "−") for e in table.loc[table["p_adjusted"] < 0.05, "effect"]}
    assert bold == clear
    assert len(figure.axes[0].patches) == int((table["p_adjusted"] < 0.05).sum())


@pytest.mark.parametrize("corrected", [True, False])
def test_codes_are_marked_only_after_correction(corrected: bool) -> None:
    counts, residuals, replies, marked = examples.code_tables()
    figure = figures.draw_codes_by_item(counts, residuals, replies, marked if corrected else None)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert sum("▲" in word or "▼" in word for word in words) == corrected * int(marked.sum().sum())


def test_intersections_mark_the_members_of_each_combination() -> None:
    sets, table = examples.intersections()
    figure = figures.draw_intersections(sets, table)
    _, dark = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    labels = list(sets.index)
    wanted = {(x, labels.index(code)) for x, codes in enumerate(table["codes"]) for code in codes}
    assert set(zip(*dark.get_data(), strict=True)) == wanted
    (joined,) = (found for found in figure.axes[1].collections if len(found.get_paths()) > 1)
    rows = [[labels.index(code) for code in codes] for codes in table["codes"]]
    ends = [path.vertices[:, 1].tolist() for path in joined.get_paths()]
    assert ends == [[min(members), max(members)] for members in rows]
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == list(table["count"])


def test_narrow_intersections_say_what_they_leave_out() -> None:
    sets, table = examples.intersections()
    many = pd.concat([table] * 3, ignore_index=True)
    figure = figures.draw_intersections(sets, many, width="narrow")
    assert len(figure.axes[0].patches) == 12
    words = [text.get_text() for text, _ in drawn_texts(figure)]
    assert "the 12 most frequent combinations" in words


def test_specification_curve_is_sorted_and_marks_one_option_per_choice() -> None:
    table = examples.curve()
    choices = {"missing": "Missing", "coding": "Scale"}
    figure = figures.draw_specification_curve(table, choices, "rank association")
    top, below = figure.axes
    assert sum(len(lines.get_paths()) for lines in below.collections) == len(table) * len(choices)
    curves = [line for line in top.lines if line.get_marker() == "."]
    drawn = np.concatenate([line.get_ydata() for line in curves])
    assert np.sort(drawn) == pytest.approx(np.sort(table["estimate"]))
    ordered = table.sort_values("estimate")
    ends = np.array([path.vertices[:, 1] for path in top.collections[0].get_paths()])
    assert ends == pytest.approx(ordered[["low", "high"]].to_numpy())
    found = next(line for line in curves if to_hex(line.get_color()).upper() == BLUE)
    assert len(found.get_ydata()) == int((table["p"] < 0.05).sum())


@pytest.mark.parametrize("name", ["specification_curve", "specification_curve_narrow"])
def test_specification_curve_shows_its_colours(name: str, files) -> None:
    pixels = np.asarray(Image.open(io.BytesIO(files[name]["png"])).convert("RGB")).astype(int)
    blue = np.abs(pixels - 255 * np.array(to_rgb(BLUE))).max(axis=2) < 40
    assert blue.sum() > 800
    red = (pixels[..., 0] > 200) & (pixels[..., 1:].max(axis=2) < 60)
    assert red.sum() == 0


def test_bytes_do_not_depend_on_the_order_of_drawing() -> None:
    def digest() -> str:
        made = figure_files(examples.EXAMPLES["code_by_attack"](), "t")
        return hashlib.sha256(b"".join(made.values())).hexdigest()

    first = digest()
    figure_files(examples.EXAMPLES["runs"](), "t")
    assert digest() == first


# Words -----------------------------------------------------------------------------------------


def test_descriptions_say_the_finding() -> None:
    assert figures.describe_ranking(examples.ranks()) == (
        "Mean ranks, most relevant first: Evasion 2.61, Poisoning 2.95, Model stealing 3.12, "
        "Backdoor 3.95, Model inversion 4.13 and Membership inference 4.24. The interval of "
        "Evasion (2.37 to 2.85) overlaps with that of Poisoning."
    )
    assert "Poisoning 0 of 5" in figures.describe_intervals(
        pd.DataFrame(
            {"a": ["Evasion", "Poisoning"], "count": [3, 0], "n": 5, **_interval(0.6, 0.0)}
        ),
        row="a",
    )
    assert figures.describe_cases_by_year(examples.years(), examples.KINDS) == (
        "17 incidents and 40 exercises from 2016 to 2025; most incidents in 2023 (4)."
    )
    assert "Unreliable decision making for Evasion (41)" in figures.describe_codes_by_item(
        *examples.code_tables()
    )
    assert "0 with p" not in figures.describe_specification_curve(examples.curve())
    assert figures.describe_forest(examples.effects()).startswith(
        "The adjusted p is below 0.05 for D1"
    )


def _interval(*estimates: float) -> dict[str, list[float]]:
    return {"estimate": list(estimates), "low": [0.0] * 2, "high": [0.9] * 2}


def test_description_follows_the_data() -> None:
    ranks = examples.ranks()
    ranks["mean_rank"] = ranks["mean_rank"].iloc[::-1].to_numpy()
    assert figures.describe_ranking(ranks).startswith(
        "Mean ranks, most relevant first: Model inversion 2.61"
    )
    pairs = pd.DataFrame({"first": ["A"], "second": ["B"], "effect": [-0.4], "p_adjusted": [0.01]})
    assert "B is rated above A (rank-biserial correlation 0.40)" in figures.describe_pairwise(pairs)


def test_a_share_that_rounds_to_all_is_said_as_a_count() -> None:
    curve = examples.curve().head(400)
    curve["estimate"] = np.where(np.arange(400) == 0, -0.01, 0.2)
    assert "399 of 400 above zero" in figures.describe_specification_curve(curve)


@pytest.mark.parametrize(
    ("describe", "arguments"),
    [
        (figures.describe_ratings, [[("Concern", examples.ratings())]]),
        (figures.describe_item_profile, [examples.profile()]),
        (figures.describe_intersections, [*examples.intersections()]),
        (figures.describe_cases_beside_ranking, [examples.documented(), examples.KINDS]),
        (figures.describe_power_grid, [examples.trend_power()]),
        (figures.describe_error_rates, [examples.errors()]),
        (figures.describe_bayes_sensitivity, [examples.bayes()]),
        (figures.describe_dose_response, [examples.doses(), "defences"]),
        (figures.describe_runs, [examples.runs()]),
        (figures.describe_exclusion_flow, [examples.flow()]),
    ],
)
def test_descriptions_are_sentences(describe, arguments) -> None:
    text = describe(*arguments)
    assert text.endswith(".")
    assert "nan" not in text
    assert any(character.isdigit() for character in text)


def test_power_is_described_at_the_marked_sample_size() -> None:
    text = figures.describe_power_curves(
        examples.power(),
        panel="hypothesis",
        line="effect",
        x="n",
        labels={"n": "respondents", "effect": "effect × SESOI: "},
        mark=139,
    )
    power = examples.power()
    row = power[(power["n"] == 139) & (power["effect"] == 2)].iloc[0]
    assert f"{100 * row['power']:.0f} % at effect × SESOI: 2" in text
