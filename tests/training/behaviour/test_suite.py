import math

import numpy as np
import pytest

from training.behaviour import suite
from training.behaviour.cases import (
    COMMONEST_EMOJI,
    COMMONEST_EMOJI_ABILITY,
    NEUTRAL,
    NOTATIONS,
    NOTATIONS_ABILITY,
    POSITIVE,
    RIGHT,
    Case,
    cases,
)
from training.behaviour.lexicon import EMOJI, Lexicon
from training.data import LABELS


class Scores:
    def __init__(self, logits):
        self.logits = logits


class Scripted:
    """Scores each text with the probabilities that are given for it."""

    def __init__(self, probabilities):
        self._probabilities = probabilities

    def score(self, texts):
        return Scores([[math.log(p) for p in self._probabilities[text]] for text in texts])


def measured(case, **probabilities):
    return suite.measure(Scripted(probabilities), [case])[case.ability]


@pytest.mark.parametrize(
    ("probabilities", "fails"), [((0.1, 0.2, 0.7), 0), ((0.1, 0.7, 0.2), 0), ((0.7, 0.2, 0.1), 1)]
)
def test_a_text_fails_outside_the_outcomes_that_are_right(probabilities, fails):
    case = Case("negated blame", ("text",), (NEUTRAL, POSITIVE))
    assert measured(case, text=probabilities).failures == fails


@pytest.mark.parametrize(("positive", "fails"), [(0.3, 1), (0.4, 0), (0.6, 0), (0.7, 1)])
def test_of_two_labels_neutral_is_the_middle_third(positive, fails):
    case = Case("facts", ("text",), (NEUTRAL,))
    assert measured(case, text=(1 - positive, positive)).failures == fails


def test_each_pair_of_texts_that_differ_counts():
    case = Case("identities", ("one", "two", "three"))
    result = measured(case, one=(0.5, 0.5), two=(0.55, 0.45), three=(0.9, 0.1))
    assert (result.cases, result.failures) == (3, 2)
    assert result.examples == ["one"]


@pytest.mark.parametrize(("positive", "fails"), [(0.9, 0), (0.6, 0), (0.4, 1)])
def test_a_text_fails_that_is_less_positive_than_the_one_before(positive, fails):
    case = Case("grades", ("3/5", "4/5"), rising=True)
    probabilities = {"3/5": (0.4, 0.6), "4/5": (1 - positive, positive)}
    result = measured(case, **probabilities)
    assert (result.cases, result.failures) == (1, fails)


def test_half_of_neutral_counts_as_positive_where_texts_must_rise():
    case = Case("grades", ("3/5", "4/5"), rising=True)
    probabilities = {"3/5": (0.1, 0.8, 0.1), "4/5": (0.3, 0.1, 0.6)}
    assert measured(case, **probabilities).failures == 0


def test_the_worst_ability_comes_first():
    results = {"good": suite.Result(10, 0), "bad": suite.Result(10, 9, ["a text"])}
    rows = suite.table(results).splitlines()[2:]
    assert rows[0] == "| bad | 10 | 90.0% | a text |"


def test_figures_sum_the_results_up():
    results = {
        "emoji, the hundred commonest": suite.Result(200, 2),
        "grades in all notations": suite.Result(300, 8),
        "identities: race": suite.Result(60, 30),
        "names, places, numbers, dates": suite.Result(40, 2),
        "grades": suite.Result(10, 1),
    }
    assert suite.figures(results) == {
        "emoji_and_grades_right": 0.98,
        "pairs_that_differ": 0.32,
        "worst_failure_rate": 0.1,
    }
    assert "by more than 0.1: 32.0%" in suite.table(results)


def test_what_has_no_cases_has_no_figure():
    assert suite.figures({"identities: race": suite.Result(60, 30)}) == {"pairs_that_differ": 0.5}


def test_a_hundred_emoji_and_each_notation_of_grades_are_cases():
    emoji = [one for group in COMMONEST_EMOJI.values() for one in group.split()]
    assert len(emoji) == len(set(emoji)) == 100
    tested = [case for case in cases() if case.ability == COMMONEST_EMOJI_ABILITY]
    assert {case.texts[0] for case in tested} >= set(emoji)
    notations = [case for case in cases() if case.ability == NOTATIONS_ABILITY]
    for label, slots in NOTATIONS.items():
        of_label = [case.texts[0].lower() for case in notations if case.right == RIGHT[label]]
        for slot in slots:
            for grade in Lexicon(tests=True).options(slot):
                assert any(grade.lower() in text for text in of_label)


def test_an_emoji_has_the_side_that_lessons_give_it():
    side = {each: LABELS.index(name) for name, group in EMOJI.items() for each in group}
    for label, group in COMMONEST_EMOJI.items():
        for emoji in group.replace("\ufe0f", "").split():
            assert emoji not in side or side[emoji] in RIGHT[label]


def test_the_cases_are_the_same_each_time():
    assert cases() == cases()


def test_the_shipped_bundle_has_the_plain_abilities(native):
    """What it lacks is in docs/model-card.md; this shows that the suite measures it at all."""
    plain = [case for case in cases() if case.ability == "plain opinions"]
    [result] = suite.measure(native, plain).values()
    assert result.cases == len(plain)
    assert result.rate < 0.06
    assert np.isfinite(result.rate)
