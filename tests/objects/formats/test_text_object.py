"""Text in any encoding and compression; other formats are refused by name."""

import contextlib
import gzip
import io
import lzma
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.objects import formats
from app.objects.formats import UnreadableObject
from tests.objects.formats.conftest import through

TABLE = "id;text\n1;Schön, sehr\n2;Übel 😍 日本\n"
ROWS = {
    "r.csv": TABLE,
    "r.jsonl": '{"text": "Schön, sehr"}\n{"text": "Übel 😍 日本"}\n',
    "r.txt": "Schön, sehr\nÜbel 😍 日本\n",
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"],
)
def test_unicode_is_detected_by_its_mark_or_nuls_and_written_as_utf_8(name, encoding):
    result = through(name, ROWS[name].encode(encoding))
    assert result.texts == ["Schön, sehr", "Übel 😍 日本"]
    assert "Schön, sehr" in result.written.decode("utf-8")
    assert b"\0" not in result.written


def test_byte_order_mark_of_a_table_is_kept_for_excel():
    assert through("r.csv", TABLE.encode("utf-16")).written.startswith("\ufeffid;text;".encode())
    assert through("r.csv", TABLE.encode("utf-8")).written.startswith(b"id;text;")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "cp437", "mac-roman"])
def test_declared_encodings_are_read(encoding):
    data = "id,text\n1,Schön\n".encode(encoding)
    assert through("r.csv", data, encoding=encoding).texts == ["Schön"]
    [(line, reason)] = through("r.csv", data).reasons
    assert line == 2
    assert "--encoding latin-1" in reason


@pytest.mark.parametrize("encoding", ["shift_jis", "euc-kr", "gb18030"])
def test_declared_multibyte_encodings_are_read(encoding):
    texts = {"shift_jis": "表示", "euc-kr": "좋아요", "gb18030": "很好😍"}
    data = f"id,text\n1,{texts[encoding]}\n".encode(encoding)
    assert through("r.csv", data, encoding=encoding).texts == [texts[encoding]]


@pytest.mark.parametrize("encoding", ["", "klingon", "hex", "utf-7", "a\0b", "rot13", "idna"])
def test_unknown_encoding_is_refused(encoding):
    with pytest.raises(UnreadableObject, match="requested encoding is unknown"):
        through("r.csv", b"text\na\n", encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["le", "be"])
