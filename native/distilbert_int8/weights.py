"""A network's file: safetensors whose metadata describe the network.

The file begins with the header's length, 8 bytes, little-endian. The header is a JSON object with
each tensor's type, shape and offsets in the data that follow. Its ``__metadata__`` have the key
``shape``, a `Shape` as JSON. The file holds the tensors of `tensor_specs` and no others. They fill
the data without gaps, and each float32 tensor begins at a multiple of 4 bytes. All float32 values
are finite. In the packed weights of a linear layer, no two neighbours of one sign exceed 128
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
"""Output features that lie together in packed weights. Dimensions are multiples of it."""
MAX_WIDTH = 65_536
MAX_LAYERS = 62
MAX_TABLE_ROWS = 2**31 - 1
"""The maximum of the vocabulary size and of the number of positions: token ids have 32 bits."""
MAX_HEADER = 2**20
"""Bytes; 62 layers take 160,000."""
_ALIGNMENT = 64
_DTYPES = {"int8": ("I8", 1), "float32": ("F32", 4)}
"""Each type's name in safetensors, and its bytes."""
_ENTRY_KEYS = {"dtype", "shape", "data_offsets"}

_NAMES = {
    "token_embeddings": "words",
    "position_embeddings": "positions",
    "embeddings_norm": "embeddings",
    "qkv": "qkv",
    "attn_out": "out",
    "attn_norm": "attended",
    "ffn_up": "wide",
    "ffn_down": "narrow",
    "ffn_norm": "output",
    "pre_classifier": "head",
    "classifier": "labels",
}
"""The parts of the network, as network.h names them, and their names in the file format, which
existing files keep."""
_TABLES = (_NAMES["token_embeddings"], _NAMES["position_embeddings"])
"""The tensors whose first dimension is the vocabulary's size and the number of positions."""


