"""Scores a file on this machine: ``python -m app.score IN OUT``, local paths or ``s3://``.

OUT has IN's rows and format with the columns sentiment, confidence and positive. Rows that cannot
be scored go to OUT.rejected.jsonl with the reason. Interrupted, the same command goes on.
"""

import argparse
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import IO

from tqdm import tqdm

from app.objects import formats, storage
from app.objects.progress import Progress
from app.objects.scoring import CONFIDENCE_STEPS, Summary, Target, score_object
from app.sentiment import classifier
from app.settings import load as load_settings

BLOCK = "█"


def score(source: str, scored: str, column: str) -> Summary:
    """Score an object with a progress bar, going on from where an earlier try was interrupted.

    Raises:
        UnreadableObject: it is of no known format, or no column is the text.
    """
    if type(formats.of(source)) is not type(formats.of(scored)):
        raise formats.UnreadableObject(f"{scored} must have the format of {source}")
    size = storage.size(source)
    settings = load_settings()
    model = classifier.load(settings.model_copy(update={"cache_size": 0}))
    target = Target(scored, f"{scored}.rejected.jsonl", f"{scored}.summary.json")
    beside = Path(scored.rpartition("/")[2] if storage.is_s3(scored) else scored)
    identity = f"{source} {size} {column} {model.bundle.revision}"
    progress = Progress(beside.with_name(f"{beside.name}.progress"), identity)
    with tqdm(total=size, unit="B", unit_scale=True, desc="scoring") as bar:

        def watch(summary: Summary, file: IO[bytes]) -> None:
            bar.set_postfix(rows=summary.rows, rejected=summary.rejected)
            bar.update(min(file.tell(), size) - bar.n)

        summary = score_object(
            source,
            target,
            model,
            column=column,
            limits=settings.text_limits,
            watch=watch,
            progress=progress,
        )
    progress.forget()
    return summary


def report(summary: Summary, columns: int, block: str) -> str:
    """Return what became of a file, for a terminal of so many columns; bars are made of blocks."""
    rate = summary.rows / summary.seconds if summary.seconds else 0
    scored = summary.positive + summary.negative
    lines = [
        f"{summary.rows:,} rows, {rate:,.0f} a second: {summary.positive:,} positive, "
        f"{summary.negative:,} negative, {summary.rejected:,} rejected",
        summary.scored_to,
    ]
    if summary.rejected_to:
        lines.append(f"rejected rows: {summary.rejected_to}")
    if scored:
        half = CONFIDENCE_STEPS // 2
        steps = [50 + step * 50 // CONFIDENCE_STEPS for step in range(CONFIDENCE_STEPS + 1)]
        of_confidence = zip(pairwise(steps), summary.confidences, strict=True)
        lines += [
            "",
            _bar("positive", summary.positive, scored, columns, block),
            _bar("negative", summary.negative, scored, columns, block),
            "",
            f"confidence, below {steps[half]}% in {sum(summary.confidences[:half]):,} rows:",
            *(
                _bar(f"{low} to {high}%", rows, scored, columns, block)
                for (low, high), rows in of_confidence
            ),
        ]
    return "".join(f"{line}\n" for line in lines)


def _bar(name: str, rows: int, of: int, columns: int, block: str) -> str:
    share = rows / of
    stated = f"{name:>10} {rows:>11,} {share:>6.1%} "
    # What is there is seen, however little it is.
    blocks = max(rows > 0, round(share * (columns - len(stated))))
    return (stated + block * blocks).rstrip()


def _printable(block: str) -> str:
    try:
        block.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "#"
    return block


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m app.score", description=__doc__)
    parser.add_argument("source", metavar="IN", help=".jsonl, .csv, .txt (also .gz), .parquet")
    parser.add_argument("scored", metavar="OUT", help="of the same format")
    parser.add_argument("--column", default="", help="which column is the text")
    args = parser.parse_args()
    try:
        summary = score(args.source, args.scored, args.column)
    except KeyboardInterrupt:
        parser.exit(130, "interrupted; the same command goes on from here\n")
    except (formats.UnreadableObject, OSError) as error:
        parser.exit(1, f"{error}\n")
    # Where the output is no terminal, 80 columns are what it would most likely be read in.
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 80
    sys.stdout.write(report(summary, columns, _printable(BLOCK)))


if __name__ == "__main__":
    main()
