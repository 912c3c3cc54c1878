"""Outcomes of two and of three labels, and what a text's sentences say together."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sentiment import polarity
from app.sentiment.analysis import CLEAR, Outcome, magnitude, mixed, outcome

LOGITS = st.lists(st.floats(-50, 50), min_size=2, max_size=3)


@given(LOGITS, st.booleans())
def test_an_outcome_is_its_most_probable_label(logits, neutral):
    found = outcome(logits, neutral=neutral)
    assert found.confidence == found.scores[found.sentiment] == max(found.scores.values())
    assert math.fsum(found.scores.values()) == pytest.approx(1, abs=2e-4)
    assert list(found.scores) == ["Negative", *(["Neutral"] if neutral else []), "Positive"]


@given(LOGITS)
def test_the_score_is_the_same_with_and_without_neutral(logits):
    two, three = outcome(logits, neutral=False), outcome(logits, neutral=True)
    assert two.score == three.score
    assert -1 <= two.score <= 1
    assert three.score == pytest.approx(
        three.scores["Positive"] - three.scores["Negative"], abs=2e-4
    )
    if two.score:
        assert two.sentiment == ("Positive" if two.score > 0 else "Negative")


@given(LOGITS)
def test_no_number_is_minus_zero(logits):
    found = outcome(logits, neutral=True)
    assert all(math.copysign(1, value) == 1 for value in found.scores.values())
    assert found.score or math.copysign(1, found.score) == 1


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=2))
def test_two_labels_are_never_neutral(logits):
    found = outcome(logits, neutral=True)
    assert found.scores["Neutral"] == 0
    assert found.sentiment == outcome(logits, neutral=False).sentiment


def test_a_text_without_opinion_is_neutral_or_undecided():
    assert outcome([0.0, 9.0, 0.1], neutral=True).sentiment == "Neutral"
    assert outcome([0.0, 9.0, 0.1], neutral=False).confidence == pytest.approx(0.5, abs=0.01)


def of(negative: float, positive: float) -> Outcome:
    neutral = 1 - negative - positive
    logits = [math.log(each) for each in (negative, neutral, positive)]
    return outcome(logits, neutral=True)


def test_a_text_is_mixed_if_it_has_a_clear_sentence_on_either_side():
    good, bad, plain = of(0.01, CLEAR + 0.02), of(CLEAR + 0.02, 0.01), of(0.1, 0.1)
    assert mixed([good, plain, bad])
    assert not mixed([good, plain])
    assert not mixed([good, of(CLEAR, 0.01)])
    assert mixed([good, of(CLEAR, 0.01)], clear=0.4)
    assert not mixed([])


@given(st.lists(LOGITS, max_size=8), LOGITS)
def test_the_magnitude_grows_with_the_text(before, further):
    sentences = [outcome(logits, neutral=True) for logits in before]
    longer = [*sentences, outcome(further, neutral=True)]
    assert 0 <= magnitude(sentences) <= magnitude(longer) <= len(longer)


@given(LOGITS)
def test_outcomes_add_up_to_1_and_to_the_sides(logits):
    negative, neutral, positive = polarity.outcomes(logits)
    assert negative + neutral + positive == pytest.approx(1)
    odds = (positive + neutral / 2) / (negative + neutral / 2)
    expected = odds / (1 + odds)
    if len(logits) == 3:
        expected = 0.01 + 0.98 * odds**3.5 / (1 + odds**3.5)
    assert polarity.sides(logits)[1] == pytest.approx(expected)
