"""Writes the files in this folder with the programs that people use to export tables.

Run in an environment of pandas 3.1, polars 2.1, duckdb 2.0, pyarrow 26, openpyxl 3.1 and fastavro
1.13, with LibreOffice 7.4, PostgreSQL 15, MariaDB 10.11, SQLite 3.40, pigz 2.6 and bgzip 1.16
installed, as a user who may start the two servers: ``python tests/objects/files/make.py``.
Excel is not among them: ``excel-*`` are written by Python in the forms that Excel saves.
"""

import csv
import gzip
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import duckdb
import fastavro
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.orc

HERE = Path(__file__).parent
TEXTS = [
    "A fine film.",
    'She said "wow", twice; then\nleft.',
    "Schön, sehr | gut \\ so",
    "",
    None,
]
ROWS = [(i + 1, text, 3.5) for i, text in enumerate(TEXTS)]
FRAME = pd.DataFrame(ROWS, columns=["id", "text", "price"])
EXCEL = [row for row in ROWS if row[1]]


def by_pandas() -> None:
    FRAME.to_csv(HERE / "pandas.csv")
    FRAME.to_csv(
        HERE / "pandas-german.csv", sep=";", decimal=",", index=False, encoding="utf-8-sig"
    )
    FRAME.to_csv(HERE / "pandas-backslash.csv", escapechar="\\", doublequote=False, index=False)
    FRAME.to_csv(HERE / "pandas.csv.gz", index=False)
    FRAME.to_csv(HERE / "pandas-noheader.csv", header=False, index=False)
    FRAME.to_json(HERE / "pandas.jsonl", orient="records", lines=True)
    FRAME.to_json(HERE / "pandas-array.jsonl", orient="records", indent=1)
    category = FRAME.assign(kind=pd.Categorical(["a", "b", "a", None, "b"]))
    category.set_index("id").to_parquet(HERE / "pandas.parquet")
    FRAME.to_excel(HERE / "pandas-workbook.csv.xlsx", index=False)
    (HERE / "pandas-workbook.csv.xlsx").rename(HERE / "pandas-workbook.csv")


def by_polars() -> None:
    frame = pl.from_pandas(FRAME)
    frame.write_csv(HERE / "polars.csv")
    frame.write_csv(HERE / "polars.tsv", separator="\t", quote_style="always")
    frame.write_ndjson(HERE / "polars.ndjson")
    frame.with_columns(pl.col("text").alias("tags").str.split(" ")).write_parquet(
        HERE / "polars.parquet"
    )


def by_duckdb() -> None:
    connection = duckdb.connect()
    connection.register("frame", FRAME)
    for name, options in (
        ("duckdb.csv", ""),
        ("duckdb-bars.csv", "(delimiter '|', header)"),
        ("duckdb.jsonl", "(format json)"),
        ("duckdb-array.jsonl", "(format json, array true)"),
    ):
        connection.execute(f"copy frame to '{HERE / name}' {options}")
    connection.execute(
        "copy (select id, encode(text) as text, {'price': price::decimal(9, 2)} as more, "
        f"interval 1 day as span from frame) to '{HERE / 'duckdb.parquet'}' (format parquet)"
    )


def by_office() -> None:
    with tempfile.TemporaryDirectory() as folder:
        book = Path(folder, "book.xlsx")
        pd.DataFrame(EXCEL, columns=["id", "text", "price"]).to_excel(book, index=False)
        for name, options in (
            ("libreoffice.csv", "44,34,76"),
            ("libreoffice-semicolons.csv", "59,34,76"),
            ("libreoffice-windows.csv", "59,34,1"),
            ("libreoffice-utf16.tab", "9,34,65535"),
            ("libreoffice-all-quoted.csv", "44,34,76,1,,0,true"),
        ):
            kind = f"csv:Text - txt - csv (StarCalc):{options}"
            _run("soffice", "--headless", "--convert-to", kind, "--outdir", folder, book)
            shutil.move(Path(folder, "book.csv"), HERE / name)
        for kind in ("ods", "xls"):
            _run("soffice", "--headless", "--convert-to", kind, "--outdir", folder, book)
            shutil.move(Path(folder, f"book.{kind}"), HERE / f"libreoffice-{kind}.csv")


def as_excel() -> None:
    def write(name: str, encoding: str, delimiter: str, before: str = "") -> None:
        with (HERE / name).open("w", encoding=encoding, newline="") as file:
            file.write(before)
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerows([["id", "text", "price"], *EXCEL])

    write("excel-sep.csv", "cp1252", ";", "sep=;\r\n")
    write("excel-utf8.csv", "utf-8-sig", ",")
    write("excel-unicode.txt", "utf-16", "\t")
    write("excel-unicode.tsv", "utf-16", "\t")


