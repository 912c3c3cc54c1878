"""The page for everybody: by keyboard, on a phone, in light and dark, and as axe judges it."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.page.conftest import Visit
from tests.page.test_file import choose, on_file_tab, reviews, score
from tests.page.test_options import a_mixed_text, three_outcomes
from tests.page.test_text import answered, explain, write

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def text_tab(page: Page) -> None:
    write(page, "An amazing cast, a dull story, and unbelievablyinterminablylongwords" + "g" * 60)
    explain(page)


def file_tab(page: Page) -> None:
    on_file_tab(page)
    choose(page, "a-file-with-quite-a-long-name-for-a-phone.csv", reviews(30) + '\n31," "')
    score(page)


def a_problem(page: Page) -> None:
    page.get_by_role("button", name="API key").click()
    write(page, "\u200b")
    expect(page.get_by_role("alert")).to_be_visible()


def an_uncertain_text(page: Page) -> None:
    answered(page, 0.6)
    expect(page.locator("#sentiment")).to_contain_text("Uncertain")


def right_to_left(page: Page) -> None:
    write(page, "فيلم رائع جدا ومثير، لكن النهاية كانت سيئة " * 8)
    explain(page)


STATES = [
    text_tab,
    file_tab,
    a_problem,
    an_uncertain_text,
    right_to_left,
    a_mixed_text,
    three_outcomes,
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_serious(
    visit: Visit, state: Callable[[Page], None], scheme: str
) -> None:
    page = visit(color_scheme=scheme, reduced_motion="reduce")
    state(page)
    # While the text is scored again, the last verdict is dimmed.
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("state", STATES)
def test_nothing_is_wider_than_a_phone(visit: Visit, state: Callable[[Page], None]) -> None:
    page = visit(**PHONE)
    state(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_dark_is_dark_and_light_is_light(visit: Visit) -> None:
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert max(visit(color_scheme="dark").evaluate(ground)) < 60
    assert min(visit(color_scheme="light").evaluate(ground)) > 200


def reach(page: Page, selector: str) -> None:
    """Press the tab key until it is on this."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is out of the keyboard's reach")


def test_a_text_is_scored_and_explained_by_keyboard_alone(page: Page) -> None:
    reach(page, "#text")
    page.keyboard.press("Control+A")
    page.keyboard.type("An amazing cast, a dull story.")
    expect(page.locator("#facts")).to_contain_text("10 tokens")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#explanation")).to_be_visible(timeout=60_000)
    reach(page, ".token")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".token:focus")).to_have_text("amazing")
    expect(page.get_by_role("tooltip")).to_contain_text("positive: +")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#words')") is None


def test_sentences_are_reached_and_read_by_keyboard_alone(page: Page) -> None:
    reach(page, "#sentences-switch")
    page.keyboard.press("Space")
    reach(page, ".sentence")
    expect(page.get_by_role("tooltip")).to_contain_text("· score +")


def test_the_tabs_are_moved_between_by_arrows(page: Page) -> None:
    expect(page.get_by_role("tablist").get_by_role("tab")).to_have_text(["Single text", "File"])
    reach(page, "#text-tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="File")).to_be_focused()
    expect(page.get_by_role("tab", name="File")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel", name="File")).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Single text")).to_be_hidden()
    page.keyboard.press("Home")
    expect(page.get_by_role("tab", name="Single text")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="File")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Single text")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="File")).to_be_focused()
    assert page.locator("[role=tab][tabindex='-1']").count() == 1


def test_a_file_is_scored_sorted_and_had_back_by_keyboard_alone(page: Page) -> None:
    reach(page, "#text-tab")
    page.keyboard.press("ArrowRight")
    # Expected from here on: right before the key press, the key may overtake the interception.
    with page.expect_file_chooser() as chooser:
        reach(page, "#file")
        page.keyboard.press("Space")
    content = reviews(30).encode()
    chooser.value.set_files({"name": "a.csv", "mimeType": "text/csv", "buffer": content})
    expect(page.locator("#chosen-title")).to_have_text("a.csv")
    reach(page, "#start")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Download")).to_be_focused()
    with page.expect_download():
        page.keyboard.press("Enter")
    reach(page, "#filters input")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#page")).to_contain_text("24 rows")
