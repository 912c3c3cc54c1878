"""What arrives, taken out of all that it is wrapped in, whatever brought it.

A text may come in a message of a queue, which holds a notification of a topic, which holds an event
of a bus, and so on: the services of AWS wrap what they pass on. Each envelope is opened by what it
looks like, so that it does not matter in which order they lie in one another.
"""

import base64
import binascii
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from app.events import aggregated, skipped
from app.events.records import (
    InvalidRecord,
    ParseText,
    Record,
    decode,
    described,
    load,
    parse,
)
from app.objects.s3 import StoredObject
from app.sentiment.text import Text

MAX_ENVELOPES = 8
MAX_INFLATED_BYTES = 10 * 1024 * 1024
"""Of compressed data; no service of AWS takes a record as large."""

Payload = Mapping[str, Any]


class Skipped(NamedTuple):
    """There is nothing to score."""

    kind: str


Content = Record | StoredObject | Skipped | InvalidRecord


def contents(arrived: Any, id: str, parse_text: ParseText) -> list[Content]:
    """Return what is in a payload: mostly one thing, but an envelope may hold several.

    ``id``: of a text that has none of its own; of several, each gets its number besides. What
    cannot be read is an `InvalidRecord` in its place; nothing raises.
    """
    leaves = list(_open(arrived, 0))
    texts = sum(isinstance(leaf, str | Mapping) for leaf in leaves)
    found: list[Content] = []
    for leaf in leaves:
        if not isinstance(leaf, str | Mapping):
            found.append(leaf)
            continue
        try:
            own = f"{id}#{len(found)}" if id and texts > 1 else id
            found.append(parse(leaf, own, parse_text))
        except InvalidRecord as error:
            found.append(error)
        except Exception as error:  # whatever this one is, its neighbours go on
            found.append(InvalidRecord(f"cannot be read: {described(error)}"))
    return found


def objects_of(event: Payload) -> list[StoredObject]:
    """Return the objects of S3 that an event is about."""
    return [
        found
        for found in contents(event, "", lambda _: Text(""))
        if isinstance(found, StoredObject)
    ]


_Leaf = str | Payload | StoredObject | Skipped | InvalidRecord


def _open(arrived: Any, depth: int) -> Iterator[_Leaf]:
    try:
        yield from _opened(arrived, depth)
    except InvalidRecord as error:
        yield error
    except Exception as error:  # what is malformed fails alone, in whatever way it is
        yield InvalidRecord(f"is malformed: {described(error)}")


def _opened(arrived: Any, depth: int) -> Iterator[_Leaf]:
    if depth > MAX_ENVELOPES:
        raise InvalidRecord(f"is wrapped in more than {MAX_ENVELOPES} envelopes")
    if isinstance(arrived, bytes):
        for payload in _payloads(arrived):
            yield from _open(payload, depth + 1)
        return
    if isinstance(arrived, str):
        arrived = load(arrived)
    if isinstance(arrived, str | StoredObject | Skipped):
        yield arrived
        return
    if not isinstance(arrived, Mapping):
        raise InvalidRecord("is neither a text nor a JSON object")
    if "text" in arrived:
        yield arrived
        return
    if kind := skipped.kind_of(arrived):
        yield Skipped(kind)
        return
    for envelope in ENVELOPES:
        if envelope.matches(arrived):
            for inner in envelope.open(arrived):
                yield from _open(inner, depth + 1)
            return
    raise InvalidRecord("has no text: expected a text, or an object with the field text")


def _payloads(data: bytes) -> Iterator[bytes | str]:
    """Yield what a record of a stream holds: compressed, aggregated or as it is."""
    if data.startswith(b"\x1f\x8b"):
        try:
            inflated = gzip.GzipFile(fileobj=io.BytesIO(data)).read(MAX_INFLATED_BYTES + 1)
        except (OSError, EOFError, zlib.error):
            raise InvalidRecord("begins like gzip but cannot be decompressed") from None
        if len(inflated) > MAX_INFLATED_BYTES:
            raise InvalidRecord(f"has more than {MAX_INFLATED_BYTES:,} bytes, decompressed")
        yield decode(inflated)
    elif aggregated.is_aggregated(data):
        yield from aggregated.records_of(data)
    else:
        yield decode(data)


