"""What requests may hold and what answers hold."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from app.problems import Problem
from app.sentiment.classifier import Prediction

Unparsed = Annotated[Any, WithJsonSchema({"type": "string", "minLength": 1, "pattern": r"\S"})]
"""A text as it was sent: `app.sentiment.text.parse` judges it, for every way in alike."""


class Request(BaseModel):
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
                {"name": ", ".join(unknown)[:100], "allowed": allowed},
            )
        return handler(value)  # type: ignore[no-any-return]


class PredictRequest(Request):
    """One text to score."""

    text: Unparsed = Field(examples=["This movie was amazing and thrilling!"])


class BatchRequest(Request):
    """Several texts to score."""

    texts: list[Unparsed] = Field(
        min_length=1,
        examples=[["This movie was amazing and thrilling!", "I want my two hours back."]],
    )


class BatchPrediction(Prediction):
    """A prediction and its text's place in the request."""

    index: int


class BatchError(BaseModel):
    """Why a text was not scored, and its place in the request."""

    index: int
    problem: Problem


class BatchAnswer(BaseModel):
    """Every text is in one of the two, by its index."""

    results: list[BatchPrediction]
    errors: list[BatchError]


class ModelName(BaseModel):
    """Which weights answer, and in what."""

    name: str
    revision: str
    engine: str


class Health(BaseModel):
    """The service answers and its model is loaded."""

    status: str = Field(examples=["ok"])
    model: ModelName
    version: str = Field(description="The version of the service.")
