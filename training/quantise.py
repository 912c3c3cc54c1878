"""Weights in 8 bits, for both the ONNX graph and the native network."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np


class Extremes(NamedTuple):
    """The least and the greatest value of each channel of a tensor, both (channels,)."""

    low: np.ndarray
    high: np.ndarray


Activations = Mapping[str, Extremes]
"""What each tensor that enters a matrix product was seen to hold, by the tensor's name."""


def smoothing(extremes: Extremes, weights: Sequence[np.ndarray], share: float) -> np.ndarray:
    """Return what to divide each channel by, and to multiply the weights by, (channels,).

    ``share``: how much of the channels' unevenness moves from the activations, where it costs a
    range that all channels share, into the weights (SmoothQuant, Xiao et al. 2023,
    arXiv:2211.10438).
    """
    reach = np.maximum(np.maximum(-extremes.low, extremes.high), 1e-5) ** share
    heaviest = np.max([np.abs(weight).max(axis=0) for weight in weights], axis=0)
    return reach / np.maximum(heaviest, 1e-5) ** (1 - share)


def weight(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 (outputs, inner) and the fp32 scale of each output, (outputs,).

    Processors without VNNI add two neighbouring products in 16 bits, and saturate. A scale is
    therefore wide enough that no two neighbours of one sign exceed 127 together (128 as rounded),
    which with activations up to 255 stays within 16 bits: every processor gives the same answer.
    It costs far less than the usual remedy, 7-bit weights, as large neighbours are rare.
    """
    pairs = values.reshape(len(values), -1, 2)
    reach = [np.maximum(sign * pairs, 0).sum(axis=2).max(axis=1) for sign in (1, -1)]
    return _to_int8(values, np.maximum(*reach))


def rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the table in int8 and the fp32 scale of each row."""
    return _to_int8(table, np.abs(table).max(axis=1))


def _to_int8(table: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the table in int8, where 127 stands for each row's reach, and the rows' scales."""
    scales = np.where(reach == 0, 1, reach / 127).astype(np.float32)
    return np.rint(table / scales[:, None]).astype(np.int8), scales
