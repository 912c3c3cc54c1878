"""Tables of texts, read row by row: CSV, TSV, JSON Lines and Parquet."""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from app.sentiment.text import normalise
from training.stars import Stars

TEXT_COLUMNS = ("text", "sentence", "content", "review", "comment", "body", "message")
"""Usual names of the column of texts, by priority."""
LABEL_COLUMNS = ("label", "sentiment", "polarity", "class")
STAR_COLUMNS = ("rating", "stars", "star_rating", "score")
"""Usual names of a column of grades, by priority."""
_RATING = "rating"
_DELIMITERS = ",;\t|"
_KEY_ROWS = 100
"""Rows of JSON Lines whose keys are the columns."""
_MAX_FIELD_BYTES = 2**31 - 1
_BATCH_ROWS = 4096

Rows = Iterator[Sequence[object]]


@dataclass(frozen=True)
class Columns:
    """Which columns hold the texts and their labels; empty: the first that has a usual name."""

    text: str = ""
    label: str = ""
    stars: Stars | None = None
    """The labels of grades, if the labels are grades."""


@dataclass(frozen=True)
class Source:
    """A table whose rows are not read yet."""

    name: str
    columns: Sequence[str]
    rows: Callable[[Sequence[str]], Rows]
    """Yields the values of these columns, row by row; None where a row has no value."""


@dataclass(frozen=True)
class Table:
    """The rows of a table that have a text and a label."""

    texts: list[str]
    """Normalised; none is blank."""
    labels: list[object]
    """As the table has them; of grades, the names of their labels."""
    numbers: list[int]
    """The number of each row, from 1."""
    ratings: np.ndarray | None
    """The grade of each text, (texts,), if the table says them."""
    left_out: dict[str, int]
    """How many rows were left out, by the reason."""


def is_table(path: Path) -> bool:
    """Return whether a file's name is that of a table."""
    return any(path.name.lower().removesuffix(".gz").endswith(suffix) for suffix in _OPENERS)


def is_json(path: Path) -> bool:
    """Return whether a file's name is that of JSON Lines."""
    return path.name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson"))


def find(columns: Sequence[str], requested: str, usual: Sequence[str]) -> str | None:
    """Return the column with the requested name or, if none is requested, with a usual one.

    A name is found in any case; one that is written alike comes first.
    """
    if requested in columns:
        return requested
    folded = {column.strip().lower(): column for column in reversed(columns)}
    names = (name.strip().lower() for name in ([requested] if requested else usual))
    return next((folded[name] for name in names if name in folded), None)


def source(path: Path) -> Source:
    """Return the table in a file.

    Raises:
        ValueError: the kind of the file is unknown, or its beginning cannot be read.
    """
    name = path.name.lower()
    stem = name.removesuffix(".gz")
    suffix = next((suffix for suffix in _OPENERS if stem.endswith(suffix)), "")
    if not suffix or (suffix == ".parquet" and stem != name):
        raise ValueError(
            f"{path}: expected a file ending in {', '.join(_OPENERS)}; all but .parquet also .gz"
        )
    return _OPENERS[suffix](path)


def arrow_source(name: str, table: pa.Table) -> Source:
    """Return a table that is in memory."""
    return Source(
        name, table.column_names, lambda columns: _arrow_rows(table.to_batches(), columns)
    )


def read(table: Source, columns: Columns) -> Table:
    """Read the texts and labels of a table.

    Rows without a text or without a label, and those whose grade has no label, are left out.

    Raises:
        ValueError: a column is missing, a value is not a grade, or no row is left.
    """
    text_column, label_column = _find_columns(table, columns)
    has_ratings = _RATING in table.columns or columns.stars is not None
    rating_column = _RATING if _RATING in table.columns else label_column
    left_out: Counter[str] = Counter()
    texts: list[str] = []
    labels: list[object] = []
    numbers: list[int] = []
    ratings: list[object] = []
    rows = table.rows([text_column, label_column, rating_column])
    for number, (value, given, rating) in enumerate(rows, 1):
        text = normalise(as_text(value))
        label = None if given is None or not str(given).strip() else given
        if not text:
            left_out["without a text"] += 1
        elif label is None:
            left_out["without a label"] += 1
        elif columns.stars and (label := _of_grade(table, number, columns.stars, given)) is None:
            left_out["with a grade between the labels"] += 1
        else:
            texts.append(text)
            labels.append(label)
            numbers.append(number)
            ratings.append(rating)
    if not texts:
        raise ValueError(f"{table.name} holds no texts with a label")
    return Table(texts, labels, numbers, _grades(ratings) if has_ratings else None, dict(left_out))


