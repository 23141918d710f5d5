"""Every figure is drawn whole: no text cut off or on top of another, the data where they belong."""

from __future__ import annotations

import io
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path
from unittest.mock import patch

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

import figure_examples as examples
from mlsec_survey import figures
from mlsec_survey.base.synthetic import SYNTHETIC_SHORT
from mlsec_survey.figures import style as style_module
from mlsec_survey.figures.style import (
    COLUMN,
    DIVERGING,
    PAGE,
    add_label,
    add_source,
    figure_files,
    new_figure,
    settle_layout,
    use_style,
)


@pytest.fixture(autouse=True, scope="module")
def style() -> None:
    use_style()


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
    with patch.object(Text, "draw", recording):
        canvas.draw()
    renderer = canvas.get_renderer()
    return [
        (text, text.get_window_extent(renderer))
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


def test_the_helpers_see_what_they_look_for() -> None:
    figure = new_figure()
    axes = figure.add_subplot()
    axes.text(0.5, 0.5, "one")
    axes.text(0.5, 0.5, "two")
    figure.text(0.99, 0.5, "over the edge")
    assert clipped_text(figure) == ["over the edge"]
    assert overlapping_text(figure) == [("one", "two")]


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_no_text_is_cut_or_covered(name: str) -> None:
    figure = examples.EXAMPLES[name]()
    add_label(figure, SYNTHETIC_SHORT)
    add_source(figure, "Source: MITRE ATLAS data 5.6.0, counted from the data file.")
    settle_layout(figure)
    assert clipped_text(figure) == []
    assert overlapping_text(figure) == []


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_figures_fit_a_column_or_the_page_and_are_legible(name: str) -> None:
    figure = examples.EXAMPLES[name]()
    width, height = figure.get_size_inches()
    assert width in (COLUMN, PAGE)
    assert height < 5
    assert min(text.get_fontsize() for text, _ in drawn_texts(figure)) >= 5.5


def test_label_and_source_stand_below_the_drawing() -> None:
    figure = examples.EXAMPLES["ranking"]()
    before = figure.get_size_inches()[1]
    add_label(figure, SYNTHETIC_SHORT)
    add_source(figure, "Source: " + "a long source " * 12)
    assert figure.get_size_inches()[1] > before
    boxes = dict(drawn_texts(figure))
    top_of_strips = max(boxes[text].y1 for text in figure.texts)
    bottom_of_axes = min(box.y0 for text, box in boxes.items() if text not in figure.texts)
    assert top_of_strips <= bottom_of_axes + 1


def test_the_look_does_not_depend_on_what_the_process_set_before() -> None:
    def drawn() -> bytes:
        return figure_files(examples.EXAMPLES["ratings_one"](), "alt", 100)["png"]

    wanted = drawn()
    mpl.rcParams.update({"font.size": 20, "axes.spines.right": True, "legend.frameon": True})
    assert drawn() == wanted


def test_bytes_are_the_same_in_another_process(tmp_path: Path) -> None:
    program = (
        "import hashlib, sys, figure_examples as e\n"
        "from mlsec_survey.figures.style import *\n"
        "figure = e.EXAMPLES['pairwise']()\n"
        "add_label(figure, 'label')\n"
        "for content in figure_files(figure, 'alt', 200).values():\n"
        "    print(hashlib.sha256(content).hexdigest())\n"
    )
    folder = Path(__file__).parent
    outputs = set()
    for seed, clock in (("1", "0"), ("77", "1700000000")):
        environment = {
            "PYTHONHASHSEED": seed,
            "SOURCE_DATE_EPOCH": clock,
            "PYTHONPATH": f"{folder}:{folder.parent / 'src'}",
            "MPLCONFIGDIR": str(tmp_path / seed),
            "PATH": "",
        }
        run = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(run.stdout)
    assert len(outputs) == 1


@pytest.mark.parametrize("ending", ["pdf", "png"])
def test_files_tell_no_time_and_no_program(ending: str) -> None:
    content = figure_files(examples.EXAMPLES["pairwise"](), "alt <text> & more", 100)[ending]
    for word in (b"CreationDate", b"ModDate", b"matplotlib.org", b"Software"):
        assert word not in content


def test_a_dollar_sign_is_no_formula() -> None:
    table = examples.published().assign(label=["$x", "a $b$ c", "$\\frac{1}{2}$"])
    figure = figures.draw_intervals(table, row="label", axis="%")
    assert clipped_text(figure) == []
    assert figure_files(figure, "alt", 100)["pdf"]


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_pixels_are_those_that_matplotlib_draws(name: str) -> None:
    """Drawn in one go, the pixels are those of a figure that is drawn as pixels alone."""
    figure = examples.EXAMPLES[name]()
    files = figure_files(figure, "alt", 200)
    figure.set_dpi(200)
    canvas = FigureCanvasAgg(figure)
    with mpl.rc_context(style_module._RC):
        canvas.draw()
    alone = np.asarray(canvas.buffer_rgba())[:, :, :3].astype(float)
    together = np.asarray(Image.open(io.BytesIO(files["png"]))).astype(float)
    lines = min(len(alone), len(together))
    alone, together = alone[-lines:], together[-lines:]

    def difference(down: int, right: int) -> float:
        moved = np.roll(together, (down, right), axis=(0, 1))
        return float(np.abs(alone - moved).mean())

    # Texts and edges may lie between pixels in one and on them in the other.
    steps = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    assert difference(0, 0) < 0.75 * min(difference(*step) for step in steps)


def test_palette_keeps_its_order_in_grey() -> None:
    """Opposite ends differ in grey from the middle, neighbours from one another."""
    from matplotlib.colors import to_rgb

    grey = [float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722))) for colour in DIVERGING]
    assert grey[0] < grey[1] < grey[2] > grey[3] > grey[4]
    assert all(abs(a - b) > 0.1 for a, b in pairwise(grey))


