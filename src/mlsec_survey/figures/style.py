"""One look for all figures: sizes of the printed column, colours, fonts, and the stand-in label."""

from __future__ import annotations

import io
import textwrap
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from matplotlib.transforms import blended_transform_factory
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from numpy.typing import ArrayLike

COLUMN = 3.5
PAGE = 7.16
LABEL_STRIP = 0.17

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), distinct for colour-blind readers.
BLUE = "#0072B2"
ORANGE = "#D55E00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#E69F00"
PINK = "#CC79A7"
INK = "#222222"
GREY = "#767676"
FAINT = "#D9D9D9"

# Diverging, for ordered options: distinct in grey as well, since its ends differ in shape of text
# and its middle is light.
DIVERGING = ("#8C510A", "#D8B365", "#EBEBEB", "#7FBFD0", "#01608A")

# DejaVu Sans with the characters that figures use; scripts/make_fonts.py says why.
for _font in sorted(Path(__file__).with_name("fonts").glob("*.ttf")):
    font_manager.fontManager.addfont(_font)

_RC: Any = {
    "figure.dpi": 100,
    "font.family": ["Compendium Sans", "DejaVu Sans"],
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    # Without, matplotlib looks for ticks above each time.
    "axes.titley": 1.0,
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
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
    "legend.fontsize": 6.5,
    "pdf.fonttype": 42,
    # Letters have the same shape and width at any size, on screen and in print.
    "text.hinting": "none",
    "path.simplify": False,
    # A dollar sign in a label is a dollar sign.
    "text.parse_math": False,
}


def use_style() -> None:
    """Make the project's look matplotlib's default for this process, whatever was set before."""
    mpl.rcdefaults()
    mpl.rcParams.update(_RC)


def new_figure(width: float = COLUMN, height: float = 2.4) -> Figure:
    """Return an empty figure of `width` × `height` inches whose parts keep clear of one another.

    Matplotlib takes the look of each part from its defaults when the part is made. They are set
    here, so that a figure looks the same in every notebook, by hand and in a batch.
    """
    use_style()
    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03))


def add_label(figure: Figure, label: str) -> None:
    """Add `label` on a coloured strip of its own below the figure, which grows by that strip."""
    _add_strip(
        figure,
        label,
        fontweight="bold",
        color="white",
        bbox={"boxstyle": "square,pad=0.25", "facecolor": "#9C2A00", "edgecolor": "none"},
    )


def add_source(figure: Figure, source: str) -> None:
    """Say below the figure where published facts come from; the figure grows by that strip."""
    width = figure.get_size_inches()[0]
    lines = textwrap.wrap(source, int(width * 22))
    for line in reversed(lines):
        _add_strip(figure, line, color=GREY, height=LABEL_STRIP if len(lines) == 1 else 0.12)


def _add_strip(figure: Figure, text: str, height: float = LABEL_STRIP, **style: Any) -> None:
    width, total = figure.get_size_inches()
    used = sum(artist.strip_height for artist in figure.texts if hasattr(artist, "strip_height"))
    figure.set_size_inches(width, total + height)
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        share = (used + height) / (total + height)
        engine.set(rect=(0, share, 1, 1 - share))
    # Inches, so that the text stays where it is when a further strip makes the figure grow.
    inches = blended_transform_factory(figure.transFigure, figure.dpi_scale_trans)
    artist = figure.text(
        0.5,
        used + height / 2,
        text,
        transform=inches,
        ha="center",
        va="center",
        fontsize=6.5,
        **style,
    )
    artist.strip_height = height  # type: ignore[attr-defined]


