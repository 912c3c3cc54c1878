import numpy as np
import pytest

from training import calibration
from training.data import NEGATIVE, NEUTRAL, POSITIVE
from training.evaluate import Scored


def drawn(temperature, tokens, labels, count=8000, seed=0):
    """Texts whose labels are as probable as their logits say at this temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, labels))
    shares = np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])
    positions = (shares.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    numbers = np.array([NEGATIVE, POSITIVE] if labels == 2 else [NEGATIVE, NEUTRAL, POSITIVE])
    return Scored(logits * temperature, numbers[positions], np.full(count, tokens))


@pytest.mark.parametrize("labels", [2, 3])
def test_each_length_gets_the_temperature_that_made_it_too_sharp(labels):
    short, long = drawn(2.5, 12, labels), drawn(0.6, 700, labels, seed=1)
    assert calibration.fit([short, long]) == pytest.approx((2.5, 0.6), rel=0.05)


def test_sources_of_two_and_of_three_outcomes_are_judged_each_by_its_own():
    short, long = drawn(2.0, 20, 3), drawn(0.8, 300, 3, seed=1)
    clear = long.labels != NEUTRAL
    reviews = Scored(long.logits[clear], long.labels[clear], long.tokens[clear])
    # Reviews that are never Neutral get a low logit of it.
    reviews.logits[:, NEUTRAL] -= 40
    assert calibration.fit([short, reviews]) == pytest.approx((2.0, 0.8), rel=0.05)


@pytest.mark.parametrize("tokens", [12, 700])
def test_one_length_alone_leaves_the_other_equal(tokens):
    short, long = calibration.fit([drawn(3.0, tokens, 3)])
    assert short == long == pytest.approx(3.0, rel=0.05)


def test_sources_count_alike_whatever_their_size():
    few, many = drawn(1.0, 100, 3, count=1000), drawn(3.0, 100, 3, count=20_000, seed=1)
    share = calibration.fit([few, many])[0]
    assert share == pytest.approx(calibration.fit([few, drawn(3.0, 100, 3, 1000, 1)])[0], rel=0.05)
    assert 1.2 < share < 2.8


def test_between_the_ends_the_temperature_is_linear_in_the_logarithm_of_the_tokens():
    scored = Scored(np.ones((5, 2)), np.full(5, POSITIVE), np.array([5, 32, 90.51, 256, 900]))
    logits = calibration.tempered(scored, 1.0, 2.0).logits[:, 0]
    assert 1 / logits == pytest.approx([1, 1, 1.5, 2, 2], rel=1e-3)


def test_neutral_texts_do_not_count_where_the_network_has_no_such_label():
    clear = drawn(2.0, 12, 2)
    mixed = Scored(
        np.concatenate([clear.logits, np.full((5000, 2), 5.0)]),
        np.concatenate([clear.labels, np.full(5000, NEUTRAL)]),
        np.concatenate([clear.tokens, np.full(5000, 12)]),
    )
    assert calibration.fit([mixed]) == pytest.approx(calibration.fit([clear]), rel=1e-4)
