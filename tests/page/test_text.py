"""The "Single text" tab: the sentiment of a text, and its explanation."""

import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from app.settings import Settings
from app.telemetry.observation import DOUBTFUL
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
    expect(page.locator("#confidence")).to_have_text(re.compile(r"\d\d\.\d% confidence"))
    expect(page.locator("#facts")).to_contain_text("8 tokens · 1 window")


def test_the_bar_shows_the_confidence(page: Page) -> None:
    bar = page.get_by_role("meter", name="Confidence")
    expect(page.locator("#confidence")).to_contain_text("confidence")
    shown = page.locator("#confidence").inner_text().removesuffix("% confidence")
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
    # The page's own clock stands still meanwhile, so that a slow machine makes no pauses.
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.get_by_label("Your text").press_sequentially(" And so on")
    page.clock.run_for(240)
    assert asked == []
    page.clock.run_for(20)
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
    expect(page.locator("#confidence")).to_have_text("Type something to score.")
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


def explained(page: Page, weights: dict[str, float]) -> None:
    """Have the words of a text explained by these weights."""
    words, start = [], 0
    for word, weight in weights.items():
        words.append({"text": word, "start": start, "end": start + len(word), "weight": weight})
        start += len(word) + 1
    answer = {"base_value": 0, "value": sum(weights.values()), "words": words}
    answer |= {"unit": "words", "complete": True, "evaluations": 9}
    page.route("**/explain", lambda route: route.fulfill(json=answer))
    write(page, " ".join(weights))
    explain(page)


def test_an_effect_is_told_in_words_before_its_number(page: Page) -> None:
    explained(page, {"awful": -1.7, "poor": -0.7, "late": -0.1, "the": 0.05, "new": 0.4, "joy": 3})
    labels = [each.get_attribute("aria-label") for each in page.locator("#words .token").all()]
    assert labels == [
        "awful, strongly negative, −1.70",
        "poor, moderately negative, −0.70",
        "late, slightly negative, −0.10",
        "the, no clear effect, +0.05",
        "new, slightly positive, +0.40",
        "joy, strongly positive, +3.00",
    ]


def test_the_legend_explains_the_words(page: Page) -> None:
    explained(page, {"awful": -1.7, "joy": 3})
    legend = page.locator("#legend")
    for adverb in ("strongly", "moderately", "slightly"):
        expect(legend).to_contain_text(f"{adverb} negative {adverb} positive")
    expect(legend).to_contain_text("changes the odds 5-fold or more")
    tint = "each => getComputedStyle(each).backgroundColor"
    sample = legend.get_by_text("strongly negative", exact=True)
    assert sample.evaluate(tint) == page.get_by_role("button", name="awful").evaluate(tint)


