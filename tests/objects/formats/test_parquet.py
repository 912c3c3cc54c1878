"""Parquet: columns are kept, and damaged files refused by a child process that may die."""

import io
import random
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from app.objects import formats
from app.objects.formats import UnreadableObject
from app.objects.formats import parquet as module
from app.objects.formats.parquet import protocol, worker
from tests.objects.formats.conftest import through

TEXTS = ["A fine film.", None, "Schön 😍", ""]


def written(table: pa.Table, **options) -> bytes:
    file = io.BytesIO()
    parquet.write_table(table, file, **options)
    return file.getvalue()


def read(data: bytes) -> pa.Table:
    return parquet.read_table(io.BytesIO(data))


COLUMNS = {
    "int8": pa.array([1, 2, None, 4], pa.int8()),
    "uint64": pa.array([2**64 - 1, 2, None, 4], pa.uint64()),
    "float": pa.array([0.5, 2, None, 4], pa.float32()),
    "half": pa.array([0.5, 2, None, 4], pa.float16()),
    "decimal": pa.array([Decimal("1.10"), None, Decimal("-2.00"), None], pa.decimal128(30, 2)),
    "date": pa.array([date(2024, 2, 29), None, None, None]),
    "time": pa.array([1, None, None, 2], pa.time64("us")),
    "timestamp": pa.array(
        [datetime(2024, 2, 29, tzinfo=UTC)] * 4, pa.timestamp("us", "Asia/Tokyo")
    ),
    "duration": pa.array([1, None, None, 2], pa.duration("ms")),
    "binary": pa.array([b"\xff", None, b"", b"x"]),
    "fixed": pa.array([b"abcd", None, b"efgh", None], pa.binary(4)),
    "list": pa.array([["a"], None, [], ["b", None]]),
    "struct": pa.array([{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}, {"a": 2, "b": []}]),
    "map": pa.array([[("a", 1)], None, [], [("b", 2)]], pa.map_(pa.string(), pa.int32())),
    "category": pa.array(["x", "y", None, "x"]).dictionary_encode(),
    "bool": pa.array([True, None, False, True]),
    "null": pa.nulls(4),
    "date in milliseconds": pa.array([date(1960, 2, 29), None, None, None], pa.date64()),
    "large": pa.array(["a", None, "b", "c"], pa.large_string()),
    "view": pa.array(["a", None, "b", "c"], pa.string_view()),
}


def test_every_column_keeps_its_type_and_values():
    table = pa.table({**COLUMNS, "text": TEXTS}).replace_schema_metadata({"note": "kept"})
    result = through("r.parquet", written(table))
    back = read(result.written)
    assert result.texts == TEXTS
    assert back.schema.names == [*table.schema.names, "sentiment", "confidence", "positive"]
    for name in table.schema.names:
        assert back.schema.field(name).type == read(written(table)).schema.field(name).type
        assert back[name].to_pylist() == table[name].to_pylist()
    assert back["positive"].to_pylist() == [0.75] * 4
    assert back.schema.metadata[b"note"] == b"kept"


def test_table_metadata_is_kept():
    table = pa.table({"text": TEXTS}).replace_schema_metadata({"pandas": "{}", "geo": '{"a": "é"}'})
    back = parquet.ParquetFile(io.BytesIO(through("r.parquet", written(table)).written))
    assert back.metadata.metadata[b"pandas"] == b"{}"
    assert back.metadata.metadata[b"geo"] == '{"a": "é"}'.encode()
    assert back.schema_arrow.metadata[b"geo"] == '{"a": "é"}'.encode()


def test_logical_types_are_kept_for_arrow():
    uuids = pa.array([b"0123456789abcdef"] * 4, pa.uuid())
    back = read(through("r.parquet", written(pa.table({"text": TEXTS, "id": uuids}))).written)
    assert back.schema.field("id").type == pa.uuid()
    assert back["id"].to_pylist() == uuids.to_pylist()


@pytest.mark.parametrize(
    "type_",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.binary_view(),
    ],
    ids=str,
)
def test_text_is_read_from_every_textual_type(type_):
    texts = pa.array(TEXTS).cast(pa.binary() if "binary" in str(type_) else pa.string())
    column = texts.dictionary_encode() if "dictionary" in str(type_) else texts.cast(type_)
    assert through("r.parquet", written(pa.table({"review": column}))).texts == TEXTS


