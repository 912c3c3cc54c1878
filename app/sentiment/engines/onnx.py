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
CACHED = "onnx"
"""The folder of a cached graph."""
REVISION = "revision"
"""The key in a graph's metadata: the revision of the bundle that it was derived from."""


def cached_graph(bundle: Bundle) -> Path:
    """Return where `make onnx` writes the graph of a bundle that holds none.

    Raises:
        BundleError: this user has no folder to write it to.
    """
    folder = disk_cache.persistent_folder(bundle)
    if folder is None:
        raise BundleError(
            f"no cache to hold {GRAPH}: set XDG_CACHE_HOME to a folder that this user may write"
        )
    return folder / CACHED / GRAPH


def find_graph(bundle: Bundle) -> Path | None:
    """Return the bundle's own graph or, where it holds none, an intact one in the cache.

    Raises:
        BundleError: the bundle's own is missing or damaged.
    """
    if GRAPH in bundle.checksums:
        return bundle.file(GRAPH)
    folder = disk_cache.find(bundle, CACHED, [GRAPH])
    return folder / GRAPH if folder else None


def graph(bundle: Bundle) -> Path:
    """Return the bundle's own graph or, where it holds none, the cached one.

    Raises:
        BundleError: there is neither, or it is damaged.
    """
    path = find_graph(bundle)
    if path is None:
        raise BundleError(
            f"the onnx engine needs an intact {cached_graph(bundle)}, which `make onnx` writes "
            f"(with BUNDLE={bundle.folder})"
        )
    return path


def _verify_revision(path: Path, revision: str | None, bundle: Bundle) -> None:
    # A graph that `make export` wrote has no revision: the bundle's revision is a digest of it too.
    if revision is None and GRAPH in bundle.checksums:
        return
    if revision != bundle.revision:
        raise BundleError(
            f"{path} was derived from revision {revision}, but {bundle.folder} has revision "
            f"{bundle.revision}: run `make onnx` again (with BUNDLE={bundle.folder})"
        )


class OnnxEngine(BundleTokenizer):
    """``threads``: compute threads; 0 lets onnxruntime choose, one for each core.

    ``model``: a serialised graph to run instead of the bundle's own, such as one in fp32.

    Raises:
        BundleError: the graph is missing, damaged, or derived from another revision.
    """

    def __init__(self, bundle: Bundle, threads: int = 0, model: bytes | None = None) -> None:
        super().__init__(bundle)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        path = None if model else graph(bundle)
        self._session = onnxruntime.InferenceSession(
            model or str(path), options, providers=["CPUExecutionProvider"]
        )
        if path:
            metadata = self._session.get_modelmeta().custom_metadata_map
            _verify_revision(path, metadata.get(REVISION), bundle)

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        lengths = np.array([len(row) for row in rows], dtype=np.int32)
        ids = np.zeros((len(rows), int(lengths.max())), dtype=np.int32)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
        inputs = {"input_ids": ids, "lengths": lengths}
        return cast(list[list[float]], self._session.run(["logits"], inputs)[0].tolist())
