"""What turns text into logits: one protocol, three engines."""

from collections.abc import Sequence
from typing import Protocol

from distilbert_int8 import processors

from app.sentiment.bundle import Bundle


class Engine(Protocol):
    """A tokenizer and a network; all engines give the same tokens and nearly the same logits."""

    start_token: int
    end_token: int

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's token ids, whole, without the special tokens."""
        ...

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        """Return (rows, labels) for rows of ids that hold the special tokens, of any lengths.

        Lists, because an array of some rows of two would cost each start the import of NumPy.
        """
        ...


def load(name: str, bundle: Bundle, threads: int) -> Engine:
    """Load the bundle into the engine of this name, and only that engine's libraries.

    ``threads``: how many compute; 0: one for each processor that this process may use.
    """
    threads = threads or processors()
    if name == "torch":
        from app.sentiment.engines.torch import TorchEngine

        return TorchEngine(bundle, threads)
    if name == "onnx":
        from app.sentiment.engines.onnx import OnnxEngine

        return OnnxEngine(bundle, threads)
    from app.sentiment.engines.native import NativeEngine

    return NativeEngine(bundle, threads)
