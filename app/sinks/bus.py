"""An EventBridge bus as a sink: an event a result."""

from collections.abc import Mapping, Sequence

from app import aws
from app.deadline import Deadline
from app.sinks.batching import Entry, Failure, Limits, Sent, send_batches
from app.sinks.results import Kept, Unfit, to_json

EVENT_SOURCE = "sentiment"
"""The source of the events that the bus gets, and by which the function knows its own."""


class BusSink:
    """Puts results on a bus."""

    name = "bus"
    MAX_BYTES = 1024 * 1024
    """Of an entry (EventBridge, "PutEvents entry size")."""
    ENVELOPE_BYTES = 1024
    """Kept free for what EventBridge adds: the account, the region, a time, an id, the bus."""
    limits = Limits(entries=10, bytes=256 * 1024)
    """Of a call, older regions take 256 KB and newer ones 1 MB; a larger entry goes alone."""

    def __init__(self, bus: str) -> None:
        self._bus = bus

    def prepare(self, place: int, kept: Kept) -> Entry:
        """Return the event; its size counts the source, the type and the detail in UTF-8.

        EventBridge follows 1,100 levels of a detail; `app.json_reader` lets far fewer in.

        Raises:
            Unfit: no event can hold it.
        """
        body = {"Source": EVENT_SOURCE, "DetailType": kept.detail_type, "Detail": to_json(kept)}
        size = sum(len(part.encode()) for part in body.values()) + self.ENVELOPE_BYTES
        if size > self.MAX_BYTES:
            raise Unfit(f"has {size:,} bytes; an event holds at most {self.MAX_BYTES:,}")
        return Entry(place, body, size)

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> Sent:
        """Put the events."""
        return send_batches(entries, self.limits, self._call, deadline)

    def _call(self, batch: Sequence[Entry], deadline: Deadline) -> Mapping[int, Failure]:
        events = [{"EventBusName": self._bus, **entry.body} for entry in batch]
        answer = aws.client_within("events", deadline).put_events(Entries=events)
        return {
            entry.place: Failure(
                str(found["ErrorCode"]), passing=found["ErrorCode"] not in _PERMANENT
            )
            for entry, found in zip(batch, answer["Entries"], strict=True)
            if "ErrorCode" in found
        }


_PERMANENT = ("MalformedDetail", "InvalidArgument", "NotAuthorizedForSourceException")
