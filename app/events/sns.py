"""SNS notifications: a text each, or ``{"text", "id", "metadata"}``."""

from collections.abc import Mapping
from typing import Any

from app.events import Event, records
from app.events.delivery import Delivery
from app.events.records import ParseText, Record


class Sns:
    """A topic's notifications; SNS sends one at a time, and a failed one again."""

    def __init__(self, delivery: Delivery, parse_text: ParseText) -> None:
        self._delivery = delivery
        self._parse_text = parse_text

    def matches(self, event: Event) -> bool:
        return records.are_of(event, "EventSource", "aws:sns")

    def handle(self, event: Event, context: Any) -> None:
        """Deliver the results.

        Raises:
            FailedRecords: one failed.
        """
        messages = [record["Sns"] for record in event["Records"]]
        ids = [message["MessageId"] for message in messages]
        self._delivery.deliver_whole(records.read_each(self._parse, messages), ids)

    def _parse(self, message: Mapping[str, Any]) -> Record:
        payload = records.load(message["Message"])
        return records.parse(payload, message["MessageId"], self._parse_text)
