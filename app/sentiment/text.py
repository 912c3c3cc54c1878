"""Text normalisation, the one definition that training and serving share.

Every step takes time in proportion to the text's length, whatever its characters.
"""

import html
import re
import unicodedata
from itertools import groupby
from typing import NamedTuple, NewType

Text = NewType("Text", str)
"""Normalised text that can be scored: not blank, not longer than allowed."""

MAX_GROWTH = 2
"""Normalised, a text may have this many times the characters that it may be sent with."""

BREAKS = re.compile(r"<\s*+(?:/\s*+)?(?:br|p)\b[^<>]*+>", re.IGNORECASE)
"""The quantifiers are possessive, so that no stretch of white space is tried in several ways."""
INVISIBLE = {"Cc", "Cf"}  # Unicode categories: control and format characters

# The last eight digits of a decimal character reference, or eight that make it too large for one.
_LONG_REFERENCES = re.compile(r"&#0*([0-9]{8})[0-9]*")
# Runs that may hold many combining marks: no mark is a letter, a digit or before U+0300, but for
# the two halfwidth voiced sound marks.
_MARKS = re.compile(r"(?:[^\w\x00-\u02ff]|[\uff9e\uff9f]){31,}+")


class InvalidText(ValueError):
    """A text that cannot be scored; the message says why and what is allowed."""


class Limits(NamedTuple):
    """What one text may have."""

    characters: int
    """As it is sent."""
    tokens: int


def parse(value: object, max_characters: int) -> Text:
    """Return the value as normalised text; its tokens are not counted.

    Raises:
        InvalidText: it is no string, it is blank, or it has more than ``max_characters``, or more
            than `MAX_GROWTH` times as many once it is normalised.
    """
    if not isinstance(value, str):
        raise InvalidText(f"must be a string, not {_json_type(value)}")
    if len(value) > max_characters:
        raise InvalidText(f"must have at most {max_characters:,} characters, not {len(value):,}")
    text = normalise(value)
    if len(text) > MAX_GROWTH * max_characters:
        raise InvalidText(
            f"must have at most {MAX_GROWTH * max_characters:,} characters after Unicode "
            f"normalisation, not {len(text):,}"
        )
    if not any(map(_is_visible, text)):
        raise InvalidText("must not be blank: at least one visible character is needed")
    return Text(text)


def normalise(text: str) -> str:
    """Return the text as the model sees it: one line of visible NFKC characters.

    Entities are decoded and ``<br>``/``<p>`` tags become spaces (reviews are often scraped HTML);
    a lone surrogate, which is what is left of an emoji cut in two, becomes U+FFFD; control and
    format characters are dropped; runs of white space collapse. Blank text gives ``""``. No text
    grows more than 18 times as long, which is what U+FDFA does.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = compose(unescape(text))
    text = " ".join(BREAKS.sub(" ", text).split())
    if text.isprintable():
        return text
    visible = (char for char in text if unicodedata.category(char) not in INVISIBLE)
    return " ".join("".join(visible).split())


def unescape(text: str) -> str:
    """Decode character references as `html.unescape` does, whatever their number of digits.

    Python reads integers of at most 4,300 digits; a code point needs seven.
    """
    return html.unescape(_LONG_REFERENCES.sub(r"&#\1", text))


def compose(text: str) -> str:
    """Return the text's NFKC form.

    CPython sorts each run of combining marks by insertion, in quadratic time where they come in
    descending order. So long runs are put in canonical order beforehand, which is the first half of
    the normalisation (UAX #15, D109) and changes nothing of its result.
    """
    return unicodedata.normalize("NFKC", _MARKS.sub(_in_canonical_order, text))


def _in_canonical_order(run: re.Match[str]) -> str:
    decomposed = "".join(unicodedata.normalize("NFKD", char) for char in run.group())
    return "".join(
        "".join(sorted(chars, key=unicodedata.combining) if combine else chars)
        for combine, chars in groupby(decomposed, lambda char: unicodedata.combining(char) > 0)
    )


def check_tokens(tokens: int, allowed: int) -> None:
    """Check how many tokens a text has.

    Raises:
        InvalidText: it has more than are allowed.
    """
    if tokens > allowed:
        raise InvalidText(f"must have at most {allowed:,} tokens, not {tokens:,}")


def _is_visible(char: str) -> bool:
    """Return whether it is a letter, number, mark of punctuation or symbol that was received."""
    return unicodedata.category(char)[0] in "LNPS" and char != "\ufffd"


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
