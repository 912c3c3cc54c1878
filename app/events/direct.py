"""Direct invocations, by ``boto3``, the command line or a state machine, answered as by the API.

``{"text"}`` and ``{"texts"}`` are the bodies of ``/predict`` and ``/predict/batch``. ``{"Items"}``
is a batch of rows from a distributed map, answered with the id of each row; a row may also be sent
alone. ``{"object": {"bucket", "key"}}`` scores an S3 object. ``neutral`` and ``sentences`` stand
beside the texts, as in the API.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

from app.events import Event, skipped
from app.events.records import InvalidRecord, parse_id
from app.objects.formats import UnreadableObject, find_text_column
from app.objects.invocation import ObjectScorer
from app.objects.s3 import StoredObject
from app.scoring.batches import Batch, InvalidBatch, parse_batch
from app.scoring.configuration import text_limits
from app.scoring.options import OPTIONS, Options, answer
from app.scoring.scorer import Scorer
from app.sentiment.text import InvalidText
from app.telemetry.observation import current
from app.web.problems import Problem, invalid
from app.web.schemas import BatchAnswer


class Direct:
    """Direct invocations."""

    name = "direct"
    shape = '{"text": …}, {"texts": […]}, {"Items": […]} or {"object": …}'
    observes_itself = False

    def __init__(self, scorer: Scorer, objects: ObjectScorer) -> None:
        self._classifier = scorer.classifier
        self._settings = scorer.settings
        self._objects = objects

    def matches(self, event: Event) -> bool:
        keys = event.keys() if "object" in event else event.keys() - OPTIONS
        return (
            keys in ({"text"}, {"texts"}, {"object"})
            or keys == {"id", "text"}
            or ("Items" in keys and keys <= {"Items", "BatchInput"})
        )

    def handle(self, event: Event, context: Any) -> Any:
        """Return the answer of the API, or the summary of an object.

        Raises:
            InvalidText: the text cannot be scored.
            InvalidRecord: its id is invalid.
            InvalidBatch: the texts cannot be scored together, or no item can be scored.
            InvalidOption: an option is not a boolean, or the model does not know Neutral.
            UnreadableObject: no row of the object can be scored.
        """
        if "object" in event:
            return self._score_object(event["object"], context)
        bundle, of_records = self._classifier.bundle, self._settings.neutral
        if "Items" in event:
            return self._score_items(event["Items"], Options.of(event, bundle, neutral=of_records))
        options = Options.of(event, bundle)
        if "texts" in event:
            return self._score_texts(event["texts"], options)
        try:
            if "id" in event:
                parse_id(event["id"])
            text = self._classifier.parse(event["text"], text_limits(self._settings))
        except (InvalidRecord, InvalidText):
            current().rejected += 1
            raise
        [prediction] = answer(self._classifier, [text], [event["text"]], options)
        id = {"id": event["id"]} if "id" in event else {}
        return {**id, **prediction.model_dump(exclude_none=True)}

    def _score_object(self, location: Any, context: Any) -> Any:
        bucket, key = None, None
        if isinstance(location, Mapping):
            bucket, key = location.get("bucket"), location.get("key")
        if not (isinstance(bucket, str) and bucket and isinstance(key, str) and key):
            raise UnreadableObject('object must be {"bucket": …, "key": …}, both strings')
        if key != key.encode("utf-8", "replace").decode():
            raise UnreadableObject("the object's key is not UTF-8")
        if kind := skipped.kind_of_object(key):
            skipped.log({kind: 1})
            return {"skipped": kind}
        return self._objects.score(StoredObject(bucket, key), context)

    def _score_texts(self, texts: Any, options: Options) -> dict[str, Any]:
        batch = parse_batch(texts, self._classifier, self._settings)
        originals = [texts[index] for index in batch.texts]
        predictions = answer(self._classifier, list(batch.texts.values()), originals, options)
        current().rejected += len(batch.errors)
        return BatchAnswer.of(batch, predictions).model_dump(exclude_none=True)

    def _score_items(self, items: Any, options: Options) -> dict[str, Any]:
        """Score each row or reject it; answer with its index and its id."""
        if not isinstance(items, list) or not items:
            raise InvalidBatch('Items must be an array of at least one {"id": …, "text": …}')
        rows = [_Row.parse(position, item) for position, item in enumerate(items)]
        texts: dict[int, Any] = {}
        problems: dict[int, Problem] = {}
        for position, row in enumerate(rows):
            try:
                texts[position] = self._text_of(row.fields)
            except InvalidRecord as error:
                problems[position] = invalid(f"#/Items/{position}", str(error))
        results: list[dict[str, Any]] = []
        for positions, batch in self._batches(list(texts), texts) if texts else ():
            originals = [texts[positions[index]] for index in batch.texts]
            predictions = answer(self._classifier, list(batch.texts.values()), originals, options)
            for index, prediction in zip(batch.texts, predictions, strict=True):
                results.append(
                    prediction.model_dump(exclude_none=True) | rows[positions[index]].identity
                )
            for index, reason in batch.errors.items():
                position = positions[index]
                problems[position] = invalid(f"#/Items/{position}/text", reason)
        current().rejected += len(problems)
        if not results:
            # An error makes the map count the batch as failed, and stop after too many.
            reason = problems[min(problems)].detail
            raise InvalidBatch(f"none of the {len(items):,} items can be scored: {reason}")
        errors = [
            {**rows[position].identity, "problem": problem.model_dump(exclude_none=True)}
            for position, problem in sorted(problems.items())
        ]
        return {"results": results, "errors": errors}

    def _batches(
        self, positions: list[int], texts: Mapping[int, Any]
    ) -> Iterator[tuple[list[int], Batch]]:
        """Yield the texts at these positions in batches within the limits of the API."""
        try:
            batch = parse_batch(
                [texts[position] for position in positions], self._classifier, self._settings
            )
        except InvalidBatch as error:
            if len(positions) == 1:
                yield positions, Batch({}, {0: f"does not fit into a batch: {error}"}, {0})
                return
            half = len(positions) // 2
            yield from self._batches(positions[:half], texts)
            yield from self._batches(positions[half:], texts)
        else:
            yield positions, batch

    def _text_of(self, fields: Any) -> Any:
        """Return the value of the text column.

        Raises:
            InvalidRecord: there is none.
        """
        if not isinstance(fields, Mapping):
            raise InvalidRecord('must be an object, {"id": …, "text": …}')
        configured = self._settings.text_column
        name = configured or "text"
        if name in fields:
            return fields[name]
        try:
            if fields.keys() != {"id"}:  # any other only column is the text
                return fields[find_text_column(list(fields), configured).name]
        except UnreadableObject:
            pass
        raise InvalidRecord("has no field that is the text, such as text or review")


class _Row(NamedTuple):
    """An item: a row, or a row that the state machine has numbered, ``{"index", "row"}``."""

    fields: Any
    identity: dict[str, Any]
    """``index``: the number of the row in the whole object or, if it has none, the position of the
    item. ``id``: that of the row or, if it has no valid one, the index."""

    @classmethod
    def parse(cls, position: int, item: Any) -> Self:
        index, fields = position, item
        is_numbered = isinstance(item, Mapping) and item.keys() == {"index", "row"}
        if is_numbered and type(item["index"]) is int:
            index, fields = item["index"], item["row"]
        id = fields.get("id") if isinstance(fields, Mapping) else None
        try:
            parse_id(id)
        except InvalidRecord:
            id = str(index)
        return cls(fields, {"index": index, "id": id})
