"""Opens the envelopes in which AWS services wrap what they pass on.

A text may come in a message of a queue, which holds a notification of a topic, which holds an event
of a bus, and so on. Each envelope is recognised by its shape, so they may be nested in any order.
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
    NO_TEXT,
    InvalidRecord,
    ParseText,
    Record,
    decode_utf8,
    parse_payload,
    parse_record,
)
from app.objects.s3 import StoredObject
from app.sentiment.text import Text
from app.telemetry.exceptions import located

MAX_ENVELOPES = 8
MAX_DECOMPRESSED_BYTES = 10 * 1024 * 1024
"""Size of decompressed data; no AWS service accepts a record as large."""

Payload = Mapping[str, Any]


class Skipped(NamedTuple):
    """Nothing to score, of a kind in `app.events.skipped`."""

    kind: str


Content = Record | StoredObject | Skipped | InvalidRecord


def contents(payload: Any, id: str, parse_text: ParseText) -> list[Content]:
    """Return the contents of a payload: usually one, but an envelope may hold several.

    Never raises: a content that cannot be parsed is returned as an `InvalidRecord`.

    ``id``: used for a text that has none; several such texts are numbered.
    """
    leaves = list(_open(payload, 0))
    texts = sum(isinstance(leaf, str | Mapping) for leaf in leaves)
    result: list[Content] = []
    for leaf in leaves:
        if not isinstance(leaf, str | Mapping):
            result.append(leaf)
            continue
        try:
            text_id = f"{id}#{len(result)}" if id and texts > 1 else id
            result.append(parse_record(leaf, text_id, parse_text))
        except InvalidRecord as error:
            result.append(error)
        except Exception as error:  # an unexpected failure must not affect other records
            result.append(InvalidRecord(f"cannot be read: {located(error)}"))
    return result


def objects_of(event: Payload) -> list[StoredObject]:
    """Return the S3 objects of an event."""
    return [
        content
        for content in contents(event, "", lambda _: Text(""))
        if isinstance(content, StoredObject)
    ]


_Leaf = str | Payload | StoredObject | Skipped | InvalidRecord


def _open(payload: Any, depth: int) -> Iterator[_Leaf]:
    try:
        yield from _leaves(payload, depth)
    except InvalidRecord as error:
        yield error
    except Exception as error:  # an unexpected failure must not affect other records
        yield InvalidRecord(f"is malformed: {located(error)}")


def _leaves(payload: Any, depth: int) -> Iterator[_Leaf]:
    if depth > MAX_ENVELOPES:
        raise InvalidRecord(f"is wrapped in more than {MAX_ENVELOPES} envelopes")
    if isinstance(payload, bytes):
        for decoded in _decode(payload):
            yield from _open(decoded, depth + 1)
        return
    if isinstance(payload, str):
        payload = parse_payload(payload)
    if isinstance(payload, str | StoredObject | Skipped):
        yield payload
        return
    if not isinstance(payload, Mapping):
        raise InvalidRecord("is neither a text nor a JSON object")
    if "text" in payload:
        yield payload
        return
    if kind := skipped.kind_of(payload):
        yield Skipped(kind)
        return
    for envelope in ENVELOPES:
        if envelope.matches(payload):
            for inner in envelope.open(payload):
                yield from _open(inner, depth + 1)
            return
    raise InvalidRecord(NO_TEXT)


def _decode(data: bytes) -> Iterator[bytes | str]:
    """Yield the payloads in a record of a stream, which may be compressed or aggregated."""
    if data.startswith(b"\x1f\x8b"):
        try:
            content = gzip.GzipFile(fileobj=io.BytesIO(data)).read(MAX_DECOMPRESSED_BYTES + 1)
        except (OSError, EOFError, zlib.error):
            raise InvalidRecord("begins like gzip but cannot be decompressed") from None
        if len(content) > MAX_DECOMPRESSED_BYTES:
            raise InvalidRecord(f"has more than {MAX_DECOMPRESSED_BYTES:,} bytes, decompressed")
        yield decode_utf8(content)
    elif aggregated.is_aggregated(data):
        yield from aggregated.split_records(data)
    else:
        yield decode_utf8(data)


@dataclass(frozen=True)
class Envelope:
    """A payload that holds other payloads."""

    name: str
    matches: Callable[[Payload], bool]
    open: Callable[[Payload], list[Any]]


def _is_record_of(source: str) -> Callable[[Payload], bool]:
    return lambda payload: source in (payload.get("eventSource"), payload.get("EventSource"))


def _message(notification: Payload) -> list[Any]:
    if not isinstance(notification["Message"], str):
        raise InvalidRecord("is a notification whose Message is not a string")
    return [notification["Message"]]


def _data(record: Payload) -> list[Any]:
    try:
        # EventBridge Pipes do not nest the fields of a Kinesis record.
        return [base64.b64decode(record.get("kinesis", record)["data"], validate=True)]
    except binascii.Error:
        raise InvalidRecord("has data that are not base64") from None


def _body(message: Payload) -> list[Any]:
    if not isinstance(message["body"], str):
        raise InvalidRecord("has a body that is not a string")
    return [message["body"]]


def _new_image(record: Payload) -> list[Any]:
    image = record["dynamodb"]["NewImage"]
    return [{name: attribute_value(attribute) for name, attribute in image.items()}]


def _object_of_record(record: Payload) -> list[Any]:
    # The key is URL-encoded here, but not in an event on EventBridge.
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
        "an event with a list of records",
        lambda payload: isinstance(payload.get("Records"), list),
        lambda payload: list(payload["Records"]),
    ),
    Envelope("an SQS message", _is_record_of("aws:sqs"), _body),
    Envelope("an SNS record", _is_record_of("aws:sns"), lambda payload: _message(payload["Sns"])),
    Envelope("a Kinesis record", _is_record_of("aws:kinesis"), _data),
    Envelope("a DynamoDB stream record", _is_record_of("aws:dynamodb"), _new_image),
    Envelope("an S3 record", _is_record_of("aws:s3"), _object_of_record),
    Envelope(
        "an SNS notification",
        lambda payload: payload.get("Type") == "Notification" and "Message" in payload,
        _message,
    ),
    Envelope(
        "an S3 event via EventBridge",
        lambda payload: payload.get("source") == "aws.s3" and "detail-type" in payload,
        _object_of_event,
    ),
    Envelope(
        "an EventBridge event",
        lambda payload: {"detail-type", "source", "detail"} <= payload.keys(),
        lambda payload: [payload["detail"]],
    ),
    Envelope(
        "a Lambda failure-destination record",
        lambda payload: {"requestContext", "requestPayload"} <= payload.keys(),
        lambda payload: [payload["requestPayload"]],
    ),
)


def attribute_value(attribute: Payload) -> Any:
    """Return the value of a DynamoDB attribute, with all digits of numbers, and sets as sets.

    Raises:
        InvalidRecord: DynamoDB has no such type.
    """
    [(type_, value)] = attribute.items()
    match type_:
        case "S" | "BOOL":
            return value
        case "NULL":
            return None
        case "N":
            return _number(value)
        case "B":
            return base64.b64decode(value)
        case "M":
            return {name: attribute_value(inner) for name, inner in value.items()}
        case "L":
            return [attribute_value(inner) for inner in value]
        case "SS":
            return frozenset(value)
        case "NS":
            return frozenset(_number(member) for member in value)
        case "BS":
            return frozenset(base64.b64decode(member) for member in value)
        case _:
            raise InvalidRecord("has an attribute of an unknown DynamoDB type")


def _number(digits: str) -> int | Decimal:
    number = Decimal(digits)
    return int(number) if digits.lstrip("-").isdecimal() else number
