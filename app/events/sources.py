"""The sources of records: queues, topics, streams, tables, buckets and buses of AWS."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

from app import sinks
from app.events import Event, Source, skipped
from app.events.delivery import Delivery, FailedRecords, Failure, Item
from app.events.direct import Direct
from app.events.envelopes import Skipped, contents
from app.events.records import ParseText
from app.objects.invocation import ObjectScorer
from app.scoring.configuration import text_limits
from app.scoring.options import Options
from app.scoring.scorer import Scorer
from app.sentiment.text import Text


def load(scorer: Scorer) -> list[Source]:
    """Return the sources of all events that are not HTTP."""
    classifier, settings = scorer.classifier, scorer.settings
    objects = ObjectScorer(classifier, settings)
    delivery = Delivery(
        classifier, sinks.load(settings), objects, Options(neutral=settings.neutral)
    )
    limits = text_limits(settings)

    def parse_text(value: object) -> Text:
        return classifier.parse(value, limits)

    return [Direct(scorer, objects), *record_sources(delivery, parse_text)]


@dataclass(frozen=True)
class RecordSource:
    """A source whose events consist of records, or are one record."""

    observes_itself: ClassVar[bool] = False

    name: str
    shape: str
    matches: Callable[[Event], bool]
    retries: Literal["each", "first", "event"]
    """What the invoker retries after a failure: each record that failed, all from the first one, or
    the whole event."""
    id: Callable[[Any], Any]
    """Returns the id of a record, by which its failure is reported."""
    delivery: Delivery
    parse_text: ParseText
    text_id: Callable[[Any], Any] | None = None
    """Returns the id for a text that has none; by default that of its record."""
    group: Callable[[Any], Any] = lambda record: None
    """Returns the group within which the order of records is kept, or None."""

    def handle(self, event: Event, context: Any) -> Any:
        """Deliver the records of an event; return the ids of those to retry.

        Raises:
            FailedRecords: a record failed, and the whole event must be retried.
            UnreadableObject: the event is of one object, and no row of it can be scored.
            DoesNotFit: the event is of one object, which takes longer than an invocation.
        """
        records = event.get("Records")
        if not isinstance(records, list):
            records = [event]
        items: list[Item] = []
        skipped_kinds: Counter[str] = Counter()
        for record in records:
            id = _string(self.id, record) or ""
            text_id = (_string(self.text_id, record) or "") if self.text_id else id
            group = _string(self.group, record)
            for content in contents(record, text_id, self.parse_text):
                if isinstance(content, Skipped):
                    skipped_kinds[content.kind] += 1
                else:
                    items.append(Item(content, id, group))
        skipped.log(skipped_kinds)
        failures = self.delivery.deliver(items, context)
        return self._answer([(items[index].id, failures[index]) for index in sorted(failures)])

    def _answer(self, failed: list[tuple[str, Failure]]) -> Any:
        # A record with several texts is reported once. A failed record without an id fails the
        # whole event: with an invalid `itemIdentifier`, Lambda would retry all without an error.
        ids = list(dict.fromkeys(id for id, _ in failed))
        if self.retries == "event" or "" in ids:
            if len(failed) == 1 and failed[0][1].cause:
                raise failed[0][1].cause
            if failed:
                names = ", ".join(id or "one without an id" for id in ids)
                raise FailedRecords(f"failed, with the reasons in the log: {names}")
            return None
        reported = ids[:1] if self.retries == "first" else ids
        return {"batchItemFailures": [{"itemIdentifier": id} for id in reported]}


def _string(get: Callable[[Any], Any], record: Any) -> str | None:
    """Return what ``get`` returns of a record, or None if that is missing or no string."""
    try:
        value = get(record)
    except (KeyError, TypeError, AttributeError):
        return None
    return value if isinstance(value, str) else None


def record_sources(delivery: Delivery, parse_text: ParseText) -> list[RecordSource]:
    """Return the sources of records; the first that matches an event handles it."""
    source = partial(RecordSource, delivery=delivery, parse_text=parse_text)
    return [
        source(
            name="SQS",
            shape="records of aws:sqs",
            matches=_has_records_of("aws:sqs"),
            retries="each",
            id=lambda message: message["messageId"],
            group=_message_group,
        ),
        source(
            name="SNS",
            shape="records of aws:sns",
            matches=_has_records_of("aws:sns"),
            retries="event",
            id=lambda record: record["Sns"]["MessageId"],
        ),
        source(
            name="Kinesis",
            shape="records of aws:kinesis",
            matches=_has_records_of("aws:kinesis"),
            retries="first",
            id=lambda record: record["kinesis"]["sequenceNumber"],
            text_id=lambda record: record["eventID"],
            group=lambda record: "shard",
        ),
        source(
            name="DynamoDB",
            shape="records of aws:dynamodb",
            matches=_has_records_of("aws:dynamodb"),
            retries="first",
            id=lambda record: record["dynamodb"]["SequenceNumber"],
            text_id=lambda record: record["eventID"],
            group=lambda record: "shard",
        ),
        source(
            name="S3",
            shape="records of aws:s3, or an EventBridge event of aws.s3",
            matches=_is_of_s3,
            retries="event",
            id=lambda record: record.get("id") or record["responseElements"]["x-amz-request-id"],
            text_id=lambda record: "",
        ),
        source(
            name="EventBridge",
            shape="source, detail-type and detail",
            matches=lambda event: {"detail-type", "source", "detail"} <= event.keys(),
            retries="event",
            id=lambda event: event["id"],
        ),
    ]


def _has_records_of(service: str) -> Callable[[Event], bool]:
    return lambda event: _service(event) == service


_SERVICES = ("aws:sqs", "aws:sns", "aws:kinesis", "aws:dynamodb", "aws:s3")


def _service(event: Event) -> str:
    """Return the AWS service that the records of an event are from, or nothing."""
    records = event.get("Records")
    for record in records if isinstance(records, list) else ():
        if isinstance(record, Mapping):
            service = record.get("eventSource", record.get("EventSource"))
            if service in _SERVICES:
                return str(service)
    return ""


def _message_group(message: Any) -> Any:
    """Return the group of a message in a FIFO queue; in a standard queue, groups have no order."""
    if not str(message.get("eventSourceARN", "")).endswith(".fifo"):
        return None
    return (message.get("attributes") or {}).get("MessageGroupId", "")


def _is_of_s3(event: Event) -> bool:
    is_on_bus = event.get("source") == "aws.s3" and "detail-type" in event
    return is_on_bus or _service(event) == "aws:s3" or event.get("Event") == "s3:TestEvent"
