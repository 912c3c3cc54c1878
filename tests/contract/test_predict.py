import pytest

from app.sentiment.text import Text

PRAISE = "This movie was amazing and thrilling!"
CRITICISM = "A dull, lifeless mess. I want my two hours back."


def test_praise_is_positive(post):
    answer = post("/predict", {"text": PRAISE})
    assert answer.status == 200
    assert answer.json()["sentiment"] == "Positive"
    assert answer.json()["confidence"] > 0.9


def test_criticism_is_negative(post):
    answer = post("/predict", {"text": CRITICISM})
    assert answer.json()["sentiment"] == "Negative"
    assert answer.json()["confidence"] > 0.9


def test_answer_has_exactly_the_documented_fields(post, bundle):
    answer = post("/predict", {"text": PRAISE}).json()
    assert list(answer) == [
        "sentiment", "confidence", "scores", "tokens", "windows", "cached", "model",
    ]  # fmt: skip
    assert answer["scores"].keys() == {"Negative", "Positive"}
    assert sum(answer["scores"].values()) == pytest.approx(1, abs=2e-4)
    assert answer["confidence"] == max(answer["scores"].values())
    assert (answer["tokens"], answer["windows"]) == (9, 1)
    assert answer["model"] == bundle.revision


def test_scores_are_those_of_the_classifier(post, native):
    [expected] = native.predict([Text(CRITICISM)])
    assert post("/predict", {"text": CRITICISM}).json()["scores"] == pytest.approx(
        expected.scores, abs=1e-3
    )


def test_repeated_text_is_answered_from_the_cache(post):
    post("/predict", {"text": "Seen it twice, liked it twice."})
    assert post("/predict", {"text": "Seen it twice, liked it twice."}).json()["cached"] is True


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "👍",
        "👩‍👩‍👧‍👦🎬🔥",
        "פשוט סרט נפלא",
        "null\x00byte and \x1b[31mescape\x1b[0m",
        "<b>Great</b><br /><br />Really &amp; truly &lt;3",
        "e\u0301tonnant",
        "…",
        "١٢٣",
    ],
)
def test_unusual_text_is_scored(post, text):
    answer = post("/predict", {"text": text})
    assert answer.status == 200
    assert 0.5 <= answer.json()["confidence"] <= 1


def test_lone_surrogate_is_scored(post):
    """Clients that truncate text by UTF-16 units cut emoji in half."""
    assert post("/predict", rb'{"text": "so good \ud83d"}').status == 200


def test_long_text_is_scored_in_windows(post):
    answer = post("/predict", {"text": "It goes on and on. " * 500})
    assert answer.json()["tokens"] == 6 * 500 + 2
    assert answer.json()["windows"] == 23


def test_html_line_breaks_do_not_change_the_scores(post):
    plain = post("/predict", {"text": "Good plot. Bad sound."}).json()
    broken = post("/predict", {"text": "Good plot.<br /><br />Bad sound."}).json()
    assert broken["scores"] == plain["scores"]
