"""Collects what happens during one request or one batch of records.

The observation belongs to the context, also in worker threads, so it is not passed as an argument.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

from app.sentiment.analysis import Analysis
from app.sentiment.classifier import Prediction, ScoringStats
from app.sentiment.text import Text

DOUBTFUL = 0.7
"""Predictions with a lower confidence are doubtful: more than three in ten of them are wrong."""


class LoggedPrediction(NamedTuple):
    """A prediction to log, with the id by which feedback refers to it."""

    id: str
    text: Text
    prediction: Prediction | Analysis
    id_from_caller: bool = False
    """Whether the caller chose the id, so that it may contain anything."""


@dataclass
class Observation:
    """The counts and durations so far."""

    correlation_id: str
    started: float = field(default_factory=time.perf_counter)
    positive: int = 0
    negative: int = 0
    neutral: int = 0
    doubtful: int = 0
    confidence_sum: float = 0.0
    tokens: int = 0
    variant_tokens: int = 0
    """Tokens of sentences, and of the variants that explanations scored. Not a metric, but rate
    limits count them."""
    computed_tokens: int = 0
    """Tokens that the engine has computed so far, also if nobody gets the result."""
    windows: int = 0
    cache_hits: int = 0
    tokenise_seconds: float = 0.0
    infer_seconds: float = 0.0
    model: str = ""
    rejected: int = 0
    """Records, rows of objects and texts of batches that could not be scored."""
    skipped: int = 0
    """Events and records that contained nothing to score."""
    feedback: int = 0
    correction: dict[str, str] = field(default_factory=dict)
    """The ``prediction`` that feedback corrects, and the ``right`` label."""
    predicted: list[LoggedPrediction] = field(default_factory=list)
    status: int = 500
    """The status of the response; of a request without a response, 500."""
    cause: str = ""
    """Why the request failed, without content."""

    @property
    def texts(self) -> int:
        """The number of texts with a prediction, cached or not."""
        return self.positive + self.negative + self.neutral

    def add(self, stats: ScoringStats) -> None:
        """Add the predictions, tokens and seconds of one scoring call, or of a part of it."""
        for prediction in stats.predictions:
            self.positive += prediction.sentiment == "Positive"
            self.negative += prediction.sentiment == "Negative"
            self.neutral += prediction.sentiment == "Neutral"
            self.doubtful += prediction.confidence < DOUBTFUL
            self.confidence_sum += prediction.confidence
            self.tokens += prediction.tokens
            self.windows += prediction.windows
            self.cache_hits += prediction.cached
            self.model = prediction.model
        self.variant_tokens += stats.variant_tokens
        self.computed_tokens += stats.computed_tokens
        self.tokenise_seconds += stats.tokenise_seconds
        self.infer_seconds += stats.infer_seconds


_current: ContextVar[Observation | None] = ContextVar("observation", default=None)


@contextmanager
def observing(observation: Observation) -> Iterator[None]:
    """Make this the current observation within the context."""
    token = _current.set(observation)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Observation:
    """Return the current observation; outside of any, a new one that is not reported."""
    return _current.get() or Observation("")


def record(stats: ScoringStats) -> None:
    """Add to the current observation; the classifier's observer."""
    current().add(stats)
