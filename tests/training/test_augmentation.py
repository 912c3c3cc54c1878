import random

import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from training import augmentation

SIMILAR = {"good": ["great", "fine"], "plot": ["story"], "slow": ["tedious"]}
TEXTS = [
    "The plot is good, but the cast was slow and nobody laughed.",
    "A slow start; then, with a good plot, it takes off.",
    "Good.",
]


@given(st.randoms(use_true_random=False))
def test_a_phrase_is_part_of_its_text(rng):
    made = augmentation.phrase(TEXTS[0], rng)
    assert made in TEXTS[0]
    assert 0 < len(made) < len(TEXTS[0])


@given(st.randoms(use_true_random=False))
def test_rewording_replaces_words_by_similar_ones_alone(rng):
    before, after = TEXTS[0].split(), augmentation.reworded(TEXTS[0], SIMILAR, rng).split()
    changed = [(old.strip(",."), new.strip(",.")) for old, new in zip(before, after, strict=True)]
    changed = [(old, new) for old, new in changed if old != new]
    assert changed
    assert all(new in SIMILAR[old] for old, new in changed)


def test_new_texts_differ_and_begin_with_a_phrase_of_their_source():
    made, sources = augmentation.augment(TEXTS, [20, 10, 0], [1, 1, 2], {}, seed=0)
    assert len(made) == len(set(made)) == len(sources) > 15
    assert not set(made) & set(TEXTS)
    assert set(sources) == {0, 1}
    assert all(
        text.split()[0].strip(",;:.!") in TEXTS[i] for text, i in zip(made, sources, strict=True)
    )


def test_phrases_of_another_group_are_not_joined():
    """So that each of two teachers scores what is made of texts that it was not trained on."""
    groups = [1, 2]
    made, _ = augmentation.augment(["good, good", "slow, slow"], [40, 40], groups, {}, seed=0)
    assert any("good" in text for text in made)
    assert any("slow" in text for text in made)
    assert not any("good" in text and "slow" in text for text in made)


def test_new_texts_depend_on_the_seed_alone():
    one, again, other = (
        augmentation.augment(TEXTS, [9] * 3, [1] * 3, SIMILAR, seed=s) for s in (0, 0, 1)
    )
    assert one[0] == again[0] != other[0]


def test_neighbours_are_the_nearest_whole_words(monkeypatch):
    words = ["[PAD]", "good", "great", "awful", "dire", "##ly", "a"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}))
    vectors = torch.tensor(
        [[0.0, 0.0], [1.0, 0.0], [0.9, 0.1], [-1.0, 0.0], [-0.9, 0.1], [1.0, 0.0], [1.0, 0.0]]
    )
    monkeypatch.setattr(augmentation, "NEIGHBOURS", 1)
    assert augmentation.neighbours(tokenizer, vectors) == {
        "good": ["great"],
        "great": ["good"],
        "awful": ["dire"],
        "dire": ["awful"],
    }


def test_a_text_without_similar_words_stays():
    assert augmentation.reworded("42!", SIMILAR, random.Random(0)) == "42!"
