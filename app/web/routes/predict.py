"""`POST /predict` and `POST /predict/batch`: the sentiment of texts."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request, Response
from starlette.types import Receive

from app.scoring.batches import parse_batch
from app.scoring.configuration import text_limits
from app.scoring.scorer import Scorer
from app.sentiment.analysis import Analysis
from app.sentiment.classifier import Prediction
from app.sentiment.text import Limits, Text
from app.telemetry.observation import LoggedPrediction, current
from app.web import examples
from app.web.disconnects import disconnected
from app.web.json_body import Handler, JsonRequest, JsonRoute
from app.web.middleware.access import count_texts
from app.web.problems import error_responses, invalid
from app.web.schemas import KEY, REFUSALS, BatchAnswer, BatchRequest, PredictRequest


def scorer_of(request: Request) -> Scorer:
    # Not a FastAPI dependency: each takes a twentieth of a millisecond of every request.
    return request.app.state.scorer  # type: ignore[no-any-return]


async def parse_text(scorer: Scorer, value: object, limits: Limits, receive: Receive) -> Text:
    """Validate and normalise a text.

    Raises:
        ClientGone: the client disconnected.
        InvalidText: the text cannot be scored.
        Overloaded: too many long texts wait to be parsed.
    """
    return await scorer.parse(
        lambda: scorer.classifier.parse(value, limits), [value], partial(disconnected, receive)
    )


class PredictRoute(JsonRoute):
    """The route of `/predict`, a path that text-embeddings-inference has too.

    Its requests have ``inputs`` where the service's own have ``text``. So their dialect is known
    only now: problems before the body is read do not have its shape.
    """

    async def respond(self, request: JsonRequest, handle: Handler) -> Response:
        tei = request.app.state.tei
        body = await request.json() if tei else None
        if isinstance(body, dict) and "inputs" in body and "text" not in body:
            request.scope["dialect"] = tei
            return await tei.module.answer(request)  # type: ignore[no-any-return]
        return await handle(request)


router = APIRouter(tags=["sentiment"], dependencies=KEY, route_class=JsonRoute)
single = APIRouter(route_class=PredictRoute)

_ERRORS = (400, *REFUSALS, 408, 413, 415, 422, 500, 503)
_TOO_MANY = invalid("#/texts", "must hold at most 512 texts, not 513")


@single.post(
    "/predict",
    response_model=Prediction | Analysis,
    responses=examples.success_response(examples.PREDICTION, with_options=examples.ANALYSIS)
    | error_responses(*_ERRORS, path="/predict"),
)
async def predict(body: Annotated[PredictRequest, examples.PREDICT], request: Request) -> Response:
    """Score a text. Long texts are scored in full, in overlapping windows.

    With `neutral` the answer may be `Neutral`; with `sentences` each sentence is scored too.
    """
    scorer = scorer_of(request)
    options = body.options
    options.check(scorer.classifier.bundle)
    text = await parse_text(scorer, body.text, text_limits(scorer.settings), request.receive)
    await count_texts(request.scope, 1)
    client_gone = partial(disconnected, request.receive)
    [prediction] = await scorer.answer([text], [body.text], options, client_gone)
    observation = current()
    observation.predicted.append(LoggedPrediction(observation.correlation_id, text, prediction))
    # FastAPI would validate the response again, which takes a tenth of a request's overhead.
    content = prediction.model_dump_json(exclude_none=True)
    return Response(content, media_type="application/json")


router.include_router(single)


@router.post(
    "/predict/batch",
    response_model_exclude_none=True,
    responses=examples.success_response(examples.BATCH_ANSWER, with_options=examples.BATCH_ANALYSES)
    | error_responses(*_ERRORS, path="/predict/batch", examples=[_TOO_MANY]),
)
async def predict_batch(
    body: Annotated[BatchRequest, examples.BATCH], request: Request
) -> BatchAnswer:
    """Score several texts. A text that cannot be scored becomes an error; the others are scored."""
    scorer = scorer_of(request)
    options = body.options
    options.check(scorer.classifier.bundle)
    client_gone = partial(disconnected, request.receive)
    batch = await scorer.parse(
        lambda: parse_batch(body.texts, scorer.classifier, scorer.settings),
        body.texts if isinstance(body.texts, list) else (),
        client_gone,
    )
    await count_texts(request.scope, len(batch.texts))
    predictions = await scorer.answer(
        list(batch.texts.values()),
        [body.texts[index] for index in batch.texts],
        options,
        client_gone,
    )
    observation = current()
    observation.rejected = len(batch.errors)
    observation.predicted += [
        LoggedPrediction(f"{observation.correlation_id}#{index}", text, prediction)
        for (index, text), prediction in zip(batch.texts.items(), predictions, strict=True)
    ]
    return BatchAnswer.of(batch, predictions)
