"""EventBridge events: the detail is ``{"text", "id", "metadata"}``."""

from typing import Any

from app.events import Event, records
from app.events.delivery import Delivery
from app.events.records import ParseText, Record
from app.events.sinks import EVENT_SOURCE


class EventBridge:
    """An event of a bus; EventBridge sends a failed one again."""

    def __init__(self, delivery: Delivery, parse_text: ParseText) -> None:
        self._delivery = delivery
        self._parse_text = parse_text

    def matches(self, event: Event) -> bool:
        return "detail-type" in event and isinstance(event.get("detail"), dict)

    def handle(self, event: Event, context: Any) -> None:
        """Deliver the result, unless the event is itself a result of this function.

        Raises:
            FailedRecords: it failed.
        """
        if event["source"] == EVENT_SOURCE:
            return
        self._delivery.deliver_whole(records.read_each(self._parse, [event]), [event["id"]])

    def _parse(self, event: Event) -> Record:
        return records.parse(event["detail"], event["id"], self._parse_text)
