"""Feedback and the sinks that store it."""

import json

import pytest

from app.telemetry.privacy import pseudonym
from tests.access.test_keys import entry
from tests.events.conftest import aws  # noqa: F401
from tests.web.client import client

SINKS = {"results_table": "results", "results_bus": "results"}


@pytest.fixture
def caller(aws):  # noqa: F811
    return client(results_queue_url=aws.queue_url, **SINKS)


def say(caller, **fields):
    return caller.post("/feedback", json={"prediction": "r-1", "sentiment": "Negative", **fields})


def test_feedback_is_stored_in_every_sink(caller, aws):  # noqa: F811
    answer = say(caller, note="Irony.")
    assert answer.status_code == 201
    assert answer.json() == {
        "id": "feedback/r-1",
        "prediction": "r-1",
        "sentiment": "Negative",
    }
    for kept in (*aws.queue(), *aws.bus()):
        assert (kept["prediction"], kept["sentiment"], kept["note"]) == (
            "r-1",
            "Negative",
            "Irony.",
        )
    [item] = aws.table()
    assert item["id"]["S"] == "feedback/r-1"
    assert float(item["expires"]["N"]) > 1.7e9


def test_feedback_names_a_prediction_by_its_correlation_id(caller, aws):  # noqa: F811
    answer = caller.post("/predict", json={"text": "Well, that was great."})
    assert say(caller, prediction=answer.headers["x-correlation-id"]).status_code == 201


def test_feedback_names_a_text_of_a_batch_by_its_index(caller):
    assert say(caller, prediction="Root=1-67891233-abcdef012345678912345678#3").status_code == 201


def test_later_feedback_replaces_earlier(caller, aws):  # noqa: F811
    say(caller, sentiment="Negative")
    say(caller, sentiment="Positive")
    [item] = aws.table()
    assert item["sentiment"]["S"] == "Positive"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"prediction": ""}, "#/prediction"),
        ({"prediction": "a b"}, "#/prediction"),
        ({"prediction": 7}, "#/prediction"),
        ({"sentiment": "Mixed"}, "#/sentiment"),
        ({"note": "long" * 300}, "#/note"),
    ],
)
def test_invalid_feedback_is_422_with_the_field(caller, fields, pointer):
    answer = say(caller, **fields)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


def test_neutral_is_right_only_for_a_model_that_knows_it(
    aws,  # noqa: F811
    two_label_bundle,
    three_label_bundle,
):
    refused = say(client(model_dir=two_label_bundle, **SINKS), sentiment="Neutral")
    assert refused.status_code == 422
    [fault] = refused.json()["errors"]
    assert fault == {
        "pointer": "#/sentiment",
        "detail": "the model has the labels Negative and Positive alone",
    }
    stored = say(client(model_dir=three_label_bundle, **SINKS), sentiment="Neutral")
    assert stored.status_code == 201
    assert stored.json()["sentiment"] == "Neutral"


def test_feedback_without_a_sink_is_501_with_the_settings():
    answer = say(client())
    assert answer.status_code == 501
    assert answer.headers["content-type"] == "application/problem+json"
    assert "SENTIMENT_RESULTS_TABLE" in answer.json()["detail"]


def test_feedback_that_a_sink_rejects_is_503_with_retry_after(caller):
    caller.app.state.sinks[1]._table = "gone"
    answer = say(caller)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_reason_why_feedback_was_not_stored_is_logged(caller, lines):
    caller.app.state.sinks[1]._table = "gone"
    say(caller, note="Zyzzyva quokkas")
    [line] = [line for line in lines() if line["message"] == "feedback was not stored"]
    assert line["level"] == "ERROR"
    assert "ResourceNotFound" in line["reason"]
    assert "Zyzzyva" not in json.dumps(line)


def test_feedback_needs_an_api_key():
    assert say(client(api_keys=entry("shop", "sk_shop"))).status_code == 401


def test_feedback_is_logged_without_its_note(caller, lines):
    say(caller, note="Zyzzyva quokkas")
    [line] = lines()
    assert line["feedback_on"] == {"prediction": pseudonym("r-1"), "right": "Negative"}
    assert line["feedback"] == 1
    assert "Zyzzyva" not in json.dumps(line)
