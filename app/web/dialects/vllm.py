"""vLLM: `POST /classify` of a server of a classification model."""

import time
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, WithJsonSchema

from app.scoring.batches import InvalidBatch
from app.telemetry.observation import current
from app.web import examples
from app.web.dialects.classes import OnlyTrue, labels_of, ranked
from app.web.dialects.documents import Rejected, RequestModel, analyse_all
from app.web.examples import success_response
from app.web.json_body import JsonRoute
from app.web.problems import Problem, Refused
from app.web.schemas import KEY, TEXT


class ClassifyRequest(RequestModel):
    """One text to classify or several. Other fields are ignored."""

    model: str | None = Field(
        None, description="Has no effect: the model is always that of this service."
    )
    input: Annotated[
        Any, WithJsonSchema({"anyOf": [TEXT, {"type": "array", "minItems": 1, "items": TEXT}]})
    ] = Field(examples=[[examples.PRAISE, examples.BLAME]])
    use_activation: OnlyTrue | None = Field(
        None, description="The answer has calibrated probabilities, not logits."
    )


class Classification(BaseModel):
    """The classes of a text."""

    index: int
    label: str = Field(description="The label of the most probable class.")
    probs: list[float] = Field(
        description="The probability of each class, in the order of the model's configuration."
    )
    num_classes: int


class Usage(BaseModel):
    """The tokens of the request."""

    prompt_tokens: int
    total_tokens: int
    completion_tokens: int = 0
    prompt_tokens_details: None = None


class Classifications(BaseModel):
    """The classes of the texts, in their order."""

    id: str
    object: Literal["list"] = "list"
    created: int = Field(description="The time of the answer in seconds since 1970.")
    model: str
    data: list[Classification]
    usage: Usage


class ErrorInfo(BaseModel):
    """Why the request failed."""

    message: str
    type: str
    param: str | None = None
    code: int


class VllmError(BaseModel):
    """An error."""

    error: ErrorInfo


_EXAMPLES = Body(
    openapi_examples={"classes": {"summary": "One text", "value": {"input": examples.PRAISE}}}
)
_ANSWER = {
    "id": "classify-6f1c9d0e4b7a4c0f9a51d2f3b8e7c604",
    "object": "list",
    "created": 1795943848,
    "model": "sentiment-distilbert-l6-h384",
    "data": [
        {
            "index": 0,
            "label": "Positive",
            "probs": [0.0208, 0.0221, 0.9571],
            "num_classes": 3,
        }
    ],
    "usage": {
        "prompt_tokens": 9,
        "total_tokens": 9,
        "completion_tokens": 0,
        "prompt_tokens_details": None,
    },
}
router = APIRouter(tags=["other services"], dependencies=KEY, route_class=JsonRoute)


@router.post(
    "/classify",
    summary="vLLM",
    response_model=Classifications,
    responses=success_response(_ANSWER)
    | {status: {"model": VllmError} for status in (400, 401, 403, 408, 413, 415, 429, 500, 503)},
)
async def classify(body: Annotated[ClassifyRequest, _EXAMPLES], request: Request) -> Response:
    """Answers the clients of a vLLM server that serves a classification model.

    Token ids and chat messages are not supported.
    """
    texts = body.input if isinstance(body.input, list) else [body.input]

    def refusal(index: int, rejected: Rejected) -> Refused:
        name = f"input/{index}" if isinstance(body.input, list) else "input"
        return Refused(400, f"{name}: {rejected.reason}.")

    try:
        analyses = await analyse_all(request, texts, refusal)
    except InvalidBatch as error:
        raise Refused(400, f"input: {error}.") from None
    labels = labels_of(request)
    data = [
        Classification(
            index=index,
            label=ranked(each, labels)[0].label,
            probs=[each.scores[label] for label in labels],
            num_classes=len(labels),
        )
        for index, each in enumerate(analyses)
    ]
    tokens = sum(each.tokens for each in analyses)
    answer = Classifications(
        id=f"classify-{current().correlation_id}",
        created=int(time.time()),
        model=request.app.state.scorer.classifier.bundle.name,
        data=data,
        usage=Usage(prompt_tokens=tokens, total_tokens=tokens),
    )
    return JSONResponse(answer.model_dump())


def refusal(problem: Problem, code: str | None) -> Response:
    """Return an error in the shape of vLLM, which has 400 for every invalid request."""
    status = 400 if problem.status == 422 else problem.status
    type_ = f"{HTTPStatus(status).phrase.title().replace(' ', '').removesuffix('Error')}Error"
    info = ErrorInfo(message=problem.detail, type=type_, code=status)
    return JSONResponse(VllmError(error=info).model_dump(), status)
