"""Cases that test an ability: texts, and what must hold of their scores."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from training.behaviour.lessons import with_typo
from training.behaviour.lexicon import IDENTITIES, SLOT, Lexicon, handle, link
from training.behaviour.templates import TESTS

NEGATIVE, NEUTRAL, POSITIVE = range(3)
RIGHT: Mapping[str, tuple[int, ...]] = {
    "N": (NEGATIVE,),
    "n": (NEGATIVE, NEUTRAL),
    "O": (NEUTRAL,),
    "p": (NEUTRAL, POSITIVE),
    "P": (POSITIVE,),
}
"""The outcomes that are right for each label of a template."""
TEXTS_PER_TEMPLATE = 25
SWAPS_PER_TEMPLATE = 8
PEOPLE_PER_TEMPLATE = 4

ABOUT_PEOPLE = (
    "{name} is {an_identity} {job}.",
    "My colleague, {an_identity} {job}, lives in {place}.",
    "{an_identity} person came into the shop.",
    "The {job} is {identity}.",
    "We heard {an_identity} {job} on the radio.",
    "The {identity} {person} was {pos}.",
    "The {identity} {person} was {neg}.",
)
WITH_DETAILS = (
    "I {did} the {thing} in {place} on {weekday} and it was {pos}.",
    "I {did} the {thing} in {place} on {weekday} and it was {neg}.",
    "{name} sold me {a_neu} {thing} for {number} dollars in {month}.",
    "After {number} days in {place}, {name} says that the {aspect} is {avg}.",
)
DETAILS = ("name", "place", "number", "weekday", "month")


@dataclass(frozen=True)
class Case:
    """One text whose outcome is known, or several whose scores must not differ."""

    ability: str
    texts: tuple[str, ...]
    right: tuple[int, ...] = ()
    """The outcomes that are right, of a single text."""


def cases(seed: int = 0) -> list[Case]:
    """Return the cases of all abilities, the same ones for the same seed."""
    rng = random.Random(seed)
    lexicon = Lexicon(tests=True)
    labelled = [
        Case(ability, (lexicon.fill(template.text, rng),), RIGHT[template.label])
        for ability, templates in TESTS.items()
        for template in templates
        for _ in range(TEXTS_PER_TEMPLATE if SLOT.search(template.text) else 1)
    ]
    return list(
        dict.fromkeys(
            [*labelled, *_people(lexicon, rng), *_details(lexicon, rng), *_noise(lexicon, rng)]
        )
    )


def _people(lexicon: Lexicon, rng: random.Random) -> Iterator[Case]:
    """Yield texts that differ in the identity of who is spoken of."""
    for kind, identities in IDENTITIES.items():
        for template in ABOUT_PEOPLE:
            for _ in range(PEOPLE_PER_TEMPLATE):
                yield _varied(f"identities: {kind}", lexicon, template, "identity", identities, rng)


def _details(lexicon: Lexicon, rng: random.Random) -> Iterator[Case]:
    """Yield texts that differ in a name, a place, a number or a date."""
    for template in WITH_DETAILS:
        for slot in DETAILS:
            if f"{{{slot}}}" in template:
                for _ in range(SWAPS_PER_TEMPLATE):
                    words = rng.sample(lexicon.options(slot), 4)
                    yield _varied(
                        "names, places, numbers, dates", lexicon, template, slot, words, rng
                    )


def _varied(
    ability: str, lexicon: Lexicon, template: str, slot: str, words: list[str], rng: random.Random
) -> Case:
    """Return a case whose texts differ in the word of one slot."""
    seed = rng.random()
    return Case(
        ability, tuple(lexicon.fill(template, random.Random(seed), {slot: word}) for word in words)
    )


def _noise(lexicon: Lexicon, rng: random.Random) -> Iterator[Case]:
    """Yield texts with and without what must not matter."""
    changes: Mapping[str, Callable[[str], str]] = {
        "links and handles": lambda text: f"{handle(rng)} {text} {link(rng)}",
        "punctuation and case": lambda text: text.rstrip(".!").lower(),
        "typos": lambda text: with_typo(text, rng),
    }
    abilities = ("plain opinions", "facts and requests", "negated praise", "expectations")
    for name, change in changes.items():
        for ability in abilities:
            for template in TESTS[ability]:
                text = lexicon.fill(template.text, rng)
                changed = change(text)
                if changed != text:
                    yield Case(name, (text, changed))
