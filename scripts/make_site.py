"""Copy what a web server serves into `site/`: pages, figures, tables and the paper.

Links between them are relative, so the folder serves from any address, or from disk.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "site"
SERVED = ("html", "figures", "paper/generated/tables", "paper/main.pdf")
_START = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Machine learning security in industry</title>
<meta http-equiv="refresh" content="0; url=html/index.html">
<p><a href="html/index.html">To the pages</a></p>
</html>
"""


def main() -> int:
    """Make the folder anew and return the exit status."""
    missing = [name for name in SERVED if not (ROOT / name).exists()]
    if missing:
        print(f"not there: {', '.join(missing)}\n  What to do: make", file=sys.stderr)
        return 2
    shutil.rmtree(SITE, ignore_errors=True)
    for name in SERVED:
        target = SITE / name
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    (SITE / "index.html").write_text(_START, encoding="utf-8")
    print(f"{sum(1 for path in SITE.rglob('*') if path.is_file())} files in site/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
