"""Probabilities from the logits of a text: of its two labels, or of three with Neutral between.

Where Positive and Negative are all that is asked for, half of Neutral's probability goes to each
side, so that a text without an opinion comes out near a half. The odds of these halves are squared:
a text that has a side and some of Neutral is on that side more often than the halves say
(docs/training-notes.md).
"""

import math
from collections.abc import Sequence


def probabilities(logits: Sequence[float]) -> list[float]:
    """Return the probability of each label (softmax)."""
    highest = max(logits)
    weights = [math.exp(logit - highest) for logit in logits]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def sides(logits: Sequence[float]) -> tuple[float, float]:
    """Return the probabilities of Negative and of Positive, which add up to 1."""
    negative, *neutral, positive = probabilities(logits)
    if not neutral:
        return negative, positive
    half = math.fsum(neutral) / 2
    negative, positive = (negative + half) ** 2, (positive + half) ** 2
    return negative / (negative + positive), positive / (negative + positive)


def log_odds(logits: Sequence[float]) -> float:
    """Return the log-odds of Positive against Negative, finite for all finite logits."""
    negative, *neutral, positive = logits
    if not neutral:
        return positive - negative
    [half] = (logit - math.log(2) for logit in neutral)
    return 2 * (_log_add(positive, half) - _log_add(negative, half))


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


def _log_add(one: float, other: float) -> float:
    """Return log(exp(one) + exp(other))."""
    return max(one, other) + math.log1p(math.exp(-abs(one - other)))
