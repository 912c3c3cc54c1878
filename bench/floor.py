"""The floor: the network's int8 matrix products alone, by the kernels' own code."""

import ctypes
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from bench.service import ROOT

SOURCE = ROOT / "bench/floor.c"
GROUP = 192
"""Channels quantised together, as `training/pack.py` packs them."""


def has_matrix_unit() -> bool:
    """Return whether this processor has one, which is then what the kernels use."""
    return "amx_int8" in Path("/proc/cpuinfo").read_text()


@cache
def _library(matrix_unit: bool) -> Any:
    library = ROOT / f".cache/floor{'' if matrix_unit else '-vectors'}.so"
    library.parent.mkdir(exist_ok=True)
    flags = "-std=gnu11 -O3 -march=native -mprefer-vector-width=512 -fwrapv -fno-math-errno"
    flags += " -ffp-contract=fast -fPIC -shared -w"
    if has_matrix_unit() and not matrix_unit:
        flags += " -mno-amx-tile -mno-amx-int8"
    subprocess.run(["cc", *flags.split(), str(SOURCE), "-o", str(library), "-lm"], check=True)
    found = ctypes.CDLL(str(library))
    found.floor_seconds.restype = ctypes.c_double
    found.floor_seconds.argtypes = [ctypes.c_void_p, *[ctypes.c_size_t] * 3]
    return found


def shapes() -> list[tuple[int, int]]:
    """Return (inner, outputs) of each product that every row goes through.

    Of the last layer those are the keys' and the values' alone: the head reads one row.
    """
    config = json.loads((ROOT / "model/config.json").read_text())
    width, hidden, layers = (int(config[name]) for name in ("dim", "hidden_dim", "n_layers"))
    layer = [(width, 3 * width), (width, width), (width, hidden), (hidden, width)]
    return layer * (layers - 1) + [(width, 2 * width)]


def seconds(rows: int, matrix_unit: bool = True) -> float:
    """Return how long so many rows take one processor, with its matrix unit or without."""
    of = shapes()
    flat = [size for shape in of for size in shape]
    array = (ctypes.c_size_t * len(flat))(*flat)
    return float(_library(matrix_unit).floor_seconds(array, len(of), rows, GROUP))
