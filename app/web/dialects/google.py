"""Google Natural Language: `LanguageServiceClient.analyze_sentiment`, of its versions 1 and 2."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from app.scoring.batches import InvalidBatch
from app.sentiment.analysis import Analysis
from app.web.dialects import offsets
from app.web.dialects.documents import Rejected, analyse
from app.web.dialects.offsets import Count
from app.web.examples import success_response
from app.web.json_body import JsonRoute
from app.web.problems import Problem, Refused
from app.web.schemas import KEY, TEXT

COUNTS: Mapping[str, Count | None] = {
    "NONE": None,
    "UTF8": offsets.utf8_bytes,
    "UTF16": offsets.utf16_units,
    "UTF32": offsets.code_points,
}
"""How offsets are counted, by encoding type; without a way, each of them is -1."""
TYPES = ("TYPE_UNSPECIFIED", "PLAIN_TEXT", "HTML")
ENGLISH = re.compile(r"en([-_][A-Za-z0-9]+)*", re.IGNORECASE)
STATUSES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
"""Google's name of each status of an error; that of all others is INVALID_ARGUMENT."""


def _enum(names: Sequence[str]) -> BeforeValidator:
    """Return the validator of an enum: the Python client sends numbers, others send names."""

    def name_of(value: object) -> object:
        if type(value) is int and 0 <= value < len(names):
            return names[value]
        if value is None or value in names:
            return value or names[0]
        raise PydanticCustomError("enum", f"must be one of {', '.join(names)}")

    return BeforeValidator(name_of)


def _check_type(type_: str) -> str:
    if type_ == "HTML":
        # The classifier knows `<br>`, `<p>` and character references, in plain text as well. Other
        # tags would be words to it.
        raise PydanticCustomError("html", "HTML is not supported; send its text as PLAIN_TEXT")
    if type_ != "PLAIN_TEXT":
        raise PydanticCustomError("type", "must be PLAIN_TEXT")
    return type_


def _check_uri(uri: str | None) -> str | None:
    if uri:
        raise PydanticCustomError("uri", "Cloud Storage is not read; send the text as content")
    return uri


def _check_language(language: str | None) -> str | None:
    if language and not ENGLISH.fullmatch(language):
        shown = language if re.fullmatch(r"[\w-]{1,35}", language, re.ASCII) else "given"
        raise PydanticCustomError(
            "language",
            "The language {language} is not supported for document_sentiment analysis",
            {"language": shown},
        )
    return language


Type = Annotated[
    str,
    _enum(TYPES),
    AfterValidator(_check_type),
    WithJsonSchema({"enum": ["PLAIN_TEXT", TYPES.index("PLAIN_TEXT")]}),
]
Uri = Annotated[str | None, AfterValidator(_check_uri), WithJsonSchema({"enum": ["", None]})]
Language = Annotated[
    str | None,
    AfterValidator(_check_language),
    WithJsonSchema({"type": ["string", "null"], "pattern": "^([eE][nN]([-_][A-Za-z0-9]+)*)?$"}),
]
Encoding = Annotated[
    str,
    _enum(list(COUNTS)),
    WithJsonSchema({"enum": [*COUNTS, *range(len(COUNTS)), None]}),
]


