"""Records in, results in every sink, within the time that the invocation has."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.deadline import Deadline
from app.events.records import InvalidRecord, Record, described
from app.objects.formats import UnreadableObject
from app.objects.handover import DoesNotFit, HandOverFailed
from app.objects.invocation import ObjectScorer
from app.objects.s3 import StorageError, StoredObject
from app.sentiment.classifier import SentimentClassifier
from app.sinks import Outbox, Sink
from app.sinks.batching import Entry
from app.sinks.results import Result, Unfit
from app.telemetry.observation import LoggedPrediction, current

_logger = logging.getLogger(__name__)

RESERVE_SECONDS = 3.0
"""Of an invocation, kept for its answer and its log lines."""
SINKS_SHARE = 0.25
"""Of the time that an invocation has when it begins, kept for the sinks."""
PASS_CHARACTERS = 100_000
"""Of the texts in one pass: seconds of work, after which the time left is looked at."""
SECONDS_ELSEWHERE = 60.0
"""For the sinks, where no Lambda says how much time is left."""


class NoSink(RuntimeError):
    """There is nowhere to put results, so that nothing was scored."""


class FailedRecords(RuntimeError):
    """Records of an event that can only fail as a whole; the message names each with its reason."""


@dataclass(frozen=True)
class Arrived:
    """A part of an event, and where it stands in it."""

    content: Record | StoredObject | InvalidRecord
    id: str
    """What the event calls the record that it is of; empty where it says nothing."""
    group: str | None = None
    """What keeps its order, such as a shard; None where nothing does."""


@dataclass(frozen=True)
class Failure:
    """Why something was not delivered."""

    reason: str
    cause: Exception | None = None
    """What scoring an object raised."""
    held: bool = False
    """Nothing is wrong with it: it stands behind a failure, or there was no time for it."""


class Delivery:
    """Scores records and objects, and writes the results to the sinks that are switched on."""

    def __init__(
        self, classifier: SentimentClassifier, sinks: Sequence[Sink], objects: ObjectScorer
    ) -> None:
        self._classifier = classifier
        self._sinks = sinks
        self._objects = objects

    def deliver(self, arrived: Sequence[Arrived], context: Any) -> dict[int, Failure]:
        """Return what was not delivered, by its place, and log why.

        What fails fails alone, and all sinks hold what does not. Within a group, order holds to the
        letter: before anything is sent to any sink, all that stands before it in its group is in
        every sink; what stands behind a failure is sent to none. So each sink has of each group a
        beginning, that beginning of a sink is at most one longer than that of another, and what
        is returned are all the others. What has no group is sent in as few calls as the services
        allow; of a group one result is sent at a time, together with those of other groups.

        Raises:
            NoSink: no sink is switched on, and there is nothing but texts.
        """
        failures = {
            place: Failure(str(one.content))
            for place, one in enumerate(arrived)
            if isinstance(one.content, InvalidRecord)
        }
        groups = _Groups(arrived, failures)
        ready = [place for place in range(len(arrived)) if groups.may_go(place)]
        texts = any(isinstance(arrived[place].content, Record) for place in ready)
        outbox = Outbox(self._sinks, _deadline(context if texts else None))
        score_by = _score_by(context)
        prepared = self._prepare(
            {place: arrived[place] for place in ready}, outbox, groups, score_by
        )
        for wave in groups.waves(ready):
            entries = {place: prepared[place] for place in wave if place in prepared}
            for place, reason in outbox.send(entries).items():
                groups.fail(place, Failure(reason))
            for place in wave:
                content = arrived[place].content
                if isinstance(content, StoredObject) and (failure := self._score(content, context)):
                    groups.fail(place, failure)
        groups.hold_back()
        for place, failure in sorted(failures.items()):
            _logger.error("record %s failed: %s", arrived[place].id, failure.reason)
        current().rejected += sum(not failure.held for failure in failures.values())
        return failures

    def _prepare(
        self, ready: Mapping[int, Arrived], outbox: Outbox, groups: "_Groups", score_by: Deadline
    ) -> dict[int, list[Entry]]:
        """Score the records; return by place what each sink is to be sent of them."""
        records = {
            place: one.content for place, one in ready.items() if isinstance(one.content, Record)
        }
        if not records:
            return {}
        if not self._sinks:
            nowhere = (
                "results have nowhere to go: set SENTIMENT_RESULTS_QUEUE_URL, "
                "SENTIMENT_RESULTS_TABLE or SENTIMENT_RESULTS_BUS"
            )
            if len(records) == len(ready):
                raise NoSink(nowhere)
            for place in records:
                groups.fail(place, Failure(nowhere))
            return {}
        prepared = {}
        results = self._results(list(records.values()), score_by)
        for place in list(records)[len(results) :]:
            groups.fail(
                place, Failure("was not scored, as the invocation's time ran out", held=True)
            )
        for place, result in zip(records, results, strict=False):
            try:
                prepared[place] = outbox.prepare(place, result)
            except Unfit as error:
                groups.fail(place, Failure(str(error)))
        return prepared

    def _results(self, records: Sequence[Record], score_by: Deadline) -> list[Result]:
        """Return the records' results in order; where time runs out, those of the first ones."""
        results: list[Result] = []
        seconds_per_character = 0.0
        for part in _passes(records):
            characters = sum(len(record.text) for record in part)
            # The next pass may turn out twice as slow as any so far.
            if results and 2 * seconds_per_character * characters > score_by.left:
                break
            started = time.monotonic()
            results += self._scored(part)
            seconds_per_character = max(
                seconds_per_character, (time.monotonic() - started) / characters
            )
        return results

    def _scored(self, records: Sequence[Record]) -> list[Result]:
        predictions = self._classifier.predict([record.text for record in records])
        current().predicted += [
            LoggedPrediction(record.id, record.text, prediction, record.named)
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

    def _score(self, stored: StoredObject, context: Any) -> Failure | None:
        try:
            self._objects.score(stored, context)
        except (UnreadableObject, DoesNotFit, HandOverFailed, StorageError) as error:
            return Failure(f"{type(error).__name__}: {error}", error)
        except Exception as error:  # whatever an object's is, the others go on
            return Failure(described(error), error)
        return None


class _Groups:
    """What may still go, as each group stops at its first failure."""

    def __init__(self, arrived: Sequence[Arrived], failures: dict[int, Failure]) -> None:
        self._of = [one.group for one in arrived]
        self._failures = failures
        self._broken_at: dict[str, int] = {}
        for place, failure in failures.items():
            self.fail(place, failure)

    def fail(self, place: int, failure: Failure) -> None:
        """Note a failure: what stands behind it in its group goes no more."""
        self._failures[place] = failure
        group = self._of[place]
        if group is not None:
            self._broken_at[group] = min(place, self._broken_at.get(group, place))

    def may_go(self, place: int) -> bool:
        """Return whether neither it nor anything before it in its group failed."""
        return place not in self._failures and not self._is_behind(place)

    def _is_behind(self, place: int) -> bool:
        group = self._of[place]
        return group is not None and place > self._broken_at.get(group, place)

    def waves(self, places: Sequence[int]) -> Iterator[list[int]]:
        """Yield what may go together: of each group the next, and at first all that has none."""
        numbers: dict[str, int] = {}
        waves: list[list[int]] = []
        for place in places:
            group = self._of[place]
            number = 0 if group is None else numbers.get(group, 0)
            if group is not None:
                numbers[group] = number + 1
            if number == len(waves):
                waves.append([])
            waves[number].append(place)
        for wave in waves:
            if going := [place for place in wave if self.may_go(place)]:
                yield going

    def hold_back(self) -> None:
        """Have all fail that stand behind a failure."""
        for place in range(len(self._of)):
            if place not in self._failures and self._is_behind(place):
                reason = "is behind a failed record, which it must not overtake"
                self._failures[place] = Failure(reason, held=True)


def _passes(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Yield the records in parts of about `PASS_CHARACTERS`, most often all at once."""
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


def _score_by(context: Any) -> Deadline:
    """Return until when the invocation may score, so that time is left for the sinks."""
    if context is None:
        return Deadline(float("inf"))
    return Deadline(context.get_remaining_time_in_millis() / 1000 * (1 - SINKS_SHARE))


def _deadline(context: Any) -> Deadline:
    """Return until when the invocation may write to sinks, as Lambda counts it."""
    if context is None:
        return Deadline(SECONDS_ELSEWHERE)
    return Deadline(context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS)
