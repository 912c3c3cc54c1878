"""Threads of their own for each kind of blocking work, so that one kind never starves another."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import BoundedSemaphore
from typing import TypeVar

Result = TypeVar("Result")


class Full(Exception):
    """As many tasks as are allowed are being done or wait."""


class Workers:
    """``threads`` that work at once, and at most ``max_pending`` tasks with them or waiting.

    ``seconds``: how long whoever asked waits, its place in the queue included. A thread cannot be
    stopped: it, and its place, are taken until its task ends by itself.
    """

    def __init__(
        self, name: str, *, threads: int, max_pending: int, seconds: float | None = None
    ) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = BoundedSemaphore(max_pending)
        self._seconds = seconds

    async def run(self, task: Callable[[], Result]) -> Result:
        """Return what the task returns; it is dropped from the queue where this is cancelled.

        Raises:
            Full: ``max_pending`` tasks are being done or wait.
            TimeoutError: it took longer than ``seconds``.
        """
        if not self._places.acquire(blocking=False):
            raise Full
        # The context, too, is the caller's: what is observed in the thread is the request's own.
        future = self._executor.submit(copy_context().run, task)
        future.add_done_callback(lambda _: self._places.release())
        async with asyncio.timeout(self._seconds):
            return await asyncio.wrap_future(future)
