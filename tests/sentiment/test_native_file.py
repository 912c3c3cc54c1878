"""A network's file: an invalid one is rejected, and the error says why."""

import json
import math
import re
import struct

import pytest
from distilbert_int8 import Network, Shape, tensor_specs
from hypothesis import given
from hypothesis import strategies as st

SHAPE = Shape(width=16, heads=1, head_width=16, hidden=32, layers=1, labels=2, relu=0, group=16)
VOCABULARY, POSITIONS = 8, 12


@pytest.fixture(scope="module")
def file(tmp_path_factory, write_network):
    """The bytes of a small network's file."""
    path = tmp_path_factory.mktemp("network") / "network"
    write_network(path, SHAPE, VOCABULARY, POSITIONS)
    return path.read_bytes()


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A function that opens a file of these bytes and returns the logits of a row."""
    path = tmp_path_factory.mktemp("opened") / "network"

    def logits(content):
        path.write_bytes(content)
        with Network(path, threads=1) as network:
            return network.logits([[1, 2, 3]])

    return logits


def split(file):
    start = 8 + int.from_bytes(file[:8], "little")
    return json.loads(file[8:start]), file[start:]


def join(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % 64)
    return struct.pack("<Q", len(text)) + text + data


def edited(file, *keys, to):
    """Return the file with one value of its header or shape replaced, or removed for ``...``."""
    header, data = split(file)
    shape = json.loads(header["__metadata__"]["shape"])
    entry = {"header": header, "shape": shape}
    for key in keys[:-1]:
        entry = entry[key]
    if to is ...:
        del entry[keys[-1]]
    else:
        entry[keys[-1]] = to
    if keys[0] == "shape":
        header["__metadata__"]["shape"] = json.dumps(shape)
    return join(header, data)


def test_a_written_file_is_read(file, opened):
    [logits] = opened(file)
    assert all(map(math.isfinite, logits))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"1234567", "it ends within the length of its header"),
        (struct.pack("<Q", 100) + b"{}", "it ends within its header"),
        (struct.pack("<Q", 2**64 - 1) + b"{}", "it ends within its header"),
        (struct.pack("<Q", 2**20 + 1) + b" " * (2**20 + 1), "is longer than 1048576 bytes"),
        (join(b"{", b""), "the header is not JSON in UTF-8"),
        (join(b'{"\xff": 1}', b""), "the header is not JSON in UTF-8"),
        (join("{}".encode("utf-16"), b""), "the header is not JSON in UTF-8"),
        (join(b'{"a": %s}' % (b"9" * 5000), b""), "the header is not JSON in UTF-8"),
        (join(b"[]", b""), "the header is not a JSON object"),
        (join(b"[" * 100_000, b""), "the header is nested too deeply"),
        (join(b'{"a": 1, "a": 1}', b""), "the header has a key twice"),
        (join(b"{}", b""), "its metadata have no shape"),
        (join({"__metadata__": []}, b""), "its metadata have no shape"),
        (join({"__metadata__": {"shape": {}}}, b""), "its metadata have no shape"),
        (join({"__metadata__": {"shape": "[]"}}, b""), "the shape is not a JSON object"),
        (join({"__metadata__": {"shape": "["}}, b""), "the shape is not JSON"),
        (join({"__metadata__": {"shape": "{}"}}, b""), "the shape must have width, heads, "),
    ],
)
def test_an_unreadable_header_is_rejected(opened, content, reason):
    with pytest.raises(ValueError, match=reason):
        opened(content)


BIAS = ("header", "labels.bias")


@pytest.mark.parametrize(
    ("keys", "to", "reason"),
    [
        (("header", "positions"), ..., "positions is missing"),
        (BIAS, ..., "labels.bias is missing"),
        (BIAS, 5, "labels.bias must have data_offsets, dtype, shape and nothing else"),
        ((*BIAS, "dtype"), ..., "labels.bias must have data_offsets, dtype, shape"),
        ((*BIAS, "more"), 1, "labels.bias must have data_offsets, dtype, shape and nothing"),
        ((*BIAS, "dtype"), "I8", "labels.bias is not 2 values of F32"),
        ((*BIAS, "dtype"), ["F32"], "labels.bias is not 2 values of F32"),
        ((*BIAS, "shape"), [3], "labels.bias is not 2 values of F32"),
        ((*BIAS, "shape"), [2.0], "shape of labels.bias must be integers from 0"),
        ((*BIAS, "shape"), [True, 2], "shape of labels.bias must be integers from 0"),
        ((*BIAS, "shape"), "2", "shape of labels.bias must be integers from 0"),
        ((*BIAS, "data_offsets"), [-8, 0], "data_offsets of labels.bias must be integers from 0"),
        ((*BIAS, "data_offsets"), [0.0, 8.0], "data_offsets of labels.bias must be integers"),
        ((*BIAS, "data_offsets"), ["0", "8"], "data_offsets of labels.bias must be integers"),
        ((*BIAS, "data_offsets"), [0, 4], "labels.bias does not take 8 bytes"),
        ((*BIAS, "data_offsets"), [8, 0], "labels.bias does not take 8 bytes"),
        ((*BIAS, "data_offsets"), [0], "labels.bias does not take 8 bytes"),
        ((*BIAS, "data_offsets"), [2**64, 2**64 + 8], "gap between .* and labels.bias"),
        ((*BIAS, "data_offsets"), [0, 8], "overlaps"),
        ((*BIAS, "data_offsets"), [1, 9], "labels.bias does not begin at a multiple of 4 bytes"),
        (("header", "words", "shape"), [0, 16], "words must have 1 to 2147483647 rows of 16"),
        (("header", "words", "shape"), [2**31, 16], "words must have 1 to 2147483647 rows"),
        (("header", "words", "shape"), [128], "words must have 1 to 2147483647 rows of 16"),
        (("header", "extra"), {}, "1 of its tensors belong to no network of its shape"),
        (("shape", "more"), 1, "the shape must have width, .*, group and nothing else"),
        (("shape", "relu"), True, "relu is not an integer"),
        (("shape", "group"), 2**64 + 16, "group must be a multiple of 16 from 16 to 65536"),
        (("shape", "labels"), 3, "labels.weight is not 48 values of F32"),
        (("shape", "layers"), 2, "layer1.qkv.smoothing is missing"),
    ],
)
def test_one_invalid_value_in_the_header_is_rejected_by_name(file, opened, keys, to, reason):
    with pytest.raises(ValueError, match=reason):
        opened(edited(file, *keys, to=to))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda file: file[:-1], "lies beyond the end of the file"),
        (lambda file: file + b"\0", "1 bytes follow the last tensor"),
        (lambda file: struct.pack("<Q", len(file)) + file[8:], "it ends within its header"),
    ],
)
def test_data_of_another_length_than_the_header_says_are_rejected(file, opened, damage, reason):
    with pytest.raises(ValueError, match=reason):
        opened(damage(file))


def test_an_unaligned_header_is_rejected(file, opened):
    header, data = split(file)
    text = json.dumps(header).encode()
    text += b" " * (1 - (len(text) + 8) % 4)
    with pytest.raises(ValueError, match="does not begin at a multiple of 4 bytes"):
        opened(struct.pack("<Q", len(text)) + text + data)


def with_value(file, name, value):
    """Return the file with a tensor's first bytes replaced."""
    header, data = split(file)
    start = header[name]["data_offsets"][0]
    return join(header, data[:start] + value + data[start + len(value) :])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["words.scales", "layer0.out.sums", "labels.bias"])
