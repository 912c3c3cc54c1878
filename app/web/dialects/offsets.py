"""Offsets of sentences, counted in the units that a client asks for.

The classifier counts code points of the text as it was sent. Other services let the caller choose:
UTF-8 bytes, UTF-16 code units, or text elements.

Text elements are extended grapheme clusters by the rules of Unicode 8 (UAX #29, revision 27). Those
rules are older than emoji sequences: a skin tone is an element of its own, and flags in a row are
a single one.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

Count = Callable[[str], int]
"""Returns the length of a text in some unit."""
Span = tuple[int, int]
"""The start and the end of a part of a text, half-open."""

_JOINERS = "\u200c\u200d"
_MARKS = ("Mn", "Me", "Mc")
_CONTROLS = ("Cc", "Cf", "Cs", "Zl", "Zp")
# Letters that extend the element before them, as marks do.
_EXTENDING_LETTERS = "\u0e33\u0eb3\uff9e\uff9f"
# Marks that do not.
_SEPARATE_MARKS = frozenset(
    "\u102b\u102c\u1038\u1062\u1063\u1064\u1067\u1068\u1069\u106a\u106b\u106c\u106d\u1083\u1087"
    "\u1088\u1089\u108a\u108b\u108c\u108f\u109a\u109b\u109c\u1a61\u1a63\u1a64\uaa7b\uaa7d"
    "\U00011720\U00011721"
)
_SYLLABLES = range(0xAC00, 0xD7A4)
_SYLLABLES_OF_A_VOWEL = 28
"""Hangul syllables with the same leading consonant and vowel; the first has no trailing one."""


def code_points(text: str) -> int:
    """Return the number of code points of a text."""
    return len(text)


def utf8_bytes(text: str) -> int:
    """Return the length of a text in UTF-8; a lone surrogate counts as three bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def utf16_units(text: str) -> int:
    """Return the length of a text in UTF-16 code units; an emoji has two or more."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def convert(text: str, spans: Iterable[Span], count: Count) -> Iterator[Span]:
    """Yield the offset and the length of each span in another unit.

    ``spans``: in code points, in the order of the text and without overlaps. ``count``: of a unit
    that code points consist of, so not of text elements.
    """
    offset = counted = 0
    for start, end in spans:
        offset += count(text[counted:start])
        length = count(text[start:end])
        yield offset, length
        offset += length
        counted = end


def convert_to_text_elements(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the offset and the length of each span in text elements.

    ``spans``: in code points, in the order of the text and without overlaps. A span that begins or
    ends within a text element includes all of it.
    """
    if _is_plain(text):
        yield from ((start, end - start) for start, end in spans)
        return
    ends = _element_ends(text)
    never = len(text) + 1
    complete, element_end = 0, next(ends, never)
    for start, end in spans:
        while element_end <= start:
            complete, element_end = complete + 1, next(ends, never)
        offset = complete
        while element_end < end:
            complete, element_end = complete + 1, next(ends, never)
        yield offset, complete - offset + (start < end)


def text_elements(text: str) -> int:
    """Return the number of text elements of a text."""
    return len(text) if _is_plain(text) else sum(1 for _ in _element_ends(text))


def _is_plain(text: str) -> bool:
    """Return whether each code point of a text is certainly an element of its own."""
    return text.isascii() and "\r\n" not in text


def _element_ends(text: str) -> Iterator[int]:
    """Yield where each text element of a text ends."""
    characters = set(text)  # few, so that looking each up is cheap
    control = _class(char for char in characters if _is_control(char))
    extend = _class(char for char in characters if _extends(char))
    leading, vowel = "[\u1100-\u115f\ua960-\ua97c]", "[\u1160-\u11a7\ud7b0-\ud7c6]"
    trailing = "[\u11a8-\u11ff\ud7cb-\ud7fb]"
    open_syllable = _class(char for char in characters if _is_open_syllable(char))
    hangul = (
        f"{leading}*(?:{open_syllable}{vowel}*|{vowel}+|[\uac00-\ud7a3]){trailing}*"
        f"|{leading}+|{trailing}+"
    )
    flags = "[\U0001f1e6-\U0001f1ff]+"
    element = f"\r\n|{control}|(?:{flags}|{hangul}|.){extend}*"
    return (match.end() for match in re.finditer(element, text, re.DOTALL))


def _class(characters: Iterable[str]) -> str:
    """Return the pattern of any of these characters; without any, one that matches nothing."""
    return f"[{''.join(map(re.escape, characters))}]".replace("[]", "(?!)")


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in _CONTROLS and char not in _JOINERS


def _extends(char: str) -> bool:
    """Return whether a character belongs to the element of the character before it."""
    if unicodedata.category(char) in _MARKS:
        return char not in _SEPARATE_MARKS
    return char in _JOINERS or char in _EXTENDING_LETTERS


def _is_open_syllable(char: str) -> bool:
    return ord(char) in _SYLLABLES and (ord(char) - _SYLLABLES[0]) % _SYLLABLES_OF_A_VOWEL == 0
