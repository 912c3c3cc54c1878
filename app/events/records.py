"""A record: one text out of a queue, topic, stream, bus or request, under its own id."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.events import Event
from app.sentiment.text import InvalidText, Text
from app.sentiment.text import parse as parse_text


def are_of(event: Event, key: str, source: str) -> bool:
    """Return whether the event holds records, all of that source."""
    found = event.get("Records")
    return (
        isinstance(found, list)
        and bool(found)
        and all(isinstance(record, dict) and record.get(key) == source for record in found)
    )


class InvalidRecord(ValueError):
    """A record that can never be scored; the message says why."""


@dataclass(frozen=True)
class Record:
    """A text to score, and what its result shall carry."""

    id: str
    text: Text
    metadata: Any = None
    """Whatever the sender wants back with the result."""
    named: bool = False
    """Whether the sender gave the id."""


def decode(payload: bytes) -> str:
    """Return the payload as text.

    Raises:
        InvalidRecord: it is not UTF-8.
    """
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRecord(
            f"is not UTF-8: byte {error.start} is {payload[error.start]:#x}"
        ) from None


def load(payload: str) -> str | dict[str, Any]:
    """Return the payload's JSON object, or the payload itself if it does not begin like one.

    Raises:
        InvalidRecord: it begins like a JSON object but is none.
    """
    if not payload.lstrip().startswith("{"):
        return payload
    try:
        found: dict[str, Any] = json.loads(payload)
    except ValueError as error:
        raise InvalidRecord(f"begins like a JSON object but is none: {error}") from None
    return found


def read_each(read: Callable[[Any], Record], raw: Iterable[Any]) -> list[Record | InvalidRecord]:
    """Return each record that can be read, and of the others why not, in their order."""

    def attempt(one: Any) -> Record | InvalidRecord:
        try:
            return read(one)
        except InvalidRecord as error:
            return error

    return [attempt(one) for one in raw]


def parse(payload: str | Mapping[str, Any], id: str, max_characters: int) -> Record:
    """Read a record: a text as it stands, or ``{"text", "id", "metadata"}`` of which text must be.

    ``id``: the record's, where it names none itself.

    Raises:
        InvalidRecord: there is no text, or none that can be scored, or the id is no id.
    """
    fields = {"text": payload} if isinstance(payload, str) else payload
    if "text" not in fields:
        raise InvalidRecord(f"has no key text; it has {len(fields)} others")
    own = fields.get("id", id)
    if isinstance(own, bool) or not isinstance(own, str | int) or own == "":
        raise InvalidRecord("has an id that is neither a text nor a whole number")
    try:
        text = parse_text(fields["text"], max_characters)
    except InvalidText as error:
        raise InvalidRecord(f"text {error}") from None
    return Record(str(own), text, fields.get("metadata"), named="id" in fields)
