"""The first tab: a text, its verdict, and what decided."""

import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from app.settings import Settings
from app.web import application
from local.server import serving
from tests.access.test_keys import entry
from tests.page.conftest import Visit


def write(page: Page, text: str) -> None:
    page.get_by_label("Your text").fill(text)


def test_what_is_typed_gets_its_verdict_without_a_button(page: Page) -> None:
    page.get_by_label("Your text").fill("")
    page.get_by_label("Your text").press_sequentially("Dull and far too long.", delay=10)
    expect(page.locator("#sentiment")).to_have_text("Negative")
    expect(page.locator("#confidence")).to_have_text(re.compile(r"\d\d\.\d% sure"))
    expect(page.locator("#facts")).to_contain_text("8 tokens · 1 window")


def test_the_bar_shows_the_confidence(page: Page) -> None:
    bar = page.get_by_role("meter", name="Confidence")
    expect(page.locator("#confidence")).to_contain_text("sure")
    shown = page.locator("#confidence").inner_text().removesuffix("% sure")
    assert float(bar.get_attribute("aria-valuenow")) == pytest.approx(float(shown))
    page.wait_for_timeout(300)  # it glides there
    whole, positive = (bar.bounding_box(), bar.locator(".positive").bounding_box())
    assert positive["width"] / whole["width"] == pytest.approx(float(shown) / 100, abs=0.02)


def test_an_example_is_scored(page: Page) -> None:
    page.get_by_role("button", name="Long review").click()
    expect(page.locator("#facts")).to_contain_text("overlapping windows")


def test_typing_asks_once_it_pauses(page: Page) -> None:
    expect(page.locator("#sentiment")).to_have_text("Positive")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_label("Your text").press_sequentially(" And so on", delay=10)
    expect(page.locator("#verdict")).to_have_attribute("aria-busy", "false")
    assert [url.rpartition("/")[2] for url in asked] == ["predict"]


def test_an_answer_to_what_was_typed_before_is_dropped(visit: Visit) -> None:
    app = application.create(Settings(cache_size=0))
    predict, leave = app.state.scorer.classifier.predict, threading.Event()

    def slow_about_slow(texts):
        if texts == ["slow"]:
            leave.wait(20)
        return predict(texts)

    app.state.scorer.classifier.predict = slow_about_slow
    with serving(app) as address:
        page = visit(f"{address}/demo")
        with page.expect_request(lambda request: request.post_data == '{"text":"slow"}') as first:
            write(page, "slow")
        write(page, "A dreadful bore.")
        expect(page.locator("#sentiment")).to_have_text("Negative")
        leave.set()
        assert first.value.failure == "net::ERR_ABORTED"
        page.wait_for_timeout(200)
        expect(page.locator("#sentiment")).to_have_text("Negative")


def test_an_empty_text_is_no_error(page: Page) -> None:
    write(page, " ")
    expect(page.locator("#confidence")).to_have_text("Write something, or take an example.")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("button", name="Explain")).to_be_disabled()


def test_an_error_says_what_the_service_says_and_what_to_quote(page: Page) -> None:
    write(page, "\u200b")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Unprocessable")
    expect(alert).to_contain_text("text: must not be blank: at least one visible character")
    expect(alert.locator("code")).to_have_text(re.compile(r"[0-9a-f-]{8,}"))
    write(page, "Visible.")
    expect(alert).to_have_count(0)


def test_markup_is_shown_as_text(page: Page) -> None:
    write(page, "<img src=x onerror=alert(1)> fun")
    explain(page)
    expect(page.locator("#words")).to_contain_text("<img src=x onerror=alert(1)> fun")
    expect(page.locator("#words img")).to_have_count(0)


def explain(page: Page) -> None:
    page.get_by_role("button", name="Explain").click()
    expect(page.locator("#explanation")).to_be_visible()


