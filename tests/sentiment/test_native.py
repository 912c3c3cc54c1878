"""The kernels: every way of running them gives the same logits, with token pruning or without."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from distilbert_int8 import Network, Shape, write
from hypothesis import given
from hypothesis import strategies as st

from app.sentiment.engines.native import WEIGHTS

PRUNING = {"token_percent": (100, 60, 50, 40, 30), "min_tokens": 64}
INSTRUCTIONS = ["portable", "avx2", "avxvnni", "avx512", "best"]
THREADS = [1, 2, 3, 5]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    lengths = [1, 2, 7, 8, 9, 15, 16, 17, 20, 47, 48, 49, 63, 64, 65, 66, 128, 219]
    lengths += [255, 256, 511, 512, 30, 90, 1]
    return [rng.integers(0, 30_000, length).tolist() for length in lengths]


@pytest.fixture(scope="module")
def path(bundle):
    return bundle.folder / WEIGHTS


@pytest.fixture(scope="module", params=[{}, PRUNING], ids=["whole", "pruned"])
def network(request, path):
    """Opens the shipped weights, which have no token pruning, without it and with it."""
    return partial(Network, path, **request.param)


@pytest.fixture(scope="module")
def expected(network, rows):
    return np.array(network(threads=1).logits(rows))


@pytest.mark.parametrize("instructions", INSTRUCTIONS[:-1])
def test_every_instruction_set_gives_the_same_logits_to_the_bit(
    network, rows, expected, instructions
):
    logits = network(threads=2, instructions=instructions).logits(rows[:20])
    np.testing.assert_array_equal(logits, expected[:20])


@pytest.mark.parametrize("threads", THREADS[1:])
def test_logits_do_not_depend_on_the_threads(network, rows, expected, threads):
    opened = network(threads)
    for _ in range(5):
        np.testing.assert_array_equal(opened.logits(rows), expected)


def test_logits_do_not_depend_on_the_other_rows(network, rows, expected):
    opened = network(threads=2)
    alone = [opened.logits([row])[0] for row in rows]
    np.testing.assert_array_equal(alone, expected)
    np.testing.assert_array_equal(opened.logits(rows[::-1]), expected[::-1])


PRUNINGS = [(), (1, 50, 30, 10), (3, 100, 34, 34), (1, 1, 1, 1)]
"""Tokens that stay at least, and percent of them after each layer but the last; or none."""


@pytest.fixture(scope="module")
def small(tmp_path_factory, write_network):
    """Networks with dimensions that fill no tile, by pruning, instruction set and threads."""
    path = tmp_path_factory.mktemp("small") / "network"
    write_network(path, Shape(48, 3, 16, 80, 4, 3, 1, 48), vocabulary=50, positions=512)
    return {
        (pruning, instructions, threads): Network(
            path,
            threads,
            instructions,
            **({"min_tokens": pruning[0], "token_percent": pruning[1:]} if pruning else {}),
        )
        for pruning, instructions, threads in product(PRUNINGS, INSTRUCTIONS, THREADS)
    }


@pytest.mark.property
@given(
    pruning=st.sampled_from(PRUNINGS),
    instructions=st.sampled_from(INSTRUCTIONS),
    threads=st.sampled_from(THREADS),
    lengths=st.lists(st.integers(1, 512) | st.integers(1, 20), min_size=1, max_size=9),
)
def test_logits_of_any_lengths_are_those_of_each_row_alone(
    small, pruning, instructions, threads, lengths
):
    rows = [[(7 * i + length) % 50 for i in range(length)] for length in lengths]
    alone = [small[pruning, "portable", 1].logits([row])[0] for row in rows]
    assert small[pruning, instructions, threads].logits(rows) == alone


@pytest.mark.property
@given(
    rows=st.lists(st.lists(st.integers(-3, 53) | st.integers(), max_size=5), max_size=5)
    | st.lists(st.integers(0, 1030).map(lambda length: [1] * length), max_size=3)
)
def test_any_rows_are_scored_or_rejected(small, rows):
    valid = all(1 <= len(row) <= 512 and all(0 <= token < 50 for token in row) for row in rows)
    try:
        logits = small[(), "best", 2].logits(rows)
    except ValueError:
        assert not valid
    else:
        assert valid
        assert np.isfinite(logits).all()
        assert len(logits) == len(rows)


def test_callers_in_several_threads_get_their_own_logits(network, rows, expected):
    opened = network(threads=2)
    with ThreadPoolExecutor(8) as callers:
        results = callers.map(lambda i: opened.logits([rows[i % len(rows)]])[0], range(200))
    for i, logits in enumerate(results):
        np.testing.assert_array_equal(logits, expected[i % len(rows)])


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor only")
def test_workers_keep_off_the_callers_processor(path, rows):
    before = set(Path("/proc/self/task").iterdir())
    network = Network(path, threads=2)
    [worker] = set(Path("/proc/self/task").iterdir()) - before
    network.logits(rows[:1] + rows[-3:])
    callers_affinity = os.sched_getaffinity(0)
    workers_affinity = os.sched_getaffinity(int(worker.name))
    assert workers_affinity < callers_affinity
    assert len(workers_affinity) == len(callers_affinity) - 1


def test_an_unknown_instruction_set_is_rejected_with_those_allowed(path, monkeypatch):
    monkeypatch.setenv("DISTILBERT_INT8_INSTRUCTIONS", "mmx")
    with pytest.raises(ValueError, match="set 'mmx'; allowed: best, avx512, avxvnni, avx2, i8mm"):
        Network(path)


def test_no_rows_give_no_logits(path):
    assert Network(path).logits([]) == []


@pytest.mark.parametrize("row", [[], [1] * 513])
def test_an_empty_or_too_long_row_is_rejected(path, row):
    with pytest.raises(ValueError, match="must have from 1 to 512 tokens"):
        Network(path).logits([[5], row])


@pytest.mark.parametrize("unknown", [-1, 30_522, 2**31, -(2**70)])
def test_an_unknown_token_is_rejected(path, unknown):
    with pytest.raises(ValueError, match="must be from 0 to 30521"):
        Network(path).logits([[unknown]])


@pytest.mark.parametrize("threads", [-1, 1025, 2**64 + 1])
def test_an_invalid_number_of_threads_is_rejected(path, threads):
    with pytest.raises(ValueError, match=f"threads must be from 0 to 1024, not {threads}"):
        Network(path, threads)


VALID = {"width": 16, "heads": 1, "head_width": 16, "hidden": 64, "layers": 1, "labels": 2}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"width": 24}, "width must be a multiple of 16 from 16 to 65536"),
        ({"group": 0}, "group must be a multiple of 16"),
        ({"hidden": 65_552}, "hidden must be a multiple of 16 from 16 to 65536"),
        ({"layers": 0}, "layers must be from 1 to 62"),
        ({"layers": 63}, "layers must be from 1 to 62"),
        ({"heads": 0}, "heads must be from 1 to 4096"),
        ({"heads": 4097}, "heads must be from 1 to 4096"),
        ({"labels": -1}, "labels must be from 1 to 65536"),
        ({"relu": 2}, "relu must be 0 or 1"),
        ({"width": 16.0}, "width is not an integer"),
        ({"layers": True}, "layers is not an integer"),
        ({"group": None}, "group is not an integer"),
    ],
)
def test_a_shape_that_the_kernels_cannot_compute_is_rejected(wrong, reason):
    with pytest.raises(ValueError, match=reason):
        Shape(**{**VALID, "relu": 0, "group": 16, **wrong})


def test_tensors_of_another_shape_are_not_written(tmp_path):
    tensors = {name: np.zeros((2, 16), dtype=np.float32) for name in ("words", "positions")}
    with pytest.raises(ValueError, match="not the tensors of this shape: embeddings.bias"):
        write(tmp_path / "network", Shape(**VALID, relu=0, group=16), tensors)
