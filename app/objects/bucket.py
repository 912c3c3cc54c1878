"""Objects of a bucket, each scored within an invocation or handed over to the state machine."""

import hashlib
import json
import logging
from dataclasses import asdict
from typing import Any

from app import aws
from app.objects import s3, storage
from app.objects.deadline import Deadline, OutOfTime
from app.objects.formats import ReadOptions
from app.objects.s3 import StoredObject as StoredObject
from app.objects.scoring import Summary, Target, score_object
from app.sentiment.classifier import SentimentClassifier
from app.settings import Settings
from app.telemetry.observation import current

_logger = logging.getLogger(__name__)

MAPPABLE = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
"""What the state machine reads row by row: the format by the end of the key, in any case."""
_UNFINISHED = ("FAILED", "TIMED_OUT", "ABORTED")
"""How an execution ends that has not scored its object."""


class DoesNotFit(RuntimeError):
    """An object that takes longer than an invocation, and that no state machine can take over."""


class HandOverFailed(RuntimeError):
    """The state machine could not be started; the object's event must come again."""


class ObjectScoring:
    """Scores objects into the prefixes that the settings name, or has a state machine do it."""

    def __init__(self, classifier: SentimentClassifier, settings: Settings) -> None:
        self._classifier = classifier
        self._settings = settings

    def score(self, stored: StoredObject, context: Any) -> dict[str, Any] | None:
        """Score an object, unless it is one of the function's own or empty.

        Returns what became of it. ``context``: Lambda's, which knows the time that is left.

        Raises:
            UnreadableObject: none of its rows can be scored.
            ObjectChanged: it was overwritten meanwhile, so that its event must come again.
            OSError: it cannot be read, or its results cannot be written.
            DoesNotFit: it takes longer than an invocation.
            HandOverFailed: so it does, and the state machine could not be started.
        """
        settings = self._settings
        if stored.key.startswith((settings.scored_prefix, settings.rejected_prefix)):
            _logger.info("%s is a result and is not scored", stored)
            current().skipped += 1
            return None
        deadline = None
        if context:
            deadline = Deadline(lambda: float(context.get_remaining_time_in_millis() / 1000))
        with storage.reading(stored, deadline.check if deadline else lambda: None) as source:
            if source.size == 0:
                _logger.info("%s is empty and is not scored", stored)
                current().skipped += 1
                return None
            try:
                summary = self._score(source, stored, deadline)
            except OutOfTime:
                assert source.version
                return {"handed_over_to": self._hand_over(stored, source.version)}
        current().rejected += summary.rejected
        _logger.info("%s: %d rows, %d rejected", stored, summary.rows, summary.rejected)
        return asdict(summary)

    def _score(
        self, source: storage.Source, stored: StoredObject, deadline: Deadline | None
    ) -> Summary:
        settings = self._settings
        scored = f"{settings.scored_prefix}{stored.key}"
        return score_object(
            source,
            Target(
                scored=StoredObject(stored.bucket, scored),
                rejected=StoredObject(
                    stored.bucket, f"{settings.rejected_prefix}{stored.key}.jsonl"
                ),
                summary=StoredObject(stored.bucket, f"{scored}.summary.json"),
            ),
            self._classifier,
            options=ReadOptions(settings.text_column),
            limits=settings.text_limits,
            deadline=deadline,
        )

    def _hand_over(self, stored: StoredObject, version: s3.Version) -> str:
        """Have the state machine score the object, once for each version; return the execution."""
        machine = self._settings.state_machine
        ends = (found for end, found in MAPPABLE.items() if stored.key.lower().endswith(end))
        form = next(ends, None)
        if not machine or not form:
            other = (
                f"or have it as {' or '.join(MAPPABLE)}, which the state machine takes over"
                if machine
                else "or set SENTIMENT_STATE_MACHINE"
            )
            raise DoesNotFit(
                f"{stored} takes longer than an invocation: split it, raise the function's "
                f"timeout or memory, {other}"
            )
        job = {"bucket": stored.bucket, "key": stored.key, "format": form}
        if version.id not in (None, "null"):
            job["version_id"] = version.id
        identity = json.dumps(
            [*stored, *version, self._classifier.bundle.revision, self._settings.text_column]
        )
        name = hashlib.sha256(identity.encode()).hexdigest()[:32]
        execution = _start_once(machine, name, json.dumps(job))
        _logger.info("%s was handed over to %s", stored, execution)
        return execution


def _start_once(machine: str, name: str, job: str) -> str:
    """Start an execution unless one of this name runs or has succeeded; return its ARN.

    Raises:
        HandOverFailed: Step Functions refuses or cannot be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    client = aws.client("stepfunctions")
    attempt = 1
    try:
        while True:
            execution = f"{machine.replace(':stateMachine:', ':execution:')}:{name}-{attempt}"
            try:
                client.start_execution(stateMachineArn=machine, name=f"{name}-{attempt}", input=job)
                return execution
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                    raise
            status = client.describe_execution(executionArn=execution)["status"]
            if status not in _UNFINISHED:
                return execution
            attempt += 1
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise HandOverFailed(f"the state machine was not started: AWS answered {code}") from None
    except BotoCoreError as error:
        reason = type(error).__name__
        raise HandOverFailed(f"the state machine was not started: {reason}") from None
