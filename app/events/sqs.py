"""SQS messages: a text each, ``{"text", "id", "metadata"}``, or the event of S3 or SNS in one."""

import logging
from collections.abc import Mapping
from typing import Any

from app.events import Event, records
from app.events.delivery import Delivery
from app.events.records import InvalidRecord, Record
from app.events.s3 import is_about_objects, objects_of
from app.objects.bucket import ObjectScoring
from app.telemetry.exceptions import headline

_logger = logging.getLogger(__name__)


class Sqs:
    """A queue's messages, each answered for by itself."""

    def __init__(self, delivery: Delivery, objects: ObjectScoring, max_characters: int) -> None:
        self._delivery = delivery
        self._objects = objects
        self._max_characters = max_characters

    def matches(self, event: Event) -> bool:
        return records.are_of(event, "eventSource", "aws:sqs")

    def handle(self, event: Event, context: Any) -> Any:
        """Return which messages failed; the queue sends them again, or to its dead-letter queue."""
        messages = event["Records"]
        read = [self._read(message, context) for message in messages]
        waiting = [i for i, record in enumerate(read) if record is not None]
        failed = self._delivery.deliver(
            [record for record in read if record is not None],
            [messages[i]["messageId"] for i in waiting],
            # Only a FIFO queue's messages have a group.
            [messages[i]["attributes"].get("MessageGroupId") for i in waiting],
        )
        return {"batchItemFailures": [{"itemIdentifier": id} for id in failed]}

    def _read(self, message: Mapping[str, Any], context: Any) -> Record | InvalidRecord | None:
        """Return its record, why it is none, or None where it was about objects, now scored."""
        try:
            payload = records.load(message["body"])
            if isinstance(payload, dict) and payload.get("Type") == "Notification":
                payload = records.load(payload["Message"])
            if isinstance(payload, str) or not is_about_objects(payload):
                return records.parse(payload, message["messageId"], self._max_characters)
            for stored in objects_of(payload):
                self._objects.score(stored, context)
        except InvalidRecord as error:
            return error
        except Exception as error:  # whatever an object's is, the other messages go on
            _logger.exception("message %s", message["messageId"])
            return InvalidRecord(headline(error))
        return None
