"""DynamoDB streams: items with the attributes ``text`` and, if they have them, id and metadata."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.events import Event, records
from app.events.delivery import Delivery
from app.events.records import ParseText, Record


class DynamoDb:
    """A shard's changes, which keep their order."""

    def __init__(self, delivery: Delivery, parse_text: ParseText) -> None:
        self._delivery = delivery
        self._parse_text = parse_text

    def matches(self, event: Event) -> bool:
        return records.are_of(event, "eventSource", "aws:dynamodb")

    def handle(self, event: Event, context: Any) -> Any:
        """Return the first failed change, from which the stream is sent again.

        A removed item and one whose text did not change have nothing to score.
        """
        changed = [record for record in event["Records"] if _has_new_text(record["dynamodb"])]
        ids = [record["dynamodb"]["SequenceNumber"] for record in changed]
        return self._delivery.deliver_stream(records.read_each(self._parse, changed), ids)

    def _parse(self, record: Mapping[str, Any]) -> Record:
        from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import StreamRecord

        item = StreamRecord(record["dynamodb"]).new_image
        plain = json.loads(json.dumps(item, default=_number))
        return records.parse(plain, record["eventID"], self._parse_text)


def _has_new_text(change: Mapping[str, Any]) -> bool:
    if "NewImage" not in change:
        return False
    text = change["NewImage"].get("text")
    return text is None or text != change.get("OldImage", {}).get("text")


def _number(value: Any) -> int | float | list[Any]:
    """Return what JSON has for DynamoDB's numbers and sets."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return sorted(value)
