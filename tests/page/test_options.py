"""The switches "Neutral" and "Sentences": three outcomes, and the sentiment of each sentence."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from app.settings import Settings
from app.web import application
from local.server import serving
from tests.page.conftest import Visit
from tests.page.test_file import BAD, GOOD, choose, download, on_file_tab, reviews, score, texts
from tests.page.test_text import explain, write

PLAIN = "The shop is on the corner of the street."


@pytest.fixture(scope="module")
def three_labels_url(three_label_bundle: Path) -> Iterator[str]:
    with serving(application.create(Settings(model_dir=three_label_bundle))) as address:
        yield f"{address}/demo"


@pytest.fixture(scope="module")
def two_labels_url(two_label_bundle: Path) -> Iterator[str]:
    with serving(application.create(Settings(model_dir=two_label_bundle))) as address:
        yield f"{address}/demo"


def switch(page: Page, name: str) -> Locator:
    return page.get_by_role("switch", name=name)


def outcome(negative: float, neutral: float, positive: float) -> dict[str, object]:
    scores = {"Negative": negative, "Neutral": neutral, "Positive": positive}
    sentiment = max(scores, key=lambda label: scores[label])
    return {
        "sentiment": sentiment,
        "confidence": scores[sentiment],
        "scores": scores,
        "score": round(positive - negative, 4),
    }


def analysed(page: Page, whole: Sequence[float], *parts: tuple[str, Sequence[float]]) -> None:
    """Have a text of these sentences analysed with these shares, and those of each sentence."""
    text = " ".join(sentence for sentence, _ in parts)
    sentences = []
    for sentence, shares in parts:
        start = text.index(sentence)
        span = {"text": sentence, "start": start, "end": start + len(sentence)}
        sentences.append({**outcome(*shares), **span})
    answer = {**outcome(*whole), "tokens": 7, "windows": 1, "cached": False, "model": "0"}
    answer |= {"sentences": sentences, "magnitude": 1.5}
    answer["mixed"] = {"Positive", "Negative"} <= {each["sentiment"] for each in sentences}
    page.route("**/predict", lambda route: route.fulfill(json=answer))
    switch(page, "Neutral").check()
    switch(page, "Sentences").check()
    write(page, text)
    expect(page.locator("#sentence-marks")).to_have_text(text)


def a_mixed_text(page: Page) -> None:
    analysed(
        page,
        (0.4, 0.2, 0.4),
        ("The cast shines.", (0.02, 0.08, 0.9)),
        ("We saw it on Monday.", (0.05, 0.9, 0.05)),
        ("The story goes nowhere.", (0.95, 0.03, 0.02)),
        ("It rains.", (0.3, 0.4, 0.3)),
    )


def three_outcomes(page: Page) -> None:
    """Have the rows of a file scored as each outcome in turn."""
    shares = [(0.9, 0.08, 0.02), (0.05, 0.9, 0.05), (0.02, 0.08, 0.9), (0.1, 0.8, 0.1)]

    def answer(route):
        rows = range(len(route.request.post_data_json["texts"]))
        results = [{"index": row, **outcome(*shares[row % len(shares)])} for row in rows]
        route.fulfill(json={"results": results, "errors": []})

    page.route("**/batch", answer)
    page.route("**/predict", lambda route: route.abort())  # by the other tab
    on_file_tab(page)
    switch(page, "Neutral").check()
    choose(page, "a.csv", reviews(40))
    score(page)


def test_nothing_is_asked_for_that_is_not_switched_on(visit: Visit, three_labels_url: str) -> None:
    page = visit(three_labels_url)
    expect(page.locator("#sentiment")).to_have_text("Positive")
    sent: list[object] = []
    page.on("request", lambda request: sent.append(request.post_data_json))
    write(page, GOOD)
    expect(page.locator("#facts")).to_contain_text("6 tokens")
    for name in ("Neutral", "Sentences"):
        expect(switch(page, name)).not_to_be_checked()
        with page.expect_response("**/predict"):
            switch(page, name).check()
    assert sent == [
        {"text": GOOD},
        {"text": GOOD, "neutral": True},
        {"text": GOOD, "neutral": True, "sentences": True},
    ]


def test_with_neutral_the_bar_has_three_shares_with_their_numbers(
    visit: Visit, three_labels_url: str
) -> None:
    page = visit(three_labels_url)
    write(page, PLAIN)
    expect(page.locator("#neutral-score")).to_be_hidden()
    switch(page, "Neutral").check()
    expect(page.locator("#neutral-score")).to_be_visible()
    expect(page.locator("#verdict")).to_have_attribute("aria-busy", "false")
    expect(page.locator(".ends dt")).to_have_text(["Negative", "Neutral", "Positive"])
    numbers = [float(each.rstrip("%")) for each in page.locator(".ends dd").all_inner_texts()]
    assert sum(numbers) == pytest.approx(100, abs=0.2)
    expect(page.locator("#meaning")).to_have_text(
        re.compile(r"Score [+−][01]\.\d\d, from −1 \(negative\) to \+1 \(positive\)\.")
    )
    switch(page, "Neutral").uncheck()
    expect(page.locator("#neutral-score")).to_be_hidden()
    expect(page.locator("#meaning")).to_contain_text("predictions at this confidence")


def test_the_parts_of_the_bar_are_as_wide_as_their_shares(page: Page) -> None:
    analysed(page, (0.2, 0.5, 0.3), ("It is a film.", (0.2, 0.5, 0.3)))
    page.wait_for_timeout(300)  # they glide there
    whole = page.locator("#scale").bounding_box()["width"]
    for name, share in [("negative", 0.2), ("neutral", 0.5), ("positive", 0.3)]:
        part = page.locator(f"#scale .{name}").bounding_box()["width"]
        assert part / whole == pytest.approx(share, abs=0.02)
    expect(page.get_by_role("meter", name="Confidence")).to_have_attribute(
        "aria-valuetext", "50.0% Neutral"
    )


def test_a_neutral_text_is_called_so_and_an_uncertain_one_leans_there(page: Page) -> None:
    analysed(page, (0.1, 0.8, 0.1), ("It is a film.", (0.1, 0.8, 0.1)))
    expect(page.locator("#sentiment")).to_have_text("Neutral")
    page.unroute("**/predict")
    analysed(page, (0.2, 0.6, 0.2), ("It was a film.", (0.2, 0.6, 0.2)))
    expect(page.locator("#sentiment")).to_have_text("Uncertain, leaning neutral")


def test_the_switches_are_remembered_in_the_tab_alone(visit: Visit, three_labels_url: str) -> None:
    page = visit(three_labels_url)
    switch(page, "Neutral").check()
    switch(page, "Sentences").check()
    expect(page.locator("#sentences")).to_be_visible()
    page.reload()
    expect(page.locator("#sentences")).to_be_visible()
    expect(page.locator("#neutral-score")).to_be_visible()
    expect(switch(page, "Neutral")).to_be_checked()
    assert page.evaluate("localStorage.length") == 0
    switch(page, "Neutral").uncheck()
    switch(page, "Sentences").uncheck()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_model_of_two_labels_says_so_at_the_switch(visit: Visit, two_labels_url: str) -> None:
    page = visit(two_labels_url)
    switch(page, "Neutral").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("alert")).to_have_text(
        "Neutral is not available: the model has the labels Negative and Positive alone."
    )
    expect(switch(page, "Neutral")).not_to_be_checked()
    expect(switch(page, "Neutral")).to_be_focused()
    expect(switch(page, "Neutral")).to_have_accessible_description(re.compile("not available"))
    assert page.evaluate("sessionStorage.length") == 0
    write(page, BAD)
    expect(page.locator("#sentiment")).to_have_text("Negative")
    switch(page, "Sentences").check()
    expect(page.locator("#sentence-marks")).to_have_text(BAD)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_sentences_are_tinted_by_their_sentiment_and_say_it(page: Page) -> None:
    a_mixed_text(page)
    marks = page.locator("#sentence-marks .sentence")
    expect(marks).to_have_count(4)
    assert [mark.get_attribute("aria-label") for mark in marks.all()] == [
        "The cast shines., Positive, 90.0%",
        "We saw it on Monday., Neutral, 90.0%",
        "The story goes nowhere., Negative, 95.0%",
        "It rains., Uncertain, leaning neutral, 40.0%",
    ]
    style = """each => {
        const { backgroundColor, borderBottomStyle, borderBottomWidth } = getComputedStyle(each);
        return [backgroundColor, borderBottomStyle + borderBottomWidth];
    }"""
    tints, lines = zip(*(mark.evaluate(style) for mark in marks.all()), strict=True)
    assert len(set(tints)) == 4
    assert len(set(lines)) == 4
    legend = page.locator("#sentence-legend")
    expect(legend).to_contain_text("negative neutral positive70% confidence or more")
    sample = legend.get_by_text("neutral", exact=True)
    assert sample.evaluate(style)[0] == tints[1]


def test_a_sentence_shows_its_scores_on_hover_and_on_focus(page: Page) -> None:
    a_mixed_text(page)
    tip = page.get_by_role("tooltip")
    page.get_by_role("button", name="The story goes nowhere.").hover()
    expect(tip).to_have_text("Negative 95.0% · Neutral 3.0% · Positive 2.0% · score −0.93")
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()
    page.get_by_role("button", name="The cast shines.").focus()
    expect(tip).to_contain_text("Positive 90.0%")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="We saw it on Monday.")).to_be_focused()
    expect(tip).to_contain_text("score +0.00")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_a_mixed_text_is_called_mixed(page: Page) -> None:
    switch(page, "Sentences").check()
    write(page, f"{GOOD} {BAD}")
    expect(page.locator("#mixed")).to_contain_text("Mixed: at least one sentence is clearly")
    expect(page.locator("#confidence")).to_have_text(re.compile(r"^\d\d\.\d% confidence · mixed$"))
    expect(page.locator("#sentence-facts")).to_contain_text("2 sentences · score ")
    expect(page.locator("#sentence-legend")).not_to_contain_text("neutral")
    write(page, GOOD)
    expect(page.locator("#mixed")).to_contain_text("Not mixed")
    expect(page.locator("#confidence")).not_to_contain_text("mixed")
    expect(page.locator("#sentence-facts")).to_contain_text("1 sentence ·")


def test_sentences_behind_emoji_are_cut_where_they_are(page: Page) -> None:
    sentences = ["😍🎬 A wonderful film.", "Cafe\u0301 👩‍👧 scenes are superb!", "The end is dull."]
    switch(page, "Sentences").check()
    expect(page.locator("#sentences")).to_be_visible()
    with page.expect_response("**/predict") as response:
        write(page, "\n".join(sentences))
    assert [each["text"] for each in response.value.json()["sentences"]] == sentences
    expect(page.locator("#sentence-marks .sentence")).to_have_text(sentences)
    expect(page.locator("#sentence-marks")).to_have_text(" ".join(sentences))


def test_sentences_go_with_their_text_and_their_switch(page: Page) -> None:
    section = page.locator("#sentences")
    switch(page, "Sentences").check()
    expect(section).to_be_visible()
    write(page, " ")
    expect(section).to_be_hidden()
    write(page, BAD)
    expect(page.locator("#sentence-marks")).to_have_text(BAD)
    switch(page, "Sentences").uncheck()
    expect(section).to_be_hidden()


def test_an_explanation_says_how_neutral_counts(visit: Visit, three_labels_url: str) -> None:
    page = visit(three_labels_url)
    note = page.locator("#explanation-note")
    explain(page)
    expect(note).not_to_contain_text("Neutral")
    switch(page, "Neutral").check()
    expect(page.locator("#explanation")).to_be_hidden()
    explain(page)
    expect(note).to_contain_text("Half of Neutral counts as Positive here.")


def test_a_file_has_totals_in_three_ways(page: Page) -> None:
    three_outcomes(page)
    totals = page.locator("#totals")
    for shares in ("Positive\n25.0%", "Neutral\n50.0%", "Negative\n25.0%"):
        expect(totals).to_contain_text(shares, use_inner_text=True)
    page.locator("#filters label", has_text="Neutral 20").click()
    expect(page.locator("#page")).to_contain_text("20 rows")
    expect(page.locator("#rows td.label").first).to_have_text("Neutral")
    expect(page.get_by_role("img", name="Rows by score.")).to_have_accessible_name(
        "Rows by score. −0.9 to −0.8: 10 negative; +0.0 to +0.1: 20 neutral; "
        "+0.8 to +0.9: 10 positive."
    )
    expect(page.locator("#histogram svg text.zone")).to_have_text(
        ["Negative", "Neutral", "Positive"]
    )
    header, _, second, *_ = download(page)[1].splitlines()
    assert header == "id,review,sentiment,confidence,positive"
    assert second.endswith(",Neutral,0.9,0.05")


def test_a_file_keeps_its_results_until_it_is_scored_again(
    visit: Visit, three_labels_url: str
) -> None:
    page = on_file_tab(visit(three_labels_url))
    choose(page, "a.csv", f"text\n{GOOD}\n{BAD}\n{PLAIN}\n")
    score(page)
    assert page.locator("#totals").get_by_text("Neutral").count() == 0
    switch(page, "Neutral").check()
    expect(page.locator("#filters label")).to_have_count(5)
    page.get_by_role("button", name="Score again with Neutral").click()
    expect(page.locator("#filters label")).to_have_count(6)
    expect(page.get_by_role("button", name="Download")).to_be_visible()
    expect(page.locator("#totals")).to_contain_text("Scored rows3")
    page.locator("#filters label", has_text="Neutral").click()
    switch(page, "Neutral").uncheck()
    page.get_by_role("button", name="Score again without Neutral").click()
    expect(page.locator("#filters label")).to_have_count(5)
    expect(page.get_by_role("radio", name="All")).to_be_checked()
    expect(page.locator("#rows tbody tr")).to_have_count(3)
    assert texts(page) == [GOOD, BAD, PLAIN]


def test_a_file_is_not_sent_again_to_a_model_of_two_labels(
    visit: Visit, two_labels_url: str
) -> None:
    page = visit(two_labels_url)
    write(page, " ")
    on_file_tab(page)
    switch(page, "Neutral").check()
    choose(page, "a.csv", reviews(40))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url.rpartition("/")[2]))
    page.get_by_role("button", name="Score 40 rows").click()
    expect(page.get_by_role("alert")).to_contain_text("Neutral is not available")
    expect(page.locator("#file-problem")).to_be_empty()
    assert sent == ["batch"]
    score(page)
    expect(page.locator("#totals")).to_contain_text("Scored rows40")
