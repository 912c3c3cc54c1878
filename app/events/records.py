"""A record: one text out of a queue, topic, stream, bus or request, under its own id."""

import re
import traceback
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
"""Of a record's own id: what every sink holds as a key and what a log line bears."""


class InvalidRecord(ValueError):
    """A record that can never be scored; the message says why, without any of its content."""


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
        raise InvalidRecord(f"is not UTF-8 at byte {error.start}") from None


_BEFORE_JSON = re.compile(r"[\s\ufeff]*")


def load(payload: str) -> str | dict[str, Any]:
    """Return what a payload holds: a JSON object, or a text.

    A payload that begins like a JSON object must be one. A whole payload that is a JSON string is
    what that string holds, so that one which was encoded twice is read too. Everything else is a
    text as it stands: it may begin with a quote, a bracket or a digit.

    Raises:
        InvalidRecord: it begins like a JSON object but is none, or it is a JSON array.
    """
    body = payload[_BEFORE_JSON.match(payload).end() :]  # type: ignore[union-attr]  # matches always
    if body.startswith(("{", "[{")):
        try:
            found = json_reader.read(body, exact=True)
        except InvalidJson as error:
            kind = "object" if body.startswith("{") else "array"
            raise InvalidRecord(f"begins like a JSON {kind} but {error}") from None
    elif body.startswith(("[", '"')):
        try:
            found = json_reader.read(body)
        except InvalidJson:
            return payload
    else:
        return payload
    if isinstance(found, list):
        raise InvalidRecord("is a JSON array; each record needs a message of its own")
    return load(found) if isinstance(found, str) and found != payload else found


def identity(value: object) -> str:
    """Return a record's own id as text.

    Raises:
        InvalidRecord: it is no id.
    """
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
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


def parse(payload: str | Mapping[str, Any], id: str, parse_text: ParseText) -> Record:
    """Read a record: a text as it stands, or ``{"text", "id", "metadata"}`` of which text must be.

    ``id``: the record's, where it names none itself.

    Raises:
        InvalidRecord: there is no text, or none that can be scored, the id is no id, or the
            metadata are no JSON.
    """
    fields = {"text": payload} if isinstance(payload, str) else payload
    if "text" not in fields:
        raise InvalidRecord("has no text: expected a text, or an object with the field text")
    own = identity(fields.get("id", id))
    metadata = fields.get("metadata")
    try:
        json_reader.check(metadata)
    except InvalidJson as error:
        raise InvalidRecord(f"metadata {error}") from None
    try:
        text = parse_text(fields["text"])
    except InvalidText as error:
        raise InvalidRecord(f"text {error}") from None
    return Record(own, text, metadata, named="id" in fields)


def described(error: Exception) -> str:
    """Return an exception's class and where it was raised, as its message may hold content."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
