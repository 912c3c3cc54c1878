"""The time budget of an object: work begins only if it will end well before a deadline."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.deadline import Deadline

RESERVE_SECONDS = 15.0
"""Time left before the deadline, to publish the results or to hand the object over."""
PIECE_SECONDS = 4.0
"""Time that scoring one piece of a chunk should take; a single long text may take longer."""
FIRST_PIECE_TOKENS = 1024
"""Tokens in the first piece, before the pace is known."""
FIRST_SECONDS_PER_TOKEN = 0.001
"""The pace assumed for it: ten times what one processor needs."""
MIN_MEASURED_TOKENS = 256
"""The pace of a smaller piece is mostly overhead, and is not measured."""
SAFETY_FACTOR = 2.0
"""The next step may be this many times slower than the slowest step so far."""


class BudgetExhausted(Exception):
    """The next step would not leave enough time."""


class TimeBudget:
    """Predicts from the pace so far whether the next step ends in time.

    Two paces are measured: seconds per scored token, and the longest time that anything else has
    taken between two checks, such as a read, a write, or parsing a chunk.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._left_at_last_check = deadline.left
        self._slowest_step = 0.0
        self._seconds_per_token = 0.0

    def check(self, tokens: int = 0) -> None:
        """Check that another step, and scoring so many tokens, will leave the reserve.

        Raises:
            BudgetExhausted: they will not.
        """
        left = self._deadline.left
        self._slowest_step = max(self._slowest_step, self._left_at_last_check - left)
        self._left_at_last_check = left
        pace = self._seconds_per_token or FIRST_SECONDS_PER_TOKEN
        if left < RESERVE_SECONDS + SAFETY_FACTOR * (self._slowest_step + tokens * pace):
            raise BudgetExhausted

    @contextmanager
    def scoring(self, tokens: int) -> Iterator[None]:
        """Check that so many tokens can be scored, and measure how long their scoring takes.

        Raises:
            BudgetExhausted: they cannot, and scoring does not begin.
        """
        self.check(tokens)
        yield
        left = self._deadline.left
        taken, self._left_at_last_check = self._left_at_last_check - left, left
        if tokens >= MIN_MEASURED_TOKENS or not self._seconds_per_token:
            self._seconds_per_token = max(self._seconds_per_token, taken / max(tokens, 1))

    @property
    def piece_tokens(self) -> int:
        """How many tokens to score before the next check."""
        if not self._seconds_per_token:
            return FIRST_PIECE_TOKENS
        return max(FIRST_PIECE_TOKENS, int(PIECE_SECONDS / self._seconds_per_token))
