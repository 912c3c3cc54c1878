"""Sentences to learn abilities from, each with the probabilities that follow from its template."""

import random
from collections.abc import Iterator, Mapping

from app.sentiment.text import normalise
from training.behaviour.changes import contracted, handle, hashtag, link, undecorated, with_typo
from training.behaviour.lexicon import Lexicon
from training.behaviour.templates import TESTS, TRAINING
from training.data import folded

Target = tuple[float, float, float]
"""The probabilities of Negative, Neutral and Positive."""

TARGETS: Mapping[str, Target] = {
    "N": (0.94, 0.04, 0.02),
    "n": (0.60, 0.34, 0.06),
    "O": (0.04, 0.92, 0.04),
    "p": (0.06, 0.34, 0.60),
    "P": (0.02, 0.04, 0.94),
}
"""What to learn for each label of a template."""


WEIGHTS: Mapping[str, float] = {
    "average": 3.0,
    "sarcasm": 1.5,
    "never and at last": 2.0,
    "emoji": 3.0,
    "grades": 3.0,
    "short comments": 1.5,
    "then and now": 3.0,
    "comparisons": 1.5,
    "expectations": 1.5,
    "negated praise": 2.0,
    "negation at a distance": 2.5,
    "identities": 4.0,
    "questions and answers": 1.5,
    "noise": 0.5,
}
"""How much more often than others an ability is taught."""
TRIES = 4
"""How many texts to make for one attempt until one is new."""


def lessons(attempts: int, seed: int) -> Iterator[tuple[str, Target]]:
    """Yield texts and targets, hard abilities more often than others, no text twice.

    Short templates run out of new texts, so fewer come than were attempted. No text is one that a
    test template holds.
    """
    rng = random.Random(seed)
    lexicon = Lexicon(tests=False)
    tested = {_tested_as(template.text) for templates in TESTS.values() for template in templates}
    tested.discard("")
    taken: set[str] = set()
    weights = [WEIGHTS.get(ability, 1.0) for ability in TRAINING]
    for templates in rng.choices(list(TRAINING.values()), weights, k=attempts):
        for _ in range(TRIES):
            template = rng.choice(templates)
            text = as_typed(lexicon.fill(template.text, rng), rng)
            if text not in taken and _tested_as(text) not in tested:
                taken.add(text)
                yield text, TARGETS[template.label]
                break


def _tested_as(text: str) -> str:
    """Return what two texts share if they differ in case, punctuation, links and the like alone."""
    return folded(normalise(undecorated(text)))


def as_typed(text: str, rng: random.Random) -> str:
    """Return the text as somebody may have typed it, in two of five cases changed."""
    chance = rng.random()
    if chance < 0.10:
        return text.lower()
    if chance < 0.13:
        return text.upper()
    if chance < 0.17:
        return text.rstrip(".!")
    if chance < 0.25:
        return with_typo(text, rng)
    if chance < 0.29:
        return f"{text} {link(rng)}"
    if chance < 0.33:
        return f"{handle(rng)} {text}"
    if chance < 0.36:
        return f"{text} {hashtag(rng)}"
    if chance < 0.38:
        return contracted(text)
    if chance < 0.40:
        return contracted(text).replace("'", "").lower()
    return text
