"""Validates a request in a dialect, and scores its texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError

from app.scoring.batches import parse_batch
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
    scorer: Scorer = request.app.state.scorer
    client_gone = partial(disconnected, request.receive)
    batch = await scorer.parse(
        lambda: parse_batch(list(texts), scorer.classifier, scorer.settings), texts, client_gone
    )
    await count_texts(request.scope, len(batch.texts))
    analyses = await scorer.analyse(
        list(batch.texts.values()),
        client_gone,
        originals=[str(texts[index]) for index in batch.texts] if sentences else None,
    )
    observation = current()
    observation.rejected = len(batch.errors)
    if logged:
        id = observation.correlation_id
        observation.predicted += [
            LoggedPrediction(f"{id}#{index}" if len(texts) > 1 else id, text, analysis)
            for (index, text), analysis in zip(batch.texts.items(), analyses, strict=True)
        ]
    by_index = dict(zip(batch.texts, analyses, strict=True))
    return [
        by_index.get(index) or Rejected(batch.errors[index], index in batch.too_long)
        for index in range(len(texts))
    ]


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
