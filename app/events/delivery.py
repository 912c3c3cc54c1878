"""Scores records and delivers the results to the sinks before the invocation ends."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.deadline import Deadline
from app.events.records import InvalidRecord, Record
from app.objects.formats import UnreadableObject
from app.objects.handover import DoesNotFit, HandOverFailed
from app.objects.invocation import ObjectScorer
from app.objects.s3 import StorageError, StoredObject
from app.scoring.options import NO_OPTIONS, Options, answer
from app.sentiment.classifier import SentimentClassifier
from app.sinks import Sink, SinkWriter
from app.sinks.batching import Entry
from app.sinks.results import Result, Unstorable
from app.telemetry.exceptions import located
from app.telemetry.observation import LoggedPrediction, current

_logger = logging.getLogger(__name__)

RESERVE_SECONDS = 3.0
"""Time at the end of an invocation for its answer and its log lines."""
SINKS_SHARE = 0.25
"""Share of an invocation's time that is reserved for the sinks."""
OTHERS_SHARE = 0.1
"""An object that begins after this share of the invocation is not refused as too long for one."""
PASS_CHARACTERS = 100_000
"""Characters scored in one pass: seconds of work, after which the time left is checked."""
SINK_SECONDS = 60.0
"""Time for the sinks outside Lambda."""


class NoSink(RuntimeError):
    """No sink is configured, so nothing was scored."""


class FailedRecords(RuntimeError):
    """Records failed, and their whole event must be retried; the message lists their ids."""


@dataclass(frozen=True)
class Item:
    """Something to score in an event, with the id and the group of its record."""

    content: Record | StoredObject | InvalidRecord
    id: str
    """The id of the record in the event; empty if it has none."""
    group: str | None = None
    """The group within which order is kept, such as a shard, or None."""


@dataclass(frozen=True)
class Failure:
    """Why something was not delivered."""

    reason: str
    cause: Exception | None = None
    """The exception that scoring an object or preparing a result raised."""
    deferred: bool = False
    """Whether it is valid, but follows a failure or was not reached in time."""


class Delivery:
    """Scores records and objects, and writes the results to the sinks."""

    def __init__(
        self,
        classifier: SentimentClassifier,
        sinks: Sequence[Sink],
        objects: ObjectScorer,
        options: Options = NO_OPTIONS,
    ) -> None:
        self._classifier = classifier
        self._options = options
        self._sinks = sinks
        self._objects = objects

    def deliver(self, items: Sequence[Item], context: Any) -> dict[int, Failure]:
        """Return the failures by index, and log their reasons.

        A failure affects only the items that follow it in its group; all others reach every sink.
        Within a group, a result is sent once every sink has all earlier results of the group. So
        each sink holds a prefix of each group, and the prefixes of two sinks differ by at most one
        result. Items without a group are sent in as few calls as the services allow. Groups are
        sent side by side, one result of each at a time.

        Raises:
            NoSink: no sink is configured, and all items are texts.
        """
        failures = {
            index: Failure(str(item.content))
            for index, item in enumerate(items)
            if isinstance(item.content, InvalidRecord)
        }
        groups = _Groups(items, failures)
        ready = [index for index in range(len(items)) if groups.may_send(index)]
        has_texts = any(isinstance(items[index].content, Record) for index in ready)
        writer = SinkWriter(self._sinks, _sinks_deadline(context if has_texts else None))
        prepared = self._prepare(
            {index: items[index] for index in ready}, writer, groups, _scoring_deadline(context)
        )
        whole = _left(context)
        for batch in groups.rounds(ready):
            entries = {index: prepared[index] for index in batch if index in prepared}
            for index, reason in writer.send(entries).items():
                groups.fail(index, Failure(reason))
            for index in batch:
                content = items[index].content
                if isinstance(content, StoredObject):
                    delayed = _left(context) < (1 - OTHERS_SHARE) * whole
                    if failure := self._score_object(content, context, delayed=delayed):
                        groups.fail(index, failure)
        groups.defer_followers()
        for index, failure in sorted(failures.items()):
            _logger.error("record %s failed: %s", items[index].id, failure.reason)
        current().rejected += sum(not failure.deferred for failure in failures.values())
        return failures

    def _prepare(
        self, ready: Mapping[int, Item], writer: SinkWriter, groups: "_Groups", deadline: Deadline
    ) -> dict[int, list[Entry]]:
        """Score the records; return the entries for the sinks by index."""
        records = {
            index: item.content for index, item in ready.items() if isinstance(item.content, Record)
        }
        if not records:
            return {}
        if not self._sinks:
            no_sink = (
                "results have nowhere to go: set SENTIMENT_RESULTS_QUEUE_URL, "
                "SENTIMENT_RESULTS_TABLE or SENTIMENT_RESULTS_BUS"
            )
            if len(records) == len(ready):
                raise NoSink(no_sink)
            for index in records:
                groups.fail(index, Failure(no_sink))
            return {}
        prepared = {}
        results = self._results(list(records.values()), deadline)
        for index in list(records)[len(results) :]:
            reason = "was not scored, as the invocation's time ran out"
            groups.fail(index, Failure(reason, deferred=True))
        for index, result in zip(records, results, strict=False):
            try:
                prepared[index] = writer.prepare(index, result)
            except Unstorable as error:
                groups.fail(index, Failure(str(error)))
            except Exception as error:  # an unexpected failure must not affect other records
                groups.fail(index, Failure(located(error), error))
        return prepared

    def _results(self, records: Sequence[Record], deadline: Deadline) -> list[Result]:
        """Return the results of the records, or of the first ones if the time runs out."""
        results: list[Result] = []
        seconds_per_character = 0.0
        for part in _passes(records):
            characters = sum(len(record.text) for record in part)
            # The next pass may be twice as slow as any so far.
            if results and 2 * seconds_per_character * characters > deadline.left:
                break
            started = time.monotonic()
            results += self._score_records(part)
            seconds_per_character = max(
                seconds_per_character, (time.monotonic() - started) / characters
            )
        return results

    def _score_records(self, records: Sequence[Record]) -> list[Result]:
        texts = [record.text for record in records]
        predictions = answer(self._classifier, texts, texts, self._options)
        current().predicted += [
            LoggedPrediction(record.id, record.text, prediction, record.id_from_caller)
            for record, prediction in zip(records, predictions, strict=True)
        ]
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return [
            Result(
                id=record.id,
                sentiment=prediction.sentiment,
                confidence=prediction.confidence,
                scores=prediction.scores,
                model=prediction.model,
                time=now,
                metadata=record.metadata,
            )
            for record, prediction in zip(records, predictions, strict=True)
        ]

    def _score_object(self, stored: StoredObject, context: Any, *, delayed: bool) -> Failure | None:
        """``delayed``: whether other objects took much of the invocation's time before."""
        try:
            self._objects.score(stored, context)
        except DoesNotFit as error:
            if delayed:
                reason = "was not finished in the time that other objects left"
                return Failure(reason, deferred=True)
            return Failure(f"{type(error).__name__}: {error}", error)
        except (UnreadableObject, HandOverFailed, StorageError) as error:
            return Failure(f"{type(error).__name__}: {error}", error)
        except Exception as error:  # an unexpected failure must not affect other records
            return Failure(located(error), error)
        return None


