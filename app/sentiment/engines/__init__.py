"""Engines compute logits from texts: one protocol, two implementations."""

from collections.abc import Sequence
from typing import Protocol

from distilbert_int8 import processors

from app.sentiment.bundle import Bundle


class Engine(Protocol):
    """A tokenizer and a network. All engines return the same tokens and nearly the same logits."""

    start_token: int
    end_token: int

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, untruncated, without the special tokens."""
        ...

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        """Return logits (rows, labels) for rows of ids of any lengths, special tokens included.

        The result is a list, because an array would add the import of NumPy to every cold start.
        """
        ...


def load(name: str, bundle: Bundle, threads: int) -> Engine:
    """Load a bundle into an engine; imports only the libraries of that engine.

    ``threads``: compute threads; 0 means one for each processor available to this process.

    Raises:
        BundleError: a file is missing or damaged, or the network's outputs are not the labels.
    """
    engine = _load(name, bundle, threads or processors())
    [logits] = engine.logits([[engine.start_token, engine.end_token]])
    bundle.verify_outputs(len(logits))
    return engine


def _load(name: str, bundle: Bundle, threads: int) -> Engine:
    if name == "torch":
        from app.sentiment.engines.torch import TorchEngine

        return TorchEngine(bundle, threads)
    from app.sentiment.engines.native import NativeEngine

    return NativeEngine(bundle, threads)
