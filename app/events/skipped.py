"""Events, records and objects that hold nothing to score, and are skipped.

Each kind is logged and counted; it is neither a failure nor a rejected record. Malformed records
are not skipped, but fail. docs/inputs.md lists `KINDS` and `OBJECT_KINDS`.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.sinks.bus import EVENT_SOURCE
from app.sinks.results import FEEDBACK_IDS, Feedback, Result
from app.telemetry.observation import current

_logger = logging.getLogger(__name__)

Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of payload that holds nothing to score."""

    name: str
    matches: Callable[[Payload], bool]


def log(kinds: Mapping[str, int]) -> None:
    """Log and count what was skipped, given the number of each kind."""
    current().skipped += sum(kinds.values())
    for kind, count in kinds.items():
        _logger.info("skipped %d: %s", count, kind)


def kind_of(payload: Payload) -> str:
    """Return the name of the kind of payload, or an empty string if it must be scored."""
    detail = payload.get("detail")
    if "text" in payload or (isinstance(detail, Mapping | str) and "text" in detail):
        return ""
    return next((kind.name for kind in KINDS if kind.matches(payload)), "")


def kind_of_object(key: str, size: object = None) -> str:
    """Return the name of the kind of S3 object, or an empty string if it must be scored."""
    if size == 0:
        return "an object of 0 bytes"
    return next((name for name, pattern in OBJECT_KINDS if pattern.search(key)), "")


OBJECT_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a folder marker: its key ends with / or _$folder$", re.compile(r"(/|_\$folder\$)\Z")),
    (
        "a job's marker or metadata file: _SUCCESS, _FAILURE, _started, _committed, _metadata, "
        "_common_metadata, .crc, .csv.metadata, -manifest.csv, manifest.json",
        re.compile(
            r"(^|/)(_SUCCESS|_FAILURE|_(started|committed)(_\d+)?|_metadata|_common_metadata"
            r"|[^/]*\.crc|[^/]*\.csv\.metadata|[^/]*-manifest\.csv|manifest\.json)\Z"
        ),
    ),
    (
        "a file in a temporary or transaction-log folder: _temporary/, _spark_metadata/, "
        "_delta_log/, .hive-staging…/, .spark-staging…/",
        re.compile(
            r"(^|/)(_temporary|_spark_metadata|_delta_log|\.hive-staging[^/]*|\.spark-staging[^/]*)/"
        ),
    ),
    (
        "a desktop metadata file: .DS_Store, ._…, Thumbs.db, desktop.ini, __MACOSX/",
        re.compile(r"(^|/)(\.DS_Store\Z|\._[^/]*\Z|Thumbs\.db\Z|desktop\.ini\Z|__MACOSX/)"),
    ),
)


_PING_KEYS = frozenset(["warmer", "warmup", "warm-up", "warm_up", "keep-warm", "keep_warm", "ping"])
_KEYS_BESIDE_PINGS = frozenset(["source", "concurrency", "correlationId", "id", "time", "test"])


def _is_ping(payload: Payload) -> bool:
    if payload.get("source") == "serverless-plugin-warmup":
        return True
    keys = {name for name in payload if not str(name).startswith("__WARMER")}
    pings = keys - _KEYS_BESIDE_PINGS
    return pings <= _PING_KEYS and any(payload[name] not in (None, False) for name in pings)


def _is_schedule(payload: Payload) -> bool:
    return payload.get("detail-type") == "Scheduled Event" or (
        payload.get("source") == "aws.scheduler"
    )


def _is_own(payload: Payload) -> bool:
    is_from_bus = payload.get("source") == EVENT_SOURCE and (
        payload.get("detail-type") in (Result.detail_type, Feedback.detail_type)
    )
    is_result = {"id", "sentiment", "confidence", "scores", "model", "time"} <= payload.keys()
    is_feedback = str(payload.get("id")).startswith(FEEDBACK_IDS) and "prediction" in payload
    return is_from_bus or is_result or is_feedback


def _is_change_without_text(payload: Payload) -> bool:
    """Return whether a DynamoDB stream record has no text, or the one that the item had before."""
    if payload.get("eventSource") != "aws:dynamodb":
        return False
    change = payload.get("dynamodb")
    if not isinstance(change, Mapping):
        return False
    new, old = change.get("NewImage") or {}, change.get("OldImage") or {}
    return payload.get("eventName") == "REMOVE" or new.get("text") == old.get("text")


def _is_other_s3_event(payload: Payload) -> bool:
    if payload.get("eventSource") == "aws:s3":
        name = payload.get("eventName")
        return isinstance(name, str) and (not name.removeprefix("s3:").startswith("ObjectCreated:"))
    return payload.get("source") == "aws.s3" and payload.get("detail-type") != "Object Created"


def _is_aws_event(payload: Payload) -> bool:
    source = payload.get("source")
    # Events of a partner, aws.partner/…, belong to a customer.
    if not isinstance(source, str) or source == "aws.s3" or source.startswith("aws.partner/"):
        return False
    return source.startswith("aws.") and "detail-type" in payload


KINDS: tuple[Kind, ...] = (
    Kind("an empty object, as warm-up plug-ins send", lambda payload: not payload),
    Kind("a warm-up plug-in's ping", _is_ping),
    Kind("a scheduled event", _is_schedule),
    Kind("an S3 test event", lambda payload: payload.get("Event") == "s3:TestEvent"),
    Kind("an S3 event other than Object Created", _is_other_s3_event),
    Kind("an event of another AWS service", _is_aws_event),
    Kind("a result or feedback of this service", _is_own),
    Kind(
        "a DynamoDB stream record that removes an item, has no new image, or does not change the "
        "text",
        _is_change_without_text,
    ),
    Kind(
        "an SNS subscription confirmation",
        lambda payload: (
            payload.get("Type") in ("SubscriptionConfirmation", "UnsubscribeConfirmation")
        ),
    ),
    Kind(
        "CloudWatch Logs data",
        lambda payload: (
            "awslogs" in payload or ("messageType" in payload and "logEvents" in payload)
        ),
    ),
    Kind("an event without records", lambda payload: payload.get("Records") == []),
)
