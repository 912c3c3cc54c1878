"""The comparison with other ways to score a text."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from bench import report, rivals
from bench.peers import comparison, engines
from bench.peers.comparison import Texts
from training.data import NEGATIVE, NEUTRAL, POSITIVE, Examples


def test_texts_have_a_name_and_a_file():
    assert Texts.parse("reviews=a.csv") == Texts("reviews", Path("a.csv"))


@pytest.mark.parametrize("argument", ["a.csv", "=a.csv", "reviews="])
def test_texts_without_a_name_or_a_file_are_refused(argument):
    with pytest.raises(ValueError, match="NAME=FILE"):
        Texts.parse(argument)


def test_sample_is_fixed_and_has_a_side():
    labels = np.array([NEGATIVE, NEUTRAL, POSITIVE] * 400)
    examples = Examples([str(i) for i in range(1200)], labels)
    sample = comparison._sample(examples)
    assert len(sample) == comparison.MAX_TEXTS
    assert sample == comparison._sample(examples)
    assert all(positive == (int(text) % 3 == 2) for text, positive in sample)
    assert not any(int(text) % 3 == 1 for text, _ in sample)


def test_embedding_of_length_1_gets_its_length_back(tmp_path):
    rng = np.random.default_rng(0)
    weight, bias = rng.uniform(0.5, 1.5, 384), rng.normal(size=384)
    hidden = rng.normal(size=384)
    embedding = (hidden - hidden.mean()) / hidden.std() * weight + bias
    save_file({"norm.weight": weight, "norm.bias": bias}, tmp_path / "head.safetensors")
    restore = engines._denormaliser(tmp_path)
    np.testing.assert_allclose(restore(embedding / np.linalg.norm(embedding)), embedding)


@pytest.fixture
def result(monkeypatch):
    def peer(milliseconds, accuracy):
        by = {str(tokens): [milliseconds] * 3 for tokens in comparison.LENGTHS}
        return {
            "milliseconds": by,
            "ratios": {tokens: [values[0] / 4] * 3 for tokens, values in by.items()},
            "resident_mb": 64.2,
            "accuracy": accuracy,
        }

    result = {
        "machine": {"cores": 2, "python": "3", "load": 0.1},
        "revision": "1",
        "texts": {"reviews": 500},
        "peers": {
            "VADER": peer(0.5, {"reviews": 0.7}),
            "candle fp32": peer(40.0, {}),
            rivals.OURS: peer(4.0, {"reviews": 0.94}),
        },
        "failed": {"LiteRT int8": "no such file"},
    }
    monkeypatch.setattr(report, "read", lambda name: result)
    return result


def test_table_has_the_served_weights_first_and_names_what_did_not_run(result):
    ours, candle, vader = comparison.table().splitlines()[4:7]
    assert ours == f"| **{rivals.OURS}** | 94.0% | 4.00 | 4.00 | 4.00 | 1 × | 64 |"
    assert candle == "| candle fp32 |  | 40 | 40 | 40 | 10 × | 64 |"
    assert vader == "| VADER | 70.0% | 0.50 | 0.50 | 0.50 | 0.12 × | 64 |"
    assert "- LiteRT int8 did not run: no such file" in comparison.table()


def test_plot_shows_what_has_an_accuracy(result, tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "PLOT", tmp_path / "peers.svg")
    comparison.plot()
    drawn = (tmp_path / "peers.svg").read_text()
    assert "VADER, 0.50 ms, 64 MB" in drawn
    assert "candle" not in drawn
