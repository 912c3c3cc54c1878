"""The Lambda entry point: one function for every event."""

from typing import Any

from app.events import Source, UnsupportedEvent
from app.events.direct import Direct
from app.events.http import Http
from app.main import app

SOURCES: dict[str, Source] = {
    "HTTP (REST API, HTTP API, Function URL, ALB)": Http(app),
    'direct ({"text": …} or {"texts": […]})': Direct(app.state.scorer),
}


def handler(event: Any, context: Any) -> Any:
    """Answer an event by the source whose shape it has.

    Raises:
        UnsupportedEvent: it has no known shape; nothing was done.
    """
    if isinstance(event, dict):
        for source in SOURCES.values():
            if source.matches(event):
                return source.handle(event, context)
        looks = f"the keys {', '.join(sorted(event))[:200]}" if event else "no keys"
    else:
        looks = f"the type {type(event).__name__}"
    raise UnsupportedEvent(f"no known event has {looks}; known: {', '.join(SOURCES)}")