def as_text(value: object) -> str:
    """Return a value of a column of texts as a text; no value is a blank one."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)


def _find_columns(table: Source, columns: Columns) -> tuple[str, str]:
    """Return the columns of the texts and of the labels.

    Raises:
        ValueError: there is none.
    """
    usual = (*STAR_COLUMNS, *LABEL_COLUMNS) if columns.stars else LABEL_COLUMNS
    found = []
    for requested, names, option in (
        (columns.text, TEXT_COLUMNS, "--text-column (TEXT_COLUMN=)"),
        (columns.label, usual, "--label-column (LABEL_COLUMN=)"),
    ):
        column = find(table.columns, requested, names)
        if column is None:
            missing = repr(requested) if requested else " or ".join(map(repr, names))
            advice = f"name it with {option}"
            if names is LABEL_COLUMNS and (grades := find(table.columns, "", STAR_COLUMNS)):
                advice += f", or read {grades!r} as grades with --stars 1-5 (STARS=1-5)"
            raise ValueError(
                f"{table.name}: no column {missing}; it has {', '.join(table.columns)}: {advice}"
            )
        found.append(column)
    text, label = found
    return text, label


def _of_grade(table: Source, number: int, stars: Stars, grade: object) -> str | None:
    try:
        return stars.label(grade)
    except ValueError as error:
        raise ValueError(f"{table.name}: row {number}: {error}: see --stars (STARS=)") from None


def _grades(values: Sequence[object]) -> np.ndarray | None:
    """Return grades as whole numbers where they are all whole; None where one is not a number."""
    try:
        grades = np.array([float(str(value)) for value in values])
    except ValueError:
        return None
    if not np.isfinite(grades).all():
        return None
    whole = grades.astype(int)
    return whole if (whole == grades).all() else grades


def _csv(path: Path) -> Source:
    with _opened(path) as file:
        delimiter = _delimiter(file.readline()) if ".csv" in path.name.lower() else "\t"
    header = next(_csv_lines(path, delimiter), None)
    if header is None:
        raise ValueError(f"{path} is empty")

    def rows(columns: Sequence[str]) -> Rows:
        positions = [header.index(column) for column in columns]
        for number, line in enumerate(islice(_csv_lines(path, delimiter), 1, None), 1):
            if len(line) != len(header):
                raise ValueError(
                    f"{path}: row {number} has {len(line)} fields, and the header has "
                    f"{len(header)}; a text with {delimiter!r} in it must be in double quotes"
                )
            yield [line[position] for position in positions]

    return Source(str(path), header, rows)


def _csv_lines(path: Path, delimiter: str) -> Iterator[list[str]]:
    """Yield the fields of each line that is not empty.

    Raises:
        ValueError: quotes are wrong, or the file is not UTF-8.
    """
    csv.field_size_limit(_MAX_FIELD_BYTES)
    with _opened(path) as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            yield from filter(None, reader)
        except csv.Error as error:
            raise ValueError(
                f"{path}: line {reader.line_num}: {error}; a double quote in a text must be "
                "doubled, and the text in double quotes"
            ) from error


def _delimiter(header: str) -> str:
    """Return what separates the names in a header: a comma if it has one."""
    return next((delimiter for delimiter in _DELIMITERS if delimiter in header), ",")


def _json_lines(path: Path) -> Source:
    first = islice(_json_objects(path), _KEY_ROWS)
    names = list(dict.fromkeys(key for row in first for key in row))

    def rows(columns: Sequence[str]) -> Rows:
        return ([row.get(column) for column in columns] for row in _json_objects(path))

    return Source(str(path), names, rows)


def _json_objects(path: Path) -> Iterator[dict[str, object]]:
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise ValueError(f"{path}: line {number} is not a JSON object")
            yield row


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Open a text file, which may be compressed.

    Raises:
        ValueError: it is not UTF-8, or the compressed data is cut off.
    """
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        try:
            yield file
        except UnicodeDecodeError:
            raise ValueError(
                f"{path} is not UTF-8: convert it, as with iconv -f cp1252 -t utf-8"
            ) from None
        except EOFError:
            raise ValueError(f"{path} is cut off") from None


def _parquet(path: Path) -> Source:
    try:
        file = parquet.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: {error}") from error
    names = file.schema_arrow.names

    def rows(columns: Sequence[str]) -> Rows:
        return _arrow_rows(file.iter_batches(_BATCH_ROWS, columns=list(set(columns))), columns)

    return Source(str(path), names, rows)


def _arrow_rows(batches: Iterable[pa.RecordBatch], columns: Sequence[str]) -> Rows:
    for batch in batches:
        yield from zip(*(batch.column(column).to_pylist() for column in columns), strict=True)


_OPENERS: dict[str, Callable[[Path], Source]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".tsv": _csv,
    ".tab": _csv,
}
