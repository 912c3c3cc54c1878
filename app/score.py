"""Scores a file on this machine: ``python -m app.score IN OUT``, local paths or ``s3://``.

OUT has the rows and the format of IN, with the columns sentiment, confidence and positive added.
Rows that cannot be scored go to OUT.rejected.jsonl with the reason. To resume an interrupted run,
repeat the command.
"""

import argparse
import hashlib
import os
import re
import shutil
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NoReturn, TextIO

from tqdm import tqdm

from app.objects import formats, local, storage
from app.objects.formats import ReadOptions, UnreadableObject
from app.objects.local import LocalFile
from app.objects.progress import Progress
from app.objects.s3 import StoredObject
from app.objects.scoring import CONFIDENCE_STEPS, Summary, Target, score_object
from app.objects.storage import Input, Location
from app.scoring.configuration import load_classifier, text_limits
from app.sentiment.bundle import BundleError
from app.settings import SettingsError
from app.settings import load as load_settings

BLOCK = "█"
INTERRUPTED = "interrupted; the same command resumes here"
FAILURES = (UnreadableObject, BundleError, SettingsError, OSError)
"""What `score` raises."""


def score(
    source: str,
    scored: str,
    options: ReadOptions,
    keep_rejected: bool = False,
    neutral: bool = False,
) -> Summary:
    """Score an object with a progress bar; resume an interrupted run.

    ``neutral``: whether texts may be Neutral; otherwise the setting says so.

    Raises:
        SettingsError: the model does not know Neutral.
        UnreadableObject: the object has no known format, or no text column.
        OSError: it cannot be read, or the results cannot be written.
    """
    for name in (source, scored):
        if not formats.is_accepted(name):
            raise UnreadableObject(f"{name}: {formats.ACCEPTED}")
    if formats.format_name(source) != formats.format_name(scored):
        raise UnreadableObject(f"{scored}: must have the format of {source}")
    target = Target(
        storage.parse_location(scored),
        storage.parse_location(f"{scored}.rejected.jsonl"),
        storage.parse_location(f"{scored}.summary.json"),
    )
    location = storage.parse_location(source)
    with storage.open_input(location) as opened:
        for output in (target.scored, target.rejected, target.summary):
            _check_output(output, location)
        return _score(opened, target, options, keep_rejected, neutral)


def _score(
    source: Input, target: Target, options: ReadOptions, keep_rejected: bool, neutral: bool
) -> Summary:
    settings = load_settings()
    neutral = neutral or settings.neutral
    model = load_classifier(settings.model_copy(update={"cache_size": 0, "neutral": neutral}))
    outcomes = " neutral" if neutral else ""
    computed_by = f"{settings.engine} {model.bundle.revision}{outcomes}"
    no_wider_than = [source.status] if source.status else []
    with (
        Progress(_progress_path(target.scored), computed_by, no_wider_than) as progress,
        tqdm(total=source.size, unit="B", unit_scale=True, desc="scoring") as bar,
    ):

        def on_chunk(summary: Summary) -> None:
            bar.set_postfix(rows=summary.rows, rejected=summary.rejected)
            bar.update(min(source.position, source.size) - bar.n)

        return score_object(
            source,
            target,
            model,
            options=options,
            limits=text_limits(settings),
            keep_rejected=keep_rejected,
            neutral=neutral,
            on_chunk=on_chunk,
            progress=progress,
        )


def _check_output(output: Location, source: Location) -> None:
    """Check that an output can be written, and is not the input.

    Raises:
        UnreadableObject: it is the input, or a folder, pipe or device has its name.
        OSError: no file can have its name.
    """
    is_source = output == source
    if isinstance(output, LocalFile):
        with suppress(FileNotFoundError):
            local.temporary(output.path).lstat()  # its name is longer than the output's
        if output.path.exists():
            local.check_regular(output.path)
            is_source = isinstance(source, LocalFile) and output.path.samefile(source.path)
    if is_source:
        raise UnreadableObject(f"{output}: is the input, and would be overwritten")


def _progress_path(scored: Location) -> Path:
    """Return the path of the progress: next to a local output, or in this folder if it is in S3."""
    if isinstance(scored, StoredObject):
        name = re.sub(r"[^\w.-]", "_", scored.key.rpartition("/")[2])[-80:]
        digest = hashlib.sha256(str(scored).encode("utf-8", "surrogateescape")).hexdigest()
        return Path(f"{name}.{digest[:12]}.progress")
    path = Path(os.path.realpath(scored.path))
    return path.with_name(f"{path.name}.progress")


