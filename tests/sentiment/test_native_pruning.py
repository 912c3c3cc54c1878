"""The kernels with token pruning: what `test_native` says holds of them too."""

import json
import shutil

import numpy as np
import pytest
from distilbert_int8 import Network, Shape
from hypothesis import given
from hypothesis import strategies as st

from app.sentiment.bundle import load
from app.sentiment.engines.native import WEIGHTS, NativeEngine
from app.sentiment.engines.torch import TorchEngine
from training.card import write as write_card

PERCENT = (100, 60, 50, 40, 30)
MINIMUM = 64


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    lengths = [1, 2, 16, 17, 63, 64, 65, 66, 107, 128, 200, 219, 256, 511, 512, 30, 90, 1]
    return [rng.integers(0, 30_000, length).tolist() for length in lengths]


@pytest.fixture(scope="module")
def path(bundle):
    return bundle.folder / WEIGHTS


def network(path, threads=1, instructions="", percent=PERCENT):
    return Network(path, threads, instructions, token_percent=percent, min_tokens=MINIMUM)


@pytest.fixture(scope="module")
def expected(path, rows):
    return np.array(network(path).logits(rows))


@pytest.mark.parametrize("instructions", ["avx512", "avx2", "portable"])
def test_every_instruction_set_gives_the_same_logits_to_the_bit(path, rows, expected, instructions):
    logits = network(path, 2, instructions).logits(rows[:13])
    np.testing.assert_array_equal(logits, expected[:13])


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_logits_do_not_depend_on_the_threads(path, rows, expected, threads):
    opened = network(path, threads)
    for _ in range(3):
        np.testing.assert_array_equal(opened.logits(rows), expected)


def test_logits_do_not_depend_on_the_other_rows(path, rows, expected):
    opened = network(path, 2)
    np.testing.assert_array_equal([opened.logits([row])[0] for row in rows], expected)
    np.testing.assert_array_equal(opened.logits(rows[::-1]), expected[::-1])


def test_rows_up_to_the_minimum_keep_all_tokens_and_longer_ones_do_not(path, rows, expected):
    unpruned = np.array(Network(path, 1).logits(rows))
    for row, logits, without in zip(rows, expected, unpruned, strict=True):
        assert (logits == without).all() == (len(row) <= MINIMUM), len(row)


def test_all_tokens_of_each_layer_are_what_no_pruning_means(path, rows):
    np.testing.assert_array_equal(
        network(path, percent=[100] * 5).logits(rows), Network(path, 1).logits(rows)
    )


@pytest.mark.parametrize(
    ("percent", "min_tokens", "reason"),
    [
        ((50, 50), 1, "6 layers need 5 percentages, not 2"),
        ((100, 60, 50, 40, 0), 1, "from 1 to 100 and not increase"),
        ((101, 60, 50, 40, 30), 1, "from 1 to 100 and not increase"),
        ((100, 50, 60, 40, 30), 1, "from 1 to 100 and not increase"),
        (PERCENT, 0, "min_tokens must be positive"),
    ],
)
def test_a_pruning_that_does_not_suit_the_network_is_rejected(path, percent, min_tokens, reason):
    with pytest.raises(ValueError, match=reason):
        Network(path, token_percent=percent, min_tokens=min_tokens)


@pytest.fixture(scope="module")
def small(tmp_path_factory, write_network):
    """Networks with dimensions that fill no tile, by pruning, instruction set and threads."""
    path = tmp_path_factory.mktemp("small") / "network"
    write_network(path, Shape(48, 3, 16, 80, 4, 3, 1, 48), vocabulary=50, positions=512)
    return {
        (pruning, instructions, threads): Network(
            path, threads, instructions, token_percent=pruning[1:], min_tokens=pruning[0]
        )
        for pruning in ((1, 50, 30, 10), (3, 100, 34, 34), (1, 1, 1, 1))
        for instructions in ("portable", "avx2", "avx512", "best")
        for threads in (1, 2, 3)
    }


@pytest.mark.property
@given(
    pruning=st.sampled_from([(1, 50, 30, 10), (3, 100, 34, 34), (1, 1, 1, 1)]),
    instructions=st.sampled_from(["portable", "avx2", "avx512", "best"]),
    threads=st.sampled_from([1, 2, 3]),
    lengths=st.lists(st.integers(1, 512) | st.integers(1, 20), min_size=1, max_size=9),
)
def test_logits_of_any_lengths_are_those_of_each_row_alone(
    small, pruning, instructions, threads, lengths
):
    rows = [[(7 * i + length) % 50 for i in range(length)] for length in lengths]
    alone = [small[pruning, "portable", 1].logits([row])[0] for row in rows]
    assert small[pruning, instructions, threads].logits(rows) == alone


def test_torch_computes_the_network_that_the_kernels_do(bundle, reviews, tmp_path, monkeypatch):
    """What the kernels lose when they quantise activations also decides between tokens of nearly
    equal scores, so that the engines differ by more than without pruning, but by a small part of
    what pruning changes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    copy = shutil.copytree(bundle.folder, tmp_path / "model")
    config = json.loads((copy / "config.json").read_text())
    setting = {"minimum": MINIMUM, "percent": PERCENT}
    (copy / "config.json").write_text(json.dumps({**config, "token_keep": setting}))
    write_card(copy, {**bundle.card, "revision": "pruned"})
    native, torch = (engine(load(copy), 1) for engine in (NativeEngine, TorchEngine))
    tokenised = native.tokenise(list(reviews))
    rows = [[native.start_token, *ids[:200], native.end_token] for ids in tokenised]
    rows = [row for row in rows if len(row) > 80][:16]
    unpruned = Network(bundle.folder / WEIGHTS, 1).logits(rows)
    served, exact, unpruned = (
        np.array([each[-1] - each[0] for each in logits])
        for logits in (native.logits(rows), torch.logits(rows), unpruned)
    )
    assert (served != unpruned).any()
    assert np.abs(served - exact).mean() < 0.03 + 0.3 * np.abs(served - unpruned).mean()
