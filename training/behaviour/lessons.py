"""Sentences to learn abilities from, each with the probabilities that follow from its template."""

import random
import re
from collections.abc import Iterator, Mapping

from training.behaviour.lexicon import Lexicon
from training.behaviour.templates import TESTS, TRAINING

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
HASHTAGS = ("travel", "monday", "shopping", "weekend", "news")


def lessons(attempts: int, seed: int) -> Iterator[tuple[str, Target]]:
    """Yield texts and targets, each ability as often as any other, none twice.

    Short templates run out of new texts, so fewer come than were attempted. No text is one that a
    test template holds.
    """
    rng = random.Random(seed)
    lexicon = Lexicon(tests=False)
    taken = {template.text.casefold() for templates in TESTS.values() for template in templates}
    abilities = list(TRAINING.values())
    for _ in range(attempts):
        template = rng.choice(rng.choice(abilities))
        text = lexicon.fill(template.text, rng)
        if text.casefold() not in taken:
            taken.add(text.casefold())
            yield as_typed(text, rng), TARGETS[template.label]


def as_typed(text: str, rng: random.Random) -> str:
    """Return the text as somebody may have typed it, in three of ten cases changed."""
    chance = rng.random()
    if chance < 0.10:
        return text.lower()
    if chance < 0.13:
        return text.upper()
    if chance < 0.17:
        return text.rstrip(".!")
    if chance < 0.20:
        return with_typo(text, rng)
    if chance < 0.24:
        return f"{text} {link(rng)}"
    if chance < 0.28:
        return f"{handle(rng)} {text}"
    if chance < 0.30:
        return f"{text} #{rng.choice(HASHTAGS)}"
    return text


def with_typo(text: str, rng: random.Random) -> str:
    """Return the text with two neighbouring letters of a long word swapped."""
    words = [match.start() for match in re.finditer(r"[a-z]{6,}", text)]
    if not words:
        return text
    at = rng.choice(words) + rng.randint(1, 4)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def link(rng: random.Random) -> str:
    """Return a shortened link."""
    characters = "abcdefghijkmnpqrstuvwxyz0123456789"
    return "https://t.co/" + "".join(rng.choice(characters) for _ in range(8))


def handle(rng: random.Random) -> str:
    """Return the handle of somebody who is addressed."""
    letters = "abcdefghijklmnoprstuvwy"
    return "@" + "".join(rng.choice(letters) for _ in range(rng.randint(4, 9)))
