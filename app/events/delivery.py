"""Records in, results in every sink: all records of an invocation in one pass of the model."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from app.events.records import InvalidRecord, Record
from app.events.sinks import Result, Sink
from app.sentiment.classifier import SentimentClassifier
from app.telemetry.observation import Predicted, current

_logger = logging.getLogger(__name__)

_BEHIND = "is behind a failed record, which it must not overtake"


class NoSink(RuntimeError):
    """There is nowhere to put results, so that nothing was scored."""


class FailedRecords(RuntimeError):
    """Records of an event that can only fail as a whole; the message names each with its reason."""


class Delivery:
    """Scores records and writes the results to the sinks that are switched on."""

    def __init__(self, classifier: SentimentClassifier, sinks: Sequence[Sink]) -> None:
        self._classifier = classifier
        self._sinks = sinks

    def deliver(
        self,
        records: Sequence[Record | InvalidRecord],
        ids: Sequence[str],
        groups: Sequence[str | None] | None = None,
    ) -> list[str]:
        """Return the ids of the records whose result is not in every sink; log why.

        ``ids``: what the event calls each record. ``groups``: what keeps its order,
        None for what keeps none: of a group, nothing behind its first failed record is delivered.

        Raises:
            NoSink: no sink is switched on.
        """
        if records and not self._sinks:
            raise NoSink(
                "results have nowhere to go: set SENTIMENT_RESULTS_QUEUE_URL, "
                "SENTIMENT_RESULTS_TABLE or SENTIMENT_RESULTS_BUS"
            )
        groups = groups or [None] * len(records)
        reasons: dict[int, str] = {}
        valid: dict[int, Record] = {}
        held: set[str] = set()
        for i, (record, group) in enumerate(zip(records, groups, strict=True)):
            if group in held:
                reasons[i] = _BEHIND
            elif isinstance(record, InvalidRecord):
                reasons[i] = str(record)
                if group is not None:
                    held.add(group)
            else:
                valid[i] = record
        results, places = self._results(list(valid.values())), list(valid)
        for sink in self._sinks:
            for place, reason in sink.write(results).items():
                reasons.setdefault(places[place], f"{sink.name}: {reason}")
        held = set()
        for i, group in enumerate(groups):
            if group in held:
                reasons.setdefault(i, _BEHIND)
            elif i in reasons and group is not None:
                held.add(group)
        for i, reason in sorted(reasons.items()):
            _logger.error("record %s failed: %s", ids[i], reason)
        current().rejected += len(reasons)
        return [ids[i] for i in sorted(reasons)]

    def deliver_stream(
        self, records: Sequence[Record | InvalidRecord], ids: Sequence[str]
    ) -> dict[str, list[dict[str, str]]]:
        """Deliver what keeps its order; return the first that failed as a stream's source does."""
        failed = self.deliver(records, ids, ["stream"] * len(records))
        return {"batchItemFailures": [{"itemIdentifier": id} for id in failed[:1]]}

    def deliver_whole(self, records: Sequence[Record | InvalidRecord], ids: Sequence[str]) -> None:
        """Deliver records of an event that has no way to report a part of it.

        Raises:
            FailedRecords: a record failed; the invoker sends the whole event again.
            NoSink: no sink is switched on.
        """
        if failed := self.deliver(records, ids):
            raise FailedRecords(f"failed, with the reasons in the log: {', '.join(failed)}")

    def _results(self, records: Sequence[Record]) -> list[Result]:
        predictions = self._classifier.predict([record.text for record in records])
        current().predicted += [
            Predicted(record.id, record.text, prediction, record.named)
            for record, prediction in zip(records, predictions, strict=True)
        ]
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        return [
            Result(
                id=record.id,
                sentiment=prediction.sentiment,
                confidence=prediction.confidence,
                scores=prediction.scores,
                model=prediction.model,
                time=time,
                metadata=record.metadata,
            )
            for record, prediction in zip(records, predictions, strict=True)
        ]
