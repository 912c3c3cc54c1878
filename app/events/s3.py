"""S3 objects: each scored as a whole into another, by whatever way the event of it came."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from app.events import Event, records
from app.objects.bucket import ObjectScoring, StoredObject


def objects_of(event: Mapping[str, Any]) -> list[StoredObject]:
    """Return the objects that S3 says were created, in its own event or EventBridge's."""
    if event.get("detail-type") == "Object Created":
        detail = event["detail"]
        return [StoredObject(detail["bucket"]["name"], detail["object"]["key"])]
    return [
        StoredObject(s3["bucket"]["name"], unquote_plus(s3["object"]["key"]))
        for s3 in (record["s3"] for record in event.get("Records", ()))
    ]


def is_about_objects(event: Mapping[str, Any]) -> bool:
    """Return whether it is S3's event, EventBridge's event of S3, or S3's test of a new target."""
    if event.get("source") == "aws.s3":
        return event.get("detail-type") == "Object Created"
    return records.are_of(dict(event), "eventSource", "aws:s3") or event.get("Event") == (
        "s3:TestEvent"
    )


class S3:
    """S3's own notifications and EventBridge's events of S3."""

    def __init__(self, scoring: ObjectScoring) -> None:
        self._scoring = scoring

    def matches(self, event: Event) -> bool:
        return is_about_objects(event)

    def handle(self, event: Event, context: Any) -> None:
        """Score the objects.

        Raises:
            UnreadableObject: none of an object's rows can be scored.
            DoesNotFit: an object takes longer than an invocation.
        """
        for stored in objects_of(event):
            self._scoring.score(stored, context)
