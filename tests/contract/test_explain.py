import pytest

from tests.contract.test_errors import problem_of

PRAISE = "The plot is thin, but the cast is wonderful and I loved every minute."


def test_answer_has_the_prediction_and_the_documented_fields(post):
    answer = post("/explain", {"text": PRAISE})
    assert answer.status == 200
    predicted = post("/predict", {"text": PRAISE}).json()
    assert list(answer.json()) == [
        *predicted, "base_value", "value", "unit", "complete", "evaluations", "words",
    ]  # fmt: skip
    assert answer.json() | {"cached": True} == answer.json() | predicted
    assert list(answer.json()["words"][0]) == ["text", "start", "end", "weight"]


def test_base_value_and_weights_add_up_to_the_value(post):
    answer = post("/explain", {"text": PRAISE}).json()
    weights = sum(word["weight"] for word in answer["words"])
    assert answer["base_value"] + weights == pytest.approx(answer["value"], abs=1e-3)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"So good \xf0\x9f\x91\x8d twice", ["So", "good", "\U0001f44d", "twice"]),
        ("No 👎🏽 ❤️‍🔥 ★☆☆".encode(), ["No", "👎🏽", "❤️‍🔥", "★☆☆"]),
        (b"A cafe\xcc\x81 scene", ["A", "cafe\u0301", "scene"]),
        (b"One<br />two &amp; a&nbsp;half", ["One", "two", "&amp;", "a", "half"]),
    ],
    ids=["emoji", "emoji of several parts", "combining accent", "HTML"],
)
def test_offsets_refer_to_the_text_as_sent(post, body, expected):
    text = body.decode()
    words = post("/explain", {"text": text}).json()["words"]
    assert [word["text"] for word in words] == expected
    assert [text[word["start"] : word["end"]] for word in words] == expected


def test_lone_surrogate_becomes_a_replacement_character(post):
    words = post("/explain", rb'{"text": "so good \ud83d"}').json()["words"]
    assert (words[-1]["text"], words[-1]["start"], words[-1]["end"]) == ("\ufffd", 8, 9)


def test_small_budget_gives_phrases(post):
    answer = post("/explain", {"text": PRAISE, "max_evaluations": 20}).json()
    assert (answer["unit"], answer["complete"], answer["evaluations"]) == ("phrases", False, 20)
    assert len(answer["words"]) < len(PRAISE.split())


@pytest.mark.parametrize("budget", [1, "many", True, 2.5])
def test_invalid_budget_is_422(post, budget):
    problem = problem_of(post("/explain", {"text": PRAISE, "max_evaluations": budget}), 422)
    assert problem["errors"][0]["pointer"] == "#/max_evaluations"
