"""Opens mutated files of small networks: each is either rejected with a `ValueError` or usable.

Usage: ``fuzz_files.py CASES SEED``, with the package under test on the path. Prints the number of
rejected and of usable files.
"""

import json
import math
import random
import sys
import tempfile
from array import array
from pathlib import Path
from typing import Any

from distilbert_int8 import Network, Shape, tensor_specs

ODD: list[object] = [None, True, False, -1, 0, 1, 15, 16, 2**31, 2**32, 2**63, 2**64 - 1, 2**64]
ODD += [10**30, 0.0, 16.0, 1e308, "", "16", "I8", "F32", [], [0], {}, {"shape": []}, [[0]]]
SMALL = bytes((value % 129 - 64) % 256 for value in range(256))
"""Maps any byte to a weight of -64 to 64."""


def network(rng: random.Random) -> bytes:
    """Return the file of a random network."""
    width, head_width, hidden, group = (16 * rng.randint(1, 3) for _ in range(4))
    layers, relu = rng.randint(1, 2), rng.randint(0, 1)
    shape = Shape(width, rng.randint(1, 2), head_width, hidden, layers, 2, relu, group)
    rows = {"words": rng.randint(1, 30), "positions": rng.randint(1, 40)}
    header: dict[str, Any] = {"__metadata__": {"shape": json.dumps(vars(shape))}}
    parts: list[bytes] = []
    end = 0
    # Tensors of float32 first, so that each begins at a multiple of 4 bytes.
    specs = tensor_specs(shape, rows["words"], rows["positions"])
    for name, spec in sorted(specs.items(), key=lambda item: item[1].dtype == "int8"):
        values = (
            rng.randbytes(spec.size).translate(SMALL)
            if spec.dtype == "int8"
            else array("f", [rng.uniform(-1, 1) for _ in range(spec.size)]).tobytes()
        )
        dimensions = [rows[name], shape.width] if name in rows else [spec.size]
        start, end = end, end + len(values)
        dtype = "I8" if spec.dtype == "int8" else "F32"
        header[name] = {"dtype": dtype, "shape": dimensions, "data_offsets": [start, end]}
        parts.append(values)
    return _join(header, b"".join(parts))


def _join(header: object, data: bytes) -> bytes:
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % 64)
    return len(text).to_bytes(8, "little") + text + data


def _split(file: bytes) -> tuple[dict[str, Any], bytes]:
    start = 8 + int.from_bytes(file[:8], "little")
    return json.loads(file[8:start]), file[start:]


def _flip(file: bytes, rng: random.Random) -> bytes:
    """Change some bytes, most of them of the header."""
    changed = bytearray(file)
    start = 8 + int.from_bytes(file[:8], "little")
    for _ in range(rng.randint(1, 4)):
        end = start if rng.random() < 0.8 else len(file)
        changed[rng.randrange(end)] = rng.choice([rng.randrange(256), *b'0123456789-.eE"[]{},:'])
    return bytes(changed)


def _cut(file: bytes, rng: random.Random) -> bytes:
    return file[: rng.randrange(len(file))]


def _extend(file: bytes, rng: random.Random) -> bytes:
    at = rng.choice([0, 8, len(file), rng.randrange(len(file))])
    return file[:at] + rng.randbytes(rng.randint(1, 9)) + file[at:]


def _resize_header(file: bytes, rng: random.Random) -> bytes:
    length = rng.choice(
        [0, 1, len(file), len(file) - 8, 2**20, 2**63, 2**64 - 1, rng.getrandbits(64)]
    )
    return length.to_bytes(8, "little") + file[8:]


def _nest(file: bytes, rng: random.Random) -> bytes:
    depth = rng.choice([10, 1_000, 100_000])
    text = rng.choice([b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth])
    return len(text).to_bytes(8, "little") + text


