import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.explanation.tree import Node, build


def halves(words: list[str]) -> tuple[str, str]:
    """Return the two parts that the root splits the words into."""
    root = build(words)
    assert root.children
    left, right = (" ".join(words[node.start : node.end]) for node in root.children)
    return left, right


def depth(node: Node) -> int:
    return 1 + max(map(depth, node.children)) if node.children else 0


def test_a_text_is_split_after_a_sentence_near_its_middle():
    assert halves(["It", "was", "fun.", "I", "liked", "it,", "and", "so", "did", "she."]) == (
        "It was fun.",
        "I liked it, and so did she.",
    )


def test_without_a_sentence_a_text_is_split_after_a_clause():
    assert halves(["a", "fine", "cast,", "but", "a", "very", "weak", "plot"])[0] == "a fine cast,"


def test_without_either_a_text_is_split_in_the_middle():
    assert halves(["one", "two", "three", "four"]) == ("one two", "three four")


def test_a_closing_quote_does_not_hide_the_end_of_a_sentence():
    assert halves(["“It", "was", "fun.”", "So", "she", "told", "me"])[0] == "“It was fun.”"


@pytest.mark.property
@given(st.lists(st.sampled_from(["word", "clause,", "end.", '"end.")']), min_size=1, max_size=300))
def test_every_node_is_divided_by_its_children_down_to_single_words(words):
    root = build(words)
    assert (root.start, root.end) == (0, len(words))
    leaves = []
    for node in root.walk():
        if node.children is None:
            leaves.append((node.start, node.end))
            continue
        left, right = node.children
        assert (left.start, left.end, right.end) == (node.start, right.start, node.end)
    assert leaves == [(i, i + 1) for i in range(len(words))]


@pytest.mark.property
@given(st.lists(st.sampled_from(["word", "clause,", "end."]), min_size=1, max_size=1000))
def test_the_depth_is_logarithmic(words):
    assert depth(build(words)) <= math.log(len(words), 1.5) + 1
