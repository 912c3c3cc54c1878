"""`POST /feedback`: what would have been right, kept where results are kept."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException

from app.api import examples
from app.api.predict import json_body
from app.api.schemas import KEY, REFUSALS, FeedbackAnswer, FeedbackRequest
from app.deadline import Deadline
from app.problems import documented, invalid, problem
from app.sinks import Sink, write
from app.sinks.results import FEEDBACK_IDS, Feedback
from app.telemetry.observation import current

SECONDS = 10.0
"""For all sinks together, well within the 29 s that a REST API waits."""

router = APIRouter(tags=["sentiment"], dependencies=[Depends(json_body), *KEY])

_NOWHERE = problem(
    501,
    "Feedback is not kept here: SENTIMENT_RESULTS_TABLE, SENTIMENT_RESULTS_QUEUE_URL or "
    "SENTIMENT_RESULTS_BUS must say where.",
)
_NOT_KEPT = problem(503, "The feedback could not be kept; try again in a moment.")
_NEITHER = invalid("#/sentiment", "Input should be 'Positive' or 'Negative'")


@router.post(
    "/feedback",
    status_code=201,
    responses=examples.answered(examples.FEEDBACK_ANSWER, 201)
    | documented(
        *(400, *REFUSALS, 413, 415, 422, 500, 501, 503),
        at="/feedback",
        instead=[_NOWHERE, _NOT_KEPT, _NEITHER],
    ),
)
async def feedback(
    body: Annotated[FeedbackRequest, examples.FEEDBACK], request: Request
) -> FeedbackAnswer:
    """Keep what would have been right; said again of the same prediction, it replaces the first."""
    sinks: Sequence[Sink] = request.app.state.sinks
    if not sinks:
        raise HTTPException(_NOWHERE.status, _NOWHERE.detail)
    said = Feedback(
        id=f"{FEEDBACK_IDS}{body.prediction}",
        prediction=body.prediction,
        sentiment=body.sentiment,
        note=body.note,
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
    if await anyio.to_thread.run_sync(write, sinks, [said], Deadline(SECONDS)):
        raise HTTPException(_NOT_KEPT.status, _NOT_KEPT.detail, {"retry-after": "5"})
    seen = current()
    seen.feedback = 1
    seen.about = {"prediction": body.prediction, "right": body.sentiment}
    return FeedbackAnswer(id=said.id, prediction=said.prediction, sentiment=said.sentiment)
