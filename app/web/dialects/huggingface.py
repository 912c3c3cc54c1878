"""Hugging Face's inference API: text classification, as `InferenceClient` asks for it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from app.scoring.batches import InvalidBatch
from app.web import examples
from app.web.dialects.classes import ClassScore, labels_of, ranked
from app.web.dialects.documents import Rejected, RequestModel, analyse_all
from app.web.examples import success_response
from app.web.json_body import AnyTypeJsonRoute
from app.web.problems import Problem, Refused
from app.web.schemas import KEY, TEXT, whole


class Parameters(RequestModel):
    """Parameters of text classification; others are ignored."""

    top_k: Annotated[int, Field(ge=1), BeforeValidator(whole)] | None = Field(
        None, description="How many classes to return, the most probable first; all by default."
    )
    function_to_apply: Literal["softmax"] | None = Field(
        None, description="Only `softmax`: scores are calibrated probabilities."
    )


class ClassificationRequest(RequestModel):
    """One text to classify or several."""

    inputs: Annotated[
        Any, WithJsonSchema({"anyOf": [TEXT, {"type": "array", "minItems": 1, "items": TEXT}]})
    ] = Field(examples=[examples.PRAISE])
    parameters: Parameters | None = None


class HuggingFaceError(BaseModel):
    """Why the request failed."""

    error: str


router = APIRouter(tags=["other services"], dependencies=KEY, route_class=AnyTypeJsonRoute)
_EXAMPLES = Body(
    openapi_examples={"classes": {"summary": "One text", "value": {"inputs": examples.PRAISE}}}
)
_ANSWER = [
    [
        {"label": "Positive", "score": 0.9571},
        {"label": "Neutral", "score": 0.0221},
        {"label": "Negative", "score": 0.0208},
    ]
]
_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": HuggingFaceError} for status in (400, 401, 403, 408, 413, 422, 429, 500, 503)
}


@router.post(
    "/",
    summary="Hugging Face inference",
    response_model=list[list[ClassScore]],
    responses=success_response(_ANSWER) | _RESPONSES,
)
async def classify(body: Annotated[ClassificationRequest, _EXAMPLES], request: Request) -> Response:
    """Answers `huggingface_hub.InferenceClient(…).text_classification`.

    The answer has a list of classes for each text, also if there is only one text.
    """
    texts = body.inputs if isinstance(body.inputs, list) else [body.inputs]

    def refusal(index: int, rejected: Rejected) -> Refused:
        name = f"inputs/{index}" if isinstance(body.inputs, list) else "inputs"
        return Refused(422, f"{name}: {rejected.reason}.")

    try:
        analyses = await analyse_all(request, texts, refusal)
    except InvalidBatch as error:
        raise Refused(422, f"inputs: {error}.") from None
    labels = labels_of(request)
    top_k = body.parameters.top_k if body.parameters else None
    return JSONResponse(
        [[one.model_dump() for one in ranked(each, labels)[:top_k]] for each in analyses]
    )


@router.post(
    "/models/{model:path}",
    summary="Hugging Face inference, by the name of a model",
    response_model=list[list[ClassScore]],
    # A name with a line break is no path of this route.
    responses=success_response(_ANSWER) | _RESPONSES | {404: {"model": HuggingFaceError}},
)
@router.post("/hf-inference/models/{model:path}", include_in_schema=False)
async def classify_with_model(
    model: str, body: Annotated[ClassificationRequest, _EXAMPLES], request: Request
) -> Response:
    """Answers like `/`, for programs that put the name of a model into the path.

    The name has no effect: the model is always that of this service.
    """
    return await classify(body, request)


def refusal(problem: Problem, code: str | None) -> Response:
    """Return an error in the shape that Hugging Face's clients understand."""
    return JSONResponse({"error": problem.detail}, problem.status)
