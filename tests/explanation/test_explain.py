"""The weights of words: what they promise, on the shipped weights."""

import itertools
import math
import time

import numpy as np
import pytest

from app.deadline import Deadline
from app.explanation import explain as module
from app.explanation.explain import Explanation
from app.explanation.words import words
from app.sentiment.text import Text


def explain(classifier, sent: str, max_evaluations: int, seconds: float = math.inf) -> Explanation:
    return module.explain(classifier, sent, max_evaluations, Deadline(seconds))


def weights(explanation) -> dict[str, float]:
    return {word.text: word.weight for word in explanation.words}


@pytest.mark.parametrize(
    ("sent", "signs"),
    [
        ("This movie was amazing and thrilling!", {"amazing": 1, "thrilling!": 1}),
        ("A dull and lifeless mess.", {"dull": -1, "lifeless": -1, "mess.": -1}),
        ("A waste of a great cast.", {"waste": -1, "great": 1}),
        ("Not bad at all.", {"Not": 1}),
        ("It is not good.", {"not": -1, "good.": 1}),
    ],
)
def test_key_words_pull_where_everyone_would_say(native, sent, signs):
    found = weights(explain(native, sent, 400))
    assert {word: np.sign(found[word]) for word in signs} == signs


@pytest.mark.parametrize("budget", [2, 3, 10, 101, 400])
def test_base_value_and_weights_sum_up_to_the_value(native, reviews, budget):
    for review in reviews[::40]:
        found = explain(native, review, budget)
        total = found.base_value + sum(word.weight for word in found.words)
        assert total == pytest.approx(found.value, abs=1e-3)


def test_value_is_the_log_odds_of_the_prediction(native, reviews):
    for review in reviews[::40]:
        found = explain(native, review, 20)
        probability = 1 / (1 + math.exp(-found.value))
        assert found.scores["Positive"] == pytest.approx(probability, abs=1e-3)


def test_base_value_is_the_same_whatever_the_text(native):
    assert len({explain(native, text, 2).base_value for text in ("Good.", "A bad film.")}) == 1


def test_two_words_have_their_shapley_values(native):
    """Of two players, Owen and Shapley values are the same: the mean over both orders."""
    found = explain(native, "not good", 400)
    texts = [Text(text) for text in ("not good", "not", "good")]
    both, first, second = np.diff(native.score(texts).logits, axis=1)[:, 0]
    expected = (first - found.base_value + both - second) / 2
    assert found.words[0].weight == pytest.approx(expected, abs=1e-3)


def test_a_text_of_one_word_owes_all_to_it(native):
    found = explain(native, " Superb! ", 400)
    assert (found.unit, found.evaluations) == ("words", 2)
    assert found.words[0].weight == pytest.approx(found.value - found.base_value, abs=1e-3)


@pytest.mark.parametrize("budget", [2, 3, 21, 100])
def test_the_budget_is_kept(native, reviews, budget):
    longest = max(reviews, key=len)
    assert explain(native, longest, budget).evaluations <= budget


@pytest.mark.parametrize("seconds", [0, 0.05])
def test_what_is_explained_by_the_deadline_is_returned(native, reviews, seconds):
    longest = max(reviews, key=len)
    started = time.monotonic()
    found = explain(native, longest, 100_000, seconds)
    assert time.monotonic() - started < 5
    assert (found.unit, found.complete) == ("phrases", False)
    total = found.base_value + sum(word.weight for word in found.words)
    assert total == pytest.approx(found.value, abs=1e-3)


def test_variants_are_put_together_from_tokens_of_one_pass(native, reviews, monkeypatch):
    calls = []

    def tokenise(texts):
        calls.append(list(texts))
        return tokenised(texts)

    tokenised = native.tokenise
    monkeypatch.setattr(native, "tokenise", tokenise)
    explain(native, reviews[0], 50)
    assert len(calls) == 2  # the text for its prediction, and its words
    assert calls[1] == [word.text for word in words(reviews[0])]


def test_variants_score_as_texts_of_the_same_words(native):
    """With two words each variant is a text: both, either and none of them."""
    found = explain(native, "not good", 400)
    texts = [Text(text) for text in ("not good", "not", "good")]
    both, first, second = np.diff(native.score(texts).logits, axis=1)[:, 0]
    assert found.value == pytest.approx(both, abs=1e-5)
    expected = (second - found.base_value + both - first) / 2
    assert found.words[1].weight == pytest.approx(expected, abs=1e-3)


def test_a_complete_explanation_has_every_word(native):
    sent = "The cast is fine, the plot is not, and I would see it again."
    found = explain(native, sent, 1000)
    assert (found.unit, found.complete) == ("words", True)
    assert [word.text for word in found.words] == sent.split()


def test_a_text_over_512_tokens_is_explained_in_phrases_that_cover_it(native):
    sent = "It goes on and on. " * 60 + "But the ending is a triumph! " + "Or so they say. " * 60
    found = explain(native, sent, 200)
    assert found.tokens > 512
    assert found.unit == "phrases"
    assert " ".join(word.text for word in found.words) == sent.strip()
    assert all(a.end < b.start for a, b in itertools.pairwise(found.words))
    best = max(found.words, key=lambda word: word.weight)
    assert "triumph!" in best.text
