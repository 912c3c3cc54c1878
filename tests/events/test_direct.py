"""Direct invocations: each item is scored or rejected by itself, with its index and id."""

import json
from contextlib import suppress

import pytest

import handler as entry
from app.events.direct import Direct
from app.events.records import InvalidRecord
from app.objects.formats import UnreadableObject
from app.objects.invocation import ObjectScorer
from app.scoring.batches import InvalidBatch
from app.scoring.options import InvalidOption
from app.scoring.scorer import Scorer
from app.settings import Settings
from app.telemetry.observation import Observation, observing

GOOD = {"id": "a", "text": "A great film."}


def invoke(event):
    answer = entry.handler(event, None)
    json.dumps(answer).encode()
    return answer


def identities(rows: list[dict]) -> list[tuple]:
    return [(row["index"], row["id"]) for row in rows]


@pytest.mark.parametrize(
    "bad",
    [
        "A text.",
        None,
        7,
        True,
        [],
        {},
        {"id": "b"},
        {"id": "b", "text": None},
        {"id": "b", "text": ["A text."]},
        {"id": "b", "text": " "},
        {"id": "b", "text": "\ud83d"},
        {"a": 1, "b": 2},
    ],
)
def test_invalid_item_does_not_affect_the_others(bad):
    answer = invoke({"Items": [GOOD, bad, GOOD]})
    assert [result["index"] for result in answer["results"]] == [0, 2]
    [error] = answer["errors"]
    assert error["index"] == 1
    assert error["problem"]["errors"][0]["pointer"].startswith("#/Items/1")


def test_numbered_row_keeps_its_number_in_the_object():
    items = [
        {"index": 41200, "row": {"id": "r-7", "text": "A great film."}},
        {"index": 41201, "row": {"text": "A dull mess."}},
        {"index": 41202, "row": None},
        {"index": 41203, "row": "A text."},
    ]
    answer = invoke({"Items": items})
    assert identities(answer["results"]) == [(41200, "r-7"), (41201, "41201")]
    assert identities(answer["errors"]) == [(41202, "41202"), (41203, "41203")]


@pytest.mark.parametrize("index", [True, "1", 1.5, None])
def test_row_with_columns_index_and_row_is_not_taken_for_a_numbered_row(index):
    answer = invoke({"Items": [GOOD, {"index": index, "row": {"text": "A text."}}]})
    assert identities(answer["errors"]) == [(1, "1")]


def test_row_without_an_id_gets_its_position_as_id():
    answer = invoke({"Items": [{"text": "Good."}, {"id": None, "text": "Good."}]})
    assert identities(answer["results"]) == [(0, "0"), (1, "1")]


@pytest.mark.parametrize("id", ["", [], True, "x" * 257, "\ud83d", "a\nb", 1.5, {"a": 1}])
def test_row_with_an_invalid_id_is_scored(id):
    assert identities(invoke({"Items": [{"id": id, "text": "Good."}]})["results"]) == [(0, "0")]


def test_column_named_text_has_priority_over_one_in_another_case():
    item = {"Text": "A dull mess.", "text": "A great film.", "TEXT": "Awful."}
    [result] = invoke({"Items": [item]})["results"]
    assert result["sentiment"] == "Positive"


@pytest.mark.parametrize("items", [None, "text", {}, [], 7])
def test_items_that_are_not_a_list_raise(items):
    with pytest.raises(InvalidBatch, match="must be an array"):
        invoke({"Items": items})


def test_batch_without_a_valid_item_raises():
    with pytest.raises(InvalidBatch, match="none of the 2 items can be scored: ") as raised:
        invoke({"Items": [{"secret": "a", "b": 1}, None]})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("named", [None, "key", {}, {"bucket": "b"}, {"bucket": 1, "key": "k"}])
def test_object_without_bucket_and_key_is_refused(named):
    with pytest.raises(UnreadableObject, match="object must be"):
        invoke({"object": named})


def test_object_of_a_skipped_kind_is_skipped():
    answer = invoke({"object": {"bucket": "b", "key": "archive/_SUCCESS"}})
    assert answer["skipped"].startswith("a job's marker or metadata file")


def test_text_with_an_id_is_answered_with_the_id():
    assert invoke(GOOD)["id"] == "a"
    with pytest.raises(InvalidRecord, match="has an id"):
        invoke({"id": "x" * 300, "text": "Good."})


