"""Direct invocations: ``{"text": …}`` and ``{"texts": […]}`` answer as the API does."""

from typing import Any

from app.batch import parse_batch
from app.events import Event
from app.sentiment.text import parse
from app.serving import Scorer


class Direct:
    """An invocation by `boto3`, the command line or a state machine."""

    def __init__(self, scorer: Scorer) -> None:
        self._classifier = scorer.classifier
        self._settings = scorer.settings

    def matches(self, event: Event) -> bool:
        return len(event) == 1 and ("text" in event or "texts" in event)

    def handle(self, event: Event, context: Any) -> Any:
        """Return the body that ``/predict`` or ``/predict/batch`` would answer.

        Raises:
            InvalidText: the text cannot be scored; Lambda reports it to the invoker by name.
            InvalidBatch: the texts cannot be scored together.
        """
        if "text" in event:
            text = parse(event["text"], self._settings.max_text_characters)
            return self._classifier.predict([text])[0].model_dump()
        batch = parse_batch(event["texts"], self._settings)
        predictions = self._classifier.predict(list(batch.texts.values()))
        return batch.answer(predictions).model_dump(exclude_none=True)
