"""A bad record, whatever it holds, does not affect the records around it."""

import base64
import copy
import json
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.events import delivery
from tests.events.test_sources import event, failed, messages

GOOD = ('{"id": "first", "text": "Good."}', '{"id": "last", "text": "Dull."}')
POISON = {
    "half a character in the metadata": r'{"text": "a", "metadata": {"title": "so good \ud83d"}}',
    "half a character in a name": r'{"text": "a", "metadata": {"\ud83d": 1}}',
    "half a character in the id": r'{"text": "a", "id": "so good \ud83d"}',
    "300 levels": '{"text": "a", "metadata": ' + "[" * 300 + "]" * 300 + "}",
    "40 levels": '{"text": "a", "metadata": ' + "[" * 40 + "]" * 40 + "}",
    "100,000 levels": '{"text": "a", "metadata": ' + "[" * 100_000,
    "45 digits": '{"text": "a", "metadata": ' + "1" * 45 + "}",
    "5,000 digits": '{"text": "a", "metadata": ' + "1" * 5000 + "}",
    "a large number": '{"text": "a", "metadata": 1e200}',
    "a small number": '{"text": "a", "metadata": 1e-300}',
    "an empty name": '{"text": "a", "metadata": {"": 1}}',
    "a large item": '{"text": "a", "metadata": "' + "x" * 420_000 + '"}',
    "a long id": '{"text": "a", "id": "' + "x" * 900_000 + '"}',
    "the id of feedback": '{"text": "a", "id": "feedback/r-1"}',
    "a name twice": '{"text": "a", "text": "b"}',
    "no text": '{"title": "a"}',
    "a blank text": '{"text": " "}',
    "half an object": '{"text": ',
    "an array": '[{"text": "a"}]',
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_poison_message_fails_alone_and_is_not_sent(handle, aws, poison, caplog):
    assert failed(handle(messages(GOOD[0], poison, GOOD[1]))) == ["m1"]
    assert [result["id"] for result in aws.queue()] == ["first", "last"]
    assert sorted(result["id"] for result in aws.bus()) == ["first", "last"]
    assert sorted(item["id"]["S"] for item in aws.table()) == ["first", "last"]
    [reason] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert reason.startswith("record m1 failed: ")
    assert "so good" not in reason


def in_kinesis(*payloads: str) -> dict[str, Any]:
    [record, _] = event("kinesis")["Records"]
    records = []
    for number, payload in enumerate(payloads):
        one = copy.deepcopy(record)
        one["kinesis"]["data"] = base64.b64encode(payload.encode()).decode()
        one["kinesis"]["sequenceNumber"] = f"s{number}"
        records.append(one)
    return {"Records": records}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_shard_stops_at_a_poison_record_only(handle, aws, poison):
    assert failed(handle(in_kinesis(GOOD[0], poison, GOOD[1]))) == ["s1"]
    for results in (aws.queue(), aws.bus()):
        assert [result["id"] for result in results] == ["first"]
    assert [item["id"]["S"] for item in aws.table()] == ["first"]


BROKEN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no body": lambda record: record.pop("body"),
    "a body that is none": lambda record: record.update(body=None),
    "no attributes": lambda record: record.pop("attributes"),
    "attributes that are none": lambda record: record.update(attributes=None),
    "no source": lambda record: record.pop("eventSource"),
    "another source": lambda record: record.update(eventSource="aws:else"),
    "a record of SNS without its message": lambda record: record.update(eventSource="aws:sns"),
    "a record of S3 without its object": lambda record: record.update(eventSource="aws:s3"),
    "a change without its item": lambda record: record.update(eventSource="aws:dynamodb"),
    "nothing": lambda record: record.clear(),
}


@pytest.mark.parametrize("fifo", [True, False], ids=["fifo", "standard"])
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_incomplete_record_does_not_affect_the_others(handle, aws, broken, fifo):
    sent = messages(GOOD[0], "x", GOOD[1])
    for record in sent["Records"]:
        record["eventSourceARN"] += ".fifo" if fifo else ""
        record["attributes"] = {"MessageGroupId": record["messageId"]}
    record = sent["Records"][1]
    broken(record)
    try:
        reported = failed(handle(sent))
    except Exception as error:
        # Lambda identifies a record only by its id.
        assert "messageId" not in record, error
    else:
        assert reported in ([], ["m1"])
    assert {result["id"] for result in aws.queue()} >= {"first", "last"}


def test_invalid_records_do_not_affect_the_others(handle, aws):
    sent = messages(*GOOD)
    sent["Records"][1:1] = [None, 7, "secret", []]
    with pytest.raises(Exception, match="one without an id"):
        handle(sent)
    assert [result["id"] for result in aws.queue()] == ["first", "last"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**36, max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1e200, 1e-300, 10**125, 10**126, 10**400, -(10**400)])
    | st.text()
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=30,
)


@pytest.mark.property
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(metadata=JSON, id=JSON | st.just("absent"))
def test_any_metadata_is_returned_or_fails_alone(handle, aws, metadata, id):
    carried = json.dumps({"text": "A film.", "id": id, "metadata": metadata})
    lost = failed(handle(messages(GOOD[0], carried, GOOD[1])))
    assert lost in ([], ["m1"])
    results = aws.queue()
    if lost:
        assert [result["id"] for result in results] == ["first", "last"]
    else:
        assert [result["id"] for result in results] == ["first", str(id), "last"]
        assert results[1]["metadata"] == metadata
    assert len(aws.bus()) == len(results)


def test_stream_numbers_keep_38_digits(handle, aws):
    sent = event("dynamodb-stream")
    image = sent["Records"][0]["dynamodb"]["NewImage"]
    digits = "1234567890.1234567890123456789012345678"
    image["metadata"] = {
        "M": {"n": {"N": digits}, "b": {"B": "AP8="}, "ns": {"NS": ["2", "1.5"]}, "e": {"M": {}}}
    }
    assert failed(handle(sent)) == []
    [item] = aws.table()
    assert item["metadata"]["M"]["n"] == {"N": digits}
    assert item["metadata"]["M"]["b"] == {"B": b"\x00\xff"}
    assert sorted(item["metadata"]["M"]["ns"]["NS"]) == ["1.5", "2"]


def test_queue_gets_all_38_digits_of_a_stream(handle, aws, monkeypatch):
    sent = event("dynamodb-stream")
    digits = "0.12345678901234567890123456789012345678"
    sent["Records"][0]["dynamodb"]["NewImage"]["metadata"] = {"N": digits}
    loads = json.loads
    monkeypatch.setattr(
        "tests.events.conftest.json.loads", lambda body: loads(body, parse_float=Decimal)
    )
    handle(sent)
    assert [result["metadata"] for result in aws.queue()] == [Decimal(digits)]


def test_records_not_scored_in_time_are_retried_and_the_rest_delivered(handle, aws, monkeypatch):
    monkeypatch.setattr(delivery, "PASS_CHARACTERS", 1)
    monkeypatch.setattr(delivery, "SINKS_SHARE", 1.0)  # so that no time is left after one pass
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)
    answer = handle(messages("Good.", "A great film.", "A dull film."), context)
    assert failed(answer) == ["m1", "m2"]
    assert [result["id"] for result in aws.queue()] == ["m0"]
