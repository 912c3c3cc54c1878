"""Cuts a text as it was sent into sentences, with the library sentencex."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from app.sentiment.text import Text, is_blank, normalise

MAX_CHARACTERS = 10_000
"""Longest sentence. The library takes quadratic time for texts of unpaired quotation marks."""
_SURROGATES = re.compile("[\ud800-\udfff]")


class Span(NamedTuple):
    """A sentence: ``sent[start:end]`` of the text as sent, in characters (code points)."""

    start: int
    end: int
    text: Text
    """Normalised."""


def split(sent: str) -> list[Span]:
    """Return the sentences of a text as it was sent, in order and without overlap.

    Sentences that are blank once they are normalised are left out, as is white space around the
    others. The result has at least one sentence if the text is not blank.
    """
    spans = (Span(start, end, Text(normalise(sent[start:end]))) for start, end in _trimmed(sent))
    return [span for span in spans if not is_blank(span.text)]


def _trimmed(sent: str) -> Iterator[tuple[int, int]]:
    for start, end in _boundaries(sent):
        sentence = sent[start:end]
        stripped = sentence.lstrip()
        left = start + len(sentence) - len(stripped)
        yield left, left + len(stripped.rstrip())


def _boundaries(sent: str) -> Iterator[tuple[int, int]]:
    # Imported here, because only requests for sentences need it.
    from sentencex import get_sentence_boundaries

    text = _SURROGATES.sub("\ufffd", sent)  # which UTF-8 has not
    start = 0
    while start < len(text):
        window = text[start : start + MAX_CHARACTERS]
        ends = [each["end_index"] for each in get_sentence_boundaries("en", window)]
        if start + len(window) < len(text):
            if len(ends) > 1:
                ends.pop()  # the last sentence may continue beyond the window
            elif (space := window.rfind(" ")) > 0:
                ends = [space]
        for left, right in pairwise([0, *ends]):
            yield start + left, start + right
        start += ends[-1]
