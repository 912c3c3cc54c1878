"""JSON as every way in reads it: request bodies, records and rows of objects.

Python's own reader raises `RecursionError` at deep nesting, takes ``NaN`` and ``1e999``, which
other readers refuse, and silently keeps the last of two equal keys. This one refuses all of these
with one exception, whose message holds nothing of the document.
"""

import decimal
import json
import math
import re
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from typing import Any

MAX_DEPTH = 64
"""Levels of nesting; more than any record needs, and fewer than any library's recursion allows."""


class InvalidJson(ValueError):
    """Not JSON (RFC 8259), or nested too deeply; the message says what is wrong and where."""


def read(document: str | bytes, *, exact: bool = False, max_values: int | None = None) -> Any:
    """Return the document's value; a byte order mark before it is dropped.

    Strings may hold lone surrogates, which JSON can escape. ``exact``: numbers that are not whole
    come as `Decimal`, with all of their digits, and not as `float`. ``max_values``: how many values
    the document may hold, keys not counted.

    Raises:
        InvalidJson: it is not JSON in UTF-8, repeats a key, holds a number that is none, is nested
            more than `MAX_DEPTH` levels deep, or holds more values than allowed.
    """
    try:
        text = document if isinstance(document, str) else document.decode("utf-8")
        if max_values is not None and _exceeds(text, max_values):
            raise InvalidJson(f"holds more than {max_values:,} values")
        value = (_exact if exact else _plain).decode(text.removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise InvalidJson(f"is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidJson(f"is not JSON: {error.msg.rstrip(': ')} at {where}") from None
    except RecursionError:
        raise InvalidJson(_TOO_DEEP) from None
    except InvalidJson:
        raise
    except decimal.InvalidOperation:  # an exponent of more digits than `Decimal` has
        raise InvalidJson(_TOO_LARGE) from None
    except ValueError:  # Python reads integers of at most 4,300 digits
        raise InvalidJson("holds a number with too many digits") from None
    check(value)
    return value


_TOO_DEEP = f"is nested more than {MAX_DEPTH} levels deep"
_TOO_LARGE = "holds a number that is too large"


def check(value: Any) -> None:
    """Hold a value that another reader has read to the same bounds.

    Raises:
        InvalidJson: it is nested too deeply, or holds a number that no `float` can be.
    """
    level, depth = [value], 0
    while level:
        containers: list[Iterable[Any]] = []
        for found in level:
            if isinstance(found, dict):
                containers.append(found.values())
            elif isinstance(found, list):
                containers.append(found)
            elif isinstance(found, float | Decimal) and not math.isfinite(float(found)):
                raise InvalidJson(_TOO_LARGE)
        depth += bool(containers)
        if depth > MAX_DEPTH:
            raise InvalidJson(_TOO_DEEP)
        level = [inner for container in containers for inner in container]


_SEPARATOR = re.compile(r'[,\[{]|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""What stands before each value but the first and those of keys; or a string, to be skipped."""


def _exceeds(text: str, values: int) -> bool:
    """Return whether the text holds more values, without building any of them.

    An empty array or object counts as two values.
    """
    if sum(map(text.count, ",[{")) < values:
        return False
    separators = (found for found in _SEPARATOR.finditer(text) if found[0][0] != '"')
    return next(islice(separators, values - 1, None), None) is not None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidJson("has an object with the same key twice")
    return fields


def _constant(name: str) -> float:
    raise InvalidJson(f"holds {name}, which is not JSON")


_plain = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_exact = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=Decimal)
