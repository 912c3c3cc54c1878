"""The arm64 kernels, emulated: their logits are those of this machine's."""

import mmap

import numpy as np
import pytest
from distilbert_int8 import Network, weights

from app.sentiment.engines.native import WEIGHTS
from local import arm64

pytestmark = pytest.mark.skipif(bool(arm64.missing()), reason=arm64.missing() or "all is there")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return arm64.build(tmp_path_factory.mktemp("arm64"))


@pytest.mark.parametrize(("processor", "instructions"), arm64.PROCESSORS.items())
def test_every_processor_gives_the_logits_of_this_machine_to_the_bit(
    bundle, program, tmp_path, processor, instructions
):
    path, plan = bundle.folder / WEIGHTS, tmp_path / "plan"
    rng = np.random.default_rng(0)
    # Tiles of 8 rows with each rest, keys of other sequences, and more than one task.
    lengths = [1, 2, 4, 13, 16] if instructions == "portable" else [1, 2, 4, 13, 16, 70]
    rows = [rng.integers(0, 30_000, length).tolist() for length in lengths]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        arm64.write_plan(plan, weights.read(mapped), rows)
    used, logits = arm64.logits(program, path, plan, processor, threads=2)
    assert used == instructions
    expected = Network(path, threads=1).logits(rows)
    np.testing.assert_array_equal(np.reshape(logits, np.shape(expected)), expected)


def test_a_network_that_prunes_tokens_gives_the_same_logits(bundle, program, tmp_path):
    path, plan = bundle.folder / WEIGHTS, tmp_path / "plan"
    percent, rows = [90, 70, 50, 50, 25], [list(range(1000, 1060)), list(range(2000, 2017))]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        arm64.write_plan(plan, weights.read(mapped), rows, percent, min_tokens=16)
    _, logits = arm64.logits(program, path, plan, "neoverse-n1", threads=2)
    pruning = Network(path, threads=1, token_percent=percent, min_tokens=16)
    expected = pruning.logits(rows)
    np.testing.assert_array_equal(np.reshape(logits, np.shape(expected)), expected)


@pytest.mark.parametrize("processor", ["neoverse-n1", "max"])
def test_a_network_whose_dimensions_fill_no_tile_gives_the_same_logits(
    program, tmp_path, write_network, processor
):
    path, plan = tmp_path / "network", tmp_path / "plan"
    write_network(path, weights.Shape(48, 3, 16, 80, 2, 3, 1, 48), vocabulary=50, positions=512)
    rows = [[(7 * i + length) % 50 for i in range(length)] for length in (3, 30, 511, 512)]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        arm64.write_plan(plan, weights.read(mapped), rows)
    _, logits = arm64.logits(program, path, plan, processor)
    expected = Network(path, threads=1).logits(rows)
    np.testing.assert_array_equal(np.reshape(logits, np.shape(expected)), expected)
