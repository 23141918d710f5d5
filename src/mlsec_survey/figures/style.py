"""One look for all figures: sizes, colours, fonts, the strips below a drawing, and its files.

Functions that draw are wrapped in `house_style`, so that a figure looks the same whatever was set
before. Their parameter `width` chooses the layout: "wide" as the paper prints it, "narrow" for the
width of one printed column, which is also what a phone shows. In both no letter is lower than
`SMALL`, which makes 9 pixels where a column fills a screen of 390 pixels.
"""

from __future__ import annotations

import io
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
import numpy as np
import seaborn as sns
from cycler import cycler
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import blended_transform_factory

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.text_safety import tidy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

Width = Literal["wide", "narrow"]

# Inches: one and both columns of the paper.
COLUMN = 3.5
PAGE = 7.16
# Points: the lowest letters.
SMALL = 6.5
_STRIP = 0.17
# Of what stands as pixels within PDF and SVG.
_INSET_DPI = 300

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), distinct for colour-blind readers.
BLUE = "#0072B2"
ORANGE = "#D55E00"
GREEN = "#009E73"
PINK = "#CC79A7"
INK = "#222222"
GREY = "#6B6B6B"
FAINT = "#D9D9D9"

# Series are told apart by more than colour.
LINES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PINK, ":"), (GREY, "-"), (INK, "--"))
MARKERS = ("o", "s", "D", "^", "v", "P")

# Diverging, for ordered options: distinct in grey as well, since its ends differ in shape of text
# and its middle is light.
DIVERGING = ("#8C510A", "#D8B365", "#EBEBEB", "#7FBFD0", "#01608A")

# DejaVu Sans with the characters that figures use; scripts/make_fonts.py says why.
FONTS = ("Compendium Sans", "DejaVu Sans")
for _font in sorted(Path(__file__).with_name("fonts").glob("*.ttf")):
    font_manager.fontManager.addfont(_font)

LOOK: Mapping[str, Any] = {
    "font.family": list(FONTS),
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=[colour for colour, _ in LINES]),
    "text.color": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "pdf.fonttype": 42,
    # Letters as outlines: a page cannot count on its reader's fonts.
    "svg.fonttype": "path",
    "svg.hashsalt": "mlsec-survey",
    # Letters have the same shape and width at any size, on screen and in print.
    "text.hinting": "none",
    "path.simplify": False,
    # A dollar sign in a label is a dollar sign.
    "text.parse_math": False,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Make figures within it look like this project's; before and after nothing is changed."""
    with mpl.rc_context():
        mpl.rcdefaults()
        sns.set_theme(context="paper", style="ticks", color_codes=False, rc=dict(LOOK))
        yield


def new_figure(width: Width, height: float) -> Figure:
    """Return an empty figure whose parts keep clear of one another.

    Args:
        width: "narrow" for one column, "wide" for the page.
        height: inches.
    """
    inches = COLUMN if width == "narrow" else PAGE
    return Figure(figsize=(inches, height), layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03))


def add_strips(figure: Figure, label: str = "", source: str = "") -> None:
    """Write below a figure, which grows by as much, where its data are from.

    Args:
        figure: whole but for this; to be called once.
        label: on a coloured strip at the bottom, such as that for synthetic data; "" for none.
        source: above it, in small letters, of published facts; "" for none.
    """
    width, height = figure.get_size_inches()
    texts: list[tuple[str, dict[str, Any], float]]
    texts = [(line, {"color": GREY}, 0.13) for line in reversed(wrap(source, int(width * 20)))]
    if label:
        box = {"boxstyle": "square,pad=0.25", "facecolor": "#9C2A00", "edgecolor": "none"}
        strip_style = {"fontweight": "bold", "color": "white", "bbox": box}
        texts.insert(0, (label, strip_style, _STRIP))
    below = sum(strip for *_, strip in texts)
    figure.set_size_inches(width, height + below)
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        share = below / (height + below)
        engine.set(rect=(0, share, 1, 1 - share))
    inches = blended_transform_factory(figure.transFigure, figure.dpi_scale_trans)
    y = 0.0
    for text, style, strip in texts:
        where: dict[str, Any] = {"transform": inches, "ha": "center", "va": "center"}
        figure.text(0.5, y + strip / 2, text, fontsize=SMALL, **where, **style)
        y += strip


@house_style()
def figure_files(
    figure: Figure,
    title: str,
    *,
    narrow: Figure | None = None,
    label: str = "",
    source: str = "",
    dpi: int = 200,
) -> dict[str, bytes]:
    """Return the files of a figure, the same to the byte on each call, without dates or versions.

    A page takes the SVG, and below the width at which that is too small to read the narrow one
    where there is one: `<picture><source media="(max-width: 600px)" srcset="KEY.narrow.svg">
    <img src="KEY.svg"></picture>`.

    Args:
        figure: as the paper prints it, without strips.
        title: what the figure shows in words; the title inside PDF and SVG.
        narrow: the same drawn with `width="narrow"`, if `figure` is wide.
        label: see `add_strips`; stands in each file.
        source: see `add_strips`; stands in each file.
        dpi: pixels per inch of the PNG.

    Returns:
        Ending of the file's name, after the figure's key and a dot → content: pdf for the paper;
        svg and, if `narrow` is given, narrow.svg for pages; png where neither can be shown.

    Raises:
        InputError: a text has letters that no font of the project can draw.
    """
    files = {}
    for drawn, endings in ((figure, ("pdf", "svg", "png")), (narrow, ("narrow.svg",))):
        if drawn is None:
            continue
        add_strips(drawn, label, source)
        _require_letters(drawn)
        engine = drawn.get_layout_engine()
        if engine is not None:
            # All files share one layout; without an engine none is looked for again.
            engine.execute(drawn)
            drawn.set_layout_engine(None)
            # The solver's last bits differ between processes; names inside the SVG rest on them.
            for axes in drawn.get_axes():
                place = np.round(axes.get_position(original=True).bounds, 6)
                axes.set_position(tuple(place.tolist()))
        for ending in endings:
            content = io.BytesIO()
            drawn.savefig(content, **_options(ending, title, dpi))
            files[ending] = content.getvalue()
    return files


