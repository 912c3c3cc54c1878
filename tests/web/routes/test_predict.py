"""Options of a request, with a model that knows Neutral and with one that does not."""

import pytest

from tests.web.client import client

PLAIN = {"text": "It lasts two hours."}


@pytest.fixture(scope="module")
def knowing(three_label_bundle):
    return client(model_dir=three_label_bundle)


@pytest.fixture(scope="module")
def ignorant(two_label_bundle):
    return client(model_dir=two_label_bundle)


def test_neutral_adds_the_third_outcome_and_the_score(knowing):
    answer = knowing.post("/predict", json={**PLAIN, "neutral": True}).json()
    assert list(answer["scores"]) == ["Negative", "Neutral", "Positive"]
    assert answer["confidence"] == answer["scores"][answer["sentiment"]]
    assert "sentences" not in answer


def test_without_neutral_there_are_two_outcomes(knowing):
    answer = knowing.post("/predict", json=PLAIN).json()
    assert list(answer["scores"]) == ["Negative", "Positive"]
    assert "score" not in answer
    answer = knowing.post("/predict", json={**PLAIN, "sentences": True}).json()
    assert list(answer["sentences"][0]["scores"]) == ["Negative", "Positive"]


@pytest.mark.parametrize(
    ("path", "body"),
    [("/predict", PLAIN), ("/explain", PLAIN), ("/predict/batch", {"texts": ["Good."]})],
)
def test_a_model_of_two_labels_says_so(ignorant, path, body):
    answer = ignorant.post(path, json={**body, "neutral": True})
    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert fault["pointer"] == "#/neutral"
    assert fault["detail"] == "the model has the labels Negative and Positive alone"


def test_neutral_texts_are_counted_and_logged(knowing, lines):
    answer = knowing.post("/predict", json={**PLAIN, "neutral": True}).json()
    [line] = lines()
    assert line["predictions"][0]["sentiment"] == answer["sentiment"]
    counts = {
        name.title(): line.get(f"predictions_{name}", 0)
        for name in ("negative", "neutral", "positive")
    }
    assert counts == {**dict.fromkeys(counts, 0), answer["sentiment"]: 1}
    assert line["confidence"] == answer["confidence"]
