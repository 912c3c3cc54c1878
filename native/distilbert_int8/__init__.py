"""A DistilBERT classifier in int8 on a CPU: token ids in, logits out, by kernels of its own.

The weights are a safetensors file as `tensors_of` and `network.h` describe it.
"""

import ctypes
import importlib.util
import json
import math
import mmap
import os
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_TOKENS = 512
"""The longest text of one pass."""
PANEL = 16
"""Widths must be multiples of this."""
MAX_LAYERS = 62
_INSTRUCTIONS = ("best", "avx512", "avx2", "portable")
_KINDS = {"int8": ("I8", 1), "float32": ("F32", 4)}


@dataclass(frozen=True)
class Shape:
    """What the kernels must know of the network, in the order in which they are told.

    Raises:
        ValueError: the kernels cannot compute such a network.
    """

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

    def __post_init__(self) -> None:
        widths = (self.width, self.head_width, self.hidden, self.group)
        if not all(width > 0 and width % PANEL == 0 for width in widths):
            raise ValueError(f"a width is no multiple of {PANEL}: {self}")
        if not (0 < self.layers <= MAX_LAYERS and self.heads > 0 and self.labels > 0):
            raise ValueError(
                f"there must be 1 to {MAX_LAYERS} layers, and heads, and labels: {self}"
            )


def tensors_of(shape: Shape, vocabulary: int, positions: int) -> dict[str, tuple[str, int]]:
    """Return each tensor's kind and number of values, in the order of their use."""

    def norm(name: str) -> dict[str, tuple[str, int]]:
        return {f"{name}.{part}": ("float32", shape.width) for part in ("weight", "bias")}

    def product(name: str, inner: int, outputs: int) -> dict[str, tuple[str, int]]:
        groups = 1 if inner % shape.group else inner // shape.group
        return {
            f"{name}.smoothing": ("float32", inner),
            f"{name}.weight": ("int8", outputs * inner),
            f"{name}.scales": ("float32", groups * outputs),
            f"{name}.sums": ("float32", groups * outputs),
            f"{name}.bias": ("float32", outputs),
        }

    heads = shape.heads * shape.head_width
    found = {
        "words": ("int8", vocabulary * shape.width),
        "words.scales": ("float32", vocabulary),
        "positions": ("float32", positions * shape.width),
        **norm("embeddings"),
    }
    for i in range(shape.layers):
        found |= product(f"layer{i}.qkv", shape.width, 3 * heads)
        found |= product(f"layer{i}.out", heads, shape.width)
        found |= norm(f"layer{i}.attended")
        found |= product(f"layer{i}.wide", shape.width, shape.hidden)
        found |= product(f"layer{i}.narrow", shape.hidden, shape.width)
        found |= norm(f"layer{i}.output")
    return {
        **found,
        "head.weight": ("float32", shape.width * shape.width),
        "head.bias": ("float32", shape.width),
        "labels.weight": ("float32", shape.labels * shape.width),
        "labels.bias": ("float32", shape.labels),
    }


