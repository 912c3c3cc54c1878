"""The classes of a text, as servers of any classification model return them."""

from fastapi import Request
from pydantic import BaseModel, Field

from app.sentiment.analysis import Analysis
from app.sentiment.bundle import Bundle


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
