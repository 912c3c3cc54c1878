"""`GET /model`: the model card, as it lies in the bundle."""

from typing import Any

from fastapi import APIRouter, Request

router = APIRouter(tags=["service"])


@router.get("/model")
async def model(request: Request) -> dict[str, Any]:
    """Return what the weights are, what they were trained on, and how good they are."""
    return dict(request.app.state.scorer.classifier.bundle.card)
