"""The classes of a text, as servers of any classification model return them."""

from typing import Annotated

from fastapi import Request
from pydantic import AfterValidator, BaseModel, Field, StrictBool, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.sentiment.analysis import Analysis
from app.sentiment.bundle import Bundle


def _only(expected: bool) -> AfterValidator:
    def check(value: bool) -> bool:
        if value is not expected:
            raise PydanticCustomError(
                "unsupported",
                "must be {expected}: only calibrated probabilities are available",
                {"expected": str(expected).lower()},
            )
        return value

    return AfterValidator(check)


# `Literal` would accept 0 and 1.
OnlyTrue = Annotated[StrictBool, _only(True), WithJsonSchema({"type": "boolean", "const": True})]
OnlyFalse = Annotated[StrictBool, _only(False), WithJsonSchema({"type": "boolean", "const": False})]


class ClassScore(BaseModel):
    """A class and its probability."""

    label: str = Field(description="The label that the model's configuration gives to the class.")
    score: float


def labels_of(request: Request) -> tuple[str, ...]:
    """Return the labels of the model, in the order of its configuration."""
    bundle: Bundle = request.app.state.scorer.classifier.bundle
    return bundle.labels


def ranked(analysis: Analysis, labels: tuple[str, ...]) -> list[ClassScore]:
    """Return the classes of a text, the most probable first."""
    classes = [ClassScore(label=label, score=analysis.scores[label]) for label in labels]
    return sorted(classes, key=lambda one: -one.score)
