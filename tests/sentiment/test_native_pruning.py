"""Token pruning: which tokens stay, and that both engines compute the same network."""

import json
import shutil

import numpy as np
import pytest
from distilbert_int8 import Network

from app.sentiment.bundle import load
from app.sentiment.engines.native import WEIGHTS, NativeEngine
from app.sentiment.engines.torch import TorchEngine
from training.card import write as write_card

PERCENT = (100, 60, 50, 40, 30)
MINIMUM = 64


@pytest.fixture(scope="module")
def path(bundle):
    return bundle.folder / WEIGHTS


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    lengths = [1, 2, 16, 63, 64, 66, 67, 107, 219, 512]
    return [rng.integers(0, 30_000, length).tolist() for length in lengths]


def test_rows_up_to_the_minimum_keep_all_tokens_and_longer_ones_do_not(path, rows):
    pruning = Network(path, 1, token_percent=PERCENT, min_tokens=MINIMUM).logits(rows)
    whole = Network(path, 1).logits(rows)
    same = [pruned == unpruned for pruned, unpruned in zip(pruning, whole, strict=True)]
    assert same == [len(row) <= MINIMUM for row in rows]


def test_all_tokens_of_each_layer_are_what_no_pruning_means(path, rows):
    pruning = Network(path, 1, token_percent=[100] * 5, min_tokens=MINIMUM)
    assert pruning.logits(rows) == Network(path, 1).logits(rows)


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