class _Groups:
    """Which items may still be sent, as each group stops at its first failure."""

    def __init__(self, items: Sequence[Item], failures: dict[int, Failure]) -> None:
        self._groups = [item.group for item in items]
        self._failures = failures
        self._first_failures: dict[str, int] = {}
        """Index of the first failure of each group."""
        for index, failure in failures.items():
            self.fail(index, failure)

    def fail(self, index: int, failure: Failure) -> None:
        """Add a failure; what follows it in its group may no longer be sent."""
        self._failures[index] = failure
        group = self._groups[index]
        if group is not None:
            self._first_failures[group] = min(index, self._first_failures.get(group, index))

    def may_send(self, index: int) -> bool:
        """Return whether neither it nor anything before it in its group failed."""
        return index not in self._failures and not self._follows_failure(index)

    def _follows_failure(self, index: int) -> bool:
        group = self._groups[index]
        return group is not None and index > self._first_failures.get(group, index)

    def rounds(self, indices: Sequence[int]) -> Iterator[list[int]]:
        """Yield the indices to send together: at most one of each group.

        The first round also has all that are in no group.
        """
        sizes: dict[str, int] = {}
        rounds: list[list[int]] = []
        for index in indices:
            group = self._groups[index]
            number = 0 if group is None else sizes.get(group, 0)
            if group is not None:
                sizes[group] = number + 1
            if number == len(rounds):
                rounds.append([])
            rounds[number].append(index)
        for batch in rounds:
            if sendable := [index for index in batch if self.may_send(index)]:
                yield sendable

    def defer_followers(self) -> None:
        """Add a failure for everything that follows a failure in its group."""
        for index in range(len(self._groups)):
            if index not in self._failures and self._follows_failure(index):
                reason = "is behind a failed record, which it must not overtake"
                self._failures[index] = Failure(reason, deferred=True)


def _passes(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Yield the records in parts of about `PASS_CHARACTERS`; usually there is one."""
    part: list[Record] = []
    characters = 0
    for record in records:
        part.append(record)
        characters += len(record.text)
        if characters >= PASS_CHARACTERS:
            yield part
            part, characters = [], 0
    if part:
        yield part


def _left(context: Any) -> float:
    """Return the seconds that are left of the invocation."""
    return float("inf") if context is None else Deadline.of_invocation(context).left


def _scoring_deadline(context: Any) -> Deadline:
    """Return when scoring must end, so that time is left for the sinks."""
    return Deadline(_left(context) * (1 - SINKS_SHARE))


def _sinks_deadline(context: Any) -> Deadline:
    """Return when writing to the sinks must end."""
    if context is None:
        return Deadline(SINK_SECONDS)
    return Deadline(Deadline.of_invocation(context).left - RESERVE_SECONDS)
