"""One engine for many requests: who computes in which thread, and how many may wait."""

import os
from collections.abc import Sequence

import anyio
import anyio.to_thread

from app.problems import Overloaded
from app.sentiment.classifier import Prediction, SentimentClassifier
from app.sentiment.text import Text
from app.settings import Settings


class Scorer:
    """Scores off the event loop, so that the health check answers while texts are scored.

    On Lambda, where one environment serves one request at a time, it scores in the calling thread.
    """

    def __init__(self, classifier: SentimentClassifier, settings: Settings) -> None:
        self.classifier = classifier
        self.settings = settings
        self._pending = 0
        # More at once than there are processors would only share them out.
        self._limiter = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def predict(self, texts: Sequence[Text]) -> list[Prediction]:
        """Return a prediction for each text.

        Raises:
            Overloaded: ``max_pending`` requests are being scored or wait to be.
        """
        if self.settings.on_lambda:
            return self.classifier.predict(texts)
        if self._pending >= self.settings.max_pending:
            raise Overloaded
        self._pending += 1
        try:
            predict = self.classifier.predict
            return await anyio.to_thread.run_sync(predict, texts, limiter=self._limiter)
        finally:
            self._pending -= 1
