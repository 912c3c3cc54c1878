"""What the logs hold, as columns to count in."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np

from training.drift.logs import LogData
from training.drift.statistics import Share, share


@dataclass(frozen=True)
class Counts:
    """Of each request, (requests,): when it came, how many of its texts count, how many it has."""

    time: np.ndarray
    parts: np.ndarray
    sizes: np.ndarray

    def where(self, members: np.ndarray) -> Self:
        """Return those requests alone."""
        return type(self)(self.time[members], self.parts[members], self.sizes[members])

    def share(self) -> Share | None:
        """Return which share of the texts counts, if there are any."""
        return share(self.parts, self.sizes) if len(self.sizes) else None


@dataclass(frozen=True)
class Lines:
    """What each log line says of its texts, (lines,)."""

    time: np.ndarray
    """Seconds of Unix time."""
    texts: np.ndarray
    positive: np.ndarray
    doubtful: np.ndarray
    confidence: np.ndarray
    """The sum over its texts."""
    model: np.ndarray

    def counts(self, parts: np.ndarray) -> Counts:
        """Count these of the texts of each line."""
        return Counts(self.time, parts, self.texts)


@dataclass(frozen=True)
class Feedback:
    """Each prediction that feedback is on, (predictions,)."""

    line: np.ndarray
    """The index of its line among all lines."""
    time: np.ndarray
    """When the prediction was made, seconds of Unix time."""
    confidence: np.ndarray
    right: np.ndarray
    model: np.ndarray

    def counts(self, members: np.ndarray | None = None) -> Counts:
        """Count correct predictions, of all or of these members, for each line with feedback."""
        chosen = slice(None) if members is None else members
        _, first, inverse = np.unique(self.line[chosen], return_index=True, return_inverse=True)
        sizes = np.bincount(inverse, minlength=len(first))
        parts = np.bincount(inverse, self.right[chosen], minlength=len(first))
        return Counts(self.time[chosen][first], parts, sizes)


def lines(logs: LogData) -> Lines:
    """Return the lines that have predictions, in the order in which they were read."""
    scored = logs.scored
    return Lines(
        time=np.array([one.time.timestamp() for one in scored]),
        texts=np.array([one.texts for one in scored]),
        positive=np.array([one.positive for one in scored]),
        doubtful=np.array([one.doubtful for one in scored]),
        confidence=np.array([one.confidence_sum for one in scored]),
        model=np.array([one.model or "unknown" for one in scored]),
    )


def feedback(logs: LogData, of: Lines) -> Feedback:
    """Join the latest feedback on each prediction with the prediction, where the logs have it."""
    joined = [
        (given, correction.right)
        for id, correction in logs.feedback.items()
        if (given := logs.predictions.get(id)) is not None
    ]
    line = np.array([given.scored for given, _ in joined], dtype=int)
    return Feedback(
        line=line,
        time=of.time[line],
        confidence=np.array([given.confidence for given, _ in joined]),
        right=np.array([given.sentiment == right for given, right in joined], dtype=bool),
        model=of.model[line],
    )


def utc(seconds: float) -> datetime:
    """Return that Unix time."""
    return datetime.fromtimestamp(float(seconds), UTC)


def iso(seconds: float) -> str:
    """Return that Unix time as the report holds it."""
    return utc(seconds).isoformat(timespec="seconds")


def rounded(value: Any) -> float:
    """Return a figure as the report holds it."""
    return round(float(value), 4)
