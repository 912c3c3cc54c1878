"""Direct invocations: ``{"text": …}`` and ``{"texts": […]}`` answer as the API does."""

from typing import Any

from app.api.predict import answer_batch, parse_batch
from app.events import Event, UnsupportedEvent
from app.sentiment.classifier import SentimentClassifier
from app.sentiment.text import parse
from app.settings import Settings


class Direct:
    """An invocation by `boto3`, the command line or a state machine."""

    def __init__(self, classifier: SentimentClassifier, settings: Settings) -> None:
        self._classifier = classifier
        self._settings = settings

    def matches(self, event: Event) -> bool:
        return len(event) == 1 and ("text" in event or "texts" in event)

    def handle(self, event: Event, context: Any) -> Any:
        """Return the body that ``/predict`` or ``/predict/batch`` would answer.

        Raises:
            InvalidText: the text cannot be scored; Lambda reports it to the invoker by name.
            UnsupportedEvent: ``texts`` is no array.
            TooManyTexts: ``texts`` is longer than allowed.
        """
        if "text" in event:
            text = parse(event["text"], self._settings.max_text_characters)
            return self._classifier.predict([text])[0].model_dump()
        if not isinstance(event["texts"], list) or not event["texts"]:
            raise UnsupportedEvent("texts must be an array of at least one string")
        texts, errors = parse_batch(event["texts"], self._settings)
        predictions = self._classifier.predict(list(texts.values()))
        return answer_batch(texts, predictions, errors).model_dump(exclude_none=True)
