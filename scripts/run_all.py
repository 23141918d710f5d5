"""Run the compendium: notebooks, figures, tables, web pages and the paper; see --help."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from mlsec_survey.runner.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(root=ROOT))
