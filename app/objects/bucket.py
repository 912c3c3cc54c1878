"""Objects of a bucket, each scored within an invocation or handed over to the state machine."""

import json
import logging
from dataclasses import asdict
from typing import IO, Any, NamedTuple

from app import aws
from app.objects.scoring import Summary, Target, Watch, score_object
from app.sentiment.classifier import SentimentClassifier
from app.settings import Settings
from app.telemetry.observation import current

_logger = logging.getLogger(__name__)

RESERVE_SECONDS = 15.0
"""Of an invocation, kept for handing an object over."""
MAPPABLE = (".jsonl", ".csv")
"""What the state machine reads row by row."""


class DoesNotFit(RuntimeError):
    """An object that takes longer than an invocation, and that no state machine can take over."""


class StoredObject(NamedTuple):
    """An object in S3."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class _OutOfTime(Exception):
    """The invocation ends before the object does."""


class ObjectScoring:
    """Scores objects into the prefixes that the settings name, or has a state machine do it."""

    def __init__(self, classifier: SentimentClassifier, settings: Settings) -> None:
        self._classifier = classifier
        self._settings = settings

    def score(self, stored: StoredObject, context: Any) -> dict[str, Any] | None:
        """Score an object, unless it is one of the function's own; return what became of it.

        Raises:
            UnreadableObject: none of its rows can be scored.
            DoesNotFit: it takes longer than an invocation.
        """
        settings = self._settings
        if stored.key.startswith((settings.scored_prefix, settings.rejected_prefix)):
            _logger.info("%s is a result and is not scored", stored.uri)
            current().skipped += 1
            return None
        place = f"s3://{stored.bucket}"
        target = Target(
            scored=f"{place}/{settings.scored_prefix}{stored.key}",
            rejected=f"{place}/{settings.rejected_prefix}{stored.key}.jsonl",
            summary=f"{place}/{settings.scored_prefix}{stored.key}.summary.json",
        )
        try:
            summary = score_object(
                stored.uri,
                target,
                self._classifier,
                column=settings.text_column,
                max_characters=settings.max_text_characters,
                watch=_stopping_in_time(context),
            )
        except _OutOfTime:
            return {"handed_over_to": self._hand_over(stored)}
        current().rejected += summary.rejected
        _logger.info("%s: %d rows, %d rejected", stored.uri, summary.rows, summary.rejected)
        return asdict(summary)

    def _hand_over(self, stored: StoredObject) -> str:
        arn = self._settings.state_machine
        if not arn or not stored.key.endswith(MAPPABLE):
            other = (
                f"or have it as {' or '.join(MAPPABLE)}, which the state machine takes over"
                if arn
                else "or set SENTIMENT_STATE_MACHINE"
            )
            raise DoesNotFit(
                f"{stored.uri} takes longer than an invocation: split it, raise the function's "
                f"timeout or memory, {other}"
            )
        job = json.dumps({"bucket": stored.bucket, "key": stored.key})
        execution = aws.client("stepfunctions").start_execution(stateMachineArn=arn, input=job)
        _logger.info("%s was handed over to %s", stored.uri, execution["executionArn"])
        return str(execution["executionArn"])


def _stopping_in_time(context: Any) -> Watch:
    """Return a watch that stops while there is time left to hand over, as Lambda counts it."""

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis() / 1000) if context else RESERVE_SECONDS

    slowest, before = 0.0, seconds_left()

    def watch(summary: Summary, file: IO[bytes]) -> None:
        nonlocal slowest, before
        left = seconds_left()
        slowest = max(slowest, before - left)
        before = left
        if left < RESERVE_SECONDS + 2 * slowest:
            raise _OutOfTime

    return watch
