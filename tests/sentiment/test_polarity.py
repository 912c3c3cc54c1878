import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sentiment import polarity

LOGITS = st.lists(st.floats(-50, 50), min_size=2, max_size=3)


@given(LOGITS)
def test_probabilities_add_up_to_1_and_follow_the_logits(logits):
    probabilities = polarity.probabilities(logits)
    assert math.fsum(probabilities) == pytest.approx(1)
    assert probabilities[logits.index(max(logits))] == max(probabilities)


@given(LOGITS)
def test_the_sides_add_up_to_1_and_agree_with_the_log_odds(logits):
    negative, positive = polarity.sides(logits)
    assert negative + positive == pytest.approx(1)
    assert positive == pytest.approx(1 / (1 + math.exp(-polarity.log_odds(logits))))


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_two_labels_have_the_difference_of_their_logits(negative, positive):
    assert polarity.log_odds([negative, positive]) == positive - negative
    assert polarity.opinion([negative, positive]) == 1


@given(st.floats(-20, 20))
def test_a_neutral_text_is_between_the_sides(side):
    assert polarity.sides([side, side + 30, side])[1] == pytest.approx(0.5)
    assert polarity.opinion([side, side + 30, side]) == pytest.approx(0, abs=1e-9)


@given(st.lists(st.floats(-20, 20), min_size=3, max_size=3))
def test_swapped_sides_give_the_opposite(logits):
    assert polarity.log_odds(logits[::-1]) == pytest.approx(-polarity.log_odds(logits))


def test_log_odds_are_finite_where_probabilities_underflow():
    assert polarity.log_odds([-900.0, -800.0, 900.0]) == pytest.approx(math.log(0.99 / 0.01))


@given(st.lists(st.floats(-900, 900), min_size=3, max_size=3))
def test_neither_side_is_certain(logits):
    assert min(polarity.sides(logits)) >= 0.01 - 1e-12


@given(st.lists(st.floats(-20, 20), min_size=3, max_size=3), st.floats(0, 5))
def test_a_higher_logit_of_a_side_never_lowers_it(logits, more):
    negative, neutral, positive = logits
    higher = polarity.sides([negative, neutral, positive + more])[1]
    assert higher >= polarity.sides(logits)[1] - 1e-12


def test_half_of_neutral_goes_to_each_side_before_the_power_is_taken():
    logits = [math.log(share) for share in (0.2, 0.5, 0.3)]
    odds = (0.55 / 0.45) ** 3.5
    assert polarity.sides(logits)[1] == pytest.approx(0.01 + 0.98 * odds / (1 + odds))
