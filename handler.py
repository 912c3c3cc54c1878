"""The Lambda entry point: one function for every event."""

from typing import Any

from app.events import Source, UnsupportedEvent, sinks
from app.events.delivery import Delivery
from app.events.direct import Direct
from app.events.dynamodb import DynamoDb
from app.events.eventbridge import EventBridge
from app.events.http import Http
from app.events.kinesis import Kinesis
from app.events.s3 import S3, ObjectScoring
from app.events.sns import Sns
from app.events.sqs import Sqs
from app.main import app
from app.serving import Scorer


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
        "S3, directly or through EventBridge": S3(objects),
        "EventBridge": EventBridge(delivery, longest),
    }


SOURCES = sources(app.state.scorer)


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
