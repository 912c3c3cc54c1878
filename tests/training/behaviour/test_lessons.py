import re
from pathlib import Path

import pytest

from training.behaviour.cases import (
    ABOUT_PEOPLE,
    WITH_DETAILS,
    WITH_EMOJI,
    WITH_GRADE,
    WITH_NOTATION,
    cases,
)
from training.behaviour.lessons import TARGETS, lessons
from training.behaviour.lexicon import SLOT, Lexicon
from training.behaviour.templates import TESTS, TRAINING
from training.recipe import load

ATTEMPTS = 5000
CONFIGS = Path("training/configs")


def key(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


@pytest.fixture(scope="module")
def taught():
    return list(lessons(ATTEMPTS, seed=0))


def test_the_same_seed_gives_the_same_lessons(taught):
    assert list(lessons(ATTEMPTS, seed=0)) == taught


def test_no_lesson_is_a_case_that_tests(taught):
    tested = {key(text) for case in cases() for text in case.texts if text.isascii()} - {""}
    assert not tested & {key(text) for text, _ in taught}


FAILED_ONCE = (
    "One star",
    "2 stars out of 5",
    "Average.",
    "👎",
    "😡😡",
    "❤️",
    "The package arrived on Tuesday.",
    "Refund processed in a day.",
    "I have never been so bored.",
    "I wanted to love it, but it never once made me care.",
    "Not the worst thing I've ever watched.",
    "Yeah right, best customer service ever, only waited 3 hours.",
)
"""Sentences that earlier weights failed: later ones must get them right without training."""


def plain(text: str) -> str:
    """Return the text without case, spaces, punctuation and variation selectors."""
    return re.sub(r"[\s.,'!\ufe0f]", "", text.casefold())


@pytest.fixture(scope="module")
def taught_by_the_recipe():
    recipe = load(CONFIGS / "shipped.toml")
    return {plain(text) for text, _ in lessons(recipe.lessons, recipe.seed)}


@pytest.mark.parametrize("sentence", FAILED_ONCE)
def test_a_sentence_that_weights_once_failed_tests_and_never_trains(sentence, taught_by_the_recipe):
    assert sentence in {template.text for templates in TESTS.values() for template in templates}
    assert (sentence,) in {case.texts for case in cases()}
    training = {plain(each.text) for templates in TRAINING.values() for each in templates}
    assert plain(sentence) not in training | taught_by_the_recipe


def test_most_attempts_give_a_new_lesson(taught):
    texts = [text for text, _ in taught]
    assert len(texts) == len(set(texts))
    assert len(texts) > 0.9 * ATTEMPTS


def test_no_template_that_tests_is_one_that_trains():
    training = {template.text for templates in TRAINING.values() for template in templates}
    tested = {
        template.text
        for templates in TESTS.values()
        for template in templates
        if not re.fullmatch(r"\W*(\{\w+\}\W*)+", template.text)
    }
    assert not training & tested


def test_no_frame_of_a_pair_or_a_grade_trains():
    training = {template.text for templates in TRAINING.values() for template in templates}
    assert not training & {*ABOUT_PEOPLE, *WITH_DETAILS, *WITH_EMOJI, *WITH_GRADE, *WITH_NOTATION}


@pytest.mark.parametrize("slot", ["pos", "neg", "neu", "liked", "hated", "name", "place", "emopos"])
def test_no_word_that_tests_is_one_that_trains(slot):
    training, tested = Lexicon(tests=False).options(slot), Lexicon(tests=True).options(slot)
    assert training
    assert tested
    assert not set(training) & set(tested)


OPINIONS = ("pos", "neg", "avg", "liked", "hated", "posfeel", "negfeel", "merit", "flaw", "kind")


def test_no_training_template_contains_a_word_that_tests():
    lexicon = Lexicon(tests=True)
    tested = {word for slot in OPINIONS for word in lexicon.options(slot)}
    fixed = {
        word
        for templates in TRAINING.values()
        for template in templates
        for word in re.findall(r"[a-z][a-z-]+", SLOT.sub("", template.text.lower()))
    }
    assert not fixed & tested


def test_no_word_trains_in_one_slot_and_tests_in_another():
    training, tested = (
        {word for slot in OPINIONS for word in Lexicon(tests=tests).options(slot)}
        for tests in (False, True)
    )
    assert not training & tested


def test_every_ability_is_taught(taught):
    assert {target for _, target in taught} == set(TARGETS.values())
    assert TESTS.keys() <= TRAINING.keys()


@pytest.mark.parametrize("target", TARGETS.values())
def test_a_target_is_a_distribution(target):
    assert sum(target) == pytest.approx(1)


def test_every_slot_is_filled(taught):
    assert not [text for text, _ in taught if SLOT.search(text)]


def test_articles_fit_their_words(taught):
    consonant = r"(us|uni|uk|euro|one)"
    vowel = r"(hour|honest|[aefhilmnorsx]\b)"
    wrong = re.compile(
        rf"\ba (?!{consonant})([aeiou]\w|{vowel})|\ban (?!{vowel})({consonant}|[^aeiou])", re.I
    )
    without_grades = [re.sub("^A (?=is )", "", text) for text, _ in taught]
    assert not [text for text in without_grades if wrong.search(text)]