def test_bytes_that_are_not_utf_8_are_rejected_alone():
    column = pa.array([b"good", b"\xff\xfe", b"fine"])
    result = through("r.parquet", written(pa.table({"text": column})), keep_rejected=True)
    assert result.texts == ["good", "fine"]
    assert result.reasons == [(2, "text is not UTF-8")]
    back = read(result.written)
    assert back["text"].to_pylist() == column.to_pylist()
    assert back["sentiment"].to_pylist() == ["Positive", None, "Positive"]
    assert back["reason"].to_pylist() == [None, "text is not UTF-8", None]


@pytest.mark.parametrize("rows", [0, 2])
def test_table_without_rows_to_write_keeps_its_schema(rows):
    table = pa.table({"id": pa.array([1] * rows, pa.int16()), "text": pa.array([b"\xff"] * rows)})
    back = read(through("r.parquet", written(table)).written)
    assert back.num_rows == 0
    assert back.schema.names == ["id", "text", "sentiment", "confidence", "positive"]
    assert back.schema.field("id").type == pa.int16()


def test_only_column_may_have_any_name():
    assert through("r.parquet", written(pa.table({"What did you think?": ["a"]}))).texts == ["a"]


def test_existing_column_is_kept():
    table = pa.table({"Sentiment": ["mine"], "text": ["a"], "positive": [1], "positive_1": [2]})
    back = read(through("r.parquet", written(table)).written)
    assert back.schema.names == [*table.schema.names, "sentiment_1", "confidence", "positive_2"]
    assert back["Sentiment"].to_pylist() == ["mine"]


def test_duplicate_column_names_are_kept():
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    result = through("r.parquet", written(table))
    assert result.texts == ["a"]
    assert parquet.ParquetFile(io.BytesIO(result.written)).schema_arrow.names[:2] == [
        "text",
        "text",
    ]


def test_text_column_of_another_type_is_refused():
    with pytest.raises(UnreadableObject, match="values of another type"):
        through("r.parquet", written(pa.table({"text": [1, 2]})))


def test_column_names_are_not_in_the_message():
    with pytest.raises(UnreadableObject, match="there are 2 columns") as raised:
        through("r.parquet", written(pa.table({"secret": ["a"], "id": [1]})))
    assert raised.value.columns == ("secret", "id")


def test_many_rows_are_read_in_order_and_in_chunks():
    texts = [f"text {i}" for i in range(3000)]
    table = pa.table({"id": range(3000), "text": texts})
    result = through("r.parquet", written(table, row_group_size=700))
    assert result.texts == texts
    assert [row.line for row in result.rows] == [*range(1, 3001)]
    assert result.chunks == 6
    assert read(result.written)["id"].to_pylist() == [*range(3000)]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is not Parquet"),
        (b"no", "is not Parquet"),
        (b"PAR1", "is cut off"),
        (b"PAR1PAR1", "is cut off"),
        (b"PAR1" + b"\xff" * 8 + b"PAR1", "is damaged"),
        (written(pa.table({"text": ["a"]}))[:-1], "is cut off"),
        (b"PK\x03\x04[Content_Types].xml", "is an Office document"),
        (b"id,text\n1,a\n", "is not Parquet"),
        (b"PAR1" + b"x" * 20 + b"PARE", "is encrypted Parquet"),
    ],
)
def test_other_files_are_refused(data, what):
    with pytest.raises(UnreadableObject, match=what):
        through("r.parquet", data)


def mutated(data: bytes, seed: int) -> bytes:
    """Return the file with a few bytes changed, removed or repeated, mostly in its footer."""
    chance, result = random.Random(seed), bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(result) // (2 if chance.random() < 0.3 else 1) - 8)
        at = len(result) - 8 - at if chance.random() < 0.5 else at + 4
        match chance.randrange(4):
            case 0:
                result[at] = chance.randrange(256)
            case 1:
                result[at] ^= 1 << chance.randrange(8)
            case 2:
                del result[at : at + chance.randint(1, 8)]
            case 3:
                result[at:at] = result[at : at + chance.randint(1, 8)]
    return bytes(result)


