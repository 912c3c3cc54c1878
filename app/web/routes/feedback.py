"""`POST /feedback`: corrections, stored with the results."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException

from app.deadline import Deadline
from app.scoring.options import InvalidOption
from app.sinks import Sink, write
from app.sinks.results import FEEDBACK_IDS, Feedback
from app.telemetry.observation import current
from app.web import examples
from app.web.json_body import JsonRoute
from app.web.problems import error_responses, invalid, problem
from app.web.routes.predict import scorer_of
from app.web.schemas import KEY, REFUSALS, FeedbackAnswer, FeedbackRequest
from app.workers import QueueFull, Workers

_logger = logging.getLogger(__name__)
router = APIRouter(tags=["sentiment"], dependencies=KEY, route_class=JsonRoute)

SECONDS = 10.0
"""Timeout for all sinks to store feedback."""
_DISABLED = problem(
    501,
    "Feedback is disabled. To enable it, set SENTIMENT_RESULTS_TABLE, SENTIMENT_RESULTS_QUEUE_URL "
    "or SENTIMENT_RESULTS_BUS.",
)
_NOT_STORED = problem(503, "The feedback could not be stored; try again in a moment.")
_RETRY_AFTER = {"retry-after": "5"}
_INVALID_LABEL = invalid("#/sentiment", "Input should be 'Positive', 'Neutral' or 'Negative'")


def writers() -> Workers:
    """Return the threads that store feedback: few, as an unresponsive sink may block them all."""
    return Workers("feedback", threads=4, max_pending=32, seconds=SECONDS)


@router.post(
    "/feedback",
    status_code=201,
    responses=examples.success_response(examples.FEEDBACK_ANSWER, 201)
    | error_responses(
        *(400, *REFUSALS, 408, 413, 415, 422, 500, 501, 503),
        path="/feedback",
        examples=[_DISABLED, _NOT_STORED, _INVALID_LABEL],
    ),
)
async def feedback(
    body: Annotated[FeedbackRequest, examples.FEEDBACK], request: Request
) -> FeedbackAnswer:
    """Store the correct label of an earlier prediction, replacing any previous one."""
    labels = scorer_of(request).classifier.bundle.labels
    if body.sentiment not in labels:
        raise InvalidOption("sentiment", f"the model has the labels {' and '.join(labels)} alone")
    sinks: Sequence[Sink] = request.app.state.sinks
    if not sinks:
        raise HTTPException(_DISABLED.status, _DISABLED.detail)
    correction = Feedback(
        id=f"{FEEDBACK_IDS}{body.prediction}",
        prediction=body.prediction,
        sentiment=body.sentiment,
        note=body.note,
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
    writers: Workers = request.app.state.feedback_writers
    deadline = Deadline(SECONDS)
    try:
        failures = await writers.run(lambda: write(sinks, [correction], deadline))
    except QueueFull:
        failures = {0: "too much feedback is pending"}
    except TimeoutError:
        failures = {0: f"not stored within {SECONDS:g} s"}
    if failures:
        _logger.error("feedback was not stored", extra={"reason": failures[0]})
        raise HTTPException(_NOT_STORED.status, _NOT_STORED.detail, _RETRY_AFTER)
    observation = current()
    observation.feedback = 1
    observation.correction = {"prediction": body.prediction, "right": body.sentiment}
    return FeedbackAnswer(
        id=correction.id, prediction=correction.prediction, sentiment=correction.sentiment
    )
