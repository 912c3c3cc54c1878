"""The temperature that makes probabilities mean what they say (Guo et al. 2017, arXiv:1706.04599).

It depends on the length of a text, which is what differs most between kinds of texts.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from app.sentiment.temperature import LONG_TOKENS, SHORT_TOKENS, Temperature
from training.data import NEUTRAL
from training.evaluate import Scored

MIN_TEXTS = 100
"""Texts at least, in all and of a length that gets a temperature of its own."""
_BOUNDS = (-2, 2)
"""Of the logarithms of the temperatures."""
_STARTS = 9
"""Temperatures that are tried, before the best one is improved."""


def fit(sources: Sequence[Scored]) -> Temperature:
    """Return the temperature with the least log loss.

    The sources, which were scored at temperature 1, count alike, however many texts each has. A
    source that has Neutral among its labels is judged by three outcomes if the network has them,
    otherwise by two, without its Neutral texts. If the sources hold too few texts that are short,
    or too few that are long, both temperatures are equal.

    Raises:
        ValueError: no text can be judged.
    """
    judged = [each for each in map(_judged, sources) if len(each.labels)]
    if not judged:
        raise ValueError("all texts are Neutral, which the network does not know")
    tokens = np.concatenate([each.tokens for each in judged])
    both_ends = min((tokens <= SHORT_TOKENS).sum(), (tokens >= LONG_TOKENS).sum()) >= MIN_TEXTS

    def loss(logarithms: np.ndarray) -> float:
        temperature = _of(logarithms)
        return float(np.mean([tempered(each, temperature).loss.mean() for each in judged]))

    # Where all texts are as sure as they may be, the loss is flat, so that the start matters.
    equal = [np.full(2 if both_ends else 1, at) for at in np.linspace(*_BOUNDS, _STARTS)]
    start = min(equal, key=loss)
    return _of(minimize(loss, start, method="L-BFGS-B", bounds=[_BOUNDS] * len(start)).x)


def _of(logarithms: np.ndarray) -> Temperature:
    short, long = np.exp(logarithms[[0, -1]]).tolist()
    return Temperature(short, long)


def tempered(scored: Scored, temperature: Temperature) -> Scored:
    """Return the scores at a temperature, of scores at temperature 1."""
    temperatures = np.interp(
        np.log(scored.tokens),
        np.log([SHORT_TOKENS, LONG_TOKENS]),
        [temperature.short, temperature.long],
    )
    return replace(scored, logits=scored.logits / temperatures[:, None])


def _judged(scored: Scored) -> Scored:
    """Return the scores of the texts whose true label has a probability."""
    if scored.calibrated:
        return scored
    clear = scored.labels != NEUTRAL
    return Scored(scored.logits[clear], scored.labels[clear], scored.tokens[clear])
