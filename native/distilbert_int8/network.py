"""A network in memory: its file, mapped, and the kernels that compute with it."""

import ctypes
import math
import mmap
import os
import weakref
from array import array
from collections.abc import Sequence
from dataclasses import astuple
from enum import IntEnum
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NoReturn, Self

from distilbert_int8.weights import Contents, read

MAX_TOKENS = 512
"""The longest sequence, special tokens included."""
MAX_THREADS = 1024
_INSTRUCTION_SETS = ("best", "avx512", "avxvnni", "avx2", "i8mm", "dotprod", "portable")


class _Status(IntEnum):
    """What the functions of distilbert_int8.h return."""

    OK = 0
    OUT_OF_MEMORY = 1
    OUT_OF_THREADS = 2
    CLOSED = 3
    INVALID_ARGUMENT = 4
    INVALID_SHAPE = 5
    INVALID_TENSOR = 6
    NOT_FINITE = 7
    PAIR_TOO_LARGE = 8
    INVALID_LENGTH = 9
    UNKNOWN_TOKEN = 10


class _ModelWeights(ctypes.Structure):
    """`model_weights` of distilbert_int8.h."""

    _fields_ = (
        ("dimensions", ctypes.POINTER(ctypes.c_size_t)),
        ("tensors", ctypes.POINTER(ctypes.c_void_p)),
        ("sizes", ctypes.POINTER(ctypes.c_size_t)),
        ("count", ctypes.c_size_t),
        ("token_pruning", ctypes.POINTER(ctypes.c_size_t)),
    )


class _ModelInput(ctypes.Structure):
    """`model_input` of distilbert_int8.h."""

    _fields_ = (
        ("ids", ctypes.c_void_p),
        ("tokens", ctypes.c_size_t),
        ("lengths", ctypes.c_void_p),
        ("sequences", ctypes.c_size_t),
    )


class Network:
    """A network over its file, which stays mapped. Several threads may use it at once.

    The file must not be changed while the network is open; replacing it by another file is safe. A
    forked child can use its parent's network: it starts threads of its own.

    ``threads``: how many threads compute, at most `MAX_THREADS`; 0 means one per available
    processor.
    ``instructions``: the best instruction set to use: ``avx512``, ``avxvnni`` or ``avx2`` on
    x86-64, ``i8mm`` or ``dotprod`` on arm64, or ``portable``. The default is the environment
    variable ``DISTILBERT_INT8_INSTRUCTIONS``, else the best one that the processor has, up to AMX.
    ``min_tokens``: rows up to so many tokens keep all of them in every layer.
    ``token_percent``: the percentage of a row's tokens beyond those that each layer but the last
    outputs, rounded up; none is larger than the one before it. The default is 100 for each.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not a valid network, or the percentages do not suit it; the message
            says why.
        MemoryError: there is not enough memory, or no more threads can be started.
    """

    def __init__(
        self,
        path: Path,
        threads: int = 0,
        instructions: str = "",
        token_percent: Sequence[int] = (),
        min_tokens: int = 1,
    ) -> None:
        if not 0 <= threads <= MAX_THREADS:
            raise ValueError(f"threads must be from 0 to {MAX_THREADS}, not {threads}")
        isa = instructions or os.environ.get("DISTILBERT_INT8_INSTRUCTIONS") or "best"
        if isa not in _INSTRUCTION_SETS:
            raise ValueError(
                f"unknown instruction set {isa!r}; allowed: {', '.join(_INSTRUCTION_SETS)}"
            )
        library = _library()
        mapped = _map(path)
        try:
            contents = read(mapped)
            pruning = _token_pruning(contents.shape.layers, token_percent, min_tokens)
            model = _new_model(library, mapped, contents, pruning, threads or processors(), isa)
        except ValueError as error:
            mapped.close()
            raise ValueError(f"{path} is not a valid network: {error}") from None
        except BaseException:
            mapped.close()
            raise
        self._library, self._model, self._mapped = library, model, mapped
        self._labels = contents.shape.labels
        self._max_length = min(MAX_TOKENS, contents.positions)
        self._vocabulary = contents.vocabulary
        self.instructions = str(library.model_isa(model).decode())
        """The instruction set in use."""
        # At exit the process frees everything anyway, and need not wait for calls in progress.
        weakref.finalize(self, _free, library, model, mapped).atexit = False

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        """Return (rows, labels) for rows of token ids, special tokens included.

        Raises:
            ValueError: a row is empty or too long, a token id is unknown, or the network is closed.
            MemoryError: there is not enough memory.
        """
        lengths = array("i", map(len, rows))
        try:
            ids = array("i", list(chain.from_iterable(rows)))
        except OverflowError:
            raise self._error(_Status.UNKNOWN_TOKEN) from None
        logits = array("f", bytes(4 * len(lengths) * self._labels))
        model_input = _ModelInput(_address(ids), len(ids), _address(lengths), len(lengths))
        status = self._library.model_logits(
            self._model, ctypes.byref(model_input), _address(logits)
        )
        if status:
            raise self._error(_Status(status))
        values = logits.tolist()
        return [values[i : i + self._labels] for i in range(0, len(values), self._labels)]

    def _error(self, status: _Status) -> Exception:
        match status:
            case _Status.INVALID_LENGTH:
                return ValueError(f"a row must have from 1 to {self._max_length} tokens")
            case _Status.UNKNOWN_TOKEN:
                return ValueError(f"token ids must be from 0 to {self._vocabulary - 1}")
            case _Status.CLOSED:
                return ValueError("the network is closed")
        return _error(status)

    def close(self) -> None:
        """Wait for calls in progress, then end the network's threads and free its memory.

        Later calls raise a `ValueError`. A second `close` does nothing.
        """
        self._library.model_close(self._model)
        self._mapped.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a network cannot be copied or pickled: open its file again")


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise ValueError(f"{path} is not a valid network: it is empty")
        # Copy-on-write and never written to, so that all processes share the file's pages. ctypes
        # gives no address for a read-only mapping.
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def _token_pruning(layers: int, percent: Sequence[int], min_tokens: int) -> list[int]:
    """Return `model_weights.token_pruning` of distilbert_int8.h.

    Raises:
        ValueError: the percentages are not those of a network with this number of layers.
    """
    percent = percent or [100] * (layers - 1)
    if len(percent) != layers - 1:
        raise ValueError(f"{layers} layers need {layers - 1} percentages, not {len(percent)}")
    if not all(1 <= value <= 100 for value in percent) or sorted(percent)[::-1] != list(percent):
        raise ValueError("percentages must be from 1 to 100 and not increase")
    if min_tokens < 1:
        raise ValueError("min_tokens must be positive")
    return [min_tokens, *percent]