def _options(ending: str, title: str, dpi: int) -> dict[str, Any]:
    """Return what `savefig` has to know about a file, without what differs between runs."""
    if ending == "png":
        # Level 6 takes a third more time for files 1 % smaller.
        return {"dpi": dpi, "metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}}
    if ending == "pdf":
        unsaid = dict.fromkeys(("CreationDate", "ModDate", "Producer", "Creator"))
        return {"format": "pdf", "dpi": _INSET_DPI, "metadata": {"Title": title, **unsaid}}
    unsaid = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    return {"format": "svg", "dpi": _INSET_DPI, "metadata": {"Title": title, **unsaid}}


def _require_letters(figure: Figure) -> None:
    """Raise an InputError if a text has a letter that none of the fonts has."""
    for text in figure.findobj(Text):
        written = text.get_text()
        bold = text.get_fontweight() in ("bold", 700)
        lacking = sorted({sign for sign in written if ord(sign) not in _letters(bold)} - {"\n"})
        if lacking:
            names = ", ".join(
                f"{sign} (U+{ord(sign):04X}, {unicodedata.name(sign, 'no name')})"
                for sign in lacking[:3]
            )
            raise InputError(
                f"a figure cannot show {names}: its fonts lack the letter",
                value=written,
                remedy="give the label that has it in other letters, in the codebook, the plan or "
                "the coding scheme that sets it; Latin, Greek, Cyrillic and Arabic can be drawn",
            )


@cache
def _letters(bold: bool) -> frozenset[int]:
    """Return the code points that the project's fonts draw, without those that are not seen."""
    weight = "bold" if bold else "normal"
    found = (font_manager.FontProperties(family=name, weight=weight) for name in FONTS)
    maps = (font_manager.get_font(font_manager.findfont(font)).get_charmap() for font in found)
    return frozenset(
        code for known in maps for code in known if unicodedata.category(chr(code))[0] != "C"
    )


def entries(table: pd.DataFrame) -> Iterator[Any]:
    """Yield the rows of a table, each with its columns as attributes."""
    return table.itertuples(index=False)


def wrap(text: str, width: int, lines: int = 4) -> list[str]:
    """Return a text in lines of at most `width` characters; what goes beyond `lines` is "…"."""
    return textwrap.wrap(tidy(text), width, max_lines=lines, placeholder=" …")


def folded(label: object, width: int, lines: int = 4) -> str:
    """Return a label from data as it is drawn: in lines, without marks that nobody sees."""
    return "\n".join(wrap(str(label), width, lines))


def wrapped(labels: Iterable[object], width: int, lines: int = 4) -> list[str]:
    """Return several labels, each `folded`."""
    return [folded(label, width, lines) for label in labels]


def pitch(labels: Sequence[str], least: float = 0.22) -> float:
    """Return the inches that each row of a chart needs for its label, at least `least`."""
    return max(least, 0.06 + 0.11 * max((label.count("\n") + 1 for label in labels), default=1))


def row_axes(axes: Axes, labels: Sequence[str]) -> None:
    """Label the rows of a horizontal chart, the first on top, without ticks or a left spine."""
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)


def interval_rows(
    axes: Axes,
    rows: ArrayLike,
    table: pd.DataFrame,
    names: tuple[str, str, str],
    *,
    marker: str = "o",
    colour: str = BLUE,
    factor: float = 1,
) -> None:
    """Draw a point and its interval in each row.

    Args:
        axes: rows are at whole numbers.
        rows: places on the vertical axis.
        table: one row per point.
        names: columns of estimate, lower and upper end.
        marker: of the points.
        colour: of points and lines.
        factor: 100 turns shares into per cent.
    """
    estimate, low, high = (factor * table[name].to_numpy(dtype=float) for name in names)
    axes.hlines(rows, low, high, color=colour, lw=1.3)
    axes.plot(estimate, rows, marker, color=colour, ms=3.4)


def value_label(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Write a value to the right of the point (x, y)."""
    if not np.isfinite(x):
        return
    options: dict[str, Any] = {"fontsize": SMALL, "va": "center"} | style
    axes.annotate(text, (x, y), xytext=(3, 0), textcoords="offset points", **options)


def cell_text(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Write a text centred on the point (x, y)."""
    options: dict[str, Any] = {"fontsize": SMALL, "ha": "center", "va": "center"} | style
    axes.text(x, y, text, **options)


def line_key(names: Sequence[str]) -> list[Line2D]:
    """Return a key to the lines of `LINES`, in order."""
    return [
        Line2D([], [], color=colour, ls=style, label=name)
        for name, (colour, style) in zip(names, LINES, strict=False)
    ]
