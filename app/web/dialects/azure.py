"""Azure AI Language: the sentiment of documents, for `TextAnalyticsClient.analyze_sentiment`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from app.scoring.batches import InvalidBatch
from app.sentiment.analysis import Analysis, Outcome
from app.web.dialects import offsets
from app.web.dialects.documents import Rejected, analyse
from app.web.dialects.offsets import Span
from app.web.disconnects import disconnected
from app.web.examples import success_response
from app.web.json_body import JsonRoute
from app.web.problems import Problem, Refused
from app.web.routes.predict import scorer_of
from app.web.schemas import KEY, TEXT

KIND = "SentimentAnalysis"
LATEST = "latest"
Convert = Callable[[str, Iterable[Span]], Iterator[Span]]
CONVERT: Mapping[str, Convert] = {
    "TextElements_v8": offsets.convert_to_text_elements,
    "UnicodeCodePoint": partial(offsets.convert, count=offsets.code_points),
    "Utf16CodeUnit": partial(offsets.convert, count=offsets.utf16_units),
}
"""Converts spans to the unit of each string index type."""
CODES = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}
"""Azure's code of each status of an error; that of all others is InvalidRequest."""
INNER_CODES = {400: "InvalidRequestBodyFormat", 422: "InvalidParameterValue"}
"""Azure's inner code of errors that `Refused` does not give one."""


