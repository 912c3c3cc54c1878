"""Worker threads; each kind of blocking work has its own, so that none starves another."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import BoundedSemaphore
from typing import TypeVar

Result = TypeVar("Result")


class QueueFull(Exception):
    """The maximum number of pending tasks is reached."""


class Workers:
    """A pool of ``threads`` threads with at most ``max_pending`` tasks, running or waiting.

    ``seconds``: the timeout of a task, from its submission. A thread cannot be stopped, so a task
    occupies its thread until it ends, also after its timeout.
    """

    def __init__(
        self, name: str, *, threads: int, max_pending: int, seconds: float | None = None
    ) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._slots = BoundedSemaphore(max_pending)
        self._seconds = seconds

    async def run(self, task: Callable[[], Result]) -> Result:
        """Run a task in a thread and return its result.

        If the call is cancelled, a task that has not started is removed from the queue.

        Raises:
            QueueFull: ``max_pending`` tasks are running or waiting.
            TimeoutError: the task took longer than ``seconds``.
        """
        if not self._slots.acquire(blocking=False):
            raise QueueFull
        # The task runs in the caller's context, which includes its observation.
        future = self._executor.submit(copy_context().run, task)
        future.add_done_callback(lambda _: self._slots.release())
        async with asyncio.timeout(self._seconds):
            return await asyncio.wrap_future(future)
