"""The int8 graph in onnxruntime, for processors without native kernels."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from app.sentiment.bundle import Bundle, BundleError
from app.sentiment.engines import disk_cache
from app.sentiment.engines.tokenizer import BundleTokenizer

# Set before the import, this stops onnxruntime from sending usage data to its vendor.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

GRAPH = "model.onnx"


def cached_graph(bundle: Bundle) -> Path:
    """Return where `make onnx` writes the graph of a bundle that holds none."""
    return disk_cache.folder(bundle) / GRAPH


def graph(bundle: Bundle) -> Path:
    """Return the bundle's own graph or, where it holds none, the cached one.

    Raises:
        BundleError: there is neither, or the bundle's own is damaged.
    """
    if GRAPH in bundle.checksums:
        return bundle.file(GRAPH)
    path = cached_graph(bundle)
    if not path.exists():
        raise BundleError(f"the onnx engine needs {path}, which `make onnx` writes")
    return path


class OnnxEngine(BundleTokenizer):
    """``threads``: compute threads; 0 lets onnxruntime choose, one for each core.

    ``model``: a serialised graph to run instead of the bundle's own, such as one in fp32.
    """

    def __init__(self, bundle: Bundle, threads: int = 0, model: bytes | None = None) -> None:
        super().__init__(bundle)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model or str(graph(bundle)), options, providers=["CPUExecutionProvider"]
        )

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        lengths = np.array([len(row) for row in rows], dtype=np.int32)
        ids = np.zeros((len(rows), int(lengths.max())), dtype=np.int32)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
        inputs = {"input_ids": ids, "lengths": lengths}
        return cast(list[list[float]], self._session.run(["logits"], inputs)[0].tolist())