def _new_model(
    library: ctypes.CDLL,
    mapped: mmap.mmap,
    contents: Contents,
    pruning: Sequence[int],
    threads: int,
    isa: str,
) -> int:
    """Return the address of a new model, which the caller must free.

    Raises:
        ValueError: the kernels cannot compute with the values of a tensor.
        MemoryError: there is not enough memory, or no more threads can be started.
    """
    dimensions = (*astuple(contents.shape), contents.vocabulary, contents.positions)
    spans = contents.tensors.values()
    base = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
    weights = _ModelWeights(
        (ctypes.c_size_t * len(dimensions))(*dimensions),
        (ctypes.c_void_p * len(spans))(*(base + span.start for span in spans)),
        (ctypes.c_size_t * len(spans))(*map(len, spans)),
        len(spans),
        (ctypes.c_size_t * len(pruning))(*pruning),
    )
    model, invalid_tensor = ctypes.c_void_p(), ctypes.c_size_t()
    status = library.model_new(
        ctypes.byref(weights),
        threads,
        isa.encode(),
        ctypes.byref(model),
        ctypes.byref(invalid_tensor),
    )
    if status:
        # The index of the invalid tensor, or one past the last if none is.
        raise _error(_Status(status), [*contents.tensors, ""][invalid_tensor.value])
    assert model.value is not None
    return model.value


def _error(status: _Status, tensor: str = "") -> Exception:
    match status:
        case _Status.OUT_OF_MEMORY:
            return MemoryError("not enough memory for the network")
        case _Status.OUT_OF_THREADS:
            return MemoryError("cannot start the network's threads")
        case _Status.NOT_FINITE:
            return ValueError(f"{tensor} holds an infinity or NaN")
        case _Status.PAIR_TOO_LARGE:
            return ValueError(f"two neighbouring weights of one sign exceed 128 in {tensor}")
    return ValueError(f"the kernels reject it: {status.name}")


def _free(library: ctypes.CDLL, model: int, mapped: mmap.mmap) -> None:
    library.model_free(model)
    mapped.close()


def _address(values: "array[int] | array[float]") -> int:
    return values.buffer_info()[0]


def processors() -> int:
    """Return the number of available processors: the CPU affinity or the container's quota."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        available = min(available or 1, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no cgroup, or a quota of "max"
        pass
    return min(max(1, available or 1), MAX_THREADS)


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(Path(__file__).with_name("_kernels.so")))
    pointer = ctypes.c_void_p
    library.model_new.argtypes = [pointer, ctypes.c_size_t, ctypes.c_char_p, pointer, pointer]
    library.model_logits.argtypes = [pointer, pointer, pointer]
    library.model_isa.argtypes = [pointer]
    library.model_isa.restype = ctypes.c_char_p
    for function in (library.model_close, library.model_free):
        function.argtypes, function.restype = [pointer], None
    return library
