"""Changes to a text that must not change what it says."""

import random
import re

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
_HASHTAGS = ("travel", "monday", "shopping", "weekend", "news")


def with_typo(text: str, rng: random.Random) -> str:
    """Return the text with two neighbouring letters of a long word swapped."""
    words = [match.start() for match in re.finditer(r"[a-z]{6,}", text)]
    if not words:
        return text
    at = rng.choice(words) + rng.randint(1, 4)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


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
