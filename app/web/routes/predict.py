"""`POST /predict` and `POST /predict/batch`: text in, sentiment out."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request, Response
from starlette.types import Receive

from app.scoring.batches import parse_batch
from app.scoring.configuration import text_limits
from app.scoring.scorer import Scorer
from app.sentiment.classifier import Prediction
from app.sentiment.text import Limits, Text
from app.telemetry.observation import LoggedPrediction, current
from app.web import examples
from app.web.disconnects import disconnected
from app.web.json_body import JsonRoute
from app.web.middleware.access import take_texts
from app.web.problems import documented, invalid
from app.web.schemas import KEY, REFUSALS, BatchAnswer, BatchRequest, PredictRequest


def scorer_of(request: Request) -> Scorer:
    # Called rather than depended on: each dependency costs a request a twentieth of a millisecond.
    return request.app.state.scorer  # type: ignore[no-any-return]


async def parsed(scorer: Scorer, value: object, limits: Limits, receive: Receive) -> Text:
    """Return the value as a text.

    Raises:
        ClientGone: the client disconnected.
        InvalidText: it cannot be scored.
        Overloaded: too many long texts are being parsed already.
    """
    return await scorer.parse(
        lambda: scorer.classifier.parse(value, limits), [value], partial(disconnected, receive)
    )


router = APIRouter(tags=["sentiment"], dependencies=KEY, route_class=JsonRoute)

_ERRORS = (400, *REFUSALS, 408, 413, 415, 422, 500, 503)
_TOO_MANY = invalid("#/texts", "must hold at most 512 texts, not 513")


@router.post(
    "/predict",
    response_model=Prediction,
    responses=examples.answered(examples.PREDICTION) | documented(*_ERRORS, at="/predict"),
)
async def predict(body: Annotated[PredictRequest, examples.PREDICT], request: Request) -> Response:
    """Score one text. A long one is scored in full, by overlapping windows."""
    scorer = scorer_of(request)
    text = await parsed(scorer, body.text, text_limits(scorer.settings), request.receive)
    await take_texts(request.scope, 1)
    [prediction] = await scorer.predict([text], partial(disconnected, request.receive))
    seen = current()
    seen.predicted.append(LoggedPrediction(seen.correlation_id, text, prediction))
    # FastAPI would validate once more what is valid, at a tenth of a request's overhead.
    return Response(prediction.model_dump_json(), media_type="application/json")


@router.post(
    "/predict/batch",
    response_model_exclude_none=True,
    responses=examples.answered(examples.BATCH_ANSWER)
    | documented(*_ERRORS, at="/predict/batch", instead=[_TOO_MANY]),
)
async def predict_batch(
    body: Annotated[BatchRequest, examples.BATCH], request: Request
) -> BatchAnswer:
    """Score several texts. A text that cannot be scored is an error of its own."""
    scorer = scorer_of(request)
    gone = partial(disconnected, request.receive)
    batch = await scorer.parse(
        lambda: parse_batch(body.texts, scorer.classifier, scorer.settings),
        body.texts if isinstance(body.texts, list) else (),
        gone,
    )
    await take_texts(request.scope, len(batch.texts))
    predictions = await scorer.predict(list(batch.texts.values()), gone)
    seen = current()
    seen.rejected = len(batch.errors)
    seen.predicted += [
        LoggedPrediction(f"{seen.correlation_id}#{index}", text, prediction)
        for (index, text), prediction in zip(batch.texts.items(), predictions, strict=True)
    ]
    return BatchAnswer.of(batch, predictions)
