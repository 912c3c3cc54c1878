"""A DynamoDB table as a sink: an item for each id, however often its record is delivered."""

import math
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from app import aws
from app.deadline import Deadline
from app.sinks.batching import Entry, EntryFailure, Limits, Sent, send_batches
from app.sinks.results import LONE_SURROGATE, Document, Unstorable


class TableSink:
    """Writes documents to a table with the key ``id``."""

    name = "table"
    MAX_ITEM_BYTES = 400 * 1024
    MAX_KEY_BYTES = 2048
    limits = Limits(entries=25, bytes=16 * 1024 * 1024 // 10)
    """A call takes 16 MB of JSON, where an item may have nine times the size that DynamoDB counts:
    an empty string in a list counts as 1 byte and is written ``{"S":""}``."""

    def __init__(self, table: str, ttl_days: int) -> None:
        self._table = table
        self._ttl_seconds = ttl_days * 86400

    def prepare(self, position: int, document: Document) -> Entry:
        """Return the item.

        Raises:
            Unstorable: it is too large for an item, or DynamoDB cannot represent it.
        """
        fields = {name: value for name, value in vars(document).items() if value is not None}
        fields["expires"] = int(time.time()) + self._ttl_seconds
        size = len(document.id.encode(errors="surrogatepass"))
        if not 1 <= size <= self.MAX_KEY_BYTES:
            raise Unstorable(f"has an id of {size:,} bytes; a key has 1 to {self.MAX_KEY_BYTES:,}")
        item: dict[str, Any] = {}
        size = 0
        for name, value in fields.items():
            item[name], value_size = attribute(value)
            size += len(name) + value_size
        if size > self.MAX_ITEM_BYTES:
            raise Unstorable(f"has {size:,} bytes; an item holds at most {self.MAX_ITEM_BYTES:,}")
        return Entry(position, item, size)

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> Sent:
        """Put the items; of several with the same id, the last."""
        # A call must not repeat a key.
        last = {entry.body["id"]["S"]: entry for entry in entries}
        sent = send_batches(list(last.values()), self.limits, self._call, deadline)
        failures = {}
        for entry in entries:
            if reason := sent.failures.get(last[entry.body["id"]["S"]].position):
                failures[entry.position] = reason
        return Sent(failures, sent.unavailable)

    def _call(self, batch: Sequence[Entry], deadline: Deadline) -> Mapping[int, EntryFailure]:
        puts = [{"PutRequest": {"Item": entry.body}} for entry in batch]
        answer = aws.client_within("dynamodb", deadline).batch_write_item(
            RequestItems={self._table: puts}
        )
        unprocessed = [
            request["PutRequest"]["Item"]["id"]
            for request in answer.get("UnprocessedItems", {}).get(self._table, ())
        ]
        return {
            entry.position: EntryFailure("the table has no capacity left for it", retryable=True)
            for entry in batch
            if entry.body["id"] in unprocessed
        }


MAX_LEVELS = 32
"""Levels of nesting, from 1 for an attribute's own value (DynamoDB, "Quotas")."""
MAX_NAME_BYTES = 65_535


def attribute(value: Any, level: int = 1) -> tuple[dict[str, Any], int]:
    """Return a value as a DynamoDB attribute, and its size in bytes as DynamoDB counts it.

    Sizes follow "DynamoDB item sizes and formats": a number has a byte for two digits and one more,
    a list or map three bytes and one for each element.

    Raises:
        Unstorable: DynamoDB cannot represent it.
    """
    if level == MAX_LEVELS and isinstance(value, Mapping | list | tuple):
        raise Unstorable(f"is nested more than the {MAX_LEVELS} levels that a table holds")
    match value:
        case None:
            return {"NULL": True}, 1
        case bool():
            return {"BOOL": value}, 1
        case str():
            return {"S": value}, _utf8_size(value)
        case int() | float() | Decimal():
            number = _number(value)
            return {"N": number}, len(number) // 2 + 2
        case bytes():
            return {"B": value}, len(value)
        case Mapping():
            fields = {}
            size = 3
            for name, inner in value.items():
                name_size = _utf8_size(name)
                if not 1 <= name_size <= MAX_NAME_BYTES:
                    raise Unstorable(
                        f"has a name of {name_size:,} bytes; a table takes 1 to {MAX_NAME_BYTES:,}"
                    )
                fields[name], value_size = attribute(inner, level + 1)
                size += name_size + value_size + 1
            return {"M": fields}, size
        case set() | frozenset():
            members = [attribute(member, level) for member in sorted(value)]
            [kind] = {name for member, _ in members for name in member}
            return (
                {f"{kind}S": [member[kind] for member, _ in members]},
                sum(size for _, size in members),
            )
        case list() | tuple():
            elements = [attribute(inner, level + 1) for inner in value]
            return (
                {"L": [element for element, _ in elements]},
                3 + sum(size + 1 for _, size in elements),
            )
        case _:
            raise Unstorable("holds a value of a type that a table cannot store")


def _utf8_size(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise Unstorable(LONE_SURROGATE) from None


def _number(value: int | float | Decimal) -> str:
    """Return a number without zeros at its ends.

    DynamoDB stores 38 significant digits, and magnitudes from 1e-130 to 9.9e125.
    """
    if not isinstance(value, int) and not math.isfinite(value):
        raise Unstorable("holds a number that is infinite or not a number")
    sign, digits, exponent = Decimal(str(value)).as_tuple()
    significant = "".join(map(str, digits)).lstrip("0")
    trimmed = significant.rstrip("0")
    if not trimmed:
        return "0"
    if len(trimmed) > 38:
        raise Unstorable(f"holds a number of {len(trimmed):,} digits; a table keeps 38")
    exponent = int(exponent) + len(significant) - len(trimmed)
    if not -130 <= exponent + len(trimmed) - 1 <= 125:
        raise Unstorable("holds a number outside 1e-130 to 9.9e125, which a table does not keep")
    return str(Decimal((sign, tuple(map(int, trimmed)), exponent)))
