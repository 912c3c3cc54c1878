"""`POST /feedback`: what would have been right, kept where results are kept."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException

from app.deadline import Deadline
from app.scoring.workers import Full, Workers
from app.sinks import Sink, write
from app.sinks.results import FEEDBACK_IDS, Feedback
from app.telemetry.observation import current
from app.web import examples
from app.web.json_body import JsonRoute
from app.web.problems import documented, invalid, problem
from app.web.schemas import KEY, REFUSALS, FeedbackAnswer, FeedbackRequest

_logger = logging.getLogger(__name__)
router = APIRouter(tags=["sentiment"], dependencies=KEY, route_class=JsonRoute)

SECONDS = 10.0
"""How long feedback may take to be kept by all sinks."""
_NOWHERE = problem(
    501,
    "Feedback is not kept here: SENTIMENT_RESULTS_TABLE, SENTIMENT_RESULTS_QUEUE_URL or "
    "SENTIMENT_RESULTS_BUS must say where.",
)
_NOT_KEPT = problem(503, "The feedback could not be kept; try again in a moment.")
_RETRY_AFTER = {"retry-after": "5"}
_NEITHER = invalid("#/sentiment", "Input should be 'Positive' or 'Negative'")


def writers() -> Workers:
    """Return the threads that write feedback: few, as a sink that does not answer keeps each."""
    return Workers("feedback", threads=4, max_pending=32, seconds=SECONDS)


@router.post(
    "/feedback",
    status_code=201,
    responses=examples.answered(examples.FEEDBACK_ANSWER, 201)
    | documented(
        *(400, *REFUSALS, 408, 413, 415, 422, 500, 501, 503),
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
    writers: Workers = request.app.state.feedback_writers
    deadline = Deadline(SECONDS)
    try:
        failures = await writers.run(lambda: write(sinks, [said], deadline))
    except Full:
        failures = {0: "too much feedback waits to be written"}
    except TimeoutError:
        failures = {0: f"it was not written within {SECONDS:g} s"}
    if failures:
        _logger.error("feedback was not kept", extra={"reason": failures[0]})
        raise HTTPException(_NOT_KEPT.status, _NOT_KEPT.detail, _RETRY_AFTER)
    seen = current()
    seen.feedback = 1
    seen.about = {"prediction": body.prediction, "right": body.sentiment}
    return FeedbackAnswer(id=said.id, prediction=said.prediction, sentiment=said.sentiment)
