import json
import shutil
from pathlib import Path

import pytest

from app.sentiment import bundle
from training import card
from training.behaviour.suite import Result

FIGURES = {"accuracy": 0.875, "f1": 0.9, "reliability": [1, 2]}


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree("model", tmp_path / "model")


def test_recorded_figures_stand_in_the_card_of_a_bundle_that_still_verifies(folder):
    card.record(folder, "A set", "torch", FIGURES)
    found = bundle.load(folder).card
    assert found["metrics"]["A set"]["torch"] == {"accuracy": 0.875, "f1": 0.9}
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


THREE_WAY = {
    "accuracy": 0.7,
    "macro_recall": 0.68,
    "recall_neutral": 0.66,
    "log_loss": 0.71,
    "calibration_error": 0.02,
    "examples": 1100,
    "intervals": {
        "accuracy": [0.69, 0.71],
        "macro_recall": [0.67, 0.69],
        "recall_neutral": [0.65, 0.67],
        "log_loss": [0.7, 0.72],
        "calibration_error": [0.01, 0.03],
    },
}


def test_sets_of_three_outcomes_have_a_table_of_their_own():
    found = dict(bundle.load(Path("model")).card)
    found["metrics"] = {**found["metrics"], "A set": {"native": THREE_WAY}}
    page = card.markdown(found)
    # Labels that do not occur in the set have no recall.
    assert (
        "| A set | native (int8) | 1,100 | 70.00% (69.00% – 71.00%) | 68.00% (67.00% – 69.00%) | – "
        "| 66.00% (65.00% – 67.00%) | – |"
    ) in page
    assert (
        "| A set | native (int8) | three | 1,100 | 0.7100 (0.7000 – 0.7200) "
        "| 2.00% (1.00% – 3.00%) |"
    ) in page
    assert "| SST-2 dev | native (int8) | two |" in page


def test_two_labels_on_three_outcomes_have_no_calibration():
    found = dict(bundle.load(Path("model")).card)
    without = {k: v for k, v in THREE_WAY.items() if k not in ("log_loss", "calibration_error")}
    page = card.markdown({**found, "metrics": {"A set": {"native": without}}})
    assert "| A set | native (int8) | three |" not in page


def test_abilities_are_shown_worst_first_and_identities_as_bias(folder):
    results = {
        "plain opinions": Result(1000, 10),
        "identities: religion": Result(600, 75),
        "negation": Result(300, 90),
        "grades in all notations": Result(200, 4),
    }
    card.record_abilities(folder, "native", results)
    found = bundle.load(folder).card
    assert found["abilities"]["native"]["negation"] == {"cases": 300, "failure_rate": 0.3}
    page = card.markdown(found)
    abilities, bias = page.split("## Bias")
    rows = ("| negation | 300 | 30.0% |", "| identities: religion | 600 | 12.5% |")
    assert abilities.index(rows[0]) < abilities.index(rows[1]) < abilities.index("plain opinions")
    assert "grades that come out on the right side | 98.0% |" in abilities
    assert "in a probability by more than 0.1 | 12.5% |" in abilities
    assert "failures of the worst ability, such pairs aside | 30.0% |" in abilities
    assert rows[1] in bias
    assert rows[0] not in bias


def test_a_temperature_by_length_is_said_for_both_ends():
    found = dict(bundle.load(Path("model")).card)
    inference = {**found["inference"], "temperature": {"short": 1.2, "long": 0.6}}
    page = card.markdown({**found, "inference": inference})
    assert "over a temperature of 1.2 for texts of up to 32 tokens and 0.6 for those of 256" in page


def test_a_network_of_three_labels_says_what_becomes_of_neutral():
    found = dict(bundle.load(Path("model")).card)
    shape = {**found["architecture"], "labels": ["Negative", "Neutral", "Positive"]}
    assert "half of Neutral's probability" in card.markdown({**found, "architecture": shape})
    shape["labels"] = ["Negative", "Positive"]
    assert "half of Neutral's probability" not in card.markdown({**found, "architecture": shape})


def test_how_the_weights_were_rounded_is_said_with_what_it_cost():
    figures = {"texts": 2000, "int8": 0.944, "fp32": 0.9455, "same": 0.9985}
    rounding = {"method": "GPTQ", "texts": 200, "tokens": 13_754, "verified": {"a.csv": figures}}
    page = card.markdown({**bundle.load(Path("model")).card, "quantisation": rounding})
    made = page.split("## How it was made")[1]
    assert "GPTQ rounded the weights to int8, with the activations of 200 texts (13,754" in made
    assert "| a.csv | 2,000 | 94.40% | 94.55% | 99.85% |" in made
