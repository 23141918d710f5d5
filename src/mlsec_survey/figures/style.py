"""One look for all figures: sizes of the printed column, colours, fonts, and the stand-in label."""

from __future__ import annotations

import io
import os
import textwrap
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.backend_bases import FigureCanvasBase, GraphicsContextBase, RendererBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.backends.backend_pdf import PdfFile, RendererPdf
from matplotlib.figure import Figure
from matplotlib.ft2font import LoadFlags
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from matplotlib.transforms import (
    Affine2D,
    ScaledTranslation,
    TransformedBbox,
    TransformedPath,
    blended_transform_factory,
)
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


class _FontFile(io.BytesIO):
    """A font file in memory; matplotlib learns its path as `str`."""

    def __init__(self, path: str) -> None:
        super().__init__(Path(path).read_bytes())
        self._path = path

    def __str__(self) -> str:
        return self._path


_open_font: Any = font_manager._get_font  # type: ignore[attr-defined]


@cache
def _font_in_memory(fonts: tuple[tuple[str, int], ...], **options: Any) -> Any:
    """Open a font, and after it those for letters that it lacks, as matplotlib does.

    Matplotlib goes to the file for each letter that it measures or draws, which takes most of the
    time that a letter takes, and has no option to keep the file.
    """
    (path, index), *others = fonts
    return _open_font.__wrapped__(((_FontFile(path), index), *others), **options)


# As for matplotlib's own cache: fonts do not survive a fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_font_in_memory.cache_clear)
font_manager._get_font = _font_in_memory  # type: ignore[attr-defined]

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


def settle_layout(figure: Figure) -> None:
    """Lay the figure out once, so that drawing it does not pay for it again.

    Nothing may be added afterwards that needs room.
    """
    # Ticks are made when they are asked for.
    all_axes = [(axes.xaxis, axes.yaxis) for axes in figure.axes if axes.axison]
    for axes in figure.axes:
        # They lie on the edge of their axes.
        axes.spines[:].set_in_layout(False)
    for axis in chain.from_iterable(all_axes):
        if not axis.label.get_text():
            # No label needs no place among the tick labels.
            axis.set_label_coords(0, 0)
    engine = figure.get_layout_engine()
    if engine is not None and figure.axes:
        engine.execute(figure)
    for axis in chain.from_iterable(all_axes):
        _fix_labels(figure, axis)
    with mpl.rc_context(_RC):
        figure.set_layout_engine(None)


def figure_files(figure: Figure, title: str, dpi: int) -> dict[str, bytes]:
    """Lay the figure out, draw it, and return the content of its files, without dates or versions.

    Args:
        figure: complete, with its strips.
        title: of the PDF document.
        dpi: pixels per inch of the PNG.

    Returns:
        File ending (pdf, png) → content.
    """
    document, picture = io.BytesIO(), io.BytesIO()
    none = dict.fromkeys(("CreationDate", "ModDate", "Producer", "Creator"))
    with mpl.rc_context(_RC):
        # A PDF has 72 units to the inch.
        figure.set_dpi(72)
        width, height = figure.get_size_inches()
        pdf = PdfFile(document, metadata=none | {"Title": title})
        pdf.newPage(width, height)
        renderer = _BothRenderer(pdf, width, height, dpi)
        FigureCanvasBase(figure).get_renderer = lambda: renderer  # type: ignore[attr-defined]
        settle_layout(figure)
        figure.draw(renderer)
        renderer.pdf.finalize()
        pdf.finalize()
        pdf.close()
        # Nothing is transparent; level 6 takes a third more time for files 1 % smaller.
        pixels = Image.fromarray(np.asarray(renderer.pixels.buffer_rgba())).convert("RGB")
        pixels.save(picture, "png", compress_level=3, dpi=(dpi, dpi))
    return {"pdf": document.getvalue(), "png": picture.getvalue()}


class _Pixels(RendererAgg):
    """Draws a level text as one picture, to the nearest pixel, instead of letter by letter."""

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float,
        ismath: Any = False, mtext: Any = None,
    ) -> None:  # fmt: skip
        if angle:
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)
            return
        font = self._prepare_font(prop)
        font.set_text(s, 0.0, flags=LoadFlags.NO_HINTING)
        font.draw_glyphs_to_bitmap(antialiased=True)
        across, down = font.get_bitmap_offset()
        left, bottom = x + across / 64, y + (down + font.get_descent()) / 64
        self._renderer.draw_text_image(font.get_image(), round(left), round(bottom) + 1, 0, gc)