def test_flow_shows_each_exclusion_and_both_totals() -> None:
    flow = examples.flow()
    for table in (flow, flow[flow["step"] > 0]):
        figure = figures.draw_exclusion_flow(table)
        words = " ".join(text.get_text() for text, _ in drawn_texts(figure))
        for part in ("n = 215", "Incomplete: n = 40", "Duplicate: n = 6", "n = 139", "145"):
            assert part in words
        assert "n = 0" not in words


def test_ratings_are_centred_on_the_middle_option() -> None:
    table = examples.ratings()
    figure = figures.draw_ratings([("Relevance", table)], [examples.OPTIONS["relevance"]])
    bars = [bar for bar in figure.axes[0].patches if bar.get_width() > 0]
    for row, (_, entry) in enumerate(table.iterrows()):
        mine = [bar for bar in bars if abs(bar.get_y() + bar.get_height() / 2 - row) < 0.01]
        assert sum(bar.get_width() for bar in mine) == pytest.approx(100)
        middle = mine[2]
        assert middle.get_x() + middle.get_width() / 2 == pytest.approx(0, abs=1e-9)
        assert mine[4].get_width() == pytest.approx(100 * entry["share_5"])


def test_forest_draws_what_the_table_holds() -> None:
    table = examples.effects()
    figure = figures.draw_forest(table)
    words = {text.get_text() for text, _ in drawn_texts(figure)}
    assert {"1.12 [0.83, 1.52]", "0.27 [0.14, 0.39]", "2.71 [0.81, ∞]"} <= words
    assert {"< 0.001", "0.008"} <= words
    log_panel, linear_panel = figure.axes[0], figure.axes[-2]
    assert log_panel.get_xscale() == "log"
    assert linear_panel.get_xscale() == "linear"


def test_forest_survives_effects_that_cannot_be_estimated() -> None:
    table = examples.effects()
    table.loc[0, ["estimate", "low", "high"]] = np.nan
    table.loc[1, "low"] = 0.0
    assert "not estimable [not estimable, not estimable]" in {
        text.get_text() for text, _ in drawn_texts(figures.draw_forest(table))
    }


def test_pairwise_frames_only_pairs_told_apart() -> None:
    table = examples.pairs()
    figure = figures.draw_pairwise(table)
    bold = {t.get_text() for t, _ in drawn_texts(figure) if t.get_fontweight() == "bold"}
    clear = {f"{e:+.2f}".replace("-", "−") for e in table.loc[table["p_adjusted"] < 0.05, "effect"]}
    assert bold == clear


