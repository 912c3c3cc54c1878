"""The documents that sinks store, and their JSON."""

import base64
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar


class Unstorable(ValueError):
    """A document exceeds a limit of a sink; the message says which, without any content."""


@dataclass(frozen=True)
class Document:
    """What sinks store."""

    detail_type: ClassVar[str]
    """Its type on the bus."""

    id: str


@dataclass(frozen=True)
class Result(Document):
    """The prediction for a record."""

    detail_type: ClassVar[str] = "Text Scored"

    sentiment: str
    confidence: float
    scores: Mapping[str, float]
    model: str
    time: str
    """When it was scored: UTC, ISO 8601."""
    metadata: Any = None
    """JSON values, with `Decimal` for fractions; from DynamoDB also sets and bytes."""


@dataclass(frozen=True)
class Feedback(Document):
    """The right label for a prediction; later feedback on the same prediction replaces it."""

    detail_type: ClassVar[str] = "Feedback Given"

    prediction: str
    """The id of the prediction."""
    sentiment: str
    """The right label."""
    time: str
    """When it was given: UTC, ISO 8601."""
    note: str | None = None


FEEDBACK_IDS = "feedback/"
"""Prefix of the ids of feedback, and of no other document, so that neither replaces the other."""


def to_json(document: Document) -> str:
    """Return the document as JSON, with all digits of every number.

    As in DynamoDB's own JSON, sets become arrays and bytes base64.

    Raises:
        Unstorable: JSON or UTF-8 cannot represent a part of it.
    """
    try:
        written = "".join(_parts(vars(document)))
        written.encode()
    except UnicodeEncodeError:
        raise Unstorable(LONE_SURROGATE) from None
    except RecursionError:
        raise Unstorable("is nested too deeply") from None
    # SQS and XML reject these two characters. They occur only in strings, where JSON can escape
    # them.
    return _NONCHARACTERS.sub(lambda match: f"\\u{ord(match[0]):04x}", written)


LONE_SURROGATE = "holds a lone surrogate, which UTF-8 cannot encode"
_NONCHARACTERS = re.compile("[\ufffe\uffff]")


def _parts(value: Any) -> Iterator[str]:
    match value:
        case Decimal():
            yield str(value)
        case float() if not math.isfinite(value):
            raise Unstorable("holds a number that is infinite or not a number")
        case bytes():
            yield json.dumps(base64.b64encode(value).decode())
        case Mapping():
            for index, (key, inner) in enumerate(value.items()):
                yield "," if index else "{"
                yield json.dumps(key, ensure_ascii=False)
                yield ":"
                yield from _parts(inner)
            yield "}" if value else "{}"
        case list() | tuple() | set() | frozenset():
            elements = sorted(value) if isinstance(value, set | frozenset) else value
            for index, inner in enumerate(elements):
                yield "," if index else "["
                yield from _parts(inner)
            yield "]" if value else "[]"
        case _:
            yield json.dumps(value, ensure_ascii=False)
