"""Texts made to be slow: whether every step from bytes to tokens takes linear time.

Each family is characters that made some step quadratic once, or that a library is known to be slow
on. Beside it stands the processor time that a quarter, half and all of the longest text take.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from app import json_reader, settings
from app.explanation.words import words
from app.scoring.configuration import load_classifier
from app.sentiment.classifier import SentimentClassifier
from app.sentiment.text import InvalidText, parse
from bench import report

ROUNDS = 3
PARTS = (0.25, 0.5, 1.0)
"""Of the longest text that may be sent."""


def repeated(unit: str) -> Callable[[int], str]:
    """Return what repeats this up to so many characters."""
    return lambda characters: (unit * (characters // len(unit) + 1))[:characters]


def behind(start: str, unit: str) -> Callable[[int], str]:
    """Return what repeats the unit after a start."""
    return lambda characters: start + unit * (characters - len(start))


FAMILIES: dict[str, Callable[[int], str]] = {
    "ordinary English": repeated("The plot is thin but the cast is warm. "),
    "one word": repeated("a"),
    "words of many tokens": repeated("xq" * 49 + " "),
    "marks of punctuation": repeated("!"),
    "white space": repeated(" "),
    "white space of Unicode": repeated("\u3000\u2028\x1c"),
    "`<` and spaces": behind("<", " "),
    "`</` and spaces": behind("</", " "),
    "`<`": repeated("<"),
    "unclosed breaks": repeated("<br "),
    "breaks": repeated("<br>"),
    "nested breaks": lambda n: "<" * (n // 4) + "br>" * (n // 4),
    "`&`": repeated("&"),
    "`&#`": repeated("&#"),
    "a reference of many digits": behind("&#", "9"),
    "a reference of many zeros": behind("&#", "0"),
    "a reference of many hexadecimal digits": behind("&#x", "f"),
    "short references": repeated("&lt"),
    "references": repeated("&amp;"),
    "references within references": repeated("&amp;amp;"),
    "references to nothing": repeated("&" + "a" * 31),
    "references to U+FDFA": repeated("&#xfdfa;"),
    "NUL": repeated("\0"),
    "zero width joiners": repeated("\u200d"),
    "emoji, joined": repeated("\U0001f469\u200d"),
    "emoji": repeated("\U0001f621"),
    "emoji in turn": repeated("\U0001f602\U0001f44e"),
    "emoji of the longest name": repeated("\u21b9-"),
    "emoji with tags": behind("\U0001f3f4", "\U000e0067"),
    "emoji and selectors": repeated("\u2764\ufe0f\u20e3"),
    "regional indicators": repeated("\U0001f1e9"),
    "stars": repeated("\u2605"),
    "stars and spaces": repeated("\u2605 \u2606 "),
    "emoticons": repeated("</3"),
    "lone surrogates": repeated("\ud83d"),
    "private use": repeated("\ue000"),
    "marks": repeated("\u0301"),
    "marks in descending order": repeated("\u0301\u0316"),
    "marks in descending order, on letters": repeated("a" + "\u0301\u0316" * 14),
    "marks of two, in descending order": repeated("\u0f73"),
    "halfwidth marks": repeated("\uff9e\u0301\u0316"),
    "marks and joiners": repeated("\u0301\u200d\u0316"),
    "jamo": repeated("\u1112\u1161\u11ab"),
    "Hangul": repeated("\ud55c "),
    "vowel signs that compose": repeated("\u09c7\u09be"),
    "U+FDFA, which is 18 characters": repeated("\ufdfa"),
    "U+337F, which is 4 words": repeated("\u337f"),
    "ideographs": repeated("\u597d"),
    "spacing accents": repeated("\u00b4"),
}


def tokenise(classifier: SentimentClassifier, body: bytes) -> int:
    """Return how many tokens a request's text has, however many; 0 of one with too many characters.

    What grows past the limit in normalisation is refused before it is tokenised, so that more of it
    takes less time.
    """
    try:
        text = parse(json_reader.read(body)["text"], settings.Settings().max_text_characters)
    except InvalidText:
        return 0
    return classifier.token_counts([text])[0]


def measure() -> dict[str, Any]:
    """Return processor milliseconds of each family at each length, to tokens and to words."""
    allowed = settings.Settings(threads=1, cache_size=0)
    loaded = load_classifier(allowed)
    milliseconds: dict[str, dict[str, list[float]]] = {}
    for name, make in FAMILIES.items():
        milliseconds[name] = {"tokens": [], "words": []}
        for part in PARTS:
            body = json.dumps({"text": make(int(part * allowed.max_text_characters))}).encode()
            short = make(int(part * allowed.explain_max_characters))
            milliseconds[name]["tokens"].append(_milliseconds(partial(tokenise, loaded, body)))
            milliseconds[name]["words"].append(_milliseconds(partial(words, short)))
    return {
        "characters": {
            "tokens": allowed.max_text_characters,
            "words": allowed.explain_max_characters,
        },
        "milliseconds": milliseconds,
    }


def _milliseconds(task: Callable[[], object]) -> float:
    """Return the least of some rounds: what others do at the time only adds to it."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        task()
        rounds.append((time.process_time() - start) * 1000)
    return min(rounds)


def table() -> str:
    """Return the last result as a table."""
    result = report.read("worst")
    header = [
        "processor ms",
        *(
            f"{int(part * characters):,} characters to {to}"
            for to, characters in result["characters"].items()
            for part in PARTS
        ),
    ]
    body = [
        [name, *(f"{ms:.1f}" for to in result["characters"] for ms in times[to])]
        for name, times in result["milliseconds"].items()
    ]
    return f"{report.of_machine(result)}\n\n{report.rows(header, body)}"
