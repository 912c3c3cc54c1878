"""Work that nobody waits for any more stops between two batches of the engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event


class Cancelled(Exception):
    """Whoever asked has gone; nothing was returned or remembered."""


_cancelled: ContextVar[Event | None] = ContextVar("cancelled", default=None)


@contextmanager
def cancelled_by(event: Event) -> Iterator[None]:
    """Let this event, set from any thread, cancel what is scored within the context."""
    token = _cancelled.set(event)
    try:
        yield
    finally:
        _cancelled.reset(token)


def check() -> None:
    """Go on.

    Raises:
        Cancelled: whoever asked has gone.
    """
    event = _cancelled.get()
    if event is not None and event.is_set():
        raise Cancelled
