"""The commands one after another, on a model small enough to train here."""

import json
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv
from transformers import AutoModelForSequenceClassification

from app.sentiment.bundle import load
from tests.events.conftest import aws  # noqa: F401
from tests.training.conftest import (
    plain_sentences,
    sentences,
    tiny_model,
    tiny_tokenizer,
)
from tests.web.client import client
from training import __main__ as commands
from training import data, distil, outcomes
from training import train as training_module


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "initial_model", lambda *given: (tiny_model(), tiny_tokenizer()))
    monkeypatch.chdir(tmp_path)

    def command(*given):
        monkeypatch.setattr(sys, "argv", ["training", *map(str, given)])
        commands.main()

    return command


def test_from_labelled_text_to_a_card(tmp_path, run, monkeypatch, capsys):
    data.write(sentences(900, 1), tmp_path / "train.csv")
    data.write(sentences(200, 2), tmp_path / "test.csv")
    config = (commands.CONFIGS / "two-phase.toml").read_text()
    tiny = {"5e-5": "3e-3", "length = 128": "length = 32", "epochs = 3": "epochs = 6"}
    for setting, of_tests in tiny.items():
        config = config.replace(setting, of_tests)
    (tmp_path / "tiny.toml").write_text(f"held_out = 100\n{config}")
    sets = ("--data", "train.csv", "--test", "test.csv")

    run("train", "--recipe", "tiny.toml", *sets)
    folder = tmp_path / "runs" / "tiny"
    assert {"recipe.json", "environment.json", "metrics.jsonl", "curves.png", "held_out.csv"} <= {
        path.name for path in folder.iterdir()
    }

    run("label", "--model", folder / "checkpoint", *sets, "--out", "scores.npz")
    run("train", "--recipe", "tiny.toml", *sets, "--labels", "scores.npz", "--out", "runs/student")

    for checkpoint, bundle in (("phase-1", "head"), ("checkpoint", "both")):
        held_out = ("--data", folder / "held_out.csv")
        run("export", "--model", folder / checkpoint, *held_out, "--out", bundle)
    recorded = ("--data", "test.csv", "--record", "Test")
    run("evaluate", "--bundle", "both", *recorded)
    assert "| plain opinions |" in capsys.readouterr().out
    run("evaluate", "--bundle", "head", *recorded, "--card", "both", "--weights", "head only")
    card = json.loads((tmp_path / "both" / "card.json").read_text())
    reached = card["metrics"]["Test"]["native"]["accuracy"]
    assert reached > 0.95
    assert card["compared"]["head only"]["Test"]["native"]["accuracy"] < reached
    report = tmp_path / "runs/evaluations/both/test-native"
    assert json.loads((report / "report.json").read_text())["accuracy"] == reached
    assert f"{reached:.4f}" in (report / "report.html").read_text()
    # The suite is measured with the first set, and recorded with it.
    assert "<td class=text>plain opinions</td>" in (report / "report.html").read_text()
    assert card["abilities"]["native"]["plain opinions"]["cases"] > 0
    assert 0 <= card["behaviour"]["native"]["emoji_and_grades_right"] <= 1

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Its checkpoint is derived, as the bundle holds none.
    run("evaluate", "--bundle", "both", "--data", "test.csv", "--engine", "torch")
    run("onnx", "--bundle", "both", "--data", "test.csv", "--out", "both.onnx")
    assert (tmp_path / "both.onnx").stat().st_size > 0

    run("abilities", "--bundle", "both", "--record")
    abilities = json.loads((report.parent / "abilities-native/report.json").read_text())
    assert abilities["abilities"]["plain opinions"]["cases"] > 0

    run("card", "--bundle", "both", "--out", "card.md")
    page = (tmp_path / "card.md").read_text()
    assert f"| Test | native (int8) | 200 | {reached:.2%}" in page
    assert "| head only | Test | native (int8) |" in page
    assert "| plain opinions |" in page

    test = data.read(tmp_path / "test.csv")
    mislabelled = np.where(np.arange(200) % 3 == 0, data.POSITIVE - test.labels, test.labels)
    data.write(replace(test, labels=mislabelled), tmp_path / "doubtful.csv")
    run("calibrate", "--bundle", "both", "--data", "doubtful.csv")
    calibrated = json.loads((tmp_path / "both" / "card.json").read_text())
    assert calibrated["inference"]["temperature"] > card["inference"]["temperature"]
    assert calibrated["revision"] == load(tmp_path / "both").revision != card["revision"]
    assert not {"metrics", "abilities", "behaviour"} & calibrated.keys()
    assert calibrated["compared"] == card["compared"]

    extras = ("--with", "fp16", "onnx")
    run("export", "--model", folder / "checkpoint", *held_out, *extras, "--out", "both")
    again = json.loads((tmp_path / "both" / "card.json").read_text())
    assert "metrics" not in again
    assert {"model.onnx", "model.safetensors"} <= load(tmp_path / "both").checksums.keys()
    assert again["compared"] == card["compared"]


