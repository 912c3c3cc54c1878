"""What one request, or one batch of records, came to; gathered while it is answered.

Whoever answers it need not pass it on: it is the context's own, in threads that it starts too.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

from app.sentiment.classifier import Prediction, ScoringStats
from app.sentiment.text import Text

DOUBTFUL = 0.7
"""A confidence under this is doubtful: of such answers, more than three in ten are wrong."""


class LoggedPrediction(NamedTuple):
    """A prediction that was given to someone, under the id that feedback names it by."""

    id: str
    text: Text
    prediction: Prediction
    named: bool = False
    """Whether the caller gave the id, so that logs do not show it."""


@dataclass
class Observation:
    """Counts and seconds so far."""

    correlation_id: str
    started: float = field(default_factory=time.perf_counter)
    positive: int = 0
    negative: int = 0
    doubtful: int = 0
    confidence_sum: float = 0.0
    tokens: int = 0
    variant_tokens: int = 0
    """What explanations computed besides; no metric, but a limit in tokens counts it."""
    windows: int = 0
    cache_hits: int = 0
    tokenise_seconds: float = 0.0
    infer_seconds: float = 0.0
    model: str = ""
    rejected: int = 0
    """Records, rows of objects and texts of batches that failed."""
    skipped: int = 0
    """Events and records in which there was nothing to score."""
    feedback: int = 0
    about: dict[str, str] = field(default_factory=dict)
    """What feedback said, of which prediction."""
    predicted: list[LoggedPrediction] = field(default_factory=list)
    status: int = 500
    """What a request was answered with; what it comes to where nothing was sent."""
    cause: str = ""
    """Why it failed; holds nothing that the caller sent."""

    @property
    def texts(self) -> int:
        """How many were scored, or remembered."""
        return self.positive + self.negative

    def add(self, stats: ScoringStats) -> None:
        """Add the predictions, tokens and seconds of one scoring call."""
        for prediction in stats.predictions:
            self.positive += prediction.sentiment == "Positive"
            self.negative += prediction.sentiment == "Negative"
            self.doubtful += prediction.confidence < DOUBTFUL
            self.confidence_sum += prediction.confidence
            self.tokens += prediction.tokens
            self.windows += prediction.windows
            self.cache_hits += prediction.cached
            self.model = prediction.model
        self.variant_tokens += stats.variant_tokens
        self.tokenise_seconds += stats.tokenise_seconds
        self.infer_seconds += stats.infer_seconds


_current: ContextVar[Observation | None] = ContextVar("observation", default=None)


@contextmanager
def observing(observation: Observation) -> Iterator[None]:
    """Let this be what is added to within the context."""
    token = _current.set(observation)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Observation:
    """Return what is observed here; something that nobody reads where nothing is."""
    return _current.get() or Observation("")


def record(stats: ScoringStats) -> None:
    """Add to the current observation; the classifier's observer."""
    current().add(stats)
