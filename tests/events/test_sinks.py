"""Sinks that fail at times, through the handler: nothing is lost or stored twice."""

from collections import Counter
from types import SimpleNamespace

import botocore.client
import pytest
from botocore.exceptions import ClientError

from tests.events.test_sources import failed, messages


@pytest.fixture
def calls(monkeypatch):
    """Counts calls by operation; ``fail`` maps an operation and a number to an error code."""
    make = botocore.client.BaseClient._make_api_call

    counted = SimpleNamespace(made=Counter(), fail={})

    def call(self, operation, arguments):
        counted.made[operation] += 1
        if code := counted.fail.get((operation, counted.made[operation])):
            error = {"Code": code, "Message": "no"}
            answer = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}
            raise ClientError(answer, operation)
        return make(self, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return counted


HUNDRED = messages(*(f"Review {i}: a great film." for i in range(100)))


def test_failed_call_fails_its_records_until_their_retry(handle, aws, calls, caplog):
    calls.fail = {("BatchWriteItem", 2): "ThrottlingException"}
    lost = failed(handle(HUNDRED))
    assert lost == [f"m{i}" for i in range(25, 50)]
    reason = "record m25 failed: table: BatchWriteItem was answered ThrottlingException"
    assert reason in caplog.text
    calls.fail = {}
    again = [record for record in HUNDRED["Records"] if record["messageId"] in lost]
    assert failed(handle({"Records": again})) == []
    assert sorted(item["id"]["S"] for item in aws.table()) == sorted(f"m{i}" for i in range(100))


def test_record_that_fails_in_one_sink_is_not_sent_to_the_next(handle, aws, calls):
    calls.fail = {("BatchWriteItem", 1): "ThrottlingException"}
    assert failed(handle(messages("Good."))) == ["m0"]
    assert (len(aws.queue()), len(aws.table()), len(aws.bus())) == (1, 0, 0)


def test_service_that_rejects_every_call_is_called_once(handle, aws, calls):
    calls.fail = {("SendMessageBatch", 1): "AccessDenied"}
    assert len(failed(handle(HUNDRED))) == 100
    assert calls.made == {"SendMessageBatch": 1}


def test_item_that_exceeds_a_limit_of_the_table_fails_alone(handle, aws):
    big = '{"text": "Good.", "metadata": "%s"}'
    sent = messages(big % "x", big % ("x" * 500_000), "Good.")
    assert failed(handle(sent)) == ["m1"]
    assert len(aws.table()) == 2


def test_rejected_batch_is_sent_entry_by_entry(handle, aws, calls):
    calls.fail = {("BatchWriteItem", n): "ValidationException" for n in (1, 3)}
    assert failed(handle(messages("Good.", "Fine.", "Great."))) == ["m1"]
    assert len(aws.table()) == 2


def test_calls_stay_within_the_limits_of_each_service(handle, calls):
    handle(HUNDRED)
    assert calls.made == {"SendMessageBatch": 10, "BatchWriteItem": 4, "PutEvents": 10}


def test_last_result_of_an_id_stays(handle, aws):
    same = ['{"id": "a", "text": "A great film."}', '{"id": "a", "text": "A dull mess."}']
    assert failed(handle(messages(*same))) == []
    [item] = aws.table()
    assert item["sentiment"]["S"] == "Negative"
