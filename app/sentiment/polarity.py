"""Probabilities from the logits of a text: of its two labels, or of three with Neutral between.

Where Positive and Negative are all that is asked for, half of Neutral's probability goes to each
side, so that a text without an opinion comes out near a half. A power of the odds of these halves
is taken, because a text that has a side and some of Neutral is on that side more often than the
halves say; and neither side is certain. docs/training-notes.md compares such rules.
"""

import math
from collections.abc import Sequence

POWER = 3.5
"""The power that is taken of the odds of the sides with half of Neutral's probability each."""
MAX_PROBABILITY = 0.99
"""Of either side: about one in a hundred of the surest reviews and sentences is on the other."""


def probabilities(logits: Sequence[float]) -> list[float]:
    """Return the probability of each label (softmax)."""
    highest = max(logits)
    weights = [math.exp(logit - highest) for logit in logits]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def sides(logits: Sequence[float]) -> tuple[float, float]:
    """Return the probabilities of Negative and of Positive, which add up to 1."""
    if len(logits) == 2:
        negative, positive = probabilities(logits)
        return negative, positive
    balance = _balance(logits)
    return (1 - balance) / 2, (1 + balance) / 2


def log_odds(logits: Sequence[float]) -> float:
    """Return the log-odds of Positive against Negative, finite for all finite logits."""
    if len(logits) == 2:
        return logits[1] - logits[0]
    return 2 * math.atanh(_balance(logits))


def outcomes(logits: Sequence[float]) -> tuple[float, float, float]:
    """Return the probabilities of Negative, Neutral and Positive; of two labels, Neutral's is 0."""
    negative, *neutral, positive = probabilities(logits)
    return negative, math.fsum(neutral), positive


def opinion(logits: Sequence[float]) -> float:
    """Return the probability that the text holds an opinion: that it is not Neutral."""
    if len(logits) == 2:
        return 1.0
    negative, _, positive = probabilities(logits)
    return negative + positive


def _balance(logits: Sequence[float]) -> float:
    """Return the probability of Positive minus that of Negative, of three labels."""
    negative, neutral, positive = logits
    half = neutral - math.log(2)
    of_halves = POWER * (_log_add(positive, half) - _log_add(negative, half))
    return (2 * MAX_PROBABILITY - 1) * math.tanh(of_halves / 2)


def _log_add(one: float, other: float) -> float:
    """Return log(exp(one) + exp(other))."""
    return max(one, other) + math.log1p(math.exp(-abs(one - other)))
