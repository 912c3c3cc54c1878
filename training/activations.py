"""What enters each matrix product of a DistilBERT classifier, measured on texts."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg.blas import ssyrk
from torch import nn
from tqdm import tqdm
from transformers import DistilBertForSequenceClassification

from training import data
from training.quantise import Activations, ActivationStats

_BATCH = 16
"""Rows of a pass: enough for efficient products, few enough for tens of megabytes."""


class Observation(NamedTuple):
    """What a pass over rows of token ids gives."""

    activations: Activations
    logits: np.ndarray
    """(rows, labels)"""
    tokens: int


def observe(model: DistilBertForSequenceClassification, rows: Sequence[np.ndarray]) -> Observation:
    """Compute the logits of rows of token ids, and measure what enters each matrix product.

    The names are those that the tensors have in the ONNX graph. From the attention of the last
    layer on, only the first token of a row counts: the head reads nothing else, and neither the
    kernels nor the graph compute more.
    """
    logits = np.zeros((len(rows), model.config.num_labels), dtype=np.float32)
    sums = {name: _Sums(product.in_features) for name, product, _ in _products(model)}
    mask = torch.empty(0)

    def recorder(name: str, only_first: bool) -> Callable[[nn.Module, tuple[torch.Tensor]], None]:
        def record(_: nn.Module, inputs: tuple[torch.Tensor]) -> None:
            [values] = inputs
            sums[name].add((values[:, 0] if only_first else values[mask]).numpy())

        return record

    hooks = [
        product.register_forward_pre_hook(recorder(name, only_first))
        for name, product, only_first in _products(model)
    ]
    tokens = sum(map(len, rows))
    try:
        with (
            torch.inference_mode(),
            tqdm(desc="observing activations", total=tokens, unit="token", unit_scale=True) as bar,
        ):
            for batch, ids, real in data.padded(rows, _BATCH):
                mask = real.bool()
                logits[batch] = model(input_ids=ids, attention_mask=real).logits.numpy()
                bar.update(int(real.sum()))
    finally:
        for hook in hooks:
            hook.remove()
    return Observation({name: each.stats() for name, each in sums.items()}, logits, tokens)


def _products(
    model: DistilBertForSequenceClassification,
) -> Iterator[tuple[str, nn.Linear, bool]]:
    """Yield each tensor that enters a product, the product, and whether only first tokens count."""
    *_, last = layers = model.distilbert.transformer.layer
    for i, layer in enumerate(layers):
        yield f"layer{i - 1}" if i else "embeddings", layer.attention.k_lin, False
        yield f"layer{i}.attention", layer.attention.out_lin, layer is last
        yield f"layer{i}.attended", layer.ffn.lin1, layer is last
        yield f"layer{i}.active", layer.ffn.lin2, layer is last
    yield f"layer{len(layers) - 1}.first", last.attention.q_lin, True


class _Sums:
    """The stats of a tensor's rows, as they are added."""

    def __init__(self, channels: int) -> None:
        self._low = np.full(channels, np.inf, dtype=np.float32)
        self._high = -self._low
        self._gram = np.zeros((channels, channels), dtype=np.float32, order="F")

    def add(self, rows: np.ndarray) -> None:
        """Add rows of channels."""
        self._low = np.minimum(self._low, rows.min(axis=0))
        self._high = np.maximum(self._high, rows.max(axis=0))
        # In place, and only the upper triangle: a sum of full products would be most of the time.
        self._gram = ssyrk(1, rows.T, beta=1, c=self._gram, overwrite_c=True)

    def stats(self) -> ActivationStats:
        upper = np.triu(self._gram)
        return ActivationStats(self._low, self._high, upper + np.triu(upper, 1).T)
