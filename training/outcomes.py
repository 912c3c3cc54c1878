"""The outcomes that the logits of two or three labels stand for, of many texts at once.

A network of two labels says Negative or Positive, one of three also Neutral. The service computes
the same of one text (`app.sentiment.polarity`).
"""

import numpy as np

from app.sentiment.polarity import MAX_PROBABILITY, POWER
from training.data import LABELS, NEGATIVE, NEUTRAL, POSITIVE

SIDES = (NEGATIVE, POSITIVE)
DOUBT = 1 / 3
"""Of two labels, Neutral is a probability of Positive between this and its complement."""


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the probability of each label, (texts, labels)."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return shares


def log_odds(logits: np.ndarray) -> np.ndarray:
    """Return the log-odds of Positive where only two outcomes are asked for, (texts,).

    Half of Neutral's probability goes to each side (`app.sentiment.polarity`).
    """
    negative, positive = logits[:, 0], logits[:, -1]
    if logits.shape[1] == len(LABELS):
        half = logits[:, NEUTRAL] - np.log(2)
        of_halves = POWER * (np.logaddexp(positive, half) - np.logaddexp(negative, half))
        balance = (2 * MAX_PROBABILITY - 1) * np.tanh(of_halves / 2)
        return np.asarray(2 * np.arctanh(balance))
    return np.asarray(positive - negative)


def two_way(logits: np.ndarray) -> np.ndarray:
    """Return Negative or Positive, as positions in `training.data.LABELS`, (texts,)."""
    return np.where(log_odds(logits) > 0, POSITIVE, NEGATIVE)


def three_way(logits: np.ndarray) -> np.ndarray:
    """Return Negative, Neutral or Positive, as positions in `training.data.LABELS`, (texts,)."""
    if logits.shape[1] == len(LABELS):
        labels: np.ndarray = logits.argmax(axis=1)
        return labels
    bound = np.log((1 - DOUBT) / DOUBT)
    return np.where(np.abs(log_odds(logits)) < bound, NEUTRAL, two_way(logits))
