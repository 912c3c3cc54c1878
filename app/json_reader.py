"""The JSON reader for all input: request bodies, records and rows of objects.

It is stricter than Python's own, which raises `RecursionError` for deep nesting, accepts ``NaN``
and ``1e999``, and keeps the last of duplicate keys. This reader rejects all of them with one
exception, whose message contains nothing of the document.
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
"""Maximum nesting: deeper than any record needs, below the recursion limit of any library."""


class InvalidJson(ValueError):
    """The document is not JSON (RFC 8259) or exceeds a limit; the message says why and where."""


def read(document: str | bytes, *, exact: bool = False, max_values: int | None = None) -> Any:
    """Return the value of a document. A byte order mark is skipped.

    Strings may contain lone surrogates, which JSON can escape.

    Args:
        document: text, or bytes in UTF-8.
        exact: return fractions as `Decimal` with all their digits, not as `float`.
        max_values: the maximum number of values, not counting keys.

    Raises:
        InvalidJson: the document is not JSON in UTF-8, has duplicate keys or a number that no
            `float` can hold, is nested more than `MAX_DEPTH` levels deep, or has too many values.
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
    except decimal.InvalidOperation:  # the exponent has more digits than `Decimal` supports
        raise InvalidJson(_TOO_LARGE) from None
    except ValueError:  # Python reads integers of up to 4,300 digits
        raise InvalidJson("holds a number with too many digits") from None
    check(value)
    return value


_TOO_DEEP = f"is nested more than {MAX_DEPTH} levels deep"
_TOO_LARGE = "holds a number that is too large"


def check(value: Any) -> None:
    """Check a value from another reader against the same limits.

    Raises:
        InvalidJson: it is nested too deeply, or has a number that no `float` can hold.
    """
    level, depth = [value], 0
    while level:
        containers: list[Iterable[Any]] = []
        for item in level:
            if isinstance(item, dict):
                containers.append(item.values())
            elif isinstance(item, list):
                containers.append(item)
            elif isinstance(item, int | float | Decimal) and not _is_finite(item):
                raise InvalidJson(_TOO_LARGE)
        depth += bool(containers)
        if depth > MAX_DEPTH:
            raise InvalidJson(_TOO_DEEP)
        level = [inner for container in containers for inner in container]


def _is_finite(number: int | float | Decimal) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:  # of an integer
        return False


_SEPARATOR = re.compile(r'[,\[{]|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""Matches what precedes a value (except the first value and those of keys), or a whole string."""


def _exceeds(text: str, values: int) -> bool:
    """Return whether a document has more values than that, without creating any of them.

    An empty array or object counts as two values.
    """
    if sum(map(text.count, ",[{")) < values:
        return False
    separators = (match for match in _SEPARATOR.finditer(text) if match[0][0] != '"')
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
