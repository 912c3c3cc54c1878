"""Direct invocations, by ``boto3``, the command line or a state machine: answered as the API does.

``{"text"}`` and ``{"texts"}`` are what ``/predict`` and ``/predict/batch`` take. ``{"Items"}`` is a
distributed map's batch of rows, each answered under its id; a row may come alone, too.
``{"object": {"bucket", "key"}}`` scores an object in S3.
"""

from collections.abc import Mapping
from typing import Any

from app.batch import parse_batch
from app.events import Event
from app.objects.bucket import ObjectScoring, StoredObject
from app.objects.formats import UnreadableObject, column_of
from app.problems import InvalidBatch
from app.sentiment.text import InvalidText, parse
from app.serving import Scorer
from app.telemetry.observation import current


class Direct:
    """Whoever may invoke the function."""

    def __init__(self, scorer: Scorer, objects: ObjectScoring) -> None:
        self._classifier = scorer.classifier
        self._settings = scorer.settings
        self._objects = objects

    def matches(self, event: Event) -> bool:
        keys = event.keys()
        return (
            keys in ({"text"}, {"texts"}, {"object"})
            or keys == {"id", "text"}
            or ("Items" in keys and keys <= {"Items", "BatchInput"})
        )

    def handle(self, event: Event, context: Any) -> Any:
        """Return what the API would answer, or an object's summary.

        Raises:
            InvalidText: the text cannot be scored; Lambda reports it to the invoker by name.
            InvalidBatch: the texts cannot be scored together, or none of the items can be.
            UnreadableObject: none of the object's rows can be scored.
        """
        if "object" in event:
            stored = StoredObject(event["object"]["bucket"], event["object"]["key"])
            return self._objects.score(stored, context)
        if "texts" in event:
            return self._answer(event["texts"])
        if "Items" in event:
            return self._items(event["Items"])
        try:
            text = parse(event["text"], self._settings.max_text_characters)
        except InvalidText:
            current().rejected += 1
            raise
        found = self._classifier.predict([text])[0].model_dump()
        return {"id": event["id"], **found} if "id" in event else found

    def _items(self, items: Any) -> dict[str, Any]:
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise InvalidBatch('Items must be an array of objects, {"id": …, "text": …}')
        answer = self._answer([self._text_of(item) for item in items])
        for found in (*answer["results"], *answer["errors"]):
            found["id"] = items[found["index"]].get("id", str(found["index"]))
        if not answer["results"]:
            # So that a map counts the batch as failed, and stops where too many are.
            reason = answer["errors"][0]["problem"]["detail"]
            raise InvalidBatch(f"none of the {len(items)} items can be scored: {reason}")
        return answer

    def _text_of(self, item: Mapping[str, Any]) -> Any:
        try:
            return item[column_of(list(item), self._settings.text_column)]
        except UnreadableObject:
            return None

    def _answer(self, texts: Any) -> dict[str, Any]:
        batch = parse_batch(texts, self._settings)
        current().rejected += len(batch.errors)
        predictions = self._classifier.predict(list(batch.texts.values()))
        return batch.answer(predictions).model_dump(exclude_none=True)
