import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.behaviour import changes

TEXTS = st.text(alphabet="abcdefgh ,.'", max_size=60)


@given(TEXTS, st.randoms(use_true_random=False))
def test_a_typo_only_reorders_letters(text, rng):
    changed = changes.with_typo(text, rng)
    assert sorted(changed) == sorted(text)
    assert sum(one != other for one, other in zip(text, changed, strict=True)) in (0, 2)


@given(
    st.lists(st.sampled_from(("plots", "a", "brown", "is", "hazy")), max_size=60),
    st.randoms(use_true_random=False),
)
def test_slips_change_one_long_word_in_ten_and_at_least_one(words, rng):
    changed = changes.mistyped(" ".join(words), rng).split()
    assert len(changed) == len(words)
    long = sum(len(word) >= 4 for word in words)
    slips = sum(one != other for one, other in zip(words, changed, strict=True))
    assert slips == (max(1, round(long / 10)) if long else 0)


def test_noise_is_of_every_kind():
    rng = random.Random(0)
    text = "I do not like this terrible plot."
    noise = {changes.noisy(text, rng) for _ in range(300)}
    assert {text.upper(), text.lower().rstrip("."), "I don't like this terrible plot."} <= noise
    for mark in ("@", "https://", "#"):
        assert any(mark in each and text in each for each in noise)
    assert any(re.fullmatch(r"I do not like this ter\w+ plot\.", each) for each in noise - {text})


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("I do not like it.", "I don't like it."),
        ("They are not fast.", "They aren't fast."),
        ("You cannot tell.", "You can't tell."),
    ],
)
def test_a_contraction_can_be_expanded(long, short):
    assert changes.contracted(long) == short
    assert changes.expanded(short) == long


@pytest.mark.parametrize("text", ["Taller than I am.", "the heart of it is true"])
def test_no_contraction_where_english_has_none(text):
    assert changes.contracted(text) == text


@given(TEXTS)
def test_contracting_twice_changes_nothing_more(text):
    once = changes.contracted(text)
    assert changes.contracted(once) == once


def test_links_handles_and_hashtags_look_like_themselves():
    rng = random.Random(0)
    assert changes.link(rng).startswith("https://")
    assert changes.handle(rng).startswith("@")
    assert changes.hashtag(rng).startswith("#")
