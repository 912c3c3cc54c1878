"""Changes to a text that must not change what it says."""

import random
import re
from collections.abc import Callable, Mapping

_CONTRACTIONS = {
    "do not": "don't",
    "does not": "doesn't",
    "did not": "didn't",
    "is not": "isn't",
    "was not": "wasn't",
    "were not": "weren't",
    "are not": "aren't",
    "have not": "haven't",
    "would not": "wouldn't",
    "could not": "couldn't",
    "should not": "shouldn't",
    "cannot": "can't",
    "will not": "won't",
    "I am": "I'm",
    "I have": "I've",
    "I would": "I'd",
    "it is": "it's",
    "It is": "It's",
    "that is": "that's",
    "That is": "That's",
    "they are": "they're",
    "we are": "we're",
}
_LONG = re.compile(rf"(?<!\bof )\b(?:{'|'.join(_CONTRACTIONS)})\b(?= \w)")
_FORMS = {short: long for long, short in _CONTRACTIONS.items() if short[-2:] not in ("'s", "'d")}
_SHORT = re.compile(rf"\b(?:{'|'.join(_FORMS)})\b")
_DECORATION = re.compile(r"https?://\S+|(?<!\w)[@#]\w+")
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE = {
    letter: row[max(0, i - 1) : i] + row[i + 1 : i + 2]
    for row in _KEYS
    for i, letter in enumerate(row)
}
"""The letters beside each on a keyboard."""
_HASHTAGS = ("travel", "monday", "shopping", "weekend", "news")


def with_typo(text: str, rng: random.Random) -> str:
    """Return the text with two neighbouring letters of a long word swapped."""
    words = [match.start() for match in re.finditer(r"[a-z]{6,}", text)]
    if not words:
        return text
    at = rng.choice(words) + rng.randint(1, 4)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def mistyped(text: str, rng: random.Random) -> str:
    """Return the text with a slip of the keyboard in about one word of ten."""
    words = list(re.finditer(r"[A-Za-z]{4,}", text))
    if not words:
        return text
    slips = rng.sample(words, max(1, round(len(words) / 10)))
    for match in sorted(slips, key=lambda word: -word.start()):
        at = rng.randint(match.start() + 1, match.end() - 2)
        chance = rng.random()
        if chance < 0.6:
            letters = text[at + 1] + text[at]
        elif chance < 0.75:
            letters = text[at + 1]
        elif chance < 0.85:
            letters = text[at] + text[at : at + 2]
        else:
            letters = rng.choice(_BESIDE[text[at].lower()]) + text[at + 1]
        text = text[:at] + letters + text[at + 2 :]
    return text


def noisy(text: str, rng: random.Random) -> str:
    """Return the text with slips, a link, a handle, a hashtag, or in another case or form."""
    [change] = rng.choices(list(_NOISE), list(_NOISE.values()))
    return change(text, rng)


def contracted(text: str) -> str:
    """Return the text with "don't" for "do not" and the like."""
    return _LONG.sub(lambda match: _CONTRACTIONS[match[0]], text)


def expanded(text: str) -> str:
    """Return the text with "do not" for "don't" and the like."""
    return _SHORT.sub(lambda match: _FORMS[match[0]], text)


def link(rng: random.Random) -> str:
    """Return a shortened link."""
    characters = "abcdefghijkmnpqrstuvwxyz0123456789"
    return "https://t.co/" + "".join(rng.choice(characters) for _ in range(8))


def handle(rng: random.Random) -> str:
    """Return the handle of somebody who is addressed."""
    letters = "abcdefghijklmnoprstuvwy"
    return "@" + "".join(rng.choice(letters) for _ in range(rng.randint(4, 9)))


def undecorated(text: str) -> str:
    """Return the text without links, handles and hashtags."""
    return _DECORATION.sub("", text).strip()


def hashtag(rng: random.Random) -> str:
    """Return a hashtag without sentiment."""
    return f"#{rng.choice(_HASHTAGS)}"


_NOISE: Mapping[Callable[[str, random.Random], str], float] = {
    mistyped: 0.55,
    lambda text, rng: f"{handle(rng)} {text}": 0.10,
    lambda text, rng: f"{text} {link(rng)}": 0.10,
    lambda text, rng: f"{text} {hashtag(rng)}": 0.08,
    lambda text, rng: text.lower().rstrip(".!"): 0.07,
    lambda text, rng: text.upper(): 0.05,
    lambda text, rng: contracted(text) if rng.random() < 0.5 else expanded(text): 0.05,
}
"""What `noisy` does to a text, and how often."""
