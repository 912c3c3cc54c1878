"""SQS messages: a text each, ``{"text", "id", "metadata"}``, or an SNS message of such."""

from collections.abc import Mapping
from typing import Any

from app.events import Event, records
from app.events.delivery import Delivery
from app.events.records import Record


class Sqs:
    """A queue's messages, each answered for by itself."""

    def __init__(self, delivery: Delivery, max_characters: int) -> None:
        self._delivery = delivery
        self._max_characters = max_characters

    def matches(self, event: Event) -> bool:
        return records.are_of(event, "eventSource", "aws:sqs")

    def handle(self, event: Event, context: Any) -> Any:
        """Return which messages failed; the queue sends them again, or to its dead-letter queue."""
        messages = event["Records"]
        ids = [message["messageId"] for message in messages]
        # Only a FIFO queue's messages have a group.
        groups = [message["attributes"].get("MessageGroupId") for message in messages]
        parsed = records.read_each(self._parse, messages)
        delivered = self._delivery.deliver(parsed, ids, groups)
        failed = [id for id, done in zip(ids, delivered, strict=True) if not done]
        return {"batchItemFailures": [{"itemIdentifier": id} for id in failed]}

    def _parse(self, message: Mapping[str, Any]) -> Record:
        payload = records.load(message["body"])
        if isinstance(payload, dict) and payload.get("Type") == "Notification":
            payload = records.load(payload["Message"])
        return records.parse(payload, message["messageId"], self._max_characters)
