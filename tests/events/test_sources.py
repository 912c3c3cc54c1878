"""An event of each source, through the handler, into every sink."""

import base64
import copy
import json
from pathlib import Path

import pytest

import handler as entry
from app.events.delivery import FailedRecords, NoSink

FOLDER = Path(__file__).parent
PRAISE = "This movie was amazing and thrilling!"


def event(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text())


def sentiments(results: list[dict]) -> dict[str, str]:
    return {result["id"]: result["sentiment"] for result in results}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sqs", {"059f36b4-87a3-44ab-83d2-661970000001": "Positive", "review-17": "Negative"}),
        ("sns", {"review-18": "Positive"}),
        (
            "kinesis",
            {
                "shardId-000000000006:49590338271490256608559692538361571095921575989136588891": (
                    "Positive"
                ),
                "review-19": "Positive",
            },
        ),
        ("dynamodb-stream", {"review-20": "Positive"}),
        ("eventbridge", {"review-23": "Positive"}),
    ],
)
def test_results_of_each_source_reach_every_sink(handle, aws, name, expected):
    assert handle(event(name)) in (None, {"batchItemFailures": []})
    assert sentiments(aws.queue()) == expected
    assert sentiments(aws.bus()) == expected
    items = aws.table()
    assert {item["id"]["S"]: item["sentiment"]["S"] for item in items} == expected


def test_records_of_a_pipe_are_those_of_its_source(handle, aws):
    messages = event("sqs")["Records"]
    assert handle(messages) in (None, {"batchItemFailures": []})
    # A pipe does not nest the fields of Kinesis.
    [first, *others] = event("kinesis")["Records"]
    flat = [record["kinesis"] | record for record in (first, *others)]
    for record in flat:
        del record["kinesis"]
    assert handle(flat) == {"batchItemFailures": []}
    assert len(aws.queue()) == len(messages) + len(flat)
    # It knows records by another id than Lambda does, so a failure is one of the whole batch.
    flat[0]["data"] = "not base64"
    with pytest.raises(FailedRecords):
        handle(flat)


def test_result_has_the_prediction_and_the_metadata(handle, aws):
    handle(event("sqs"))
    result = next(result for result in aws.queue() if result["id"] == "review-17")
    assert result["metadata"] == {"product": "B00X", "stars": 1.5}
    assert result["confidence"] == result["scores"]["Negative"] > 0.9
    assert result["model"] == entry.app.state.scorer.classifier.bundle.revision
    assert result["time"].endswith("+00:00")


def test_table_item_expires(handle, aws):
    handle(event("eventbridge"))
    [item] = aws.table()
    assert float(item["expires"]["N"]) > 0
    assert item["metadata"]["M"] == {"product": {"S": "B00X"}}


def test_dynamodb_numbers_and_sets_become_json(handle, aws):
    handle(event("dynamodb-stream"))
    [result] = aws.queue()
    assert result["metadata"] == {"stars": 9, "tags": ["a", "b"]}


def messages(*bodies: str) -> dict:
    [first, _] = event("sqs")["Records"]
    return {
        "Records": [{**first, "messageId": f"m{i}", "body": body} for i, body in enumerate(bodies)]
    }


def failed(answer: dict) -> list[str]:
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def test_three_poison_messages_of_ten_fail_alone(handle, aws, caplog):
    good = [f"Review {i}: a great film." for i in range(7)]
    answer = handle(
        messages(*good[:3], '{"text": ', *good[3:5], '{"title": "x"}', "x" * 2001, *good[5:])
    )
    assert answer == {"batchItemFailures": [{"itemIdentifier": id} for id in ("m3", "m6", "m7")]}
    assert len(aws.queue()) == len(aws.table()) == len(aws.bus()) == 7
    reasons = {record.getMessage() for record in caplog.records}
    assert (
        "record m6 failed: has no text: expected a text, or an object with the field text"
        in reasons
    )
    assert "record m7 failed: text must have at most 2,000 characters, not 2,001" in reasons
    assert any(
        reason.startswith("record m3 failed: begins like a JSON object") for reason in reasons
    )


def test_repeated_delivery_is_one_item(handle, aws):
    for _ in range(2):
        handle(event("sqs"))
    assert len(aws.table()) == 2


def test_notification_inside_a_message_is_unwrapped(handle, aws):
    notification = {"Type": "Notification", "Message": json.dumps({"id": "n1", "text": PRAISE})}
    assert failed(handle(messages(json.dumps(notification)))) == []
    assert sentiments(aws.queue()) == {"n1": "Positive"}


@pytest.mark.parametrize("id", [[], True, None, 1.5])
def test_invalid_id_is_refused(handle, caplog, id):
    assert failed(handle(messages(json.dumps({"text": PRAISE, "id": id})))) == ["m0"]
    assert "has an id that is neither a text nor a whole number" in caplog.text


def test_fifo_message_does_not_overtake_a_failed_one_of_its_group(handle, aws):
    sent = messages("{", "Good.", "Good.", "Good.")
    for record, group in zip(sent["Records"], "abab", strict=True):
        record["attributes"] = {**record["attributes"], "MessageGroupId": group}
        record["eventSourceARN"] += ".fifo"
    assert failed(handle(sent)) == ["m0", "m2"]
    assert sentiments(aws.queue()) == {"m1": "Positive", "m3": "Positive"}


def test_stream_stops_at_its_first_failed_record(handle, aws, caplog):
    sent = event("kinesis")
    poison = copy.deepcopy(sent["Records"][0])
    poison["kinesis"].update(
        data=base64.b64encode(b"caf\xe9").decode(), sequenceNumber="4959033827149025660855968"
    )
    sent["Records"].insert(1, poison)
    assert failed(handle(sent)) == ["4959033827149025660855968"]
    assert list(sentiments(aws.queue())) == [sent["Records"][0]["eventID"]]
    assert "is not UTF-8 at byte 3" in caplog.text


@pytest.mark.parametrize("name", ["sns", "eventbridge"])
def test_event_that_is_retried_as_a_whole_raises(handle, name):
    sent = json.loads((FOLDER / f"{name}.json").read_text().replace(PRAISE, " "))
    with pytest.raises(FailedRecords, match="failed, with the reasons in the log"):
        handle(sent)


def test_own_results_on_a_bus_are_not_scored(handle, aws):
    handle(
        {
            **event("eventbridge"),
            "source": "sentiment",
            "detail-type": "Text Scored",
            "detail": {"id": "1"},
        }
    )
    assert aws.queue() == []


def test_records_without_a_sink_raise():
    with pytest.raises(NoSink, match="set SENTIMENT_RESULTS_QUEUE_URL"):
        entry.handler(event("sqs"), None)


def test_direct_items_are_answered_with_their_ids():
    answer = entry.handler(event("direct-items"), None)
    assert sentiments(answer["results"]) == {"a": "Positive", "b": "Negative"}
    [error] = answer["errors"]
    assert (error["id"], error["index"]) == ("c", 2)
