"""The native network: a DistilBERT classifier's weights in 8 bits, laid out for the kernels."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from distilbert_int8 import PANEL, Shape, write
from transformers import DistilBertConfig

from training import quantise
from training.quantise import Activations, Seen

Weights = Mapping[str, np.ndarray]

KINDS = ("weight", "bias")
_GROUP = 192
"""Channels that share a range and scales. Fewer lose less: outliers, above all the activation
function's, widen only their own group's range. But each group costs a tile one more pass."""
_SMOOTHING = 0.5
"""What SmoothQuant's authors use; of 0 to 1 it gave the least error of the log-odds on held-out
reviews. Each row has a range of its own here, so that outliers cost less than in the ONNX graph."""


def save(config: DistilBertConfig, weights: Weights, activations: Activations, path: Path) -> None:
    """Write the network of a ``DistilBertForSequenceClassification``'s state dict.

    Raises:
        ValueError: a width of the network is no multiple of 16.
    """
    real = config.dim // config.n_heads
    padded = -(-real // PANEL) * PANEL
    shape = Shape(
        width=config.dim,
        heads=config.n_heads,
        head_width=padded,
        hidden=config.hidden_dim,
        layers=config.n_layers,
        labels=config.num_labels,
        relu=int(config.activation == "relu"),
        group=_GROUP,
    )

    def heads(values: np.ndarray) -> np.ndarray:
        """Pad each head's channels, the first axis, with zeros."""
        split = values.reshape(config.n_heads, real, -1)
        wide = np.pad(split, ((0, 0), (0, padded - real), (0, 0)))
        return wide.reshape(config.n_heads * padded, *values.shape[1:])

    words, word_scales = quantise.rows(weights["distilbert.embeddings.word_embeddings.weight"])
    tensors = {
        "words": words,
        "words.scales": word_scales,
        "positions": weights["distilbert.embeddings.position_embeddings.weight"],
        **_named("embeddings", weights, "distilbert.embeddings.LayerNorm"),
        **_named("head", weights, "pre_classifier"),
        **_named("labels", weights, "classifier"),
    }
    for i in range(config.n_layers):
        source, name = f"distilbert.transformer.layer.{i}", f"layer{i}"
        attention = {
            part: {kind: heads(weights[f"{source}.attention.{part}_lin.{kind}"]) for kind in KINDS}
            for part in "qkv"
        }
        # The scores' factor, 1 / sqrt(channels), goes into the queries.
        for kind in KINDS:
            attention["q"][kind] = attention["q"][kind] / np.float32(np.sqrt(real))
        qkv = {kind: np.concatenate([attention[p][kind] for p in "qkv"]) for kind in KINDS}
        out = _part(weights, f"{source}.attention.out_lin")
        out["weight"] = heads(np.ascontiguousarray(out["weight"].T)).T
        low, high, gram = activations[f"{name}.attention"]
        attended = Seen(heads(low), heads(high), heads(heads(gram).T))
        wide, narrow = (_part(weights, f"{source}.ffn.{part}") for part in ("lin1", "lin2"))
        active = activations[f"{name}.active"]
        # The order of the hidden channels is free; those of like size share a group's range.
        reach = np.maximum(-active.low, active.high)
        order = np.argsort(-reach / quantise.smoothing(active, [narrow["weight"]], _SMOOTHING))
        wide = {kind: value[order] for kind, value in wide.items()}
        narrow["weight"] = narrow["weight"][:, order]
        active = Seen(active.low[order], active.high[order], active.gram[np.ix_(order, order)])
        products = {
            "qkv": (qkv, activations[_input(i)]),
            "out": (out, attended),
            "wide": (wide, activations[f"{name}.attended"]),
            "narrow": (narrow, active),
        }
        for part, (linear, seen) in products.items():
            for key, value in _product(linear, seen).items():
                tensors[f"{name}.{part}.{key}"] = value
        tensors |= _named(f"{name}.attended", weights, f"{source}.sa_layer_norm")
        tensors |= _named(f"{name}.output", weights, f"{source}.output_layer_norm")
    write(path, shape, tensors)


def _input(layer: int) -> str:
    """Return the name that a layer's input has in the ONNX graph."""
    return f"layer{layer - 1}" if layer else "embeddings"


def _product(linear: Weights, seen: Seen) -> dict[str, np.ndarray]:
    """Return a linear layer's tensors for the kernels."""
    smooth = quantise.smoothing(seen, [linear["weight"]], _SMOOTHING)
    gram = seen.gram / np.outer(smooth, smooth)
    integers, scales = quantise.weight(linear["weight"] * smooth, _GROUP, gram)
    sums = integers.reshape(*scales.shape, -1).sum(axis=2, dtype=np.int64) * scales
    return {
        "smoothing": (1 / smooth).astype(np.float32),
        "weight": _packed(integers),
        "scales": scales.T,
        "sums": sums.T.astype(np.float32),
        "bias": linear["bias"].astype(np.float32),
    }


def _packed(integers: np.ndarray) -> np.ndarray:
    """Return (outputs, inner) as (outputs / PANEL, inner / 4, PANEL, 4)."""
    outputs, inner = integers.shape
    return integers.reshape(outputs // PANEL, PANEL, inner // 4, 4).transpose(0, 2, 1, 3)


def _part(weights: Weights, source: str) -> dict[str, np.ndarray]:
    return {kind: weights[f"{source}.{kind}"] for kind in KINDS}


def _named(name: str, weights: Weights, source: str) -> dict[str, np.ndarray]:
    return {f"{name}.{kind}": value for kind, value in _part(weights, source).items()}
