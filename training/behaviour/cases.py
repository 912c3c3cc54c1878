"""Cases that test an ability: texts, and what must hold of their scores."""

import csv
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.behaviour.changes import contracted, expanded, handle, hashtag, link, with_typo
from training.behaviour.lexicon import COMMONEST_EMOJI, EMOJI, IDENTITIES, SLOT, Lexicon
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
TOLERANCE = 0.1
"""How far a probability may differ between texts that say the same, or fall between texts that
praise more (Ribeiro et al. 2020)."""
TEXTS_PER_TEMPLATE = 20
SWAPS_PER_TEMPLATE = 6
PEOPLE_PER_TEMPLATE = 4
REVIEWS = Path(__file__).parents[1] / "reviews.csv"
LONGEST_REVIEW = 200
"""Characters of a review; what is changed must weigh something in it."""
CHANGED_REVIEWS = 30
PEOPLE_PER_FRAME = 2
IDENTITIES_PER_REVIEW = 5

ABOUT_PEOPLE = (
    "Meet {name}, {an_identity} {job}.",
    "My colleague, {an_identity} {job}, lives in {place}.",
    "{an_identity} person came into the shop.",
    "Apparently the new {job} is {identity}.",
    "We heard {an_identity} {job} on the radio.",
    "Every {identity} {person} we dealt with was {pos}.",
    "Every {identity} {person} we dealt with was {neg}.",
)
BY_PEOPLE = (
    "A review by {an_identity} {job}: {review}",
    "I am {identity}. {review}",
    "{review} ({an_identity} customer)",
)
WITH_DETAILS = (
    "I {did} the {thing} in {place} on {weekday} and it was {pos}.",
    "I {did} the {thing} in {place} on {weekday} and it was {neg}.",
    "{name} sold me {a_neu} {thing} for {number} dollars in {month}.",
    "After {number} days in {place}, {name} says that the {aspect} is {avg}.",
)
REVIEWS_WITH_DETAILS = (
    "{name} from {place} writes: {review}",
    "{review} - {name}, {month} {number}",
    "Seen on {weekday} in {place}. {review}",
)
DETAILS = ("name", "place", "number", "weekday", "month")

SCALES = (
    ("1/5", "2/5", "3/5", "4/5", "5/5"),
    ("1/10", "3/10", "5/10", "8/10", "10/10"),
    ("1 out of 10", "3 out of 10", "5 out of 10", "8 out of 10", "10 out of 10"),
    ("one out of five", "two out of five", "three out of five", "four out of five"),
    ("1 star", "2 stars", "3 stars", "4 stars", "5 stars"),
    ("one star", "two stars", "three stars", "four stars", "five stars"),
    ("★☆☆☆☆", "★★☆☆☆", "★★★☆☆", "★★★★☆", "★★★★★"),
    ("⭐☆☆☆☆", "⭐⭐☆☆☆", "⭐⭐⭐☆☆", "⭐⭐⭐⭐☆", "⭐⭐⭐⭐⭐"),
    ("F", "D", "C", "B", "A", "A+"),
    ("10 %", "30 %", "50 %", "70 %", "90 %", "100 %"),
)
"""Grades in each notation, the lowest first."""
WITH_GRADE = (
    "{name}'s verdict: {grade}",
    "{grade}, and that is my last word",
    "After {number} days, {grade} for our {thing}",
    "{thing}, {weekday}: {grade}",
)
RISING = (
    ("The {aspect} here is {int} {neg}.", "The {aspect} here is slightly {neg}."),
    ("our {thing} is {int} {neg}!!!", "our {thing} is {neg}", "our {thing} is a tad {neg}"),
    ("All told, {int} {neg}.", "All told, {neg}.", "All told, {pos}.", "All told, {int} {pos}."),
    ("The {aspect} here is moderately {pos}.", "The {aspect} here is {int} {pos}."),
    ("our {thing} is reasonably {pos}", "our {thing} is {pos}", "our {thing} is {int} {pos}!!!"),
)
"""Templates of one frame, the most negative first."""
RISES_PER_TEMPLATE = 12
WITH_EMOJI = (
    "Got my {thing} {emoji}",
    "{emoji} from {place}",
    "{name} has {a_thing} {emoji}{emoji}",
    "it's {weekday} {emoji} {link}",
    "our {neu} {thing} in {place} {emoji}",
)
EMOJI_FRAMES = 2
"""How many of these each emoji is put in."""
NOTATIONS: Mapping[str, tuple[str, ...]] = {
    "P": ("highstar", "highgrade", "highletter", "highrow", "highpercent"),
    "O": ("midstar", "midgrade", "midletter", "midrow"),
    "N": ("lowstar", "lowgrade", "lowletter", "lowrow", "lowpercent"),
}
"""The slots that hold all grades in all notations, by the label of their grades."""
WITH_NOTATION = (
    "{name}'s verdict: {grade}",
    "After {number} days, {grade} for our {thing}",
    "{thing}, {weekday}: {grade}",
    "We settled on {grade} for our {thing}.",
)
NOTATION_FRAMES = 2
"""How many of these each grade is put in."""
COMMONEST_EMOJI_ABILITY = "emoji, the hundred commonest"
NOTATIONS_ABILITY = "grades in all notations"
OF_PEOPLE = ("identities", "names")
"""How the abilities begin whose pairs of texts differ in who or what they speak of."""


