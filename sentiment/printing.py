"""Writes results: tables in a terminal, JSON lines elsewhere."""

import json
import os
import sys
import unicodedata
from collections.abc import Iterator

from app.explanation.explain import ExplainedAnalysis
from app.score import block_of, printable, width_of
from app.sentiment.analysis import Analysis, Outcome
from app.sentiment.text import decode_surrogates

WORDS = 15
"""Words of an explanation that a table shows: those with the largest weights."""
LABEL_WIDTH = 17
"""Columns before the text in the row of a text."""
_ELLIPSIS = "…"


def write_json(value: dict[str, object]) -> None:
    """Write one line of JSON in UTF-8, at once, so that a reader need not wait for the next."""
    line = decode_surrogates(json.dumps(value, ensure_ascii=False))
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


def write_table(lines: Iterator[str]) -> None:
    """Write lines of a table; what the terminal cannot encode is escaped."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def analysis_rows(text: str, analysis: Analysis) -> Iterator[str]:
    """Yield the row of a text and those of its sentences, as wide as the terminal."""
    sentences = analysis.sentences or []
    mixed = "  (mixed)" if analysis.mixed else ""
    width = width_of(sys.stdout) - LABEL_WIDTH
    yield _row(analysis, shortened(text, width - len(mixed)) + mixed)
    if len(sentences) > 1:
        for sentence in sentences:
            yield _row(sentence, "  " + shortened(sentence.text, width - 2))


def _row(outcome: Outcome, text: str) -> str:
    return f"{outcome.sentiment:<8} {outcome.confidence:>6.1%}  {text}"


def explanation_rows(text: str, explanation: ExplainedAnalysis) -> Iterator[str]:
    """Yield the row of a text, and a table of its words with the largest weights and bars."""
    yield from analysis_rows(text, explanation)
    yield ""
    heaviest = sorted(explanation.words, key=lambda word: -abs(word.weight))[:WORDS]
    width = max(map(len, map(_one_line, (word.text for word in heaviest))), default=0)
    width = min(max(width, len("word")), 40)
    largest = max((abs(word.weight) for word in heaviest), default=0.0) or 1.0
    bar = max(width_of(sys.stdout) - width - 12, 0)
    yield f"{'weight':>8}  word"
    for word in heaviest:
        block = block_of(sys.stdout) * round(abs(word.weight) / largest * bar)
        shown = shortened(word.text, width)
        yield f"{word.weight:>+8.2f}  {shown}{' ' * (width - _columns(shown))}  {block}".rstrip()
    if more := len(explanation.words) - len(heaviest):
        yield f"and {more} more with less weight"
    yield ""
    yield "A positive weight speaks for Positive, a negative one for Negative."


def shortened(text: str, columns: int) -> str:
    """Return the text as one line of at most so many columns, without control characters."""
    line = _one_line(text)
    if len(line) <= columns and _columns(line) <= columns:
        return line
    line = line[: max(columns, 1)]
    while line and _columns(line) + 1 > columns:
        line = line[:-1]
    return line + _ELLIPSIS


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes; wide characters take two."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def discard_output() -> None:
    """Let Python exit without a message about a closed standard output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(message: str) -> None:
    """Write a line about an error to standard error."""
    sys.stderr.write(f"sentiment: {message}\n")
    sys.stderr.flush()