def report(summary: Summary, columns: int, block: str) -> str:
    """Return the report on a scored file.

    ``columns``: width of the terminal in characters. ``block``: character of which bars are made.
    """
    rate = summary.rows / summary.seconds if summary.seconds else 0
    scored = summary.positive + summary.negative + summary.neutral
    neutral = f"{summary.neutral:,} neutral, " if summary.neutral else ""
    lines = [
        f"{summary.rows:,} rows, {rate:,.0f} a second: {summary.positive:,} positive, "
        f"{neutral}{summary.negative:,} negative, {summary.rejected:,} rejected",
        summary.scored_to,
    ]
    if summary.column:
        others = ", ".join(map(printable, summary.other_columns))
        lines.append(
            f"text is from the column {printable(summary.column)}"
            + (f", not from {others}; --column would change that" if others else "")
        )
    if summary.rejected_to:
        lines.append(f"rejected rows: {summary.rejected_to}")
    if scored:
        half = CONFIDENCE_STEPS // 2
        steps = [50 + step * 50 // CONFIDENCE_STEPS for step in range(CONFIDENCE_STEPS + 1)]
        of_confidence = zip(pairwise(steps), summary.confidences, strict=True)
        lines += [
            "",
            _bar("positive", summary.positive, scored, columns, block),
            *([_bar("neutral", summary.neutral, scored, columns, block)] if neutral else []),
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
    label = f"{name:>10} {rows:>11,} {share:>6.1%} "
    # At least one block if there are any rows.
    blocks = max(rows > 0, round(share * (columns - len(label))))
    return (label + block * blocks).rstrip()


def block_of(stream: TextIO) -> str:
    """Return the character of which bars are made, which the output can encode."""
    try:
        BLOCK.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return "#"
    return BLOCK


def printable(name: str) -> str:
    """Return the name of a column with its control characters escaped, for a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)


def main() -> None:
    """Run the command."""
    args = _arguments()
    try:
        summary = score_as(args, args.source, args.scored)
    except KeyboardInterrupt:
        _end(130, INTERRUPTED)
    except FAILURES as error:
        _end(1, message(error))
    print_report(summary, sys.stdout)
    if not any_scored(summary):
        _end(1, f"no row could be scored; the reasons are in {summary.rejected_to}")


def score_as(args: argparse.Namespace, source: str, scored: str) -> Summary:
    """Score an object as the options of `add_options` say; `score` lists what is raised."""
    options = ReadOptions(args.column, args.delimiter, args.header, args.encoding)
    return score(source, scored, options, args.keep_rejected, args.neutral)


def message(error: Exception) -> str:
    """Return the message of one of the `FAILURES`, for a terminal."""
    if isinstance(error, UnreadableObject) and error.columns:
        return f"{error}: {', '.join(map(printable, error.columns))}"
    if isinstance(error, OSError) and error.strerror:
        name = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        return name + error.strerror
    return str(error)


def any_scored(summary: Summary) -> bool:
    """Return whether a row was scored, or there were no rows."""
    return not summary.rejected or summary.rejected < summary.rows


def width_of(stream: TextIO) -> int:
    """Return the width of a terminal in characters; for other outputs, the usual 80."""
    return shutil.get_terminal_size().columns if stream.isatty() else 80


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app.score", description=__doc__)
    parser.add_argument("source", metavar="IN", help=formats.ACCEPTED)
    parser.add_argument("scored", metavar="OUT", help="of the same format")
    add_options(parser)
    return parser.parse_args()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of reading and writing."""
    parser.add_argument("--column", default="", help="name of the text column")
    parser.add_argument(
        "--delimiter", default="", type=_delimiter, help="delimiter of CSV fields, such as ; or tab"
    )
    parser.add_argument(
        "--no-header", dest="header", action="store_false", help="the first CSV line is a row"
    )
    parser.add_argument("--encoding", default="utf-8", help="encoding of the text, such as latin-1")
    parser.add_argument(
        "--keep-rejected", action="store_true", help="rejected rows stay, without scores"
    )
    parser.add_argument("--neutral", action="store_true", help="rows may be Neutral")


def _delimiter(value: str) -> str:
    delimiter = "\t" if value in ("tab", "\\t") else value
    if len(delimiter) > 1 or delimiter in ("\n", "\r", '"'):
        raise argparse.ArgumentTypeError(
            "a delimiter is tab, or one character other than a quote or a line end"
        )
    return delimiter


def print_report(summary: Summary, output: TextIO) -> None:
    """Write the report on a scored file to standard output or standard error."""
    output.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
    try:
        output.write(report(summary, width_of(output), block_of(output)))
        output.flush()
    except BrokenPipeError:  # nobody reads it; without this, Python would report that at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())


def _end(status: int, message: str) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
