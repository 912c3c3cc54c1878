"""Where results and feedback go: a queue, a table, a bus of events, each by its setting."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from app.settings import Settings

EVENT_SOURCE = "sentiment"
"""The source of the events that the bus gets, and by which the function knows its own."""
ATTEMPTS = 5
"""How often an entry is sent before it counts as failed."""
FIRST_PAUSE = 0.1
"""Seconds, at most, before the second attempt; each further pause may be twice as long."""

Failures = dict[int, str]
"""Why results were not written, by their place among those given."""


class Kept(BaseModel):
    """What a sink gets."""

    model_config = ConfigDict(frozen=True)
    detail_type: ClassVar[str]
    """What it is called on the bus."""

    id: str


class Result(Kept):
    """What was found of a record."""

    detail_type: ClassVar[str] = "Text Scored"

    sentiment: str
    confidence: float
    scores: dict[str, float]
    model: str
    time: str
    """When it was scored, UTC, ISO 8601."""
    metadata: Any = None


class Feedback(Kept):
    """What someone said of a prediction; of several words on one prediction the last stays."""

    detail_type: ClassVar[str] = "Feedback Given"

    prediction: str
    """The id of the prediction."""
    sentiment: str
    """What would have been right."""
    note: str | None = None
    time: str
    """When it was said, UTC, ISO 8601."""


class Sink(Protocol):
    """A place for results."""

    name: str

    def write(self, results: Sequence[Kept]) -> Failures:
        """Write the results; return those that were not written."""
        ...


class Entry(NamedTuple):
    """A result as a service takes it."""

    place: int
    """Its place among the results given."""
    body: Any
    size: int
    """In bytes."""


class Limits(NamedTuple):
    """What a service takes in one call."""

    entries: int
    entry_bytes: int
    batch_bytes: int


class Failure(NamedTuple):
    """Why an entry was not taken, and whether it may be another time."""

    reason: str
    passing: bool


Send = Callable[[Sequence[Entry]], Mapping[int, Failure]]
"""Sends entries in one call; returns those that failed, by their place."""


def write_batches(entries: Sequence[Entry], limits: Limits, send: Send) -> Failures:
    """Send the entries in batches within the limits; send again those that may yet be taken.

    Pauses double and are cut at random (full jitter), so that functions that were throttled
    together do not come back together.
    """
    failures = {
        entry.place: f"the result has {entry.size:,} bytes, more than {limits.entry_bytes:,}"
        for entry in entries
        if entry.size > limits.entry_bytes
    }
    waiting = [entry for entry in entries if entry.place not in failures]
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(random.uniform(0, FIRST_PAUSE * 2 ** (attempt - 1)))
        failed: dict[int, Failure] = {}
        for batch in _batches(waiting, limits):
            failed.update(_attempt(send, batch))
        for entry in waiting:
            failures.pop(entry.place, None)
        failures.update({place: failure.reason for place, failure in failed.items()})
        waiting = [e for e in waiting if e.place in failed and failed[e.place].passing]
        if not waiting:
            break
    return failures


def _attempt(send: Send, batch: Sequence[Entry]) -> Mapping[int, Failure]:
    """Send a batch; where the service refuses it for one entry, send each by itself."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return send(batch)
    except BotoCoreError as error:
        failure = Failure(type(error).__name__, passing=True)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        code = error.response["Error"]["Code"]
        passing = status >= 500 or any(word in code for word in ("Throttl", "Throughput", "Limit"))
        if not passing and len(batch) > 1:
            return {place: found for e in batch for place, found in _attempt(send, [e]).items()}
        failure = Failure(code, passing)  # the message may quote the result
    return {entry.place: failure for entry in batch}


def _batches(entries: Sequence[Entry], limits: Limits) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        if batch and (len(batch) == limits.entries or size + entry.size > limits.batch_bytes):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