def test_a_tensor_that_is_not_finite_is_rejected(file, opened, name, value):
    with pytest.raises(ValueError, match=f"{re.escape(name)} holds an infinity or NaN"):
        opened(with_value(file, name, struct.pack("<f", value)))


@pytest.mark.parametrize("pair", [(65, 64), (-65, -64), (127, 2), (-128, -1)])
def test_neighbouring_weights_that_would_overflow_are_rejected(file, opened, pair):
    with pytest.raises(ValueError, match="of one sign exceed 128 in layer0.wide.weight"):
        opened(with_value(file, "layer0.wide.weight", struct.pack("bb", *pair)))


@pytest.mark.parametrize("pair", [(64, 64), (-64, -64), (127, -128), (-128, 0), (127, 1)])
def test_neighbouring_weights_that_cannot_overflow_are_read(file, opened, pair):
    assert opened(with_value(file, "layer0.wide.weight", struct.pack("bb", *pair)))


def test_the_error_names_the_file(tmp_path):
    (tmp_path / "network").write_bytes(b"{}")
    with pytest.raises(ValueError, match=f"{tmp_path}/network is not a valid network: "):
        Network(tmp_path / "network")


def test_an_unreadable_file_raises_the_operating_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Network(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        Network(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@st.composite
def header_keys(draw):
    """The keys of one value in the header, as `edited` takes them."""
    names = [*tensor_specs(SHAPE, VOCABULARY, POSITIONS), "__metadata__"]
    tensor = ("header", draw(st.sampled_from(names[:-1])))
    return draw(
        st.sampled_from(
            [
                ("header", draw(st.sampled_from(names))),
                ("shape", draw(st.sampled_from(list(vars(SHAPE))))),
                (*tensor, draw(st.sampled_from(["dtype", "shape", "data_offsets"]))),
                (*tensor, "data_offsets", draw(st.sampled_from([0, 1]))),
                (*tensor, "shape", 0),
            ]
        )
    )


@pytest.mark.property
@given(keys=header_keys(), to=JSON | st.just(...))
def test_any_value_anywhere_in_the_header_is_read_or_rejected(file, opened, keys, to):
    try:
        content = edited(file, *keys, to=to)
    except TypeError:  # a list's item cannot be removed by this
        return
    rejected_or_finite(opened, content)


@pytest.mark.property
@given(st.data())
def test_any_change_of_bytes_is_read_or_rejected(file, opened, data):
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(file))] * 2)))
    end = min(end, start + data.draw(st.integers(0, 16)))
    rejected_or_finite(opened, file[:start] + data.draw(st.binary(max_size=16)) + file[end:])


def rejected_or_finite(opened, content):
    try:
        logits = opened(content)
    except ValueError:
        return
    assert len(logits[0]) == SHAPE.labels
