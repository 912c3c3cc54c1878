"""The floor: the network's int8 matrix multiplications alone, by the installed kernels."""

import ctypes
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import distilbert_int8

from bench.service import ROOT

SOURCE = ROOT / "bench/floor.c"
GROUP = 192
"""Channels quantised together, as `training/pack.py` packs them."""


def has_matrix_unit() -> bool:
    """Return whether this processor has AMX, which is then what the kernels use."""
    return "amx_int8" in Path("/proc/cpuinfo").read_text()


@cache
def _library() -> Any:
    """Compile the loop around the installed library's kernels."""
    kernels = Path(distilbert_int8.__file__).with_name("_kernels.so")
    library = ROOT / ".cache/floor.so"
    library.parent.mkdir(exist_ok=True)
    compile_shared = ["cc", "-std=gnu11", "-O2", "-fPIC", "-shared", f"-I{ROOT / 'native/src'}"]
    subprocess.run([*compile_shared, str(SOURCE), str(kernels), "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.floor_seconds.restype = ctypes.c_double
    loaded.floor_seconds.argtypes = [
        ctypes.c_void_p, *[ctypes.c_size_t] * 3, ctypes.c_char_p
    ]  # fmt: skip
    return loaded


def shapes() -> list[tuple[int, int]]:
    """Return (inputs, outputs) of each linear layer that every row goes through.

    Of the last layer those are only keys and values: the head reads one row.
    """
    config = json.loads((ROOT / "model/config.json").read_text())
    width, hidden, layers = (int(config[name]) for name in ("dim", "hidden_dim", "n_layers"))
    layer = [(width, 3 * width), (width, width), (width, hidden), (hidden, width)]
    return layer * (layers - 1) + [(width, 2 * width)]


def seconds(rows: int, matrix_unit: bool = True) -> float:
    """Return the processor time for so many rows on one processor, with its AMX or without."""
    sizes = shapes()
    flat = [size for shape in sizes for size in shape]
    array = (ctypes.c_size_t * len(flat))(*flat)
    isa = b"best" if matrix_unit else b"avx512"
    return float(_library().floor_seconds(array, len(sizes), rows, GROUP, isa))
