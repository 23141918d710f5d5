"""Make the figures' fonts: DejaVu Sans as matplotlib ships it, without what figures do not need.

Writing a figure as PDF embeds the letters that it uses, and most of that time goes into tables for
scripts and features that no figure here has. The reduced fonts have Latin and Greek letters,
punctuation and the signs that figures use, and no hints for coarse screens, which figures do not
use either; any other letter comes from DejaVu Sans itself. Run it again after a release of
matplotlib with another DejaVu, and look at the figures.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib
from fontTools import subset
from fontTools.ttLib import TTFont

TARGET = Path(__file__).resolve().parents[1] / "src" / "mlsec_survey" / "figures" / "fonts"
FAMILY = "Compendium Sans"
STYLES = {"DejaVuSans.ttf": "Regular", "DejaVuSans-Bold.ttf": "Bold"}
CHARACTERS = [
    *range(0x20, 0x7F),
    *range(0xA0, 0x180),
    *range(0x391, 0x3CA),
    *range(0x2010, 0x2027),
    *range(0x2190, 0x2194),
    *(ord(sign) for sign in "‰€™−√∞≈≠≤≥■□▲△▼▽●○✓"),
]


def reduced(source: Path, style: str) -> TTFont:
    """Return the font with the characters above, its kerning, and no table for other features."""
    options = subset.Options(
        layout_features=[],
        name_IDs=[1, 2, 4, 6],
        legacy_kern=True,
        hinting=False,
        glyph_names=True,
        notdef_outline=True,
    )
    options.drop_tables += ["FFTM", "GDEF", "GPOS", "GSUB", "MATH"]
    font = TTFont(source, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=CHARACTERS)
    subsetter.subset(font)
    bold = "" if style == "Regular" else f" {style}"
    names = {1: FAMILY, 4: FAMILY + bold, 6: (FAMILY + bold).replace(" ", "")}
    for record in font["name"].names:
        if record.nameID in names:
            record.string = names[record.nameID]
    return font


def main() -> None:
    """Write the fonts and their licence."""
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    TARGET.mkdir(exist_ok=True)
    for file, style in STYLES.items():
        path = TARGET / f"{FAMILY.replace(' ', '')}-{style}.ttf"
        reduced(fonts / file, style).save(path)
        print(f"{path.name}: {path.stat().st_size} bytes")
    shutil.copyfile(fonts / "LICENSE_DEJAVU", TARGET / "LICENSE_DEJAVU")


if __name__ == "__main__":
    main()
