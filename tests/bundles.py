"""Bundles made of the shipped one, with two labels or with three."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from distilbert_int8 import Shape, write
from safetensors import safe_open

from app.sentiment.bundle import CHECKSUMS
from app.sentiment.engines.native import WEIGHTS

NEUTRAL_BIAS = 0.5
"""What is added to Neutral's logit, which is otherwise half-way between those of the sides."""


def relabelled(source: Path, folder: Path, labels: Sequence[str]) -> Path:
    """Return a bundle of these labels: the source, or a copy in the folder that has them.

    Neutral is dropped, or made of the sides: a text is Neutral where their logits differ little.
    """
    config = json.loads((source / "config.json").read_bytes())
    if len(config["id2label"]) == len(labels):
        return source
    shutil.copytree(source, folder)
    config["id2label"] = {str(i): label for i, label in enumerate(labels)}
    config["label2id"] = {label: i for i, label in enumerate(labels)}
    (folder / "config.json").write_text(json.dumps(config))
    with safe_open(source / WEIGHTS, "np") as file:
        shape = Shape(**{**json.loads(file.metadata()["shape"]), "labels": len(labels)})
        tensors: dict[str, Any] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, bias in (("labels.weight", 0.0), ("labels.bias", NEUTRAL_BIAS)):
        negative, *_, positive = tensors[name]
        neutral = [(negative + positive) / 2 + np.float32(bias)] if len(labels) == 3 else []
        tensors[name] = np.array([negative, *neutral, positive], dtype=np.float32)
    write(folder / WEIGHTS, shape, tensors)
    names = [line.split()[1] for line in (source / CHECKSUMS).read_text().splitlines()]
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" for name in names
    ]
    (folder / CHECKSUMS).write_text("\n".join(lines) + "\n")
    return folder
