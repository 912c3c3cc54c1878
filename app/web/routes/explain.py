"""`POST /explain`: the sentiment of a text, and what each of its words adds to it."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Request

from app.explanation.explain import MISSING, Explanation, NotInstalled
from app.telemetry.observation import Predicted, current
from app.web import examples
from app.web.json_body import JsonRoute
from app.web.middleware.access import take_texts
from app.web.problems import documented, problem
from app.web.routes.predict import parsed, scorer_of
from app.web.schemas import KEY, REFUSALS, ExplainRequest

router = APIRouter(tags=["sentiment"], dependencies=KEY, route_class=JsonRoute)

_MISSING = problem(501, f"{MISSING}.")


@router.post(
    "/explain",
    responses=examples.answered(examples.EXPLANATION)
    | documented(
        *(400, *REFUSALS, 408, 413, 415, 422, 500, 501, 503), at="/explain", instead=[_MISSING]
    ),
)
async def explain(
    body: Annotated[ExplainRequest, examples.EXPLAIN], request: Request
) -> Explanation:
    """Score a text, and weigh its words by what the score is without them."""
    scorer = scorer_of(request)
    settings = scorer.settings
    text = await parsed(scorer, body.text, settings.explain_limits, request.receive)
    await take_texts(request.scope, 1)
    asked = body.max_evaluations or settings.explain_evaluations
    try:
        found = await scorer.explain(
            body.text, min(asked, settings.explain_max_evaluations), request.receive
        )
    except NotInstalled:
        raise HTTPException(_MISSING.status, _MISSING.detail) from None
    seen = current()
    seen.predicted.append(Predicted(seen.correlation_id, text, found))
    return found
