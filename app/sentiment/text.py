"""Text normalisation, the one definition that training and serving share."""

import html
import re
import unicodedata
from typing import NewType

Text = NewType("Text", str)
"""Normalised text that can be scored: not blank, not longer than allowed."""

BREAKS = re.compile(r"<\s*/?\s*(?:br|p)\b[^<>]*>", re.IGNORECASE)
INVISIBLE = {"Cc", "Cf"}  # Unicode categories: control and format characters


class InvalidText(ValueError):
    """A text that cannot be scored; the message says why and what is allowed."""


def parse(value: object, max_characters: int) -> Text:
    """Return the value as normalised text.

    Raises:
        InvalidText: it is no string, it is blank, or it has more than ``max_characters``.
    """
    if not isinstance(value, str):
        raise InvalidText(f"must be a string, not {_json_type(value)}")
    if len(value) > max_characters:
        raise InvalidText(f"must have at most {max_characters:,} characters, not {len(value):,}")
    text = normalise(value)
    if not any(map(_is_visible, text)):
        raise InvalidText("must not be blank: at least one visible character is needed")
    return Text(text)


def normalise(text: str) -> str:
    """Return the text as the model sees it: one line of visible NFKC characters.

    Entities are decoded and ``<br>``/``<p>`` tags become spaces (reviews are often scraped HTML);
    a lone surrogate, which is what is left of an emoji cut in two, becomes U+FFFD; control and
    format characters are dropped; runs of white space collapse. Blank text gives ``""``.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = unicodedata.normalize("NFKC", html.unescape(text))
    text = " ".join(BREAKS.sub(" ", text).split())
    if text.isprintable():
        return text
    visible = (char for char in text if unicodedata.category(char) not in INVISIBLE)
    return " ".join("".join(visible).split())


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
