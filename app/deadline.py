"""The moment by which work has to be done, passed on to whatever may wait."""

import time


class Deadline:
    """A number of seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then; 0 afterwards."""
        return max(0.0, self._at - time.monotonic())
