import json
import shutil
from pathlib import Path

import pytest

from app.sentiment import bundle
from training import card

FIGURES = {"accuracy": 0.875, "f1": 0.9, "reliability": [1, 2]}


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree("model", tmp_path / "model")


def test_recorded_figures_stand_in_the_card_of_a_bundle_that_still_verifies(folder):
    card.record(folder, "A set", "onnx", FIGURES)
    found = bundle.load(folder).card
    assert found["metrics"]["A set"]["onnx"] == {"accuracy": 0.875, "f1": 0.9}
    assert found["revision"] == bundle.load(Path("model")).revision


def test_figures_of_other_weights_stand_beside_the_bundles_own(folder):
    before = bundle.load(folder).card["metrics"]
    card.record(folder, "IMDb test", "native", FIGURES, "head only")
    found = bundle.load(folder).card
    assert found["compared"]["head only"]["IMDb test"]["native"]["accuracy"] == 0.875
    assert found["metrics"] == before


def test_committed_page_is_the_committed_cards():
    page = Path("docs/model-card.md").read_text()
    measured = json.loads(Path("bench/results/explanations.json").read_text())
    assert page == card.markdown(bundle.load(Path("model")).card, measured)


def test_explanations_of_other_weights_are_not_this_cards():
    found = bundle.load(Path("model")).card
    assert card.markdown(found, {"revision": "other"}) == card.markdown(found)
