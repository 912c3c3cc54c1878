"""How good a bundle is as it is served: windows, pooling, temperature and all."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from app.sentiment.classifier import SentimentClassifier
from app.sentiment.text import Text
from training.data import LABELS, Examples

LENGTHS = (64, 128, 256, 512)
"""Bounds, in tokens, of the length buckets that accuracy is reported by."""
BINS = 15
"""Equally wide bins of confidence that calibration is judged in (Guo et al. 2017)."""
RESAMPLES = 1000
"""Bootstrap samples that the 95 % intervals come from (Efron's percentiles)."""
MISTAKES = 25
"""Of the mistakes, those made most confidently."""
_EXCERPT = 400
_CHUNK = 256


@dataclass(frozen=True)
class Scored:
    """Log-odds of Positive, (examples,), with the labels and the texts' lengths in tokens."""

    log_odds: np.ndarray
    labels: np.ndarray
    tokens: np.ndarray

    @cached_property
    def positive(self) -> np.ndarray:
        """The probability of Positive, (examples,)."""
        positive: np.ndarray = 1 / (1 + np.exp(-self.log_odds))
        return positive

    @cached_property
    def confidence(self) -> np.ndarray:
        """The probability of the label that was found, (examples,)."""
        confidence: np.ndarray = np.maximum(self.positive, 1 - self.positive)
        return confidence

    @cached_property
    def right(self) -> np.ndarray:
        """Whether the label that was found is the true one, (examples,)."""
        right: np.ndarray = (self.log_odds >= 0) == (self.labels == 1)
        return right

    @cached_property
    def loss(self) -> np.ndarray:
        """The log loss, (examples,)."""
        return np.logaddexp(0, np.where(self.labels == 1, -self.log_odds, self.log_odds))


def score(classifier: SentimentClassifier, examples: Examples) -> Scored:
    """Score every example, with a progress bar."""
    log_odds: list[float] = []
    tokens: list[int] = []
    bar = tqdm(total=len(examples), unit="text", desc="scoring")
    for texts in _chunks(examples.texts):
        scores = classifier.score(texts)
        log_odds.extend(positive - negative for negative, positive in scores.logits)
        tokens.extend(scores.tokens)
        bar.update(len(texts))
    bar.close()
    return Scored(np.array(log_odds), examples.labels, np.array(tokens))


def report(scored: Scored, ratings: np.ndarray | None = None) -> dict[str, Any]:
    """Return the figures: shares between 0 and 1, rounded to four digits.

    ``intervals`` holds the 95 % bootstrap interval of each figure under its own name; those of the
    groups stand with them. ``ratings``: the stars of each example, if they are known.
    """
    count = len(scored.labels)
    groups = {"by_length": _by_length(scored.tokens)}
    if ratings is not None:
        groups["by_rating"] = {str(stars): ratings == stars for stars in np.unique(ratings)}
    whole = _figures(scored, groups, np.ones(count))
    rng = np.random.default_rng(0)
    samples = [
        _figures(scored, groups, np.bincount(rng.integers(0, count, count), minlength=count))
        for _ in range(RESAMPLES)
    ]
    intervals: dict[str, list[float | None]] = {}
    for name, value in whole.items():
        values = np.array([sample.get(name, np.nan) for sample in samples])
        if np.isnan(values).all():
            intervals[name] = [None, None]
            continue
        low, high = np.nanpercentile(values, (2.5, 97.5))
        if name == "calibration_error":
            # Noise can only add to a mean of distances: a sample's is too large, by as much as the
            # figure itself is, so that the interval lies on its other side (the basic bootstrap).
            low, high = max(0.0, 2 * value - high), max(0.0, 2 * value - low)
        intervals[name] = [_rounded(low), _rounded(high)]
    confusion = {name: int(whole.pop(name)) for name in ("tn", "fp", "fn", "tp")}
    grouped = {
        kind: {
            name: {
                "examples": int(members.sum()),
                "accuracy": _rounded(whole.pop(f"{kind} {name}")),
                "interval": intervals.pop(f"{kind} {name}"),
            }
            for name, members in of_kind.items()
        }
        for kind, of_kind in groups.items()
    }
    return {
        **{name: _rounded(value) for name, value in whole.items()},
        "examples": count,
        "confusion": confusion,
        "intervals": intervals,
        **grouped,
        "reliability": _reliability(scored),
    }


def mistakes(scored: Scored, texts: list[str]) -> list[dict[str, Any]]:
    """Return the mistakes made most confidently, each with how its text begins."""
    wrong = np.flatnonzero(~scored.right)
    worst = wrong[np.argsort(-np.abs(scored.log_odds[wrong]), kind="stable")][:MISTAKES]
    return [
        {
            "row": int(i),
            "label": LABELS[scored.labels[i]],
            "confidence": _rounded(scored.confidence[i]),
            "tokens": int(scored.tokens[i]),
            "text": texts[i] if len(texts[i]) <= _EXCERPT else f"{texts[i][:_EXCERPT]} …",
        }
        for i in worst
    ]


def _figures(
    scored: Scored, groups: dict[str, dict[str, np.ndarray]], weights: np.ndarray
) -> dict[str, float]:
    """Return each figure of a sample that holds every example so many times."""
    labels, right = scored.labels == 1, scored.right
    tp, tn = weights[labels & right].sum(), weights[~labels & right].sum()
    fn, fp = weights[labels & ~right].sum(), weights[~labels & ~right].sum()
    figures = {
        "accuracy": np.average(right, weights=weights),
        "f1": _share(2 * tp, 2 * tp + fp + fn),
        "precision": _share(tp, tp + fp),
        "recall": _share(tp, tp + fn),
        "log_loss": np.average(scored.loss, weights=weights),
        "calibration_error": calibration_error(scored.confidence, right, weights),
        "tn": tn,
        "fp": fp,
        "fn": fn,
        "tp": tp,
    }
    if tp + fn and tn + fp:
        figures["roc_auc"] = roc_auc_score(labels, scored.positive, sample_weight=weights)
    for kind, of_kind in groups.items():
        for name, members in of_kind.items():
            inside = weights[members]
            figures[f"{kind} {name}"] = _share((right[members] * inside).sum(), inside.sum())
    return figures


def calibration_error(
    confidence: np.ndarray, right: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Return the mean distance of confidence from accuracy, over the bins, weighted by size."""
    weights = np.ones(len(right)) if weights is None else weights
    distances = np.bincount(_bins(confidence), weights * (confidence - right), minlength=BINS)
    return float(np.abs(distances).sum() / weights.sum())


def _reliability(scored: Scored) -> list[dict[str, float | None]]:
    """Return the mean confidence and the accuracy in each bin of confidence that is not empty."""
    confidence, right = scored.confidence, scored.right
    bins = _bins(confidence)
    return [
        {
            "confidence": _rounded(confidence[bins == i].mean()),
            "accuracy": _rounded(right[bins == i].mean()),
            "examples": int((bins == i).sum()),
        }
        for i in np.unique(bins)
    ]


def _bins(confidence: np.ndarray) -> np.ndarray:
    bins: np.ndarray = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return bins


def _by_length(tokens: np.ndarray) -> dict[str, np.ndarray]:
    """Return which examples are in each length bucket that has any."""
    buckets = {}
    for low, high in pairwise((0, *LENGTHS, np.inf)):
        inside = (tokens > low) & (tokens <= high)
        if inside.any():
            buckets[f"over {low}" if high == np.inf else f"{low + 1}-{high}"] = inside
    return buckets


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _chunks(texts: list[str]) -> Iterator[list[Text]]:
    for start in range(0, len(texts), _CHUNK):
        yield [Text(text) for text in texts[start : start + _CHUNK]]
