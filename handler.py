"""The Lambda entry point: one function for every event."""

import uuid
from typing import Any

from app import startup

with startup.cold_start():
    from app import sinks
    from app.events import Source, UnsupportedEvent, skipped
    from app.events.delivery import Delivery
    from app.events.direct import Direct
    from app.events.http import Http
    from app.events.sources import SOURCES as RECORDS
    from app.events.sources import Records, log_skipped
    from app.objects.invocation import ObjectScorer
    from app.scoring.configuration import text_limits
    from app.scoring.scorer import Scorer
    from app.sentiment.text import Text
    from app.telemetry.exceptions import boundary
    from app.telemetry.reporting import Telemetry
    from app.web import application

    app = application.from_environment()


def sources(scorer: Scorer) -> dict[str, Source]:
    objects = ObjectScorer(scorer.classifier, scorer.settings)
    delivery = Delivery(scorer.classifier, sinks.switched_on(scorer.settings), objects)

    def parse_text(value: object) -> Text:
        return scorer.classifier.parse(value, text_limits(scorer.settings))

    return {
        "HTTP (REST API, HTTP API, Function URL, ALB)": Http(app),
        'direct ({"text": …}, {"texts": […]}, {"Items": […]} or {"object": …})': Direct(
            scorer, objects
        ),
        **{name: Records(source, delivery, parse_text) for name, source in RECORDS.items()},
    }


SOURCES = sources(app.state.scorer)
TELEMETRY: Telemetry = app.state.telemetry

_KNOWN_KEYS = frozenset(
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
"""Keys that a message may name: they are ours or AWS's, and no content of a caller."""


def invocation_id(context: Any) -> str:
    """Return the id by which Lambda knows the invocation, or a new one elsewhere."""
    return str(getattr(context, "aws_request_id", None) or uuid.uuid4())


def handler(event: Any, context: Any) -> Any:
    """Answer an event by the source whose shape it has; one that has nothing to score, by nothing.

    Raises:
        UnsupportedEvent: it has no known shape; nothing was done.
        InternalError: something failed that is no error of ours.
    """
    with boundary(invocation_id(context)):
        return _answer(event, context)


def _answer(event: Any, context: Any) -> Any:
    if isinstance(event, list) and event:  # as EventBridge Pipes hands records on
        event = {"Records": event}
    if isinstance(event, dict):
        for name, source in SOURCES.items():
            if isinstance(source, Http) and source.matches(event):
                return source.handle(event, context)  # observed by the application itself
            if source.matches(event):
                with TELEMETRY.batch(name.partition(" ")[0], invocation_id(context)):
                    return source.handle(event, context)
        if kind := skipped.kind_of(event):
            log_skipped({kind: 1})
            return None
    raise UnsupportedEvent(f"no known event has {_looks(event)}; known: {', '.join(SOURCES)}")


def _looks(event: Any) -> str:
    if not isinstance(event, dict):
        return f"the type {type(event).__name__}"
    named = sorted(_KNOWN_KEYS & event.keys())
    others = len(event) - len(named)
    if not named:
        return f"{others} keys, none of them known"
    return f"the keys {', '.join(named)}" + (f" and {others} more" if others else "")
