"""Validates a request in a dialect, and scores its texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError

from app.scoring.batches import Batch, parse_batch
from app.scoring.options import Options
from app.scoring.scorer import Scorer
from app.sentiment.analysis import Analysis
from app.telemetry.observation import LoggedPrediction, current
from app.web.disconnects import disconnected
from app.web.middleware.access import count_texts

Model = TypeVar("Model", bound=BaseModel)


class RequestModel(BaseModel):
    """A part of a request. Values are not converted, and unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, strict=True)


@dataclass(frozen=True)
class Rejected:
    """Why a text was not scored."""

    reason: str
    """What is wrong with the text and what is allowed."""
    too_long: bool


async def analyse(
    request: Request, texts: Sequence[object], *, sentences: bool = False, logged: bool = True
) -> list[Analysis | Rejected]:
    """Analyse texts, which have the limits of a batch.

    Args:
        sentences: whether to analyse their sentences too.
        logged: whether to log the predictions.

    Raises:
        ClientGone: the client disconnected.
        InvalidBatch: there is no text, or they exceed a limit together.
        LimitExceeded: the caller has too few texts left.
        Overloaded: too much is waiting to be scored.
    """
    batch = await _parsed(request, texts)
    analyses = await _scored(request, texts, batch, sentences=sentences, logged=logged)
    return [analyses.get(index) or _rejected(batch, index) for index in range(len(texts))]


async def analyse_all(
    request: Request, texts: Sequence[object], refusal: Callable[[int, Rejected], Exception]
) -> list[Analysis]:
    """Analyse texts as `analyse` does, but none if one of them is invalid.

    ``refusal``: what is raised for the first invalid one, by its index.
    """
    batch = await _parsed(request, texts)
    if batch.errors:
        index = min(batch.errors)
        raise refusal(index, _rejected(batch, index))
    return list((await _scored(request, texts, batch)).values())


async def _parsed(request: Request, texts: Sequence[object]) -> Batch:
    scorer: Scorer = request.app.state.scorer
    batch = await scorer.parse(
        lambda: parse_batch(list(texts), scorer.classifier, scorer.settings),
        texts,
        partial(disconnected, request.receive),
    )
    current().rejected = len(batch.errors)
    return batch


async def _scored(
    request: Request,
    texts: Sequence[object],
    batch: Batch,
    *,
    sentences: bool = False,
    logged: bool = True,
) -> dict[int, Analysis]:
    """Return the analyses of the valid texts by their index."""
    scorer: Scorer = request.app.state.scorer
    await count_texts(request.scope, len(batch.texts))
    answers = await scorer.answer(
        list(batch.texts.values()),
        [str(texts[index]) for index in batch.texts],
        Options(neutral=True, sentences=sentences),
        partial(disconnected, request.receive),
    )
    analyses = dict(zip(batch.texts, cast(Sequence[Analysis], answers), strict=True))
    if logged:
        observation = current()
        id = observation.correlation_id
        observation.predicted += [
            LoggedPrediction(f"{id}#{index}" if len(texts) > 1 else id, text, analyses[index])
            for index, text in batch.texts.items()
        ]
    return analyses


def _rejected(batch: Batch, index: int) -> Rejected:
    return Rejected(batch.errors[index], index in batch.too_long)


def validated(model: type[Model], value: Any) -> Model:
    """Validate a body as FastAPI does.

    Raises:
        RequestValidationError: it is invalid.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError(
            [{**fault, "loc": ("body", *fault["loc"])} for fault in faults]
        ) from None
