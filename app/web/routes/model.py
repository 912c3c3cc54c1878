"""`GET /model`: the model card, as it lies in the bundle."""

from typing import Any

from fastapi import APIRouter, Request

from app.web import examples
from app.web.problems import documented
from app.web.schemas import KEY, REFUSALS

router = APIRouter(tags=["service"], dependencies=KEY)


@router.get(
    "/model", responses=examples.answered(examples.CARD) | documented(*REFUSALS, at="/model")
)
async def model(request: Request) -> dict[str, Any]:
    """Return what the weights are, what they were trained on, and how good they are."""
    return dict(request.app.state.scorer.classifier.bundle.card)
