"""How good a bundle is as it is served: windows, pooling, temperature and all."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn import metrics
from tqdm import tqdm

from app.sentiment.classifier import SentimentClassifier
from app.sentiment.text import Text
from training.data import Examples

LENGTHS = (64, 128, 256, 512)
"""Bounds, in tokens, of the length buckets that accuracy is reported by."""

_CHUNK = 256


@dataclass(frozen=True)
class Scored:
    """Log-odds of Positive, (examples,), with the labels and the texts' lengths in tokens."""

    log_odds: np.ndarray
    labels: np.ndarray
    tokens: np.ndarray


def score(classifier: SentimentClassifier, examples: Examples) -> Scored:
    """Score every example, with a progress bar."""
    log_odds: list[float] = []
    tokens: list[int] = []
    bar = tqdm(total=len(examples), unit="text", desc="scoring")
    for texts in _chunks(examples.texts):
        scores = classifier.log_odds(texts)
        log_odds.extend(scores[:, 1] - scores[:, 0])
        tokens.extend(classifier.count_tokens(texts))
        bar.update(len(texts))
    bar.close()
    return Scored(np.array(log_odds), examples.labels, np.array(tokens))


def report(scored: Scored) -> dict[str, Any]:
    """Return the figures, shares between 0 and 1, rounded to four digits.

    The calibration error is over 15 equally wide bins of confidence (Guo et al. 2017).
    """
    labels = scored.labels
    positive = 1 / (1 + np.exp(-scored.log_odds))
    found = (positive >= 0.5).astype(int)
    right = found == labels
    confidence = np.maximum(positive, 1 - positive)
    (tn, fp), (fn, tp) = metrics.confusion_matrix(labels, found, labels=(0, 1)).tolist()
    figures: dict[str, Any] = {
        "accuracy": right.mean(),
        "f1": metrics.f1_score(labels, found),
        "precision": metrics.precision_score(labels, found),
        "recall": metrics.recall_score(labels, found),
        "roc_auc": metrics.roc_auc_score(labels, positive),
        "log_loss": metrics.log_loss(labels, positive),
        "calibration_error": calibration_error(confidence, right),
    }
    figures = {name: round(float(value), 4) for name, value in figures.items()}
    figures["examples"] = len(labels)
    figures["confusion"] = {"tn": tn, "fp": fp, "fn": fn, "tp": tp}
    bounds = [0, *LENGTHS, np.inf]
    figures["by_length"] = {}
    for low, high in pairwise(bounds):
        inside = (scored.tokens > low) & (scored.tokens <= high)
        if inside.any():
            name = f"over {low}" if high == np.inf else f"{low + 1}-{high}"
            accuracy = round(float(right[inside].mean()), 4)
            figures["by_length"][name] = {"examples": int(inside.sum()), "accuracy": accuracy}
    return figures


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Return the mean distance of confidence from accuracy, over the bins, weighted by size."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    distances = [
        abs(confidence[bin_of == i].mean() - right[bin_of == i].mean()) * (bin_of == i).mean()
        for i in np.unique(bin_of)
    ]
    return float(sum(distances))


def _chunks(texts: list[str]) -> Iterator[list[Text]]:
    for start in range(0, len(texts), _CHUNK):
        yield [Text(text) for text in texts[start : start + _CHUNK]]