def test_intersections_mark_the_members_of_each_combination() -> None:
    sets, table = examples.intersections()
    figure = figures.draw_intersections(sets, table)
    joined, _, dark = figure.axes[1].lines
    labels = list(sets.index)
    wanted = {(x, labels.index(code)) for x, codes in enumerate(table["codes"]) for code in codes}
    assert set(zip(*dark.get_data(), strict=True)) == wanted
    ends = joined.get_ydata().reshape(-1, 3)[:, :2]
    rows = [[labels.index(code) for code in codes] for codes in table["codes"]]
    assert ends.tolist() == [[min(members), max(members)] for members in rows]
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == list(table["count"])


def test_specification_curve_is_sorted_and_marks_one_option_per_choice() -> None:
    table = examples.curve()
    choices = {"missing": "Missing", "coding": "Scale"}
    figure = figures.draw_specification_curve(table, choices, "rank association")
    top, below = figure.axes
    # A segment is drawn from one end to the other, then comes a gap.
    marks = sum(len(line.get_xdata()) // 3 for line in below.lines)
    assert marks == len(table) * len(choices)
    intervals, *curves = [line for line in top.lines if len(line.get_ydata()) > 2]
    drawn = np.concatenate([line.get_ydata()[::3] for line in curves])
    assert np.sort(drawn) == pytest.approx(np.sort(table["estimate"]))
    ordered = table.sort_values("estimate")
    assert intervals.get_ydata()[::3] == pytest.approx(ordered["low"].to_numpy())
    assert intervals.get_ydata()[1::3] == pytest.approx(ordered["high"].to_numpy())


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
    assert figures.describe_incidents_by_year(examples.years()) == (
        "17 incidents and 40 exercises from 2016 to 2025; most incidents in 2023 (4)."
    )
    assert "Unreliable decision making for Evasion (41)" in figures.describe_code_by_attack(
        *examples.code_tables()
    )
    assert "0 with p" not in figures.describe_specification_curve(examples.curve())
    assert figures.describe_forest(examples.effects()).startswith(
        "The interval excludes no effect for D1"
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


@pytest.mark.parametrize(
    ("describe", "arguments"),
    [
        (figures.describe_ratings, [[("Concern", examples.ratings())]]),
        (figures.describe_attack_profile, [examples.profile()]),
        (figures.describe_intersections, [*examples.intersections()]),
        (
            figures.describe_documented_against_ranking,
            [examples.ranks().assign(incident=1, exercise=2)],
        ),
        (figures.describe_trend_power, [examples.trend_power()]),
        (figures.describe_error_rates, [examples.errors()]),
        (figures.describe_bayes_sensitivity, [examples.bayes()]),
        (figures.describe_dose_response, [[("A", "b", examples.dose(["x", "y"], 1))], "defences"]),
        (figures.describe_runs, [examples.runs()]),
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


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_settling_the_layout_moves_nothing(name: str) -> None:
    """What is fixed to draw faster stands where matplotlib puts it by itself."""

    def places(settle: bool) -> list[tuple[str, float, float]]:
        figure = examples.EXAMPLES[name]()
        figure.set_dpi(200)
        if settle:
            settle_layout(figure)
        else:
            figure.canvas.draw()
            figure.get_layout_engine().execute(figure)
            figure.canvas.draw()
        return sorted((text.get_text(), box.x0, box.y0) for text, box in drawn_texts(figure))

    for (word, *settled), (same, *left_alone) in zip(places(True), places(False), strict=True):
        assert word == same
        assert settled == pytest.approx(left_alone, abs=5)


def test_fonts_have_what_figures_write_and_no_hints() -> None:
    from matplotlib import font_manager, ft2font

    for weight in ("normal", "bold"):
        path = font_manager.findfont(
            font_manager.FontProperties(family="Compendium Sans", weight=weight)
        )
        assert "CompendiumSans" in Path(path).name
        font = ft2font.FT2Font(path)
        assert set(map(ord, "Aé–−≥▲▽… µ°×·√∞")) <= set(font.get_charmap())


def test_fonts_are_read_once(tmp_path: Path) -> None:
    """Letters come from memory: an opened font outlives what its file holds."""
    from matplotlib import font_manager

    path = tmp_path / "font.ttf"
    path.write_bytes(Path(font_manager.findfont("Compendium Sans")).read_bytes())
    font = font_manager.get_font(path)
    path.write_bytes(b"")
    font.set_text("Ag")
    assert min(font.get_width_height()) > 0
    assert str(font.fname) == str(path)
