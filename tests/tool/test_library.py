"""``from sentiment import Classifier``."""

import doctest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sentiment
from sentiment import BundleError, Classifier, InvalidOption, InvalidText, SettingsError

GOOD = "A joy from start to end."
BAD = "I want my two hours back."


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier()


def test_three_lines_classify_a_text():
    failed, attempted = doctest.testmod(sentiment)
    assert (failed, attempted) == (0, 3)


def test_texts_are_predicted_in_their_order(classifier):
    predictions = classifier.predict_all(text for text in (GOOD, BAD))
    assert [each.sentiment for each in predictions] == ["Positive", "Negative"]
    assert predictions[0] == classifier.predict(GOOD)
    assert classifier.predict_all([]) == []
    assert predictions[0].model == classifier.revision


def test_sentences_have_offsets_in_the_text_as_it_was_given(classifier):
    text = "\n  The acting is superb.  The plot is a mess."
    analysis = classifier.predict(text, sentences=True)
    assert [text[each.start : each.end] for each in analysis.sentences] == [
        "The acting is superb.",
        "The plot is a mess.",
    ]
    assert classifier.predict(text).sentences is None


def test_neutral_needs_a_model_that_has_it(three_label_bundle, two_label_bundle):
    assert "Neutral" in Classifier(three_label_bundle).predict(GOOD, neutral=True).scores
    classifier = Classifier(two_label_bundle)
    for analyse in (classifier.predict, classifier.explain):
        with pytest.raises(InvalidOption, match="Negative and Positive alone"):
            analyse(GOOD, neutral=True)


def test_words_of_an_explanation_add_up(classifier):
    explanation = classifier.explain("Dull, but well acted.")
    total = explanation.base_value + sum(word.weight for word in explanation.words)
    assert total == pytest.approx(explanation.value, abs=1e-4)
    assert classifier.explain(GOOD, evaluations=2).unit == "phrases"


def test_invalid_text_is_named(classifier):
    with pytest.raises(InvalidText, match="^text must not be blank"):
        classifier.predict(" ")
    with pytest.raises(InvalidText, match=r"^texts\[1\] must not be blank"):
        classifier.predict_all([GOOD, ""])
    with pytest.raises(InvalidText, match="^text must have at most 5,000 characters"):
        classifier.explain("good " * 2000)
    with pytest.raises(InvalidText, match="^text must have at most 100,000 characters"):
        classifier.check("good " * 25_000)


def test_missing_model_is_an_error(tmp_path):
    with pytest.raises(BundleError, match="no model bundle"):
        Classifier(tmp_path)


def test_environment_configures_only_what_asks_for_it(monkeypatch):
    monkeypatch.setenv("SENTIMENT_THREADS", "many")
    assert Classifier().predict(GOOD).sentiment == "Positive"
    with pytest.raises(SettingsError, match="SENTIMENT_THREADS=many"):
        Classifier.from_environment()
    monkeypatch.setenv("SENTIMENT_THREADS", "1")
    monkeypatch.setenv("SENTIMENT_CACHE_SIZE", "10")
    classifier = Classifier.from_environment()
    assert [classifier.predict(GOOD).cached for _ in range(2)] == [False, True]


def test_threads_may_share_a_classifier(classifier):
    with ThreadPoolExecutor(4) as pool:
        predictions = list(pool.map(classifier.predict, [GOOD, BAD] * 20))
    assert [each.sentiment for each in predictions] == ["Positive", "Negative"] * 20


def test_everything_public_is_documented():
    assert (Path(sentiment.__file__).parent / "py.typed").exists()
    for name in sentiment.__all__:
        assert name == "__version__" or getattr(sentiment, name).__doc__