class _BothRenderer(RendererBase):
    """Draws each shape and text into a PDF and, scaled, as pixels.

    Most of the time that a figure takes goes into finding out what is where. With both files drawn
    in one go it is spent once.
    """

    def __init__(self, file: PdfFile, width: float, height: float, dpi: int) -> None:
        super().__init__()
        self.pdf = RendererPdf(file, dpi, height, width)
        self.pixels = _Pixels(round(width * dpi), round(height * dpi), dpi)
        self._factor = dpi / 72
        self._scale = Affine2D().scale(self._factor)
        self.width, self.height = self.get_canvas_width_height()

    def new_gc(self) -> GraphicsContextBase:
        return self.pdf.new_gc()

    def get_text_width_height_descent(self, *text: Any) -> tuple[float, float, float]:
        return self.pdf.get_text_width_height_descent(*text)

    def get_image_magnification(self) -> float:
        return self.pdf.get_image_magnification()

    def flipy(self) -> bool:
        return False

    def get_canvas_width_height(self) -> tuple[float, float]:
        return self.pdf.get_canvas_width_height()

    def draw_path(self, gc: Any, path: Any, transform: Any, rgbFace: Any = None) -> None:
        self.pdf.draw_path(gc, path, transform, rgbFace)
        self.pixels.draw_path(self._scaled(gc), path, transform + self._scale, rgbFace)

    def draw_markers(
        self, gc: Any, marker_path: Any, marker_trans: Any, path: Any, trans: Any,
        rgbFace: Any = None,
    ) -> None:  # fmt: skip
        self.pdf.draw_markers(gc, marker_path, marker_trans, path, trans, rgbFace)
        scale = self._scale
        self.pixels.draw_markers(
            self._scaled(gc), marker_path, marker_trans + scale, path, trans + scale, rgbFace
        )

    def draw_image(self, gc: Any, x: float, y: float, im: Any, transform: Any = None) -> None:
        self.pdf.draw_image(gc, x, y, im)
        self.pixels.draw_image(self._scaled(gc), x * self._factor, y * self._factor, im)

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float,
        ismath: Any = False, mtext: Any = None,
    ) -> None:  # fmt: skip
        self.pdf.draw_text(gc, x, y, s, prop, angle, ismath, mtext)
        across, down = x * self._factor, self.pixels.height - y * self._factor
        self.pixels.draw_text(self._scaled(gc), across, down, s, prop, angle, ismath, mtext)

    def _scaled(self, gc: Any) -> GraphicsContextBase:
        """Return the context with its clipping in pixels; widths of lines stay in points."""
        scaled: Any = GraphicsContextBase()
        scaled.copy_properties(gc)
        rectangle, (path, transform) = gc.get_clip_rectangle(), gc.get_clip_path()
        if rectangle is not None:
            scaled.set_clip_rectangle(TransformedBbox(rectangle, self._scale))
        if path is not None:
            scaled.set_clip_path(TransformedPath(path, transform + self._scale))
        return scaled


def _fix_labels(figure: Figure, axis: Axis) -> None:
    """Let an axis's labels stay where they are, else drawing measures all to place one again."""
    label, inches = axis.label, figure.dpi_scale_trans
    if label.get_text():
        # Places it for the final size of the axes.
        axis.get_tightbbox()
        x, y = inches.inverted().transform(label.get_transform().transform(label.get_position()))
        axis.set_label_coords(x, y, transform=inches)
    if not axis.offsetText.get_text():
        for tick in axis.get_major_ticks():
            tick.label1.set_in_layout(False)


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
    beside = ScaledTranslation(3 / 72, 0, axes.figure.dpi_scale_trans)
    axes.text(x, y, text, transform=axes.transData + beside, **options)


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
    row_labels(axes, range(len(labels)), wrapped(labels, width))
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)


def row_labels(
    axes: Axes, heights: Sequence[float], labels: Sequence[str], fontsize: float = 6.5
) -> None:
    """Write labels where those of ticks stand; ticks without marks would take thrice the time."""
    axes.set_yticks([])
    transform, va, ha = axes.get_yaxis_text1_transform(3.5)
    for y, label in zip(heights, labels, strict=True):
        axes.text(0, y, label, transform=transform, va=va, ha=ha, fontsize=fontsize)
