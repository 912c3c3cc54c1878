"""``sentiment score``: scores files, standard input included, into files or standard output."""

import argparse
import json
import shutil
import sys
from collections import Counter
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from app import score
from app.objects.formats import SUFFIXES, UnreadableObject
from app.objects.scoring import Summary
from sentiment import printing

STANDARD = "-"
REJECTED_LINES = 5
"""Rejected rows that are listed where there is no file for them."""


def score_all(args: argparse.Namespace) -> int:
    """Score each file, also if another is refused; return the exit status."""
    if STANDARD in args.files and not args.format:
        printing.complain("standard input has no name to tell its format: add --format csv")
        return 2
    outputs = [_output(args, source) for source in args.files]
    for output, count in Counter(outputs).items():
        if count > 1:
            printing.complain(f"{output}: {count} files would be written there")
            return 2
    status = 0
    for source, output in zip(args.files, outputs, strict=True):
        try:
            summary = _score(args, source, output)
        except BrokenPipeError:
            raise
        except score.FAILURES as error:
            printing.complain(score.message(error))
            status = 1
            continue
        if not score.any_scored(summary):
            reasons = "" if STANDARD in (source, output) else f"; see {summary.rejected_to}"
            printing.complain(f"{source}: no row could be scored{reasons}")
            status = 1
    return status


def uses_standard_streams(args: argparse.Namespace) -> bool:
    """Return whether standard input or output is among the files, so that nothing can resume."""
    return STANDARD in (*args.files, args.out)


def _output(args: argparse.Namespace, source: str) -> str:
    """Return where the scored file goes."""
    if args.out == STANDARD or (source == STANDARD and not args.out):
        return STANDARD
    name = f"standard-input.{args.format}" if source == STANDARD else source.rpartition("/")[2]
    if not args.out:
        return f"{source.removesuffix(name)}{_scored_name(name)}"
    is_folder = args.out.endswith("/") or Path(args.out).is_dir() or len(args.files) > 1
    return f"{args.out.rstrip('/')}/{name}" if is_folder else args.out


def _scored_name(name: str) -> str:
    """Return ``reviews.scored.csv.gz`` for ``reviews.csv.gz``."""
    compressed = ".gz" if name.lower().endswith(".gz") else ""
    stem = name[: len(name) - len(compressed)]
    suffix = next((each for each in SUFFIXES if stem.lower().endswith(each)), "")
    return f"{stem[: len(stem) - len(suffix)]}.scored{name[len(stem) - len(suffix) :]}"


def _score(args: argparse.Namespace, source: str, scored: str) -> Summary:
    if STANDARD not in (source, scored):
        summary = score.score_as(args, source, scored)
        if args.table:
            score.print_report(summary, sys.stdout)
        else:
            printing.write_json(asdict(summary))
        return summary
    # Every format needs a file, to be read twice or from its end.
    with TemporaryDirectory(prefix="sentiment-") as folder:
        read = written = ""
        if source == STANDARD:
            read = f"{folder}/standard-input.{args.format}"
            with Path(read).open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        if scored == STANDARD:
            written = f"{folder}/scored-{(read or source).rpartition('/')[2]}"
        try:
            summary = score.score_as(args, read or source, written or scored)
        except UnreadableObject as error:
            message = str(error).replace(f"{folder}/", "")
            raise UnreadableObject(message, error.columns) from None
        counts = score.report(summary, score.width_of(sys.stderr), score.BLOCK).splitlines()[0]
        sys.stderr.write(f"{counts}\n")
        if written:
            _write(Path(written))
            _list_rejected(Path(f"{written}.rejected.jsonl"))
    return summary


def _write(scored: Path) -> None:
    with scored.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _list_rejected(rejected: Path) -> None:
    """Write the first reasons to standard error, as the rows do not stay."""
    if not rejected.exists():
        return
    with rejected.open("rb") as lines:
        for line in islice(lines, REJECTED_LINES):
            row = json.loads(line)
            printing.complain(f"line {row['line']}: {row['reason']}")
        if more := sum(1 for _ in lines):
            printing.complain(f"and {more:,} more; -o FILE writes them all to FILE.rejected.jsonl")
