"""A record: a text with its id and metadata, from a queue, topic, stream, bus or request."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app import json_reader
from app.json_reader import InvalidJson
from app.sentiment.text import InvalidText, Text
from app.sinks.results import FEEDBACK_IDS

ParseText = Callable[[object], Text]
"""Returns a value as a text to score, or raises `InvalidText`."""

MAX_ID_BYTES = 256
"""Size of an id, which every sink stores as a key."""


class InvalidRecord(ValueError):
    """A record can never be scored; the message says why, without any of its content."""


@dataclass(frozen=True)
class Record:
    """A text to score, with what its result will carry."""

    id: str
    text: Text
    metadata: Any = None
    """Returned to the sender with the result."""
    id_from_caller: bool = False
    """Whether the id is from the payload; otherwise it is from the event."""


def decode_utf8(payload: bytes) -> str:
    """Return the payload as text.

    Raises:
        InvalidRecord: it is not UTF-8.
    """
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRecord(f"is not UTF-8 at byte {error.start}") from None


_BEFORE_JSON = re.compile(r"[\s\ufeff]*")


def parse_payload(payload: str) -> str | dict[str, Any]:
    """Return the JSON object that a payload holds, or the payload as a text.

    A payload that begins like a JSON object must be one. A payload that is a JSON string is parsed
    again, as it was encoded twice. Any other payload is a text, even if it begins with a quote, a
    bracket or a digit.

    Raises:
        InvalidRecord: it begins like a JSON object but is none, or it is a JSON array.
    """
    body = payload[_BEFORE_JSON.match(payload).end() :]  # type: ignore[union-attr]  # always matches
    if body.startswith(("{", "[{")):
        try:
            value = json_reader.read(body, exact=True)
        except InvalidJson as error:
            kind = "object" if body.startswith("{") else "array"
            raise InvalidRecord(f"begins like a JSON {kind} but {error}") from None
    elif body.startswith(("[", '"')):
        try:
            value = json_reader.read(body)
        except InvalidJson:
            return payload
    else:
        return payload
    if isinstance(value, list):
        raise InvalidRecord("is a JSON array; each record needs a message of its own")
    return parse_payload(value) if isinstance(value, str) and value != payload else value


def parse_id(value: object) -> str:
    """Return the id of a record.

    Raises:
        InvalidRecord: it is neither a string nor an integer, is too long or empty, or has
            characters that cannot be printed.
    """
    if value == "":
        raise InvalidRecord("has no id, or an empty one")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidRecord("has an id that is neither a text nor a whole number")
    id = str(value)
    size = len(id.encode(errors="surrogatepass"))
    if size > MAX_ID_BYTES:
        raise InvalidRecord(f"has an id of {size:,} bytes; at most {MAX_ID_BYTES} are allowed")
    if not id.isprintable() or id.isspace():
        raise InvalidRecord("has an id with characters that cannot be printed")
    if id.startswith(FEEDBACK_IDS):
        raise InvalidRecord(f"has an id that begins with {FEEDBACK_IDS}, as only feedback's do")
    return id


def parse_record(payload: str | Mapping[str, Any], id: str, parse_text: ParseText) -> Record:
    """Return the record of a text, or of ``{"text", "id", "metadata"}``; only the text is required.

    ``id``: used if the payload has none.

    Raises:
        InvalidRecord: there is no text, or the text, the id or the metadata are invalid.
    """
    fields = {"text": payload} if isinstance(payload, str) else payload
    if "text" not in fields:
        raise InvalidRecord(NO_TEXT)
    record_id = parse_id(fields.get("id", id))
    metadata = fields.get("metadata")
    try:
        json_reader.check(metadata)
    except InvalidJson as error:
        raise InvalidRecord(f"metadata {error}") from None
    try:
        text = parse_text(fields["text"])
    except InvalidText as error:
        raise InvalidRecord(f"text {error}") from None
    return Record(record_id, text, metadata, id_from_caller="id" in fields)


NO_TEXT = "has no text: expected a text, or an object with the field text"
