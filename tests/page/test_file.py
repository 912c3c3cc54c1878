"""The "File" tab: a file, read in the browser and scored in chunks."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.settings import Settings
from app.web import application
from local.server import serving
from tests.access.test_keys import entry
from tests.page.conftest import Visit

GOOD, BAD = "A wonderful film.", "A dull and lifeless mess."


@pytest.fixture
def page(page: Page) -> Page:
    return on_file_tab(page)


def on_file_tab(page: Page) -> Page:
    page.get_by_role("tab", name="File").click()
    expect(page.locator("#filters label")).to_have_count(5)
    return page


def choose(page: Page, name: str, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    page.locator("#file").set_input_files({"name": name, "mimeType": "", "buffer": data})


def reviews(rows: int) -> str:
    """Return a CSV file, a fifth of whose rows are negative."""
    lines = [f'{i},"{GOOD if i % 5 else BAD} {i}"' for i in range(rows)]
    return "\n".join(["id,review", *lines])


def score(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Score")).click()
    expect(page.get_by_role("button", name="Download")).to_be_visible(timeout=60_000)


def download(page: Page) -> tuple[str, str]:
    """Return the name and the content of the scored file."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes().decode()


def texts(page: Page) -> list[str]:
    return page.locator("#rows .open").all_inner_texts()


def test_500_rows_are_scored_with_progress(page: Page) -> None:
    choose(page, "reviews.csv", reviews(500))
    expect(page.locator("#chosen-note")).to_have_text("500 rows")
    shown: list[str] = []
    page.expose_function("seen", lambda said: shown.append(said))
    page.evaluate(
        """new MutationObserver(() => seen(pace.textContent))
        .observe(pace, {childList: true})"""
    )
    score(page)
    assert shown[0] == "0 of 500 rows"
    under_way = r"\d+ of 500 rows · [\d,]+ a second · \d+ s left"
    assert any(re.fullmatch(under_way, at) for at in shown), shown
    expect(page.locator("#pace")).to_have_text(re.compile(r"500 of 500 rows · [\d,]+ a second"))
    expect(page.locator("#totals")).to_contain_text("Positive\n80.0%", use_inner_text=True)


def test_no_request_is_larger_than_a_batch_may_be(page: Page) -> None:
    sizes: list[int] = []
    page.on("request", lambda request: sizes.append(len(request.post_data_json["texts"])))
    choose(page, "reviews.csv", reviews(1500))
    score(page)
    assert sum(sizes) == 1500
    assert 100 < max(sizes) <= 512


def test_a_batch_that_is_too_much_for_the_service_is_sent_in_parts(visit: Visit) -> None:
    settings = Settings(max_batch_characters=200, max_text_characters=100)
    with serving(application.create(settings)) as address:
        page = on_file_tab(visit(f"{address}/demo"))
        choose(page, "a.csv", "\n".join(["text", "x" * 150, "y" * 250, *[GOOD] * 60]))
        score(page)
    page.locator("#filters label", has_text="Rejected").click()
    expect(page.locator("#rows tbody tr")).to_have_count(2)
    expect(page.locator(".fault").nth(0)).to_have_text(
        "text must have at most 100 characters, not 150"
    )
    expect(page.locator(".fault").nth(1)).to_contain_text("at most 100 characters, not 250")


