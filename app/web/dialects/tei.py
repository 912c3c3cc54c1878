"""text-embeddings-inference: `POST /predict` of a server of a classification model."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, WithJsonSchema

from app.scoring.batches import InvalidBatch
from app.web import examples
from app.web.dialects.classes import ClassScore, OnlyFalse, labels_of, ranked
from app.web.dialects.documents import Rejected, RequestModel, analyse_all, validated
from app.web.json_body import JsonRoute
from app.web.problems import Problem, Refused
from app.web.schemas import KEY, TEXT

ErrorType = Literal["Validation", "Empty", "Overloaded", "Backend"]
_SINGLE = {"type": "array", "minItems": 1, "maxItems": 1, "items": TEXT}


class TeiRequest(RequestModel):
    """One text to classify, or a batch of lists of one text each."""

    inputs: Annotated[
        Any,
        WithJsonSchema(
            {"anyOf": [TEXT, _SINGLE, {"type": "array", "minItems": 1, "items": _SINGLE}]}
        ),
    ] = Field(examples=[examples.PRAISE])
    truncate: bool | None = Field(
        None, description="Has no effect: long texts are scored in full, in overlapping windows."
    )
    raw_scores: OnlyFalse = Field(False, description="Scores are calibrated probabilities.")


class TeiError(BaseModel):
    """Why the request failed."""

    error: str
    error_type: ErrorType


router = APIRouter(tags=["other services"], dependencies=KEY, route_class=JsonRoute)
_TYPES: Mapping[int, tuple[int, ErrorType]] = {
    429: (429, "Overloaded"),
    500: (500, "Backend"),
    503: (429, "Overloaded"),
}
"""The status and the type of an error, by the status of the problem."""


@router.post(
    "/predict",
    summary="text-embeddings-inference",
    response_model=list[ClassScore] | list[list[ClassScore]],
    responses={status: {"model": TeiError} for status in (400, 413, 422, 429, 500)},
)
async def predict(body: TeiRequest, request: Request) -> Response:
    """Answers the clients of text-embeddings-inference, whose bodies have `inputs`.

    A text is answered with its classes, a batch with such a list for each of its texts. Pairs of
    texts are not supported. `app.web.routes.predict` passes the requests on.
    """
    single, texts = _texts(body.inputs)

    def refusal(index: int, rejected: Rejected) -> Refused:
        name = "inputs" if single else f"inputs/{index}"
        status, code = (413, "Validation") if rejected.too_long else (400, "Empty")
        return Refused(status, f"{name}: {rejected.reason}.", code)

    try:
        analyses = await analyse_all(request, texts, refusal)
    except InvalidBatch as error:
        raise Refused(413, f"inputs: {error}.", "Validation") from None
    labels = labels_of(request)
    answer = [[one.model_dump() for one in ranked(each, labels)] for each in analyses]
    return JSONResponse(answer[0] if single else answer)


async def answer(request: Request) -> Response:
    """Answer a request whose body was read as JSON and has ``inputs``."""
    return await predict(validated(TeiRequest, await request.json()), request)


def _texts(inputs: object) -> tuple[bool, list[Any]]:
    """Return whether the inputs are a single text, and the texts."""
    if isinstance(inputs, str):
        return True, [inputs]
    if isinstance(inputs, list) and inputs:
        if len(inputs) == 1 and isinstance(inputs[0], str):
            return True, inputs
        if all(isinstance(each, list) and len(each) == 1 for each in inputs):
            return False, [text for [text] in inputs]
    raise Refused(
        422,
        "inputs: must be a string, or an array of arrays of one string each; pairs of texts are "
        "not supported.",
        "Validation",
    )


def refusal(problem: Problem, code: str | None) -> Response:
    """Return an error in the shape of text-embeddings-inference."""
    status, usual = _TYPES.get(problem.status, (problem.status, "Validation"))
    return JSONResponse({"error": problem.detail, "error_type": code or usual}, status)
