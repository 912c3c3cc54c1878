"""Cancels scoring that nobody waits for any more, between two batches of the engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event


class Cancelled(Exception):
    """Scoring was cancelled; nothing was returned or cached."""


_cancelled: ContextVar[Event | None] = ContextVar("cancelled", default=None)


@contextmanager
def cancelled_by(event: Event) -> Iterator[None]:
    """Cancel scoring within the context once this event is set, from any thread."""
    token = _cancelled.set(event)
    try:
        yield
    finally:
        _cancelled.reset(token)


def check() -> None:
    """Check whether scoring continues.

    Raises:
        Cancelled: the event of `cancelled_by` is set.
    """
    event = _cancelled.get()
    if event is not None and event.is_set():
        raise Cancelled
