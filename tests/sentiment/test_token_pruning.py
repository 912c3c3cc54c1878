import pytest

from app.sentiment.token_pruning import TokenPruning, parse, sampled


def test_counts_are_the_minimum_and_shares_of_the_tokens_beyond_it_rounded_up():
    pruning = TokenPruning(64, [100, 60, 50, 29, 10])
    assert pruning.counts(219) == [219, 157, 142, 109, 80]
    assert pruning.counts(384) == [384, 256, 224, 157, 96]


@pytest.mark.parametrize("tokens", [2, 16, 63, 64])
def test_windows_up_to_the_minimum_keep_all_tokens(tokens):
    assert TokenPruning(64, [50, 1]).counts(tokens) == [tokens, tokens]


def test_no_layer_outputs_more_tokens_than_the_one_before():
    pruning = TokenPruning(64, [90, 60, 60, 33, 7])
    for tokens in range(1, 513):
        counts = [tokens, *pruning.counts(tokens)]
        assert counts == sorted(counts, reverse=True)


def test_a_longer_window_keeps_no_fewer_tokens():
    counts = [TokenPruning(64, [90, 60, 33, 7, 1]).counts(tokens) for tokens in range(1, 513)]
    for layer in zip(*counts, strict=True):
        assert list(layer) == sorted(layer)


@pytest.mark.parametrize("tokens", [1, 31, 32, 33, 64, 219, 512])
def test_samples_are_evenly_spaced_and_begin_with_cls(tokens):
    positions = sampled(tokens)
    assert positions[0] == 0 and len(positions) == min(tokens, 32)
    gaps = {
        after - before for before, after in zip(positions, [*positions[1:], tokens], strict=True)
    }
    assert max(gaps) - min(gaps) <= 1


def test_a_network_without_the_setting_has_no_pruning():
    assert parse({"n_layers": 6}) is None


def test_the_setting_is_read():
    config = {"n_layers": 3, "token_keep": {"minimum": 8, "percent": [100, 40]}}
    assert parse(config) == TokenPruning(8, [100, 40])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ([50], "token_keep must have minimum and percent and nothing else"),
        ({"minimum": 8}, "must have minimum and percent"),
        ({"minimum": 8, "percent": [50, 50], "share": 1}, "nothing else"),
        ({"minimum": 0, "percent": [50, 50]}, "token_keep: minimum must be a positive integer"),
        ({"minimum": True, "percent": [50, 50]}, "minimum must be a positive integer"),
        ({"minimum": 8, "percent": 50}, "percent must be a list of integers"),
        ({"minimum": 8, "percent": "50"}, "percent must be a list of integers"),
        ({"minimum": 8, "percent": [50.0, 50]}, "integers from 1 to 100"),
        ({"minimum": 8, "percent": [101, 50]}, "integers from 1 to 100"),
        ({"minimum": 8, "percent": [50, 0]}, "integers from 1 to 100"),
        ({"minimum": 8, "percent": [40, 50]}, "must not increase"),
        ({"minimum": 8, "percent": [50]}, "has 1 numbers, but the network has 3 layers"),
    ],
)
def test_an_invalid_setting_is_refused_with_what_is_wrong(setting, message):
    with pytest.raises(ValueError, match=message):
        parse({"n_layers": 3, "token_keep": setting})
