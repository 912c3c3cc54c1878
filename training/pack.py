"""The native network: a DistilBERT classifier's weights in 8 bits, laid out for the kernels."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from distilbert_int8 import PANEL, Shape, write
from tqdm import tqdm
from transformers import DistilBertConfig

from training import quantise
from training.quantise import Activations, ActivationStats

Weights = Mapping[str, np.ndarray]

METHOD = "SmoothQuant and GPTQ"
KINDS = ("weight", "bias")
_GROUP = 192
"""Channels that share a range and scales. Fewer lose less: outliers, above all the activation
function's, widen only their own group's range. But each group costs a tile one more pass."""
_SMOOTHING = 0.5
"""What SmoothQuant's authors use; of 0 to 1 it gave the least error of the log-odds on held-out
reviews. Each row has a range of its own here, so that outliers cost less than in the ONNX graph."""


def shape(config: DistilBertConfig) -> Shape:
    """Return the dimensions of the kernels' network.

    Raises:
        ValueError: the kernels cannot compute this network.
    """
    if config.activation not in {"gelu", "relu"}:
        raise ValueError(f"activation {config.activation!r} is neither gelu nor relu")
    channels = config.dim // config.n_heads
    return Shape(
        width=config.dim,
        heads=config.n_heads,
        head_width=-(-channels // PANEL) * PANEL,
        hidden=config.hidden_dim,
        layers=config.n_layers,
        labels=config.num_labels,
        relu=int(config.activation == "relu"),
        group=_GROUP,
    )


def save(config: DistilBertConfig, weights: Weights, activations: Activations, path: Path) -> None:
    """Write the network of a ``DistilBertForSequenceClassification``'s state dict.

    Shows its progress, because rounding the weights takes seconds for each layer.

    Raises:
        ValueError: see `shape`.
    """
    dimensions = shape(config)
    words, word_scales = quantise.rows(weights["distilbert.embeddings.word_embeddings.weight"])
    tensors = {
        "words": words,
        "words.scales": word_scales,
        "positions": weights["distilbert.embeddings.position_embeddings.weight"],
        **_prefixed("embeddings", _part(weights, "distilbert.embeddings.LayerNorm")),
        **_prefixed("head", _part(weights, "pre_classifier")),
        **_prefixed("labels", _part(weights, "classifier")),
    }
    for i in tqdm(range(config.n_layers), desc="rounding weights", unit="layer"):
        source = f"distilbert.transformer.layer.{i}"
        layer = {
            **_attention(weights, f"{source}.attention", activations, i, dimensions),
            **_prefixed("attended", _part(weights, f"{source}.sa_layer_norm")),
            **_feed_forward(weights, f"{source}.ffn", activations, i),
            **_prefixed("output", _part(weights, f"{source}.output_layer_norm")),
        }
        tensors |= _prefixed(f"layer{i}", layer)
    write(path, dimensions, tensors)


def _attention(
    weights: Weights, source: str, activations: Activations, number: int, shape: Shape
) -> dict[str, np.ndarray]:
    channels = shape.width // shape.heads

    def padded(values: np.ndarray) -> np.ndarray:
        """Fill each head's channels, along the first axis, up with zeros."""
        split = values.reshape(shape.heads, channels, -1)
        wide = np.pad(split, ((0, 0), (0, shape.head_width - channels), (0, 0)))
        return wide.reshape(shape.heads * shape.head_width, *values.shape[1:])

    queries, keys, values = (_part(weights, f"{source}.{part}_lin") for part in "qkv")
    # The factor of the scores, 1 / sqrt(channels), goes into the queries.
    queries = {kind: value / np.float32(np.sqrt(channels)) for kind, value in queries.items()}
    parts = (queries, keys, values)
    qkv = {kind: np.concatenate([padded(part[kind]) for part in parts]) for kind in KINDS}
    out = _part(weights, f"{source}.out_lin")
    out["weight"] = padded(np.ascontiguousarray(out["weight"].T)).T
    low, high, gram = activations[f"layer{number}.attention"]
    attended = ActivationStats(padded(low), padded(high), padded(padded(gram).T))
    return {
        **_prefixed("qkv", _product(qkv, activations[_input(number)])),
        **_prefixed("out", _product(out, attended)),
    }


def _feed_forward(
    weights: Weights, source: str, activations: Activations, number: int
) -> dict[str, np.ndarray]:
    wide, narrow = (_part(weights, f"{source}.{part}") for part in ("lin1", "lin2"))
    low, high, gram = stats = activations[f"layer{number}.active"]
    # The order of the hidden channels is free; those of like size share a group's range.
    smooth = quantise.smoothing(stats, [narrow["weight"]], _SMOOTHING)
    order = np.argsort(-np.maximum(-low, high) / smooth)
    wide = {kind: value[order] for kind, value in wide.items()}
    narrow["weight"] = narrow["weight"][:, order]
    active = ActivationStats(low[order], high[order], gram[np.ix_(order, order)])
    return {
        **_prefixed("wide", _product(wide, activations[f"layer{number}.attended"])),
        **_prefixed("narrow", _product(narrow, active)),
    }


def _input(layer: int) -> str:
    """Return the name that a layer's input has in the ONNX graph."""
    return f"layer{layer - 1}" if layer else "embeddings"


def _product(linear: Weights, stats: ActivationStats) -> dict[str, np.ndarray]:
    """Return a linear layer's tensors for the kernels."""
    smooth = quantise.smoothing(stats, [linear["weight"]], _SMOOTHING)
    gram = stats.gram / np.outer(smooth, smooth)
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


def _prefixed(prefix: str, tensors: Weights) -> dict[str, np.ndarray]:
    return {f"{prefix}.{name}": value for name, value in tensors.items()}
