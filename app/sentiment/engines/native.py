"""The default engine: the int8 network in the kernels of `distilbert_int8`."""

from collections.abc import Sequence

from distilbert_int8 import Network

from app.sentiment.bundle import Bundle
from app.sentiment.engines.tokenizer import BundleTokenizer

WEIGHTS = "model.int8.safetensors"


class NativeEngine(BundleTokenizer):
    """``threads``: compute threads; 0 means one for each core."""

    def __init__(self, bundle: Bundle, threads: int = 0) -> None:
        super().__init__(bundle)
        weights = bundle.file(WEIGHTS)
        if pruning := bundle.token_pruning:
            self._network = Network(
                weights, threads, token_percent=pruning.percent, min_tokens=pruning.minimum
            )
        else:
            self._network = Network(weights, threads)

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        """Return logits (rows, labels). Rows are not padded and do not affect each other."""
        return self._network.logits(rows)
