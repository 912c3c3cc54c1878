"""A deadline that is passed down to every call that may wait."""

import time
from collections.abc import Callable
from typing import Any, Self


class Deadline:
    """The time by which work must end: ``seconds`` after its creation."""

    def __init__(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self._seconds_left: Callable[[], float] = lambda: end - time.monotonic()

    @classmethod
    def of_invocation(cls, context: Any) -> Self:
        """Return the deadline of a Lambda invocation.

        ``context``: Lambda's context object, which reports the time left.
        """
        deadline = cls(0)
        deadline._seconds_left = lambda: float(context.get_remaining_time_in_millis() / 1000)
        return deadline

    def shared(self, waiting: Callable[[], int]) -> "Deadline":
        """Return the deadline of work that begins now and that other work waits for.

        While ``n`` others wait, as ``waiting`` returns, it has 1 / (n + 1) of the time left now.
        """
        started, total = time.monotonic(), self.left
        deadline = Deadline(0)
        deadline._seconds_left = lambda: total / (waiting() + 1) - (time.monotonic() - started)
        return deadline

    @property
    def left(self) -> float:
        """The seconds left, 0 once the deadline has passed."""
        return max(0.0, self._seconds_left())
