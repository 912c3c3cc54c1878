"""`GET /model`: the model card."""

from typing import Any

from fastapi import APIRouter, Request

from app.web import examples
from app.web.problems import error_responses
from app.web.schemas import KEY, REFUSALS

router = APIRouter(tags=["service"], dependencies=KEY)


@router.get(
    "/model",
    responses=examples.success_response(examples.CARD) | error_responses(*REFUSALS, path="/model"),
)
async def model(request: Request) -> dict[str, Any]:
    """Return the model card: training data, recipe, metrics and licence of the weights."""
    return dict(request.app.state.scorer.classifier.bundle.card)
