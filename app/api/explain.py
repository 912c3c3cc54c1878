"""`POST /explain`: the sentiment of a text, and what each of its words adds to it."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException

from app.api.predict import json_body, scorer_of
from app.api.schemas import KEY, REFUSALS, ExplainRequest
from app.problems import documented
from app.sentiment.explanation import Explanation, NotInstalled
from app.sentiment.text import parse
from app.serving import Scorer

router = APIRouter(
    tags=["sentiment"],
    dependencies=[Depends(json_body), *KEY],
    responses=documented(400, *REFUSALS, 413, 415, 422, 500, 501, 503),
)


@router.post("/explain")
async def explain(
    body: ExplainRequest, scorer: Annotated[Scorer, Depends(scorer_of)]
) -> Explanation:
    """Score a text, and weigh its words by what the score is without them."""
    settings = scorer.settings
    parse(body.text, settings.explain_max_characters)
    asked = body.max_evaluations or settings.explain_evaluations
    try:
        return await scorer.explain(body.text, min(asked, settings.explain_max_evaluations))
    except NotInstalled as error:
        raise HTTPException(501, f"{error}.") from None
