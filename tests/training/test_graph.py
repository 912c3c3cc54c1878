import numpy as np
import onnxruntime
import pytest
import torch

from training import data, graph
from training.activations import observe


@pytest.fixture
def rows(tokenizer):
    from tests.training.conftest import sentences

    return data.encode(tokenizer, sentences(60, 5).texts, 32)


def logits(onnx_graph, rows) -> np.ndarray:
    session = onnxruntime.InferenceSession(onnx_graph.SerializeToString())
    ids, mask = data.pad(rows)
    lengths = mask.sum(1).numpy().astype(np.int32)
    return session.run(None, {"input_ids": ids.numpy().astype(np.int32), "lengths": lengths})[0]


def weights(model) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in model.eval().state_dict().items()}


def reference(model, rows) -> np.ndarray:
    ids, mask = data.pad(rows)
    with torch.inference_mode():
        return model.eval()(input_ids=ids, attention_mask=mask).logits.numpy()


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_fp32_graph_computes_what_torch_does(model, rows, activation):
    model.config.activation = activation
    model = type(model)(model.config)
    found = logits(graph.build(model.config, weights(model)), rows)
    np.testing.assert_allclose(found, reference(model, rows), atol=1e-5)


def test_int8_graph_is_near_and_independent_of_the_batch(model, rows):
    activations = observe(model.eval(), rows).activations
    int8 = graph.build(model.config, weights(model), activations)
    whole = logits(int8, rows)
    np.testing.assert_allclose(whole, reference(model, rows), atol=0.05)
    alone = np.concatenate([logits(int8, [row]) for row in rows])
    np.testing.assert_allclose(whole, alone, atol=1e-5)


def test_unknown_activation_is_refused(model):
    model.config.activation = "silu"
    with pytest.raises(ValueError, match="'silu' is neither gelu nor relu"):
        graph.build(model.config, weights(model))
