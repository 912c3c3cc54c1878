"""What the shipped weights promise; `make evaluate` is what measures it."""


def test_card_holds_the_whole_test_half_at_the_promised_accuracy(bundle):
    figures = bundle.card["metrics"]["IMDb test"]["native"]
    assert figures["examples"] == 25_000
    assert figures["accuracy"] >= 0.928


def test_card_says_what_the_weights_were_made_of(bundle):
    assert {"base", "data", "license", "limits", "recipe", "revision"} <= bundle.card.keys()


def test_repository_holds_only_what_cannot_be_derived_of_the_weights(bundle):
    """Each set of weights stays in the history for ever."""
    assert bundle.checksums.keys() == {
        "card.json", "config.json", "model.int8.safetensors", "tokenizer.json",
        "tokenizer_config.json",
    }  # fmt: skip


def test_probabilities_of_int8_are_calibrated(bundle):
    assert bundle.card["metrics"]["IMDb test"]["native"]["calibration_error"] < 0.02