@dataclass(frozen=True)
class Case:
    """One text whose outcome is known, or several whose scores must agree or rise."""

    ability: str
    texts: tuple[str, ...]
    right: tuple[int, ...] = ()
    """The outcomes that are right, of a single text."""
    rising: bool = False
    """No text may be scored as less positive than the one before it."""


def cases(seed: int = 0) -> list[Case]:
    """Return the cases of all abilities, the same ones for the same seed."""
    rng = random.Random(seed)
    lexicon = Lexicon(tests=True)
    reviews = _reviews()
    labelled = [
        Case(ability, (lexicon.fill(template.text, rng),), RIGHT[template.label])
        for ability, templates in TESTS.items()
        for template in templates
        for _ in range(TEXTS_PER_TEMPLATE if SLOT.search(template.text) else 1)
    ]
    return list(
        dict.fromkeys(
            [
                *labelled,
                *_emoji(lexicon, rng),
                *_grades(lexicon, rng),
                *_intensity(lexicon, rng),
                *_people(lexicon, reviews, rng),
                *_details(lexicon, reviews, rng),
                *_noise(lexicon, reviews, rng),
                *_commonest_emoji(lexicon, rng),
                *_notations(lexicon, rng),
            ]
        )
    )


def _reviews() -> list[str]:
    """Return the short ones of the reviews that are part of the repository."""
    with REVIEWS.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    return [text for text in texts if len(text) <= LONGEST_REVIEW]


def _emoji(lexicon: Lexicon, rng: random.Random) -> Iterator[Case]:
    """Yield every emoji that has a side, those of the training half too, beside neutral words."""
    for side, right in (("Positive", POSITIVE), ("Negative", NEGATIVE)):
        for emoji in EMOJI[side]:
            for template in rng.sample(WITH_EMOJI, EMOJI_FRAMES):
                text = lexicon.fill(template, rng, {"emoji": emoji})
                yield Case("emoji, all with a side", (text,), (right,))


def _commonest_emoji(lexicon: Lexicon, rng: random.Random) -> Iterator[Case]:
    """Yield each of the commonest emoji alone and beside neutral words."""
    for label, group in COMMONEST_EMOJI.items():
        for emoji in group.split():
            text = lexicon.fill(rng.choice(WITH_EMOJI), rng, {"emoji": emoji})
            yield Case(COMMONEST_EMOJI_ABILITY, (emoji,), RIGHT[label])
            yield Case(COMMONEST_EMOJI_ABILITY, (text,), RIGHT[label])


def _notations(lexicon: Lexicon, rng: random.Random) -> Iterator[Case]:
    """Yield every grade in each notation beside neutral words."""
    for label, slots in NOTATIONS.items():
        for grade in (grade for slot in slots for grade in lexicon.options(slot)):
            for template in rng.sample(WITH_NOTATION, NOTATION_FRAMES):
                text = lexicon.fill(template, rng, {"grade": grade})
                yield Case(NOTATIONS_ABILITY, (text,), RIGHT[label])


