"""The end of an invocation: work is begun only if it will be done in time to hand the rest over."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

RESERVE_SECONDS = 15.0
"""Kept for writing the results, or for handing the object over."""
PIECE_SECONDS = 4.0
"""What scoring one piece of a chunk should take; a single long text may take longer."""
FIRST_PIECE_TOKENS = 1024
"""In the first piece, before the pace is known."""
FIRST_SECONDS_PER_TOKEN = 0.001
"""Assumed for it: ten times what one processor needs."""
MEASURED_TOKENS = 256
"""A piece of fewer says more about overhead than about the pace."""
MARGIN = 2.0
"""How much worse than anything so far the next step may turn out."""


class OutOfTime(Exception):
    """The invocation ends before the object does."""


class Deadline:
    """Watches the time that is left by the work that is done.

    ``seconds_left``: until the invocation is killed. Two paces are measured: seconds for each token
    that is scored, and the longest that anything else has taken between two checks: a read, a
    write, parsing a chunk.
    """

    def __init__(self, seconds_left: Callable[[], float]) -> None:
        self._seconds_left = seconds_left
        self._checked = seconds_left()
        self._slowest_step = 0.0
        self._seconds_per_token = 0.0

    def check(self, tokens: int = 0) -> None:
        """Check that another step, and scoring so many tokens, fit before the reserve.

        Raises:
            OutOfTime: they do not.
        """
        left = self._seconds_left()
        self._slowest_step = max(self._slowest_step, self._checked - left)
        self._checked = left
        pace = self._seconds_per_token or FIRST_SECONDS_PER_TOKEN
        if left < RESERVE_SECONDS + MARGIN * (self._slowest_step + tokens * pace):
            raise OutOfTime

    @contextmanager
    def scoring(self, tokens: int) -> Iterator[None]:
        """Measure the scoring of so many tokens, which must fit.

        Raises:
            OutOfTime: it will not be done in time, and is not begun.
        """
        self.check(tokens)
        yield
        left = self._seconds_left()
        taken, self._checked = self._checked - left, left
        if tokens >= MEASURED_TOKENS or not self._seconds_per_token:
            self._seconds_per_token = max(self._seconds_per_token, taken / max(tokens, 1))

    @property
    def piece_tokens(self) -> int:
        """How many tokens to score before the next check."""
        if not self._seconds_per_token:
            return FIRST_PIECE_TOKENS
        return max(FIRST_PIECE_TOKENS, int(PIECE_SECONDS / self._seconds_per_token))
