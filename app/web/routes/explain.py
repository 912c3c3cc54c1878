"""`POST /explain`: the sentiment of a text, and what each of its words contributes."""

import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request

from app.deadline import Deadline
from app.explanation.explain import ExplainedAnalysis, Explanation
from app.scoring.configuration import explanation_limits
from app.telemetry.observation import LoggedPrediction, current
from app.web import examples
from app.web.disconnects import disconnected
from app.web.json_body import JsonRoute
from app.web.middleware.access import count_texts
from app.web.problems import error_responses
from app.web.routes.predict import parse_text, scorer_of
from app.web.schemas import KEY, REFUSALS, ExplainRequest

INVOCATION_SHARE = 0.7
"""Of the time that a Lambda invocation has left; the rest is for the answer."""

router = APIRouter(tags=["sentiment"], dependencies=KEY, route_class=JsonRoute)


@router.post(
    "/explain",
    response_model_exclude_none=True,
    responses=examples.success_response(
        examples.EXPLANATION, with_options=examples.EXPLAINED_ANALYSIS
    )
    | error_responses(400, *REFUSALS, 408, 413, 415, 422, 500, 503, path="/explain"),
)
async def explain(
    body: Annotated[ExplainRequest, examples.EXPLAIN], request: Request
) -> Explanation | ExplainedAnalysis:
    """Score a text, and weigh its words by what the score is without them."""
    scorer = scorer_of(request)
    settings = scorer.settings
    body.options.check(scorer.classifier.bundle)
    deadline = _deadline(request, settings.explain_seconds)
    text = await parse_text(scorer, body.text, explanation_limits(settings), request.receive)
    await count_texts(request.scope, 1)
    max_evaluations = min(
        body.max_evaluations or settings.explain_evaluations, settings.explain_max_evaluations
    )
    explanation = await scorer.explain(
        body.text, max_evaluations, deadline, partial(disconnected, request.receive), body.options
    )
    observation = current()
    observation.predicted.append(LoggedPrediction(observation.correlation_id, text, explanation))
    return explanation


def _deadline(request: Request, seconds: float) -> Deadline:
    """Return when an explanation must end: so long after the request arrived, on Lambda earlier."""
    left = seconds - (time.perf_counter() - current().started)
    context = request.scope.get("aws.context")
    # Emulators may pass a context that does not report the time left.
    if remaining := getattr(context, "get_remaining_time_in_millis", None):
        left = min(left, INVOCATION_SHARE * remaining() / 1000)
    return Deadline(left)