@dataclass(frozen=True)
class Envelope:
    """Something that holds other payloads."""

    name: str
    matches: Callable[[Payload], bool]
    open: Callable[[Payload], list[Any]]


def _record_of(source: str) -> Callable[[Payload], bool]:
    return lambda payload: source in (payload.get("eventSource"), payload.get("EventSource"))


def _message(notification: Payload) -> list[Any]:
    if not isinstance(notification["Message"], str):
        raise InvalidRecord("is a notification whose Message is no text")
    return [notification["Message"]]


def _data(record: Payload) -> list[Any]:
    try:
        return [base64.b64decode(record["kinesis"]["data"], validate=True)]
    except binascii.Error:
        raise InvalidRecord("has data that are not base64") from None


def _body(message: Payload) -> list[Any]:
    if not isinstance(message["body"], str):
        raise InvalidRecord("has a body that is no text")
    return [message["body"]]


def _image(record: Payload) -> list[Any]:
    image = record["dynamodb"]["NewImage"]
    return [{name: plain(attribute) for name, attribute in image.items()}]


def _object_of_record(record: Payload) -> list[Any]:
    # S3 writes the key as a form would; EventBridge has it as it is.
    stored = record["s3"]["object"]
    key = unquote_plus(stored["key"], errors="strict")
    return [_object(record["s3"]["bucket"]["name"], key, stored)]


def _object_of_event(event: Payload) -> list[Any]:
    stored = event["detail"]["object"]
    return [_object(event["detail"]["bucket"]["name"], stored["key"], stored)]


def _object(bucket: str, key: str, stored: Payload) -> StoredObject | Skipped:
    if key != key.encode("utf-8", "replace").decode():
        raise InvalidRecord("names an object by a key that is not UTF-8")
    kind = skipped.kind_of_object(key, stored.get("size"))
    return Skipped(kind) if kind else StoredObject(bucket, key)


ENVELOPES: tuple[Envelope, ...] = (
    Envelope(
        "an event of several records",
        lambda payload: isinstance(payload.get("Records"), list),
        lambda payload: list(payload["Records"]),
    ),
    Envelope("a message of SQS", _record_of("aws:sqs"), _body),
    Envelope("a record of SNS", _record_of("aws:sns"), lambda payload: _message(payload["Sns"])),
    Envelope("a record of Kinesis", _record_of("aws:kinesis"), _data),
    Envelope("a change of a DynamoDB table", _record_of("aws:dynamodb"), _image),
    Envelope("a record of S3", _record_of("aws:s3"), _object_of_record),
    Envelope(
        "a notification of SNS",
        lambda payload: payload.get("Type") == "Notification" and "Message" in payload,
        _message,
    ),
    Envelope(
        "S3's event on EventBridge",
        lambda payload: payload.get("source") == "aws.s3" and "detail-type" in payload,
        _object_of_event,
    ),
    Envelope(
        "an event of EventBridge",
        lambda payload: {"detail-type", "source", "detail"} <= payload.keys(),
        lambda payload: [payload["detail"]],
    ),
    Envelope(
        "a failed event that Lambda sent to its destination",
        lambda payload: {"requestContext", "requestPayload"} <= payload.keys(),
        lambda payload: [payload["requestPayload"]],
    ),
)


def plain(attribute: Payload) -> Any:
    """Return a DynamoDB attribute's value: numbers with all their digits, sets as sets.

    Raises:
        InvalidRecord: it is of no type that DynamoDB has.
    """
    [(kind, value)] = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "NULL":
            return None
        case "N":
            return _number(value)
        case "B":
            return base64.b64decode(value)
        case "M":
            return {name: plain(inner) for name, inner in value.items()}
        case "L":
            return [plain(inner) for inner in value]
        case "SS":
            return frozenset(value)
        case "NS":
            return frozenset(_number(member) for member in value)
        case "BS":
            return frozenset(base64.b64decode(member) for member in value)
        case _:
            raise InvalidRecord("has an attribute of no type that DynamoDB has")


def _number(written: str) -> int | Decimal:
    number = Decimal(written)
    return int(number) if written.lstrip("-").isdecimal() else number
