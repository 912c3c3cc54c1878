"""Scores a file on this machine: ``python -m app.score IN OUT``, local paths or ``s3://``.

OUT has IN's rows and format with the columns sentiment, confidence and positive. Rows that cannot
be scored go to OUT.rejected.jsonl with the reason. Interrupted, the same command goes on.
"""

import argparse
import sys
from pathlib import Path
from typing import IO

from tqdm import tqdm

from app.objects import formats, storage
from app.objects.progress import Progress
from app.objects.scoring import Summary, Target, score_object
from app.sentiment import classifier
from app.settings import load as load_settings


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
            max_characters=settings.max_text_characters,
            watch=watch,
            progress=progress,
        )
    progress.forget()
    return summary


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
    rate = summary.rows / summary.seconds if summary.seconds else 0
    sys.stdout.write(
        f"{summary.rows:,} rows, {rate:,.0f} a second: {summary.positive:,} positive, "
        f"{summary.negative:,} negative, {summary.rejected:,} rejected\n{summary.scored_to}\n"
    )


if __name__ == "__main__":
    main()
