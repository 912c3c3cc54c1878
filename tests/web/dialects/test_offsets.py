"""Offsets in each unit point at the sentence in the text as it was sent."""

from itertools import pairwise

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from app.web.dialects.offsets import (
    Span,
    code_points,
    convert,
    convert_to_text_elements,
    text_elements,
    utf8_bytes,
    utf16_units,
)

# What Unicode 8 and today's rules cut alike: no emoji sequences, no flags, no conjuncts.
STABLE = st.lists(
    st.sampled_from(
        [
            *"aé.! \r\n\t\0\u200c\u200d\u2028\u00ad\ufeff",
            "\r\n",
            "e\u0301",
            "\u0301\u0308",
            "\u20dd",
            "\u0e33",
            "ກ\u0eb3",
            "ﾊ\uff9e",
            "\u1038",
            "가각힣\u1100\u1100\u1161\u11a8\ua960\ud7b0\ud7cb",
            "\u1161",
            "\u11a8",
            "🙂.",
            "𝒳",
            "\U0001f1e6.",
        ]
    )
).map("".join)
ANY = st.lists(
    st.one_of(
        STABLE,
        st.sampled_from(["👍🏽", "👩‍👩‍👧", "🇦🇹🇬🇧", "❤️", "नि", "\ud83d", "\udc4d"]),
        st.text(),
    )
).map("".join)


@st.composite
def texts_with_spans(draw: st.DrawFn) -> tuple[str, list[Span]]:
    text = draw(ANY)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return text, list(pairwise(cuts))[::2]


@pytest.mark.property
@given(texts_with_spans())
def test_offsets_in_utf8_point_at_the_part(drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    encoded = text.encode("utf-8", "surrogatepass")
    for (start, end), (offset, length) in zip(spans, convert(text, spans, utf8_bytes), strict=True):
        part = encoded[offset : offset + length]
        assert part.decode("utf-8", "surrogatepass") == text[start:end]


@pytest.mark.property
@given(texts_with_spans())
def test_offsets_in_utf16_point_at_the_part(drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    encoded = text.encode("utf-16-le", "surrogatepass")
    for (start, end), (offset, length) in zip(
        spans, convert(text, spans, utf16_units), strict=True
    ):
        part = encoded[2 * offset : 2 * (offset + length)]
        assert part == text[start:end].encode("utf-16-le", "surrogatepass")


@pytest.mark.property
@given(texts_with_spans())
def test_offsets_in_code_points_stay_as_they_are(drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    expected = [(start, end - start) for start, end in spans]
    assert list(convert(text, spans, code_points)) == expected


@pytest.mark.property
@given(STABLE)
def test_text_elements_are_grapheme_clusters(text: str) -> None:
    assert text_elements(text) == len(regex.findall(r"\X", text))


@pytest.mark.property
@given(STABLE, st.data())
def test_offsets_in_text_elements_point_at_the_part(text: str, data: st.DataObject) -> None:
    elements = regex.findall(r"\X", text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(elements)), max_size=8)))
    parts = list(pairwise(cuts))[::2]
    spans = [(len("".join(elements[:a])), len("".join(elements[:b]))) for a, b in parts]
    expected = [(a, b - a) for a, b in parts]
    assert list(convert_to_text_elements(text, spans)) == expected


@pytest.mark.property
@given(texts_with_spans())
def test_text_elements_cover_a_part_that_cuts_them(drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    for (start, end), (offset, length) in zip(
        spans, convert_to_text_elements(text, spans), strict=True
    ):
        assert 0 <= offset <= offset + length <= text_elements(text)
        assert (length > 0) == (start < end)


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("", 0),
        ("plain", 5),
        ("a\r\nb", 3),
        ("cafe\u0301", 4),
        ("👍", 1),
        ("👍🏽", 2),
        ("❤️", 1),
        ("👩\u200d👧", 2),
        ("🇦🇹🇬🇧", 1),
        ("नि", 1),
        ("\u0301", 1),
        ("\n\u0301", 2),
    ],
)
def test_text_elements_follow_unicode_8(text: str, elements: int) -> None:
    assert text_elements(text) == elements


def test_a_sentence_that_ends_in_a_mark_keeps_its_element() -> None:
    text = "ça.\u0301 Oui."
    assert list(convert_to_text_elements(text, [(0, 3), (5, 9)])) == [(0, 3), (4, 4)]
