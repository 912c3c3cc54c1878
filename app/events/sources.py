"""What brings records: queues, topics, streams, buses and buckets, which differ in data alone."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.events import Event
from app.events.delivery import Arrived, Delivery, FailedRecords, Failure
from app.events.envelopes import Skipped, contents
from app.events.records import ParseText
from app.telemetry.observation import current

_logger = logging.getLogger(__name__)

Answer = Literal["each", "first", "whole"]
"""What the invoker hears of failures: each record's id, the first's, or that the event failed."""


@dataclass(frozen=True)
class Source:
    """How one source's events are told, and what it calls the records in them."""

    marks: Callable[[Event], bool]
    """Whether an event is of this source."""
    answer: Answer
    id: Callable[[Any], Any]
    """A record's id, by which failures are reported."""
    text_id: Callable[[Any], Any]
    """The id of a text that brings none of its own."""
    group: Callable[[Any], Any] = lambda record: None
    """What keeps a record's order, or None."""


def _brings(source: str) -> Callable[[Event], bool]:
    return lambda event: source_of(event) == source


def source_of(event: Event) -> str:
    """Return the first source of AWS that is named by a record of the event, or nothing."""
    records = event.get("Records")
    for record in records if isinstance(records, list) else ():
        if isinstance(record, Mapping):
            source = record.get("eventSource", record.get("EventSource"))
            if source in _OF_RECORDS:
                return str(source)
    return ""


_OF_RECORDS = ("aws:sqs", "aws:sns", "aws:kinesis", "aws:dynamodb", "aws:s3")


def _queue_group(message: Any) -> Any:
    """Return the group of a message of a FIFO queue; of others it is a tenant's, not an order's."""
    if not str(message.get("eventSourceARN", "")).endswith(".fifo"):
        return None
    return (message.get("attributes") or {}).get("MessageGroupId", "")


def _is_of_s3(event: Event) -> bool:
    on_a_bus = event.get("source") == "aws.s3" and "detail-type" in event
    return on_a_bus or source_of(event) == "aws:s3" or event.get("Event") == "s3:TestEvent"


SOURCES: Mapping[str, Source] = {
    "SQS": Source(
        _brings("aws:sqs"),
        "each",
        lambda message: message["messageId"],
        lambda message: message["messageId"],
        _queue_group,
    ),
    "SNS": Source(
        _brings("aws:sns"),
        "whole",
        lambda record: record["Sns"]["MessageId"],
        lambda record: record["Sns"]["MessageId"],
    ),
    "Kinesis": Source(
        _brings("aws:kinesis"),
        "first",
        lambda record: record["kinesis"]["sequenceNumber"],
        lambda record: record["eventID"],
        lambda record: "shard",
    ),
    "DynamoDB stream": Source(
        _brings("aws:dynamodb"),
        "first",
        lambda record: record["dynamodb"]["SequenceNumber"],
        lambda record: record["eventID"],
        lambda record: "shard",
    ),
    "S3 (directly or through EventBridge)": Source(
        _is_of_s3,
        "whole",
        lambda record: record.get("id") or record["responseElements"]["x-amz-request-id"],
        lambda record: "",
    ),
    "EventBridge": Source(
        lambda event: {"detail-type", "source", "detail"} <= event.keys(),
        "whole",
        lambda event: event["id"],
        lambda event: event["id"],
    ),
}


class Records:
    """Answers the events of one source."""

    def __init__(self, source: Source, delivery: Delivery, parse_text: ParseText) -> None:
        self._source = source
        self._delivery = delivery
        self._parse_text = parse_text

    def matches(self, event: Event) -> bool:
        return self._source.marks(event)

    def handle(self, event: Event, context: Any) -> Any:
        """Deliver what the event brings; return which records come again.

        Raises:
            FailedRecords: something failed, and the invoker cannot be told by its id.
            UnreadableObject: of the one object that there is no row can be scored.
            DoesNotFit: the one object that there is takes longer than an invocation.
        """
        records = event.get("Records")
        if not isinstance(records, list):
            records = [event]
        arrived: list[Arrived] = []
        skipped: Counter[str] = Counter()
        for record in records:
            id = _asked(self._source.id, record)
            group = _asked(self._source.group, record, None)
            for content in contents(record, _asked(self._source.text_id, record), self._parse_text):
                if isinstance(content, Skipped):
                    skipped[content.kind] += 1
                else:
                    arrived.append(Arrived(content, id, group))
        log_skipped(skipped)
        failures = self._delivery.deliver(arrived, context)
        failed = [(arrived[place].id, failures[place]) for place in sorted(failures)]
        return self._answer(failed)

    def _answer(self, failed: list[tuple[str, Failure]]) -> Any:
        # Of a record with several contents, the id counts once; an id that is none would have the
        # whole batch come again, unsaid.
        ids = list(dict.fromkeys(id for id, _ in failed))
        if self._source.answer == "whole" or "" in ids:
            if len(failed) == 1 and failed[0][1].cause:
                raise failed[0][1].cause
            if failed:
                named = ", ".join(id or "one without an id" for id in ids)
                raise FailedRecords(f"failed, with the reasons in the log: {named}")
            return None
        reported = ids[:1] if self._source.answer == "first" else ids
        return {"batchItemFailures": [{"itemIdentifier": id} for id in reported]}


def log_skipped(kinds: Mapping[str, int]) -> None:
    """Count what had nothing to score, and log a line for each kind of it."""
    current().skipped += sum(kinds.values())
    for kind, count in kinds.items():
        _logger.info("skipped %d: %s", count, kind)


def _asked(ask: Callable[[Any], Any], record: Any, default: Any = "") -> Any:
    """Return what a record says of itself, or the default where it lacks it."""
    try:
        found = ask(record)
    except (KeyError, TypeError, AttributeError):
        return default
    return found if isinstance(found, str) else default