class QueueSink:
    """An SQS queue: a message a result."""

    name = "queue"
    limits = Limits(entries=10, entry_bytes=1024 * 1024, batch_bytes=1024 * 1024)

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def _client(self) -> Any:
        import boto3

        return boto3.client("sqs")

    def write(self, results: Sequence[Kept]) -> Failures:
        bodies = [result.model_dump_json() for result in results]
        entries = [Entry(i, body, len(body.encode())) for i, body in enumerate(bodies)]
        return write_batches(entries, self.limits, self._send)

    def _send(self, batch: Sequence[Entry]) -> Mapping[int, Failure]:
        messages = [{"Id": str(entry.place), "MessageBody": entry.body} for entry in batch]
        answer = self._client.send_message_batch(QueueUrl=self._url, Entries=messages)
        return {
            int(failed["Id"]): Failure(failed["Code"], passing=not failed["SenderFault"])
            for failed in answer.get("Failed", ())
        }


class TableSink:
    """A DynamoDB table keyed by ``id``: the same record delivered twice is the same item."""

    name = "table"
    limits = Limits(entries=25, entry_bytes=400 * 1024, batch_bytes=16 * 1024 * 1024)

    def __init__(self, table: str, ttl_days: int) -> None:
        self._table = table
        self._ttl_seconds = ttl_days * 86400

    @cached_property
    def _client(self) -> Any:
        import boto3

        return boto3.client("dynamodb")

    def write(self, results: Sequence[Kept]) -> Failures:
        # One batch may not name a key twice; of results of one id the last stays.
        last = {result.id: i for i, result in enumerate(results)}
        entries = [Entry(i, *self._item(results[i])) for i in last.values()]
        failures = write_batches(entries, self.limits, self._send)
        return {
            i: failures[last[result.id]]
            for i, result in enumerate(results)
            if last[result.id] in failures
        }

    def _item(self, result: Kept) -> tuple[dict[str, Any], int]:
        from boto3.dynamodb.types import TypeSerializer

        written = result.model_dump_json(exclude_none=True)
        fields = json.loads(written, parse_float=Decimal)
        fields["expires"] = int(time.time()) + self._ttl_seconds
        serialise = TypeSerializer().serialize
        return {name: serialise(value) for name, value in fields.items()}, len(written.encode())

    def _send(self, batch: Sequence[Entry]) -> Mapping[int, Failure]:
        puts = [{"PutRequest": {"Item": entry.body}} for entry in batch]
        answer = self._client.batch_write_item(RequestItems={self._table: puts})
        left = [
            request["PutRequest"]["Item"]["id"]
            for request in answer.get("UnprocessedItems", {}).get(self._table, ())
        ]
        return {
            entry.place: Failure("unprocessed", passing=True)
            for entry in batch
            if entry.body["id"] in left
        }


class BusSink:
    """An EventBridge bus: an event a result."""

    name = "bus"
    limits = Limits(entries=10, entry_bytes=1024 * 1024, batch_bytes=256 * 1024)
    """Of a call, older regions take 256 KB and newer ones 1 MB; a larger entry goes alone."""

    def __init__(self, bus: str) -> None:
        self._bus = bus

    @cached_property
    def _client(self) -> Any:
        import boto3

        return boto3.client("events")

    def write(self, results: Sequence[Kept]) -> Failures:
        entries = []
        for i, result in enumerate(results):
            body = {"DetailType": result.detail_type, "Detail": result.model_dump_json()}
            size = len(EVENT_SOURCE) + sum(len(part.encode()) for part in body.values())
            entries.append(Entry(i, body, size))
        return write_batches(entries, self.limits, self._send)

    def _send(self, batch: Sequence[Entry]) -> Mapping[int, Failure]:
        events = [
            {"Source": EVENT_SOURCE, "EventBusName": self._bus, **entry.body} for entry in batch
        ]
        answer = self._client.put_events(Entries=events)
        return {
            entry.place: Failure(found["ErrorCode"], passing=True)
            for entry, found in zip(batch, answer["Entries"], strict=True)
            if "ErrorCode" in found
        }


def switched_on(settings: Settings) -> list[Sink]:
    """Return the sinks that the settings name."""
    found: list[Sink] = []
    if settings.results_queue_url:
        found.append(QueueSink(settings.results_queue_url))
    if settings.results_table:
        found.append(TableSink(settings.results_table, settings.results_ttl_days))
    if settings.results_bus:
        found.append(BusSink(settings.results_bus))
    return found
