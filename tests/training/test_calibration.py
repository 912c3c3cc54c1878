import numpy as np
import pytest

from app.sentiment.temperature import Temperature
from training import calibration, outcomes
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


def ends(sources):
    """The temperatures of short and of long texts."""
    fitted = calibration.fit(sources)
    return fitted.short, fitted.long


@pytest.mark.parametrize("labels", [2, 3])
def test_each_length_gets_the_temperature_that_made_it_too_sharp(labels):
    short, long = ends([drawn(1, 12, labels), drawn(1, 700, labels, seed=1)])
    sharp = [drawn(2.5, 12, labels), drawn(0.6, 700, labels, seed=1)]
    assert ends(sharp) == pytest.approx((2.5 * short, 0.6 * long), rel=0.05)


@pytest.mark.parametrize("labels", [2, 3])
def test_labels_get_the_temperature_that_their_probabilities_were_drawn_at(labels):
    sharp = [drawn(2.5, 12, labels), drawn(0.6, 700, labels, seed=1)]
    assert ends(sharp) == pytest.approx((2.5, 0.6), rel=0.05)


def test_sources_of_two_and_of_three_outcomes_are_judged_each_by_its_own():
    short = drawn(2.0, 20, 3)
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1, (8000, 3))
    is_positive = rng.random(8000) < 1 / (1 + np.exp(-outcomes.log_odds(logits)))
    sides = np.where(is_positive, POSITIVE, NEGATIVE)
    reviews = Scored(logits * 0.8, sides, np.full(8000, 300))
    alone, _ = ends([short])
    assert ends([short, reviews]) == pytest.approx((alone, 0.8), rel=0.05)


@pytest.mark.parametrize("tokens", [12, 700])
def test_one_length_alone_leaves_the_other_equal(tokens):
    at_1, _ = ends([drawn(1.0, tokens, 3)])
    short, long = ends([drawn(3.0, tokens, 3)])
    assert short == long == pytest.approx(3.0 * at_1, rel=0.05)


def test_sources_count_alike_whatever_their_size():
    few, many = drawn(1.0, 100, 3, count=1000), drawn(3.0, 100, 3, count=20_000, seed=1)
    fitted, _ = ends([few, many])
    of_equal_size, _ = ends([few, drawn(3.0, 100, 3, count=1000, seed=1)])
    assert fitted == pytest.approx(of_equal_size, rel=0.05)
    assert 1.2 < fitted < 2.8


def test_scores_are_tempered_as_they_are_served():
    tokens = np.array([2, 31, 32, 33, 90, 255, 256, 257, 900])
    temperature = Temperature(0.7, 1.9)
    scored = Scored(np.ones((len(tokens), 2)), np.full(len(tokens), POSITIVE), tokens)
    logits = calibration.tempered(scored, temperature).logits
    assert 1 / logits[:, 0] == pytest.approx([temperature.at(int(count)) for count in tokens])


def test_only_neutral_texts_cannot_be_fitted_without_such_a_label():
    neutral = Scored(np.full((200, 2), 5.0), np.full(200, NEUTRAL), np.full(200, 12))
    with pytest.raises(ValueError, match="all texts are Neutral"):
        calibration.fit([neutral])


def test_neutral_texts_do_not_count_where_the_network_has_no_such_label():
    clear = drawn(2.0, 12, 2)
    mixed = Scored(
        np.concatenate([clear.logits, np.full((5000, 2), 5.0)]),
        np.concatenate([clear.labels, np.full(5000, NEUTRAL)]),
        np.concatenate([clear.tokens, np.full(5000, 12)]),
    )
    assert ends([mixed]) == pytest.approx(ends([clear]), rel=1e-4)
