"""Small random networks for the kernels' tests."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from distilbert_int8 import Shape, tensor_specs, write


@pytest.fixture(scope="session")
def write_network() -> Callable[[Path, Shape, int, int], None]:
    """Write a random network of this shape, vocabulary and number of positions."""

    def written(path: Path, shape: Shape, vocabulary: int, positions: int) -> None:
        rng = np.random.default_rng(0)
        tensors = {
            name: rng.integers(-64, 65, spec.size).astype(np.int8)
            if spec.dtype == "int8"
            else rng.uniform(-1, 1, spec.size).astype(np.float32)
            for name, spec in tensor_specs(shape, vocabulary, positions).items()
        }
        for name in ("words", "positions"):
            tensors[name] = tensors[name].reshape(-1, shape.width)
        write(path, shape, tensors)

    return written
