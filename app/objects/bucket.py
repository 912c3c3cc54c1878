"""Objects of a bucket, each scored within an invocation or handed over to the state machine."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from app.deadline import Deadline
from app.objects import storage
from app.objects.budget import BudgetExhausted, TimeBudget
from app.objects.formats import ReadOptions
from app.objects.handover import hand_over
from app.objects.s3 import StoredObject as StoredObject
from app.objects.scoring import Summary, Target, score_object
from app.scoring.configuration import text_limits
from app.sentiment.classifier import SentimentClassifier
from app.settings import Settings
from app.telemetry.observation import current

_logger = logging.getLogger(__name__)


class ObjectScoring:
    """Scores objects into the prefixes that the settings name, or has a state machine do it."""

    def __init__(self, classifier: SentimentClassifier, settings: Settings) -> None:
        self._classifier = classifier
        self._settings = settings
        self._options = ReadOptions(
            settings.text_column,
            settings.csv_delimiter,
            settings.csv_header,
            settings.text_encoding,
        )

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
        left = _seconds_left(context)
        budget = TimeBudget(left) if context else None
        with storage.reading(stored, budget.check if budget else lambda: None) as source:
            if source.size == 0:
                _logger.info("%s is empty and is not scored", stored)
                current().skipped += 1
                return None
            try:
                summary = self._score(source, stored, budget)
            except BudgetExhausted:
                assert source.version
                execution = hand_over(
                    settings.state_machine,
                    stored,
                    source.version,
                    self._options,
                    self._classifier.bundle.revision,
                    Deadline(left()),
                )
                return {"handed_over_to": execution}
        current().rejected += summary.rejected
        _logger.info("%s: %d rows, %d rejected", stored, summary.rows, summary.rejected)
        return asdict(summary)

    def _score(
        self, source: storage.Source, stored: StoredObject, budget: TimeBudget | None
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
            options=self._options,
            keep_rejected=settings.keep_rejected,
            limits=text_limits(settings),
            budget=budget,
        )


def _seconds_left(context: Any) -> Callable[[], float]:
    """Return how Lambda tells the time until it ends the invocation."""
    return lambda: float(context.get_remaining_time_in_millis() / 1000)
