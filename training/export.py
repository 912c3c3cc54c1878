"""A checkpoint in, a model bundle out: fp16 reference, int8 graph, card and checksums."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DistilBertForSequenceClassification,
)

from app.sentiment.bundle import CHECKSUMS
from training import data, graph
from training.data import LABELS
from training.graph import Activations, Extremes

WINDOW, STRIDE = 256, 128


def load_checkpoint(source: str) -> tuple[DistilBertForSequenceClassification, Tokenizer]:
    """Load a checkpoint from a local folder or, where there is a hub, by its id.

    Raises:
        ValueError: it is no DistilBERT with one negative and one positive label.
    """
    model = AutoModelForSequenceClassification.from_pretrained(source, dtype=torch.float32)
    if not isinstance(model, DistilBertForSequenceClassification):
        raise ValueError(f"{source} is a {type(model).__name__}, not a DistilBERT classifier")
    order = [_label(name) for _, name in sorted(model.config.id2label.items())]
    if sorted(order) != [0, 1]:
        names = ", ".join(model.config.id2label.values())
        raise ValueError(f"{source} has the labels {names}; one negative, one positive are needed")
    with torch.no_grad():
        for parameter in (model.classifier.weight, model.classifier.bias):
            parameter.copy_(parameter[torch.tensor(order)].clone())
    tokenizer = AutoTokenizer.from_pretrained(source).backend_tokenizer
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return model.eval(), tokenizer


def _label(name: str) -> int | None:
    lowered = name.lower()
    return {"label_0": 0, "label_1": 1}.get(lowered, {"neg": 0, "pos": 1}.get(lowered[:3]))


def observe(fp32: onnx.ModelProto, rows: Sequence[np.ndarray]) -> Activations:
    """Run the fp32 graph over rows of token ids; return what enters each matrix product."""
    names = graph.product_inputs(fp32)
    watched = onnx.ModelProto()
    watched.CopyFrom(fp32)
    watched.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names
    )
    session = onnxruntime.InferenceSession(watched.SerializeToString())
    extremes: dict[str, Extremes] = {}
    for row in rows:
        inputs = {"input_ids": row[None], "lengths": np.array([len(row)], dtype=np.int32)}
        for name, values in zip(names, session.run(names, inputs), strict=True):
            channels = values.reshape(-1, values.shape[-1])
            low, high = channels.min(axis=0), channels.max(axis=0)
            seen = extremes.get(name, Extremes(low, high))
            extremes[name] = Extremes(np.minimum(low, seen.low), np.maximum(high, seen.high))
    return extremes


def export(
    source: str, folder: Path, calibration: Sequence[str], card: Mapping[str, Any]
) -> None:
    """Write the bundle of a checkpoint into the folder, replacing what is there.

    ``calibration``: normalised texts like those to be served, which set the int8 ranges.
    ``card``: what is known of the model; its name, revision and inference settings are added.
    """
    model, tokenizer = load_checkpoint(source)
    halves = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    weights = {name: value.float().numpy() for name, value in halves.items()}
    fp32 = graph.build(model.config, weights)
    activations = observe(fp32, data.encode(tokenizer, calibration, WINDOW))
    int8 = graph.build(model.config, weights, activations)

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.config.id2label = dict(enumerate(LABELS))
    model.config.label2id = {label: i for i, label in enumerate(LABELS)}
    model.config.dtype = "float16"
    model.config.save_pretrained(folder)
    save_file(halves, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.onnx").write_bytes(int8.SerializeToString())
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    lower = json.loads(tokenizer.to_str())["normalizer"].get("lowercase", True)
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "DistilBertTokenizer",
            "do_lower_case": lower,
            "model_max_length": model.config.max_position_embeddings,
        },
    )
    revision = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:12]
    inference = {"window": WINDOW, "stride": STRIDE, "temperature": 1.0}
    write_card(folder, {"name": Path(source).name, "revision": revision, "inference": inference, **card})


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Replace the bundle's card, and its checksums with it."""
    write_json(folder / "card.json", card)
    files = sorted(path for path in folder.iterdir() if path.name != CHECKSUMS)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / CHECKSUMS).write_text("".join(lines))


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
