"""The floor of an instruction set: the int8 dot products of the network's linear layers alone.

They are computed by micro-kernels of its own, `bench/floor.c`, compiled when it is measured.
"""

import ctypes
import json
import subprocess
from functools import cache
from itertools import chain, pairwise
from typing import Any

from app.sentiment.bundle import load as load_bundle
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
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
    ]  # fmt: skip
    return loaded


def shapes(tokens: int) -> list[tuple[int, int, int]]:
    """Return (rows, inputs, outputs) of each linear layer, for one window of so many tokens.

    A layer computes keys and values for its input's tokens, and all else for those that it keeps;
    the last keeps one, which is left out.
    """
    bundle = load_bundle(ROOT / "model")
    config = json.loads(bundle.file("config.json").read_text())
    width, hidden, layers = (int(config[name]) for name in ("dim", "hidden_dim", "n_layers"))
    pruning = bundle.token_pruning
    kept = pruning.counts(tokens) if pruning else [tokens] * (layers - 1)
    sizes = []
    for rows, outputs in pairwise([tokens, *kept]):
        sizes += [(rows, width, 2 * width), (outputs, width, width), (outputs, width, width)]
        sizes += [(outputs, width, hidden), (outputs, hidden, width)]
    return [*sizes, (kept[-1], width, 2 * width)]


def seconds(tokens: int, instructions: str) -> float:
    """Return the processor time for one window of so many tokens, on one processor.

    ``instructions``: ``avx2``, ``avxvnni``, ``avx512`` or ``amx``.

    Raises:
        RuntimeError: the processor lacks the instruction set, or there is no memory.
    """
    sizes = shapes(tokens)
    array = (ctypes.c_size_t * (3 * len(sizes)))(*chain.from_iterable(sizes))
    elapsed = float(_library().floor_seconds(array, len(sizes), instructions.encode()))
    if elapsed < 0:
        raise RuntimeError(f"the floor of {instructions} cannot be measured here")
    return elapsed
