"""EventBridge events: the detail is ``{"text", "id", "metadata"}``."""

from typing import Any

from app.events import Event, records
from app.events.delivery import Delivery
from app.events.records import Record
from app.events.sinks import EVENT_SOURCE
from app.telemetry.observation import current


class EventBridge:
    """An event of a bus; EventBridge sends a failed one again."""

    def __init__(self, delivery: Delivery, max_characters: int) -> None:
        self._delivery = delivery
        self._max_characters = max_characters

    def matches(self, event: Event) -> bool:
        return "detail-type" in event and isinstance(event.get("detail"), dict)

    def handle(self, event: Event, context: Any) -> None:
        """Deliver the result, unless the event is itself a result of this function.

        Raises:
            FailedRecords: it failed.
        """
        if event["source"] == EVENT_SOURCE:
            current().skipped += 1
            return
        self._delivery.deliver_whole(records.read_each(self._parse, [event]), [event["id"]])

    def _parse(self, event: Event) -> Record:
        return records.parse(event["detail"], event["id"], self._max_characters)
