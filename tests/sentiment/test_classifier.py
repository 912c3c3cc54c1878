"""Every engine, through the same classifier, on the shipped weights."""

import math
import re
import resource
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scoring.configuration import text_limits
from app.sentiment import classifier as module
from app.sentiment import polarity
from app.sentiment.bundle import Bundle
from app.sentiment.cancellation import Cancelled, cancelled_by
from app.sentiment.classifier import MAX_TOKENS_PER_CHARACTER, SentimentClassifier, _Scored
from app.sentiment.temperature import Temperature
from app.sentiment.text import InvalidText, Limits, Text, normalise
from app.sentiment.windows import Windows as WindowSize
from app.settings import Settings
from bench.worst import FAMILIES

LIMITS = text_limits(Settings())
ENGLISH = ("The plot is thin but the cast is warm. " * 2600)[:100_000]


def test_obvious_reviews_get_the_obvious_label(engine):
    praise, blame = engine.predict(
        [Text("This movie was amazing and thrilling!"), Text("I want my two hours back.")]
    )
    assert (praise.sentiment, blame.sentiment) == ("Positive", "Negative")


def test_batch_and_single_agree(engine, reviews):
    texts = reviews[::12]
    singles = [engine.score([text]).logits[0] for text in texts]
    np.testing.assert_allclose(_positive(engine.score(texts).logits), _positive(singles), atol=1e-3)


def test_a_batch_comes_back_in_its_own_order(engine, reviews):
    texts = reviews[::12]
    forwards = engine.predict(texts)
    backwards = engine.predict(texts[::-1])
    assert [p.tokens for p in forwards] == [p.tokens for p in backwards[::-1]]
    assert [p.sentiment for p in forwards] == [p.sentiment for p in backwards[::-1]]


def test_engines_tokenise_alike(native, torch, reviews):
    assert native._engine.tokenise(reviews) == torch._engine.tokenise(reviews)


def test_torch_and_the_fp32_graph_agree(torch, bundle, reviews):
    from training import graph  # which imports onnx and transformers
    from training.onnx_engine import OnnxEngine

    weights = {name: value.numpy() for name, value in torch._engine._model.state_dict().items()}
    fp32 = graph.build(torch._engine._model.config, weights).SerializeToString()
    engine = OnnxEngine(bundle, fp32)
    texts = reviews[::12]
    found = SentimentClassifier(bundle, engine).score(texts).logits
    np.testing.assert_allclose(found, torch.score(texts).logits, atol=1e-4)


TIE = 0.005
"""A probability of Positive as near to a half as this is no label that int8 must keep."""


def test_int8_gives_the_reference_label(native, torch, reviews):
    reference = _positive(torch.score(reviews).logits)
    served = _positive(native.score(reviews).logits)
    decided = np.abs(reference - 0.5) > TIE
    assert decided.mean() > 0.98
    assert ((served > 0.5) == (reference > 0.5))[decided].mean() >= 0.995


