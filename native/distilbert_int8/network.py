"""A network in memory: its file, mapped, and the kernels over it."""

import ctypes
import importlib.util
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
"""The longest text of one pass."""
MAX_THREADS = 1024
_INSTRUCTIONS = ("best", "avx512", "avx2", "portable")


class _Status(IntEnum):
    """What the functions of library.c return."""

    DONE = 0
    NO_MEMORY = 1
    NO_THREADS = 2
    IS_CLOSED = 3
    INVALID_ARGUMENT = 4
    INVALID_SHAPE = 5
    INVALID_TENSOR = 6
    NOT_FINITE = 7
    PAIR_TOO_LARGE = 8
    INVALID_LENGTH = 9
    UNKNOWN_TOKEN = 10


class Network:
    """A network over its file, which stays mapped; safe to call from several threads.

    The file must not be changed while the network is open; another may take its name. In a forked
    child the network computes as in its parent, with threads of the child's own.

    ``threads``: how many compute, at most `MAX_THREADS`; 0: as many as there are processors to run
    on.
    ``instructions``: at most ``avx512``, ``avx2`` or ``portable``; by default what
    ``DISTILBERT_INT8_INSTRUCTIONS`` says, else the best that there is, ``amx`` at most.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not such a network; the message says what is wrong with it.
        MemoryError: there is not enough memory, or no more threads.
    """

    def __init__(self, path: Path, threads: int = 0, instructions: str = "") -> None:
        if not 0 <= threads <= MAX_THREADS:
            raise ValueError(f"{threads} threads cannot compute; allowed: 0 to {MAX_THREADS}")
        wanted = instructions or os.environ.get("DISTILBERT_INT8_INSTRUCTIONS") or "best"
        if wanted not in _INSTRUCTIONS:
            raise ValueError(f"{wanted!r} are no instructions; allowed: {', '.join(_INSTRUCTIONS)}")
        library = _library()
        mapped = _map(path)
        try:
            contents = read(mapped)
            model = _new(library, mapped, contents, threads or processors(), wanted)
        except ValueError as error:
            mapped.close()
            raise ValueError(f"{path} holds no such network: {error}") from None
        except BaseException:
            mapped.close()
            raise
        self._library, self._model, self._mapped = library, model, mapped
        self._labels = contents.shape.labels
        self._longest = min(MAX_TOKENS, contents.positions)
        self._vocabulary = contents.vocabulary
        self.instructions = str(library.model_instructions(model).decode())
        """What the network computes with."""
        # A process that ends frees everything by itself, and need not wait for what computes.
        weakref.finalize(self, _free, library, model, mapped).atexit = False

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        """Return (rows, labels) for rows of token ids, special tokens included.

        Raises:
            ValueError: a row is empty or longer than the network can read, an id is unknown, or
                the network is closed.
            MemoryError: there is not enough memory for a pass.
        """
        lengths = array("i", map(len, rows))
        try:
            ids = array("i", list(chain.from_iterable(rows)))
        except OverflowError:
            raise self._error(_Status.UNKNOWN_TOKEN) from None
        found = array("f", bytes(4 * len(lengths) * self._labels))
        status = self._library.model_logits(
            self._model, _address(ids), len(ids), _address(lengths), len(lengths), _address(found)
        )
        if status:
            raise self._error(_Status(status))
        values = found.tolist()
        return [values[i : i + self._labels] for i in range(0, len(values), self._labels)]

    def _error(self, status: _Status) -> Exception:
        match status:
            case _Status.INVALID_LENGTH:
                return ValueError(f"a row must have from 1 to {self._longest} tokens")
            case _Status.UNKNOWN_TOKEN:
                return ValueError(f"a token's id must be from 0 to {self._vocabulary - 1}")
            case _Status.IS_CLOSED:
                return ValueError("the network is closed")
        return _error(status)

    def close(self) -> None:
        """End the network's threads and free its memory, once no caller computes any more.

        Callers that come later get a `ValueError`. A second call does nothing.
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
            raise ValueError(f"{path} holds no such network: it is empty")
        # A copy in name: nothing is written, so that its pages are the file's, shared by all.
        # Of what can only be read, ctypes tells no address.
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def _new(
    library: ctypes.CDLL, mapped: mmap.mmap, contents: Contents, threads: int, instructions: str
) -> int:
    """Return the address of a new model, which the caller must free.

    Raises:
        ValueError: a tensor holds what the kernels cannot compute with.
        MemoryError: there is not enough memory, or no more threads.
    """
    dimensions = (*astuple(contents.shape), contents.vocabulary, contents.positions)
    spans = contents.tensors.values()
    base = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
    made, wrong = ctypes.c_void_p(), ctypes.c_size_t()
    status = library.model_new(
        (ctypes.c_size_t * len(dimensions))(*dimensions),
        (ctypes.c_void_p * len(spans))(*(base + span.start for span in spans)),
        (ctypes.c_size_t * len(spans))(*map(len, spans)),
        len(spans),
        threads,
        instructions.encode(),
        ctypes.byref(made),
        ctypes.byref(wrong),
    )
    if status:
        # The number of the wrong tensor, or one past the last where none is.
        raise _error(_Status(status), [*contents.tensors, ""][wrong.value])
    assert made.value is not None
    return made.value


def _error(status: _Status, tensor: str = "") -> Exception:
    match status:
        case _Status.NO_MEMORY:
            return MemoryError("no memory for the network")
        case _Status.NO_THREADS:
            return MemoryError("no more threads for the network")
        case _Status.NOT_FINITE:
            return ValueError(f"{tensor} holds an infinity or NaN")
        case _Status.PAIR_TOO_LARGE:
            return ValueError(f"two neighbouring weights of one sign exceed 128 in {tensor}")
    return ValueError(f"the kernels refuse it: {status.name}")


def _free(library: ctypes.CDLL, model: int, mapped: mmap.mmap) -> None:
    library.model_free(model)
    mapped.close()


def _address(values: "array[int] | array[float]") -> int:
    return values.buffer_info()[0]


def processors() -> int:
    """Return how many this process may run on: those it is bound to, or its container's share."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        bound = min(bound or 1, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no such limits here, or "max"
        pass
    return min(max(1, bound or 1), MAX_THREADS)


@cache
def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("distilbert_int8._kernels")
    assert spec is not None and spec.origin is not None
    library = ctypes.CDLL(spec.origin)
    size, pointer, text = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p
    library.model_new.argtypes = [pointer] * 3 + [size, size, text, pointer, pointer]
    library.model_logits.argtypes = [pointer, pointer, size, pointer, size, pointer]
    library.model_instructions.argtypes = [pointer]
    library.model_instructions.restype = text
    for end in (library.model_close, library.model_free):
        end.argtypes, end.restype = [pointer], None
    return library
