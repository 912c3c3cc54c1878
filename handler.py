"""The Lambda entry point: one function for every event."""

import uuid
from typing import Any

from app import startup
from app.events import Source, UnsupportedEvent, sinks
from app.events.delivery import Delivery
from app.events.direct import Direct
from app.events.dynamodb import DynamoDb
from app.events.eventbridge import EventBridge
from app.events.http import Http
from app.events.kinesis import Kinesis
from app.events.s3 import S3
from app.events.sns import Sns
from app.events.sqs import Sqs
from app.main import app
from app.objects.bucket import ObjectScoring
from app.serving import Scorer
from app.telemetry.exceptions import boundary
from app.telemetry.reporting import Telemetry


def sources(scorer: Scorer) -> dict[str, Source]:
    delivery = Delivery(scorer.classifier, sinks.switched_on(scorer.settings))
    objects = ObjectScoring(scorer.classifier, scorer.settings)
    longest = scorer.settings.max_text_characters
    return {
        "HTTP (REST API, HTTP API, Function URL, ALB)": Http(app),
        'direct ({"text": …}, {"texts": […]}, {"Items": […]} or {"object": …})': Direct(
            scorer, objects
        ),
        "SQS": Sqs(delivery, objects, longest),
        "SNS": Sns(delivery, longest),
        "Kinesis": Kinesis(delivery, longest),
        "DynamoDB stream": DynamoDb(delivery, longest),
        "S3 (directly or through EventBridge)": S3(objects),
        "EventBridge": EventBridge(delivery, longest),
    }


_KEYS = {
    *("Records", "requestContext", "httpMethod", "path", "resource", "version", "detail-type"),
    *("detail", "source", "text", "texts", "id", "Items", "BatchInput", "object"),
}
"""Keys that events of known shapes have."""

SOURCES = sources(app.state.scorer)
TELEMETRY: Telemetry = app.state.telemetry
startup.finish()


def invocation_id(context: Any) -> str:
    """Return the id by which Lambda knows the invocation, or a new one elsewhere."""
    return str(getattr(context, "aws_request_id", None) or uuid.uuid4())


def handler(event: Any, context: Any) -> Any:
    """Answer an event by the source whose shape it has.

    Raises:
        UnsupportedEvent: it has no known shape; nothing was done.
        InternalError: something failed that is no error of ours.
    """
    with boundary(invocation_id(context)):
        return _answer(event, context)


def _answer(event: Any, context: Any) -> Any:
    if isinstance(event, dict):
        for name, source in SOURCES.items():
            if isinstance(source, Http) and source.matches(event):
                return source.handle(event, context)  # observed by the application itself
            if source.matches(event):
                with TELEMETRY.batch(name.partition(" ")[0], invocation_id(context)):
                    return source.handle(event, context)
        # Other keys may hold what a caller sent.
        known = ", ".join(sorted(_KEYS & event.keys()))
        looks = f"an object of {len(event)} keys" + (f", of which {known}" if known else "")
    else:
        looks = f"of the type {type(event).__name__}"
    raise UnsupportedEvent(f"no known event is {looks}; known: {', '.join(SOURCES)}")
