"""Events that invoke the function: HTTP requests, direct invocations and AWS records."""

from typing import Any, Protocol

Event = dict[str, Any]


class Source(Protocol):
    """A source of events, recognised by their shape."""

    @property
    def name(self) -> str:
        """Its name in logs."""
        ...

    @property
    def shape(self) -> str:
        """What its events look like, for error messages."""
        ...

    @property
    def observes_itself(self) -> bool:
        """Whether it observes its own events, as the web application does for requests."""
        ...

    def matches(self, event: Event) -> bool:
        """Return whether the event is one of this source."""
        ...

    def handle(self, event: Event, context: Any) -> Any:
        """Handle the event; return Lambda's answer to the invoker."""
        ...


class UnsupportedEvent(ValueError):
    """An event has no known shape; the message describes it and lists the known ones."""
