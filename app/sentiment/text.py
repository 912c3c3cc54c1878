"""Text normalisation, shared by training and serving.

Every step takes linear time, whatever the characters of the text.
"""

import html
import re
import unicodedata
from itertools import groupby
from typing import NamedTuple, NewType

from app.sentiment.emoji import SELECTORS, spell

Text = NewType("Text", str)
"""A normalised text that can be scored: not blank and within the limits."""

MAX_GROWTH = 2
"""A normalised text may have this many times the characters that are allowed before."""
MAX_SPELLED = 20_000
"""A text may have this many characters once emoji are spelled out: about a thousand emoji."""

BREAKS = re.compile(r"<\s*+(?:/\s*+)?(?:br|p)\b[^<>]*+>", re.IGNORECASE)
"""Line break and paragraph tags. Possessive quantifiers prevent backtracking."""
INVISIBLE = {"Cc", "Cf"}
"""Unicode categories of control and format characters."""

# The last eight digits of a decimal character reference; eight are enough to be out of range.
_LONG_REFERENCES = re.compile(r"&#0*([0-9]{8})[0-9]*")
# Runs that may consist of combining marks. No mark is a letter, a digit or below U+0300, except the
# two halfwidth voiced sound marks.
_MARKS = re.compile(r"(?:[^\w\x00-\u02ff]|[\uff9e\uff9f]){31,}+")


class InvalidText(ValueError):
    """The text cannot be scored; the message says why and what is allowed."""


class TextTooLong(InvalidText):
    """The text exceeds a limit."""


class Limits(NamedTuple):
    """The maximum length of a text."""

    characters: int
    """Before normalisation."""
    tokens: int


def parse(value: object, max_characters: int) -> Text:
    """Validate and normalise a text, without checking its tokens.

    Raises:
        InvalidText: the value is not a string or is blank.
        TextTooLong: it has more than ``max_characters``, or more than `MAX_GROWTH` times as many
            after normalisation. What only spelled emoji make longer may have `MAX_SPELLED` if that
            is more.
    """
    if not isinstance(value, str):
        raise InvalidText(f"must be a string, not {_json_type(value)}")
    if len(value) > max_characters:
        raise TextTooLong(f"must have at most {max_characters:,} characters, not {len(value):,}")
    text = normalise(value)
    allowed = MAX_GROWTH * max_characters
    if len(text) > allowed:
        _check_growth(len(_one_line(_composed(value))), allowed, "after Unicode normalisation")
        _check_growth(len(text), max(allowed, MAX_SPELLED), "once emoji are spelled out")
    if is_blank(text):
        raise InvalidText("must not be blank: at least one visible character is needed")
    return Text(text)


def _check_growth(characters: int, allowed: int, when: str) -> None:
    if characters > allowed:
        raise TextTooLong(f"must have at most {allowed:,} characters {when}, not {characters:,}")


def normalise(text: str) -> str:
    """Return the text as the model receives it: one line of visible characters in NFKC.

    Character references are decoded and ``<br>`` and ``<p>`` tags become spaces, because reviews
    are often scraped HTML. A lone surrogate, left of an emoji that was cut in two, becomes U+FFFD.
    Control and format characters are removed, and white space is collapsed. A blank text becomes
    ``""``. NFKC expands a character to at most 18 (U+FDFA).

    Emoji and stars are spelled out (`app.sentiment.emoji`): 👍 becomes ``thumbs up``, and ``★★☆☆☆``
    becomes ``2 out of 5 stars``. A character becomes at most 53.
    """
    return _one_line(spell(_composed(text)))


def _composed(text: str) -> str:
    """Decode surrogates and references; return NFKC without the selectors of emoji."""
    text = unescape(decode_surrogates(text))
    if text.isascii():
        return text
    for selector in SELECTORS:
        text = text.replace(selector, "")
    return compose(text)


def _one_line(text: str) -> str:
    """Turn line breaks and paragraphs into spaces, drop invisible characters, collapse spaces."""
    text = " ".join(BREAKS.sub(" ", text).split())
    if text.isprintable():
        return text
    visible = (char for char in text if unicodedata.category(char) not in INVISIBLE)
    return " ".join("".join(visible).split())


def decode_surrogates(text: str) -> str:
    """Return the characters that pairs of surrogates stand for; a lone one becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def unescape(text: str) -> str:
    """Decode character references as `html.unescape` does, with any number of digits.

    `html.unescape` raises `ValueError` for more than 4,300 digits; a code point needs seven.
    """
    return html.unescape(_LONG_REFERENCES.sub(r"&#\1", text))


def compose(text: str) -> str:
    """Return the NFKC form of a text in linear time.

    CPython orders combining marks by insertion sort, which takes quadratic time for long runs.
    Therefore long runs are put in canonical order first. This is the first step of normalisation
    (UAX #15, D109) and does not change its result.
    """
    return unicodedata.normalize("NFKC", _MARKS.sub(_in_canonical_order, text))


def _in_canonical_order(run: re.Match[str]) -> str:
    decomposed = "".join(unicodedata.normalize("NFKD", char) for char in run.group())
    return "".join(
        "".join(sorted(chars, key=unicodedata.combining) if combine else chars)
        for combine, chars in groupby(decomposed, lambda char: unicodedata.combining(char) > 0)
    )


def check_tokens(tokens: int, allowed: int) -> None:
    """Check the number of tokens of a text.

    Raises:
        TextTooLong: it exceeds the maximum.
    """
    if tokens > allowed:
        raise TextTooLong(f"must have at most {allowed:,} tokens, not {tokens:,}")


def is_blank(text: str) -> bool:
    """Return whether a normalised text has no letter, number, punctuation or symbol but U+FFFD."""
    return not any(unicodedata.category(char)[0] in "LNPS" and char != "\ufffd" for char in text)


def _json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return type(value).__name__
