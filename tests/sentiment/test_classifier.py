"""Every engine, through the same classifier, on the shipped weights."""

from dataclasses import replace

import numpy as np
import pytest

from app.sentiment.classifier import SentimentClassifier
from app.sentiment.engines.onnx import OnnxEngine
from app.sentiment.text import Text
from training import graph


def test_obvious_reviews_get_the_obvious_label(engine):
    praise, blame = engine.predict(
        [Text("This movie was amazing and thrilling!"), Text("I want my two hours back.")]
    )
    assert (praise.sentiment, blame.sentiment) == ("Positive", "Negative")


def test_batch_and_single_agree(engine, reviews):
    texts = reviews[::4]
    singles = [engine.score([text]).logits[0] for text in texts]
    np.testing.assert_allclose(_positive(engine.score(texts).logits), _positive(singles), atol=1e-3)


def test_a_batch_comes_back_in_its_own_order(engine, reviews):
    forwards = engine.predict(reviews[:40])
    backwards = engine.predict(reviews[:40][::-1])
    assert [p.tokens for p in forwards] == [p.tokens for p in backwards[::-1]]
    assert [p.sentiment for p in forwards] == [p.sentiment for p in backwards[::-1]]


def test_engines_tokenise_alike(native, torch, reviews):
    assert native._engine.tokenise(reviews) == torch._engine.tokenise(reviews)


def test_torch_and_the_fp32_graph_agree(torch, bundle, reviews):
    weights = {name: value.numpy() for name, value in torch._engine._model.state_dict().items()}
    fp32 = graph.build(torch._engine._model.config, weights).SerializeToString()
    engine = OnnxEngine(bundle, model=fp32)
    texts = reviews[::8]
    found = SentimentClassifier(bundle, engine).score(texts).logits
    np.testing.assert_allclose(found, torch.score(texts).logits, atol=1e-4)


@pytest.mark.parametrize("int8", ["native", "onnx"])
def test_int8_gives_the_reference_label(request, int8, torch, reviews):
    served, reference = (
        np.argmax(of.score(reviews).logits, axis=1) for of in (request.getfixturevalue(int8), torch)
    )
    assert (served == reference).mean() >= 0.995


def test_a_text_at_the_limit_of_length_is_scored_whole(native):
    text = Text(("The plot is thin but the cast is warm. " * 2600)[:100_000].strip())
    [prediction] = native.predict([text])
    assert prediction.tokens > 20_000
    assert prediction.windows == 1 + -(-(prediction.tokens - 2 - 254) // 128)


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
    pooled = np.mean([logits[0], *logits, logits[-1]], axis=0)
    expected = pooled / native.bundle.temperature
    np.testing.assert_allclose(native.score([text]).logits[0], expected, atol=1e-4)


def test_a_repeated_text_is_scored_once(bundle, native):
    classifier = SentimentClassifier(bundle, native._engine, cache_size=10)
    text = Text("Watched it twice.")
    first, second = classifier.predict([text])[0], classifier.predict([text])[0]
    assert (first.cached, second.cached) == (False, True)
    assert first == second.model_copy(update={"cached": False})


def test_temperature_divides_the_log_odds(bundle, native):
    hot = SentimentClassifier(replace(bundle, temperature=bundle.temperature * 2), native._engine)
    texts = [Text("Superb."), Text("Terrible.")]
    halves, wholes = np.array(hot.score(texts).logits), native.score(texts).logits
    np.testing.assert_allclose(halves * 2, wholes, rtol=1e-6)


@pytest.mark.parametrize("count", [0, 1])
def test_few_texts_give_as_many_predictions(native, count):
    assert len(native.predict([Text("Good.")] * count)) == count


def _positive(logits: list[list[float]]) -> np.ndarray:
    return 1 / (1 + np.exp(-np.diff(logits, axis=1)[:, 0]))