class Network:
    """A network over its file, which stays mapped; safe to call from several threads.

    ``threads``: how many compute; 0: as many as there are processors to run on.
    ``instructions``: at most ``avx512``, ``avx2`` or ``portable``; by default what
    ``DISTILBERT_INT8_INSTRUCTIONS`` says, else the best that there is, ``amx`` at most.

    Raises:
        ValueError: the file is not such a network.
        MemoryError: there is not enough memory, or no more threads.
    """

    def __init__(self, path: Path, threads: int = 0, instructions: str = "") -> None:
        if threads < 0:
            raise ValueError(f"{threads} threads cannot compute")
        wanted = instructions or os.environ.get("DISTILBERT_INT8_INSTRUCTIONS") or "best"
        if wanted not in _INSTRUCTIONS:
            raise ValueError(f"{wanted!r} are no instructions; allowed: {', '.join(_INSTRUCTIONS)}")
        self._library = _library()
        with path.open("rb") as file:
            # A copy in name: nothing is written, so that its pages are the file's, shared by all.
            # Of what can only be read, ctypes tells no address.
            self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        try:
            shape, header, data = self._read()
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} holds no such network: {error!r}") from None
        starts = [data + header[name]["data_offsets"][0] for name in header]
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._mapped))
        self._labels = shape.labels
        self._vocabulary, self._positions = (header[n]["shape"][0] for n in ("words", "positions"))
        self._model = self._library.model_new(
            (ctypes.c_size_t * 8)(*astuple(shape)),
            (ctypes.c_void_p * len(starts))(*(base + start for start in starts)),
            threads or processors(),
            wanted.encode(),
        )
        if not self._model:
            raise MemoryError("no memory or threads for the network")

    def _read(self) -> tuple[Shape, dict[str, Any], int]:
        """Return the shape, what is said of each tensor in order, and where their data begins."""
        data = 8 + int.from_bytes(self._mapped[:8], "little")
        header = json.loads(self._mapped[8:data])
        shape = Shape(**json.loads(header["__metadata__"]["shape"]))
        expected = tensors_of(shape, *(header[name]["shape"][0] for name in ("words", "positions")))
        for name, (kind, count) in expected.items():
            dtype, size = _KINDS[kind]
            start, end = header[name]["data_offsets"]
            if header[name]["dtype"] != dtype or end - start != count * size:
                raise ValueError(f"{name} is not {count} values of {dtype}")
            if not 0 <= start <= end <= len(self._mapped) - data:
                raise ValueError(f"{name} lies beyond the end of the file")
        return shape, {name: header[name] for name in expected}, data

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        """Return (rows, labels) for rows of token ids, special tokens included.

        Raises:
            ValueError: a row is empty or longer than the network can read, or an id is unknown.
        """
        if not rows:
            return []
        lengths = array("i", map(len, rows))
        longest = min(MAX_TOKENS, self._positions)
        if min(lengths) < 1 or max(lengths) > longest:
            raise ValueError(f"a row must have from 1 to {longest} tokens")
        ids = list(chain.from_iterable(rows))
        if min(ids) < 0 or max(ids) >= self._vocabulary:
            raise ValueError(f"a token's id must be from 0 to {self._vocabulary - 1}")
        found = array("f", bytes(4 * len(rows) * self._labels))
        given = array("i", ids)
        at = [values.buffer_info()[0] for values in (given, lengths, found)]
        if self._library.model_logits(self._model, at[0], at[1], len(rows), at[2]):
            raise MemoryError("no memory for a pass")
        values = found.tolist()
        return [values[i : i + self._labels] for i in range(0, len(values), self._labels)]


def processors() -> int:
    """Return how many this process may run on: those it is bound to, or its container's share."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(bound or 1, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such limits here, or "max"
        return bound or 1


def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("distilbert_int8._kernels")
    assert spec is not None and spec.origin is not None
    library = ctypes.CDLL(spec.origin)
    sizes, pointer = ctypes.POINTER(ctypes.c_size_t), ctypes.c_void_p
    library.model_new.restype = pointer
    library.model_new.argtypes = [sizes, ctypes.POINTER(pointer), ctypes.c_size_t, ctypes.c_char_p]
    library.model_logits.argtypes = [pointer, pointer, pointer, ctypes.c_size_t, pointer]
    return library


def write(path: Path, shape: Shape, tensors: Mapping[str, "NDArray[np.generic]"]) -> None:
    """Write a network's file.

    Tensors of a multiple of 64 bytes, which are all large ones of usual shapes, begin at one.

    Raises:
        ValueError: a tensor is missing, one too many, or not of this shape.
    """
    vocabulary, positions = (len(tensors[name]) for name in ("words", "positions"))
    expected = tensors_of(shape, vocabulary, positions)
    given = {name: (tensor.dtype.name, tensor.size) for name, tensor in tensors.items()}
    if given != expected:
        wrong = sorted({name for name, _ in given.items() ^ expected.items()})
        raise ValueError(f"not the tensors of this shape: {', '.join(wrong)}")
    header: dict[str, object] = {"__metadata__": {"shape": json.dumps(vars(shape))}}
    end, parts = 0, []
    for name in sorted(expected, key=lambda name: tensors[name].nbytes % 64 > 0):
        tensor = tensors[name]
        start, end = end, end + tensor.nbytes
        parts.append(tensor.tobytes())
        header[name] = {
            "dtype": _KINDS[tensor.dtype.name][0],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (math.ceil((len(text) + 8) / 64) * 64 - len(text) - 8)
    path.write_bytes(b"".join([len(text).to_bytes(8, "little"), text, *parts]))
