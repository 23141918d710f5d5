"""The built pages of the whole compendium, driven in a headless browser as readers use them."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser import DESK, PHONE, launched, needs_browser, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = [path.stem for path in sorted((ROOT / "notebooks").glob("0[0-6]_*.py"))]
PAGES = ["index", *NOTEBOOKS, "explore", "audit", "glossary", "search"]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

pytestmark = [pytest.mark.browser, needs_browser]


@pytest.fixture(scope="module")
def site(whole_run: Path) -> Path:
    """The folder of the pages of a whole run."""
    return whole_run / "html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as made:
        yield made


def table_of(site: Path, key: str) -> list[dict[str, str]]:
    """Return the rows of a published table."""
    path = site.parent / "paper" / "generated" / "tables" / f"{key}.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def record_of(site: Path, notebook: str) -> dict[str, Any]:
    path = site.parent / "paper" / "generated" / "records" / f"{notebook}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def texts(page: Page, selector: str) -> list[str]:
    return [" ".join(text.split()) for text in page.locator(selector).all_text_contents()]


# All pages


@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_the_screen_and_say_once_that_answers_are_synthetic(
    browser: Browser, site: Path, name: str
) -> None:
    for size in (PHONE, DESK):
        with opened(browser, site / f"{name}.html", size=size) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
            assert page.locator("header.banner:visible").count() == 1
            assert page.locator(".synthetic:visible").count() == 0
            page.evaluate("scrollTo(0, 3000)")
            box = page.locator("header.banner").bounding_box()
            assert box is not None
            assert box["y"] == 0
            assert box["height"] < size[1] / 12


def test_pages_are_small(site: Path) -> None:
    sizes = {path.stem: path.stat().st_size for path in site.glob("*.html")}
    assert set(PAGES) <= set(sizes)
    assert max(sizes.values()) < 1_500_000
    assert sizes["index"] < 500_000


@pytest.mark.parametrize("name", PAGES)
def test_no_page_breaks_a_rule_of_accessibility(browser: Browser, site: Path, name: str) -> None:
    """At two widths, in two themes, with code folded and open: each pair of these is looked at."""
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()
    options = {
        "runOnly": {"type": "tag", "values": WCAG},
        "resultTypes": ["violations"],
        "iframes": False,
    }
    for size, scheme in ((PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark")):
        with opened(browser, site / f"{name}.html", size=size, scheme=scheme) as page:
            if (size == DESK) == (scheme == "light"):
                script = "document.querySelectorAll('details').forEach((d) => { d.open = true })"
                page.evaluate(script)
            found = axe.run(page, options=options).response["violations"]
            broken = [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found]
            assert broken == []


@pytest.mark.parametrize("name", ["index", "02_sample", "explore", "glossary"])
def test_pages_can_be_read_without_scripts(browser: Browser, site: Path, name: str) -> None:
    with opened(browser, site / f"{name}.html", size=PHONE, scripts=False) as page:
        assert page.locator("h1:visible").count() == 1
        assert page.locator("tr.folded").count() == 0
        page.locator("label[for=menu]").click()
        assert page.locator("nav a:visible").count() > len(NOTEBOOKS)


def test_every_link_between_pages_leads_to_a_place_that_is_there(site: Path) -> None:
    pages = {path.name: path.read_text(encoding="utf-8") for path in site.glob("*.html")}
    anchors = {
        name: set(map(html.unescape, re.findall(r'\sid="([^"]+)"', page)))
        for name, page in pages.items()
    }
    for name, page in pages.items():
        for link in map(html.unescape, re.findall(r'<a [^>]*?href="([^"]+)"', page)):
            target, _, anchor = link.partition("#")
            if not target or target.endswith(".html"):
                assert target in ("", *pages), (name, link)
                assert not anchor or anchor in anchors[target or name], (name, link)
            elif not re.match(r"[a-z]+:", link) and not target.endswith(("main.pdf", ".md")):
                assert (site / target).exists(), (name, link)


# Answers


def test_the_first_page_answers_with_interval_n_status_and_a_link_to_the_cell(
    browser: Browser, site: Path
) -> None:
    with opened(browser, site / "index.html") as page:
        answers = page.locator("#answers + .answers .answer")
        assert answers.count() >= 5
        for at in range(answers.count()):
            answer = answers.nth(at)
            text = " ".join((answer.text_content() or "").split())
            assert re.search(r"n: \d+", text), text
            assert re.search(r"\d+(\.\d+)? to \d+", text), text
            assert "synthetic stand-in" in text
            href = answer.locator(".basis a").last.get_attribute("href") or ""
            target, anchor = href.split("#")
            assert f'id="{anchor}"' in (site / target).read_text(encoding="utf-8")
        assert "Not computed" not in (page.text_content("main") or "")
        # What is computed stands as it was published.
        concerns = record_of(site, "03_attack_relevance")["numbers"]["concerns_most_named"]["text"]
        said = page.text_content("#answer-concerns") or ""
        assert concerns in said.replace("\N{NO-BREAK SPACE}", " ")
        assert page.locator("#figure-of-answers img").get_attribute("alt")
        assert "design analysis, no answers used" in (page.text_content("#answer-power") or "")
        assert page.locator(".ways section").count() == 3


def test_the_first_answer_is_on_the_first_screen_of_a_phone(browser: Browser, site: Path) -> None:
    with opened(browser, site / "index.html", size=PHONE) as page:
        box = page.locator(".answer .said").first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= PHONE[1]


def test_the_ledger_and_the_questions_come_first_in_the_last_notebook(site: Path) -> None:
    page = (site / "06_implications.html").read_text(encoding="utf-8")
    order = re.findall(r'id="tab-(\w+)"', page)
    assert order[:2] == ["claim_ledger", "audit_questions"]


# Results


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_result_has_permalink_cell_and_downloads(
    browser: Browser, site: Path, name: str
) -> None:
    record = record_of(site, name)
    with opened(browser, site / f"{name}.html") as page:
        for kind, mark in (("tables", "tab"), ("figures", "fig")):
            for key in record[kind]:
                result = page.locator(f"#{mark}-{key}")
                tools = result.locator(".tools")
                assert tools.locator(".permalink").get_attribute("href") == f"#{mark}-{key}"
                links = [link.get_attribute("href") or "" for link in tools.locator("a").all()]
                files = [link for link in links if link.startswith("../")]
                assert all((site / link).is_file() for link in files)
                endings = {link.rpartition(".")[2] for link in files}
                assert ({"csv"} if kind == "tables" else {"svg", "pdf"}) <= endings
                assert any(link.startswith("#code-cell-") for link in links)
                assert result.locator("caption, figcaption").count() == 1
        for key in record["numbers"]:
            assert page.locator(f"#num-{key} .permalink").count() == 1


def test_a_link_to_code_opens_it(browser: Browser, site: Path) -> None:
    with opened(browser, site / "02_sample.html") as page:
        result = page.locator("#tab-exposure")
        assert page.locator("details.code[open]").count() == 0
        result.locator("a", has_text="How it was computed").click()
        page.wait_for_selector("details.code[open]")
        assert "pub.table" in (page.locator("details.code[open]").text_content() or "")
        page.locator("#all-code").click()
        assert page.locator("details.code:not([open])").count() == 0


def test_results_say_where_the_paper_uses_them(browser: Browser, site: Path) -> None:
    with opened(browser, site / "06_implications.html") as page:
        tools = page.text_content("#tab-claim_ledger .tools") or ""
        assert re.search(r"In the paper: Table [IVX]+ \(.+\)", tools)


def test_a_download_is_the_published_table(browser: Browser, site: Path) -> None:
    with opened(browser, site / "02_sample.html") as page:
        with page.expect_download() as waiting:
            page.locator("#tab-occurrence .tools a", has_text="CSV").click()
        path = site.parent / "paper" / "generated" / "tables" / "occurrence.csv"
        assert Path(waiting.value.path()).read_bytes() == path.read_bytes()


def test_phones_get_the_narrow_figure_and_letters_that_can_be_read(
    browser: Browser, site: Path
) -> None:
    for name in NOTEBOOKS:
        with opened(browser, site / f"{name}.html", size=PHONE) as page:
            images = page.locator("figure.result img")
            for at in range(images.count()):
                image = images.nth(at)
                image.scroll_into_view_if_needed()
                natural, shown = image.evaluate("i => [i.naturalWidth, i.clientWidth]")
                assert shown <= PHONE[0]
                # Letters of 6.5 points or more have at least 8 pixels.
                assert 6.5 * 4 / 3 * shown / natural >= 8, image.get_attribute("alt")


# Tables


def test_a_table_is_sorted_by_what_its_cells_mean(browser: Browser, site: Path) -> None:
    with opened(browser, site / "06_implications.html") as page:
        page.goto((site / "02_sample.html").as_uri())
        table = page.locator("#tab-confirmed_incidents table")
        head = table.locator("thead th", has_text="Reported")
        column = head.evaluate("head => head.cellIndex")
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "ascending"
        cells = table.locator(f"tbody tr > :nth-child({column + 1})").all_text_contents()
        assert [int(cell) for cell in cells] == sorted(int(cell) for cell in cells)
        head.locator("button").press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        cells = table.locator(f"tbody tr > :nth-child({column + 1})").all_text_contents()
        assert [int(cell) for cell in cells] == sorted((int(cell) for cell in cells), reverse=True)
        assert len(cells) == len(table_of(site, "confirmed_incidents"))


def test_sorting_stays_within_sections(browser: Browser, site: Path) -> None:
    with opened(browser, site / "02_sample.html") as page:
        table = page.locator("#tab-table_one table")
        before = table.locator("tr.section").all_text_contents()
        table.locator("thead th", has_text="Count").locator("button").click()
        assert table.locator("tr.section").all_text_contents() == before
        assert table.locator("tbody").evaluate_all(
            "all => all.every(body => !body.querySelector('.section') ||"
            " body.rows[0].classList.contains('section'))"
        )


def test_long_tables_are_folded_with_their_number_of_rows(browser: Browser, site: Path) -> None:
    with opened(browser, site / "02_sample.html") as page:
        result = page.locator("#tab-table_one")
        rows = len(table_of(site, "table_one"))
        button = result.locator("button.fold")
        assert button.text_content() == f"Show all {rows} rows"
        assert button.get_attribute("aria-expanded") == "false"
        assert result.locator("tbody tr:visible").count() < rows
        button.click()
        assert button.get_attribute("aria-expanded") == "true"
        assert result.locator("tbody tr:not(.section):visible").count() == rows


def test_cards_are_folded_sooner_than_rows(browser: Browser, site: Path) -> None:
    with opened(browser, site / "03_attack_relevance.html", size=PHONE) as page:
        cards = page.locator("#tab-concern_code_book tbody tr:not(.section)")
        rows = cards.count()
        assert cards.locator("visible=true").count() == 4 < rows
        page.locator("#tab-concern_code_book button.fold").click()
        assert cards.locator("visible=true").count() == rows
    with opened(browser, site / "03_attack_relevance.html") as page:
        table = page.locator("#tab-concern_code_book")
        assert table.locator("tbody tr:not(.section):visible").count() == rows
        assert table.locator("button.fold").count() == 0


def test_the_first_column_stays_while_others_scroll(browser: Browser, site: Path) -> None:
    with opened(browser, site / "02_sample.html", size=PHONE) as page:
        scroller = page.locator(".scroll.wide").first
        assert scroller.get_attribute("tabindex") == "0"
        assert scroller.get_attribute("role") == "region"
        assert scroller.get_attribute("aria-labelledby")
        cell = scroller.locator("tbody tr:not(.section) > :first-child").first
        before = cell.bounding_box()
        scroller.evaluate("s => { s.scrollLeft = s.scrollWidth }")
        after = cell.bounding_box()
        assert before is not None
        assert after is not None
        assert abs(before["x"] - after["x"]) < 2


def test_ledger_and_facts_are_cards_on_a_phone(browser: Browser, site: Path) -> None:
    for name, key in (("06_implications", "claim_ledger"), ("00_overview", "published_facts")):
        with opened(browser, site / f"{name}.html", size=PHONE) as page:
            result = page.locator(f"#tab-{key}")
            assert not result.locator(".scroll").evaluate("s => s.classList.contains('wide')")
            row = result.locator("tbody tr:not(.section)").first
            box, cell = row.bounding_box(), row.locator("td").last.bounding_box()
            assert box is not None
            assert cell is not None
            assert cell["width"] > 0.8 * box["width"]
            label = row.locator("td").last.get_attribute("data-label")
            assert label in texts(page, f"#tab-{key} thead th")


# Words


def test_a_term_says_what_it_means_and_leads_to_the_glossary(browser: Browser, site: Path) -> None:
    with opened(browser, site / "04_hypotheses.html") as page:
        term = page.locator("a.term[href='glossary.html#interval']").first
        term.focus()
        note = page.locator("#term-note")
        assert note.is_visible()
        assert note.text_content() == term.get_attribute("data-short")
        assert term.get_attribute("aria-describedby") == "term-note"
        page.keyboard.press("Escape")
        assert not note.is_visible()
        term.click()
        page.wait_for_url("**/glossary.html#interval")
        assert page.locator("#interval dt").is_visible()


def test_the_glossary_has_the_words_that_results_use(site: Path) -> None:
    ids = set(re.findall(r'<div id="([a-z-]+)"><dt>', (site / "glossary.html").read_text()))
    assert {
        "odds-ratio", "interval", "superiority", "tau-b", "adjusted-p", "sesoi", "equivalence",
        "permutation", "alpha",
    } <= ids  # fmt: skip
    linked = {
        anchor
        for name in ("index", *NOTEBOOKS)
        for anchor in re.findall(
            r'class="term" href="glossary.html#([a-z-]+)"', (site / f"{name}.html").read_text()
        )
    }
    assert linked <= ids
    assert {"odds-ratio", "interval", "tau-b", "sesoi", "alpha", "power"} <= linked


def test_search_finds_places_on_all_pages(browser: Browser, site: Path) -> None:
    with opened(browser, site / "01_cleaning.html") as page:
        page.fill("#q", "odds ratio")
        page.press("#q", "Enter")
        page.wait_for_url("**/search.html?q=odds+ratio")
        assert re.match(r"(The first )?\d+ places with", page.text_content("#found") or "")
        first = page.locator("#hits li").first
        assert first.locator("a").text_content() == "Odds ratio"
        assert first.locator("mark").count() > 0
        pages = set(texts(page, "#hits .where"))
        assert len(pages) >= 3
        first.locator("a").click()
        page.wait_for_url("**/glossary.html#odds-ratio")
        page.goto(f"{(site / 'search.html').as_uri()}?q=<b>xyzzy</b>")
        assert (page.text_content("#found") or "").startswith("Nothing found for “<b>xyzzy</b>”")
        assert page.locator("#found b").count() == 0


# Explorer


def explored(page: Page) -> list[dict[str, str]]:
    names = ("answer", "group", "count", "n", "share", "low", "high")
    rows = [row.locator("th, td") for row in page.locator("#view-table tbody tr").all()]
    return [dict(zip(names, row.all_text_contents(), strict=True)) for row in rows]


def percent(value: str) -> str:
    return f"{100 * float(value):.1f} %"


def test_the_explorer_agrees_with_the_published_table(browser: Browser, site: Path) -> None:
    published = [row for row in table_of(site, "occurrence") if row["label"] == "Evasion"]
    with opened(browser, site / "explore.html") as page:
        page.select_option("#item", "occurrence__evasion")
        shown = {row["answer"]: row for row in explored(page)}
        compared = 0
        for row in published:
            name = next(value for key, value in row.items() if key.startswith("report"))
            if name in shown:
                compared += 1
                view = shown[name]
                assert (view["count"], view["n"]) == (row["count"], row["n"])
                assert view["share"] == percent(row["estimate"])
                assert (view["low"], view["high"]) == (percent(row["low"]), percent(row["high"]))
        assert compared == 2
        # The chart and the sentence say the same.
        chart = page.text_content("#view-chart") or ""
        for view in shown.values():
            assert f"{view['count']}/{view['n']}" in chart
        largest = max(shown.values(), key=lambda view: int(view["count"]))
        assert f"{largest['count']} of {largest['n']}" in (page.text_content("#view-summary") or "")


def test_a_view_of_the_explorer_can_be_cited(browser: Browser, site: Path) -> None:
    place = "#item=defence__monitoring&by=org_size&of=all"
    with opened(browser, site / "explore.html", place=place) as page:
        assert page.input_value("#item") == "defence__monitoring"
        assert page.input_value("#by") == "org_size"
        rows = explored(page)
        groups = {row["group"]: int(row["n"]) for row in rows}
        assert len(groups) > 3
        respondents = record_of(site, "01_cleaning")["numbers"]["n_respondents"]["value"]
        assert sum(groups.values()) == respondents
        for group, n in groups.items():
            assert sum(int(row["count"]) for row in rows if row["group"] == group) == n
        page.select_option("#by", "")
        assert page.evaluate("location.hash") == "#item=defence__monitoring&by=&of=all"
        assert page.get_attribute("#view-link", "href") == page.evaluate("location.hash")
    with opened(browser, site / "explore.html", place="#item=nonsense&by=org_size") as page:
        assert page.input_value("#item") == "exposure"


def test_the_explorer_works_by_keyboard_and_warns_of_many_looks(
    browser: Browser, site: Path
) -> None:
    with opened(browser, site / "explore.html") as page:
        assert "by chance" in (page.text_content("#warning") or "")
        page.focus("#item")
        titles = set()
        for _ in range(6):
            page.keyboard.press("ArrowDown")
            titles.add(page.text_content("#view-title"))
        assert len(titles) == 6
        assert re.search(r"You have looked at [67] views", page.text_content("#warning") or "")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "by"


def test_the_explorer_holds_counts_and_no_row_of_anybody(browser: Browser, site: Path) -> None:
    with opened(browser, site / "explore.html") as page:
        released = json.loads(page.text_content("#released") or "")
        csv_text = page.get_attribute("#view-csv", "href") or ""
    assert set(released) == {
        "threshold", "respondents", "items", "groupings", "tables", "status", "level", "z",
    }  # fmt: skip
    for item in released["items"]:
        for table in released["tables"][item["id"]].values():
            assert set(table) == {"counts", "n"}
            assert all(len(row) == len(item["answers"]) for row in table["counts"])
    assert csv_text.startswith("data:text/csv")


# Theme, print, keyboard


def test_the_theme_can_be_chosen_and_is_kept(browser: Browser, site: Path) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, site / "index.html") as page:
        light = page.evaluate(colour)
        assert page.text_content("#theme") == "Dark theme"
        page.click("#theme")
        dark = page.evaluate(colour)
        assert dark != light
        # What is stored reaches the process of another page in a moment.
        for _ in range(20):
            page.goto((site / "02_sample.html").as_uri())
            if page.evaluate(colour) == dark:
                break
            page.wait_for_timeout(100)
        assert page.evaluate(colour) == dark
        page.click("#theme")
        assert page.evaluate(colour) == light
    with opened(browser, site / "index.html", scheme="dark") as page:
        assert page.evaluate(colour) == dark


def test_print_shows_all_rows_and_marks_each_result(browser: Browser, site: Path) -> None:
    with opened(browser, site / "02_sample.html", scheme="dark") as page:
        page.emulate_media(media="print")
        assert page.locator("tr.folded:visible").count() > 0
        assert page.locator("#tab-table_one .synthetic").is_visible()
        for hidden in ("nav", "details.code", ".tools", "button.sort"):
            assert page.locator(f"{hidden}:visible").count() == 0
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == "rgb(255, 255, 255)"
        assert page.pdf(format="A4").startswith(b"%PDF")


def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    browser: Browser, site: Path
) -> None:
    for name in ("index", "06_implications", "explore"):
        with opened(browser, site / f"{name}.html", size=PHONE) as page:
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.className") == "skip"
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.id") == "text"
            seen = []
            for _ in range(25):
                page.keyboard.press("Tab")
                outline, tag = page.evaluate(
                    "[getComputedStyle(document.activeElement).outlineStyle,"
                    " document.activeElement.tagName]"
                )
                if tag == "BODY":
                    break
                seen.append(tag)
                assert outline != "none"
            assert {"A"} <= set(seen)


# The self-assessment


def test_the_self_assessment_shows_an_answer_beside_the_sample_and_keeps_a_record(
    site: Path, browser: Browser, tmp_path: Path
) -> None:
    rows = table_of(site, "occurrence_answers")
    with opened(browser, site / "audit.html") as page:
        count = page.locator("#open-count")
        asked = page.locator("#answers select, #answers textarea").count()
        assert count.text_content() == f"{asked} of {asked} questions are open."
        page.select_option("#a-occurrence__evasion", label="It did not happen")
        beside = page.locator("#s-occurrence__evasion").text_content() or ""
        assert beside.endswith("synthetic stand-in")
        expected = next(row for row in rows if row["label"] == "Evasion")
        known = sum(int(expected[f"count_{answer}"]) for answer in ("yes", "suspected", "no"))
        assert beside.startswith(f"{expected['count_no']} of {known} respondents")
        page.fill("#a-claim-defences", 'A test of "each" <b>defence</b>')
        assert count.text_content() == f"{asked - 2} of {asked} questions are open."
        with page.expect_download() as saved:
            page.click("#save")
        record = tmp_path / "record.json"
        saved.value.save_as(record)
    content = json.loads(record.read_text(encoding="utf-8"))
    assert content["answers"]["occurrence__evasion"] == "It did not happen"
    content["answers"]["no_longer_asked"] = "x"
    record.write_text(json.dumps(content), encoding="utf-8")
    with opened(browser, site / "audit.html", size=PHONE) as page:
        page.set_input_files("#load", record)
        page.get_by_text("not asked in this way any more: no_longer_asked").wait_for()
        assert page.input_value("#a-claim-defences") == 'A test of "each" <b>defence</b>'
        assert page.locator("#open-count").text_content() == (
            f"{asked - 2} of {asked} questions are open."
        )
        record.write_text("[]", encoding="utf-8")
        page.set_input_files("#load", record)
        page.get_by_text("nothing was changed").wait_for()
        assert page.input_value("#a-occurrence__evasion") == "It did not happen"
