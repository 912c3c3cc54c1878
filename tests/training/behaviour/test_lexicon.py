import re

from hypothesis import given
from hypothesis import strategies as st

from training.behaviour.lexicon import EMOJI, Lexicon, half

WORDS = st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=30)


@given(WORDS.filter(lambda words: len(words) >= 4))
def test_each_word_either_trains_or_tests(words):
    training, tested = half(words, tests=False), half(words, tests=True)
    assert not set(training) & set(tested)
    assert set(training) | set(tested) == set(words)


@given(WORDS, st.lists(st.text(min_size=1, max_size=5), max_size=10))
def test_a_word_stays_in_its_half_when_others_are_added(words, more):
    if len(words) >= 4:
        assert set(half(words, tests=True)) <= set(half([*words, *more], tests=True))


@given(st.randoms(use_true_random=False))
def test_a_second_word_differs_from_the_first(rng):
    one, other = Lexicon(tests=True).fill("{pos} {pos2}", rng).casefold().split()
    assert one != other


@given(st.randoms(use_true_random=False))
def test_words_that_contain_slots_are_filled(rng):
    text = Lexicon(tests=False).fill("{mishap}. {ordeal}. {a_flaw} {things}", rng)
    assert "{" not in text
    assert all(sentence[0].isupper() for sentence in re.findall(r"[.] (\w)", text))


def test_no_emoji_has_two_sides():
    every = [emoji for side in EMOJI.values() for emoji in side]
    assert len(every) == len(set(every))