@dataclass(frozen=True)
class Shape:
    """The network's dimensions, in the order of `model_weights` in distilbert_int8.h.

    Raises:
        ValueError: the kernels cannot compute such a network.
    """

    width: int
    heads: int
    head_width: int
    """Each head's channels, padded with zeros to a multiple of `PANEL`."""
    hidden: int
    """The feed-forward network's hidden channels."""
    layers: int
    labels: int
    relu: int
    """1 where the activation function is ReLU, 0 where it is GELU."""
    group: int
    """Channels that are quantised together; a whole row where this does not divide its channels."""

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
        for name, limit in (
            ("heads", MAX_WIDTH // self.head_width),
            ("layers", MAX_LAYERS),
            ("labels", MAX_WIDTH),
        ):
            if not 1 <= getattr(self, name) <= limit:
                raise ValueError(f"{name} must be from 1 to {limit}")
        if self.relu not in (0, 1):
            raise ValueError("relu must be 0 or 1")


class TensorSpec(NamedTuple):
    dtype: str
    """``int8`` or ``float32``."""
    size: int
    """The number of values."""


def tensor_specs(shape: Shape, vocabulary: int, positions: int) -> dict[str, TensorSpec]:
    """Return all tensors by their names in the file, in the order in which weights.c reads them."""

    def layer_norm(prefix: str, name: str) -> dict[str, TensorSpec]:
        return {
            f"{prefix}{_NAMES[name]}.weight": TensorSpec("float32", shape.width),
            f"{prefix}{_NAMES[name]}.bias": TensorSpec("float32", shape.width),
        }

    def linear(prefix: str, name: str, inputs: int, outputs: int) -> dict[str, TensorSpec]:
        groups = 1 if inputs % shape.group else inputs // shape.group
        return {
            f"{prefix}{_NAMES[name]}.smoothing": TensorSpec("float32", inputs),
            f"{prefix}{_NAMES[name]}.weight": TensorSpec("int8", outputs * inputs),
            f"{prefix}{_NAMES[name]}.scales": TensorSpec("float32", groups * outputs),
            f"{prefix}{_NAMES[name]}.sums": TensorSpec("float32", groups * outputs),
            f"{prefix}{_NAMES[name]}.bias": TensorSpec("float32", outputs),
        }

    def linear_fp32(name: str, inputs: int, outputs: int) -> dict[str, TensorSpec]:
        return {
            f"{_NAMES[name]}.weight": TensorSpec("float32", outputs * inputs),
            f"{_NAMES[name]}.bias": TensorSpec("float32", outputs),
        }

    token_table, position_table = _TABLES
    specs = {
        token_table: TensorSpec("int8", vocabulary * shape.width),
        f"{token_table}.scales": TensorSpec("float32", vocabulary),
        position_table: TensorSpec("float32", positions * shape.width),
        **layer_norm("", "embeddings_norm"),
    }
    heads = shape.heads * shape.head_width
    for i in range(shape.layers):
        prefix = f"layer{i}."
        specs |= linear(prefix, "qkv", shape.width, 3 * heads)
        specs |= linear(prefix, "attn_out", heads, shape.width)
        specs |= layer_norm(prefix, "attn_norm")
        specs |= linear(prefix, "ffn_up", shape.width, shape.hidden)
        specs |= linear(prefix, "ffn_down", shape.hidden, shape.width)
        specs |= layer_norm(prefix, "ffn_norm")
    specs |= linear_fp32("pre_classifier", shape.width, shape.width)
    specs |= linear_fp32("classifier", shape.width, shape.labels)
    return specs


class Contents(NamedTuple):
    """What a file contains."""

    shape: Shape
    vocabulary: int
    positions: int
    tensors: dict[str, range]
    """Each tensor's byte range in the file, in the order of `tensor_specs`."""


def read(file: mmap.mmap | bytes) -> Contents:
    """Return a file's contents, with the whole header validated.

    Raises:
        ValueError: it is not a network's file; the message says why.
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
    vocabulary, positions = (_rows(header, name, shape.width) for name in _TABLES)
    specs = tensor_specs(shape, vocabulary, positions)
    if unknown := header.keys() - specs:
        raise ValueError(f"{len(unknown)} of its tensors belong to no network of its shape")
    tensors = {name: _span(header, name, spec, data) for name, spec in specs.items()}
    _check_order(tensors, data, len(file))
    return Contents(shape, vocabulary, positions, tensors)


def _object(text: str | bytes, what: str) -> dict[str, Any]:
    """Parse a JSON object; repeated keys are an error."""
    try:
        document = text if isinstance(text, str) else text.decode("utf-8")
        value = json.loads(document, object_pairs_hook=_unique_keys)
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


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _RepeatedKey
    return value


def _shape(text: str) -> Shape:
    value = _object(text, "the shape")
    names = [field.name for field in fields(Shape)]
    if value.keys() != set(names):
        raise ValueError(f"the shape must have {', '.join(names)} and nothing else")
    return Shape(**value)


def _entry(header: Mapping[str, Any], name: str) -> tuple[str, list[int], list[int]]:
    """Return a tensor's dtype, shape and data offsets from the header."""
    entry = header.get(name)
    if entry is None:
        raise ValueError(f"{name} is missing")
    if not isinstance(entry, dict) or entry.keys() != _ENTRY_KEYS:
        raise ValueError(f"{name} must have {', '.join(sorted(_ENTRY_KEYS))} and nothing else")
    for key in ("shape", "data_offsets"):
        value = entry[key]
        if not isinstance(value, list) or not all(type(n) is int and n >= 0 for n in value):
            raise ValueError(f"{key} of {name} must be integers from 0")
    return entry["dtype"], entry["shape"], entry["data_offsets"]


def _rows(header: Mapping[str, Any], name: str, width: int) -> int:
    """Return the number of rows of a tensor with this width."""
    _, shape, _ = _entry(header, name)
    if len(shape) != 2 or shape[1] != width or not 1 <= shape[0] <= MAX_TABLE_ROWS:
        raise ValueError(f"{name} must have 1 to {MAX_TABLE_ROWS} rows of {width}")
    return shape[0]


def _span(header: Mapping[str, Any], name: str, spec: TensorSpec, data: int) -> range:
    """Return a tensor's byte range in the file, whose data begin at byte ``data``."""
    expected, item_size = _DTYPES[spec.dtype]
    dtype, shape, offsets = _entry(header, name)
    if dtype != expected or math.prod(shape) != spec.size:
        raise ValueError(f"{name} is not {spec.size} values of {expected}")
    if len(offsets) != 2 or offsets[1] - offsets[0] != spec.size * item_size:
        raise ValueError(f"{name} does not take {spec.size * item_size} bytes")
    start, end = (data + offset for offset in offsets)
    if start % item_size:
        raise ValueError(f"{name} does not begin at a multiple of {item_size} bytes")
    return range(start, end)


def _check_order(tensors: Mapping[str, range], data: int, size: int) -> None:
    """Check that the tensors fill the file from the header to its end, without gaps or overlaps."""
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
    """Write a network's file, with the tensors of `tensor_specs`.

    Tensors whose size is a multiple of 64 bytes, which all large ones of usual shapes have, begin
    at a multiple of 64 bytes.

    Raises:
        ValueError: a tensor is missing, unexpected, or of another type or size.
    """
    vocabulary, positions = (len(tensors[name]) for name in _TABLES)
    specs = tensor_specs(shape, vocabulary, positions)
    given = {name: TensorSpec(tensor.dtype.name, tensor.size) for name, tensor in tensors.items()}
    if given != specs:
        wrong = sorted({name for name, _ in given.items() ^ specs.items()})
        raise ValueError(f"not the tensors of this shape: {', '.join(wrong)}")
    header: dict[str, object] = {"__metadata__": {"shape": json.dumps(vars(shape))}}
    end, parts = 0, []
    for name in sorted(specs, key=lambda name: tensors[name].nbytes % _ALIGNMENT > 0):
        tensor = tensors[name]
        start, end = end, end + tensor.nbytes
        parts.append(tensor.tobytes())
        header[name] = {
            "dtype": _DTYPES[tensor.dtype.name][0],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % _ALIGNMENT)
    path.write_bytes(b"".join([len(text).to_bytes(8, "little"), text, *parts]))
