"""The engine that Lambda runs: the int8 network in kernels of our own."""

from collections.abc import Sequence

from distilbert_int8 import Network

from app.sentiment.bundle import Bundle
from app.sentiment.engines.tokenizer import BundleTokenizer

WEIGHTS = "model.int8.safetensors"


class NativeEngine(BundleTokenizer):
    """``threads``: how many compute; 0: one for each core."""

    def __init__(self, bundle: Bundle, threads: int = 0) -> None:
        super().__init__(bundle)
        self._network = Network(bundle.file(WEIGHTS), threads)

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        """Return (rows, labels); rows are not padded, and none depends on the others."""
        return self._network.logits(rows)