@pytest.mark.parametrize(
    ("event", "rejected"),
    [
        ({"texts": ["Good.", " ", None]}, 2),
        ({"Items": [GOOD, None, {"text": " "}]}, 2),
        ({"Items": [None, {"text": " "}]}, 2),
        ({"text": " "}, 1),
        (GOOD, 0),
    ],
)
def test_rejections_are_counted(event, rejected):
    observation = Observation("")
    direct = next(source for source in entry.router.sources if source.matches(event))
    with observing(observation), suppress(ValueError):
        direct.handle(event, None)
    assert observation.rejected == rejected


def test_item_that_is_too_long_does_not_affect_the_others():
    items = [{"id": "a", "text": "Good."}, {"id": "b", "text": "Bad. " * 200_000}]
    answer = entry.handler({"Items": items}, None)
    assert [row["id"] for row in answer["results"]] == ["a"]
    assert [row["id"] for row in answer["errors"]] == ["b"]


def test_items_beyond_the_limits_of_a_batch_are_scored_in_several(native):
    text = "A film of which I remember nothing at all. " * 40
    items = [{"id": str(i), "text": text} for i in range(8)]
    settings = Settings(max_batch_characters=4 * len(text), max_batch_tokens=1000)
    direct = Direct(Scorer(native, settings), ObjectScorer(native, settings))
    answer = direct.handle({"Items": items}, None)
    assert [row["id"] for row in answer["results"]] == [str(i) for i in range(8)]


def test_item_beyond_the_limits_of_a_batch_alone_does_not_affect_the_others(native):
    long = "A film of which I remember nothing at all. " * 40
    items = [{"id": "a", "text": "Good."}, {"id": "b", "text": long}, {"id": "c", "text": "Bad."}]
    settings = Settings(max_batch_characters=100)
    direct = Direct(Scorer(native, settings), ObjectScorer(native, settings))
    answer = direct.handle({"Items": items}, None)
    assert [row["id"] for row in answer["results"]] == ["a", "c"]
    [error] = answer["errors"]
    assert error["id"] == "b"
    assert "at most 100 characters" in error["problem"]["errors"][0]["detail"]


MIXED = "The acting is superb. The plot is a mess."


@pytest.fixture
def direct(three_labels):
    def build(**settings):
        given = Settings(**settings)
        return Direct(Scorer(three_labels, given), ObjectScorer(three_labels, given))

    return build


@pytest.mark.parametrize(
    ("event", "of"),
    [
        ({"text": MIXED}, lambda answer: answer),
        ({"id": "a", "text": MIXED}, lambda answer: answer),
        ({"texts": [MIXED]}, lambda answer: answer["results"][0]),
        ({"Items": [{"id": "a", "text": MIXED}]}, lambda answer: answer["results"][0]),
    ],
)
def test_options_stand_beside_the_texts(direct, event, of):
    event = {**event, "neutral": True, "sentences": True}
    assert direct().matches(event)
    answer = of(direct().handle(event, None))
    assert list(answer["scores"]) == ["Negative", "Neutral", "Positive"]
    assert [MIXED[each["start"] : each["end"]] for each in answer["sentences"]] == [
        "The acting is superb.",
        "The plot is a mess.",
    ]
    json.dumps(answer)


def test_items_may_be_neutral_as_records_may(direct):
    event = {"Items": [{"id": "a", "text": MIXED}]}
    [result] = direct(neutral=True).handle(event, None)["results"]
    assert "Neutral" in result["scores"]
    [result] = direct(neutral=True).handle({**event, "neutral": False}, None)["results"]
    assert result["scores"].keys() == {"Negative", "Positive"}
    assert "Neutral" not in direct(neutral=True).handle({"text": MIXED}, None)["scores"]


@pytest.mark.parametrize("value", ["true", 1, None])
def test_an_option_that_is_no_boolean_raises(direct, value):
    with pytest.raises(InvalidOption, match="sentences must be true or false"):
        direct().handle({"text": MIXED, "sentences": value}, None)


def test_neutral_raises_for_a_model_of_two_labels(two_labels):
    direct = Direct(Scorer(two_labels, Settings()), ObjectScorer(two_labels, Settings()))
    with pytest.raises(InvalidOption, match="the labels Negative and Positive alone"):
        direct.handle({"text": MIXED, "neutral": True}, None)
