"""The reference checkpoint: the int8 weights dequantised to fp32, in the layout of `transformers`.

The engines therefore compute the same network. They differ in how they round activations.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from distilbert_int8 import PANEL
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from app.sentiment.bundle import Bundle
from app.sentiment.engines import disk_cache
from app.sentiment.engines.native import WEIGHTS as INT8_WEIGHTS

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
CHECKPOINT = "checkpoint"
FILES = (WEIGHTS, CONFIG, *TOKENIZER)

Arrays = dict[str, NDArray[np.float32]]


def checkpoint(bundle: Bundle) -> Path:
    """Return the folder of the bundle's checkpoint, for ``from_pretrained``.

    It is the bundle itself where that holds a ``model.safetensors``. Otherwise the int8 weights are
    dequantised into the cache (`disk_cache`), unless an intact copy is there. Several processes may
    do so at once.

    Raises:
        BundleError: a file of the bundle is missing or damaged.
    """
    config, *tokenizer = (bundle.file(name) for name in (CONFIG, *TOKENIZER))
    if WEIGHTS in bundle.checksums:
        return bundle.file(WEIGHTS).parent
    int8_weights = bundle.file(INT8_WEIGHTS)
    if folder := disk_cache.find(bundle, CHECKPOINT, FILES):
        return folder
    folder = disk_cache.folder(bundle) / CHECKPOINT
    with TemporaryDirectory(prefix="unfinished.", dir=folder.parent) as temporary:
        unfinished = Path(temporary)
        _write(unfinished, config, int8_weights)
        for path in tokenizer:
            shutil.copyfile(path, unfinished / path.name)
        disk_cache.publish(unfinished, folder, FILES)
    return folder


def _write(folder: Path, config: Path, int8_weights: Path) -> None:
    values = {**json.loads(config.read_bytes()), "dtype": "float32"}
    (folder / CONFIG).write_text(json.dumps(values, indent=2) + "\n")
    weights = state_dict(load_file(int8_weights), values)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / WEIGHTS).chmod(0o644)  # save_file leaves 0o600


def state_dict(tensors: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> Arrays:
    """Return the state dict of the ``DistilBertForSequenceClassification`` of an int8 network.

    ``tensors``: those of the network's file (`distilbert_int8.weights`), of any shapes.
    ``config``: the checkpoint's ``config.json``.
    """
    width, heads = config["dim"], config["n_heads"]
    channels = width // heads

    def without_padding(values: NDArray[np.float32], parts: int = 1) -> NDArray[np.float32]:
        """Drop the zeros after each head's channels; return (parts, width, ...)."""
        by_head = values.reshape(parts, heads, -1, *values.shape[1:])[:, :, :channels]
        return by_head.reshape(parts, width, *values.shape[1:])

    embeddings = "distilbert.embeddings"
    words = tensors["words"].reshape(-1, width) * tensors["words.scales"].reshape(-1, 1)
    state = {
        f"{embeddings}.word_embeddings.weight": words,
        f"{embeddings}.position_embeddings.weight": tensors["positions"].reshape(-1, width),
        **_exact(tensors, "embeddings", f"{embeddings}.LayerNorm"),
        **_exact(tensors, "head", "pre_classifier", width),
        **_exact(tensors, "labels", "classifier", width),
    }
    for i in range(config["n_layers"]):
        source, target = f"layer{i}", f"distilbert.transformer.layer.{i}"
        qkv = [without_padding(each, 3) for each in _dequantised(tensors, f"{source}.qkv")]
        for part, weight, bias in zip("qkv", *qkv, strict=True):
            # The queries include the factor of the scores, 1 / sqrt(channels).
            factor = np.sqrt(channels) if part == "q" else 1
            state |= _linear(f"{target}.attention.{part}_lin", weight * factor, bias * factor)
        weight, bias = _dequantised(tensors, f"{source}.out")
        state |= _linear(f"{target}.attention.out_lin", without_padding(weight.T)[0].T, bias)
        state |= _linear(f"{target}.ffn.lin1", *_dequantised(tensors, f"{source}.wide"))
        state |= _linear(f"{target}.ffn.lin2", *_dequantised(tensors, f"{source}.narrow"))
        state |= _exact(tensors, f"{source}.attended", f"{target}.sa_layer_norm")
        state |= _exact(tensors, f"{source}.output", f"{target}.output_layer_norm")
    return {name: np.ascontiguousarray(value, np.float32) for name, value in state.items()}


def _dequantised(
    tensors: Mapping[str, NDArray[Any]], name: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a quantised layer's weight, (outputs, inner), and its bias, (outputs,)."""
    smoothing, bias = (tensors[f"{name}.{part}"].reshape(-1) for part in ("smoothing", "bias"))
    inner, outputs = smoothing.size, bias.size
    packed = tensors[f"{name}.weight"].reshape(outputs // PANEL, inner // 4, PANEL, 4)
    scales = tensors[f"{name}.scales"].reshape(-1, outputs)  # (groups, outputs)
    integers = packed.transpose(0, 2, 1, 3).reshape(outputs, len(scales), -1)
    weight = (integers * scales.T[:, :, None]).reshape(outputs, inner)
    return weight * smoothing, bias


def _exact(
    tensors: Mapping[str, NDArray[Any]], source: str, target: str, inner: int | None = None
) -> Arrays:
    """Return an fp32 layer's weight, (outputs, inner) unless ``inner`` is None, and its bias."""
    weight, bias = (tensors[f"{source}.{part}"].reshape(-1) for part in ("weight", "bias"))
    return _linear(target, weight.reshape(-1, inner) if inner else weight, bias)


def _linear(name: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> Arrays:
    return {f"{name}.weight": weight, f"{name}.bias": bias}
