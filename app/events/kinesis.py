"""Kinesis records: a text each, or ``{"text", "id", "metadata"}``."""

import base64
from collections.abc import Mapping
from typing import Any

from app.events import Event, records
from app.events.delivery import Delivery
from app.events.records import ParseText, Record


class Kinesis:
    """A shard's records, which keep their order."""

    def __init__(self, delivery: Delivery, parse_text: ParseText) -> None:
        self._delivery = delivery
        self._parse_text = parse_text

    def matches(self, event: Event) -> bool:
        return records.are_of(event, "eventSource", "aws:kinesis")

    def handle(self, event: Event, context: Any) -> Any:
        """Return the first failed record, from which the stream is sent again."""
        found = event["Records"]
        parsed = records.read_each(self._parse, found)
        ids = [record["kinesis"]["sequenceNumber"] for record in found]
        return self._delivery.deliver_stream(parsed, ids)

    def _parse(self, record: Mapping[str, Any]) -> Record:
        payload = records.decode(base64.b64decode(record["kinesis"]["data"]))
        return records.parse(records.load(payload), record["eventID"], self._parse_text)
