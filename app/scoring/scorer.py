"""Runs the classifier in worker threads and limits the number of waiting requests."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from threading import Event
from typing import Any, TypeVar

from distilbert_int8 import processors

from app.deadline import Deadline
from app.explanation.explain import ExplainedAnalysis, Explanation, explain, explain_analysis
from app.scoring.options import NO_OPTIONS, Options, answer
from app.sentiment.analysis import Analysis
from app.sentiment.cancellation import cancelled_by
from app.sentiment.classifier import Prediction, SentimentClassifier
from app.sentiment.text import Text
from app.settings import Settings
from app.workers import QueueFull, Workers

Result = TypeVar("Result")
Disconnected = Callable[[], Coroutine[Any, Any, None]]
"""Returns an awaitable that ends once the client has disconnected; not called for inline work."""

INLINE_CHARACTERS = 10_000
"""Longer texts are parsed in a thread, as they would block the event loop for milliseconds."""
INLINE_BYTES = 32 * 1024
"""Larger JSON bodies are read in a thread, for the same reason."""
MAX_NFKC_EXPANSION = 18
"""The most characters that NFKC makes of one character: U+FDFA becomes 18.

The names of emoji are about as long on average. A few are longer, which costs little here.
"""


class Overloaded(Exception):
    """The limit of pending requests or characters is reached."""


class OutOfTime(Exception):
    """The deadline of an explanation passed before its computation began."""


class ClientGone(Exception):
    """The client disconnected before its request was done."""


class Scorer:
    """Scores in worker threads, so that the event loop stays free for other requests.

    When a client disconnects, its work is removed from the queue, or cancelled between two batches
    of the engine. On Lambda all work is done in the calling thread: an environment serves one
    request at a time, and disconnects are not visible.
    """

    def __init__(self, classifier: SentimentClassifier, settings: Settings) -> None:
        self.classifier = classifier
        self.settings = settings
        self._predictions = Workers(
            "predictions",
            # More threads than processors would gain nothing.
            threads=settings.threads or processors(),
            max_pending=settings.max_pending,
        )
        # An explanation takes as long as hundreds of predictions, so it has a queue of its own.
        self._explanations = Workers(
            "explanations", threads=1, max_pending=settings.explain_max_pending
        )
        # Parsing holds the interpreter's lock most of the time, so a second thread gains nothing.
        self._parsing = Workers("parsing", threads=1, max_pending=settings.max_pending)
        self._pending_characters = 0

    async def read(
        self, task: Callable[[], Result], size: int, disconnected: Disconnected
    ) -> Result:
        """Run a task that reads a body of ``size`` bytes; in a thread if the body is large.

        Raises:
            ClientGone: the client disconnected.
            Overloaded: ``max_pending`` large requests are being parsed or are waiting.
        """
        if size <= INLINE_BYTES:
            return task()
        return await self._run(self._parsing, task, 0, disconnected)

    async def parse(
        self, task: Callable[[], Result], values: Iterable[object], disconnected: Disconnected
    ) -> Result:
        """Run a task that parses these values; in a thread if their texts are long.

        Raises:
            ClientGone: the client disconnected.
            Overloaded: ``max_pending`` large requests are being parsed or are waiting, or
                ``max_pending_characters`` of text are pending.
        """
        texts = [value for value in values if isinstance(value, str)]
        if sum(map(_max_normalised_length, texts)) <= INLINE_CHARACTERS:
            return task()
        return await self._run(self._parsing, task, sum(map(len, texts)), disconnected)

    async def answer(
        self,
        texts: Sequence[Text],
        originals: Sequence[str],
        options: Options,
        disconnected: Disconnected,
    ) -> Sequence[Prediction | Analysis]:
        """Return the prediction of each text or, with options, its analysis.

        ``originals``: the same texts as they were sent.

        Raises:
            ClientGone: the client disconnected.
            Overloaded: ``max_pending`` requests are being scored or are waiting, or
                ``max_pending_characters`` of text are pending.
        """
        # Sentences are scored besides their text.
        passes = 2 if options.sentences else 1
        return await self._run(
            self._predictions,
            lambda: answer(self.classifier, texts, originals, options),
            passes * sum(map(len, texts)),
            disconnected,
        )

    async def explain(
        self,
        text: str,
        max_evaluations: int,
        deadline: Deadline,
        disconnected: Disconnected,
        options: Options = NO_OPTIONS,
    ) -> Explanation | ExplainedAnalysis:
        """Return an explanation of a text as it was received; one is computed at a time.

        ``deadline``: when the computation must end. It ends earlier while others wait: each gets an
        equal share of the time left. What is explained by then is returned.

        Raises:
            ClientGone: the client disconnected.
            OutOfTime: the deadline passed before the computation began.
            Overloaded: ``explain_max_pending`` explanations are being computed or are waiting.
        """
        queue = self._explanations

        def task() -> Explanation | ExplainedAnalysis:
            if not deadline.left:
                raise OutOfTime
            shared = deadline.shared(lambda: queue.waiting)
            if not options:
                return explain(self.classifier, text, max_evaluations, shared)
            return explain_analysis(
                self.classifier,
                text,
                max_evaluations,
                shared,
                neutral=options.neutral,
                sentences=options.sentences,
            )

        # Few explanations wait, each of a short text: their characters do not count.
        return await self._run(queue, task, 0, disconnected)

    async def _run(
        self,
        workers: Workers,
        task: Callable[[], Result],
        characters: int,
        disconnected: Disconnected,
    ) -> Result:
        if self.settings.on_lambda:
            return task()
        pending = self._pending_characters
        # A single request is always accepted, however long its texts are.
        if pending and pending + characters > self.settings.max_pending_characters:
            raise Overloaded
        cancelled = Event()

        def cancellable() -> Result:
            with cancelled_by(cancelled):
                return task()

        self._pending_characters += characters
        working = asyncio.ensure_future(workers.run(cancellable))
        leaving = asyncio.ensure_future(disconnected())
        try:
            await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise ClientGone
            return await working
        except QueueFull:
            raise Overloaded from None
        finally:
            self._pending_characters -= characters
            cancelled.set()
            leaving.cancel()
            working.cancel()


def _max_normalised_length(text: str) -> int:
    return len(text) if text.isascii() else len(text) * MAX_NFKC_EXPANSION
