import numpy as np
import pytest
import torch

from tests.training.conftest import tiny_model
from training import activations
from training.train import predict

ROWS = [np.array([2, *range(5, 5 + count), 3]) for count in (1, 9, 3, 5)]


@pytest.fixture
def observed():
    return activations.observe(tiny_model().eval(), ROWS)


@pytest.mark.parametrize("batch", [1, 3])
def test_padding_is_not_observed(observed, batch, monkeypatch):
    monkeypatch.setattr(activations, "_BATCH", batch)
    again = activations.observe(tiny_model().eval(), ROWS)
    for name, stats in observed.activations.items():
        for one, other in zip(stats, again.activations[name], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_stats_are_of_what_enters_each_layer(observed):
    model = tiny_model().eval()
    with torch.inference_mode():
        inputs = [
            model.distilbert(torch.tensor(row[None]), output_hidden_states=True).hidden_states
            for row in ROWS
        ]
    for i, name in enumerate(["embeddings", "layer0", "layer1", "layer2"]):
        tokens = np.concatenate([states[i][0].numpy() for states in inputs])
        low, high, gram = observed.activations[name]
        np.testing.assert_allclose(low, tokens.min(axis=0), atol=1e-5)
        np.testing.assert_allclose(high, tokens.max(axis=0), atol=1e-5)
        np.testing.assert_allclose(gram, tokens.T @ tokens, rtol=1e-3, atol=1e-3)


def test_of_the_last_layer_only_the_first_tokens_count(observed):
    """A Gram matrix has no higher rank than it has tokens."""
    ranks = {
        name: np.linalg.matrix_rank(stats.gram, tol=1e-4, hermitian=True)
        for name, stats in observed.activations.items()
    }
    of_first = {name for name, rank in ranks.items() if rank <= len(ROWS)}
    # Fresh weights attend alike from all tokens of a row.
    of_first -= {f"layer{i}.attention" for i in range(3)}
    assert of_first == {f"layer3.{name}" for name in ("attention", "attended", "active", "first")}


def test_the_pass_gives_the_logits_in_the_order_of_the_rows(observed):
    np.testing.assert_allclose(observed.logits, predict(tiny_model(), ROWS), atol=1e-5)
    assert observed.tokens == 26


def test_the_model_is_observed_only_during_the_pass():
    model = tiny_model().eval()
    activations.observe(model, ROWS)
    assert not any(module._forward_pre_hooks for module in model.modules())
