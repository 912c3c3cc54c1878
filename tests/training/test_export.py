import json
import shutil

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file, save_file

from app.scoring.configuration import load_classifier
from app.sentiment import engines
from app.sentiment.bundle import load
from app.sentiment.classifier import SentimentClassifier
from app.sentiment.token_pruning import TokenPruning
from app.settings import Settings
from tests.training.conftest import RECIPE, sentences, tiny_model, tiny_tokenizer
from training import export, graph
from training.data import LABELS, POSITIVE, Examples
from training.onnx_engine import OnnxEngine
from training.quantise import ActivationStats
from training.train import Run, predict, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("run")
    run = Run(folder, RECIPE, "-")
    train(run, tiny_model(), tiny_tokenizer(), sentences(400, 1), sentences(64, 2))
    return folder / "checkpoint"


@pytest.fixture
def checkpoint(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "checkpoint")


def relabelled(checkpoint, names, rows):
    """Give the classifier these labels, whose weights are those rows of what it has."""
    weights = load_file(checkpoint / "model.safetensors")
    for name in ("classifier.weight", "classifier.bias"):
        weights[name] = weights[name][rows].clone()
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((checkpoint / "config.json").read_text())
    config["id2label"] = {str(i): name for i, name in enumerate(names)}
    config["label2id"] = {name: i for i, name in enumerate(names)}
    (checkpoint / "config.json").write_text(json.dumps(config))


SIDES = ("Negative", "Positive")


@pytest.mark.parametrize(
    ("names", "rows", "labels"),
    [
        (("Negative", "Neutral", "Positive"), [0, 1, 2], LABELS),
        (("LABEL_0", "LABEL_1", "LABEL_2"), [0, 1, 2], LABELS),
        (("POSITIVE", "negative", "neu"), [2, 0, 1], LABELS),
        (("NEGATIVE", "POSITIVE"), [0, 2], SIDES),
        (("LABEL_0", "LABEL_1"), [0, 2], SIDES),
        (("pos", "neg"), [2, 0], SIDES),
    ],
)
def test_labels_are_those_of_a_bundle_in_its_order(checkpoint, names, rows, labels):
    inputs = [np.array([2, 5, 6, 10, 3])]
    original, _ = export.load_checkpoint(str(checkpoint))
    expected = predict(original, inputs)[:, [0, 2] if labels == SIDES else [0, 1, 2]]
    relabelled(checkpoint, names, rows)
    model, _ = export.load_checkpoint(str(checkpoint))
    assert model.config.id2label == dict(enumerate(labels))
    np.testing.assert_allclose(predict(model, inputs), expected, atol=1e-6)


@pytest.mark.parametrize("labels", [SIDES, LABELS])
@pytest.mark.parametrize("derived", [False, True])
def test_a_checkpoint_becomes_a_bundle_and_a_graph_that_agree_with_torch(
    checkpoint, tmp_path, monkeypatch, derived, labels
):
    relabelled(checkpoint, labels, [LABELS.index(label) for label in labels])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "bundle"
    held_out = sentences(100, 4)
    extras = {"with_fp16": not derived, "with_onnx": not derived}
    export.export(str(checkpoint), folder, {"a set": held_out}, {"license": "MIT"}, **extras)
    assert json.loads((folder / "card.json").read_text())["license"] == "MIT"
    assert load(folder).labels == labels
    path = folder / graph.FILE
    if derived:
        export.write_graph(load(folder), {"a set": held_out}, path)
    bundle = load(folder)
    scores = []
    for engine in (engines.load("native", bundle, 0), OnnxEngine(bundle, path.read_bytes()),
                   engines.load("torch", bundle, 0)):  # fmt: skip
        served = SentimentClassifier(bundle, engine)
        scores.append(served.score(held_out.texts).logits)
        assert served.predict(["the film was superb"])[0].sentiment == "Positive"
    for logits in scores[:2]:
        assert (np.argmax(logits, 1) == np.argmax(scores[2], 1)).mean() >= 0.99