class _Part(BaseModel):
    """A part of a request. Unknown fields are ignored, as Azure ignores them."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class AzureDocument(_Part):
    """A text, and the id of its result."""

    id: str = Field(min_length=1)
    text: Annotated[Any, WithJsonSchema(TEXT)] = Field()
    language: str | None = Field(None, description="English: `en`, `en-GB` and so on.")

    @property
    def is_english(self) -> bool:
        """Whether the language is English, as it is by default."""
        return (self.language or "en").replace("_", "-").partition("-")[0].lower() == "en"


def _check_ids(documents: list[AzureDocument]) -> list[AzureDocument]:
    if len({document.id for document in documents}) < len(documents):
        raise PydanticCustomError("duplicate_id", "each document must have an id of its own")
    return documents


class AzureInput(_Part):
    """The documents of a request."""

    documents: Annotated[list[AzureDocument], Field(min_length=1), AfterValidator(_check_ids)]


def _check_opinion_mining(value: bool | None) -> bool | None:
    if value:
        raise PydanticCustomError(
            "opinion_mining", "not supported; leave it out or set it to false"
        )
    return value


class AzureParameters(_Part):
    """How to analyse the documents."""

    logging_opt_out: StrictBool | None = Field(
        None, description="Keep the predictions out of the log."
    )
    model_version: Annotated[str | None, WithJsonSchema({"enum": [LATEST, None]})] = Field(
        None, description=f"`{LATEST}`, or the `modelVersion` of an earlier response."
    )
    opinion_mining: Annotated[
        StrictBool | None,
        AfterValidator(_check_opinion_mining),
        WithJsonSchema({"enum": [False, None]}),
    ] = Field(None, description="Not supported.")
    string_index_type: Literal["TextElements_v8", "UnicodeCodePoint", "Utf16CodeUnit"] | None = (
        Field(None, description="The unit of `offset` and `length`, by default text elements.")
    )


def _check_kind(kind: str) -> str:
    if kind != KIND:
        raise PydanticCustomError("kind", f"only {KIND} is supported")
    return kind


class AzureRequest(_Part):
    """A request for the sentiment of documents."""

    kind: Annotated[str, AfterValidator(_check_kind), WithJsonSchema({"const": KIND})]
    analysis_input: AzureInput
    parameters: AzureParameters | None = None


class AzureInnerError(BaseModel):
    """What exactly is wrong."""

    code: str
    message: str


class AzureError(BaseModel):
    """Why a request or a document failed."""

    code: str
    message: str
    innererror: AzureInnerError | None = None


class AzureErrors(BaseModel):
    """An error of the whole request."""

    error: AzureError


_EXAMPLE = {
    "kind": KIND,
    "analysisInput": {
        "documents": [{"id": "1", "language": "en", "text": "Lovely rooms. Terrible service!"}]
    },
    "parameters": {"stringIndexType": "UnicodeCodePoint"},
}
_ANSWER = {
    "kind": f"{KIND}Results",
    "results": {
        "documents": [
            {
                "id": "1",
                "sentiment": "mixed",
                "confidenceScores": {"negative": 0.9369, "neutral": 0.0357, "positive": 0.0274},
                "sentences": [
                    {
                        "sentiment": "positive",
                        "confidenceScores": {
                            "negative": 0.0303,
                            "neutral": 0.0384,
                            "positive": 0.9313,
                        },
                        "offset": 0,
                        "length": 13,
                        "text": "Lovely rooms.",
                    },
                    {
                        "sentiment": "negative",
                        "confidenceScores": {
                            "negative": 0.9371,
                            "neutral": 0.036,
                            "positive": 0.027,
                        },
                        "offset": 14,
                        "length": 17,
                        "text": "Terrible service!",
                    },
                ],
                "warnings": [],
            }
        ],
        "errors": [],
        "modelVersion": "f7379185277e",
    },
}
router = APIRouter(tags=["other services"], dependencies=KEY, route_class=JsonRoute)


@router.post(
    "/language/:analyze-text",
    summary="Azure AI Language: sentiment of documents",
    responses=success_response(_ANSWER)
    | {status: {"model": AzureErrors} for status in (400, 401, 403, 408, 413, 415, 429, 500, 503)},
)
async def analyze_text(
    body: Annotated[
        AzureRequest,
        Body(openapi_examples={"hotel": {"summary": "A mixed review", "value": _EXAMPLE}}),
    ],
    request: Request,
    api_version: Annotated[
        str,
        Query(
            alias="api-version",
            pattern=r"^20\d\d-\d\d-\d\d(-preview)?$",
            description="A version of Azure's API. All of them are answered alike.",
        ),
    ] = "2023-04-01",
    show_stats: Annotated[
        bool, Query(alias="showStats", description="Return statistics of the documents.")
    ] = False,
) -> Response:
    """Score documents and their sentences in Azure's format, for its clients.

    A document that cannot be scored becomes an error; the others are scored.
    """
    scorer = scorer_of(request)
    parameters = body.parameters or AzureParameters()
    documents = body.analysis_input.documents
    revision = scorer.classifier.bundle.revision
    _check_model(parameters.model_version, revision)
    # A document in another language has no text to score.
    texts = [document.text if document.is_english else None for document in documents]
    logged = not parameters.logging_opt_out
    try:
        results = await analyse(request, texts, sentences=True, logged=logged)
    except InvalidBatch as error:
        detail = f"analysisInput/documents: {error}."
        raise Refused(400, detail, "InvalidDocumentBatch") from None
    answer = partial(
        _answer,
        list(zip(documents, results, strict=True)),
        CONVERT[parameters.string_index_type or "TextElements_v8"],
        show_stats=show_stats,
        revision=revision,
    )
    return await scorer.parse(answer, texts, partial(disconnected, request.receive))


@router.post("/language/analyze-text/jobs", include_in_schema=False)
async def submit_job() -> Response:
    """Refuse an asynchronous operation, such as `begin_analyze_actions`."""
    raise Refused(
        400,
        "Asynchronous operations are not supported; send documents to /language/:analyze-text, "
        "which analyze_sentiment does.",
        "InvalidRequest",
    )


def refusal(problem: Problem, code: str | None) -> Response:
    """Return an error as Azure does; ``code`` is that of the inner error."""
    status = 400 if problem.status == 422 else problem.status
    inner = code or INNER_CODES.get(problem.status)
    error = AzureError(
        code=CODES.get(status, "InvalidRequest"),
        message=problem.detail,
        innererror=AzureInnerError(code=inner, message=problem.detail) if inner else None,
    )
    return JSONResponse(AzureErrors(error=error).model_dump(exclude_none=True), status)


def _check_model(version: str | None, revision: str) -> None:
    if version not in (None, LATEST, revision):
        detail = f"parameters/modelVersion: must be {LATEST} or {revision}."
        raise Refused(400, detail, "ModelVersionIncorrect")


def _answer(
    results: list[tuple[AzureDocument, Analysis | Rejected]],
    convert: Convert,
    *,
    show_stats: bool,
    revision: str,
) -> Response:
    scored = [
        _result(document, result, convert, show_stats=show_stats)
        for document, result in results
        if not isinstance(result, Rejected)
    ]
    errors = [
        {"id": document.id, "error": _error(document, result).model_dump()}
        for document, result in results
        if isinstance(result, Rejected)
    ]
    answer: dict[str, Any] = {"documents": scored, "errors": errors, "modelVersion": revision}
    if show_stats:
        answer["statistics"] = {
            "documentsCount": len(results),
            "validDocumentsCount": len(scored),
            "erroneousDocumentsCount": len(errors),
            "transactionsCount": len(scored),
        }
    return JSONResponse({"kind": f"{KIND}Results", "results": answer})


def _error(document: AzureDocument, rejected: Rejected) -> AzureError:
    """Return why a document was not scored."""
    if document.is_english:
        message, code = "Invalid document in request.", "InvalidDocument"
        reason = f"Document text {rejected.reason}."
    else:
        message, code = "Invalid Language Code.", "UnsupportedLanguageCode"
        reason = "Invalid language code. Supported languages: en"
    inner = AzureInnerError(code=code, message=reason)
    return AzureError(code="InvalidArgument", message=message, innererror=inner)


def _result(
    document: AzureDocument, analysis: Analysis, convert: Convert, *, show_stats: bool
) -> dict[str, Any]:
    sentences = analysis.sentences or []
    spans = [(sentence.start, sentence.end) for sentence in sentences]
    result = {
        "id": document.id,
        **_sentiment(analysis),
        "sentences": [
            {**_sentiment(sentence), "offset": offset, "length": length, "text": sentence.text}
            for sentence, (offset, length) in zip(
                sentences, convert(document.text, spans), strict=True
            )
        ],
        "warnings": [],
    }
    if analysis.mixed:
        result["sentiment"] = "mixed"
    if show_stats:
        characters = offsets.text_elements(document.text)
        result["statistics"] = {"charactersCount": characters, "transactionsCount": 1}
    return result


def _sentiment(outcome: Outcome) -> dict[str, Any]:
    scores = {label.lower(): probability for label, probability in outcome.scores.items()}
    return {"sentiment": outcome.sentiment.lower(), "confidenceScores": scores}
