"""One look for all figures: sizes of the printed column, colours, fonts, and the stand-in label."""

from __future__ import annotations

import hashlib
import io
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from matplotlib.transforms import blended_transform_factory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

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

_CLIP_PATH = re.compile(rb'<clipPath id="([^"]+)">(.*?)</clipPath>', re.DOTALL)

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
    "svg.fonttype": "path",
    "svg.hashsalt": "mlsec-survey",
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

    Args:
        figure: complete, with its strips.
        dpi: of its pixel version, where letters are widest.
    """
    figure.set_dpi(dpi)
    engine = figure.get_layout_engine()
    if engine is not None:
        # The room that long labels need is known after the first pass.
        for _ in range(2):
            engine.execute(figure)
    with mpl.rc_context(_RC):
        figure.set_layout_engine(None)


def figure_bytes(figure: Figure, ending: str, title: str, dpi: int) -> bytes:
    """Return the figure as a file's content, without dates, versions or random ids."""
    endings: dict[str, dict[str, Any]] = {
        "pdf": {
            "CreationDate": None,
            "ModDate": None,
            "Producer": None,
            "Creator": None,
            "Title": title,
        },
        "svg": {"Date": None, "Creator": None, "Title": title},
        "png": {"Software": None},
    }
    buffer = io.BytesIO()
    with mpl.rc_context(_RC):
        figure.savefig(buffer, format=ending, dpi=dpi, metadata=endings[ending])
    content = buffer.getvalue()
    return _named_by_content(content) if ending == "svg" else content


def _named_by_content(svg: bytes) -> bytes:
    """Return an SVG whose clip paths are named after what is written of them.

    Matplotlib names them after unrounded coordinates, whose last bits the layout's solver does not
    always give alike.
    """
    for name, inside in dict(_CLIP_PATH.findall(svg)).items():
        new = b"p" + hashlib.sha256(inside).hexdigest()[:10].encode()
        svg = svg.replace(b'id="' + name + b'"', b'id="' + new + b'"')
        svg = svg.replace(b"url(#" + name + b")", b"url(#" + new + b")")
    return svg


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


def row_axes(axes: Axes, labels: Sequence[str], width: int = 24) -> None:
    """Label the rows of a horizontal chart, the first on top, without ticks or a left spine."""
    axes.set_yticks(range(len(labels)), wrapped(labels, width))
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
