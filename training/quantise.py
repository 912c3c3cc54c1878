"""Weights in 8 bits, for both the ONNX graph and the native network."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky
from scipy.linalg.lapack import dtrtri

_DAMPING = 0.01
"""What the authors of GPTQ add to the Gram matrix's diagonal, as a share of its mean."""
_MIN_REACH = 0.025
"""The least reach of a channel, as a share of the channels' mean. Behind ReLU, the texts may have
left a channel at 0; a text that does not would widen the range of its whole group without bound."""
_BLOCK = 128
"""Channels whose errors are subtracted from all later channels at once."""


class ActivationStats(NamedTuple):
    """What a tensor's rows were seen to hold."""

    low: np.ndarray
    """The least value of each channel, (channels,)."""
    high: np.ndarray
    gram: np.ndarray
    """The sum of the rows' outer products, (channels, channels)."""


Activations = Mapping[str, ActivationStats]
"""What entered each matrix product, by the tensor's name."""


def smoothing(stats: ActivationStats, weights: Sequence[np.ndarray], share: float) -> np.ndarray:
    """Return what to divide each channel by, and to multiply the weights by, (channels,).

    ``share``: how much of the channels' unevenness moves from the activations, where it costs a
    range that all channels share, into the weights (SmoothQuant, Xiao et al. 2023,
    arXiv:2211.10438).
    """
    reach = np.maximum(-stats.low, stats.high)
    reach = np.maximum(reach, max(_MIN_REACH * reach.mean(), 1e-5)) ** share
    heaviest = np.max([np.abs(weight).max(axis=0) for weight in weights], axis=0)
    divisors: np.ndarray = reach / np.maximum(heaviest, 1e-5) ** (1 - share)
    return divisors


def weight(
    values: np.ndarray, group: int | None = None, gram: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 (outputs, inner), and fp32 scales (outputs, groups) of so many channels each.

    Where ``group`` does not divide the channels, or is None, there is one group.

    ``gram``: the sum over many inputs of their outer product, (inner, inner). With it each
    column's rounding error is made up for by the columns that follow, as far as the inputs are
    correlated (GPTQ, Frantar et al. 2023, arXiv:2210.17323).

    Processors without VNNI add two neighbouring products in 16 bits, and saturate. A scale is
    therefore wide enough that no two neighbours of one sign exceed 127 together (128 as rounded),
    which with activations up to 255 stays within 16 bits: every processor gives the same answer.
    It costs far less than the usual remedy, 7-bit weights, as large neighbours are rare.
    """
    outputs, inner = values.shape
    groups = inner // group if group and inner % group == 0 else 1
    pairs = values.reshape(outputs, groups, -1, 2)
    reach = [np.maximum(sign * pairs, 0).sum(axis=3).max(axis=2) for sign in (1, -1)]
    scales = _scales(np.maximum(*reach))
    units = np.repeat(scales, inner // groups, axis=1).astype(np.float64)
    if gram is None:
        return np.rint(values / units).astype(np.int8), scales
    return _compensated(values.T, units.T, gram).T, scales


def _compensated(weights: np.ndarray, units: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Return the integers of `weight` with ``gram``; weights and units are (inner, outputs).

    All outputs are rounded together, one channel after the other. A channel is corrected by the
    errors of earlier channels just before it is rounded: by those of earlier blocks in one matrix
    product for its whole block, then by those of its own block.
    """
    inner, outputs = weights.shape
    factors = _compensation_factors(gram)
    errors = np.empty((inner, outputs))
    integers = np.zeros((inner, outputs), dtype=np.int8)
    for start in range(0, inner, _BLOCK):
        end = min(start + _BLOCK, inner)
        block = weights[start:end] - factors[:start, start:end].T @ errors[:start]
        for k in range(start, end):
            exact = block[k - start] - factors[start:k, k] @ errors[start:k]
            rounded = np.rint(exact / units[k])
            neighbour = integers[k - 1].astype(int) if k % 2 else np.zeros(outputs, dtype=int)
            most = np.where(neighbour * rounded > 0, np.minimum(128 - np.abs(neighbour), 127), 127)
            rounded = np.clip(rounded, -most, most)
            integers[k] = rounded
            errors[k] = (exact - rounded * units[k]) / factors[k, k]
    return integers


def _compensation_factors(gram: np.ndarray) -> np.ndarray:
    """Return the upper triangular R for which R.T @ R is the inverse of the damped Gram matrix.

    R is the inverse of the upper triangular U for which U @ U.T is the damped matrix. Reversing the
    channels turns U into a lower triangle, which LAPACK computes. This takes a third of the
    arithmetic of inverting the matrix and factoring the inverse.
    """
    inner = len(gram)
    damped = gram.astype(np.float64)
    damped.flat[:: inner + 1] += _DAMPING * np.trace(damped) / inner
    lower = cholesky(damped[::-1, ::-1], lower=True)
    inverse, status = dtrtri(lower, lower=1)
    assert status == 0, "a Cholesky factor has no zero on its diagonal"
    return np.ascontiguousarray(inverse[::-1, ::-1])


def rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the table in int8 and the fp32 scale of each row."""
    return _to_int8(table, np.abs(table).max(axis=1))


def _to_int8(table: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the table in int8, where 127 stands for each row's reach, and the rows' scales."""
    scales = _scales(reach)
    return np.rint(table / scales[:, None]).astype(np.int8), scales


def _scales(reach: np.ndarray) -> np.ndarray:
    return np.where(reach == 0, 1, reach / 127).astype(np.float32)
