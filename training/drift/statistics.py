"""Shares and means of texts that come in requests, and whether two periods differ by chance.

The texts of one request resemble each other: they are one customer's, or one film's. So what is
drawn by chance is the request, not the text, and every interval here is as wide as that makes it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

Z = float(norm.ppf(0.975))
"""Of a 95 % interval."""
BINS = 10
"""Of confidence, equally full of both periods together."""
PERMUTATIONS = 299


@dataclass(frozen=True)
class Share:
    """A share of texts with its 95 % interval (Wilson's score interval, 1927)."""

    value: float
    low: float
    high: float
    texts: int
    effective: float
    """Texts that would tell as much if each had come by itself; never more than there are."""
    requests: float
    """Requests that they came in, of equal size or, otherwise, as few as weigh as much (Kish)."""


@dataclass(frozen=True)
class Difference:
    """Later minus earlier, with its 95 % interval, and how probable so much is by chance."""

    value: float
    low: float
    high: float
    p: float


def share(parts: np.ndarray, sizes: np.ndarray) -> Share:
    """Return which share of the texts counts. Both (requests,): texts that do, and all texts.

    The variance is that of a ratio over clusters (Cochran, Sampling Techniques, 1977, chapter 9A).
    """
    texts = float(sizes.sum())
    value = float(parts.sum() / texts)
    requests = texts**2 / float((sizes.astype(float) ** 2).sum())
    effective = requests
    if len(sizes) > 1 and 0 < value < 1:
        variance = _ratio_variance(parts, sizes)
        if variance > 0:
            effective = max(1.0, min(texts, value * (1 - value) / variance))
    low, high = _wilson(value, effective)
    return Share(value, low, high, int(texts), effective, requests)


def differ(later: Share, earlier: Share) -> Difference:
    """Compare two shares: Newcombe's interval of their scores (1998, method 10), and a z test."""
    value = later.value - earlier.value
    low = value - np.hypot(later.value - later.low, earlier.high - earlier.value)
    high = value + np.hypot(later.high - later.value, earlier.value - earlier.low)
    weights = (later.effective, earlier.effective)
    pooled = np.average((later.value, earlier.value), weights=weights)
    deviation = np.sqrt(pooled * (1 - pooled) * (1 / weights[0] + 1 / weights[1]))
    p = 2 * norm.sf(abs(value) / deviation) if deviation > 0 else 1.0
    return Difference(value, float(low), float(high), float(p))


def differ_in_mean(
    later: tuple[np.ndarray, np.ndarray], earlier: tuple[np.ndarray, np.ndarray]
) -> Difference:
    """Compare two means a text; each is (requests,): the sum over its texts, and how many."""
    value = later[0].sum() / later[1].sum() - earlier[0].sum() / earlier[1].sum()
    deviation = np.sqrt(_ratio_variance(*later) + _ratio_variance(*earlier))
    p = 2 * norm.sf(abs(value) / deviation) if deviation > 0 else 1.0
    return Difference(
        float(value), float(value - Z * deviation), float(value + Z * deviation), float(p)
    )


def stability(
    values: np.ndarray, requests: np.ndarray, is_later: np.ndarray
) -> tuple[float, float]:
    """Return the population stability index between two periods, and its p.

    ``values``, ``requests``: (texts,), a value and the request that it came in; ``is_later``:
    (requests,). Under 0.1 the index is commonly taken for no change, over 0.25 for a large one
    (Siddiqi, Credit Risk Scorecards, 2006). By chance alone it is not 0, but the larger the less
    data there is; so p is the share of random divisions of the requests, as many in each period,
    that differ at least as much.
    """
    edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS))
    counts = np.zeros((len(is_later), len(edges) + 1))
    np.add.at(counts, (requests, np.searchsorted(edges, values, side="right")), 1)
    everything = counts.sum(axis=0)

    def index(later: np.ndarray) -> float:
        inside = later @ counts
        # Half a text more in each bin, so that an empty bin does not give infinity.
        shares = [(side + 0.5) / (side + 0.5).sum() for side in (inside, everything - inside)]
        return float(((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum())

    rng = np.random.default_rng(0)
    observed = index(is_later.astype(float))
    by_chance = [index(rng.permutation(is_later).astype(float)) for _ in range(PERMUTATIONS)]
    return observed, (1 + sum(value >= observed for value in by_chance)) / (1 + PERMUTATIONS)


def _ratio_variance(sums: np.ndarray, sizes: np.ndarray) -> float:
    count = len(sizes)
    if count < 2:
        return float("inf")
    residuals = sums - sizes * (sums.sum() / sizes.sum())
    return float(count / (count - 1) * (residuals**2).sum() / sizes.sum() ** 2)


def _wilson(value: float, count: float) -> tuple[float, float]:
    centre = (value + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * np.sqrt(value * (1 - value) / count + Z**2 / (4 * count**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
