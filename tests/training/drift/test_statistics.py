"""Intervals and tests, against known values and against chance itself."""

import numpy as np
import pytest
from scipy.stats import binomtest

from training.drift.statistics import PERMUTATIONS, differ, differ_in_mean, share, stability

RUNS = 400


def singles(positive: int, texts: int):
    return share(np.arange(texts) < positive, np.ones(texts))


def clustered(rng, requests=60, texts=20):
    """Requests whose texts resemble each other, 60 % of all positive."""
    sizes = np.full(requests, texts)
    return rng.binomial(sizes, rng.beta(1.2, 0.8, requests)), sizes


@pytest.mark.parametrize(("positive", "texts"), [(81, 263), (0, 40), (40, 40), (500, 1000)])
def test_of_texts_that_come_alone_the_interval_is_wilsons(positive, texts):
    found = singles(positive, texts)
    expected = binomtest(positive, texts).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.002)


def test_a_difference_of_shares_has_newcombes_interval():
    """His example: 56 of 70 against 48 of 80 (Statistics in Medicine 17, 1998, table II)."""
    found = differ(singles(56, 70), singles(48, 80))
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=0.002)


def test_texts_of_one_request_tell_less_than_as_many_requests():
    parts, sizes = clustered(np.random.default_rng(0))
    found = share(parts, sizes)
    assert found.texts == 1200
    assert found.effective < 300
    assert found.requests == pytest.approx(60)


def test_one_request_tells_next_to_nothing_of_others():
    found = share(np.array([700]), np.array([1000]))
    assert found.high - found.low > 0.7


def test_one_large_request_among_small_ones_has_the_weight_of_few():
    found = share(np.array([60_000] + [1] * 50), np.array([100_000] + [1] * 50))
    assert found.requests < 1.01


def test_equal_shares_are_found_different_as_often_as_p_says():
    rng = np.random.default_rng(0)
    ps = [differ(share(*clustered(rng)), share(*clustered(rng))).p for _ in range(RUNS)]
    assert 0.02 < np.mean(np.array(ps) < 0.05) < 0.08
    as_if_alone = [
        differ(*(singles(sum(clustered(rng)[0]), 1200) for _ in range(2))).p for _ in range(100)
    ]
    assert np.mean(np.array(as_if_alone) < 0.05) > 0.4


def test_intervals_of_shares_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    found = [share(*clustered(rng)) for _ in range(RUNS)]
    assert 0.92 < np.mean([one.low <= 0.6 <= one.high for one in found]) < 0.98


def test_a_mean_that_moved_is_found_with_an_interval_around_it():
    rng = np.random.default_rng(0)
    sizes = np.full(500, 3)
    before, later = (rng.normal(3 * mean, 0.3, 500) for mean in (0.9, 0.87))
    found = differ_in_mean((later, sizes), (before, sizes))
    assert found.low < -0.03 < found.high < 0
    assert found.p < 1e-4


def test_the_stability_index_is_0_where_nothing_differs():
    values = np.tile(np.linspace(0.5, 1, 100), 2)
    index, p = stability(values, np.arange(200), np.arange(200) < 100)
    assert index == pytest.approx(0, abs=1e-9)
    assert p == 1


@pytest.mark.parametrize("later", [5, 4, 3])
def test_the_stability_index_is_that_of_the_distributions(later):
    """Of Beta(a, 1) and Beta(b, 1) it is (a - b)² / ab, less a little for the bins."""
    rng = np.random.default_rng(0)
    is_later = np.arange(40_000) < 20_000
    values = rng.beta(np.where(is_later, later, 6), 1)
    index, p = stability(values, np.arange(40_000), is_later)
    assert index == pytest.approx((6 - later) ** 2 / (6 * later), rel=0.15)
    assert p == 1 / (1 + PERMUTATIONS)


def test_the_index_of_equal_periods_is_rarely_improbable():
    """Requests of ten texts that resemble each other: as if alone, most would be improbable."""
    rng = np.random.default_rng(0)
    requests = np.repeat(np.arange(100), 10)
    ps = []
    for _ in range(100):
        values = np.clip(rng.normal(0.8, 0.05, 100)[requests] + rng.normal(0, 0.03, 1000), 0.5, 1)
        ps.append(stability(values, requests, np.arange(100) < 40)[1])
    assert np.mean(np.array(ps) < 0.05) <= 0.1
