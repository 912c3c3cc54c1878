"""Weights in 8 bits, for both the ONNX graph and the native network."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

_DAMPING = 0.01
"""What the authors of GPTQ add to the Gram matrix's diagonal, as a share of its mean."""


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
    reach = np.maximum(np.maximum(-stats.low, stats.high), 1e-5) ** share
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
    damped = gram + np.eye(inner) * _DAMPING * np.trace(gram) / inner
    factors = np.linalg.cholesky(np.linalg.inv(damped)).T
    rest = values.astype(np.float64)
    integers = np.zeros(values.shape, dtype=np.int8)
    for k in range(inner):
        neighbour = integers[:, k - 1].astype(int) if k % 2 else np.zeros(outputs, dtype=int)
        column = np.rint(rest[:, k] / units[:, k])
        most = np.where(neighbour * column > 0, np.minimum(128 - np.abs(neighbour), 127), 127)
        column = np.clip(column, -most, most)
        integers[:, k] = column
        error = (rest[:, k] - column * units[:, k]) / factors[k, k]
        rest[:, k + 1 :] -= error[:, None] * factors[k, k + 1 :]
    return integers, scales


def rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the table in int8 and the fp32 scale of each row."""
    return _to_int8(table, np.abs(table).max(axis=1))


def _to_int8(table: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the table in int8, where 127 stands for each row's reach, and the rows' scales."""
    scales = _scales(reach)
    return np.rint(table / scales[:, None]).astype(np.int8), scales


def _scales(reach: np.ndarray) -> np.ndarray:
    return np.where(reach == 0, 1, reach / 127).astype(np.float32)
