"""A network's file: safetensors whose metadata hold the network's shape.

8 bytes say how long the header is, little-endian. The header is a JSON object that gives each
tensor's type, its shape and its place in the data that follow; its ``__metadata__`` have the key
``shape``, a `Shape` as JSON. The tensors are those of `tensors_of` and no others. They fill the
data without gaps, as the format asks, and each float32 lies at a multiple of 4 bytes. No float32
is an infinity or NaN. In a product's packed weights no two neighbours of one sign exceed 128
together, because AVX2 adds their products in 16 bits.
"""

import json
import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PANEL = 16
"""Widths must be multiples of this."""
MAX_WIDTH = 65_536
MAX_LAYERS = 62
MAX_ROWS = 2**31 - 1
"""The most words and positions: token ids have 32 bits."""
MAX_HEADER = 2**20
"""Bytes; 62 layers take 160,000."""
_ALIGNMENT = 64
_KINDS = {"int8": ("I8", 1), "float32": ("F32", 4)}
_ENTRY = {"dtype", "shape", "data_offsets"}


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
        for field in fields(self):
            if type(getattr(self, field.name)) is not int:
                raise ValueError(f"{field.name} is not an integer")
        for name in ("width", "head_width", "hidden", "group"):
            value = getattr(self, name)
            if value % PANEL or not PANEL <= value <= MAX_WIDTH:
                raise ValueError(
                    f"{name} must be a multiple of {PANEL} from {PANEL} to {MAX_WIDTH}"
                )
        for name, most in (
            ("heads", MAX_WIDTH // self.head_width),
            ("layers", MAX_LAYERS),
            ("labels", MAX_WIDTH),
        ):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from 1 to {most}")
        if self.relu not in (0, 1):
            raise ValueError("relu must be 0 or 1")


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


class Contents(NamedTuple):
    """What a file holds."""

    shape: Shape
    vocabulary: int
    positions: int
    tensors: dict[str, range]
    """The bytes of the file where each lies, in the order of their use."""


def read(file: mmap.mmap | bytes) -> Contents:
    """Return what a file holds, its header checked whole.

    Raises:
        ValueError: it is not a network's file; the message says what is wrong.
    """
    if len(file) < 8:
        raise ValueError("it ends within the length of its header")
    data = 8 + int.from_bytes(file[:8], "little")
    if data > len(file):
        raise ValueError("it ends within its header")
    if data > 8 + MAX_HEADER:
        raise ValueError(f"its header is longer than {MAX_HEADER} bytes")
    header = _object(file[8:data], "the header")
    metadata = header.pop("__metadata__", None)
    if not isinstance(metadata, dict) or not isinstance(metadata.get("shape"), str):
        raise ValueError("its metadata have no shape")
    shape = _shape(metadata["shape"])
    vocabulary, positions = (_rows(header, name, shape.width) for name in ("words", "positions"))
    expected = tensors_of(shape, vocabulary, positions)
    if unknown := header.keys() - expected:
        raise ValueError(f"{len(unknown)} of its tensors belong to no network of its shape")
    tensors = {
        name: _span(header, name, kind, count, data) for name, (kind, count) in expected.items()
    }
    _check_order(tensors, data, len(file))
    return Contents(shape, vocabulary, positions, tensors)


def _object(text: str | bytes, what: str) -> dict[str, Any]:
    """Return a JSON object whose keys differ."""
    try:
        document = text if isinstance(text, str) else text.decode("utf-8")
        value = json.loads(document, object_pairs_hook=_fields)
    except RecursionError:
        raise ValueError(f"{what} is nested too deeply") from None
    except _RepeatedKey:
        raise ValueError(f"{what} has a key twice") from None
    except ValueError:
        raise ValueError(f"{what} is not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not a JSON object")
    return value


class _RepeatedKey(Exception):
    pass


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedKey
    return found


def _shape(text: str) -> Shape:
    found = _object(text, "the shape")
    expected = [field.name for field in fields(Shape)]
    if found.keys() != set(expected):
        raise ValueError(f"the shape must have {', '.join(expected)} and nothing else")
    return Shape(**found)


def _entry(header: Mapping[str, Any], name: str) -> tuple[str, list[int], list[int]]:
    """Return what the header says of a tensor: its type, its shape and its place in the data."""
    entry = header.get(name)
    if entry is None:
        raise ValueError(f"{name} is missing")
    if not isinstance(entry, dict) or entry.keys() != _ENTRY:
        raise ValueError(f"{name} must have {', '.join(sorted(_ENTRY))} and nothing else")
    for key in ("shape", "data_offsets"):
        value = entry[key]
        if not isinstance(value, list) or not all(type(n) is int and n >= 0 for n in value):
            raise ValueError(f"{key} of {name} must be integers from 0")
    return entry["dtype"], entry["shape"], entry["data_offsets"]


def _rows(header: Mapping[str, Any], name: str, width: int) -> int:
    """Return how many rows of this width a tensor has."""
    _, shape, _ = _entry(header, name)
    if len(shape) != 2 or shape[1] != width or not 1 <= shape[0] <= MAX_ROWS:
        raise ValueError(f"{name} must have 1 to {MAX_ROWS} rows of {width}")
    return shape[0]


def _span(header: Mapping[str, Any], name: str, kind: str, count: int, data: int) -> range:
    """Return the bytes of the file where a tensor of so many values lies."""
    expected, size = _KINDS[kind]
    dtype, shape, offsets = _entry(header, name)
    if dtype != expected or math.prod(shape) != count:
        raise ValueError(f"{name} is not {count} values of {expected}")
    if len(offsets) != 2 or offsets[1] - offsets[0] != count * size:
        raise ValueError(f"{name} does not take {count * size} bytes")
    start, end = (data + offset for offset in offsets)
    if start % size:
        raise ValueError(f"{name} does not begin at a multiple of {size} bytes")
    return range(start, end)


def _check_order(tensors: Mapping[str, range], data: int, size: int) -> None:
    """Check that the tensors fill what lies between the header and the end of the file."""
    end, before = data, "the header"
    for name, span in sorted(tensors.items(), key=lambda item: item[1].start):
        if span.start < end:
            raise ValueError(f"{name} overlaps {before}")
        if span.start > end:
            raise ValueError(f"there is a gap between {before} and {name}")
        end, before = span.stop, name
    if end > size:
        raise ValueError(f"{before} lies beyond the end of the file")
    if end < size:
        raise ValueError(f"{size - end} bytes follow the last tensor")


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
    for name in sorted(expected, key=lambda name: tensors[name].nbytes % _ALIGNMENT > 0):
        tensor = tensors[name]
        start, end = end, end + tensor.nbytes
        parts.append(tensor.tobytes())
        header[name] = {
            "dtype": _KINDS[tensor.dtype.name][0],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % _ALIGNMENT)
    path.write_bytes(b"".join([len(text).to_bytes(8, "little"), text, *parts]))
