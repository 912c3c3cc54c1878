"""One engine for many requests: who computes in which thread, and how much may wait."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from threading import Event
from typing import TypeVar

from distilbert_int8 import processors
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from app.deadline import Deadline
from app.explanation.explain import Explanation, explain
from app.scoring.workers import Full, Workers
from app.sentiment.cancellation import cancelled_by
from app.sentiment.classifier import Prediction, SentimentClassifier
from app.sentiment.text import Text
from app.settings import Settings
from app.web.problems import Overloaded

Result = TypeVar("Result")

INLINE_CHARACTERS = 10_000
"""Of texts that are parsed on the event loop; longer ones would hold it up for milliseconds."""
INLINE_BYTES = 32 * 1024
"""The same of a body in JSON."""
GROWTH = 18
"""What normalisation (NFKC) makes of a character outside ASCII at most: of U+FDFA."""


class Scorer:
    """Scores off the event loop, so that the health check answers while texts are scored.

    What a client that disconnects has asked for is dropped from the queue, or stopped between two
    batches of the engine. On Lambda, where one environment serves one request at a time and nobody
    is seen to disconnect, it scores in the calling thread.
    """

    def __init__(self, classifier: SentimentClassifier, settings: Settings) -> None:
        self.classifier = classifier
        self.settings = settings
        self._predictions = Workers(
            "predictions",
            # More at once than there are processors would only share them out.
            threads=settings.threads or processors(),
            max_pending=settings.max_pending,
        )
        # An explanation takes as long as hundreds of predictions, which must not wait for it.
        self._explanations = Workers(
            "explanations", threads=1, max_pending=settings.explain_max_pending
        )
        # Parsing holds the interpreter for most of its time, so that a second thread gains nothing.
        self._parsing = Workers("parsing", threads=1, max_pending=settings.max_pending)
        self._pending_characters = 0

    async def read(self, task: Callable[[], Result], size: int, receive: Receive) -> Result:
        """Return what reading a body of so many bytes gives; a large one in a thread.

        Raises:
            ClientDisconnect: the client has gone.
            Overloaded: ``max_pending`` requests are being parsed or wait to be.
        """
        if size <= INLINE_BYTES:
            return task()
        return await self._run(self._parsing, task, 0, receive)

    async def parse(
        self, task: Callable[[], Result], sent: Iterable[object], receive: Receive
    ) -> Result:
        """Return what parsing gives; of long texts in a thread.

        ``sent``: the texts, and what was sent in place of texts.

        Raises:
            ClientDisconnect: the client has gone.
            Overloaded: ``max_pending`` requests, or ``max_pending_characters`` of text, are being
                worked on or wait to be.
        """
        texts = [text for text in sent if isinstance(text, str)]
        if sum(map(_normalised, texts)) <= INLINE_CHARACTERS:
            return task()
        return await self._run(self._parsing, task, sum(map(len, texts)), receive)

    async def predict(self, texts: Sequence[Text], receive: Receive) -> list[Prediction]:
        """Return a prediction for each text.

        ``receive``: the request's own, its body read, by which a client is seen to disconnect.

        Raises:
            ClientDisconnect: the client has gone.
            Overloaded: ``max_pending`` requests, or ``max_pending_characters`` of text, are being
                scored or wait to be.
        """
        return await self._run(
            self._predictions,
            lambda: self.classifier.predict(texts),
            sum(map(len, texts)),
            receive,
        )

    async def explain(
        self, sent: str, max_evaluations: int, deadline: Deadline, receive: Receive
    ) -> Explanation:
        """Return an explanation of a text as it was sent; one is made at a time.

        ``deadline``: when it must end. What is explained by then is returned.

        Raises:
            ClientDisconnect: the client has gone.
            Overloaded: ``explain_max_pending`` explanations are being made or wait to be, or the
                deadline has passed before this one's turn.
        """

        def task() -> Explanation:
            if not deadline.left:
                raise Overloaded
            return explain(self.classifier, sent, max_evaluations, deadline)

        return await self._run(self._explanations, task, 0, receive)  # few wait, of few characters

    async def _run(
        self, workers: Workers, task: Callable[[], Result], characters: int, receive: Receive
    ) -> Result:
        if self.settings.on_lambda:
            return task()
        pending = self._pending_characters
        # A request alone is always taken, whatever the limits of one are.
        if pending and pending + characters > self.settings.max_pending_characters:
            raise Overloaded
        cancelled = Event()

        def cancellable() -> Result:
            with cancelled_by(cancelled):
                return task()

        self._pending_characters += characters
        working = asyncio.ensure_future(workers.run(cancellable))
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise ClientDisconnect
            return await working
        except Full:
            raise Overloaded from None
        finally:
            self._pending_characters -= characters
            cancelled.set()
            leaving.cancel()
            working.cancel()


def _normalised(text: str) -> int:
    """Return the characters that the text has at most once it is normalised."""
    return len(text) if text.isascii() else len(text) * GROWTH


async def _disconnected(receive: Receive) -> None:
    """Return once the client has."""
    while (await receive())["type"] != "http.disconnect":
        pass
