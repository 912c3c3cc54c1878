"""An exported ONNX graph behind the engines' protocol, to verify it and to compare its speed."""

import os
from collections.abc import Sequence
from typing import cast

import numpy as np

from app.sentiment.bundle import Bundle
from app.sentiment.engines.tokenizer import BundleTokenizer

# Set before the import, this stops onnxruntime from sending usage data to its vendor.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime


class OnnxEngine(BundleTokenizer):
    """A graph of `training.graph` in onnxruntime, with the bundle's tokenizer.

    ``model``: the serialised graph. ``threads``: compute threads; 0 lets onnxruntime choose, one
    for each core.
    """

    def __init__(self, bundle: Bundle, model: bytes, threads: int = 0) -> None:
        super().__init__(bundle)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        lengths = np.array([len(row) for row in rows], dtype=np.int32)
        ids = np.zeros((len(rows), int(lengths.max())), dtype=np.int32)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
        inputs = {"input_ids": ids, "lengths": lengths}
        return cast(list[list[float]], self._session.run(["logits"], inputs)[0].tolist())
