import numpy as np
from scipy.cluster.hierarchy import is_valid_linkage

from app.explanation.tree import grow


def parts(words: list[str]) -> tuple[str, str]:
    """Return what the first cut leaves on both sides."""
    tree = grow(words)
    below = {i: [i] for i in range(tree.leaves)}
    for node in range(tree.leaves, 2 * tree.leaves - 1):
        left, right = tree.children(node)
        below[node] = below[left] + below[right]
    left, right = tree.children(2 * tree.leaves - 2)
    return " ".join(words[i] for i in below[left]), " ".join(words[i] for i in below[right])


def test_a_text_is_cut_after_a_sentence_near_its_middle():
    assert parts(["It", "was", "fun.", "I", "liked", "it,", "and", "so", "did", "she."]) == (
        "It was fun.",
        "I liked it, and so did she.",
    )


def test_without_a_sentence_a_text_is_cut_after_a_clause():
    assert parts(["a", "fine", "cast,", "but", "a", "very", "weak", "plot"])[0] == "a fine cast,"


def test_without_either_a_text_is_cut_in_the_middle():
    assert parts(["one", "two", "three", "four"]) == ("one two", "three four")


def test_the_tree_is_a_linkage_as_scipy_has_it():
    tree = grow([f"w{i}" + "." * (i % 5 == 0) for i in range(101)])
    assert is_valid_linkage(tree.linkage)


def test_a_long_text_is_cut_to_words_in_few_steps():
    tree = grow(["word."] * 1000)
    depth = np.zeros(2 * tree.leaves - 1, dtype=int)
    for node in range(2 * tree.leaves - 2, tree.leaves - 1, -1):
        depth[list(tree.children(node))] = depth[node] + 1
    assert depth.max() <= np.log(1000) / np.log(1.5) + 1


def test_evaluations_are_what_exact_values_take():
    assert [grow(["w"] * count).evaluations for count in (1, 2, 4, 8)] == [2, 4, 12, 44]
