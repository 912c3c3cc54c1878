"""What arrives and is not for us: there is nothing to score, and nothing is wrong.

Each kind is skipped with one line in the log; it is neither a failure nor a rejected record. What
is malformed is none of these, and fails. docs/inputs.md lists both tables as they stand here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.sinks.bus import EVENT_SOURCE
from app.sinks.results import Feedback, Result

Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of payload that has nothing to score."""

    name: str
    matches: Callable[[Payload], bool]


def kind_of(payload: Payload) -> str:
    """Return the name of the kind that it is of, or nothing where it is of none."""
    detail = payload.get("detail")
    if "text" in payload or (isinstance(detail, Mapping | str) and "text" in detail):
        return ""
    return next((kind.name for kind in KINDS if kind.matches(payload)), "")


def kind_of_object(key: str, size: object = None) -> str:
    """Return the name of the kind that an object of S3 is of, or nothing where it is of none."""
    if size == 0:
        return "an object of 0 bytes"
    return next((name for name, pattern in OBJECTS if pattern.search(key)), "")


OBJECTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a folder marker: its key ends with / or _$folder$", re.compile(r"(/|_\$folder\$)\Z")),
    (
        "a job's own file: _SUCCESS, _FAILURE, _started, _committed, _metadata, _common_metadata, "
        ".crc, .csv.metadata, -manifest.csv, manifest.json",
        re.compile(
            r"(^|/)(_SUCCESS|_FAILURE|_(started|committed)(_\d+)?|_metadata|_common_metadata"
            r"|[^/]*\.crc|[^/]*\.csv\.metadata|[^/]*-manifest\.csv|manifest\.json)\Z"
        ),
    ),
    (
        "what lies in a folder for what is unfinished: _temporary/, _spark_metadata/, _delta_log/, "
        ".hive-staging…/, .spark-staging…/",
        re.compile(
            r"(^|/)(_temporary|_spark_metadata|_delta_log|\.hive-staging[^/]*|\.spark-staging[^/]*)/"
        ),
    ),
    (
        "a file of a desktop: .DS_Store, ._…, Thumbs.db, desktop.ini, __MACOSX/",
        re.compile(r"(^|/)(\.DS_Store\Z|\._[^/]*\Z|Thumbs\.db\Z|desktop\.ini\Z|__MACOSX/)"),
    ),
)


_PINGS = frozenset(["warmer", "warmup", "warm-up", "warm_up", "keep-warm", "keep_warm", "ping"])
_BESIDE_PINGS = frozenset(["source", "concurrency", "correlationId", "id", "time", "test"])


def _warms_up(payload: Payload) -> bool:
    if payload.get("source") == "serverless-plugin-warmup":
        return True
    others = {name for name in payload if not str(name).startswith("__WARMER")} - _BESIDE_PINGS
    return others <= _PINGS and any(payload[name] not in (None, False) for name in others)


def _is_schedule(payload: Payload) -> bool:
    return payload.get("detail-type") == "Scheduled Event" or (
        payload.get("source") == "aws.scheduler"
    )


def _is_own(payload: Payload) -> bool:
    from_the_bus = payload.get("source") == EVENT_SOURCE and (
        payload.get("detail-type") in (Result.detail_type, Feedback.detail_type)
    )
    result = {"id", "sentiment", "confidence", "scores", "model", "time"} <= payload.keys()
    said = str(payload.get("id")).startswith("feedback/") and "prediction" in payload
    return from_the_bus or result or said


def _is_change_without_text(payload: Payload) -> bool:
    """Whether nothing was written by a change of a table that could be scored."""
    if payload.get("eventSource") != "aws:dynamodb":
        return False
    change = payload.get("dynamodb")
    if not isinstance(change, Mapping):
        return False
    after, before = change.get("NewImage") or {}, change.get("OldImage") or {}
    return payload.get("eventName") == "REMOVE" or after.get("text") == before.get("text")


def _is_other_s3_event(payload: Payload) -> bool:
    if payload.get("eventSource") == "aws:s3":
        name = payload.get("eventName")
        return isinstance(name, str) and (not name.removeprefix("s3:").startswith("ObjectCreated:"))
    return payload.get("source") == "aws.s3" and payload.get("detail-type") != "Object Created"


def _is_aws_event(payload: Payload) -> bool:
    source = payload.get("source")
    # A partner's events, of aws.partner/…, are a customer's.
    if not isinstance(source, str) or source == "aws.s3" or source.startswith("aws.partner/"):
        return False
    return source.startswith("aws.") and "detail-type" in payload


KINDS: tuple[Kind, ...] = (
    Kind("an empty object, as warm-up plug-ins send", lambda payload: not payload),
    Kind("a warm-up plug-in's ping", _warms_up),
    Kind("a schedule's ping", _is_schedule),
    Kind("S3's test of a new target", lambda payload: payload.get("Event") == "s3:TestEvent"),
    Kind("an event of S3 other than of an object's creation", _is_other_s3_event),
    Kind("an event of another service of AWS", _is_aws_event),
    Kind("a result or feedback of this service", _is_own),
    Kind(
        "a change of a table that removes an item, shows none or writes no new text",
        _is_change_without_text,
    ),
    Kind(
        "SNS's confirmation of a subscription",
        lambda payload: (
            payload.get("Type") in ("SubscriptionConfirmation", "UnsubscribeConfirmation")
        ),
    ),
    Kind(
        "lines of CloudWatch Logs",
        lambda payload: (
            "awslogs" in payload or ("messageType" in payload and "logEvents" in payload)
        ),
    ),
    Kind("no records at all", lambda payload: payload.get("Records") == []),
)