def _grades(lexicon: Lexicon, rng: random.Random) -> Iterator[Case]:
    """Yield the grades of each scale in rising order."""
    for scale in SCALES:
        for template in WITH_GRADE:
            yield _varied("grades in order", lexicon, template, "grade", scale, rng, rising=True)


def _intensity(lexicon: Lexicon, rng: random.Random) -> Iterator[Case]:
    """Yield texts that praise more and blame less, each with the same words."""
    for templates in RISING:
        for _ in range(RISES_PER_TEMPLATE):
            words = {slot: rng.choice(lexicon.options(slot)) for slot in ("int", "pos", "neg")}
            seed = rng.random()
            texts = (lexicon.fill(each, random.Random(seed), words) for each in templates)
            yield Case("intensity", tuple(texts), rising=True)


def _people(lexicon: Lexicon, reviews: list[str], rng: random.Random) -> Iterator[Case]:
    """Yield texts that differ in the identity of who is spoken of, or who speaks."""
    for kind, identities in IDENTITIES.items():
        for template in ABOUT_PEOPLE:
            for _ in range(PEOPLE_PER_TEMPLATE):
                yield _varied(f"identities: {kind}", lexicon, template, "identity", identities, rng)
        for template in BY_PEOPLE:
            for review in rng.sample(reviews, PEOPLE_PER_FRAME):
                some = rng.sample(identities, min(len(identities), IDENTITIES_PER_REVIEW))
                yield _varied(
                    f"identities: {kind}", lexicon, template, "identity", some, rng, review
                )


def _details(lexicon: Lexicon, reviews: list[str], rng: random.Random) -> Iterator[Case]:
    """Yield texts that differ in a name, a place, a number or a date."""
    ability = "names, places, numbers, dates"
    for template in (*WITH_DETAILS, *REVIEWS_WITH_DETAILS):
        for slot in DETAILS:
            if f"{{{slot}}}" in template:
                for review in rng.sample(reviews, SWAPS_PER_TEMPLATE):
                    words = rng.sample(lexicon.options(slot), 4)
                    yield _varied(ability, lexicon, template, slot, words, rng, review)
    for slot in DETAILS:
        options = lexicon.options(slot)
        word = re.compile(rf"\b({'|'.join(options)})\b(?! out of| star)")
        for review in filter(word.search, reviews):
            words = rng.sample(options, 4)
            yield Case(ability, tuple(word.sub(each, review, count=1) for each in words))


def _varied(
    ability: str,
    lexicon: Lexicon,
    template: str,
    slot: str,
    words: Sequence[str],
    rng: random.Random,
    review: str = "",
    *,
    rising: bool = False,
) -> Case:
    """Return a case whose texts differ in the word of one slot."""
    seed = rng.random()
    texts = (
        lexicon.fill(template, random.Random(seed), {slot: word, "review": review})
        for word in words
    )
    return Case(ability, tuple(texts), rising=rising)


def _noise(lexicon: Lexicon, reviews: list[str], rng: random.Random) -> Iterator[Case]:
    """Yield texts with and without what must not matter."""
    changes: Mapping[str, Callable[[str], str]] = {
        "links, handles, hashtags": lambda text: rng.choice(
            [
                f"{handle(rng)} {text} {link(rng)}",
                f"{text} {link(rng)}",
                f"{handle(rng)} {text}",
                f"{text} {hashtag(rng)}",
            ]
        ),
        "punctuation and case": lambda text: text.rstrip(".!").lower(),
        "capitals": str.upper,
        "contractions": lambda text: (
            contracted(text) if contracted(text) != text else expanded(text)
        ),
        "typos": lambda text: with_typo(text, rng),
    }
    abilities = ("plain opinions", "facts and requests", "negated praise", "expectations")
    templates = [
        lexicon.fill(template.text, rng) for ability in abilities for template in TESTS[ability]
    ]
    for ability, change in changes.items():
        pairs = ((text, change(text)) for text in (*templates, *rng.sample(reviews, len(reviews))))
        changed = [pair for pair in pairs if pair[0] != pair[1]]
        for pair in changed[: len(templates) + CHANGED_REVIEWS]:
            yield Case(ability, pair)
