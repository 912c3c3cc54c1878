"""Examples of requests and responses for the documentation.

Those of errors are in `app.web.problems`. A test sends each request and compares the response.
"""

from typing import Any

from fastapi import Body

PRAISE = "This movie was amazing and thrilling!"
BLAME = "A dull, lifeless mess. I want my two hours back."
MARKUP = "Loved it!<br /><br />Best &amp; funniest hour of my week 😍"
MIXED = "The acting is superb. The plot is a mess. We saw it on Monday."

SENTENCES = "sentences"
"""The name of the examples of requests and responses with the options."""

PREDICT = Body(
    openapi_examples={
        "praise": {"summary": "Praise", "value": {"text": PRAISE}},
        "blame": {"summary": "Blame", "value": {"text": BLAME}},
        "markup": {"summary": "Scraped HTML with an emoji", "value": {"text": MARKUP}},
        SENTENCES: {
            "summary": "Neutral, and each sentence",
            "value": {"text": MIXED, "neutral": True, "sentences": True},
        },
    }
)
BATCH = Body(
    openapi_examples={
        "two texts": {"summary": "Two texts", "value": {"texts": [PRAISE, BLAME]}},
        "one cannot be scored": {
            "summary": "Two texts and a blank one",
            "value": {"texts": [PRAISE, " ", BLAME]},
        },
        SENTENCES: {
            "summary": "Neutral, and each sentence",
            "value": {"texts": [MIXED], "neutral": True, "sentences": True},
        },
    }
)
EXPLAIN = Body(
    openapi_examples={
        "praise": {"summary": "Praise", "value": {"text": PRAISE}},
        "negation": {"summary": "Negation", "value": {"text": "Not bad at all, that film."}},
        "fewer": {
            "summary": "Few evaluations: phrases instead of words",
            "value": {"text": MARKUP, "max_evaluations": 20},
        },
        SENTENCES: {
            "summary": "Neutral, and each sentence",
            "value": {"text": MIXED, "neutral": True, "sentences": True, "max_evaluations": 20},
        },
    }
)
FEEDBACK = Body(
    openapi_examples={
        "irony": {
            "summary": "A wrong prediction",
            "value": {
                "prediction": "1-67891233-abcdef012345678912345678",
                "sentiment": "Negative",
                "note": "Irony.",
            },
        },
        "of a batch": {
            "summary": "The fourth text of a batch",
            "value": {
                "prediction": "1-67891233-abcdef012345678912345678#3",
                "sentiment": "Positive",
            },
        },
    }
)

_MODEL = "f7379185277e"
PREDICTION = {
    "sentiment": "Positive",
    "confidence": 0.99,
    "scores": {"Negative": 0.01, "Positive": 0.99},
    "tokens": 9,
    "windows": 1,
    "cached": False,
    "model": _MODEL,
}
ANALYSIS = {
    "sentiment": "Neutral",
    "confidence": 0.7027,
    "scores": {"Negative": 0.2095, "Neutral": 0.7027, "Positive": 0.0878},
    "score": -0.1217,
    "tokens": 19,
    "windows": 1,
    "cached": False,
    "model": _MODEL,
    "sentences": [
        {
            "sentiment": "Positive",
            "confidence": 0.9233,
            "scores": {"Negative": 0.0341, "Neutral": 0.0425, "Positive": 0.9233},
            "score": 0.8892,
            "text": "The acting is superb.",
            "start": 0,
            "end": 21,
        },
        {
            "sentiment": "Negative",
            "confidence": 0.8985,
            "scores": {"Negative": 0.8985, "Neutral": 0.0657, "Positive": 0.0358},
            "score": -0.8627,
            "text": "The plot is a mess.",
            "start": 22,
            "end": 41,
        },
        {
            "sentiment": "Neutral",
            "confidence": 0.8939,
            "scores": {"Negative": 0.052, "Neutral": 0.8939, "Positive": 0.0541},
            "score": 0.0021,
            "text": "We saw it on Monday.",
            "start": 42,
            "end": 62,
        },
    ],
    "mixed": True,
    "magnitude": 1.754,
}
BATCH_ANSWER = {
    "results": [
        {"index": 0, **PREDICTION},
        {
            "index": 1,
            "sentiment": "Negative",
            "confidence": 0.99,
            "scores": {"Negative": 0.99, "Positive": 0.01},
            "tokens": 15,
            "windows": 1,
            "cached": False,
            "model": _MODEL,
        },
    ],
    "errors": [],
}
BATCH_ANALYSES = {"results": [{"index": 0, **ANALYSIS}], "errors": []}
_REASONS = {
    "base_value": -0.04781,
    "value": 4.594478,
    "unit": "words",
    "complete": True,
    "evaluations": 28,
    "words": [
        {"text": "This", "start": 0, "end": 4, "weight": -0.331619},
        {"text": "movie", "start": 5, "end": 10, "weight": -0.145871},
        {"text": "was", "start": 11, "end": 14, "weight": 0.05781},
        {"text": "amazing", "start": 15, "end": 22, "weight": 2.531144},
        {"text": "and", "start": 23, "end": 26, "weight": 0.173631},
        {"text": "thrilling!", "start": 27, "end": 37, "weight": 2.357194},
    ],
}
EXPLANATION = {**PREDICTION, **_REASONS}
EXPLAINED_ANALYSIS = {
    **ANALYSIS,
    "base_value": -0.04781,
    "value": -0.836631,
    "unit": "phrases",
    "complete": False,
    "evaluations": 20,
    "words": [
        {"text": "The acting is superb.", "start": 0, "end": 21, "weight": 3.891901},
        {"text": "The plot", "start": 22, "end": 30, "weight": -0.31503},
        {"text": "is a mess.", "start": 31, "end": 41, "weight": -4.968527},
        {"text": "We saw", "start": 42, "end": 48, "weight": 0.027137},
        {"text": "it on Monday.", "start": 49, "end": 62, "weight": 0.575699},
    ],
}
FEEDBACK_ANSWER = {
    "id": "feedback/1-67891233-abcdef012345678912345678",
    "prediction": "1-67891233-abcdef012345678912345678",
    "sentiment": "Negative",
}
HEALTH = {
    "status": "ok",
    "model": {
        "name": "sentiment-distilbert-l6-h384",
        "revision": _MODEL,
        "engine": "native",
    },
    "version": "2.0.0",
}
CARD = {
    "name": "sentiment-distilbert-l6-h384",
    "license": "Apache-2.0",
    "languages": ["en"],
    "revision": _MODEL,
}


def success_response(
    example: Any, status: int = 200, *, with_options: Any = None
) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route for its success, with an example.

    ``with_options``: the response to the request named `SENTENCES`.
    """
    shown: dict[str, Any] = {"example": example}
    if with_options:
        shown = {
            "examples": {
                "default": {"summary": "Without options", "value": example},
                SENTENCES: {"summary": "Neutral, and each sentence", "value": with_options},
            }
        }
    return {status: {"content": {"application/json": shown}}}
