"""`GET /model`: the model card, as it lies in the bundle."""

from typing import Any

from fastapi import APIRouter, Request

from app.api import examples
from app.api.schemas import KEY, REFUSALS
from app.problems import documented

router = APIRouter(tags=["service"], dependencies=KEY)


@router.get(
    "/model", responses=examples.answered(examples.CARD) | documented(*REFUSALS, at="/model")
)
async def model(request: Request) -> dict[str, Any]:
    """Return what the weights are, what they were trained on, and how good they are."""
    return dict(request.app.state.scorer.classifier.bundle.card)
