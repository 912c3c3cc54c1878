"""CSV tables: the dialect is detected, and rows are written unchanged."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.objects.formats import UnreadableObject
from tests.objects.formats.conftest import through

UNCLOSED = "has a quote, opened in line {}, that is not closed"


def test_row_is_written_unchanged_with_its_scores_last():
    result = through("r.csv", b'id;"text";price\r\n1;"He said ""wow""";3,50\r\n2;\\N;\r\n')
    assert result.texts == ['He said "wow"', None]
    assert result.written == (
        b'id;"text";price;sentiment;confidence;positive\r\n'
        b'1;"He said ""wow""";3,50;Positive;0.75;0.75\r\n'
        b"2;\\N;;Positive;0.75;0.75\r\n"
    )


def test_null_next_to_quotes_is_a_missing_value():
    table = b'id\ttext\n1\t"good film\nawful end"\n2\t\\N\n3\t"say ""hi"" good"\n'
    result = through("r.tsv", table)
    assert result.texts == ["good film\nawful end", None, 'say "hi" good']
    assert list(csv.reader(io.StringIO(result.written.decode()), delimiter="\t"))[1] == [
        *("1", "good film\nawful end"),
        *("Positive", "0.75", "0.75"),
    ]


def test_dump_is_recognised_with_a_given_delimiter():
    assert through("r.csv", b"id\ttext\n1\tone\\ntwo\n2\t\\N\n", delimiter="\t").texts == [
        "one\ntwo",
        None,
    ]


@given(
    st.lists(
        st.none() | st.text(st.sampled_from('a "\t\n\\'), max_size=12),
        min_size=1,
        max_size=20,
    )
)
def test_quoted_table_with_nulls_is_read_unchanged(texts):
    written = io.StringIO()
    writer = csv.writer(written, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["id", "text"])
    for number, text in enumerate(texts):
        if text is None:
            written.write(f'"{number}"\t\\N\n')
        else:
            writer.writerow([number, text])
    assert through("r.tsv", written.getvalue().encode()).texts == texts


def test_excel_delimiter_line_is_kept():
    result = through("r.csv", b"sep=;\r\nid;text\r\n1;Good, really\r\n")
    assert result.texts == ["Good, really"]
    assert result.written.startswith(b"sep=;\r\nid;text;sentiment;")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_supported(end):
    result = through("r.csv", f'id,text{end}1,"two{end}lines"{end}{end}2,x'.encode())
    assert result.texts == [f"two{end}lines", "x"]
    assert [row.line for row in result.rows] == [2, 5]
    assert result.written.endswith(f"2,x,Positive,0.75,0.75{end}".encode())


def test_delimiter_can_be_given():
    assert through("r.csv", b"text^n\nGood, and; so^1\n", delimiter="^").texts == ["Good, and; so"]


def test_ambiguous_delimiter_is_refused_with_advice():
    with pytest.raises(UnreadableObject, match=r"commas or semicolons: .*--delimiter"):
        through("r.csv", b"a,b;c\n1,2;3\n")


def test_rows_wider_than_a_header_of_one_field_are_refused():
    rows = b"".join(b"%d,Good\n" % i for i in range(5))
    with pytest.raises(UnreadableObject, match="one field, the others have 2, separated by commas"):
        through("r.csv", b"text\n" + rows)


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"1,A fine film\n2,A dull one\n", ("1", "A fine film")),
        (b"I loved this film, all of it.\n", ()),
        (b"A wonderful film that I loved.\nA dull one.\n", ("A wonderful film that I loved.",)),
        (b"great film\nbad film\n", ("great film",)),
        (b"Great!\nBad!\n", ("Great!",)),
        (b" \ngreat film\n", (" ",)),
    ],
)
def test_first_line_that_reads_like_a_row_is_refused_with_advice(data, names):
    with pytest.raises(UnreadableObject, match="--no-header") as raised:
        through("r.csv", data)
    if names:
        assert raised.value.columns == names
    assert "film" not in str(raised.value)


@pytest.mark.parametrize("name", ["text", " Review ", "the_text", "Text.1", "opinión"])
def test_first_line_of_one_word_is_the_header_of_an_only_column(name):
    assert through("r.csv", f"{name}\na fine film\n".encode()).texts == ["a fine film"]


def test_only_column_may_have_any_name_if_requested():
    data = b"What did you think?\ngreat film\n"
    assert through("r.csv", data, column="What did you think?").texts == ["great film"]


def test_missing_text_column_is_reported_with_the_number_of_columns():
    with pytest.raises(UnreadableObject, match="has the requested name; there is 1 column"):
        through("r.csv", b"text\na\n", column="body")