def test_byte_order_is_detected_by_nuls_without_a_mark(encoding, order):
    data = "id,text\n1,Good\n".encode(f"{encoding}-{order}")
    assert through("r.csv", data, encoding=encoding).texts == ["Good"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_unknown_byte_order_is_refused_with_advice(encoding):
    with pytest.raises(UnreadableObject, match=f"no byte order mark: .*{encoding}-le"):
        through("r.csv", b"id,text\n1,Good\n", encoding=encoding)


CODECS = [
    "utf-8-sig",
    "utf-16",
    "utf-32",
    "hz",
    "iso2022_jp_2",
    "big5hkscs",
    "shift_jisx0213",
    "cp1252",
]


@given(st.sampled_from(CODECS), st.binary(max_size=40))
def test_any_bytes_in_any_encoding_are_read_or_refused(encoding, data):
    with contextlib.suppress(UnreadableObject):
        through("r.txt", data, encoding=encoding)


def test_undecodable_line_is_rejected_alone():
    good = "id,text\n1,a\n2,b\n3,c\n".encode("utf-16")
    at = good.index("b".encode("utf-16-le"))
    damaged = good[:at] + b"\x00\xd8" + good[at + 2 :]
    result = through("r.csv", damaged)
    assert result.texts == ["a", "c"]
    assert result.reasons == [(3, "is not UTF-16-LE")]
    assert through("r.csv", good[:-1]).texts == ["a", "b"]


def test_single_nul_is_not_taken_for_utf_16():
    result = through("r.txt", b"a line\nanother\0line\nthe last line\n")
    assert result.texts == ["a line", "the last line"]
    assert result.reasons == [(2, "holds a NUL character")]


ROWS_GZ = b"".join(b'{"text": "row %d"}\n' % i for i in range(2000))


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz", "r.ndjson", "R.JSONL.GZ"])
@pytest.mark.parametrize("zipped", [True, False])
def test_gzip_is_read_by_content_and_written_by_name(name, zipped):
    result = through(name, gzip.compress(ROWS_GZ) if zipped else ROWS_GZ)
    assert len(result.rows) == 2000
    assert result.written.startswith(b"\x1f\x8b") == name.lower().endswith(".gz")


def test_gzip_members_are_one_object():
    members = [gzip.compress(ROWS_GZ[i : i + 1000]) for i in range(0, len(ROWS_GZ), 1000)]
    assert len(through("r.jsonl.gz", b"".join(members)).rows) == 2000
    assert len(through("r.jsonl.gz", gzip.compress(b"").join(members) + b"\0" * 512).rows) == 2000


@pytest.mark.parametrize(
    ("damage", "rows", "reason"),
    [
        (lambda data: data[: len(data) // 2], 500, "the gzip data is cut off here"),
        (lambda data: data[:-4], 1999, "the gzip data is cut off here"),
        (lambda data: data[:-8] + b"\1" * 8, 1999, "the gzip data is damaged from here on"),
        (lambda data: data + b"more", 1999, "what follows here is not gzip"),
        (lambda data: data + data[:5], 1999, "the gzip data is cut off here"),
        (
            lambda data: data[: len(data) // 2] + b"\xff" * 40 + data[len(data) // 2 :],
            500,
            "the gzip data is damaged from here on",
        ),
    ],
)
def test_rows_before_the_damage_in_gzip_are_scored(damage, rows, reason):
    result = through("r.jsonl.gz", damage(gzip.compress(ROWS_GZ)))
    assert len(result.rows) >= rows
    assert result.texts[:rows] == [f"row {i}" for i in range(rows)]
    assert reason in result.reasons[-1][1]


@pytest.mark.parametrize("data", [b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0", b"\x1f\x8bxxxxxxxxxxx"])
def test_unreadable_gzip_is_refused(data):
    with pytest.raises(UnreadableObject, match="gzip data"):
        through("r.jsonl.gz", data)


def archive(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr(name, "x")
    return file.getvalue()


OTHERS = [
    (archive("xl/workbook.xml"), "an Excel workbook"),
    (archive("word/document.xml"), "a Word document"),
    (archive("reviews.csv"), "a ZIP archive"),
    (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504, "an old Office document"),
    (b"PAR1\x15\x04\x15", "Parquet"),
    (b"Obj\x01\x04\x14avro.codec", "Avro"),
    (b"ORC\n\x03\0\0", "ORC"),
    (b"ARROW1\0\0\xff", "Arrow"),
    (b"SQLite format 3\0", "a SQLite database"),
    (lzma.compress(b"text\n"), "xz"),
    (b"BZh91AY&SY\x01\xff", "bzip2"),
    (b"\x28\xb5\x2f\xfd\x04\0", "Zstandard"),
    (b"\n<!DOCTYPE html><html>", "an HTML page"),
    (b'<?xml version="1.0"?><Error/>', "XML"),
    (gzip.compress(gzip.compress(b"text\n")), "gzip twice over"),
    (gzip.compress(archive("xl/workbook.xml")), "an Excel workbook"),
    (b"\x89PNG\r\n\x1a\n", "an image"),
    (bytes(range(256)) * 4, "binary data"),
]


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.txt", "r.tsv.gz"])
@pytest.mark.parametrize(("data", "kind"), OTHERS, ids=[kind for _, kind in OTHERS])
def test_binary_object_of_another_format_is_refused_by_name(name, data, kind):
    with pytest.raises(UnreadableObject, match=f"is {kind}.*, not "):
        through(name, data)


@pytest.mark.parametrize("text", ["ORCA is a film.", "PAR1 is a stage.", "BZh", "Rar!", "%PDF is"])
def test_text_that_begins_with_a_signature_is_text(text):
    assert through("r.txt", text.encode()).texts == [text]


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("r.csv", b'{"text": "a"}\n', "is JSON, not a table"),
        ("r.csv", b'[{"text": "a"}]\n', "is JSON, not a table"),
        ("r.txt", b'{"text": "a"}\n', "is JSON, not lines of text"),
        ("r.txt", b"id\ttext\n1\ta\n", "is a table, not lines of text"),
        ("r.txt", "id\ttext\r\n1\ta\r\n".encode("utf-16"), "is a table, not lines of text"),
    ],
)
def test_text_object_of_another_format_is_refused_by_name(name, data, what):
    with pytest.raises(UnreadableObject, match=what):
        through(name, data)


def test_lines_are_written_after_their_scores_and_reasons():
    result = through("r.txt", b"a\tb\r\nx\xff\n", keep_rejected=True)
    assert result.written.splitlines()[0] == b"Positive\t0.75\t0.75\t\ta\tb"
    assert result.written.splitlines()[1].startswith(b"\t\t\tis not UTF-8 at byte 1")
    assert through("r.txt", b"a\n").written == b"Positive\t0.75\t0.75\ta\n"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "csv"),
        ("A.CSV", "csv"),
        ("a.tsv", "csv"),
        ("a.tab.gz", "csv.gz"),
        ("a.jsonl", "jsonl"),
        ("a.NdJson", "jsonl"),
        ("a.JSONL.GZ", "jsonl.gz"),
        ("a.txt", "txt"),
        ("a.Parquet", "parquet"),
    ],
)
def test_suffix_has_any_case(name, kind):
    assert formats.is_accepted(name)
    assert formats.format_name(name) == kind


@pytest.mark.parametrize("name", ["a.xml", "a", "csv", "a.parquet.gz", "a.csv.zip", "a.gz", ""])
def test_unknown_suffixes_are_refused(name):
    assert not formats.is_accepted(name)
    with pytest.raises(UnreadableObject, match=r"expected .jsonl, .ndjson, .jsonlines, .csv, .tsv"):
        formats.by_name(name)


@pytest.mark.property
@given(st.data())
def test_gzip_damaged_anywhere_is_read_or_refused(data):
    whole = gzip.compress(ROWS_GZ[:2000], mtime=0)
    at = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.booleans())
    damaged = whole[:at] + b"" if cut else whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]
    try:
        result = through("r.jsonl.gz", damaged)
    except UnreadableObject:
        return
    assert all(text.startswith("row ") or at < len(whole) for text in result.texts)
