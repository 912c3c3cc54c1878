"""Neutral and sentences, where a request asks for them."""

import pytest

from tests.contract.test_errors import problem_of

MIXED = "The acting is superb.  The plot is a mess."
OF_TEXT = ["sentiment", "confidence", "scores", "score", "tokens", "windows", "cached", "model"]
OF_SENTENCES = ["sentences", "mixed", "magnitude"]


def test_sentences_are_scored_with_their_offsets_in_the_text_as_sent(post):
    answer = post("/predict", {"text": MIXED, "sentences": True})
    assert answer.status == 200
    assert list(answer.json()) == OF_TEXT + OF_SENTENCES
    praise, criticism = answer.json()["sentences"]
    assert list(praise) == ["sentiment", "confidence", "scores", "score", "text", "start", "end"]
    assert (praise["sentiment"], praise["start"], praise["end"]) == ("Positive", 0, 21)
    assert (criticism["sentiment"], criticism["start"], criticism["end"]) == ("Negative", 23, 42)
    assert MIXED[23:42] == criticism["text"] == "The plot is a mess."
    assert praise["scores"].keys() == answer.json()["scores"].keys() == {"Negative", "Positive"}
    assert answer.json()["mixed"] is True
    magnitude = abs(praise["score"]) + abs(criticism["score"])
    assert answer.json()["magnitude"] == pytest.approx(magnitude, abs=1e-3)


def test_the_sentiment_is_the_same_with_sentences(post):
    plain = post("/predict", {"text": MIXED}).json()
    detailed = post("/predict", {"text": MIXED, "sentences": True}).json()
    assert {name: detailed[name] for name in plain} | {"cached": True} == plain | {"cached": True}


@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_options_that_are_off_change_nothing(post, path):
    plain = post(path, {"text": MIXED}).json()
    off = post(path, {"text": MIXED, "neutral": False, "sentences": False}).json()
    assert off | {"cached": True} == plain | {"cached": True}
    assert list(off) == list(plain)


@pytest.mark.parametrize(
    ("path", "body", "of"),
    [
        ("/predict", {"text": MIXED}, lambda answer: answer),
        ("/predict/batch", {"texts": [MIXED]}, lambda answer: answer["results"][0]),
        ("/explain", {"text": MIXED, "max_evaluations": 8}, lambda answer: answer),
    ],
)
def test_neutral_is_an_answer_if_the_model_knows_it(post, bundle, path, body, of):
    answer = post(path, {**body, "neutral": True})
    if "Neutral" in bundle.labels:
        assert list(of(answer.json())["scores"]) == ["Negative", "Neutral", "Positive"]
        assert -1 <= of(answer.json())["score"] <= 1
    else:
        [fault] = problem_of(answer, 422)["errors"]
        assert fault == {
            "pointer": "#/neutral",
            "detail": "the model has the labels Negative and Positive alone",
        }


def test_each_text_of_a_batch_has_its_sentences(post):
    texts = [MIXED, " ", "Fine."]
    answer = post("/predict/batch", {"texts": texts, "sentences": True}).json()
    assert [len(result["sentences"]) for result in answer["results"]] == [2, 1]
    assert list(answer["results"][0]) == ["index", *OF_TEXT, *OF_SENTENCES]
    assert [error["index"] for error in answer["errors"]] == [1]


def test_an_explanation_has_the_sentences_too(post):
    answer = post("/explain", {"text": MIXED, "sentences": True, "max_evaluations": 8}).json()
    reasons = ["base_value", "value", "unit", "complete", "evaluations", "words"]
    assert list(answer) == OF_TEXT + OF_SENTENCES + reasons
    assert len(answer["sentences"]) == 2


@pytest.mark.parametrize("option", ["neutral", "sentences"])
@pytest.mark.parametrize("value", ["true", 1, None, []])
def test_an_option_that_is_no_boolean_is_422(post, option, value):
    problem = problem_of(post("/predict", {"text": MIXED, option: value}), 422)
    assert problem["errors"][0]["pointer"] == f"#/{option}"


def test_a_lone_surrogate_of_a_sentence_is_a_replacement_character(post):
    answer = post("/predict", rb'{"text": "So good \ud83d. Fine.", "sentences": true}')
    assert [each["text"] for each in answer.json()["sentences"]] == ["So good \ufffd.", "Fine."]
