"""Amazon Comprehend: `DetectSentiment` and `BatchDetectSentiment` of its JSON protocol."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, WithJsonSchema

from app.scoring.batches import InvalidBatch
from app.sentiment.analysis import Analysis
from app.telemetry.observation import current
from app.web import examples
from app.web.dialects.documents import Rejected, RequestModel, analyse, validated
from app.web.json_body import AnyTypeJsonRoute
from app.web.problems import Problem, Refused
from app.web.schemas import KEY, TEXT

TARGET = "Comprehend_20171127."
"""What the header ``X-Amz-Target`` begins with; the name of the operation follows."""
MEDIA_TYPE = "application/x-amz-json-1.1"
REQUEST_ID = "x-amzn-requestid"
"""The header from which the SDKs of AWS take the id of a request."""


class AwsJson(JSONResponse):
    """A response of AWS's JSON protocol."""

    media_type = MEDIA_TYPE

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        super().init_headers({**(headers or {}), REQUEST_ID: current().correlation_id})


class DetectSentimentRequest(RequestModel):
    """One text."""

    Text: Annotated[Any, WithJsonSchema(TEXT)] = Field(examples=[examples.PRAISE])
    LanguageCode: str = Field(description="`en`.", examples=["en"])


class BatchDetectSentimentRequest(RequestModel):
    """Several texts."""

    TextList: list[Annotated[Any, WithJsonSchema(TEXT)]] = Field(
        min_length=1, examples=[[examples.PRAISE, examples.BLAME]]
    )
    LanguageCode: str = Field(description="`en`.", examples=["en"])


Label = Literal["POSITIVE", "NEGATIVE", "NEUTRAL", "MIXED"]


class SentimentScore(BaseModel):
    """The probability of each sentiment; they add up to 1."""

    Positive: float
    Negative: float
    Neutral: float
    Mixed: float


class Sentiment(BaseModel):
    """The answer to `DetectSentiment`."""

    Sentiment: Label
    SentimentScore: SentimentScore


class BatchItem(Sentiment):
    """The sentiment of one text of a batch."""

    Index: int


class BatchItemError(BaseModel):
    """Why one text of a batch was not scored."""

    Index: int
    ErrorCode: Literal["TEXT_SIZE_LIMIT_EXCEEDED", "INVALID_REQUEST"]
    ErrorMessage: str


class BatchSentiment(BaseModel):
    """The answer to `BatchDetectSentiment`."""

    ResultList: list[BatchItem]
    ErrorList: list[BatchItemError]


class ComprehendError(BaseModel):
    """An error of AWS's JSON protocol."""

    type: str = Field(alias="__type", examples=["TextSizeLimitExceededException"])
    Message: str


router = APIRouter(
    tags=["other services"],
    dependencies=KEY,
    route_class=AnyTypeJsonRoute,
    default_response_class=AwsJson,
)

_DOCUMENTED: dict[str, Any] = {
    "parameters": [
        {
            "name": "X-Amz-Target",
            "in": "header",
            "description": "The operation of Amazon Comprehend. Other services do not have it.",
            "schema": {
                "enum": [f"{TARGET}{name}" for name in ("DetectSentiment", "BatchDetectSentiment")]
            },
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "anyOf": [
                        DetectSentimentRequest.model_json_schema(),
                        BatchDetectSentimentRequest.model_json_schema(),
                    ]
                }
            }
        },
    },
}
_CODES: Mapping[int, tuple[int, str]] = {
    401: (403, "MissingAuthenticationTokenException"),
    403: (403, "UnrecognizedClientException"),
    408: (408, "RequestTimeoutException"),
    413: (400, "TextSizeLimitExceededException"),
    429: (429, "ThrottlingException"),
    500: (500, "InternalServerException"),
    503: (503, "ServiceUnavailableException"),
}
"""The status and the code of an error, by the status of the problem."""


@router.post(
    "/",
    summary="Amazon Comprehend",
    response_model=Sentiment | BatchSentiment,
    responses={status: {"model": ComprehendError} for status in (400, 403, 408, 429, 500, 503)},
    openapi_extra=_DOCUMENTED,
)
async def comprehend(request: Request) -> Response:
    """Answers the clients of Amazon Comprehend, such as boto3.

    The header `X-Amz-Target` names the operation: `DetectSentiment` or `BatchDetectSentiment`.
    Texts must be English.
    """
    match request.headers.get("x-amz-target", "").removeprefix(TARGET):
        case "DetectSentiment":
            return await _detect(request)
        case "BatchDetectSentiment":
            return await _batch_detect(request)
    raise Refused(
        400,
        "Only the operations DetectSentiment and BatchDetectSentiment are supported.",
        "UnknownOperationException",
    )


async def _detect(request: Request) -> Response:
    body = validated(DetectSentimentRequest, await request.json())
    _check_language(body.LanguageCode)
    [result] = await analyse(request, [body.Text], sentences=True)
    if isinstance(result, Rejected):
        code = "TextSizeLimitExceeded" if result.too_long else "InvalidRequest"
        raise Refused(400, f"Text: {result.reason}.", f"{code}Exception")
    return AwsJson(sentiment(result))


async def _batch_detect(request: Request) -> Response:
    body = validated(BatchDetectSentimentRequest, await request.json())
    _check_language(body.LanguageCode)
    try:
        results = await analyse(request, body.TextList, sentences=True)
    except InvalidBatch as error:
        raise Refused(400, f"TextList: {error}.", "BatchSizeLimitExceededException") from None
    return AwsJson(
        {
            "ResultList": [
                {"Index": index, **sentiment(result)}
                for index, result in enumerate(results)
                if isinstance(result, Analysis)
            ],
            "ErrorList": [
                {
                    "Index": index,
                    "ErrorCode": "TEXT_SIZE_LIMIT_EXCEEDED"
                    if result.too_long
                    else "INVALID_REQUEST",
                    "ErrorMessage": f"The text {result.reason}.",
                }
                for index, result in enumerate(results)
                if isinstance(result, Rejected)
            ],
        }
    )


def _check_language(code: str) -> None:
    if code != "en":
        raise Refused(
            400, "LanguageCode: only English, en, is supported.", "UnsupportedLanguageException"
        )


def sentiment(analysis: Analysis) -> dict[str, Any]:
    """Return the answer for an analysed text.

    Where the text is mixed, the share of ``Mixed`` is how certain the less certain of the two sides
    is: the smaller of the highest probability of Positive and the highest of Negative among the
    sentences. It is then the largest, because each side has a sentence that is clear. The others
    share the rest, in proportion. Where the text is not mixed, ``Mixed`` is 0.
    """
    share = 0.0
    if analysis.mixed:
        share = min(
            max(sentence.scores[side] for sentence in analysis.sentences or ())
            for side in ("Positive", "Negative")
        )
    scores = {
        label: round(analysis.scores[label] * (1 - share), 4)
        for label in ("Positive", "Negative", "Neutral")
    }
    scores["Mixed"] = share
    # Rounding leaves a difference from 1 of at most two in the last place.
    largest = max(scores, key=scores.__getitem__)
    scores[largest] = round(1 - sum(p for label, p in scores.items() if label != largest), 4)
    return {"Sentiment": largest.upper(), "SentimentScore": scores}


def refusal(problem: Problem, code: str | None) -> Response:
    """Return an error in the shape that the SDKs of AWS understand."""
    status, usual = _CODES.get(problem.status, (HTTPStatus.BAD_REQUEST, "InvalidRequestException"))
    return AwsJson({"__type": code or usual, "Message": problem.detail}, status)
