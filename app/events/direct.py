"""Direct invocations: ``{"text"}``, ``{"texts"}`` and ``{"Items"}`` answer as the API does."""

from typing import Any

from app.batch import parse_batch
from app.events import Event
from app.problems import InvalidBatch
from app.sentiment.text import parse
from app.serving import Scorer


class Direct:
    """An invocation by `boto3`, the command line or a state machine."""

    def __init__(self, scorer: Scorer) -> None:
        self._classifier = scorer.classifier
        self._settings = scorer.settings

    def matches(self, event: Event) -> bool:
        if event.keys() == {"Items", "BatchInput"}:  # a distributed map's batch
            return True
        return len(event) == 1 and not event.keys().isdisjoint(("text", "texts", "Items"))

    def handle(self, event: Event, context: Any) -> Any:
        """Return the body that ``/predict`` or ``/predict/batch`` would answer; items get their id.

        Raises:
            InvalidText: the text cannot be scored; Lambda reports it to the invoker by name.
            InvalidBatch: the texts cannot be scored together.
        """
        if "text" in event:
            text = parse(event["text"], self._settings.max_text_characters)
            return self._classifier.predict([text])[0].model_dump()
        if "texts" in event:
            return self._answer(event["texts"])
        items = event["Items"]
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise InvalidBatch('Items must be an array of objects, {"id": …, "text": …}')
        answer = self._answer([item.get("text") for item in items])
        for found in (*answer["results"], *answer["errors"]):
            found["id"] = items[found["index"]].get("id", str(found["index"]))
        return answer

    def _answer(self, texts: Any) -> dict[str, Any]:
        batch = parse_batch(texts, self._settings)
        predictions = self._classifier.predict(list(batch.texts.values()))
        return batch.answer(predictions).model_dump(exclude_none=True)