def test_cancelled_it_keeps_what_it_has_and_goes_on_from_there(page: Page) -> None:
    choose(page, "reviews.csv", reviews(10_000))
    page.get_by_role("button", name="Score 10,000 rows").click()
    expect(page.locator("#totals")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#pace")).to_contain_text("stopped")
    others = page.get_by_role("button", name="Score the other")
    expect(others).to_be_focused()
    left = int(re.sub(r"\D", "", others.inner_text()))
    assert 0 < left < 10_000
    sent: list[int] = []
    page.on("request", lambda request: sent.append(len(request.post_data_json["texts"])))
    score(page)
    assert sum(sent) == left
    expect(page.locator("#page")).to_contain_text("10,000 rows")


def test_a_csv_file_comes_back_as_it_was_with_scores(page: Page) -> None:
    rows = [["id", "text", "tag"]]
    rows += [["1", 'A "wow",\nfrom start to end!', "a,b"], ["2", BAD, ""], ["3", "", " x "]]
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    choose(page, "mine.csv", "\ufeff" + file.getvalue() + "4,too,many,fields\r\n")
    expect(page.locator("#column option:checked")).to_have_text("text")
    score(page)
    name, content = download(page)
    assert name == "mine.scored.csv"
    assert content.startswith("\ufeffid,")
    assert content.count("\r\n") == 5
    found = list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"), newline="")))
    assert [[row[column] for column in rows[0]] for row in found[:3]] == rows[1:]
    assert [row["sentiment"] for row in found] == ["Positive", "Negative", "", ""]
    assert 0.5 <= float(found[0]["confidence"]) == float(found[0]["positive"]) <= 1
    assert "blank" in found[2]["error"]
    assert found[3]["error"] == "has 4 fields, the first line 3"


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t")])
def test_other_delimiters_are_kept(page: Page, name: str, delimiter: str) -> None:
    choose(page, name, f"id{delimiter}review\n1{delimiter}Good fun, really.\n")
    score(page)
    _, content = download(page)
    assert content.startswith(
        delimiter.join(["id", "review", "sentiment", "confidence", "positive"])
    )
    assert content.splitlines()[1].startswith(f"1{delimiter}Good fun, really.{delimiter}Positive")


def test_a_jsonl_file_comes_back_line_by_line_with_scores(page: Page) -> None:
    lines = [
        '{"id": 12345678901234567890, "text": "Good 😍"}',
        '{"text": 7}',
        "",
        "{broken",
        '{"text": "Bad.", "sentiment": "?"}',
    ]
    choose(page, "mine.jsonl", "\n".join(lines))
    score(page)
    name, content = download(page)
    assert name == "mine.scored.jsonl"
    found = [json.loads(line) for line in content.splitlines()]
    assert found[0]["id"] == 12345678901234567890
    assert found[0]["text"] == "Good 😍"
    assert found[0]["sentiment_1"] == "Positive"
    assert found[1] == {"text": 7, "error": "text must be a string, not a number"}
    assert found[2] == {"row": "{broken", "error": "is not JSON"}
    assert found[3]["sentiment"] == "?"
    assert found[3]["sentiment_1"] == "Negative"


def test_columns_of_any_name_are_kept_and_can_be_the_text(page: Page) -> None:
    choose(page, "a.csv", f"sentiment,text,text,\nmine,{GOOD},{BAD},x\n")
    expect(page.locator("#column option")).to_have_text(["sentiment", "text", "text", "Column 4"])
    page.get_by_label("Text column").select_option(index=2)
    score(page)
    header, row = download(page)[1].splitlines()
    assert header == "sentiment,text,text,,sentiment_1,confidence,positive"
    assert row.startswith(f"mine,{GOOD},{BAD},x,Negative,")


def test_utf_16_is_read_by_its_mark(page: Page) -> None:
    choose(page, "a.csv", "id\ttext\n1\tSchön\n".encode("utf-16"))
    expect(page.locator("#preview")).to_have_text("Schön")


def test_a_blank_text_in_quotes_is_a_row_and_an_empty_line_is_none(page: Page) -> None:
    choose(page, "a.csv", f'text\n\n""\n{GOOD}')
    expect(page.locator("#chosen-note")).to_have_text("2 rows")


def test_a_file_that_cannot_be_read_leaves_the_one_before_alone(page: Page) -> None:
    choose(page, "a.csv", reviews(40))
    choose(page, "b.pdf", "x")
    expect(page.locator("#file-problem")).to_contain_text("b.pdf")
    score(page)
    expect(page.locator("#page")).to_contain_text("40 rows")


def test_another_column_can_be_the_text(page: Page) -> None:
    choose(page, "a.csv", f"text,note\n{GOOD},{BAD[:6]}\n")
    page.get_by_label("Text column").select_option("note")
    expect(page.locator("#preview")).to_have_text("A dull")
    score(page)
    assert texts(page) == ["A dull"]


def test_where_no_column_is_called_as_usual_the_longest_is_the_text(page: Page) -> None:
    choose(page, "a.csv", f"id,what\n1,{GOOD}\n")
    expect(page.locator("#column option:checked")).to_have_text("what")


def test_rows_are_sorted_filtered_and_found(page: Page) -> None:
    choose(page, "a.csv", f"text\n{GOOD}\nIt is a film.\n{BAD}\n \n")
    score(page)
    assert texts(page) == [GOOD, "It is a film.", BAD]
    page.get_by_label("Order").select_option("least")
    assert texts(page)[0] == "It is a film."
    page.get_by_label("Order").select_option("most")
    assert texts(page)[-1] == "It is a film."
    page.locator("#filters label", has_text="Positive").click()
    assert texts(page) == [GOOD]
    page.locator("#filters label", has_text="Rejected").click()
    expect(page.locator("#rows tbody tr")).to_contain_text("must not be blank")
    page.locator("#filters label", has_text="All").click()
    page.get_by_label("Containing").fill("WONDER")
    assert texts(page) == [GOOD]
    page.get_by_label("Containing").fill("nothing like it")
    expect(page.locator("#rows tbody")).to_have_text("No matching rows.")


def test_many_rows_are_shown_in_pages(page: Page) -> None:
    choose(page, "a.csv", reviews(60))
    score(page)
    expect(page.locator("#page")).to_have_text("Page 1 of 3, 60 rows")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#rows tbody tr")).to_have_count(10)
    expect(page.get_by_role("button", name="Next")).to_be_disabled()


def test_50_000_rows_are_read_and_shown_within_reach(page: Page) -> None:
    choose(page, "large.csv", reviews(50_000))
    expect(page.locator("#chosen-note")).to_have_text("50,000 rows")
    page.evaluate(
        """async () => {
        const { showResults } = await import("./static/demo/results.js");
        const outcome = { sentiment: "Positive", confidence: 0.9, positive: 0.9 };
        const rows = Array.from({ length: 50000 }, (_, i) => ({ number: i + 1, outcome }));
        showResults(rows, (row) => `Row ${row.number}`);
        }"""
    )
    expect(page.locator("#page")).to_have_text("Page 1 of 2,000, 50,000 rows")
    assert page.locator("#rows tr").count() < 100
    page.get_by_label("Containing").fill("Row 49999")
    assert texts(page) == ["Row 49999"]


def test_once_scored_the_results_come_first_and_the_set_up_is_folded(page: Page) -> None:
    choose(page, "a.csv", reviews(30))
    expect(page.locator("#setup")).to_be_visible()
    expect(page.locator("#scored")).to_be_hidden()
    score(page)
    expect(page.locator("#setup")).to_be_hidden()
    expect(page.get_by_role("heading", name="a.csv")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Download scored file")).to_be_in_viewport()
    change = page.get_by_role("button", name="Change file or column")
    change.press("Enter")
    expect(change).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#file")).to_be_focused()
    expect(page.locator("#results")).to_be_visible()
    page.get_by_label("Text column").select_option("id")
    expect(page.locator("#results")).to_be_hidden()
    expect(page.get_by_role("button", name="Score 30 rows")).to_be_visible()


def test_doubtful_rows_are_uncertain_as_a_single_text_is(page: Page) -> None:
    answer = {"scores": {"Negative": 0.4, "Positive": 0.6}, "confidence": 0.6}
    results = [answer | {"index": 0, "sentiment": "Positive"}]
    page.route("**/batch", lambda route: route.fulfill(json={"results": results, "errors": []}))
    choose(page, "a.csv", f"text\n{GOOD}\n")
    score(page)
    page.locator("#filters label", has_text="Uncertain 1").click()
    expect(page.locator("#rows tbody tr")).to_have_text(f"1{GOOD}Uncertain, leaning positive60.0%")
    expect(page.locator("#totals")).to_contain_text("Uncertain (under 70%)100.0%")


def test_a_rejected_row_says_why(page: Page) -> None:
    choose(page, "a.csv", f"id,text\n1,{GOOD}\n2,too,many\n3, \n")
    expect(page.locator("#chosen-note")).to_have_text("3 rows, 1 of them unreadable")
    score(page)
    rows = page.locator("#rows tbody tr")
    expect(rows.nth(1)).to_have_text("22,too,manyhas 3 fields, the first line 2Rejected–")
    expect(rows.nth(2)).to_contain_text("must not be blank")
    expect(page.locator("#totals")).to_contain_text("Rejected rows2")


def test_the_histogram_names_its_parts_and_its_axes(page: Page) -> None:
    choose(page, "a.csv", "\n".join(["text", *[GOOD] * 4, BAD]))
    score(page)
    drawing = page.locator("#histogram svg text")
    expect(page.locator("#histogram")).to_contain_text("Rows by confidence")
    assert set(drawing.all_text_contents()) >= {"Negative", "Uncertain", "Positive", "Confidence"}
    assert [each for each in drawing.all_text_contents() if each.endswith("%")] == [
        *("100%", "70%", "50%", "70%", "100%")
    ]
    assert drawing.all_text_contents()[:3] == ["0", "2", "4"]


def test_the_histogram_is_told_in_words_too(page: Page) -> None:
    choose(page, "a.csv", f"text\n{GOOD}\n{GOOD}\n{BAD}\n")
    score(page)
    picture = page.get_by_role("img", name="Rows by confidence.")
    expect(picture).to_have_accessible_name(
        re.compile(r"Negative, \d+ to \d+%: 1; .*Positive, 95 to 100%: 2")
    )


def test_a_row_can_be_looked_at_as_a_text(page: Page) -> None:
    choose(page, "a.csv", f"text\n{BAD}\n")
    score(page)
    page.get_by_role("button", name=BAD).click()
    expect(page.get_by_label("Your text")).to_have_value(BAD)
    expect(page.locator("#sentiment")).to_have_text("Negative")


def test_a_service_that_asks_for_patience_gets_it(visit: Visit) -> None:
    app = application.create(Settings(max_pending=1))
    slots = app.state.scorer._predictions._slots
    with serving(app) as address:
        page = on_file_tab(visit(f"{address}/demo"))
        choose(page, "a.csv", reviews(40))
        assert slots.acquire(blocking=False)
        page.get_by_role("button", name="Score 40 rows").click()
        expect(page.locator("#pace")).to_contain_text("Trying again in 1 s.")
        slots.release()
        expect(page.locator("#pace")).to_contain_text("40 of 40 rows")
    expect(page.locator("#file-problem")).to_be_empty()


def test_a_refused_key_stops_it_until_there_is_a_right_one(visit: Visit) -> None:
    with serving(application.create(Settings(api_keys=entry("shop", "sk_shop")))) as address:
        page = on_file_tab(visit(f"{address}/demo"))
        choose(page, "a.csv", reviews(40))
        page.get_by_role("button", name="Score 40 rows").click()
        expect(page.locator("#file-problem")).to_contain_text("An API key is needed")
        page.locator("#key-input").fill("sk_shop")
        page.keyboard.press("Enter")
        score(page)
        expect(page.locator("#page")).to_contain_text("40 rows")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.pdf", "x", "a.pdf: expected .csv, .tsv, .jsonl or .ndjson."),
        ("a.csv", b"text\n\xff\n", "a.csv is not in UTF-8"),
        ("a.csv", "text\n", "a.csv has no rows."),
        ("a.csv", "", "a.csv has no rows."),
        ("a.csv", "a,b;c\n1,2;3\n", "may be separated by commas or semicolons"),
        ("a.csv", b"i\0d\0,\0t\0", "a.csv is not text"),
        ("a.jsonl", "[1]\n", "a.jsonl has no rows of named values."),
    ],
)
def test_a_file_that_cannot_be_scored_is_said_why(
    page: Page, name: str, content: str | bytes, reason: str
) -> None:
    choose(page, name, content)
    expect(page.locator("#file-problem")).to_contain_text(reason)


def test_a_dropped_file_is_read(page: Page) -> None:
    transfer = page.evaluate_handle(
        """(content) => {
        const data = new DataTransfer();
        data.items.add(new File([content], "dropped.csv"));
        return data;
        }""",
        reviews(3),
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    expect(page.locator("#chosen-title")).to_have_text("dropped.csv")
    score(page)
    page.dispatch_event("#results", "drop", {"dataTransfer": transfer})
    expect(page.get_by_role("button", name="Score 3 rows")).to_be_visible()
