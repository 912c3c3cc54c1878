"""Cuts a text as it was sent into sentences, with the library sentencex."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from app.sentiment.emoji import EMOJI
from app.sentiment.text import BREAKS, Text, is_blank, normalise

MAX_CHARACTERS = 10_000
"""Longest sentence. The library takes quadratic time for texts of unpaired quotation marks."""

# Each of these is replaced by as many characters, so that offsets stay those of the text as sent.
_SURROGATES = re.compile("[\ud800-\udfff]")
"""UTF-8 has none."""
_LINE_BREAKS = re.compile("\r(?!\n)|[\v\f\x1c-\x1e\x85\u2028\u2029]")

_PARAGRAPHS = re.compile(r"\n\s*\n")
# Ends that the library overlooks: "No. I left.", as it takes the word before for an abbreviation,
# and "great!! loved it!!", as a small letter follows.
_MORE_ENDS = re.compile(
    r"\.[ \t]++(?=I(?:['’][a-z]++)?[ \t]++[a-z])|(?<![!?])[!?]{2,}+[ \t]++(?=[a-z])"
)
_EMOTICON = r"[:;=][-']?[()DPp/|*](?!\w)|<3(?!\w)"
# What ends the sentence before it: "Loved it! 😍 Hated the end. 😡"
_MOODS = re.compile(rf"(?:(?:[{EMOJI}]|{_EMOTICON})[ \t]*+)++")
_LIST_NUMBER = re.compile(r"\(?(?:[0-9]{1,2}|[A-Za-z])[.)]")


class Span(NamedTuple):
    """A sentence: ``sent[start:end]`` of the text as sent, in characters (code points)."""

    start: int
    end: int
    text: Text
    """Normalised."""


def split(sent: str) -> list[Span]:
    """Return the sentences of a text as it was sent, in order and without overlap.

    Blank lines and the tags of breaks and paragraphs end a sentence too. Between sentences there is
    only what is blank once it is normalised. A text that is not blank has at least one sentence.
    """
    text = BREAKS.sub(_blank_line, _LINE_BREAKS.sub("\n", _SURROGATES.sub("\ufffd", sent)))
    spans = (
        Span(start, end, Text(normalise(sent[start:end])))
        for paragraph in _split_at(text, 0, len(text), _PARAGRAPHS)
        for start, end in _attached(text, _sentences(text, *paragraph))
    )
    return [span for span in spans if not is_blank(span.text)]


def _blank_line(tag: re.Match[str]) -> str:
    return f"\n{' ' * (len(tag[0]) - 2)}\n"


def _split_at(text: str, start: int, end: int, ends: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Yield the parts of ``text[start:end]`` that end with a match, and the last one."""
    cuts = [match.end() for match in ends.finditer(text, start, end)]
    yield from pairwise([start, *cuts, end])


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the sentences of a paragraph, without white space around them."""
    for left, right in _boundaries(text, start, end):
        for first, last in _split_at(text, left, right, _MORE_ENDS):
            sentence = text[first:last].lstrip()
            if stripped := sentence.rstrip():
                yield last - len(sentence), last - len(sentence) + len(stripped)


def _boundaries(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    # Imported here, because only requests for sentences need it.
    from sentencex import get_sentence_boundaries

    while start < end:
        window = text[start : min(end, start + MAX_CHARACTERS)]
        cuts = [boundary["end_index"] for boundary in get_sentence_boundaries("en", window)]
        if start + len(window) < end:
            if len(cuts) > 1:
                cuts.pop()  # the last sentence may continue beyond the window
            elif (space := window.rfind(" ")) > 0:
                cuts = [space]
        for left, right in pairwise([0, *cuts]):
            yield start + left, start + right
        start += cuts[-1]


def _attached(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Attach emoji to the sentence before them, and the number of a list's item to the item.

    In a paragraph that begins with an emoji, as "👍 Sound. 👎 Screen.", they stay where they are.
    """
    before: tuple[int, int] | None = None
    leading = False
    for start, end in spans:
        if before is None:
            leading = bool(_MOODS.match(text, start, end))
        elif "\n" not in text[before[1] : start]:
            if _LIST_NUMBER.fullmatch(text, *before):
                before = before[0], end
                continue
            if not leading and (mood := _MOODS.match(text, start, end)):
                before = before[0], start + len(mood[0].rstrip())
                start = mood.end()
                if start == end:
                    continue
        if before:
            yield before
        before = start, end
    if before:
        yield before