class _Message(BaseModel):
    """A part of a request, whose fields may also have the names of the protocol buffers."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, value: Any) -> Any:
        # Pydantic's own error would contain their names, which are not to be logged.
        names = [to_camel(name) for name in cls.model_fields]
        if isinstance(value, dict) and not value.keys() <= {*names, *cls.model_fields}:
            raise PydanticCustomError(
                "unknown_field", f"unknown field; allowed: {', '.join(names)}"
            )
        return value


class _Document(_Message):
    type: Type
    content: Annotated[Any, WithJsonSchema(TEXT)]
    gcs_content_uri: Uri = Field(None, description="Not supported.")


class GoogleV1Document(_Document):
    """A text."""

    language: Language = Field(None, description="English, the default.")


class GoogleV2Document(_Document):
    """A text."""

    language_code: Language = Field(None, description="English, the default.")


class _Request(_Message):
    encoding_type: Encoding = Field("NONE", description="The unit of `beginOffset`.")


class GoogleV1Request(_Request):
    """A request for the sentiment of a text."""

    document: GoogleV1Document


class GoogleV2Request(_Request):
    """A request for the sentiment of a text."""

    document: GoogleV2Document


class GoogleError(BaseModel):
    """Why a request failed."""

    code: int
    message: str
    status: str


class GoogleErrors(BaseModel):
    """An error."""

    error: GoogleError


_REVIEW = {"type": "PLAIN_TEXT", "content": "Lovely rooms. Terrible service!"}
_BODY = Body(
    openapi_examples={
        "hotel": {
            "summary": "A mixed review",
            "value": {"document": _REVIEW, "encodingType": "UTF16"},
        }
    }
)
_SENTIMENT = {
    "documentSentiment": {"magnitude": 1.8112, "score": -0.9095},
    "sentences": [
        {
            "text": {"content": "Lovely rooms.", "beginOffset": 0},
            "sentiment": {"magnitude": 0.9011, "score": 0.9011},
        },
        {
            "text": {"content": "Terrible service!", "beginOffset": 14},
            "sentiment": {"magnitude": 0.9101, "score": -0.9101},
        },
    ],
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": GoogleErrors} for status in (400, 401, 403, 408, 413, 415, 429, 500, 503)
}

router = APIRouter(tags=["other services"], dependencies=KEY, route_class=JsonRoute)


@router.post(
    "/v1/documents:analyzeSentiment",
    summary="Google Natural Language v1: sentiment of a text",
    responses=success_response({**_SENTIMENT, "language": "en"}) | _ERRORS,
)
async def analyze_sentiment_v1(
    body: Annotated[GoogleV1Request, _BODY], request: Request
) -> Response:
    """Score a text and its sentences in the format of Google's version 1, for its clients."""
    language = body.document.language or "en"
    sentiment = await _analyse(body.document.content, body.encoding_type, request)
    return JSONResponse({**sentiment, "language": language})


@router.post(
    "/v2/documents:analyzeSentiment",
    summary="Google Natural Language v2: sentiment of a text",
    responses=success_response({**_SENTIMENT, "languageCode": "en", "languageSupported": True})
    | _ERRORS,
)
async def analyze_sentiment_v2(
    body: Annotated[GoogleV2Request, _BODY], request: Request
) -> Response:
    """Score a text and its sentences in the format of Google's version 2, for its clients."""
    language = body.document.language_code or "en"
    sentiment = await _analyse(body.document.content, body.encoding_type, request)
    return JSONResponse({**sentiment, "languageCode": language, "languageSupported": True})


@router.post("/v1/documents:{method}", include_in_schema=False)
@router.post("/v2/documents:{method}", include_in_schema=False)
async def other_method() -> Response:
    """Refuse the methods that find entities, categories and syntax."""
    raise Refused(404, "Only documents:analyzeSentiment is supported.")


async def _analyse(content: Any, encoding: str, request: Request) -> dict[str, Any]:
    """Return the fields of the answer that both versions have."""
    try:
        [result] = await analyse(request, [content], sentences=True)
    except InvalidBatch as error:
        raise Refused(400, f"document/content: {error}.") from None
    if isinstance(result, Rejected):
        raise Refused(400, f"document/content: {result.reason}.")
    return {
        "documentSentiment": {"magnitude": result.magnitude, "score": result.score},
        "sentences": _sentences(content, result, COUNTS[encoding]),
    }


def _sentences(content: str, analysis: Analysis, count: Count | None) -> list[dict[str, Any]]:
    sentences = analysis.sentences or []
    if count:
        spans = [(sentence.start, sentence.end) for sentence in sentences]
        begins = [offset for offset, _ in offsets.convert(content, spans, count)]
    else:
        begins = [-1] * len(sentences)
    return [
        {
            "text": {"content": sentence.text, "beginOffset": begin},
            "sentiment": {"magnitude": abs(sentence.score), "score": sentence.score},
        }
        for sentence, begin in zip(sentences, begins, strict=True)
    ]


def refusal(problem: Problem, code: str | None) -> Response:
    """Return an error as Google does; ``code`` is not needed, because the status implies it."""
    status = 400 if problem.status == 422 else problem.status
    name = STATUSES.get(status, "INVALID_ARGUMENT")
    error = GoogleError(code=status, message=problem.detail, status=name)
    return JSONResponse(GoogleErrors(error=error).model_dump(), status)
