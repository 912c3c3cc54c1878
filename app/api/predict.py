"""`POST /predict` and `POST /predict/batch`: text in, sentiment out."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from app.api.schemas import BatchAnswer, BatchError, BatchPrediction, BatchRequest, PredictRequest
from app.problems import TooManyTexts, UnsupportedMediaType, documented, invalid
from app.sentiment.classifier import Prediction
from app.sentiment.text import InvalidText, Text, parse
from app.serving import Scorer
from app.settings import Settings


def json_body(request: Request) -> None:
    """Refuse a body that is not declared to be JSON."""
    declared = request.headers.get("content-type", "")
    essence = declared.partition(";")[0].strip().lower()
    if essence != "application/json":
        raise UnsupportedMediaType(
            f"The content type is {essence or 'missing'!r}; only 'application/json' is allowed."
        )


def _settings(request: Request) -> Settings:
    return request.app.state.settings  # type: ignore[no-any-return]


def _scorer(request: Request) -> Scorer:
    return request.app.state.scorer  # type: ignore[no-any-return]


router = APIRouter(
    tags=["sentiment"],
    dependencies=[Depends(json_body)],
    responses=documented(400, 413, 415, 422, 500, 503),
)


@router.post("/predict")
async def predict(
    body: PredictRequest,
    settings: Annotated[Settings, Depends(_settings)],
    scorer: Annotated[Scorer, Depends(_scorer)],
) -> Prediction:
    """Score one text. A long one is scored in full, by overlapping windows."""
    text = parse(body.text, settings.max_text_characters)
    return (await scorer.predict([text]))[0]


@router.post("/predict/batch")
async def predict_batch(
    body: BatchRequest,
    settings: Annotated[Settings, Depends(_settings)],
    scorer: Annotated[Scorer, Depends(_scorer)],
) -> BatchAnswer:
    """Score several texts. A text that cannot be scored is an error of its own."""
    texts, errors = parse_batch(body.texts, settings)
    predictions = await scorer.predict(list(texts.values()))
    return answer_batch(texts, predictions, errors)


def parse_batch(
    values: Sequence[object], settings: Settings
) -> tuple[dict[int, Text], list[BatchError]]:
    """Return the texts that can be scored, by index, and why the others cannot.

    Raises:
        TooManyTexts: there are more than ``max_batch_texts``.
    """
    if len(values) > settings.max_batch_texts:
        raise TooManyTexts(
            f"must hold at most {settings.max_batch_texts:,} texts, not {len(values):,}"
        )
    texts: dict[int, Text] = {}
    errors: list[BatchError] = []
    for index, value in enumerate(values):
        try:
            texts[index] = parse(value, settings.max_text_characters)
        except InvalidText as error:
            errors.append(BatchError(index=index, problem=invalid(f"#/texts/{index}", str(error))))
    return texts, errors


def answer_batch(
    texts: dict[int, Text], predictions: Sequence[Prediction], errors: list[BatchError]
) -> BatchAnswer:
    """Put each prediction under its text's index."""
    results = [
        BatchPrediction(index=index, **dict(prediction))
        for index, prediction in zip(texts, predictions, strict=True)
    ]
    return BatchAnswer(results=results, errors=errors)