SMALL = pa.table(
    {
        "id": range(40),
        "text": [f"text {i % 7}" for i in range(40)],
        "list": [["a"] * (i % 3) for i in range(40)],
        "when": pa.array(range(40), pa.timestamp("us")),
    }
)


def survives(data: bytes) -> bool:
    """Return whether the file is read; raise anything but a refusal."""
    try:
        result = through("r.parquet", data)
    except UnreadableObject as error:
        assert "text" not in str(error).replace("column of texts", "").replace("named text", "")
        return False
    assert all(text is None or isinstance(text, str) for text in result.texts)
    return True


@pytest.mark.property
@pytest.mark.parametrize("codec", ["none", "snappy", "zstd", "gzip"])
def test_damaged_parquet_is_read_or_refused(codec, damaged_files):
    data = written(SMALL, compression=codec, row_group_size=20)
    outcomes = [survives(mutated(data, seed)) for seed in range(damaged_files)]
    assert not all(outcomes)


@pytest.fixture
def damaged_files(request) -> int:
    """Number of damaged files of each kind; more in `make properties`."""
    from hypothesis import settings

    return 10 if settings.default.max_examples <= 50 else 2500


def bomb() -> bytes:
    """Return some hundred bytes that decode to gigabytes of text."""
    text = pa.array(["x" * (60 * 1024 * 1024)])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 64, pa.int32()), text)
    table = pa.table({"text": column})
    options = {"compression": "zstd", "compression_level": 19, "write_statistics": False}
    return written(table, dictionary_pagesize_limit=2**30, store_schema=False, **options)


def test_parquet_that_decodes_to_too_much_memory_is_refused():
    data = bomb()
    assert len(data) < 20_000
    with pytest.raises(UnreadableObject, match="too much memory"):
        through("r.parquet", data)


def test_row_that_is_too_large_is_rejected_alone(monkeypatch):
    table = pa.table({"text": ["a", "x" * (33 * 1024 * 1024), "b"]})
    result = through("r.parquet", written(table, compression="zstd"))
    assert result.texts == ["a", "b"]
    assert result.reasons == [(2, "has more than 16,777,216 bytes")]
    assert read(result.written)["text"].to_pylist() == ["a", "b"]


def test_stalled_worker_gives_heartbeats_until_the_time_limit(monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(module, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(module, "_COMMAND", [sys.executable, "-c", "import time; time.sleep(60)"])
    chunks = []
    with pytest.raises(UnreadableObject, match="takes more than"):
        chunks.extend(formats.by_name("r.parquet").read(io.BytesIO(written(SMALL))))
    with pytest.raises(UnreadableObject, match="takes more than"):
        for chunk in formats.by_name("r.parquet").read(io.BytesIO(written(SMALL))):
            chunks.append(chunk)
    assert len(chunks) > 1
    assert not any(chunk.rows for chunk in chunks)


def test_exceptions_of_scoring_and_files_are_raised_unchanged():
    form = formats.by_name("r.parquet")
    chunks = form.read(io.BytesIO(written(SMALL)))

    def failing():
        chunk = next(chunks)
        yield formats.ScoredChunk([], [], chunk.layout)
        raise KeyError("scoring")

    with pytest.raises(KeyError):
        form.write(io.BytesIO(), failing())

    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    scored = (formats.ScoredChunk(chunk.rows, [None] * len(chunk.rows), chunk.layout)
              for chunk in form.read(io.BytesIO(written(SMALL))))  # fmt: skip
    with pytest.raises(OSError, match="No space"):
        form.write(Full(), scored)


def test_worker_protocol():
    """The code of the worker, here in the process of the test."""
    data, sent = written(SMALL), io.BytesIO()

    class FakeParent(worker.Parent):
        def __init__(self):
            super().__init__(io.BytesIO(), sent)

        def ask(self, kind, *parts):
            if kind == b"R":
                offset, length = protocol.json.loads(b"".join(parts))
                return b"D", data[offset : offset + length]
            return b"P", b"1"

    worker.read(FakeParent(), len(data))
    sent.seek(0)
    kind, message = protocol.receive(sent)
    assert (kind, protocol.unpack(message)[0]) == (b"B", [0, []])
    kind, message = protocol.receive(sent)
    assert protocol.unpack(message)[0][1][:2] == ["text 0", "text 1"]
