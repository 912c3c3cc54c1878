"""A DynamoDB table as a sink: the same record delivered twice is the same item."""

import math
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from app import aws
from app.deadline import Deadline
from app.sinks.batching import Entry, Failure, Limits, Sent, send_batches
from app.sinks.results import HALF_A_CHARACTER, Kept, Unfit


class TableSink:
    """Writes results to a table keyed by ``id``."""

    name = "table"
    MAX_ITEM_BYTES = 400 * 1024
    MAX_KEY_BYTES = 2048
    # A call takes 16 MB of JSON, in which an item may have nine times the bytes that it is counted
    # as: an empty string in a list counts as 1 and is written {"S":""}.
    limits = Limits(entries=25, bytes=16 * 1024 * 1024 // 10)

    def __init__(self, table: str, ttl_days: int) -> None:
        self._table = table
        self._ttl_seconds = ttl_days * 86400

    def prepare(self, place: int, kept: Kept) -> Entry:
        """Return the item.

        Raises:
            Unfit: no item can hold it.
        """
        fields = {name: value for name, value in vars(kept).items() if value is not None}
        fields["expires"] = int(time.time()) + self._ttl_seconds
        size = len(kept.id.encode(errors="surrogatepass"))
        if not 1 <= size <= self.MAX_KEY_BYTES:
            raise Unfit(f"has an id of {size:,} bytes; a key has 1 to {self.MAX_KEY_BYTES:,}")
        item: dict[str, Any] = {}
        size = 0
        for name, value in fields.items():
            item[name], bytes_of_value = attribute(value)
            size += len(name) + bytes_of_value
        if size > self.MAX_ITEM_BYTES:
            raise Unfit(f"has {size:,} bytes; an item holds at most {self.MAX_ITEM_BYTES:,}")
        return Entry(place, item, size)

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> Sent:
        """Put the items; of those with one id, the last."""
        # One call may not name a key twice.
        last = {entry.body["id"]["S"]: entry for entry in entries}
        sent = send_batches(list(last.values()), self.limits, self._call, deadline)
        places = {entry.place: last[entry.body["id"]["S"]].place for entry in entries}
        failures = {place: sent.failures[of] for place, of in places.items() if of in sent.failures}
        return Sent(failures, sent.down)

    def _call(self, batch: Sequence[Entry], deadline: Deadline) -> Mapping[int, Failure]:
        puts = [{"PutRequest": {"Item": entry.body}} for entry in batch]
        answer = aws.client_within("dynamodb", deadline).batch_write_item(
            RequestItems={self._table: puts}
        )
        left = [
            request["PutRequest"]["Item"]["id"]
            for request in answer.get("UnprocessedItems", {}).get(self._table, ())
        ]
        return {
            entry.place: Failure("the table has no capacity left for it", passing=True)
            for entry in batch
            if entry.body["id"] in left
        }


MAX_LEVELS = 32
"""Of nesting, an attribute's own value the first (DynamoDB, "Quotas": nested attribute depth)."""
MAX_NAME_BYTES = 65_535


def attribute(value: Any, level: int = 1) -> tuple[dict[str, Any], int]:
    """Return the value as an attribute of DynamoDB, and its size as DynamoDB counts it.

    Sizes follow "DynamoDB item sizes and formats": a byte for two digits of a number and one more,
    three for a list or map and one for each of its elements.

    Raises:
        Unfit: DynamoDB has no form for it.
    """
    if level == MAX_LEVELS and isinstance(value, Mapping | list | tuple):
        raise Unfit(f"is nested more than the {MAX_LEVELS} levels that a table holds")
    match value:
        case None:
            return {"NULL": True}, 1
        case bool():
            return {"BOOL": value}, 1
        case str():
            return {"S": value}, _bytes(value)
        case int() | float() | Decimal():
            number = _number(value)
            return {"N": number}, len(number) // 2 + 2
        case bytes():
            return {"B": value}, len(value)
        case Mapping():
            fields = {}
            size = 3
            for name, inner in value.items():
                bytes_of_name = _bytes(name)
                if not 1 <= bytes_of_name <= MAX_NAME_BYTES:
                    raise Unfit(
                        f"has a name of {bytes_of_name:,} bytes; a table takes 1 to "
                        f"{MAX_NAME_BYTES:,}"
                    )
                fields[name], bytes_of_value = attribute(inner, level + 1)
                size += bytes_of_name + bytes_of_value + 1
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
            raise Unfit("holds a value of a type that a table has none for")


def _bytes(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise Unfit(HALF_A_CHARACTER) from None


def _number(value: int | float | Decimal) -> str:
    """Return a number without the zeros at its ends; DynamoDB keeps 38 digits, 1e-130 to 1e126."""
    if not math.isfinite(value):
        raise Unfit("holds a number that is infinite or none")
    sign, digits, exponent = Decimal(str(value)).as_tuple()
    significant = "".join(map(str, digits)).lstrip("0")
    trimmed = significant.rstrip("0")
    if not trimmed:
        return "0"
    if len(trimmed) > 38:
        raise Unfit(f"holds a number of {len(trimmed):,} digits; a table keeps 38")
    exponent = int(exponent) + len(significant) - len(trimmed)
    if not -130 <= exponent + len(trimmed) - 1 <= 125:
        raise Unfit("holds a number outside 1e-130 to 9.9e125, which a table does not keep")
    return str(Decimal((sign, tuple(map(int, trimmed)), exponent)))