def settle_layout(figure: Figure, dpi: int) -> None:
    """Lay the figure out once, so that all files of it have one layout and none pays for it again.

    Nothing may be added afterwards that needs room.

    Args:
        figure: complete, with its strips.
        dpi: of its pixel version, whose canvas keeps the sizes of texts that are measured here.
    """
    _canvas(figure, dpi)
    all_axes = [(axes.xaxis, axes.yaxis) for axes in figure.axes]
    for axes in figure.axes:
        # They lie on the edge of their axes.
        axes.spines[:].set_in_layout(False)
    for axis in chain.from_iterable(all_axes):
        if not axis.label.get_text():
            # No label needs no place among the tick labels.
            axis.set_label_coords(0, 0)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    for axis in chain.from_iterable(all_axes):
        _fix_labels(figure, axis)
    with mpl.rc_context(_RC):
        figure.set_layout_engine(None)


def figure_bytes(figure: Figure, ending: Literal["pdf", "png"], title: str, dpi: int) -> bytes:
    """Return the figure as a file's content, without dates or versions."""
    buffer = io.BytesIO()
    with mpl.rc_context(_RC):
        if ending == "pdf":
            none = dict.fromkeys(("CreationDate", "ModDate", "Producer", "Creator"))
            figure.savefig(buffer, format="pdf", dpi=dpi, metadata=none | {"Title": title})
        else:
            canvas = _canvas(figure, dpi)
            canvas.draw()
            # Nothing is transparent; level 6 takes a third more time for files 1 % smaller.
            picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
            picture.save(buffer, "png", compress_level=3, dpi=(dpi, dpi))
    return buffer.getvalue()


def _fix_labels(figure: Figure, axis: Axis) -> None:
    """Let an axis's labels stay where they are, else each file measures all to place one again."""
    label, inches = axis.label, figure.dpi_scale_trans
    if label.get_text():
        # Places it for the final size of the axes.
        axis.get_tightbbox()
        x, y = inches.inverted().transform(label.get_transform().transform(label.get_position()))
        axis.set_label_coords(x, y, transform=inches)
    if not axis.offsetText.get_text():
        for tick in axis.get_major_ticks():
            tick.label1.set_in_layout(False)


def _canvas(figure: Figure, dpi: int) -> FigureCanvasAgg:
    """Return the canvas that draws the figure as pixels."""
    figure.set_dpi(dpi)
    canvas = figure.canvas
    return canvas if isinstance(canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)


def entries(table: pd.DataFrame) -> Iterator[Any]:
    """Yield the rows of a table, each with its columns as attributes."""
    return table.itertuples(index=False)


def wrapped(labels: Sequence[str], width: int) -> list[str]:
    """Return labels broken into lines of at most `width` characters."""
    return ["\n".join(textwrap.wrap(label, width)) or label for label in labels]


def value_label(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Write a value to the right of the point (x, y), readable over grid lines."""
    halo = [withStroke(linewidth=1.6, foreground="white")]
    options: dict[str, Any] = {"fontsize": 6, "va": "center", "path_effects": halo} | style
    axes.annotate(text, (x, y), xytext=(3, 0), textcoords="offset points", **options)


def cell_text(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Write a text centred on the point (x, y), well inside its axes: layout can leave it out."""
    options: dict[str, Any] = {"fontsize": 6, "ha": "center", "va": "center"} | style
    axes.text(x, y, text, in_layout=False, **options)


def segments(
    axes: Axes, x: tuple[ArrayLike, ArrayLike], y: tuple[ArrayLike, ArrayLike], **style: Any
) -> None:
    """Draw a line from (x₁, y₁) to (x₂, y₂) for each entry, all of them as one path."""
    ends = np.broadcast_arrays(*(np.asarray(end, dtype=float) for end in (*x, *y)))
    gap = np.full(len(ends[0]), np.nan)
    across, up = np.stack([*ends[:2], gap], axis=1), np.stack([*ends[2:], gap], axis=1)
    axes.plot(across.ravel(), up.ravel(), **style)


def row_axes(axes: Axes, labels: Sequence[str], width: int = 24) -> None:
    """Label the rows of a horizontal chart, the first on top, without ticks or a left spine."""
    axes.set_yticks(range(len(labels)), wrapped(labels, width))
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
