"""A DistilBERT classifier in int8 on a CPU: token ids in, logits out, by kernels of its own.

The weights are a safetensors file as `tensor_names` and `network.h` describe it.
"""

import ctypes
import importlib.util
import json
import math
import mmap
import os
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_TOKENS = 512
"""The longest text of one pass."""
PANEL = 16
"""Widths must be multiples of this."""


@dataclass(frozen=True)
class Shape:
    """What the kernels must know of the network, in the order in which they are told."""

    width: int
    heads: int
    head_width: int
    """Each head's channels, zeros up to a multiple of `PANEL` included."""
    hidden: int
    layers: int
    labels: int
    relu: int
    """1 where the activation function is ReLU, 0 where it is GELU."""
    group: int
    """Channels that are quantised together; all of a row where this does not divide them."""


def tensor_names(layers: int) -> list[str]:
    """Return the names of the network's tensors in the order of their use."""
    names = ["words", "words.scales", "positions", "embeddings.weight", "embeddings.bias"]
    parts = ("smoothing", "weight", "scales", "sums", "bias")
    for i in range(layers):
        for name in ("qkv", "out", "attended", "wide", "narrow", "output"):
            of = ("weight", "bias") if name in ("attended", "output") else parts
            names += [f"layer{i}.{name}.{part}" for part in of]
    return [*names, "head.weight", "head.bias", "labels.weight", "labels.bias"]


class Network:
    """A network over its file, which stays mapped; safe to call from several threads.

    ``threads``: how many compute; 0: as many as there are processors to run on.
    ``instructions``: at most ``avx2`` or ``portable``; by default the best that there is.

    Raises:
        ValueError: the file is not such a network.
        MemoryError: there is not enough memory, or no more threads.
    """

    def __init__(self, path: Path, threads: int = 0, instructions: str = "best") -> None:
        self._library = _library()
        with path.open("rb") as file:
            self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header_bytes = int.from_bytes(self._mapped[:8], "little")
        header = json.loads(self._mapped[8 : 8 + header_bytes])
        shape = Shape(**json.loads(header["__metadata__"]["shape"]))
        base = np.frombuffer(self._mapped, np.uint8).ctypes.data + 8 + header_bytes
        try:
            starts = [header[name]["data_offsets"][0] for name in tensor_names(shape.layers)]
        except KeyError as error:
            raise ValueError(f"{path} holds no tensor {error}") from None
        self._labels = shape.labels
        self._vocabulary, self._positions = (header[n]["shape"][0] for n in ("words", "positions"))
        self._model = self._library.model_new(
            (ctypes.c_size_t * 8)(*astuple(shape)),
            (ctypes.c_void_p * len(starts))(*(base + start for start in starts)),
            threads or _processors(),
            instructions.encode(),
        )
        if not self._model:
            raise MemoryError("no memory or threads for the network")

    def logits(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return (rows, labels) for rows of token ids, special tokens included.

        Raises:
            ValueError: a row is empty or longer than the network can read, or an id is unknown.
        """
        lengths = np.array([len(row) for row in rows], dtype=np.int32)
        ids = np.array([i for row in rows for i in row], dtype=np.int32)
        longest = min(MAX_TOKENS, self._positions)
        if len(rows) and not (lengths.min() > 0 and lengths.max() <= longest):
            raise ValueError(f"a row must have from 1 to {longest} tokens")
        if len(ids) and not (ids.min() >= 0 and ids.max() < self._vocabulary):
            raise ValueError(f"a token's id must be from 0 to {self._vocabulary - 1}")
        found = np.empty((len(rows), self._labels), dtype=np.float32)
        pointers = (array.ctypes.data for array in (ids, lengths))
        if self._library.model_logits(self._model, *pointers, len(rows), found.ctypes.data):
            raise MemoryError("no memory for a pass")
        return found


def _processors() -> int:
    """Return how many this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("distilbert_int8._kernels")
    assert spec is not None and spec.origin is not None
    library = ctypes.CDLL(spec.origin)
    sizes, pointer = ctypes.POINTER(ctypes.c_size_t), ctypes.c_void_p
    library.model_new.restype = pointer
    library.model_new.argtypes = [sizes, ctypes.POINTER(pointer), ctypes.c_size_t, ctypes.c_char_p]
    library.model_logits.argtypes = [pointer, pointer, pointer, ctypes.c_size_t, pointer]
    return library


def write(path: Path, shape: Shape, tensors: Mapping[str, NDArray[np.generic]]) -> None:
    """Write a network's file; every tensor but the last begins at a multiple of 64 bytes.

    Raises:
        ValueError: a tensor is missing or one too many, or a width is no multiple of `PANEL`.
    """
    names = tensor_names(shape.layers)
    if sorted(names) != sorted(tensors):
        raise ValueError(f"not the tensors of this shape: {set(names) ^ set(tensors)}")
    if any(width % PANEL for width in (shape.width, shape.head_width, shape.hidden, shape.group)):
        raise ValueError(f"a width is no multiple of {PANEL}: {shape}")
    kinds = {"int8": "I8", "float32": "F32"}
    header: dict[str, object] = {"__metadata__": {"shape": json.dumps(vars(shape))}}
    end, parts = 0, []
    for name in names:
        tensor = np.ascontiguousarray(tensors[name])
        start, end = end, end + tensor.nbytes
        parts.append(tensor.tobytes())
        header[name] = {
            "dtype": kinds[tensor.dtype.name],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (math.ceil((len(text) + 8) / 64) * 64 - len(text) - 8)
    path.write_bytes(b"".join([len(text).to_bytes(8, "little"), text, *parts]))
