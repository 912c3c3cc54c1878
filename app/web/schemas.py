"""The fields of requests and responses."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.scoring.batches import Batch
from app.scoring.options import Options
from app.sentiment.analysis import Analysis
from app.sentiment.classifier import Prediction
from app.web.problems import Problem, invalid

# Only for the documentation: `app.sentiment.text` and `app.scoring.batches` validate texts, for all
# kinds of input.
TEXT = {"type": "string", "minLength": 1, "pattern": r"\S"}

# Only for the documentation: `app.web.middleware.access` checks keys.
KEY = [
    Security(APIKeyHeader(name="x-api-key", auto_error=False)),
    Security(HTTPBearer(auto_error=False)),
]
REFUSALS = (401, 403, 429)
"""Statuses of the routes that need an API key."""


class RequestBody(BaseModel):
    """A request body: a JSON object without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, value: Any, handler: Any) -> Self:
        if not isinstance(value, dict):
            raise PydanticCustomError("object", "must be a JSON object")
        unknown = [name for name in value if name not in cls.model_fields]
        if unknown:
            allowed = ", ".join(cls.model_fields)
            raise PydanticCustomError(
                "unknown_field",
                "unknown field {name}; allowed: {allowed}",
                {"name": _printable(", ".join(unknown)), "allowed": allowed},
            )
        return handler(value)  # type: ignore[no-any-return]


def _printable(name: str) -> str:
    return name[:100].encode(errors="backslashreplace").decode()


class _WithOptions(RequestBody):
    """Fields of what is asked for beyond the two outcomes."""

    neutral: StrictBool = Field(
        False,
        description="Whether the answer may be `Neutral`. `scores` then has the probabilities of "
        "all three outcomes. Adds `score`.",
    )
    sentences: StrictBool = Field(
        False,
        description="Whether the sentences are scored too. Adds `sentences`, `mixed`, `magnitude` "
        "and `score`.",
    )

    @property
    def options(self) -> Options:
        """What the request asks for beyond the two outcomes."""
        return Options(self.neutral, self.sentences)


class _WithText(RequestBody):
    text: Annotated[Any, WithJsonSchema(TEXT)] = Field(
        examples=["This movie was amazing and thrilling!"]
    )


class PredictRequest(_WithOptions, _WithText):
    """One text to score."""


class _WithTexts(RequestBody):
    texts: Annotated[
        Any,
        WithJsonSchema({"type": "array", "minItems": 1, "items": TEXT}),
    ] = Field(
        examples=[["This movie was amazing and thrilling!", "A dull, lifeless mess."]],
    )


class BatchRequest(_WithOptions, _WithTexts):
    """Several texts to score."""


class Indexed(BaseModel):
    """Refers to one text of a batch."""

    index: int = Field(description="The text's index in the request, from 0.")


class BatchPrediction(Prediction, Indexed):
    """The prediction for one text of a batch."""


class BatchAnalysis(Analysis, Indexed):
    """The analysis of one text of a batch."""


class BatchError(Indexed):
    """Why one text of a batch was not scored."""

    problem: Problem


class BatchAnswer(BaseModel):
    """The results and errors of a batch; each text has a result or an error."""

    results: list[BatchPrediction | BatchAnalysis]
    errors: list[BatchError]

    @classmethod
    def of(cls, batch: Batch, predictions: Sequence[Prediction | Analysis]) -> Self:
        """Return the answer to a batch, given what its texts are answered with, in order."""
        results = [
            BatchAnalysis(index=index, **dict(prediction))
            if isinstance(prediction, Analysis)
            else BatchPrediction(index=index, **dict(prediction))
            for index, prediction in zip(batch.texts, predictions, strict=True)
        ]
        errors = [
            BatchError(index=index, problem=invalid(f"#/texts/{index}", reason))
            for index, reason in batch.errors.items()
        ]
        return cls(results=results, errors=errors)


PredictionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:;=@/+#-]{1,160}$")]


class FeedbackRequest(RequestBody):
    """The correct label of an earlier prediction."""

    prediction: PredictionId = Field(
        description="The id of the prediction: the `x-correlation-id` of its response, followed by "
        "`#` and the text's index for a text of a batch; or the id of a record.",
        examples=["1-67891233-abcdef012345678912345678#3"],
    )
    sentiment: Literal["Positive", "Neutral", "Negative"] = Field(
        description="The correct label. It may confirm the prediction. `Neutral` is accepted if "
        "the model knows it."
    )
    note: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="A comment, which is stored but not logged."
    )


class FeedbackAnswer(BaseModel):
    """Feedback that was stored."""

    id: str = Field(description="The id under which the feedback is stored.")
    prediction: str
    sentiment: str


def whole(value: object) -> object:
    """Convert 5.0 to 5: JSON does not distinguish them."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WholeNumber = Annotated[int, Field(strict=True, ge=2), BeforeValidator(whole)]


class ExplainRequest(PredictRequest):
    """One text to explain."""

    max_evaluations: WholeNumber | None = Field(
        None,
        description="The maximum number of variants of the text to score. More variants resolve "
        "phrases into words.",
        examples=[400],
    )


class ModelName(BaseModel):
    """The model and the engine in use."""

    name: str
    revision: str
    engine: str


class Health(BaseModel):
    """The service is up and its model is loaded."""

    status: str = Field(examples=["ok"])
    model: ModelName
    version: str = Field(description="The version of the service.")
