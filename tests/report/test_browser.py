"""The report in a real browser: on a phone, by keyboard, without a network."""

from itertools import pairwise

import pytest
from support.browser import PROGRAMS, Browser

pytestmark = pytest.mark.skipif(
    not all(PROGRAMS.values()), reason="needs chromium and chromedriver (Debian packages)"
)


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@pytest.fixture
def page(browser, report):
    browser.go(report.as_uri())
    return browser


def test_no_errors_and_no_requests_but_for_the_page_itself(browser, report):
    browser.go(report.as_uri())
    browser.run("window.scrollTo(0, document.body.scrollHeight)")
    assert browser.console() == []
    # The empty first tab is a page of the browser's own.
    own = ("data:", "chrome:", "chrome-untrusted:")
    asked = [url for url in browser.requests() if not url.startswith(own)]
    assert set(asked) == {report.as_uri()}


def test_names_of_classes_are_text_and_nothing_else(page):
    assert page.run("return document.title") == "<i>data: report of a similarity model"
    assert page.run("return document.querySelectorAll('[onerror], b, u, i').length") == 0
    assert "<script>document.title='broken'</script>" in page.run("return document.body.innerText")


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_nothing_sticks_out_sideways(browser, report, width):
    browser.go(report.as_uri(), width, 800)
    inside = "return [document.documentElement.scrollWidth, window.innerWidth]"
    assert browser.run(inside) == [width, width]
    # What is wider than the window scrolls in a box of its own, or has no part outside.
    outside = """
    const wide = [...document.querySelectorAll('main *, header *, nav *')].filter(e =>
      !e.closest('.scroll, svg') && e.getBoundingClientRect().right > innerWidth + 1);
    return wide.map(e => e.outerHTML.slice(0, 100));
    """
    assert browser.run(outside) == []


def test_headings_are_in_order_and_sections_have_names(page):
    levels = page.run(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].map(e => +e.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    named = (
        "return [...document.querySelectorAll('section')].map(e => "
        "document.getElementById(e.getAttribute('aria-labelledby')).textContent)"
    )
    assert "Worst cases" in page.run(named)


def test_every_picture_is_loaded_and_has_words(page):
    page.run("document.querySelectorAll('img').forEach(e => e.loading = 'eager')")
    bad = """
    return [...document.images].filter(e => !e.alt || !e.complete || !e.naturalWidth)
      .map(e => e.outerHTML.slice(0, 80));
    """
    assert page.run("return document.images.length") > 60
    assert page.run(bad) == []
    unnamed = (
        "return [...document.querySelectorAll('svg')].filter(e => "
        "!e.ariaHidden && !e.getAttribute('aria-label')).length"
    )
    assert page.run(unnamed) == 0


def test_tables_say_what_their_cells_are(page):
    bad = """
    return [...document.querySelectorAll('table')].filter(e => !e.caption ||
      [...e.querySelectorAll('th')].some(th => !th.scope)).length;
    """
    assert page.run(bad) == 0
    assert page.run("return document.querySelectorAll('table').length") >= 6


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page):
    page.run("document.activeElement.blur(); window.scrollTo(0, 0)")
    page.tab()
    focus = (
        "const e = document.activeElement; return [e.textContent, "
        "e.getBoundingClientRect().left >= 0, getComputedStyle(e).outlineStyle]"
    )
    assert page.run(focus) == ["Skip to the report", True, "solid"]
    reached = []
    for _ in range(60):
        page.tab()
        reached.append(
            page.run(
                "const e = document.activeElement; return e.id || e.className || "
                "e.getAttribute('href') || e.tagName"
            )
        )
    links = page.run(
        "return [...document.querySelectorAll('nav a')].map(e => e.getAttribute('href'))"
    )
    assert reached[: len(links)] == links
    assert "map" in reached
    assert "scroll" in reached
    assert "SUMMARY" in reached


def test_links_lead_to_sections(page):
    broken = (
        "return [...document.querySelectorAll('a[href^=\"#\"]')].filter(e => "
        "!document.getElementById(e.hash.slice(1))).length"
    )
    assert page.run(broken) == 0


def test_the_map_answers_to_arrows_and_to_the_pointer(page):
    words = "return document.getElementById('map-words').textContent"
    assert page.run(words) == "Nothing chosen."
    page.run("document.getElementById('map').focus()")
    page.press("\ue014")
    first = page.run(words)
    assert "array" in first
    for key in ("\ue014", "\ue012", "\ue013", "\ue015"):
        page.press(key)
    assert page.run("return document.querySelectorAll('#map .on').length") == 1
    assert page.run("return document.getElementById('map-thumb').hidden") is False
    hover = (
        "document.querySelectorAll('#map [data-i]')[7].dispatchEvent("
        "new MouseEvent('mouseover', {bubbles: true}))"
    )
    page.run(hover)
    assert page.run("return document.querySelectorAll('#map .on').length") == 1
    assert page.run(words) != "Nothing chosen."


def test_it_is_readable_in_the_dark_and_on_paper(page):
    contrast = """
    const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => {
        v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const paper = light(getComputedStyle(document.body).backgroundColor);
    return Math.min(...[...document.querySelectorAll('p, a, td, th, dt, dd, figcaption, .word')]
      .map(e => light(getComputedStyle(e).color))
      .map(ink => (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05)));
    """
    assert page.run(contrast) >= 4.5
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    page.command("Emulation.setEmulatedMedia", dark)
    assert page.run(contrast) >= 4.5
    page.command("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    assert page.run("return getComputedStyle(document.querySelector('nav')).display") == "none"
    page.command("Emulation.setEmulatedMedia", {"media": "", "features": []})
    # Boxes that scroll cannot be scrolled on paper.
    assert len(page.command("Page.printToPDF", {})["data"]) > 10_000


def test_a_table_wider_than_its_place_says_that_it_scrolls(browser, report):
    wide = """
    return [...document.querySelectorAll('.scroll')].map(e => [
      e.scrollWidth > e.clientWidth + 1,
      getComputedStyle(e.querySelector('.sideways')).display != 'none']);
    """
    browser.go(report.as_uri(), 320, 800)
    narrow = browser.run(wide)
    assert any(is_wide for is_wide, _ in narrow)
    browser.go(report.as_uri(), 1280, 800)
    for found in (narrow, browser.run(wide)):
        assert all(is_wide == says for is_wide, says in found)
