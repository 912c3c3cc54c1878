"""Entries sent to a service that fails on purpose: the HTTP calls below botocore."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from app import aws
from app.deadline import Deadline
from app.sinks import batching, write
from app.sinks.bus import BusSink
from app.sinks.queue import QueueSink
from app.sinks.table import TableSink
from tests.sinks.test_results import result

QUEUE, TABLE, BUS = QueueSink("http://127.0.0.1/1/results"), TableSink("results", 90), BusSink("b")
OPERATIONS = {"queue": "SendMessageBatch", "table": "BatchWriteItem", "bus": "PutEvents"}
Answer = tuple[int, dict[str, Any]]


def throttled(call: Any) -> Answer:
    return 400, {"__type": "ThrottlingException", "message": "secret"}


def taken(call: Any) -> Answer:
    return 200, {
        "SendMessageBatch": {"Successful": [], "Failed": []},
        "BatchWriteItem": {"UnprocessedItems": {}},
        "PutEvents": {"Entries": [{"EventId": "1"} for _ in call.sent.get("Entries", ())]},
    }[call.operation]


@pytest.fixture
def service(monkeypatch) -> Iterator[SimpleNamespace]:
    """A local service: ``calls`` lists its calls, and ``answer`` returns an answer or None."""
    service = SimpleNamespace(calls=[], answer=taken)
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            operation = self.headers["x-amz-target"].rpartition(".")[2]
            call = SimpleNamespace(operation=operation, sent=json.loads(body))
            service.calls.append(call)
            answer = service.answer(call)
            if answer is None:
                over.wait()
                return
            status, fields = answer
            written = json.dumps(fields).encode()
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.0")
            self.send_header("content-length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(batching, "FIRST_PAUSE", 0.001)
    # No random pauses between the retries of botocore.
    monkeypatch.setattr("botocore.retries.standard.random.random", lambda: 0.0)
    aws.client.cache_clear()
    yield service
    over.set()
    server.shutdown()
    server.server_close()
    aws.client.cache_clear()


def send(sink: Any, count: int = 1, seconds: float = 60) -> dict[int, str]:
    return write([sink], [result(None, str(i)) for i in range(count)], Deadline(seconds))


@pytest.mark.parametrize("sink", [QUEUE, TABLE, BUS], ids=lambda sink: sink.name)
def test_throttled_call_is_made_three_times(service, sink):
    service.answer = throttled
    assert send(sink) == {
        0: f"{sink.name}: {OPERATIONS[sink.name]} was answered ThrottlingException"
    }
    assert len(service.calls) == aws.DEFAULT_POLICY.attempts == 3


@pytest.mark.parametrize("sink", [QUEUE, TABLE, BUS], ids=lambda sink: sink.name)
def test_call_throttled_once_is_repeated(service, sink):
    service.answer = lambda call: (throttled if len(service.calls) == 1 else taken)(call)
    assert send(sink) == {}
    assert len(service.calls) == 2


def test_unavailable_service_gets_one_batch_of_many(service):
    service.answer = lambda call: (500, {"__type": "InternalServerError"})
    assert len(send(TABLE, 100)) == 100
    assert len(service.calls) == 3 * 4  # it answers, so that each of the four batches is tried
    service.calls.clear()
    service.answer = lambda call: (400, {"__type": "ResourceNotFoundException"})
    assert len(send(TABLE, 100)) == 100
    assert len(service.calls) == 1


def left_out(count: Callable[[int], bool]) -> Callable[[Any], Answer]:
    """Answer that the items are unprocessed for whose id ``count`` is true."""

    def answer(call: Any) -> Answer:
        puts = call.sent["RequestItems"]["results"]
        left = [put for put in puts if count(int(put["PutRequest"]["Item"]["id"]["S"]))]
        return 200, {"UnprocessedItems": {"results": left} if left else {}}

    return answer


def test_unprocessed_items_are_sent_again(service):
    service.answer = lambda call: (
        left_out(lambda id: id % 2 == 1)(call) if len(service.calls) == 1 else taken(call)
    )
    assert send(TABLE, 10) == {}
    assert [len(call.sent["RequestItems"]["results"]) for call in service.calls] == [10, 5]


def test_item_that_is_never_processed_fails_alone_after_five_attempts(service):
    service.answer = left_out(lambda id: id == 3)
    assert send(TABLE, 10) == {3: "table: the table has no capacity left for it"}
    assert len(service.calls) == batching.ATTEMPTS == 5


def test_message_with_a_sender_fault_is_not_sent_again(service):
    failed = {"Id": "1", "SenderFault": True, "Code": "InvalidMessageContents", "Message": "secret"}
    service.answer = lambda call: (200, {"Successful": [], "Failed": [failed]})
    assert send(QUEUE, 3) == {1: "queue: InvalidMessageContents"}
    assert len(service.calls) == 1


def test_rejected_batch_is_sent_entry_by_entry(service):
    def answer(call: Any) -> Answer:
        ids = [json.loads(entry["MessageBody"])["id"] for entry in call.sent["Entries"]]
        if "3" in ids:
            return 400, {"__type": "InvalidMessageContents", "message": "secret"}
        return taken(call)

    service.answer = answer
    assert send(QUEUE, 10) == {3: "queue: SendMessageBatch was answered InvalidMessageContents"}
    assert len(service.calls) == 11


def test_service_that_never_answers_takes_no_longer_than_the_deadline(service):
    service.answer = lambda call: None
    started = time.monotonic()
    failures = write([QUEUE, TABLE, BUS], [result(None, str(i)) for i in range(100)], Deadline(3.5))
    assert time.monotonic() - started < 3.5 + 1
    assert set(failures) == set(range(100))
    assert "there was no answer: ReadTimeoutError" in failures[0]
    assert len(service.calls) == 1


def test_nothing_is_sent_after_the_deadline(service):
    assert send(QUEUE, 3, seconds=1) == dict.fromkeys(
        range(3), "queue: no time was left to send it"
    )
    assert service.calls == []


@pytest.mark.parametrize("seconds", [3, 10, 25, 60, 900])
def test_request_with_its_retries_ends_before_the_deadline(service, seconds):
    made = aws.client_within("sqs", Deadline(seconds + 0.1)).meta.config
    calls = made.retries["total_max_attempts"]
    waits = sum(2**retry + 5 for retry in range(calls - 1))
    assert calls * (made.connect_timeout + made.read_timeout) + waits <= seconds


def test_entry_of_an_unsupported_type_fails_alone(service):
    results = [result(None, "a"), result("\ud83d", "b"), result(None, "c")]
    failures = write([QUEUE, TABLE, BUS], results, Deadline(60))
    assert list(failures) == [1]
    assert "lone surrogate" in failures[1]
    assert [len(call.sent.get("Entries", "ab")) for call in service.calls] == [2, 2, 2]
