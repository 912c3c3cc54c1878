"""Worker threads; each kind of blocking work has its own, so that none starves another."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import BoundedSemaphore
from typing import Any, TypeVar

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
        self._pending: set[Future[Any]] = set()

    @property
    def waiting(self) -> int:
        """The number of tasks that have not started."""
        pending = tuple(self._pending)
        return sum(not (future.running() or future.done()) for future in pending)

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
        self._pending.add(future)
        future.add_done_callback(self._ended)
        async with asyncio.timeout(self._seconds):
            return await asyncio.wrap_future(future)

    def _ended(self, future: Future[Any]) -> None:
        self._pending.discard(future)
        self._slots.release()