def test_an_effect_is_shown_on_tap(visit: Visit) -> None:
    page = visit(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    explained(page, {"awful": -1.7, "joy": 3})
    page.get_by_role("button", name="joy").tap()
    expect(page.get_by_role("tooltip")).to_have_text("strongly positive: +3.00 log-odds")
    page.get_by_role("button", name="awful").tap()
    expect(page.get_by_role("tooltip")).to_have_text("strongly negative: −1.70 log-odds")


def test_an_effect_is_shown_on_hover_and_on_focus(page: Page) -> None:
    write(page, "An amazing cast, a dull story.")
    explain(page)
    tip = page.get_by_role("tooltip")
    page.get_by_role("button", name=re.compile("dull")).hover()
    expect(tip).to_have_text(re.compile(r"^\w+ly negative: −\d+\.\d\d log-odds$"))
    page.get_by_role("button", name=re.compile("amazing")).focus()
    expect(tip).to_have_text(re.compile(r"^\w+ly positive: \+\d+\.\d\d log-odds$"))
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.keyboard.press("Enter")
    expect(tip).to_be_visible()


def test_arrows_follow_the_direction_of_the_text(page: Page) -> None:
    explained(page, {"فيلم": 0.5, "رائع": 2, "جدا": 1})
    page.locator("#words .token").first.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#words .token").nth(1)).to_be_focused()
    expect(page.get_by_role("tooltip")).to_contain_text("strongly positive")


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


def test_the_explain_button_keeps_the_focus_while_it_waits(page: Page) -> None:
    page.route("**/explain", lambda route: None)
    button = page.locator("#explain")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_text("Explaining …")
    expect(button).to_be_disabled()
    expect(button).to_be_focused()


def answered(page: Page, confidence: float, sentiment: str = "Positive") -> None:
    """Have every text answered with this confidence."""
    other = {"Positive": "Negative", "Negative": "Positive"}[sentiment]
    answer = {
        "sentiment": sentiment,
        "confidence": confidence,
        "scores": {sentiment: confidence, other: 1 - confidence},
        "tokens": 7,
        "windows": 1,
        "cached": False,
        "model": "0",
    }
    page.route("**/predict", lambda route: route.fulfill(json=answer))
    write(page, f"{confidence} {sentiment}")


def colour(page: Page) -> str:
    return page.locator("#sentiment").evaluate("each => getComputedStyle(each).color")


@pytest.mark.parametrize("sentiment", ["Positive", "Negative"])
def test_a_doubtful_prediction_is_uncertain_in_a_neutral_colour(page: Page, sentiment: str) -> None:
    label = page.locator("#sentiment")
    answered(page, DOUBTFUL, sentiment)
    expect(label).to_have_text(sentiment)
    confident = colour(page)
    answered(page, DOUBTFUL - 0.001, sentiment)
    expect(label).to_have_text(f"Uncertain, leaning {sentiment.lower()}")
    assert colour(page) != confident
    red, green, blue = map(int, re.findall(r"\d+", colour(page)))
    assert max(red, green, blue) - min(red, green, blue) < 16
    expect(page.get_by_role("meter", name="Confidence")).to_have_attribute(
        "aria-valuetext", f"69.9% {sentiment}"
    )


def test_a_limited_rate_is_waited_for(page: Page) -> None:
    expect(page.locator("#sentiment")).to_have_text("Positive")
    limited = {"title": "Too Many Requests", "detail": "More than 9/minute are not allowed."}
    page.route(
        "**/predict",
        lambda route: route.fulfill(status=429, json=limited, headers={"retry-after": "1"}),
        times=1,
    )
    write(page, "A dreadful bore.")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Too Many Requests (429)")
    expect(alert).to_contain_text("More than 9/minute are not allowed. Trying again in 1 s.")
    expect(page.locator("#sentiment")).to_have_text("Waiting …")
    expect(page.locator("#sentiment")).to_have_text("Negative")
    expect(alert).to_have_count(0)


def test_nothing_moves_while_results_come_and_go(visit: Visit) -> None:
    page = visit(viewport={"width": 360, "height": 740})
    height = "() => document.querySelector('#verdict').offsetHeight"
    expect(page.locator("#sentiment")).to_have_text("Positive")
    full = page.evaluate(height)
    write(page, " ")
    expect(page.locator("#sentiment")).to_have_text("No text")
    assert page.evaluate(height) == full
    answered(page, 0.6)
    expect(page.locator("#sentiment")).to_contain_text("Uncertain")
    assert page.evaluate(height) == full


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
    page.get_by_role("button", name="Use key").click()
    expect(page.get_by_role("alert")).to_contain_text("The API key is invalid")
    page.locator("#key-input").fill("sk_shop")
    page.get_by_role("button", name="Use key").click()
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
    page.get_by_role("button", name="Forget key").click()
    expect(page.get_by_role("alert")).to_contain_text("An API key is needed")
    assert page.evaluate("sessionStorage.length") == 0


def test_it_works_behind_a_stage(visit: Visit) -> None:
    behind = Starlette(routes=[Mount("/prod", application.create(Settings()))])
    with serving(behind) as address:
        page = visit(f"{address}/prod/demo")
        expect(page.locator("#sentiment")).to_have_text("Positive")
        expect(page.locator("#service")).to_contain_text("revision")
        page.get_by_role("link", name="API docs").click()
        expect(page.get_by_text("Calibrated sentiment of English texts.")).to_be_visible()


def test_a_service_that_is_gone_is_said_to_be(visit: Visit) -> None:
    with serving(application.create(Settings())) as address:
        page = visit(f"{address}/demo")
        expect(page.locator("#sentiment")).to_have_text("Positive")
    write(page, "Anybody there?")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
