"""The moment by which work must be done, passed on to everything that may wait."""

import time
from collections.abc import Callable
from typing import Any, Self


class Deadline:
    """A number of seconds from now."""

    def __init__(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self._seconds_left: Callable[[], float] = lambda: end - time.monotonic()

    @classmethod
    def of_invocation(cls, context: Any) -> Self:
        """Return the moment at which Lambda ends the invocation.

        ``context``: Lambda's context object, which is asked again each time.
        """
        deadline = cls(0)
        deadline._seconds_left = lambda: float(context.get_remaining_time_in_millis() / 1000)
        return deadline

    @property
    def left(self) -> float:
        """Seconds until then; 0 afterwards."""
        return max(0.0, self._seconds_left())
