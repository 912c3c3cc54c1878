"""What sinks keep, and the JSON that it is sent as."""

import base64
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar


class Unfit(ValueError):
    """A result that a sink cannot hold; the message says why, without any of its content."""


@dataclass(frozen=True)
class Kept:
    """What a sink gets."""

    detail_type: ClassVar[str]
    """What it is called on the bus."""

    id: str


@dataclass(frozen=True)
class Result(Kept):
    """What was found of a record."""

    detail_type: ClassVar[str] = "Text Scored"

    sentiment: str
    confidence: float
    scores: Mapping[str, float]
    model: str
    time: str
    """When it was scored, UTC, ISO 8601."""
    metadata: Any = None
    """JSON values, with `Decimal` for fractions; from DynamoDB also sets and bytes."""


@dataclass(frozen=True)
class Feedback(Kept):
    """What someone said of a prediction; of several words on one prediction the last stays."""

    detail_type: ClassVar[str] = "Feedback Given"

    prediction: str
    """The id of the prediction."""
    sentiment: str
    """What would have been right."""
    time: str
    """When it was said, UTC, ISO 8601."""
    note: str | None = None


FEEDBACK_IDS = "feedback/"
"""How the ids of feedback begin, and those of results never do: one is not to replace the other."""


def to_json(kept: Kept) -> str:
    """Return it as JSON, every number with all of its digits.

    Sets become arrays and bytes base64, which is how DynamoDB writes them in JSON.

    Raises:
        Unfit: JSON, or UTF-8, has no form for a part of it.
    """
    try:
        written = "".join(_parts(vars(kept)))
        written.encode()
    except UnicodeEncodeError:
        raise Unfit(HALF_A_CHARACTER) from None
    except RecursionError:
        raise Unfit("is nested too deeply") from None
    # The two characters that SQS and XML refuse; they stand in strings only, which may escape them.
    return _NONCHARACTERS.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


HALF_A_CHARACTER = "holds a lone surrogate, half a character that UTF-8 cannot encode"
_NONCHARACTERS = re.compile("[\ufffe\uffff]")


def _parts(value: Any) -> Iterator[str]:
    match value:
        case Decimal():
            yield str(value)
        case float() if not math.isfinite(value):
            raise Unfit("holds a number that is infinite or none")
        case bytes():
            yield json.dumps(base64.b64encode(value).decode())
        case Mapping():
            for place, (key, inner) in enumerate(value.items()):
                yield "," if place else "{"
                yield json.dumps(key, ensure_ascii=False)
                yield ":"
                yield from _parts(inner)
            yield "}" if value else "{}"
        case list() | tuple() | set() | frozenset():
            listed = sorted(value) if isinstance(value, set | frozenset) else value
            for place, inner in enumerate(listed):
                yield "," if place else "["
                yield from _parts(inner)
            yield "]" if value else "[]"
        case _:
            yield json.dumps(value, ensure_ascii=False)
