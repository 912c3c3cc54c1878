import numpy as np
import pytest

from training import quantise

RNG = np.random.default_rng(0)


@pytest.fixture
def weight():
    values = RNG.normal(size=(64, 128)).astype(np.float32)
    values[0, :2] = 9
    return values


@pytest.fixture
def inputs():
    """Inputs whose channels are correlated, as a layer's are."""
    return RNG.normal(size=(500, 32)) @ RNG.normal(size=(32, 128))


@pytest.mark.parametrize("group", [None, 32])
@pytest.mark.parametrize("compensated", [False, True])
def test_no_two_neighbouring_products_overflow_16_bits(weight, inputs, group, compensated):
    gram = inputs.T @ inputs if compensated else None
    integers, _ = quantise.weight(weight, group, gram)
    pairs = integers.astype(int).reshape(64, -1, 2)
    assert 255 * np.maximum(pairs, 0).sum(axis=2).max() <= np.iinfo(np.int16).max
    assert 255 * np.minimum(pairs, 0).sum(axis=2).min() >= np.iinfo(np.int16).min


@pytest.mark.parametrize("group", [None, 32])
def test_a_weight_is_rounded_to_its_groups_scale(weight, group):
    integers, scales = quantise.weight(weight, group)
    units = np.repeat(scales, 128 // scales.shape[1], axis=1)
    assert (np.abs(integers * units - weight) <= units / 2 + 1e-6).all()


def test_a_group_that_does_not_divide_the_channels_is_all_of_them(weight):
    assert quantise.weight(weight, 48)[1].shape == (64, 1)


def test_compensation_loses_less_on_the_inputs_that_it_was_made_for(weight, inputs):
    def loss(integers, scales):
        return np.square(inputs @ (integers * scales - weight).T).mean()

    gram = inputs.T @ inputs
    compensated = loss(*quantise.weight(weight, gram=gram))
    assert compensated < 0.5 * loss(*quantise.weight(weight))


@pytest.mark.parametrize("group", [None, 32])
@pytest.mark.parametrize("block", [1, 48, 128])
def test_compensation_is_gptq_as_published(weight, inputs, group, block, monkeypatch):
    """The reference rounds one row at a time and eliminates each channel from the inverse."""
    monkeypatch.setattr(quantise, "_BLOCK", block)
    gram = inputs.T @ inputs
    integers, scales = quantise.weight(weight, group, gram)
    units = np.repeat(scales, 128 // scales.shape[1], axis=1).astype(float)
    expected = [_gptq(row, steps, gram) for row, steps in zip(weight, units, strict=True)]
    np.testing.assert_array_equal(integers, expected)


def _gptq(row, units, gram):
    inverse = np.linalg.inv(gram + np.eye(len(gram)) * 0.01 * np.trace(gram) / len(gram))
    row = row.astype(float)
    integers = np.zeros(len(row), dtype=int)
    for k in range(len(row)):
        integer, neighbour = round(row[k] / units[k]), integers[k - 1] if k % 2 else 0
        limit = 127 if neighbour * integer <= 0 else min(127, 128 - abs(neighbour))
        integers[k] = max(-limit, min(limit, integer))
        row[k:] -= (row[k] - integers[k] * units[k]) / inverse[k, k] * inverse[k, k:]
        inverse -= np.outer(inverse[:, k], inverse[k]) / inverse[k, k]
    return integers


def test_smoothing_evens_out_what_it_divides():
    reach = np.array([0.1, 1, 10])
    seen = quantise.ActivationStats(-reach, reach, np.eye(3))
    smooth = quantise.smoothing(seen, [np.ones((2, 3))], 0.5)
    np.testing.assert_allclose(reach / smooth, np.sqrt(reach))


def test_a_channel_that_the_texts_left_at_zero_may_still_take_part():
    reach = np.array([0.0, 1, 1, 2])
    smooth = quantise.smoothing(
        quantise.ActivationStats(-reach, reach, np.eye(4)), [np.ones((2, 4))], 0.5
    )
    assert smooth[0] == np.sqrt(0.025)
