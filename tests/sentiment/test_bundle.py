import hashlib
import json
import math
import shutil

import pytest

from app.scoring.configuration import load_classifier
from app.sentiment.bundle import LABELS, BundleError, load
from app.sentiment.token_pruning import TokenPruning
from app.settings import Settings
from training.card import write as write_card


@pytest.fixture
def copy(bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return shutil.copytree(bundle.folder, tmp_path / "model")


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        ("native", "model.int8.safetensors"),
        ("native", "tokenizer.json"),
        ("native", "config.json"),
        ("native", "card.json"),
        ("torch", "model.int8.safetensors"),
        ("torch", "tokenizer.json"),
        ("torch", "tokenizer_config.json"),
    ],
)
def test_a_corrupted_file_refuses_to_load_and_is_named(copy, engine, name):
    path = copy / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} has sha256"):
        load_classifier(Settings(engine=engine, model_dir=copy))


def test_a_corrupted_checkpoint_of_a_bundles_own_is_named(copy):
    name = "model.safetensors"
    digest = hashlib.sha256(b"weights").hexdigest()
    with (copy / "SHA256SUMS").open("a") as file:
        file.write(f"{digest}  {name}\n")
    (copy / name).write_bytes(b"other weights")
    with pytest.raises(BundleError, match=f"{name} has sha256"):
        load_classifier(Settings(engine="torch", model_dir=copy))


@pytest.mark.parametrize("name", ["model.int8.safetensors", "tokenizer.json", "card.json"])
def test_a_missing_file_refuses_to_load_and_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: No such file"):
        load_classifier(Settings(model_dir=copy))


def test_a_file_without_a_checksum_is_refused(copy):
    (copy / "SHA256SUMS").write_text("")
    with pytest.raises(BundleError, match=r"no line for card\.json"):
        load(copy)


def test_a_card_that_lacks_what_serving_needs_is_refused(copy):
    write_card(copy, {"name": "n", "revision": "r"})
    with pytest.raises(BundleError, match=r"card\.json .* no 'inference'"):
        load(copy)


def test_windows_that_would_leave_gaps_are_refused(copy, bundle):
    inference = {"windows": [{"length": 64, "stride": 128}], "temperature": 1.0}
    write_card(copy, {**bundle.card, "inference": inference})
    with pytest.raises(BundleError, match="stride 128 leaves gaps between windows of 64"):
        load(copy)


@pytest.mark.parametrize(
    "wrong",
    [
        0,
        -1.0,
        math.nan,
        math.inf,
        10**400,
        True,
        "1",
        None,
        [1.0, 1.0],
        {"short": 1.0},
        {"short": 1.0, "long": 0},
        {"short": True, "long": 1.0},
        {"short": 1.0, "long": 1.0, "medium": 1.0},
    ],
)
def test_a_temperature_that_is_none_is_refused(copy, bundle, wrong):
    inference = {**bundle.card["inference"], "temperature": wrong}
    write_card(copy, {**bundle.card, "inference": inference})
    with pytest.raises(BundleError, match="a temperature (must be a positive number|is a number)"):
        load(copy)


def test_labels_that_are_no_sentiments_are_refused(copy):
    config = (copy / "config.json").read_bytes()
    named = config.replace(b'"Negative"', b'"cat"').replace(b'"Positive"', b'"dog"')
    (copy / "config.json").write_bytes(named)
    sums = (copy / "SHA256SUMS").read_text()
    before, after = (hashlib.sha256(content).hexdigest() for content in (config, named))
    (copy / "SHA256SUMS").write_text(sums.replace(before, after))
    with pytest.raises(BundleError, match="the labels are cat, (Neutral, )?dog, not"):
        load(copy)


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_weights_with_another_number_of_labels_than_the_configuration_are_refused(copy, engine):
    bundle = load(copy)
    labels = next(labels for labels in LABELS if labels != bundle.labels)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "id2label": dict(enumerate(labels))}))
    write_card(copy, bundle.card)
    logits = len(bundle.labels)
    reason = f"config.json has {len(labels)} labels .* but the weights compute {logits} logits"
    with pytest.raises(BundleError, match=reason):
        load_classifier(Settings(engine=engine, model_dir=copy))


def test_token_pruning_is_read_from_the_configuration(copy, bundle):
    config = json.loads((copy / "config.json").read_text())
    setting = {"minimum": 64, "percent": [100, 60, 50, 40, 30]}
    (copy / "config.json").write_text(json.dumps({**config, "token_keep": setting}))
    write_card(copy, bundle.card)
    assert load(copy).token_pruning == TokenPruning(64, [100, 60, 50, 40, 30])


def test_token_pruning_of_another_network_is_refused(copy, bundle):
    config = json.loads((copy / "config.json").read_text())
    setting = {"minimum": 64, "percent": [50]}
    (copy / "config.json").write_text(json.dumps({**config, "token_keep": setting}))
    write_card(copy, bundle.card)
    with pytest.raises(BundleError, match="percent has 1 numbers, but the network has 6 layers"):
        load(copy)


def test_windows_that_are_not_for_every_text_are_refused(copy, bundle):
    inference = {"windows": [{"length": 64, "stride": 32, "up_to": 512}], "temperature": 1.0}
    write_card(copy, {**bundle.card, "inference": inference})
    with pytest.raises(BundleError, match="no windows for texts of any length"):
        load(copy)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (384, [(0, 382)]),
        (385, [(0, 382), (256, 383)]),
        (512, [(0, 382), (256, 510)]),
        (513, [(0, 254), (128, 382), (256, 510), (384, 511)]),
    ],
)
def test_a_text_is_cut_by_the_windows_for_its_length(bundle, tokens, expected):
    assert bundle.spans(tokens - 2) == expected


def test_lambda_needs_no_file_of_the_other_engine(copy):
    (copy / "tokenizer_config.json").unlink()
    load_classifier(Settings(model_dir=copy))


def test_checksums_cover_every_file(bundle):
    derived = {"model.safetensors"}  # .gitignore has it
    files = {path.name for path in bundle.folder.iterdir()} - {"SHA256SUMS"} - derived
    assert files == set(bundle.checksums)
