"""Files written by other programs (`tests/objects/files/make.py`)."""

from pathlib import Path

import pytest

from app.objects.formats import UnreadableObject
from tests.objects.formats.conftest import through

FOLDER = Path(__file__).parent / "files"
TEXTS = ["A fine film.", 'She said "wow", twice; then\nleft.', "Schön, sehr | gut \\ so"]
EMPTY = ["", ""]
NULL = ["", None]
UNSAID = {"header": False, "column": "2"}

READ = {
    "bgzip.csv.gz": (EMPTY, {}),
    "duckdb-bars.csv": (EMPTY, {}),
    "duckdb.csv": (EMPTY, {}),
    "duckdb.jsonl": (NULL, {}),
    "duckdb.parquet": (NULL, {}),
    "excel-sep.csv": ([], {"encoding": "cp1252"}),
    "excel-unicode.tsv": ([], {}),
    "excel-utf8.csv": ([], {}),
    "libreoffice-all-quoted.csv": ([], {}),
    "libreoffice-semicolons.csv": ([], {}),
    "libreoffice-utf16.tab": ([], {}),
    "libreoffice-windows.csv": ([], {"encoding": "cp1252"}),
    "libreoffice.csv": ([], {}),
    "mariadb-outfile.tsv": (NULL, UNSAID),
    "mariadb-quoted.csv": (NULL, UNSAID),
    "members.jsonl.gz": (NULL, {}),
    "pandas-backslash.csv": (EMPTY, {}),
    "pandas-german.csv": (EMPTY, {}),
    "pandas-noheader.csv": (EMPTY, UNSAID),
    "pandas.csv": (EMPTY, {}),
    "pandas.csv.gz": (EMPTY, {}),
    "pandas.jsonl": (NULL, {}),
    "pandas.parquet": (NULL, {}),
    "pigz.csv.gz": (EMPTY, {}),
    "polars.csv": (EMPTY, {}),
    "polars.ndjson": (NULL, {}),
    "polars.parquet": (NULL, {}),
    "polars.tsv": (EMPTY, {}),
    "postgres-text.tsv": (NULL, {}),
    "postgres.csv": (EMPTY, {}),
    "sqlite.csv": (EMPTY, {}),
}
"""Of each file, the texts that follow `TEXTS`, and the options that it needs."""

REFUSED = {
    "avro.jsonl": "is Avro, not JSON Lines",
    "duckdb-array.jsonl": "is a JSON array",
    "excel-unicode.txt": "is a table, not lines of text",
    "feather.csv": r"is Arrow \(Feather\)",
    "libreoffice-ods.csv": "is a LibreOffice spreadsheet .*: save it as CSV",
    "libreoffice-xls.csv": "is an old Office document",
    "orc.jsonl": "is ORC",
    "pandas-array.jsonl": "is a JSON array",
    "pandas-workbook.csv": "is an Excel workbook .*: save it as CSV",
    "pretty.jsonl": "is JSON over several lines",
}


@pytest.mark.parametrize("name", READ)
def test_every_character_of_a_file_is_read(name):
    after, options = READ[name]
    result = through(name, (FOLDER / name).read_bytes(), **options)
    assert result.texts == TEXTS + after
    assert result.rejected == []


@pytest.mark.parametrize("name", [name for name in READ if not name.startswith("mariadb-outfile")])
def test_scored_file_can_be_scored_again(name):
    _, options = READ[name]
    first = through(name, (FOLDER / name).read_bytes(), **options)
    again = through(name, first.written, **{**options, "encoding": "utf-8"})
    assert again.texts == first.texts
    assert again.rejected == []


@pytest.mark.parametrize("name", REFUSED)
def test_file_of_another_format_is_refused_by_name(name):
    with pytest.raises(UnreadableObject, match=REFUSED[name]):
        through(name, (FOLDER / name).read_bytes())


def test_every_file_in_the_folder_is_tested():
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == {
        *READ,
        *REFUSED,
        "make.py",
    }
