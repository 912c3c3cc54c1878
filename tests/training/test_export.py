import json
import shutil

import numpy as np
import pytest

from app.sentiment import classifier
from app.settings import Settings
from tests.training.conftest import RECIPE, sentences, tiny_model, tiny_tokenizer
from training import export
from training.evaluate import Scored
from training.train import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(RECIPE, tiny_model(), tiny_tokenizer(), sentences(400, 1), sentences(64, 2), folder)
    return folder / "checkpoint"


@pytest.fixture
def checkpoint(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "checkpoint")


def test_a_checkpoint_becomes_a_bundle_that_both_engines_serve(checkpoint, tmp_path):
    folder = tmp_path / "bundle"
    held_out = sentences(100, 4)
    export.export(str(checkpoint), folder, held_out, {"license": "MIT"})
    assert json.loads((folder / "card.json").read_text())["license"] == "MIT"
    scores = []
    for engine in ("onnx", "torch"):
        served = classifier.load(Settings(engine=engine, model_dir=folder))
        scores.append(served.log_odds(held_out.texts))
        assert served.predict(["the film was superb"])[0].sentiment == "Positive"
    assert (scores[0].argmax(1) == scores[1].argmax(1)).mean() >= 0.99


def test_labels_in_the_other_order_are_turned_round(checkpoint, tmp_path):
    config = json.loads((checkpoint / "config.json").read_text())
    config["id2label"] = {"0": "POSITIVE", "1": "NEGATIVE"}
    config["label2id"] = {"POSITIVE": 0, "NEGATIVE": 1}
    (checkpoint / "config.json").write_text(json.dumps(config))
    export.export(str(checkpoint), tmp_path / "b", _flipped(sentences(100, 4)), {})
    served = classifier.load(Settings(model_dir=tmp_path / "b"))
    assert served.predict(["the film was superb"])[0].sentiment == "Negative"


def test_other_labels_are_refused(checkpoint):
    config = json.loads((checkpoint / "config.json").read_text())
    config["id2label"] = {"0": "cat", "1": "dog"}
    (checkpoint / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="has the labels cat, dog"):
        export.load_checkpoint(str(checkpoint))


def test_int8_that_loses_too_much_replaces_nothing(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "MAX_LOSS", -2.0)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/kept").touch()
    with pytest.raises(ValueError, match="int8 loses more than"):
        export.export(str(checkpoint), tmp_path / "bundle", sentences(60, 4), {})
    assert (tmp_path / "bundle/kept").exists()


def test_temperature_is_that_which_made_the_log_odds_too_sharp():
    rng = np.random.default_rng(0)
    log_odds = rng.normal(0, 2, 20_000)
    labels = (rng.random(20_000) < 1 / (1 + np.exp(-log_odds))).astype(int)
    scored = Scored(log_odds * 3, labels, np.zeros(20_000))
    assert export.temperature(scored) == pytest.approx(3, rel=0.05)


def _flipped(examples):
    return type(examples)(examples.texts, 1 - examples.labels)
