"""How good a bundle is as it is served: windows, pooling, temperature and all."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from app.sentiment.classifier import SentimentClassifier
from app.sentiment.text import Text
from training import outcomes
from training.data import LABELS, NEUTRAL, POSITIVE, Examples

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
    """The scores of texts, with their labels and lengths.

    Texts with Neutral among their labels are judged by three outcomes, others by two.
    """

    logits: np.ndarray
    """Pooled and divided by the temperature, (examples, 2 or 3)."""
    labels: np.ndarray
    """The true labels, as positions in `training.data.LABELS`, (examples,)."""
    tokens: np.ndarray

    @cached_property
    def three_way(self) -> bool:
        """Whether Neutral is among the true labels."""
        return bool((self.labels == NEUTRAL).any())

    @cached_property
    def calibrated(self) -> bool:
        """Whether the outcomes have probabilities: Neutral has none from two labels."""
        return not self.three_way or self.logits.shape[1] == len(LABELS)

    @cached_property
    def log_odds(self) -> np.ndarray:
        """The log-odds of Positive where two outcomes are asked for, (examples,)."""
        return outcomes.log_odds(self.logits)

    @cached_property
    def positive(self) -> np.ndarray:
        """The probability of Positive where two outcomes are asked for, (examples,)."""
        positive: np.ndarray = 1 / (1 + np.exp(-self.log_odds))
        return positive

    @cached_property
    def predicted(self) -> np.ndarray:
        """The most probable outcome, as a position in `training.data.LABELS`, (examples,)."""
        predict = outcomes.three_way if self.three_way else outcomes.two_way
        return predict(self.logits)

    @cached_property
    def confidence(self) -> np.ndarray:
        """The probability of the most probable outcome, (examples,)."""
        if self.three_way and self.calibrated:
            confidence = outcomes.probabilities(self.logits).max(axis=1)
        else:
            confidence = np.maximum(self.positive, 1 - self.positive)
        return np.asarray(confidence)

    @cached_property
    def right(self) -> np.ndarray:
        """Whether the most probable outcome is the true one, (examples,)."""
        right: np.ndarray = self.predicted == self.labels
        return right

    @cached_property
    def loss(self) -> np.ndarray:
        """The log loss, (examples,).

        Raises:
            ValueError: the outcomes have no probabilities (`calibrated`).
        """
        if not self.calibrated:
            raise ValueError("two labels give Neutral no probability")
        if self.three_way:
            of_label = self.logits[np.arange(len(self.labels)), self.labels]
            loss = np.logaddexp.reduce(self.logits, axis=1) - of_label
        else:
            loss = np.logaddexp(0, np.where(self.labels == POSITIVE, -self.log_odds, self.log_odds))
        return np.asarray(loss)


def score(
    classifier: SentimentClassifier, examples: Examples, description: str = "scoring"
) -> Scored:
    """Score every example, with a progress bar."""
    logits: list[list[float]] = []
    tokens: list[int] = []
    bar = tqdm(total=len(examples), unit="text", desc=description)
    for texts in _chunks(examples.texts):
        scores = classifier.score(texts)
        logits.extend(scores.logits)
        tokens.extend(scores.tokens)
        bar.update(len(texts))
    bar.close()
    return Scored(np.array(logits), examples.labels, np.array(tokens))


def report(scored: Scored, ratings: np.ndarray | None = None) -> dict[str, Any]:
    """Return the figures: shares between 0 and 1, rounded to four digits.

    Of texts without Neutral among their labels they are those of two outcomes, with ``tn``, ``fp``,
    ``fn`` and ``tp`` as the confusion. Of others they are those of three: the recall of each label
    that occurs, their mean (``macro_recall``), and as the confusion how often each label was
    predicted of each. What needs a probability of Neutral is missing where the network has none.

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
    if scored.three_way:
        confusion: dict[str, Any] = _confusion(scored)
    else:
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
        **({"reliability": _reliability(scored)} if scored.calibrated else {}),
    }


def compare(scored: Scored, other: Scored) -> dict[str, Any]:
    """Return how two networks differ on the same texts.

    ``accuracy_beside``: that of the other; ``only_this_right`` and ``only_beside_right``: how many
    texts one of them alone gets right; ``p``: how probable it is by chance that these numbers
    differ at least so much (McNemar's test, exact).
    """
    only_this = int((scored.right & ~other.right).sum())
    only_beside = int((other.right & ~scored.right).sum())
    differing = only_this + only_beside
    p = binomtest(only_this, differing).pvalue if differing else 1.0
    return {
        "accuracy_beside": _rounded(other.right.mean()),
        "only_this_right": only_this,
        "only_beside_right": only_beside,
        "p": _rounded(p),
    }


def mistakes(scored: Scored, texts: list[str]) -> list[dict[str, Any]]:
    """Return the mistakes made most confidently, each with how its text begins."""
    wrong = np.flatnonzero(~scored.right)
    worst = wrong[np.argsort(-scored.confidence[wrong], kind="stable")][:MISTAKES]
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
    right = scored.right
    figures = {"accuracy": np.average(right, weights=weights)}
    figures |= (_recalls if scored.three_way else _detection)(scored, weights)
    if scored.calibrated:
        figures["log_loss"] = np.average(scored.loss, weights=weights)
        figures["calibration_error"] = calibration_error(scored.confidence, right, weights)
    for kind, of_kind in groups.items():
        for name, members in of_kind.items():
            inside = weights[members]
            figures[f"{kind} {name}"] = _share((right[members] * inside).sum(), inside.sum())
    return figures


def _detection(scored: Scored, weights: np.ndarray) -> dict[str, float]:
    """Return how well Positive is told from Negative."""
    positive, right = scored.labels == POSITIVE, scored.right
    tp, tn = weights[positive & right].sum(), weights[~positive & right].sum()
    fn, fp = weights[positive & ~right].sum(), weights[~positive & ~right].sum()
    figures = {
        "f1": _share(2 * tp, 2 * tp + fp + fn),
        "precision": _share(tp, tp + fp),
        "recall": _share(tp, tp + fn),
        "tn": tn,
        "fp": fp,
        "fn": fn,
        "tp": tp,
    }
    if tp + fn and tn + fp:
        figures["roc_auc"] = roc_auc_score(positive, scored.positive, sample_weight=weights)
    return figures


def _recalls(scored: Scored, weights: np.ndarray) -> dict[str, float]:
    """Return the recall of each label that occurs, and their mean."""
    recalls = {}
    for label in np.unique(scored.labels):
        inside = scored.labels == label
        found = weights[inside & scored.right].sum()
        recalls[f"recall_{LABELS[label].lower()}"] = _share(found, weights[inside].sum())
    return {"macro_recall": float(np.mean(list(recalls.values()))), **recalls}


def _confusion(scored: Scored) -> dict[str, dict[str, int]]:
    """Return of each label how many of its examples were predicted as which label."""
    return {
        label: {
            predicted: int(((scored.labels == i) & (scored.predicted == j)).sum())
            for j, predicted in enumerate(LABELS)
        }
        for i, label in enumerate(LABELS)
    }


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
