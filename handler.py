"""The Lambda entry point: routes each event by its shape."""

import uuid
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from app import startup

with startup.cold_start():
    from fastapi import FastAPI

    from app.events import Source, UnsupportedEvent
    from app.events.http import Http
    from app.scoring.scorer import Scorer
    from app.telemetry.exceptions import boundary
    from app.telemetry.reporting import Telemetry
    from app.web import application

    app = application.from_environment()


class Router:
    """Routes each event to the first source that it matches."""

    def __init__(self, app: FastAPI, scorer: Scorer, telemetry: Telemetry) -> None:
        self._http = Http(app)
        self._scorer = scorer
        self._telemetry = telemetry

    @property
    def sources(self) -> Iterator[Source]:
        """The sources, in the order in which they are tried."""
        yield self._http
        yield from self._other_sources

    @cached_property
    def _other_sources(self) -> Sequence[Source]:
        # Imported for the first event that is not HTTP, so that requests start faster.
        from app.events import sources

        return sources.load(self._scorer)

    def handle(self, event: Any, context: Any) -> Any:
        """Handle an event; return None if it has nothing to score.

        Raises:
            UnsupportedEvent: it has no known shape, and nothing was done.
            InternalError: an exception that is not the application's own, without its message.
        """
        request_id = str(getattr(context, "aws_request_id", None) or uuid.uuid4())
        with boundary(request_id):
            return self._route(event, context, request_id)

    def _route(self, event: Any, context: Any, request_id: str) -> Any:
        if isinstance(event, list) and event:  # EventBridge Pipes send a bare list of records
            event = {"Records": event}
        if not isinstance(event, dict):
            raise self._unsupported(f"the type {type(event).__name__}")
        for source in self.sources:
            if source.matches(event):
                if source.observes_itself:
                    return source.handle(event, context)
                with self._telemetry.batch(source.name, request_id):
                    return source.handle(event, context)
        from app.events import skipped

        if kind := skipped.kind_of(event):
            skipped.log({kind: 1})
            return None
        raise self._unsupported(_describe_keys(event))

    def _unsupported(self, description: str) -> UnsupportedEvent:
        known = ", ".join(f"{source.name} ({source.shape})" for source in self.sources)
        return UnsupportedEvent(f"no known event has {description}; known: {known}")


_LOGGED_KEYS = frozenset(
    [
        "text",
        "texts",
        "id",
        "metadata",
        "Items",
        "object",
        "Records",
        "source",
        "detail-type",
        "detail",
        "Type",
        "Message",
        "requestContext",
        "httpMethod",
        "path",
        "version",
    ]
)
"""Keys that an error message may show: the application or AWS defines them, not a caller."""


def _describe_keys(event: dict[Any, Any]) -> str:
    shown = sorted(_LOGGED_KEYS & event.keys())
    others = len(event) - len(shown)
    if not shown:
        return f"{others} keys, none of them known"
    return f"the keys {', '.join(shown)}" + (f" and {others} more" if others else "")


router = Router(app, app.state.scorer, app.state.telemetry)
handler = router.handle