def _edit_tensor(file: bytes, rng: random.Random) -> bytes:
    """Replace, remove, rename or repeat a part of a tensor's entry in the header."""
    header, data = _split(file)
    name = rng.choice([name for name in header if name != "__metadata__"])
    entry = header[name]
    key = rng.choice(list(entry))
    match rng.randrange(6):
        case 0:
            entry[key] = rng.choice(ODD)
        case 1:
            del entry[key]
        case 2:
            header[name] = rng.choice(ODD)
        case 3:
            header[rng.choice(["", "layer9.qkv.bias", name + "z"])] = header.pop(name)
        case 4:
            numbers = entry[rng.choice(["shape", "data_offsets"])]
            change = rng.choice([*ODD, *(numbers[-1] + step for step in (-64, -4, -1, 1, 4, 64))])
            numbers[rng.randrange(len(numbers))] = change
        case 5:
            other = rng.choice([name for name in header if name != "__metadata__"])
            header[name] = header[other]
    return _join(header, data)


def _edit_shape(file: bytes, rng: random.Random) -> bytes:
    header, data = _split(file)
    shape = json.loads(header["__metadata__"]["shape"])
    name = rng.choice(list(shape))
    match rng.randrange(4):
        case 0:
            shape[name] = rng.choice(ODD)
        case 1:
            shape[name] += rng.choice([-16, -1, 1, 16])
        case 2:
            del shape[name]
        case 3:
            header["__metadata__"] = rng.choice(ODD)
            return _join(header, data)
    header["__metadata__"]["shape"] = rng.choice([json.dumps(shape), shape])
    return _join(header, data)


def _shift(file: bytes, rng: random.Random) -> bytes:
    """Move all the data, as an unaligned header does."""
    length = int.from_bytes(file[:8], "little")
    text = file[8 : 8 + length].rstrip() + b" " * rng.randrange(65)
    return len(text).to_bytes(8, "little") + text + file[8 + length :]


def _set_value(file: bytes, rng: random.Random) -> bytes:
    """Set values of a tensor to some that no weight should have."""
    header, data = _split(file)
    entry = header[rng.choice([name for name in header if name != "__metadata__"])]
    start, end = entry["data_offsets"]
    if entry["dtype"] == "F32":
        value = rng.choice([math.nan, math.inf, -math.inf, 3.4e38, -3.4e38, 1e-45, 0.0])
        values = array("f", [value]).tobytes()
    else:
        values = rng.choice([b"\x7f\x7f\x7f\x7f", b"\x80\x80\x80\x80", b"\x80\x00\x80\x00"])
    at = start + rng.randrange(end - start) // 4 * 4
    return _join(header, data[:at] + values + data[at + 4 :])


MUTATIONS = (
    _flip,
    _cut,
    _extend,
    _resize_header,
    _nest,
    _edit_tensor,
    _edit_tensor,  # twice as often
    _edit_shape,
    _shift,
    _set_value,
)


def is_usable(path: Path, rng: random.Random) -> bool:
    """Return whether the file can be opened; if so, call the network with rows of many lengths."""
    try:
        network = Network(path, threads=rng.randint(1, 2))
    except ValueError:
        return False
    with network:
        for length in (1, rng.randint(1, 40), 512, 513):
            row = [rng.choice([0, rng.randint(0, 30), 2**31 - 1]) for _ in range(length)]
            try:
                network.logits([row, row[:3]])
            except ValueError:
                continue
    return True


def main(cases: int, seed: int) -> None:
    rng = random.Random(seed)
    rejected = usable = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network"
        for case in range(cases):
            if case % 20 == 0:
                original = network(rng)
            file = original
            for _ in range(rng.choice([0, 1, 1, 1, 2])):
                try:
                    file = rng.choice(MUTATIONS)(file, rng)
                except (
                    ArithmeticError,
                    AttributeError,
                    LookupError,
                    RecursionError,
                    TypeError,
                    ValueError,
                ):
                    break  # an earlier mutation left nothing to edit
            path.write_bytes(file)
            if is_usable(path, rng):
                usable += 1
            else:
                rejected += 1
    print(rejected, usable)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
