"""Weight and load of every page, opened from disk in headless Chromium.

    python benchmarks/pages.py [--pages html] [--times 5]

Prints a table for README.md: kilobytes, the median time of the load event in milliseconds, requests
beside the page itself, and messages in the console, with the load of the machine above it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import PHONE, launched, program  # noqa: E402

_LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def main() -> int:
    """Measure each page and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=Path, default=ROOT / "html", help="folder of built pages")
    parser.add_argument("--times", type=int, default=5, help="how often each page is opened")
    given = parser.parse_args()
    pages = sorted(given.pages.glob("*.html"))
    if program() is None or not pages:
        print("Chromium and built pages are needed: run `make` first", file=sys.stderr)
        return 2
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"a window of {PHONE[0]} px; medians of {given.times}.\n"
    )
    print("| page | kB | load event, ms | requests | console |\n|---|---:|---:|---:|---:|")
    with launched() as browser:
        for page in pages:
            asked: list[str] = []
            said: list[str] = []
            loads = []
            for _ in range(given.times):
                context = browser.new_context(viewport={"width": PHONE[0], "height": PHONE[1]})
                tab = context.new_page()
                tab.on("request", lambda request, asked=asked: asked.append(request.url))
                tab.on("console", lambda message, said=said: said.append(message.text))
                tab.on("pageerror", lambda error, said=said: said.append(str(error)))
                tab.goto(page.resolve().as_uri(), wait_until="load")
                tab.wait_for_function(f"{_LOADED} > 0")
                loads.append(tab.evaluate(_LOADED))
                context.close()
            beside = [url for url in asked if url != page.resolve().as_uri()]
            outside = [url for url in beside if not url.startswith("data:")]
            print(
                f"| {page.name} | {page.stat().st_size / 1000:,.0f} "
                f"| {statistics.median(loads):,.0f} | {len(outside)} | {len(said)} |"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
