"""Direct invocations, by ``boto3``, the command line or a state machine: answered as the API does.

``{"text"}`` and ``{"texts"}`` are what ``/predict`` and ``/predict/batch`` take. ``{"Items"}`` is a
distributed map's batch of rows, each answered under its id; a row may come alone, too.
``{"object": {"bucket", "key"}}`` scores an object in S3.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

from app.events import Event
from app.events.records import InvalidRecord, identity
from app.events.skipped import kind_of_object
from app.objects.formats import UnreadableObject, find_text_column
from app.objects.invocation import ObjectScorer
from app.objects.s3 import StoredObject
from app.scoring.batches import Batch, InvalidBatch, parse_batch
from app.scoring.configuration import text_limits
from app.scoring.scorer import Scorer
from app.sentiment.text import InvalidText
from app.telemetry.observation import current
from app.web.problems import Problem, invalid
from app.web.schemas import BatchAnswer


class Direct:
    """Whoever may invoke the function."""

    def __init__(self, scorer: Scorer, objects: ObjectScorer) -> None:
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
            InvalidRecord: its id is none.
            InvalidBatch: the texts cannot be scored together, or none of the items can be.
            UnreadableObject: none of the object's rows can be scored.
        """
        if "object" in event:
            return self._object(event["object"], context)
        if "texts" in event:
            return self._answer(event["texts"])
        if "Items" in event:
            return self._items(event["Items"])
        try:
            if "id" in event:
                identity(event["id"])
            text = self._classifier.parse(event["text"], text_limits(self._settings))
        except (InvalidRecord, InvalidText):
            current().rejected += 1
            raise
        found = self._classifier.predict([text])[0].model_dump()
        return {"id": event["id"], **found} if "id" in event else found

    def _object(self, named: Any, context: Any) -> Any:
        bucket, key = (
            (named.get("bucket"), named.get("key")) if isinstance(named, Mapping) else (None, None)
        )
        if not (isinstance(bucket, str) and bucket and isinstance(key, str) and key):
            raise UnreadableObject('object must be {"bucket": …, "key": …}, both strings')
        if key != key.encode("utf-8", "replace").decode():
            raise UnreadableObject("the object's key is not UTF-8")
        if kind := kind_of_object(key):
            return {"skipped": kind}
        return self._objects.score(StoredObject(bucket, key), context)

    def _answer(self, texts: Any) -> dict[str, Any]:
        batch = parse_batch(texts, self._classifier, self._settings)
        predictions = self._classifier.predict(list(batch.texts.values()))
        current().rejected += len(batch.errors)
        return BatchAnswer.of(batch, predictions).model_dump(exclude_none=True)

    def _items(self, items: Any) -> dict[str, Any]:
        """Judge each row by itself; answer it under its number and its id."""
        if not isinstance(items, list) or not items:
            raise InvalidBatch('Items must be an array of at least one {"id": …, "text": …}')
        rows = [_Row.of(place, item) for place, item in enumerate(items)]
        texts: dict[int, Any] = {}
        refused: dict[int, Problem] = {}
        for place, row in enumerate(rows):
            try:
                texts[place] = self._text_of(row.fields)
            except InvalidRecord as error:
                refused[place] = invalid(f"#/Items/{place}", str(error))
        results: list[dict[str, Any]] = []
        for places, batch in self._batches(list(texts), texts) if texts else ():
            predictions = self._classifier.predict(list(batch.texts.values()))
            for index, prediction in zip(batch.texts, predictions, strict=True):
                results.append(prediction.model_dump() | rows[places[index]].named)
            for index, reason in batch.errors.items():
                place = places[index]
                refused[place] = invalid(f"#/Items/{place}/text", reason)
        current().rejected += len(refused)
        if not results:
            # So that a map counts the batch as failed, and stops where too many are.
            reason = refused[min(refused)].detail
            raise InvalidBatch(f"none of the {len(items):,} items can be scored: {reason}")
        errors = [
            {**rows[place].named, "problem": problem.model_dump(exclude_none=True)}
            for place, problem in sorted(refused.items())
        ]
        return {"results": results, "errors": errors}

    def _batches(
        self, places: list[int], texts: Mapping[int, Any]
    ) -> Iterator[tuple[list[int], Batch]]:
        """Yield the texts at these places in batches that are within the limits of one."""
        try:
            batch = parse_batch(
                [texts[place] for place in places], self._classifier, self._settings
            )
        except InvalidBatch:
            if len(places) == 1:
                raise
            half = len(places) // 2
            yield from self._batches(places[:half], texts)
            yield from self._batches(places[half:], texts)
        else:
            yield places, batch

    def _text_of(self, item: Any) -> Any:
        if not isinstance(item, Mapping):
            raise InvalidRecord('must be an object, {"id": …, "text": …}')
        wanted = self._settings.text_column or "text"
        if wanted in item:
            return item[wanted]
        try:
            if item.keys() != {"id"}:  # where there is one column alone, that is the text
                return item[find_text_column(list(item), self._settings.text_column).name]
        except UnreadableObject:
            pass
        raise InvalidRecord("has no field that is the text, such as text or review")


class _Row(NamedTuple):
    """An item: a row as it is, or as the state machine numbers it, ``{"index", "row"}``."""

    fields: Any
    named: dict[str, Any]
    """What tells which row it is: ``index``, its number in the whole object or, where the item has
    none, its place among the items; and ``id``, its own or, where that is no id, the index."""

    @classmethod
    def of(cls, place: int, item: Any) -> Self:
        index, fields = place, item
        is_numbered = isinstance(item, Mapping) and item.keys() == {"index", "row"}
        if is_numbered and type(item["index"]) is int:
            index, fields = item["index"], item["row"]
        own = fields.get("id") if isinstance(fields, Mapping) else None
        try:
            identity(own)
        except InvalidRecord:
            own = str(index)
        return cls(fields, {"index": index, "id": own})