def test_explained_words_are_tinted_by_their_weight(page: Page) -> None:
    write(page, "An amazing cast, a dull story.")
    explain(page)
    good, bad = (page.get_by_role("button", name=re.compile(word)) for word in ("amazing", "dull"))
    expect(good).to_have_attribute("data-towards", "positive")
    expect(bad).to_have_attribute("data-towards", "negative")
    tints = {each.evaluate("e => getComputedStyle(e).backgroundColor") for each in (good, bad)}
    assert len(tints) == 2
    expect(page.locator(".legend")).to_contain_text("to Positive")


def test_a_words_weight_is_shown_on_hover_and_on_focus(page: Page) -> None:
    write(page, "An amazing cast, a dull story.")
    explain(page)
    tip = page.get_by_role("tooltip")
    page.get_by_role("button", name=re.compile("dull")).hover()
    expect(tip).to_have_text(re.compile(r"−\d+\.\d\d to Negative"))
    page.get_by_role("button", name=re.compile("amazing")).focus()
    expect(tip).to_have_text(re.compile(r"\+\d+\.\d\d to Positive"))
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_words_behind_emoji_and_accents_are_cut_where_they_are(page: Page) -> None:
    write(page, "😍🎬 amazing, e\u0301tonnant & amazing 👩‍👧!")
    explain(page)
    expect(page.locator("#words")).to_have_text("😍🎬 amazing, e\u0301tonnant & amazing 👩‍👧!")
    expect(page.locator("#words .token", has_text=re.compile("^amazing,?$"))).to_have_count(2)


def test_an_explanation_goes_when_the_text_changes(page: Page) -> None:
    write(page, "An amazing cast.")
    explain(page)
    write(page, "A dull story.")
    expect(page.locator("#explanation")).to_be_hidden()


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    with serving(application.create(Settings(api_keys=entry("shop", "sk_shop")))) as address:
        yield address


def test_where_a_key_is_needed_it_is_asked_for_and_kept_for_the_tab(
    visit: Visit, guarded: str
) -> None:
    page = visit(f"{guarded}/demo")
    expect(page.get_by_role("alert")).to_contain_text("An API key is needed")
    page.get_by_label("API key", exact=True).and_(page.locator("input")).fill("sk_wrong")
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_role("alert")).to_contain_text("not one of those that are valid")
    page.locator("#key-input").fill("sk_shop")
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#sentiment")).to_have_text("Positive")
    expect(page.locator("#key")).to_be_hidden()
    page.reload()
    expect(page.locator("#sentiment")).to_have_text("Positive")
    assert page.evaluate("localStorage.length") == 0
    assert page.context.cookies() == []


def test_a_forgotten_key_is_gone(visit: Visit, guarded: str) -> None:
    page = visit(f"{guarded}/demo")
    page.locator("#key-input").fill("sk_shop")
    page.keyboard.press("Enter")
    expect(page.locator("#sentiment")).to_have_text("Positive")
    page.get_by_role("button", name="API key").click()
    page.get_by_role("button", name="Forget it").click()
    expect(page.get_by_role("alert")).to_contain_text("An API key is needed")
    assert page.evaluate("sessionStorage.length") == 0


def test_it_works_behind_a_stage(visit: Visit) -> None:
    behind = Starlette(routes=[Mount("/prod", application.create(Settings()))])
    with serving(behind) as address:
        page = visit(f"{address}/prod/demo")
        expect(page.locator("#sentiment")).to_have_text("Positive")
        expect(page.locator("#service")).to_contain_text("revision")
        page.get_by_role("link", name="API docs").click()
        expect(page.get_by_text("Text in, calibrated sentiment out.")).to_be_visible()


def test_a_service_that_is_gone_is_said_to_be(visit: Visit) -> None:
    with serving(application.create(Settings())) as address:
        page = visit(f"{address}/demo")
        expect(page.locator("#sentiment")).to_have_text("Positive")
    write(page, "Anybody there?")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
