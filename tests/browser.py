"""A headless browser for the tests that drive pages, and the built pages themselves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PHONE, DESK = (390, 844), (1200, 900)


def program() -> str | None:
    """Return the path of Chromium, or None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


needs_browser = pytest.mark.skipif(program() is None, reason="no Chromium here")


@contextmanager
def launched() -> Iterator[Browser]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser,
    page: Path,
    *,
    size: tuple[int, int] = DESK,
    scheme: str = "light",
    place: str = "",
    scripts: bool = True,
) -> Iterator[Page]:
    """A page from disk in a window of its own; at the end it has asked nobody and has no error."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,  # type: ignore[arg-type]
        java_script_enabled=scripts,
    )
    asked: list[str] = []
    wrong: list[str] = []
    tab = context.new_page()
    # Going to a page, or to a file to keep, is what readers ask for themselves.
    tab.on(
        "request",
        lambda request: asked.append(request.url) if request.resource_type != "document" else None,
    )
    tab.on("console", lambda message: wrong.append(message.text))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.goto(f"{page.resolve().as_uri()}{place}")
    yield tab
    assert [url for url in asked if not url.startswith("data:")] == []
    assert wrong == []
    context.close()
