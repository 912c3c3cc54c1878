"""The floor of an instruction set: the int8 dot products of the network's linear layers alone.

They are computed by micro-kernels of its own, `bench/floor.c`, compiled when it is measured.
"""

import ctypes
import json
import subprocess
from functools import cache
from typing import Any

from bench.service import ROOT

SOURCE = ROOT / "bench/floor.c"


@cache
def _library() -> Any:
    library = ROOT / ".cache/floor.so"
    library.parent.mkdir(exist_ok=True)
    compile_shared = ["cc", "-std=gnu11", "-O2", "-fPIC", "-shared", str(SOURCE)]
    subprocess.run([*compile_shared, "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.floor_seconds.restype = ctypes.c_double
    loaded.floor_seconds.argtypes = [
        ctypes.c_void_p, *[ctypes.c_size_t] * 2, ctypes.c_char_p
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


def seconds(rows: int, instructions: str) -> float:
    """Return the processor time for so many rows on one processor.

    ``instructions``: ``avx2``, ``avx512`` or ``amx``.

    Raises:
        RuntimeError: the processor lacks the instruction set, or there is no memory.
    """
    sizes = shapes()
    flat = [size for shape in sizes for size in shape]
    array = (ctypes.c_size_t * len(flat))(*flat)
    elapsed = float(_library().floor_seconds(array, len(sizes), rows, instructions.encode()))
    if elapsed < 0:
        raise RuntimeError(f"the floor of {instructions} cannot be measured here")
    return elapsed