def test_columns_are_numbered_without_a_header():
    result = through("r.csv", b"1,A fine film\n2,A dull one\n", header=False, column="2")
    assert result.texts == ["A fine film", "A dull one"]
    assert result.written.startswith(b"1,A fine film,Positive,0.75,0.75\n")


def test_duplicate_and_empty_column_names_are_kept():
    result = through("r.csv", b"id,text,,text,\n1,first,a,second,b\n")
    assert result.texts == ["first"]
    assert result.column.alternatives == ("text",)
    assert result.written == (
        b"id,text,,text,,sentiment,confidence,positive\n1,first,a,second,b,Positive,0.75,0.75\n"
    )


@pytest.mark.parametrize("name", ["sentiment", "Confidence", " POSITIVE "])
def test_existing_column_is_kept_and_the_added_one_renamed(name):
    result = through("r.csv", f"{name},text,sentiment_1\nmine,Good,\n".encode())
    header, row = csv.reader(io.StringIO(result.written.decode()))
    assert header[:3] == [name, "text", "sentiment_1"]
    assert row[:3] == ["mine", "Good", ""]
    assert len({each.strip().lower() for each in header}) == 6


def test_column_with_the_name_of_an_added_one_can_be_the_text():
    assert through("r.csv", b"id,sentiment\n1,Good\n", column="sentiment").texts == ["Good"]


def test_exact_column_name_has_priority():
    assert through("r.csv", b"Text,text\na,b\n").texts == ["b"]
    assert through("r.csv", b"id, Text \n1,b\n").texts == ["b"]


def test_alternative_text_columns_are_reported():
    column = through("r.csv", b"body,text\na,b\n").column
    assert (column.name, column.alternatives) == ("text", ("body",))


UNCLOSED_QUOTES = [
    (b'1,"Good\n2,Bad\n3,"Fine"\n4,So\n', ["Bad", "Fine", "So"]),
    (b'1,Good\n2,"Bad\n3,Fine\n4,So\n', ["Good", "Fine", "So"]),
    (b'1,Good\n2,"Bad\n3,Fine"\n4,So\n', ["Good", 'Fine"', "So"]),
    (b'1,"Good\n2,"Bad\n3,"Fine\n', []),
]


@pytest.mark.parametrize(("rows", "texts"), UNCLOSED_QUOTES)
def test_row_with_an_unclosed_quote_is_rejected_alone(rows, texts):
    result = through("r.csv", b"id,text\n" + rows)
    assert result.texts == texts
    assert all(reason == UNCLOSED.format(line) for line, reason in result.reasons)
    assert len(result.rows) + len(result.rejected) == rows.count(b"\n")


def test_lines_that_may_belong_to_an_unclosed_quote_are_rejected():
    rows = b'1,"Dear all,\nhe said "wow" to me, twice\nbye"\n2,Good\n'
    result = through("r.csv", b"id,text\n" + rows)
    assert result.texts == ["Good"]
    assert [line for line, _ in result.reasons] == [2, 3, 4]


def test_quoted_text_may_hold_line_breaks_and_delimiters():
    rows = b'1,"Dear all,\nI liked it, mostly,\n\nyours, me"\n2,Good\n'
    assert through("r.csv", b"id,text\n" + rows).texts == [
        "Dear all,\nI liked it, mostly,\n\nyours, me",
        "Good",
    ]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (rb'"he said \"wow\", twice"', 'he said "wow", twice'),
        (rb'"ends \"so\""', 'ends "so"'),
        (rb'"C:\dir\"', "C:\\dir\\"),
        (rb'"back\\slash \"x\" here"', 'back\\slash "x" here'),
        (rb'  "a, b"', "a, b"),
        (rb'5" wide', '5" wide'),
        (rb'"He said ""wow"""', 'He said "wow"'),
    ],
)
def test_quotes_within_a_text_are_unescaped(field, text):
    result = through("r.csv", b"id,text,n\n1," + field + b",3\n2,x,4\n")
    assert result.texts == [text, "x"]
    assert field in result.written


def test_multiline_text_may_precede_other_columns():
    rows = b'"Great film,\nloved it",5,1\n"x\n3",4,2\n'
    assert through("r.csv", b"text,stars,id\n" + rows).texts == ["Great film,\nloved it", "x\n3"]


def test_text_after_a_closing_quote_is_rejected_alone():
    result = through("r.csv", b'id,text\n1,"Good" film\n2,Bad\n')
    assert result.texts == ["Bad"]
    assert result.reasons == [
        (2, "has text behind a closing quote in line 2: double the quotes inside quotes")
    ]


