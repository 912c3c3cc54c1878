"""The kernels: every way of running them gives the same logits."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from distilbert_int8 import Network, Shape, tensor_names, write

from app.sentiment.engines.native import WEIGHTS


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    lengths = [1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 128, 200, 255, 256, 511, 512, 30, 1]
    return [rng.integers(0, 30_000, length).tolist() for length in lengths]


@pytest.fixture(scope="module")
def path(bundle):
    return bundle.folder / WEIGHTS


@pytest.fixture(scope="module")
def expected(path, rows):
    return Network(path, threads=1).logits(rows)


@pytest.mark.parametrize("instructions", ["avx2", "portable"])
def test_every_instruction_set_gives_the_same_logits(path, rows, expected, instructions):
    found = Network(path, threads=2, instructions=instructions).logits(rows[:15])
    # The integers are the same; sums of floats are rounded in another order, which moves an
    # activation that lies between two integers.
    np.testing.assert_allclose(found, expected[:15], atol=0.1)
    assert np.abs(found - expected[:15]).mean() < 0.01


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_logits_do_not_depend_on_the_threads(path, rows, expected, threads):
    network = Network(path, threads)
    for _ in range(5):
        np.testing.assert_array_equal(network.logits(rows), expected)


def test_logits_do_not_depend_on_the_other_rows(path, rows, expected):
    network = Network(path, threads=2)
    alone = np.concatenate([network.logits([row]) for row in rows])
    np.testing.assert_array_equal(alone, expected)
    np.testing.assert_array_equal(network.logits(rows[::-1]), expected[::-1])


def test_callers_in_several_threads_get_their_own_logits(path, rows, expected):
    network = Network(path, threads=2)
    with ThreadPoolExecutor(8) as callers:
        found = callers.map(lambda i: network.logits([rows[i % len(rows)]])[0], range(200))
    for i, logits in enumerate(found):
        np.testing.assert_array_equal(logits, expected[i % len(rows)])


def test_no_rows_give_no_logits(path):
    assert Network(path).logits([]).shape == (0, 2)


@pytest.mark.parametrize("row", [[], [1] * 513])
def test_a_row_of_no_length_to_read_is_refused(path, row):
    with pytest.raises(ValueError, match="must have from 1 to 512 tokens"):
        Network(path).logits([[5], row])


@pytest.mark.parametrize("unknown", [-1, 30_522])
def test_an_unknown_token_is_refused(path, unknown):
    with pytest.raises(ValueError, match="must be from 0 to 30521"):
        Network(path).logits([[unknown]])


def test_a_file_without_a_tensor_is_refused(path, tmp_path):
    damaged = tmp_path / "damaged"
    damaged.write_bytes(path.read_bytes().replace(b'"positions"', b'"positionz"', 1))
    with pytest.raises(ValueError, match="holds no tensor 'positions'"):
        Network(damaged)


def test_a_width_that_the_kernels_cannot_lay_out_is_refused(tmp_path):
    shape = Shape(24, 2, 16, 64, 0, 2, 0, 16)
    tensors = {name: np.zeros(1, dtype=np.float32) for name in tensor_names(0)}
    with pytest.raises(ValueError, match="a width is no multiple of 16"):
        write(tmp_path / "network", shape, tensors)


def test_a_missing_tensor_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not the tensors of this shape"):
        write(tmp_path / "network", Shape(16, 1, 16, 64, 0, 2, 0, 16), {})
