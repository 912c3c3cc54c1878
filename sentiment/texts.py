"""``sentiment predict`` and ``sentiment explain``: texts of the command line or standard input."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from app.sentiment.text import InvalidText
from sentiment import printing
from sentiment.classifier import Classifier

STANDARD_INPUT = "-"
READ_BYTES = 64 * 1024
"""Most bytes of standard input that are read, and scored, at once."""


class _Source(NamedTuple):
    """A text, and what errors call it."""

    name: str
    text: str


def predict(args: argparse.Namespace) -> int:
    """Score texts and print a result for each; return the exit status."""
    classifier = Classifier.from_environment()
    status = 0
    for batch in _batches(args.texts):
        valid = []
        for source in batch:
            try:
                classifier.check(source.text)
                valid.append(source)
            except InvalidText as error:
                printing.complain(f"{source.name}: {error}")
                status = 1
        analyses = classifier.predict_all(
            [source.text for source in valid], neutral=args.neutral, sentences=args.sentences
        )
        for source, analysis in zip(valid, analyses, strict=True):
            if args.table:
                printing.write_table(printing.analysis_rows(source.text, analysis))
            else:
                printing.write_json({"text": source.text, **analysis.model_dump(exclude_none=True)})
    return status


def explain(args: argparse.Namespace) -> int:
    """Explain the prediction for a text; return the exit status."""
    text = args.text
    if text == STANDARD_INPUT:
        text = sys.stdin.buffer.read().decode("utf-8-sig", "replace")
    try:
        explanation = Classifier.from_environment().explain(
            text, neutral=args.neutral, sentences=args.sentences, evaluations=args.evaluations
        )
    except InvalidText as error:
        printing.complain(str(error))
        return 1
    if args.table:
        printing.write_table(printing.explanation_rows(text, explanation))
    else:
        printing.write_json({"text": text, **explanation.model_dump(exclude_none=True)})
    return 0


def _batches(texts: Sequence[str]) -> Iterator[list[_Source]]:
    """Yield the texts that are scored together: all arguments, or what standard input has so far.

    Lines of white space are skipped.
    """
    if STANDARD_INPUT not in texts:
        yield [_Source(f"argument {number}", text) for number, text in enumerate(texts, 1)]
        return
    for text in texts:
        if text != STANDARD_INPUT:
            yield [_Source("argument", text)]
            continue
        number = 0
        for lines in _lines(sys.stdin.buffer):
            decoded = [line.decode("utf-8-sig", "replace").rstrip("\r\n") for line in lines]
            sources = [_Source(f"line {n}", line) for n, line in enumerate(decoded, number + 1)]
            number += len(lines)
            yield [source for source in sources if source.text.strip()]


def _lines(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the complete lines of each read, so that a line is scored as soon as it arrives."""
    parts: list[bytes] = []
    while chunk := stream.read1(READ_BYTES):  # type: ignore[attr-defined]
        head, newline, rest = chunk.rpartition(b"\n")
        if newline:
            yield (b"".join(parts) + head).split(b"\n")
            parts = []
        parts.append(rest)
    if last := b"".join(parts):
        yield [last]
