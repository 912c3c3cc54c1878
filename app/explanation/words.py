"""The words of a normalised text, and the characters of the text as sent that each came from."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from app.sentiment.emoji import SELECTORS, spellings
from app.sentiment.text import BREAKS, INVISIBLE, Text, compose, unescape


class Piece(NamedTuple):
    """Normalised characters, and the range of the text as sent that they came from."""

    text: str
    start: int
    end: int
    """In characters (Unicode code points) of the text as sent, as ``sent[start:end]`` counts."""


# An HTML character reference: a number, or a name of at most 32 characters. `unescape` leaves what
# only looks like one unchanged.
_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)")
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")
# Where words meet without a space. The tokenizer splits at all of these too, so the tokens of a
# text are those of its words.
_JOINT = re.compile(r"(?<=[—–;!?])(?=\w)|(?<=\.\.)(?=\w)|(?<=--)(?=\w)|(?<=,)(?=[^\W\d])")
_FIRST_MARK = "\u0300"
"""Characters before this one never combine with others."""


def words(sent: str) -> list[Piece]:
    """Return the words of the normalised text, in order and without overlap.

    A word keeps its punctuation. Joined by spaces, the words are `normalise(sent)` except for the
    spaces added at joints such as the dash of ``good—bad``.
    """
    return [
        Piece(" ".join(word.text for word in group), group[0].start, group[-1].end)
        for group in _merge_overlapping(_words(_normalised(sent)))
    ]


def _merge_overlapping(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Group words that came from the same character, such as a ligature for a whole phrase."""
    group: list[Piece] = []
    for piece in pieces:
        if group and piece.start >= group[-1].end:
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def joined(pieces: Iterable[Piece]) -> Text:
    """Return the words joined by spaces."""
    return Text(" ".join(piece.text for piece in pieces))


def _words(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Split at white space and at joints; drop invisible characters."""
    visible: list[Piece] = []
    for piece in [*pieces, Piece(" ", 0, 0)]:
        if not piece.text.isspace():
            if unicodedata.category(piece.text) not in INVISIBLE:
                visible.append(piece)
            continue
        text = "".join(char for char, _, _ in visible)
        cuts = [0, *(match.start() for match in _JOINT.finditer(text)), len(text)]
        for start, end in pairwise(cuts):
            if start < end:
                yield Piece(text[start:end], visible[start].start, visible[end - 1].end)
        visible = []


def _normalised(sent: str) -> list[Piece]:
    """Return the characters that `normalise` makes, before it drops any, one per piece."""
    pieces = [
        Piece(char, segment[0].start, segment[-1].end)
        for segment in _segments(list(_without_selectors(_unescaped(sent))))
        for char in compose("".join(piece.text for piece in segment))
    ]
    pieces = _replaced(pieces, spellings(_text(pieces)))
    return _replaced(pieces, [(" ", *match.span()) for match in BREAKS.finditer(_text(pieces))])


def _replaced(pieces: list[Piece], parts: Iterable[tuple[str, int, int]]) -> list[Piece]:
    """Replace parts of the pieces, each ``(text, start, end)``; its characters share its span."""
    replaced: list[Piece] = []
    position = 0
    for text, start, end in parts:
        replaced += pieces[position:start]
        replaced += (Piece(char, pieces[start].start, pieces[end - 1].end) for char in text)
        position = end
    return replaced + pieces[position:]


def _text(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def _without_selectors(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Drop the selectors of emoji; the characters before them span them too."""
    last: Piece | None = None
    for piece in pieces:
        if piece.text in SELECTORS:
            last = last and last._replace(end=piece.end)
            continue
        if last:
            yield last
        last = piece
    if last:
        yield last


def _unescaped(sent: str) -> Iterator[Piece]:
    """Decode surrogates and character references."""
    decoded: list[Piece] = []
    position = 0
    for match in _SURROGATES.finditer(sent):
        decoded += (Piece(sent[i], i, i + 1) for i in range(position, match.start()))
        char = match.group().encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        decoded.append(Piece(char, *match.span()))
        position = match.end()
    decoded += (Piece(sent[i], i, i + 1) for i in range(position, len(sent)))
    text = "".join(piece.text for piece in decoded)
    position = 0
    for match in _REFERENCE.finditer(text):
        yield from decoded[position : match.start()]
        start, position = decoded[match.start()].start, match.end()
        for char in unescape(match.group()):
            yield Piece(char, start, decoded[position - 1].end)
    yield from decoded[position:]


def _segments(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Group the characters that Unicode composition may combine."""
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