def test_malformed_rows_are_rejected_with_their_line():
    result = through("r.csv", b"id,text\n1\n2,a,b\n3,caf\xe9\n4,N\0L\n5,ok\n")
    assert result.texts == ["ok"]
    assert [(line, reason[:20]) for line, reason in result.reasons] == [
        (2, "has 1 field, the fir"),
        (3, "has 3 fields, the fi"),
        (4, "is not UTF-8 at byte"),
        (5, "holds a NUL characte"),
    ]


def test_rejected_rows_can_be_kept():
    data = b'id,text\n1\n2,a,b\n3,"x\n4,caf\xe9\n5,ok\n6,N\0L\n'
    result = through("r.csv", data, keep_rejected=True)
    rows = list(csv.reader(io.StringIO(result.written.decode())))
    assert rows[0] == ["id", "text", "sentiment", "confidence", "positive", "reason"]
    assert [row[:3] for row in rows[1:]] == [
        ["1", "", ""],
        ["2", "a,b", ""],
        ["3", '"x', ""],
        ["4", "caf\\xe9", ""],
        ["5", "ok", "Positive"],
        ["6", "N\\0L", ""],
    ]
    assert {len(row) for row in rows} == {6}


@pytest.mark.parametrize("data", [b"id,text\n", b"id,text\n1\n", b"id;text\r\n", b"text"])
def test_table_without_rows_keeps_its_header(data):
    written = through("r.csv", data).written
    assert written.startswith(data.splitlines()[0])
    assert b"sentiment" in written
    assert len(written.splitlines()) == 1


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_empty_table_is_refused(data):
    with pytest.raises(UnreadableObject, match="is empty"):
        through("r.csv", data)


def test_decimal_commas_are_not_delimiters():
    assert through("r.csv", b"preis;text\n3,50;Gut\n2,75;Schlecht, sehr\n").texts == [
        "Gut",
        "Schlecht, sehr",
    ]


def test_single_column_may_hold_unquoted_commas():
    result = through("r.csv", b"text\nGut, sehr\nSchlecht\nNaja, so, so\n")
    assert result.texts == ["Gut, sehr", "Schlecht", "Naja, so, so"]


FIELDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\r\t"), max_size=20
)


@st.composite
def tables(draw):
    """A table written by Python, and its rows; no text has a line that looks like a row."""
    width = draw(st.integers(2, 5))
    names = ["text", *(f"c{i}" for i in range(1, width))]
    delimiter = draw(st.sampled_from(",;\t|"))
    fields = FIELDS.filter(lambda text: not (delimiter in text and {"\n", "\r"} & {*text}))
    rows = draw(st.lists(st.lists(fields, min_size=width, max_size=width), max_size=8))
    # Python quotes only its own line end.
    quoting, ends = draw(
        st.sampled_from(
            [
                (csv.QUOTE_ALL, ["\n", "\r\n", "\r"]),
                (csv.QUOTE_MINIMAL, ["\r\n"]),
                (csv.QUOTE_NONNUMERIC, ["\n", "\r\n", "\r"]),
            ]
        )
    )
    options = {"delimiter": delimiter, "quoting": quoting}
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=draw(st.sampled_from(ends)), **options)
    writer.writerows([names, *rows])
    return file.getvalue(), rows, options


@pytest.mark.property
@given(tables(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_any_table_written_by_python_is_read_unchanged(table, encoding):
    text, rows, options = table
    result = through("r.csv", text.encode(encoding))
    assert result.rejected == []
    assert result.texts == [row[0] for row in rows]
    written = io.StringIO(result.written.decode("utf-8-sig"), newline="")
    back = list(csv.reader(written, delimiter=options["delimiter"]))[1:]
    assert [row[: len(row) - 3] for row in back] == rows


@pytest.mark.property
@given(st.sampled_from(["r.csv", "r.jsonl", "r.txt", "r.tsv"]), st.binary(max_size=200))
def test_any_bytes_are_scored_rejected_or_refused(name, data):
    try:
        result = through(name, data)
    except UnreadableObject:
        return
    result.written.decode()
    assert b"\0" not in result.written


PIECES = (
    *(b"id,text\n", b"1,", b'"', b"a", b"\n", b",", b"\\", b";", b"\xff", b" ", b"2,b\n"),
    *(b'{"text": "a"}\n', b"{", b"}", b"[", b"text", b"\r", b"\0", b"sep=;\n", b"\t", b"\\N"),
)


@pytest.mark.property
@given(
    st.sampled_from(["r.csv", "r.jsonl", "r.txt"]),
    st.lists(st.sampled_from(PIECES), max_size=30),
)
def test_any_pieces_of_rows_are_scored_rejected_or_refused(name, pieces):
    try:
        result = through(name, b"".join(pieces), keep_rejected=True)
    except UnreadableObject:
        return
    result.written.decode()
    assert b"\0" not in result.written
