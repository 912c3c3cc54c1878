"""The function inside the runtime emulator, beyond what the contract suite asks of it."""

import json
import shutil

import pytest

from scripts.emulator import Emulator, InvocationError
from tests.conftest import ROOT

EVENTS = sorted((ROOT / "tests/events").glob("*.json"))


@pytest.fixture(scope="module")
def emulator():
    with Emulator() as running:
        yield running


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_every_recorded_event_is_answered(emulator, path):
    assert "Positive" in json.dumps(emulator.invoke(json.loads(path.read_text())))


def test_an_event_of_no_known_shape_fails_with_what_is_known(emulator):
    with pytest.raises(InvocationError, match="UnsupportedEvent"):
        emulator.invoke({"Records": []})


def test_a_text_that_cannot_be_scored_fails_with_the_reason(emulator):
    with pytest.raises(InvocationError, match="must not be blank"):
        emulator.invoke({"text": " "})


def test_a_missing_bundle_fails_at_initialisation_and_is_named(tmp_path):
    settings = {"SENTIMENT_MODEL_DIR": str(tmp_path)}
    with Emulator(settings) as broken, pytest.raises(InvocationError, match="no model bundle in"):
        broken.invoke({"text": "Good."})


def test_a_corrupted_weight_file_fails_at_initialisation_and_is_named(tmp_path, bundle):
    folder = shutil.copytree(bundle.folder, tmp_path / "model")
    with (folder / "model.int8.safetensors").open("ab") as file:
        file.write(b"!")
    settings = {"SENTIMENT_MODEL_DIR": str(folder)}
    with (
        Emulator(settings) as broken,
        pytest.raises(InvocationError, match="model.int8.safetensors has sha256"),
    ):
        broken.invoke({"text": "Good."})
