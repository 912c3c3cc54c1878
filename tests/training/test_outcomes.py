import numpy as np
import pytest

from app.sentiment import polarity
from training import outcomes
from training.data import NEGATIVE, NEUTRAL, POSITIVE


@pytest.mark.parametrize("labels", [2, 3])
def test_outcomes_are_those_that_are_served(labels):
    logits = np.random.default_rng(0).normal(0, 4, (200, labels))
    one_by_one = logits.tolist()
    expected = [polarity.log_odds(each) for each in one_by_one]
    np.testing.assert_allclose(outcomes.log_odds(logits), expected)
    np.testing.assert_allclose(
        outcomes.probabilities(logits), [polarity.probabilities(each) for each in one_by_one]
    )
    positive = np.array([polarity.sides(each)[1] > 0.5 for each in one_by_one])
    assert (outcomes.two_way(logits) == np.where(positive, POSITIVE, NEGATIVE)).all()


def test_of_three_labels_the_most_probable_is_the_outcome():
    logits = np.array([[3.0, 2.0, 1.0], [1.0, 3.0, 2.0], [1.0, 2.0, 3.0]])
    assert outcomes.three_way(logits).tolist() == [NEGATIVE, NEUTRAL, POSITIVE]


@pytest.mark.parametrize(
    ("positive", "expected"), [(0.3, NEGATIVE), (0.4, NEUTRAL), (0.6, NEUTRAL), (0.7, POSITIVE)]
)
def test_of_two_labels_the_middle_third_is_neutral(positive, expected):
    logits = np.log([[1 - positive, positive]])
    assert outcomes.three_way(logits).tolist() == [expected]
