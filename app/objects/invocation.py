"""Scores an S3 object within one Lambda invocation, or hands it over to the state machine."""

import logging
from dataclasses import asdict
from typing import Any

from app.deadline import Deadline
from app.objects import storage
from app.objects.budget import BudgetExhausted, TimeBudget
from app.objects.formats import ReadOptions
from app.objects.handover import hand_over
from app.objects.s3 import StoredObject
from app.objects.scoring import Summary, Target, score_object
from app.scoring.configuration import text_limits
from app.sentiment.classifier import SentimentClassifier
from app.settings import Settings
from app.telemetry.observation import current

_logger = logging.getLogger(__name__)


class ObjectScorer:
    """Scores objects into the prefixes that the settings name."""

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
        """Score an object; skip one that is empty, or itself a result.

        Returns the summary, or the execution that the object was handed over to, or None if it was
        skipped.

        ``context``: Lambda's, which limits the time.

        Raises:
            UnreadableObject: no row can be scored.
            ObjectChanged: the object was overwritten meanwhile, so its event must be retried.
            OSError: the object cannot be read, or the results cannot be written.
            DoesNotFit: it takes longer than an invocation, and cannot be handed over.
            HandOverFailed: it takes longer than an invocation, and the state machine did not start.
        """
        settings = self._settings
        if stored.key.startswith((settings.scored_prefix, settings.rejected_prefix)):
            _logger.info("%s is a result and is not scored", stored)
            current().skipped += 1
            return None
        deadline = Deadline.of_invocation(context) if context else None
        budget = TimeBudget(deadline) if deadline else None
        with storage.open_input(stored, budget.check if budget else lambda: None) as source:
            if source.size == 0:
                _logger.info("%s is empty and is not scored", stored)
                current().skipped += 1
                return None
            try:
                summary = self._score(source, stored, budget)
            except BudgetExhausted:
                assert source.version and deadline
                execution = hand_over(
                    settings.state_machine,
                    stored,
                    source.version,
                    self._options,
                    [self._classifier.bundle.revision, settings.neutral, *text_limits(settings)],
                    deadline,
                )
                return {"handed_over_to": execution}
        current().rejected += summary.rejected
        _logger.info("%s: %d rows, %d rejected", stored, summary.rows, summary.rejected)
        return asdict(summary)

    def _score(
        self, source: storage.Input, stored: StoredObject, budget: TimeBudget | None
    ) -> Summary:
        settings = self._settings
        scored = f"{settings.scored_prefix}{stored.key}"
        rejected = f"{settings.rejected_prefix}{stored.key}.jsonl"
        return score_object(
            source,
            Target(
                scored=StoredObject(stored.bucket, scored),
                rejected=StoredObject(stored.bucket, rejected),
                summary=StoredObject(stored.bucket, f"{scored}.summary.json"),
            ),
            self._classifier,
            options=self._options,
            keep_rejected=settings.keep_rejected,
            neutral=settings.neutral,
            limits=text_limits(settings),
            budget=budget,
        )
