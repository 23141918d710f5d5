"""The built pages of the whole compendium, driven in a headless browser as readers use them."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser import DESK, PHONE, launched, needs_browser, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = [path.stem for path in sorted((ROOT / "notebooks").glob("0[0-6]_*.py"))]
PAGES = ["index", *NOTEBOOKS, "explore", "glossary", "search"]

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the pages of a whole run, in a copy of the checkout."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    folder = tmp_path_factory.mktemp("site")
    for name in filter(None, listing.split("\0")):
        source = ROOT / name
        if source.is_file() and name.split("/")[0] not in ("figures", "benchmarks", "tests"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)
    done = subprocess.run(
        [sys.executable, "scripts/run_all.py", "--no-pdf"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as made:
        yield made


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_the_screen_and_say_once_that_answers_are_synthetic(
    browser: Browser, site: Path, name: str
) -> None:
    for size in (PHONE, DESK):
        with opened(browser, site / f"{name}.html", size=size) as page:
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= size[0]
            assert page.locator(".banner:visible").count() == 1
            assert page.locator(".synthetic:visible").count() == 0
            page.mouse.wheel(0, 3000)
            page.wait_for_timeout(50)
            box = page.locator(".banner").bounding_box()
            assert box is not None and box["y"] == 0
            assert box["height"] < size[1] / 12


def test_pages_are_small(site: Path) -> None:
    sizes = {path.stem: path.stat().st_size for path in site.glob("*.html")}
    assert set(PAGES) <= set(sizes)
    assert max(sizes.values()) < 1_500_000
    assert sizes["index"] < 500_000
