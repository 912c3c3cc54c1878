"""One engine for many requests: who computes in which thread, and how many may wait."""

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

import anyio
import anyio.to_thread

from app.problems import Overloaded
from app.sentiment.classifier import Prediction, SentimentClassifier
from app.sentiment.explanation import Explanation, explain
from app.sentiment.text import Text
from app.settings import Settings

Result = TypeVar("Result")

INLINE_CHARACTERS = 10_000
"""Of texts that are parsed on the event loop; longer ones would hold it up for milliseconds."""


class _Queue:
    """Threads that work at once, and how many tasks may be with them or wait for them."""

    def __init__(self, threads: int, max_pending: int) -> None:
        self._limiter = anyio.CapacityLimiter(threads)
        self._pending = 0
        self._max_pending = max_pending

    async def run(self, task: Callable[[], Result]) -> Result:
        if self._pending >= self._max_pending:
            raise Overloaded
        self._pending += 1
        try:
            return await anyio.to_thread.run_sync(task, limiter=self._limiter)
        finally:
            self._pending -= 1


class Scorer:
    """Scores off the event loop, so that the health check answers while texts are scored.

    On Lambda, where one environment serves one request at a time, it scores in the calling thread.
    """

    def __init__(self, classifier: SentimentClassifier, settings: Settings) -> None:
        self.classifier = classifier
        self.settings = settings
        # More at once than there are processors would only share them out.
        self._predictions = _Queue(os.cpu_count() or 1, settings.max_pending)
        # An explanation takes as long as hundreds of predictions, which must not wait for it.
        self._explanations = _Queue(1, settings.explain_max_pending)
        # Parsing holds the interpreter for most of its time, so that a second thread gains nothing.
        self._parsing = _Queue(1, settings.max_pending)

    async def parse(self, task: Callable[[], Result], characters: int) -> Result:
        """Return what parsing texts of so many characters gives; long ones in a thread.

        Raises:
            Overloaded: ``max_pending`` requests are being parsed or wait to be.
        """
        return task() if characters <= INLINE_CHARACTERS else await self._run(self._parsing, task)

    async def predict(self, texts: Sequence[Text]) -> list[Prediction]:
        """Return a prediction for each text.

        Raises:
            Overloaded: ``max_pending`` requests are being scored or wait to be.
        """
        return await self._run(self._predictions, lambda: self.classifier.predict(texts))

    async def explain(self, sent: str, max_evaluations: int) -> Explanation:
        """Return an explanation of a text as it was sent; one is made at a time.

        Raises:
            NotInstalled: the package `shap` is not installed.
            Overloaded: ``explain_max_pending`` explanations are being made or wait to be.
        """
        return await self._run(
            self._explanations, lambda: explain(self.classifier, sent, max_evaluations)
        )

    async def _run(self, queue: _Queue, task: Callable[[], Result]) -> Result:
        return task() if self.settings.on_lambda else await queue.run(task)
