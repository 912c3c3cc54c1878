"""The weights of words: what they promise, on the shipped weights."""

import itertools
import math
import time
from collections.abc import Sequence

import numpy as np
import pytest

from app.deadline import Deadline
from app.explanation import explain as module
from app.explanation.explain import Explanation
from app.explanation.words import words
from app.sentiment.classifier import SentimentClassifier
from app.sentiment.polarity import log_odds
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
        ("It is not good.", {"not": -1}),
    ],
)
def test_key_words_pull_where_everyone_would_say(native, sent, signs):
    weight = weights(explain(native, sent, 400))
    assert {word: np.sign(weight[word]) for word in signs} == signs


@pytest.mark.parametrize("budget", [2, 3, 10, 101, 400])
def test_base_value_and_weights_sum_up_to_the_value(native, reviews, budget):
    for review in reviews[::40]:
        explanation = explain(native, review, budget)
        total = explanation.base_value + sum(word.weight for word in explanation.words)
        assert total == pytest.approx(explanation.value, abs=1e-3)


def test_value_is_the_log_odds_of_the_prediction(native, reviews):
    for review in reviews[::40]:
        explanation = explain(native, review, 20)
        probability = 1 / (1 + math.exp(-explanation.value))
        assert explanation.scores["Positive"] == pytest.approx(probability, abs=1e-3)


class ThreeLabels:
    """An engine of three labels: the logit of each is the sum of every third id."""

    start_token = end_token = 0

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        return [[len(word) for word in text.split()] for text in texts]

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        return [[float(sum(row[i::3])) for i in range(3)] for row in rows]


@pytest.mark.parametrize("budget", [2, 5, 400])
def test_three_labels_are_explained_as_the_two_outcomes(bundle, budget):
    sent = "I expected the worst of this film. It was a wonderful evening, a few songs aside."
    three = SentimentClassifier(bundle, ThreeLabels())
    explanation = explain(three, sent, budget)
    total = explanation.base_value + sum(word.weight for word in explanation.words)
    assert total == pytest.approx(explanation.value, abs=1e-4)
    probability = 1 / (1 + math.exp(-explanation.value))
    assert explanation.scores["Positive"] == pytest.approx(probability, abs=1e-4)


def test_base_value_is_the_same_whatever_the_text(native):
    assert len({explain(native, text, 2).base_value for text in ("Good.", "A bad film.")}) == 1


def test_two_words_have_their_shapley_values(native):
    """Of two players, Owen and Shapley values are the same: the mean over both orders."""
    explanation = explain(native, "not good", 400)
    texts = [Text(text) for text in ("not good", "not", "good")]
    both, first, second = map(log_odds, native.score(texts).logits)
    expected = (first - explanation.base_value + both - second) / 2
    assert explanation.words[0].weight == pytest.approx(expected, abs=1e-3)


def test_a_text_of_one_word_owes_all_to_it(native):
    explanation = explain(native, " Superb! ", 400)
    assert (explanation.unit, explanation.evaluations) == ("words", 2)
    assert explanation.words[0].weight == pytest.approx(
        explanation.value - explanation.base_value, abs=1e-3
    )


@pytest.mark.parametrize("budget", [2, 3, 21, 100])
def test_the_budget_is_kept(native, reviews, budget):
    longest = max(reviews, key=len)
    assert explain(native, longest, budget).evaluations <= budget


@pytest.mark.parametrize("seconds", [0, 0.05])
def test_what_is_explained_by_the_deadline_is_returned(native, reviews, seconds):
    longest = max(reviews, key=len)
    started = time.monotonic()
    explanation = explain(native, longest, 100_000, seconds)
    assert time.monotonic() - started < 5
    assert (explanation.unit, explanation.complete) == ("phrases", False)
    total = explanation.base_value + sum(word.weight for word in explanation.words)
    assert total == pytest.approx(explanation.value, abs=1e-3)


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


def test_a_complete_explanation_has_every_word(native):
    sent = "The cast is fine, the plot is not, and I would see it again."
    explanation = explain(native, sent, 1000)
    assert (explanation.unit, explanation.complete) == ("words", True)
    assert [word.text for word in explanation.words] == sent.split()


def test_a_text_over_512_tokens_is_explained_in_phrases_that_cover_it(native):
    sent = "It goes on and on. " * 60 + "But the ending is a triumph! " + "Or so they say. " * 60
    explanation = explain(native, sent, 200)
    assert explanation.tokens > 512
    assert explanation.unit == "phrases"
    assert " ".join(word.text for word in explanation.words) == sent.strip()
    assert all(a.end < b.start for a, b in itertools.pairwise(explanation.words))
    best = max(explanation.words, key=lambda word: word.weight)
    assert "triumph!" in best.text