def test_an_onnx_file_names_the_revision_that_it_was_derived_from(
    checkpoint, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    export.export(str(checkpoint), tmp_path / "b", {"a set": sentences(60, 4)}, {})
    bundle = load(tmp_path / "b")
    export.write_graph(bundle, {"a set": sentences(60, 4)}, tmp_path / "b.onnx")
    [revision] = onnx.load(tmp_path / "b.onnx").metadata_props
    assert (revision.key, revision.value) == (graph.REVISION, bundle.revision)


def test_an_onnx_file_that_loses_too_much_is_not_written(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    export.export(str(checkpoint), tmp_path / "b", {"a set": sentences(60, 4)}, {})
    observe = export.observe
    monkeypatch.setattr(export, "observe", lambda *given: _narrowed(observe(*given)))
    arguments = (load(tmp_path / "b"), {"a set": sentences(60, 4)}, tmp_path / "b.onnx")
    with pytest.raises(ValueError, match="onnx: int8 loses more than"):
        export.write_graph(*arguments)
    assert not list(tmp_path.glob("b.onnx*"))
    export.write_graph(*arguments, max_loss=1.0)
    assert (tmp_path / "b.onnx").exists()


def test_a_text_whose_activations_were_observed_is_not_scored_in_fp32_again(
    checkpoint, tmp_path, monkeypatch
):
    scored = []

    def predicting(model, rows):
        scored.extend(rows)
        return predict(model, rows)

    monkeypatch.setattr(export, "predict", predicting)
    monkeypatch.setattr(export, "CALIBRATION_TEXTS", 50)
    export.export(str(checkpoint), tmp_path / "b", {"a set": sentences(60, 4)}, {})
    assert len(scored) == 10


def test_the_card_says_how_the_weights_were_rounded(checkpoint, tmp_path, capsys):
    sources = {"one": sentences(60, 4), "other": sentences(80, 5)}
    export.export(str(checkpoint), tmp_path / "b", sources, {})
    rounding = load(tmp_path / "b").card["quantisation"]
    assert (rounding["method"], rounding["texts"]) == ("SmoothQuant and GPTQ", 140)
    assert {name: each["texts"] for name, each in rounding["verified"].items()} == {
        "one": 60,
        "other": 80,
    }
    printed = capsys.readouterr()
    assert f"the activations of 140 texts ({rounding['tokens']:,} tokens); took" in printed.out
    for step in ("observing", "rounding weights", "scoring one, fp32", "scoring other, native"):
        assert step in printed.err


def test_a_bundle_holds_the_int8_weights_alone_unless_others_are_asked_for(checkpoint, tmp_path):
    weights = {"model.int8.safetensors"}
    for extras, expected in (
        ({}, weights),
        ({"with_fp16": True}, weights | {"model.safetensors"}),
        ({"with_onnx": True}, weights | {"model.onnx"}),
    ):
        export.export(str(checkpoint), tmp_path / "b", {"a set": sentences(60, 4)}, {}, **extras)
        names = {path.name for path in (tmp_path / "b").iterdir()}
        assert {name for name in names if name.startswith("model.")} == expected


def test_a_bundles_folder_is_loaded_as_its_reference_checkpoint(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    export.export(str(checkpoint), tmp_path / "b", {"a set": sentences(60, 4)}, {})
    model, _ = export.load_checkpoint(str(tmp_path / "b"))
    original, _ = export.load_checkpoint(str(checkpoint))
    rows = [np.array([2, 5, 6, 10, 3])]
    np.testing.assert_allclose(predict(model, rows), predict(original, rows), atol=0.1)


def test_labels_in_the_other_order_are_turned_round(checkpoint, tmp_path):
    relabelled(checkpoint, ("POSITIVE", "NEGATIVE"), [0, 2])
    export.export(str(checkpoint), tmp_path / "b", {"a set": _flipped(sentences(100, 4))}, {})
    served = load_classifier(Settings(model_dir=tmp_path / "b"))
    assert served.predict(["the film was superb"])[0].sentiment == "Negative"


@pytest.mark.parametrize(
    "names",
    [
        ("cat", "dog"),
        ("Negative", "Neutral"),
        ("Positive", "Negative", "Mixed"),
        ("Negative", "Negative", "Positive"),
        ("LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3"),
    ],
)
def test_other_labels_are_refused(checkpoint, names):
    relabelled(checkpoint, names, [0, 1, 2, 0][: len(names)])
    with pytest.raises(ValueError, match=f"has the labels {', '.join(names)}"):
        export.load_checkpoint(str(checkpoint))


@pytest.mark.parametrize("engine", ["native", "onnx"])
def test_int8_that_loses_too_much_replaces_nothing(checkpoint, tmp_path, monkeypatch, engine):
    folder = tmp_path / "bundle"
    extras = {"with_onnx": engine == "onnx"}
    export.export(str(checkpoint), folder, {"a set": sentences(60, 4)}, {}, **extras)
    before = (folder / "SHA256SUMS").read_text()
    observe, save = export.observe, export.pack.save
    if engine == "onnx":
        monkeypatch.setattr(export, "observe", lambda *given: _narrowed(observe(*given)))
    else:
        monkeypatch.setattr(
            export.pack,
            "save",
            lambda config, weights, *rest: save(config, _negated(weights), *rest),
        )
    with pytest.raises(ValueError, match=f"{engine}: int8 loses more than"):
        export.export(str(checkpoint), folder, {"a set": sentences(60, 4)}, {}, **extras)
    assert (folder / "SHA256SUMS").read_text() == before
    # Unless they are only to be compared.
    export.export(str(checkpoint), folder, {"a set": sentences(60, 4)}, {}, max_loss=1.0, **extras)
    assert (folder / "SHA256SUMS").read_text() != before


def test_a_folder_that_holds_no_bundle_is_left_alone(checkpoint):
    with pytest.raises(ValueError, match="holds something that is no bundle"):
        export.export(str(checkpoint), checkpoint, {"a set": sentences(60, 4)}, {})
    assert (checkpoint / "model.safetensors").exists()


def test_windows_fit_a_checkpoint_that_reads_less(checkpoint, tmp_path):
    """The tiny model has 64 positions, where 384 tokens are a window's usual length."""
    export.export(str(checkpoint), tmp_path / "b", {"a set": sentences(60, 4)}, {})
    served = load_classifier(Settings(model_dir=tmp_path / "b"))
    [prediction] = served.predict(["the plot " * 100])
    assert (prediction.tokens, prediction.windows) == (202, 5)


def test_revision_changes_with_what_a_score_depends_on(checkpoint, tmp_path):
    folder = tmp_path / "b"
    revisions = []
    for seed in (4, 5):
        export.export(str(checkpoint), folder, {"a set": sentences(60, seed)}, {})
        revisions.append(json.loads((folder / "card.json").read_text())["revision"])
    assert revisions[0] != revisions[1]


def test_token_pruning_reaches_the_bundle_and_its_revision(checkpoint, tmp_path):
    config = json.loads((checkpoint / "config.json").read_text())
    revisions = []
    for setting in (None, {"minimum": 8, "percent": [100, 50, 30]}):
        (checkpoint / "config.json").write_text(json.dumps({**config, "token_keep": setting}))
        export.export(str(checkpoint), tmp_path / "b", {"a set": sentences(60, 4)}, {})
        bundle = load(tmp_path / "b")
        assert bundle.token_pruning == (setting and TokenPruning(**setting))
        revisions.append(bundle.revision)
    assert revisions[0] != revisions[1]


def test_an_invalid_token_pruning_is_refused(checkpoint):
    config = json.loads((checkpoint / "config.json").read_text())
    setting = {"minimum": 8, "percent": [50]}
    (checkpoint / "config.json").write_text(json.dumps({**config, "token_keep": setting}))
    with pytest.raises(ValueError, match="percent has 1 numbers, but the network has 4 layers"):
        export.load_checkpoint(str(checkpoint))


def test_the_temperature_is_fitted_on_all_sources_by_length(checkpoint, tmp_path):
    """The tiny model is sure of itself; here a fifth of the long texts' labels are wrong."""
    short = sentences(300, 4)
    long = sentences(300, 5)
    long = Examples([f"{'the plot ' * 130}{text}" for text in long.texts], long.labels.copy())
    long.labels[::5] = POSITIVE - long.labels[::5]
    export.export(str(checkpoint), tmp_path / "b", {"short": short, "long": long}, {})
    temperature = json.loads((tmp_path / "b/card.json").read_text())["inference"]["temperature"]
    assert temperature["short"] < temperature["long"]


def _narrowed(observation):
    activations = {
        name: ActivationStats(each.low / 1e3, each.high / 1e3, each.gram)
        for name, each in observation.activations.items()
    }
    return observation._replace(activations=activations)


def _negated(weights):
    return {
        name: -value if name.startswith("classifier") else value for name, value in weights.items()
    }


def _flipped(examples):
    return type(examples)(examples.texts, POSITIVE - examples.labels)
