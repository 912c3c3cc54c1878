"""Spells emoji, stars and ``</3`` out in words, because the tokenizer knows no emoji.

The words are the names in the Unicode tables of the running Python, in lower case and without those
that say nothing of the meaning. A character without a name stays as it is.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import groupby, islice
from typing import NamedTuple

SELECTORS = "\ufe0e\ufe0f\u20e3"
"""They choose how the character before them is drawn: as text, as an emoji, as a key."""
MAX_REPEATS = 3
"""How often an emoji that is repeated without a space is spelled out at most."""

# All emoji but flags, with the arrows, shapes and dingbats around them. Other symbols keep their
# form: the names of mathematical operators, box drawing, Braille and chess are long and say nothing
# of sentiment, and some are in the tokenizer's vocabulary.
_SYMBOL = (
    "\u2190-\u21ff\u231a\u231b\u2328\u23ce\u23cf\u23e9-\u23fe\u24ea-\u24ff\u25a0-\u27bf"
    "\u27f0-\u27ff\u2934\u2935\u2b00-\u2b1f\u2b50-\u2b59\u3030\u303d\U0001f000-\U0001f1e5"
    "\U0001f200-\U0001f64f\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7ff\U0001f900-\U0001f9ff"
    "\U0001fa70-\U0001faff"
)
_TONES, _TAGS, _JOINER = "\U0001f3fb-\U0001f3ff", "\U000e0020-\U000e007f", "\u200d"
_FIRST_LETTER, _LAST_LETTER = "\U0001f1e6", "\U0001f1ff"
"""Regional indicators; two of them make a flag."""
_FILLED, _HOLLOW = "★⭐🌟", "☆"
_HALF = "1\u20442"
"""½ in NFKC."""
_BROKEN_HEART = "</3"
"""The only emoticon that is spelled out: its tokens are those of ``<3`` and a slash."""
_GENDERS = "♀♂"
"""Behind a joiner they tell who makes a gesture, which does not matter."""

EMOJI = f"{_SYMBOL}{_TONES}{_TAGS}{_JOINER}{_FIRST_LETTER}-{_LAST_LETTER}{SELECTORS}"
"""The characters of emoji, for a set of a regular expression."""
_STAR = f"[{_FILLED}{_HOLLOW}]"
_EMOJI = f"[{_SYMBOL}][{_TONES}{_TAGS}]*+"
_SPELLED = re.compile(
    f"{_STAR}(?: ?{_STAR})*+(?:{_HALF}(?: ?{_HOLLOW})*+)?+"
    f"|{_EMOJI}(?:{_JOINER}{_EMOJI})*+"
    f"|[{_FIRST_LETTER}-{_LAST_LETTER}]{{1,2}}+"
    f"|{_BROKEN_HEART}(?![0-9A-Za-z_>])"
)

_DROPPED = {
    *("and", "ballot", "black", "capital", "circled", "component", "dingbat", "emoji", "heavy"),
    *("indicator", "japanese", "large", "latin", "letter", "medium", "negative", "ornament"),
    *("regional", "sans-serif", "sign", "small", "squared", "symbol", "white", "with"),
}
# For names that mislead a reader who does not see the picture, are long, or tell what it shows
# where its meaning is meant.
_NAMES = {
    **dict.fromkeys(_FILLED + _HOLLOW, "star"),
    **dict.fromkeys("♥♡", "heart"),
    **dict.fromkeys("✕✖✗✘", "cross mark"),
    **dict.fromkeys("❗❕", "!"),
    **dict.fromkeys("❓❔", "?"),
    **dict.fromkeys("🏴🏳", "flag"),
    **dict.fromkeys("🏻🏼🏽🏾🏿", "skin tone"),
    **dict.fromkeys("🔃🔄", "reload"),
    "🔁": "repeat",
    "🔂": "repeat once",
    "🔟": "10",
    "🛑": "stop sign",
    "🚩": "red flag",
    "🔪": "kitchen knife",
    "⚧": "transgender",
    "☀": "sun",
    "🍾": "champagne bottle",
    "💌": "love letter",
    "🖕": "middle finger",
    "🖖": "vulcan salute",
    "🤞": "fingers crossed",
    "🤘": "rock on",
    "👊": "fist bump",
    "💪": "strong flexed arm",
    "🙌": "hands raised in celebration",
    "🙏": "praying hands",
    "🤦": "frustrated face palm",
    "😘": "face blowing a kiss",
    "😛": "playful face tongue",
    "😜": "playful winking face tongue",
    "😝": "playful squinting face tongue",
    "🤪": "zany face",
    "🥳": "celebrating face party hat",
    "😔": "sad pensive face",
    "😣": "struggling face",
    "😥": "sad face sweat",
    "😰": "anxious face sweat",
    "😓": "downcast face sweat",
    "😤": "angry face steam from nose",
    "😡": "enraged face",
    "🤬": "angry face cursing",
    "👿": "angry face horns",
    "😾": "angry cat face",
    "🤒": "sick face thermometer",
    "🤕": "injured face bandage",
    "😮\u200d💨": "face exhaling",
    "❤\u200d🩹": "mending heart",
    "🙂\u200d↔": "head shaking",
    "🙂\u200d↕": "head nodding",
    # Newer than some supported versions of Python.
    "\U0001fae8": "shaking face",
    "\U0001fae9": "face bags under eyes",
    "\U0001fa75": "light blue heart",
    "\U0001fa76": "grey heart",
    "\U0001fa77": "pink heart",
}


class Spelling(NamedTuple):
    """What replaces a part of a text, ``text[start:end]``."""

    replacement: str
    """Words between spaces; or a number, a letter or a mark of punctuation as if it were typed."""
    start: int
    end: int


def spell(text: str) -> str:
    """Return the text with emoji, stars and ``</3`` in words.

    A character becomes at most 53.

    Args:
        text: in NFKC, without `SELECTORS`.
    """
    parts: list[str] = []
    position = 0
    for replacement, start, end in spellings(text):
        parts += (text[position:start], replacement)
        position = end
    return "".join((*parts, text[position:])) if parts else text


def spellings(text: str) -> Iterator[Spelling]:
    """Yield what `spell` replaces, in order and without overlap.

    Where an emoji is repeated more than `MAX_REPEATS` times, the last spelling covers the rest.
    """
    if text.isascii() and _BROKEN_HEART not in text:
        return
    last: Spelling | None = None
    repeats = 0
    for match in _SPELLED.finditer(text):
        start, end = match.span()
        replacement = _replacement(match.group(), text[end : end + 1])
        if not replacement:
            continue
        repeated = last and (last.replacement, last.end) == (replacement, start)
        repeats = repeats + 1 if repeated and replacement[0] == " " else 1
        if last and repeats > MAX_REPEATS:
            last = last._replace(end=end)
            continue
        if last:
            yield last
        last = Spelling(replacement, start, end)
    if last:
        yield last


def _replacement(match: str, following: str) -> str:
    """Return what replaces a match, or ``""``; ``following``: the character after it, if any."""
    words = _words(match)
    typed = len(words) == 1 or words.isdecimal()
    # A mark combines with a letter before it, but not with a space.
    marked = following and unicodedata.combining(following)
    return f" {words} " if words and (marked or not typed) else words


def _words(match: str) -> str:
    """Return the words for what `_SPELLED` matches, or ``""`` where there is no name."""
    if len(match) == 1:
        return _name(match)
    if match == _BROKEN_HEART:
        return "broken heart"
    if match[0] in _FILLED + _HOLLOW:
        return _stars(match.replace(" ", ""))
    if _FIRST_LETTER <= match[0] <= _LAST_LETTER:
        return "flag"
    first, *others = [part[0] for part in match.split(_JOINER)]
    chars = [first, *(char for char in others if char not in _GENDERS)]
    if len(chars) == 2 and (name := _NAMES.get(_JOINER.join(chars))):
        return name
    runs = (islice(run, MAX_REPEATS) for _, run in groupby(filter(None, map(_name, chars))))
    return " ".join(name for run in runs for name in run)


def _stars(stars: str) -> str:
    """Return a rating in words, such as ``2 out of 5 stars`` for ``★★☆☆☆``."""
    half = _HALF in stars
    stars = stars.replace(_HALF, "")
    filled = len(stars.rstrip(_HOLLOW))
    if _HOLLOW in stars[:filled]:
        return "stars"
    if filled == len(stars) or (not filled and len(stars) < 5):
        return f"{len(stars)}{'.5' * half} stars"
    return f"{filled}{'.5' * half} out of {len(stars) + half} stars"


@cache
def _name(char: str) -> str:
    if char in _NAMES:
        return _NAMES[char]
    number = unicodedata.numeric(char, None)
    if number is not None:
        return f"{number:g}"
    words = unicodedata.name(char, "").lower().split()
    return " ".join(word for word in words if word not in _DROPPED)
