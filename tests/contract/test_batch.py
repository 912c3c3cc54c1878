import pytest

TEXTS = ["A joy from start to end.", "Two hours of boredom.", "A joy from start to end."]


def test_results_come_in_the_order_of_the_texts(post):
    answer = post("/predict/batch", {"texts": TEXTS})
    assert answer.status == 200
    assert [result["index"] for result in answer.json()["results"]] == [0, 1, 2]
    assert next(iter(answer.json()["results"][0])) == "index"
    sentiments = [result["sentiment"] for result in answer.json()["results"]]
    assert sentiments == ["Positive", "Negative", "Positive"]


def test_batch_and_single_predictions_agree(post):
    texts = ["Fine.", "Dreadful acting, " * 100, "I laughed, I cried, I want to see it again."]
    batch = post("/predict/batch", {"texts": texts}).json()["results"]
    for text, result in zip(texts, batch, strict=True):
        single = post("/predict", {"text": text}).json()
        assert result["scores"] == pytest.approx(single["scores"], abs=1e-3)


def test_invalid_texts_do_not_fail_the_others(post):
    answer = post("/predict/batch", {"texts": ["Lovely.", "  ", 7, None, "Awful."]})
    assert answer.status == 200
    assert [result["index"] for result in answer.json()["results"]] == [0, 4]
    problems = {error["index"]: error["problem"] for error in answer.json()["errors"]}
    assert list(problems) == [1, 2, 3]
    assert problems[1]["status"] == 422
    assert "blank" in problems[1]["detail"]
    assert problems[2]["errors"] == [
        {"pointer": "#/texts/2", "detail": "must be a string, not a number"}
    ]


def test_batch_of_512_is_scored(post):
    answer = post("/predict/batch", {"texts": [f"Number {i} is fun." for i in range(512)]})
    assert len(answer.json()["results"]) == 512


def test_batch_of_513_is_422_with_the_limit(post):
    answer = post("/predict/batch", {"texts": ["x"] * 513})
    assert answer.status == 422
    assert answer.json()["detail"] == "texts: must hold at most 512 texts, not 513."


@pytest.mark.parametrize("texts", [[], "text", None, {"0": "text"}])
def test_texts_other_than_a_non_empty_list_are_422(post, texts):
    answer = post("/predict/batch", {"texts": texts})
    assert answer.status == 422
    assert answer.json()["errors"][0]["pointer"] == "#/texts"