def test_a_text_at_the_limit_of_length_is_scored_whole(native):
    text = native.parse(ENGLISH, LIMITS)
    [prediction] = native.predict([text])
    assert prediction.tokens > 20_000
    assert prediction.windows == 1 + -(-(prediction.tokens - 2 - 254) // 128)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_longest_text_is_parsed_or_refused_in_linear_time_and_little_memory(native, family):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    try:
        native.parse(FAMILIES[family](LIMITS.characters), LIMITS)
    except InvalidText as error:
        assert re.search("blank|at most (50,000 tokens|200,000 characters)", str(error))
    assert time.process_time() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024


def test_a_text_of_too_many_tokens_is_refused_with_the_limit_and_its_own(native):
    with pytest.raises(InvalidText, match="must have at most 50,000 tokens, not 150,002"):
        native.parse("\ufdfa" * 10_000, LIMITS)


def test_parse_allows_exactly_the_limit_of_tokens(native):
    assert native.parse("Good, good.", Limits(100, 6)) == "Good, good."
    with pytest.raises(InvalidText, match="at most 5 tokens, not 6"):
        native.parse("Good, good.", Limits(100, 5))


def test_no_character_is_more_tokens_than_are_counted_on(native):
    """Where a text's length shows that it has few enough tokens, they are not counted."""
    normalizer = native._engine._tokenizer.normalizer
    normalised = {
        char
        for code in range(0x110000)
        for char in unicodedata.normalize("NFKC", normalise(chr(code)))
    }
    longest = max(len(normalizer.normalize_str(char).replace(" ", "")) for char in normalised)
    assert longest == MAX_TOKENS_PER_CHARACTER


def test_many_long_texts_are_tokenised_a_few_at_a_time(bundle, native):
    classifier = SentimentClassifier(bundle, native._engine)
    texts = [Text(f"{i} {'a' * 60_000}") for i in range(10)]
    groups = []
    tokenise = classifier.tokenise
    classifier.tokenise = lambda group: groups.append(len(group)) or tokenise(group)
    together = classifier.predict(texts)
    assert groups == [3, 3, 3, 1]
    assert together == [classifier.predict([text])[0] for text in texts]


def test_a_long_texts_first_and_last_windows_count_twice(native):
    text = Text("A slow start. " * 120 + "A glorious finish! " * 120)
    engine = native._engine
    [ids] = engine.tokenise([text])
    rows = [
        [engine.start_token, *ids[start : start + 254], engine.end_token]
        for start in range(0, len(ids) - 254 + 128, 128)
    ]
    logits = engine.logits(rows)
    assert len(logits) > 2
    weighted = [logits[0], *logits, logits[-1]]
    pooled = np.average(weighted, axis=0, weights=list(map(polarity.opinion, weighted)))
    expected = pooled / native.bundle.temperature.at(native.score([text]).tokens[0])
    np.testing.assert_allclose(native.score([text]).logits[0], expected, atol=1e-4)


def test_a_repeated_text_is_scored_once(bundle, native):
    classifier = SentimentClassifier(bundle, native._engine, cache_size=10)
    text = Text("Watched it twice.")
    first, second = classifier.predict([text])[0], classifier.predict([text])[0]
    assert (first.cached, second.cached) == (False, True)
    assert first == second.model_copy(update={"cached": False})


def test_temperature_divides_the_log_odds(bundle, native):
    twice = Temperature(bundle.temperature.short * 2, bundle.temperature.long * 2)
    hot = SentimentClassifier(replace(bundle, temperature=twice), native._engine)
    texts = [Text("Superb."), Text("Terrible.")]
    halves, wholes = np.array(hot.score(texts).logits), native.score(texts).logits
    np.testing.assert_allclose(halves * 2, wholes, rtol=1e-6)


class Windows:
    """An engine whose logits of a window are what its only token stands for."""

    start_token = end_token = 0

    def __init__(self, *logits: list[float]) -> None:
        self._logits = logits

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        return [self._logits[row[1]] for row in rows]


def pooled(bundle: Bundle, *logits: list[float], temperature: float = 1) -> list[float]:
    """Return the logits of a text of windows of these logits, one token each."""
    one_token = replace(
        bundle,
        windows=(WindowSize(3, 1),),
        temperature=Temperature(temperature, temperature),
    )
    classifier = SentimentClassifier(one_token, Windows(*logits))
    return classifier.score_tokens([range(len(logits))]).logits[0]


LOGIT = st.floats(-8, 8)
TWO_LOGITS = st.lists(LOGIT, min_size=2, max_size=2)
THREE_LOGITS = st.lists(LOGIT, min_size=3, max_size=3)
SURELY_NEUTRAL = st.tuples(LOGIT, st.just(15.0), LOGIT).map(list)


def margin(logits: list[float]) -> float:
    """How far Positive lies above Negative."""
    return logits[-1] - logits[0]


@given(THREE_LOGITS)
def test_a_text_of_one_window_has_its_logits(bundle, logits):
    assert pooled(bundle, logits) == pytest.approx(logits)


@given(st.lists(THREE_LOGITS, min_size=1, max_size=6))
def test_pooled_logits_lie_between_those_of_the_windows(bundle, windows):
    for of_label, values in zip(pooled(bundle, *windows), zip(*windows, strict=True), strict=True):
        assert min(values) - 1e-9 <= of_label <= max(values) + 1e-9


@given(st.lists(TWO_LOGITS, min_size=1, max_size=6), st.floats(0.1, 10))
def test_windows_of_two_labels_count_alike_but_for_the_first_and_the_last(
    bundle, windows, temperature
):
    weighted = [windows[0], *windows, windows[-1]]
    expected = [
        math.fsum(values) / (len(weighted) * temperature) for values in zip(*weighted, strict=True)
    ]
    assert pooled(bundle, *windows, temperature=temperature) == expected


@given(THREE_LOGITS, st.lists(THREE_LOGITS, min_size=2, max_size=5), THREE_LOGITS, st.randoms())
def test_the_order_of_windows_between_the_first_and_the_last_does_not_matter(
    bundle, first, between, last, random
):
    shuffled = random.sample(between, len(between))
    assert pooled(bundle, first, *shuffled, last) == pooled(bundle, first, *between, last)


@given(st.lists(THREE_LOGITS, min_size=1, max_size=6))
def test_the_margin_of_positive_lies_between_those_of_the_windows(bundle, windows):
    """So a text is on the side on which all its windows are."""
    margins = [margin(window) for window in windows]
    of_text = pooled(bundle, *windows)
    assert min(margins) - 1e-9 <= margin(of_text) <= max(margins) + 1e-9
    assert margin(of_text) * polarity.log_odds(of_text) >= -1e-9


@given(st.lists(THREE_LOGITS, min_size=2, max_size=5), SURELY_NEUTRAL, st.data())
def test_a_neutral_window_between_others_moves_a_text_by_no_more_than_its_weight(
    bundle, windows, neutral, data
):
    """The log-odds move by at most a multiple of its share of the weight and of how far it is off.

    The text changes sides only if the weighted margin of the neutral window exceeds its own.
    """
    at = data.draw(st.integers(1, len(windows) - 1))
    before = pooled(bundle, *windows)
    after = pooled(bundle, *windows[:at], neutral, *windows[at:])
    weights = [max(polarity.opinion(window), 0.01) for window in windows]
    others = weights[0] + sum(weights) + weights[-1]
    weight = max(polarity.opinion(neutral), 0.01)
    apart = [new - old for new, old in zip(neutral, before, strict=True)]
    moved = abs(polarity.log_odds(after) - polarity.log_odds(before))
    assert moved <= polarity.POWER * weight / (others + weight) * (max(apart) - min(apart)) + 1e-9
    if others * abs(margin(before)) > weight * abs(margin(neutral)) + 1e-9:
        assert margin(after) * margin(before) > 0


def test_windows_of_plot_do_not_outvote_the_verdict(bundle):
    plot, verdict = [0.5, 5.0, 1.5], [-2.0, 0.0, 3.0]
    alone = polarity.sides(pooled(bundle, verdict))[1]
    assert polarity.sides(pooled(bundle, *[plot] * 8, verdict))[1] > alone - 0.1


def test_a_text_of_neutral_windows_is_neutral(bundle):
    negative, neutral, positive = polarity.probabilities(pooled(bundle, *[[0.0, 30.0, 0.0]] * 4))
    assert neutral > 0.99
    assert negative == positive


@given(st.lists(THREE_LOGITS, min_size=1, max_size=6))
def test_a_text_is_as_neutral_as_the_least_neutral_of_its_windows(bundle, windows):
    leads = [neutral - max(negative, positive) for negative, neutral, positive in windows]
    negative, neutral, positive = pooled(bundle, *windows)
    assert neutral - max(negative, positive) >= min(leads) - 1e-9


@given(THREE_LOGITS)
def test_three_labels_are_answered_as_two_outcomes(bundle, logits):
    untempered = replace(bundle, temperature=Temperature(1, 1))
    classifier = SentimentClassifier(untempered, Windows(logits))
    [of_text] = classifier.score_tokens([[0]]).logits
    prediction = classifier._prediction(_Scored(of_text, tokens=3, windows=1))
    assert list(prediction.scores) == ["Negative", "Positive"]
    assert sum(prediction.scores.values()) == pytest.approx(1, abs=1.01e-4)
    assert prediction.confidence == prediction.scores[prediction.sentiment]
    assert prediction.confidence == max(prediction.scores.values()) >= 0.5
    assert prediction.scores["Positive"] == pytest.approx(polarity.sides(logits)[1], abs=1e-4)


@pytest.mark.parametrize("count", [0, 1])
def test_few_texts_give_as_many_predictions(native, count):
    assert len(native.predict([Text("Good.")] * count)) == count


def _positive(logits: list[list[float]]) -> np.ndarray:
    return np.array([polarity.sides(each)[1] for each in logits])


GOOD, BAD = "This movie was amazing and thrilling!", "An awful, boring mess."
PLAIN = "It lasts two hours."


def test_an_analysis_agrees_with_the_prediction(native, reviews):
    texts = reviews[::12]
    two = native.analyse(texts, neutral=False)
    for prediction, analysis in zip(native.predict(texts), two, strict=True):
        shared = prediction.model_dump()
        assert analysis.model_dump(include=shared.keys()) == shared


def test_a_text_may_be_neutral_where_the_model_knows_it(three_labels):
    good, bad = three_labels.analyse([Text(GOOD), Text(BAD)])
    assert (good.sentiment, bad.sentiment) == ("Positive", "Negative")
    assert list(good.scores) == ["Negative", "Neutral", "Positive"]
    assert good.score > 0 > bad.score


def test_a_model_of_two_labels_is_never_neutral(two_labels):
    [analysis] = two_labels.analyse([Text(PLAIN)])
    assert analysis.scores["Neutral"] == 0


def test_sentences_are_scored_as_the_same_texts_alone(three_labels):
    sent = f"{GOOD}  {BAD}\n{PLAIN}"
    [analysis] = three_labels.analyse([Text(normalise(sent))], originals=[sent])
    assert [sent[each.start : each.end] for each in analysis.sentences] == [GOOD, BAD, PLAIN]
    alone = three_labels.analyse([Text(each) for each in (GOOD, BAD, PLAIN)])
    assert [each.scores for each in analysis.sentences] == [each.scores for each in alone]
    assert analysis.mixed
    assert analysis.magnitude == pytest.approx(sum(abs(each.score) for each in alone), abs=1e-3)


def test_texts_and_sentences_are_scored_in_one_pass(bundle, native):
    classifier = SentimentClassifier(bundle, native._engine)
    passes = []
    score = classifier.score
    classifier.score = lambda texts: passes.append(list(texts)) or score(texts)
    sent = [f"{GOOD} {BAD}", f"{BAD} {PLAIN}", GOOD]
    classifier.analyse([Text(each) for each in sent], originals=sent)
    assert passes == [[*sent, BAD, PLAIN]]


def test_the_cache_serves_both_views(bundle, native):
    classifier = SentimentClassifier(bundle, native._engine, cache_size=10)
    classifier.predict([Text(GOOD)])
    [analysis] = classifier.analyse([Text(GOOD)], originals=[GOOD])
    assert analysis.cached
    assert classifier.predict([Text(GOOD)])[0].cached
    assert len(classifier.cache) == 1


def test_the_tokens_of_sentences_are_reported(bundle, native):
    stats = []
    classifier = SentimentClassifier(bundle, native._engine, observer=stats.append)
    sent = f"{GOOD} {BAD}"
    [analysis] = classifier.analyse([Text(sent)], originals=[sent])
    [call] = [each for each in stats if each.predictions]
    assert call.predictions == [analysis]
    assert call.variant_tokens == sum(classifier.token_counts([Text(GOOD), Text(BAD)]))


def test_a_lone_surrogate_of_a_sentence_is_shown_as_a_replacement(native):
    sent = "Great \ud83d."
    [analysis] = native.analyse([Text(normalise(sent))], originals=[sent])
    assert [each.text for each in analysis.sentences] == ["Great \ufffd."]
    assert analysis.model_dump_json()


def test_an_analysis_that_nobody_waits_for_cuts_no_sentences(native, monkeypatch):
    cut = []
    monkeypatch.setattr(module, "split", lambda original: cut.append(original) or [])
    cancelled = Event()
    cancelled.set()
    with cancelled_by(cancelled), pytest.raises(Cancelled):
        native.analyse([Text(GOOD)], originals=[GOOD])
    assert cut == []
