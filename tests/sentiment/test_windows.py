import pytest

from app.sentiment import windows
from app.sentiment.windows import buckets, spans


@pytest.mark.parametrize("tokens", [1, 253, 254])
def test_a_text_that_fits_has_one_window(tokens):
    assert spans(tokens, 254, 128) == [(0, tokens)]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (255, [(0, 254), (128, 255)]),
        (382, [(0, 254), (128, 382)]),
        (383, [(0, 254), (128, 382), (256, 383)]),
    ],
)
def test_windows_start_a_stride_apart_and_end_with_the_text(tokens, expected):
    assert spans(tokens, 254, 128) == expected


@pytest.mark.parametrize("tokens", range(250, 1200, 7))
def test_windows_cover_every_token_and_none_is_contained_in_another(tokens):
    found = spans(tokens, 254, 128)
    assert {i for start, end in found for i in range(start, end)} == set(range(tokens))
    ends = [end for _, end in found]
    assert ends == sorted(set(ends))


def test_buckets_hold_every_row_once_with_its_like():
    lengths = [5, 256, 7, 250, 6, 256] * 40
    found = list(buckets(lengths))
    assert sorted(i for bucket in found for i in bucket) == list(range(len(lengths)))
    for bucket in found:
        longest = max(lengths[i] for i in bucket)
        assert longest * len(bucket) <= windows.MAX_BATCH_TOKENS
