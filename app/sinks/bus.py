"""An EventBridge bus as a sink: an event for each document."""

from collections.abc import Mapping, Sequence

from app import aws
from app.deadline import Deadline
from app.sinks.batching import Entry, EntryFailure, Limits, Sent, send_batches
from app.sinks.results import Document, Unstorable, to_json

EVENT_SOURCE = "sentiment"
"""Source of the events, by which the function recognises its own."""


class BusSink:
    """Puts documents on a bus."""

    name = "bus"
    MAX_BYTES = 1024 * 1024
    """Size of an entry (EventBridge, "PutEvents entry size")."""
    ENVELOPE_BYTES = 1024
    """Reserved for what EventBridge adds: account, region, time, id, bus."""
    limits = Limits(entries=10, bytes=256 * 1024)
    """Older regions take 256 KB in a call and newer ones 1 MB; a larger entry is sent alone."""

    def __init__(self, bus: str) -> None:
        self._bus = bus

    def prepare(self, position: int, document: Document) -> Entry:
        """Return the event; its size counts the source, the type and the detail in UTF-8.

        EventBridge allows 1,100 levels of nesting, and `app.json_reader` far fewer.

        Raises:
            Unstorable: it is too large for an event, or JSON cannot represent it.
        """
        body = {
            "Source": EVENT_SOURCE,
            "DetailType": document.detail_type,
            "Detail": to_json(document),
        }
        size = sum(len(part.encode()) for part in body.values()) + self.ENVELOPE_BYTES
        if size > self.MAX_BYTES:
            raise Unstorable(f"has {size:,} bytes; an event holds at most {self.MAX_BYTES:,}")
        return Entry(position, body, size)

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> Sent:
        """Put the events on the bus."""
        return send_batches(entries, self.limits, self._call, deadline)

    def _call(self, batch: Sequence[Entry], deadline: Deadline) -> Mapping[int, EntryFailure]:
        events = [{"EventBusName": self._bus, **entry.body} for entry in batch]
        answer = aws.client_within("events", deadline).put_events(Entries=events)
        return {
            entry.position: EntryFailure(
                str(result["ErrorCode"]), retryable=result["ErrorCode"] not in _PERMANENT
            )
            for entry, result in zip(batch, answer["Entries"], strict=True)
            if "ErrorCode" in result
        }


_PERMANENT = ("MalformedDetail", "InvalidArgument", "NotAuthorizedForSourceException")
