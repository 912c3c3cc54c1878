"""The words of a text, and which characters of the text as it was sent each of them came from."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from app.sentiment.text import BREAKS, INVISIBLE, Text, compose, unescape


class Piece(NamedTuple):
    """What normalisation made of a stretch of the text as sent."""

    text: str
    start: int
    end: int
    """In characters (Unicode code points) of the text as sent, as ``sent[start:end]`` counts."""


# A character reference as HTML has them: a number, or a name of at most 32 characters. What looks
# like one and is none, `unescape` leaves as it is.
_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)")
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")
# Where words meet without a space. At all of these the tokenizer parts words too, so that the
# tokens of a text are those of its words.
_JOINT = re.compile(r"(?<=[—–;!?])(?=\w)|(?<=\.\.)(?=\w)|(?<=--)(?=\w)|(?<=,)(?=[^\W\d])")
_FIRST_MARK = "\u0300"
"""Before it, no character combines with another."""


def words(sent: str) -> list[Piece]:
    """Return the words of the normalised text, in order and without overlap.

    A word keeps the punctuation beside it. Joined by spaces the words are `normalise(sent)`, but
    for the spaces at joints such as the dash of ``good—bad``.
    """
    return [
        Piece(" ".join(word.text for word in group), group[0].start, group[-1].end)
        for group in _apart(_words(_normalised(sent)))
    ]


def _apart(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Group words that share a character as it was sent, such as a ligature for a whole phrase."""
    group: list[Piece] = []
    for piece in pieces:
        if group and piece.start >= group[-1].end:
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def joined(pieces: Iterable[Piece]) -> Text:
    """Return the words as a text."""
    return Text(" ".join(piece.text for piece in pieces))


def _words(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Cut what is between white space at its joints; what cannot be seen is in no word."""
    between: list[Piece] = []
    for piece in [*pieces, Piece(" ", 0, 0)]:
        if not piece.text.isspace():
            if unicodedata.category(piece.text) not in INVISIBLE:
                between.append(piece)
            continue
        text = "".join(char for char, _, _ in between)
        cuts = [0, *(match.start() for match in _JOINT.finditer(text)), len(text)]
        for start, end in pairwise(cuts):
            if start < end:
                yield Piece(text[start:end], between[start].start, between[end - 1].end)
        between = []


def _normalised(sent: str) -> list[Piece]:
    """Return the characters that `normalise` makes, before it drops some, one a piece."""
    composed = [
        Piece(char, segment[0].start, segment[-1].end)
        for segment in _segments(list(_unescaped(sent)))
        for char in compose("".join(piece.text for piece in segment))
    ]
    text = "".join(piece.text for piece in composed)
    found, done = [], 0
    for match in BREAKS.finditer(text):
        start, end = match.span()
        found += composed[done:start]
        found.append(Piece(" ", composed[start].start, composed[end - 1].end))
        done = end
    return found + composed[done:]


def _unescaped(sent: str) -> Iterator[Piece]:
    """Decode surrogates and character references."""
    whole: list[Piece] = []
    done = 0
    for match in _SURROGATES.finditer(sent):
        whole += (Piece(sent[i], i, i + 1) for i in range(done, match.start()))
        char = match.group().encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        whole.append(Piece(char, *match.span()))
        done = match.end()
    whole += (Piece(sent[i], i, i + 1) for i in range(done, len(sent)))
    text = "".join(piece.text for piece in whole)
    done = 0
    for match in _REFERENCE.finditer(text):
        yield from whole[done : match.start()]
        start, done = whole[match.start()].start, match.end()
        for char in unescape(match.group()):
            yield Piece(char, start, whole[done - 1].end)
    yield from whole[done:]


def _segments(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Group characters with those that Unicode's composition may join them to."""
    segment: list[Piece] = []
    for piece in pieces:
        if segment and not _joins(segment, piece.text):
            yield segment
            segment = []
        segment.append(piece)
    if segment:
        yield segment


def _joins(segment: list[Piece], char: str) -> bool:
    if char < _FIRST_MARK:
        return False
    if unicodedata.combining(unicodedata.normalize("NFKD", char)[0]):
        return True
    before = "".join(piece.text for piece in segment)
    return compose(before + char) != compose(before) + compose(char)