def test_a_correction_reaches_the_next_bundle(tmp_path, run, monkeypatch, lines, aws):  # noqa: F811
    """The whole round: serve, predict, correct, join, train, export, evaluate, serve."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    stars = [5 if label == data.POSITIVE else 1 for label in sentences(300, 1).labels]
    table = {"id": range(300), "comment": sentences(300, 1).texts, "stars": stars}
    csv.write_csv(pa.table(table), tmp_path / "mine.csv")
    recipe = (commands.CONFIGS / "own-table.toml").read_text()
    (tmp_path / "tiny.toml").write_text(recipe.replace("1e-4", "5e-3"))
    monkeypatch.setattr(commands, "_measure_abilities", lambda *given: {})
    mine = ("--recipe", "tiny.toml", "--data", "mine.csv", "--stars", "1-5")

    def bundle(name, *options):
        run("train", *mine, *options, "--out", f"runs/{name}")
        held_out = f"runs/{name}/held_out.csv"
        run("export", "--model", f"runs/{name}/checkpoint", "--data", held_out, "--out", name)
        return client(model_dir=tmp_path / name, log_texts=True, results_queue_url=aws.queue_url)

    first = bundle("first")
    text = {"text": "The plot is a plot, and was the cast."}
    answer = first.post("/predict", json=text)
    before = answer.json()
    right = "Negative" if before["sentiment"] == "Positive" else "Positive"
    correction = {"prediction": answer.headers["x-correlation-id"], "sentiment": right}
    assert first.post("/feedback", json=correction).status_code == 201
    for name, written in (("log.jsonl", lines()), ("feedback.jsonl", aws.queue())):
        (tmp_path / name).write_text("".join(f"{json.dumps(line)}\n" for line in written))

    corrected = ("--feedback", "feedback.jsonl=40", "--texts", "log.jsonl", "--start", "first")
    second = bundle("second", *corrected)
    for name in ("first", "second"):
        beside = ("--beside", "first")
        run("evaluate", "--bundle", name, *beside, "--data", "mine.csv", "--stars", "1-5")
        path = tmp_path / f"runs/evaluations/{name}/mine-native/report.json"
        report = json.loads(path.read_text())
        assert report["accuracy"] > 0.95
        assert report["beside"]["accuracy_beside"] > 0.95
    after = second.post("/predict", json=text).json()
    assert after["sentiment"] == right
    assert after["model"] != before["model"]
    assert (tmp_path / "runs/second/feedback.csv").read_text().count(right) == 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--window", "64"), "--window and --stride go together"),
        (("--window", "64", "--stride", "128"), "stride 128 leaves gaps between windows of 64"),
        (("--window", "128", "--stride", "64", "--record", "x"), "as it is served"),
        (("--card", "model"), "--card and --weights go together"),
    ],
)
def test_an_evaluation_that_would_mislead_is_refused(tmp_path, run, capsys, options, reason):
    data.write(sentences(10, 2), tmp_path / "test.csv")
    with pytest.raises(SystemExit):
        run(
            "evaluate",
            "--bundle",
            commands.REVIEWS.parents[1] / "model",
            "--data",
            "test.csv",
            *options,
        )
    assert reason in capsys.readouterr().err


def test_other_windows_are_measured_beside_the_bundles_own(tmp_path, run):
    data.write(sentences(10, 2), tmp_path / "test.csv")
    bundle = commands.REVIEWS.parents[1] / "model"
    run("evaluate", "--bundle", bundle, "--data", "test.csv", "--window", "128", "--stride", "64")
    report = json.loads(
        (tmp_path / "runs/evaluations/model/test-native-128-64/report.json").read_text()
    )
    assert report["windows"] == [{"length": 128, "stride": 64, "up_to": None}]


def test_what_cannot_be_used_ends_the_command_with_the_reason(run, capsys):
    with pytest.raises(SystemExit) as ended:
        run("train", "--data", "reviews.txt")
    assert ended.value.code == 1
    assert "expected a file ending in .parquet, .csv, .jsonl" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "options", "reason"),
    [
        ("text,label\na,1\nb,1\n", (), "texts of one label only; at least two labels are needed"),
        ("text,label\na,1\nb,0\n", (), "2 texts are too few: 30 are held out"),
        ("text,label\na,1\nb,0\n", ("--stars", "five"), "'five' names no grades"),
    ],
)
def test_a_table_that_nothing_can_be_learnt_of_says_why(
    tmp_path, run, capsys, table, options, reason
):
    (tmp_path / "mine.csv").write_text(table)
    with pytest.raises(SystemExit):
        run("train", "--data", "mine.csv", *options)
    assert reason in capsys.readouterr().err


@pytest.fixture
def learnt(monkeypatch):
    """What each run is given to learn."""
    runs = []

    def train(run, model, tokenizer, training, held_out):
        runs.append(training)
        training_module.train(run, model, tokenizer, training, held_out)

    monkeypatch.setattr(commands, "train", train)
    return runs


def test_each_of_two_teachers_scores_the_texts_that_it_did_not_learn(tmp_path, run, learnt):
    data.write(sentences(300, 1), tmp_path / "train.csv")
    data.write(plain_sentences(150, 1), tmp_path / "neutral.csv")
    phase = "[[phases]]\nepochs = 1\nlearning_rate = 1e-3\nlayers = -1\n"
    (tmp_path / "tiny.toml").write_text(f"held_out = 50\nalso_held_out = 20\nlength = 32\n{phase}")
    sets = ("--data", "train.csv", "--also", "neutral.csv=2")
    for half in (1, 2):
        run("train", "--recipe", "tiny.toml", *sets, "--half", half)
    checkpoints = [tmp_path / "runs" / f"tiny-{half}" / "checkpoint" for half in (1, 2)]
    run("label", "--model", *checkpoints, "--neutral", *sets, "--out", "scores.npz")

    pieces = distil.cut(learnt[0].texts, 0)
    assert learnt[0].texts == learnt[1].texts
    weighted = [dict(zip(half.texts, half.weights, strict=True)) for half in learnt]
    assert not {t for t, weight in weighted[0].items() if weight and weighted[1][t]}
    scores = np.load(tmp_path / "scores.npz")["log_probabilities"].astype(float)
    for checkpoint, weights in zip(checkpoints, weighted, strict=True):
        teacher = AutoModelForSequenceClassification.from_pretrained(checkpoint)
        rows = data.encode(tiny_tokenizer(), pieces.texts, 32)
        own = np.log(outcomes.probabilities(training_module.predict(teacher, rows)))
        scored = np.abs(own - scores).max(axis=1) < 0.01
        unseen = [weights[learnt[0].texts[source]] == 0 for source in pieces.sources]
        assert 100 < sum(scored) < 300
        assert not set(np.flatnonzero(scored)) - set(np.flatnonzero(unseen))

    run("train", "--recipe", "tiny.toml", *sets, "--labels", "scores.npz", "--out", "runs/student")
    of_neutral = [
        i for i, text in enumerate(learnt[2].texts) if text in plain_sentences(150, 1).texts
    ]
    assert len(learnt[2]) == len(pieces.texts)
    assert of_neutral
    assert (learnt[2].targets[of_neutral].max(axis=1) < 1).all()


def test_two_teachers_that_were_not_trained_on_halves_are_refused(tmp_path, run, capsys):
    data.write(sentences(300, 1), tmp_path / "train.csv")
    recipe = (
        "held_out = 50\nlength = 32\n[[phases]]\nepochs = 1\nlearning_rate = 1e-3\nlayers = 0\n"
    )
    (tmp_path / "tiny.toml").write_text(recipe)
    run("train", "--recipe", "tiny.toml", "--data", "train.csv")
    checkpoint = tmp_path / "runs" / "tiny" / "checkpoint"
    with pytest.raises(SystemExit):
        run("label", "--model", checkpoint, checkpoint, "--data", "train.csv", "--out", "s.npz")
    assert "one trained with --half 1 and one with --half 2" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("label", "--model", checkpoint, "--data", "train.csv", "--also", "train.csv")
    assert "need --neutral" in capsys.readouterr().err
