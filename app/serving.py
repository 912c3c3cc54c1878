"""One engine for many requests: who computes in which thread, and how many may wait."""

from collections.abc import Sequence

import anyio.to_thread

from app.problems import Overloaded
from app.sentiment.classifier import Prediction, SentimentClassifier
from app.sentiment.text import Text


class Scorer:
    """Scores off the event loop, so that the health check answers while texts are scored.

    On Lambda, where one environment serves one request at a time, it scores in the calling thread.
    """

    def __init__(self, classifier: SentimentClassifier, max_pending: int, inline: bool) -> None:
        self.classifier = classifier
        self._max_pending = max_pending
        self._inline = inline
        self._pending = 0

    async def predict(self, texts: Sequence[Text]) -> list[Prediction]:
        """Return a prediction for each text.

        Raises:
            Overloaded: ``max_pending`` requests are being scored or wait to be.
        """
        if self._inline:
            return self.classifier.predict(texts)
        if self._pending >= self._max_pending:
            raise Overloaded
        self._pending += 1
        try:
            return await anyio.to_thread.run_sync(self.classifier.predict, texts)
        finally:
            self._pending -= 1
