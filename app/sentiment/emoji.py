"""Emoji and stars in words: the tokenizer knows no emoji, but knows the words of their names.

The names are those of the running Python's Unicode tables in lower case, without words that say
nothing of the meaning. Characters that have no name there stay as they are.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import groupby, islice
from re import compile as pattern
from typing import NamedTuple

SELECTORS = "\ufe0e\ufe0f\u20e3"
"""Choose how the character before is drawn: as text, as an emoji, on a key. They mean nothing."""
MAX_REPEATS = 3
"""An emoji that is repeated without a space is spelled out this many times at most."""

# Arrows, technical and other symbols, shapes, dingbats and pictographs: all emoji but letters,
# digits and flags. Mathematical operators, Braille, box drawing, alchemy and chess are not spelled
# out: their names are long and hold no sentiment.
_SYMBOL = (
    "\u2190-\u21ff\u2300-\u23ff\u24ea-\u24ff\u25a0-\u27bf\u27f0-\u27ff\u2934\u2935\u2b00-\u2b1f"
    "\u2b50-\u2b59\u3030\u303d\U0001f000-\U0001f1e5\U0001f200-\U0001f64f\U0001f680-\U0001f6ff"
    "\U0001f7e0-\U0001f7ff\U0001f900-\U0001f9ff\U0001fa70-\U0001faff"
)
_STAR, _HOLLOW_STAR, _HALF = "★⭐🌟", "☆", "1\u20442"
_JOINER = "\u200d"
_TONES = "\U0001f3fb-\U0001f3ff"
_TAGS = "\U000e0020-\U000e007f"
_FIRST_REGIONAL, _LAST_REGIONAL = "\U0001f1e6", "\U0001f1ff"
_ONE = f"[{_SYMBOL}][{_TONES}{_TAGS}]*+"
_SPELLED = pattern(
    f"[{_STAR}{_HOLLOW_STAR}](?: ?[{_STAR}{_HOLLOW_STAR}])*+(?:{_HALF}(?: ?{_HOLLOW_STAR})*+)?+"
    f"|{_ONE}(?:{_JOINER}{_ONE})*+"
    f"|[{_FIRST_REGIONAL}-{_LAST_REGIONAL}]{{1,2}}+"
)
_GENDERS = "♀♂"
"""Behind a joiner they say who makes a gesture, which is not to matter."""
_DROPPED = {
    *("and", "ballot", "black", "capital", "circled", "component", "dingbat", "emoji", "heavy"),
    *("indicator", "japanese", "large", "latin", "letter", "medium", "negative", "ornament"),
    *("regional", "sans-serif", "sign", "small", "squared", "symbol", "white", "with"),
}
# For names that mislead a reader who does not see the picture, or are far longer than the meaning.
_NAMES = {
    **dict.fromkeys("♥♡", "heart"),
    **dict.fromkeys("✕✖✗✘", "cross mark"),
    **dict.fromkeys("❗❕", "!"),
    **dict.fromkeys("❓❔", "?"),
    **dict.fromkeys("🏴🏳", "flag"),
    **dict.fromkeys("🏻🏼🏽🏾🏿", "skin tone"),
    "🔟": "10",
    "💌": "love letter",
    "⚧": "transgender",
    "🛑": "stop sign",
    "🚩": "red flag",
    "🔁": "repeat",
    "🔂": "repeat once",
    "🔃": "reload",
    "🔄": "reload",
    "🖕": "middle finger",
    "🖖": "vulcan salute",
    "🤞": "fingers crossed",
    "🤘": "rock on",
    "🙌": "hands raised in celebration",
    "🙏": "folded hands",
    "👿": "angry face horns",
    "😡": "enraged face",
    "😾": "angry cat face",
    "🤬": "angry face cursing",
    "😤": "angry face steam from nose",
    "😣": "struggling face",
    "😥": "sad face sweat",
    "😰": "anxious face sweat",
    "😓": "downcast face sweat",
    "🤪": "zany face",
    "😮\u200d💨": "face exhaling",
    "❤\u200d🩹": "mending heart",
    "🙂\u200d↔": "head shaking",
    "🙂\u200d↕": "head nodding",
    # Newer than some of the Python versions that are supported.
    "\U0001fae8": "shaking face",
    "\U0001fae9": "face bags under eyes",
    "\U0001fa75": "light blue heart",
    "\U0001fa76": "grey heart",
    "\U0001fa77": "pink heart",
}


class Spelling(NamedTuple):
    """A part of a text, ``text[start:end]``, and the words that it becomes."""

    words: str
    start: int
    end: int

    @property
    def spaced(self) -> str:
        """The words, apart from what stands beside them; a letter or a mark is not apart."""
        return f" {self.words} " if len(self.words) > 1 else self.words


def spell(text: str) -> str:
    """Return the text with emoji and stars in words.

    ``text``: in NFKC and without `SELECTORS`. One character becomes at most 53.
    """
    if text.isascii():
        return text
    parts: list[str] = []
    position = 0
    for spelling in spellings(text):
        parts += (text[position : spelling.start], spelling.spaced)
        position = spelling.end
    return "".join((*parts, text[position:]))


def spellings(text: str) -> Iterator[Spelling]:
    """Yield what `spell` replaces, in order and without overlap.

    The last of the repeated emoji that are spelled out covers those that are not.
    """
    last: Spelling | None = None
    repeats = 0
    for match in _SPELLED.finditer(text):
        words = _words(match.group())
        if not words:
            continue
        start, end = match.span()
        repeats = repeats + 1 if last and (last.words, last.end) == (words, start) else 1
        if last and repeats > MAX_REPEATS:
            last = last._replace(end=end)
            continue
        if last:
            yield last
        last = Spelling(words, start, end)
    if last:
        yield last


def _words(symbols: str) -> str:
    """Return the words for stars, a flag or a sequence of joined emoji; ``""`` without a name."""
    if symbols[0] in _STAR + _HOLLOW_STAR and _JOINER not in symbols:
        return _stars(symbols.replace(" ", ""))
    if _FIRST_REGIONAL <= symbols[0] <= _LAST_REGIONAL:
        return "flag" if len(symbols) == 2 else _name(symbols)
    first, *others = [part[0] for part in symbols.split(_JOINER)]
    chars = [first, *(char for char in others if char not in _GENDERS)]
    if len(chars) == 2 and (name := _NAMES.get(_JOINER.join(chars))):
        return name
    runs = (islice(run, MAX_REPEATS) for _, run in groupby(filter(None, map(_name, chars))))
    return " ".join(name for run in runs for name in run)


def _stars(stars: str) -> str:
    """Return a rating in words, such as ``2 out of 5 stars`` for ``★★☆☆☆``."""
    half = ".5" if _HALF in stars else ""
    stars = stars.replace(_HALF, "")
    filled = len(stars.rstrip(_HOLLOW_STAR))
    if _HOLLOW_STAR in stars[:filled]:
        return "stars"
    if filled < len(stars) and (filled or len(stars) >= 5):
        return f"{filled}{half} out of {len(stars) + bool(half)} stars"
    return f"{len(stars)}{half} stars" if len(stars) > 1 or half else "star"


@cache
def _name(char: str) -> str:
    if char in _NAMES:
        return _NAMES[char]
    number = unicodedata.numeric(char, None)
    if number is not None:
        return f"{number:g}"
    words = unicodedata.name(char, "").lower().split()
    return " ".join(word for word in words if word not in _DROPPED)
