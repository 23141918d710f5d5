"""The page to code in, as a coder meets it: from disk, by keyboard, without a network.

What it saves is read as any sheet is.
"""

from __future__ import annotations

import csv
import io
import re
import runpy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from browser import DESK, PHONE, launched, needs_browser, opened
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.instrument.coding_scheme import CodingScheme, load_coding_scheme
from mlsec_survey.responses.coding import load_coding
from mlsec_survey.responses.coding_page import coding_page
from mlsec_survey.responses.exclusions import apply_exclusions
from mlsec_survey.responses.readers import read_export
from mlsec_survey.responses.recode import recode

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
pytestmark = [pytest.mark.browser, needs_browser]
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def codebook() -> Codebook:
    return load_codebook(DATA / "codebook.yml")


@pytest.fixture(scope="module")
def scheme(codebook: Codebook) -> CodingScheme:
    return load_coding_scheme(DATA / "concern_codes.yml", codebook)


@pytest.fixture(scope="module")
def responses(codebook: Codebook) -> pd.DataFrame:
    kept, _ = apply_exclusions(read_export(DATA / "raw/standin.csv", codebook), codebook)
    return recode(kept, codebook)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what the script gives to coders, the page among it."""
    folder = tmp_path_factory.mktemp("coding")
    main = runpy.run_path(str(ROOT / "scripts/coding_sheets.py"))["main"]
    arguments = ["--export", "data/raw/standin.csv", "--folder", str(folder)]
    assert main(["blank", *arguments, "--pages", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser, folder: Path) -> Iterator[Page]:
    with opened(browser, folder / "coding.html") as tab:
        tab.on("dialog", lambda dialog: dialog.accept())
        yield tab


@pytest.fixture
def choose(tab: Page) -> Open:
    def choose(*files: Path, wait: bool = True) -> Page:
        tab.set_input_files("#files", [str(file) for file in files])
        if wait:
            tab.wait_for_selector("#work:visible")
        return tab

    return choose


def save(page: Page) -> tuple[str, str]:
    """Save by keyboard; return name and content of what is downloaded."""
    with page.expect_download() as download:
        page.keyboard.press("Control+s")
    return download.value.suggested_filename, Path(download.value.path()).read_text("utf-8")


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_coder_codes_by_keyboard_and_saves_a_sheet(
    choose, folder, tmp_path, scheme, responses, codebook
) -> None:
    page = choose(folder / "answers.csv")
    answers = rows_of((folder / "answers.csv").read_text("utf-8"))
    assert page.text_content("#answer") == answers[0]["answer"]
    codes = {field: [code.id for code in scheme.of_field(field)] for field in scheme.fields}
    # The first gets two codes, the second none, the third is left out.
    page.keyboard.press("1")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    page.keyboard.press("3")
    page.keyboard.press("0")
    assert "2 done" in page.inner_text("#status")
    page.keyboard.press("n")
    page.keyboard.press("n")
    page.keyboard.press("1")
    page.select_option("#coder", "b")
    name, text = save(page)
    assert name == "coder_b.csv"
    sheet = rows_of(text)
    assert [list(row.values())[:3] for row in sheet] == [list(r.values())[:3] for r in answers]
    first = codes[answers[0]["field"]]
    assert sheet[0]["codes"] == "|".join(first[:2])
    assert sheet[1]["codes"] == "none"
    assert sheet[2]["codes"] == ""
    assert sheet[3]["codes"] == codes[answers[3]["field"]][0]
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = load_coding(tmp_path, scheme, responses, codebook)
    assert found.coders == ("coder_b",)
    assert found.units["coder_b"].notna().sum() == 3
    assert found.state(answers[0]["field"]) == "partly coded"


def test_a_saved_sheet_is_taken_up_again(choose, folder, tmp_path) -> None:
    stored = tmp_path / "coder_a.csv"
    stored.write_bytes((DATA / "coding/coder_a.csv").read_bytes())
    page = choose(folder / "answers.csv", stored)
    total = len(rows_of(stored.read_text("utf-8")))
    assert f"{total} done, 0 open" in page.inner_text("#status")
    name, text = save(page)
    assert name == "coder_a.csv"
    again, before = (
        [row | {"codes": set(row["codes"].split("|"))} for row in rows_of(content)]
        for content in (text, stored.read_text("utf-8"))
    )
    assert again == before


def test_a_sheet_of_a_part_asks_for_that_part(choose, folder, tmp_path) -> None:
    lines = (folder / "coder_b.csv").read_text("utf-8").splitlines()
    part = tmp_path / "coder_b.csv"
    part.write_text("\n".join(lines[:11]).replace(",", ";") + "\n", encoding="utf-8")
    page = choose(folder / "answers.csv", part)
    assert "Answer 1 of 10" in page.inner_text("#status")


def test_differences_are_adjudicated_with_a_reason(
    choose, tmp_path, scheme, responses, codebook
) -> None:
    for name in ("coder_a", "coder_b"):
        shutil.copy(DATA / "coding" / f"{name}.csv", tmp_path)
    main = runpy.run_path(str(ROOT / "scripts/coding_sheets.py"))["main"]
    arguments = ["--export", "data/raw/standin.csv", "--folder", str(tmp_path)]
    assert main(["differences", *arguments]) == 0
    page = choose(tmp_path / "differences.csv")
    page.wait_for_selector("#given:visible")
    assert "Coder A" in page.inner_text("#given")
    assert page.is_hidden("#coder")
    page.keyboard.press("0")
    assert "0 done" in page.inner_text("#status")
    page.fill("#reason", 'The rule on "others" decides, as 1 and n of it say.')
    assert "1 done" in page.inner_text("#status")
    name, text = save(page)
    assert name == "adjudication.csv"
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = load_coding(tmp_path, scheme, responses, codebook)
    assert (found.units["decided"] == "adjudication").sum() == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "respondent_id,subquestion,field,codes\n", "None of these files has a column"),
        ("a.csv", "respondent_id,subquestion,field,answer\n1,evasion,shoe,x\n", "is no field of"),
        ("a.csv", "respondent_id,subquestion,field,answer\n", "There is no answer in the file"),
    ],
)
def test_another_file_is_named_as_what_it_is(choose, tmp_path, name, content, message) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    page = choose(path, wait=False)
    page.wait_for_function("document.getElementById('message').textContent !== ''")
    assert message in page.inner_text("#message")
    assert page.is_hidden("#work")


def test_hostile_answers_stay_text(choose, tmp_path) -> None:
    hostile = "<img src=x onerror=\"document.title='taken'\"> </script> ''; \"quoted\""
    path = tmp_path / "answers.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [["respondent_id", "subquestion", "field", "answer"], ["1", "evasion", "why", hostile]]
        )
    page = choose(path)
    assert page.text_content("#answer") == hostile
    assert page.title() == "Coding answers in own words"


@pytest.mark.parametrize("size", [PHONE, DESK])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_page_is_accessible_at_any_width(browser, folder, size, colours) -> None:
    with opened(browser, folder / "coding.html", size=size, scheme=colours) as page:
        page.set_input_files("#files", str(folder / "answers.csv"))
        page.wait_for_selector("#work:visible")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert page.evaluate("document.activeElement.id") == "about"
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_shortcuts_can_be_switched_off(choose, folder) -> None:
    page = choose(folder / "answers.csv")
    page.uncheck("#keys")
    page.focus("#about")
    page.keyboard.press("1")
    assert "0 done" in page.inner_text("#status")


def test_the_page_holds_the_scheme_and_no_answer(folder, scheme, codebook, responses) -> None:
    page = coding_page(scheme, codebook)
    assert page == (folder / "coding.html").read_text("utf-8")
    for code in scheme.codes:
        assert f'"id": "{code.id}"' in page
    texts = [t for t in responses["why__evasion"].dropna() if len(t) > 20]
    assert texts
    assert not [text for text in texts if text in page]
    assert re.search(r"default-src 'none'", page)
