"""`POST /predict` and `POST /predict/batch`: text in, sentiment out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from app.api.schemas import KEY, REFUSALS, BatchRequest, PredictRequest
from app.batch import BatchAnswer, parse_batch
from app.problems import UnsupportedMediaType, documented
from app.sentiment.classifier import Prediction
from app.sentiment.text import parse
from app.serving import Scorer


async def json_body(request: Request) -> None:
    """Refuse a body that is not declared to be JSON."""
    declared = request.headers.get("content-type", "")
    essence = declared.partition(";")[0].strip().lower()
    if essence != "application/json":
        raise UnsupportedMediaType(
            f"The content type is {essence or 'missing'!r}; only 'application/json' is allowed."
        )


async def scorer_of(request: Request) -> Scorer:
    return request.app.state.scorer  # type: ignore[no-any-return]


router = APIRouter(
    tags=["sentiment"],
    dependencies=[Depends(json_body), *KEY],
    responses=documented(400, *REFUSALS, 413, 415, 422, 500, 503),
)


@router.post("/predict")
async def predict(
    body: PredictRequest, scorer: Annotated[Scorer, Depends(scorer_of)]
) -> Prediction:
    """Score one text. A long one is scored in full, by overlapping windows."""
    text = parse(body.text, scorer.settings.max_text_characters)
    return (await scorer.predict([text]))[0]


@router.post("/predict/batch", response_model_exclude_none=True)
async def predict_batch(
    body: BatchRequest, scorer: Annotated[Scorer, Depends(scorer_of)]
) -> BatchAnswer:
    """Score several texts. A text that cannot be scored is an error of its own."""
    batch = parse_batch(body.texts, scorer.settings)
    return batch.answer(await scorer.predict(list(batch.texts.values())))