def by_databases() -> None:
    table = "create table reviews (id int, text varchar(200), price decimal(9, 2));"
    quoted = [
        "null" if text is None else "'" + text.replace("'", "''") + "'" for _, text, _ in ROWS
    ]
    values = ", ".join(f"({i + 1}, {text}, 3.5)" for i, text in enumerate(quoted))
    insert = f"insert into reviews values {values};"
    dots = f".headers on\n.mode csv\n.once {HERE / 'sqlite.csv'}"
    script = f"{table}{insert}\n{dots}\nselect * from reviews;\n"
    _run("sqlite3", ":memory:", text=script)
    _by_postgres(table + insert)
    escaped = insert.replace("\\", "\\\\")
    _by_mariadb(table + escaped)


def _by_postgres(setup: str) -> None:
    folder = tempfile.mkdtemp()
    shutil.chown(folder, "postgres")
    programs = next(Path("/usr/lib/postgresql").glob("*/bin"))
    as_postgres = ["runuser", "-u", "postgres", "--"]
    _run(*as_postgres, programs / "initdb", "-D", f"{folder}/data", "-E", "UTF8")
    options = f"-k {folder} -c listen_addresses="
    start = [programs / "pg_ctl", "-D", f"{folder}/data", "-w", "-l", f"{folder}/log"]
    _run(*as_postgres, *start, "-o", options, "start")
    try:
        client = [*as_postgres, "psql", "-h", folder, "-d", "postgres", "-q"]
        _run(*client, "-c", setup)
        for name, how in (
            ("postgres.csv", "format csv, header"),
            ("postgres-text.tsv", "format text, header"),
        ):
            done = _run(*client, "-c", f"copy reviews to stdout ({how})")
            (HERE / name).write_bytes(done)
    finally:
        _run(*as_postgres, *start, "-m", "fast", "stop")


def _by_mariadb(setup: str) -> None:
    folder = tempfile.mkdtemp()
    shutil.chown(folder, "mysql")
    Path(folder).chmod(0o755)
    _run("mariadb-install-db", "--user=mysql", f"--datadir={folder}/data")
    socket = f"{folder}/socket"
    server = subprocess.Popen(
        [
            "mariadbd",
            "--user=mysql",
            f"--datadir={folder}/data",
            f"--socket={socket}",
            "--skip-networking",
            "--secure-file-priv=",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    client = ["mariadb", f"--socket={socket}", "--default-character-set=utf8mb4"]
    try:
        _run("mariadb-admin", f"--socket={socket}", "--wait=30", "ping")
        _run(*client, text=f"create database d charset utf8mb4; use d; {setup}")
        for name, how in (
            ("mariadb-outfile.tsv", ""),
            ("mariadb-quoted.csv", """fields terminated by ',' optionally enclosed by '"'"""),
        ):
            file = f"{folder}/{name}"
            select = f"select * from d.reviews into outfile '{file}' character set utf8mb4 {how}"
            _run(*client, text=select)
            shutil.copyfile(file, HERE / name)
    finally:
        server.terminate()
        server.wait()


def as_gzip() -> None:
    rows = (HERE / "duckdb.jsonl").read_bytes().splitlines(keepends=True)
    (HERE / "members.jsonl.gz").write_bytes(b"".join(map(gzip.compress, rows)))
    table = (HERE / "duckdb.csv").read_bytes()
    for program in ("pigz", "bgzip"):
        done = subprocess.run([program, "-c"], input=table, check=True, capture_output=True)
        (HERE / f"{program}.csv.gz").write_bytes(done.stdout)


def of_other_formats() -> None:
    table = pa.Table.from_pandas(FRAME)
    pyarrow.orc.write_table(table, HERE / "orc.jsonl")
    pyarrow.feather.write_feather(table, HERE / "feather.csv")
    schema = {"type": "record", "name": "r", "fields": [{"name": "text", "type": "string"}]}
    with (HERE / "avro.jsonl").open("wb") as file:
        fastavro.writer(file, schema, [{"text": "A fine film."}])
    (HERE / "pretty.jsonl").write_text(json.dumps({"text": "A fine film."}, indent=2))


def _run(*command: object, text: str = "") -> bytes:
    done = subprocess.run(
        [str(each) for each in command],
        input=text.encode(),
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "HOME": tempfile.gettempdir()},
    )
    return done.stdout


if __name__ == "__main__":
    by_pandas()
    by_polars()
    by_duckdb()
    by_office()
    as_excel()
    by_databases()
    as_gzip()
    of_other_formats()
