"""What invokes the function: HTTP, direct invocations and AWS's sources of records."""

from typing import Any, Protocol

Event = dict[str, Any]


class Source(Protocol):
    """A kind of event and what answers it."""

    def matches(self, event: Event) -> bool:
        """Return whether the event has this source's shape."""
        ...

    def handle(self, event: Event, context: Any) -> Any:
        """Return what Lambda answers the invoker."""
        ...


class UnsupportedEvent(ValueError):
    """An event of no known shape; the message says what it looked like and what is known."""
