"""The commands one after another, on a model small enough to train here."""

import json
import sys

import pytest

from tests.training.conftest import sentences, tiny_model, tiny_tokenizer
from training import __main__ as commands
from training import data


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "initial_model", lambda *given: (tiny_model(), tiny_tokenizer()))
    monkeypatch.chdir(tmp_path)

    def command(*given):
        monkeypatch.setattr(sys, "argv", ["training", *map(str, given)])
        commands.main()

    return command


def test_from_labelled_text_to_a_card(tmp_path, run):
    data.write(sentences(900, 1), tmp_path / "train.csv")
    data.write(sentences(200, 2), tmp_path / "test.csv")
    config = (commands.CONFIGS / "two-phase.toml").read_text()
    (tmp_path / "tiny.toml").write_text(
        "held_out = 100\nlength = 32\n" + config.replace("5e-5", "3e-3")
    )
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
    run("evaluate", "--bundle", "head", *recorded, "--card", "both", "--weights", "head only")
    card = json.loads((tmp_path / "both" / "card.json").read_text())
    reached = card["metrics"]["Test"]["native"]["accuracy"]
    assert reached > 0.95
    assert card["compared"]["head only"]["Test"]["native"]["accuracy"] < reached
    report = tmp_path / "runs" / "evaluations" / "both" / "test-native"
    assert json.loads((report / "report.json").read_text())["accuracy"] == reached
    assert f"{reached:.4f}" in (report / "report.html").read_text()


def test_what_cannot_be_used_ends_the_command_with_the_reason(run, capsys):
    with pytest.raises(SystemExit) as ended:
        run("train", "--data", "reviews.txt")
    assert ended.value.code == 1
    assert "expected a file ending in .parquet, .csv, .jsonl" in capsys.readouterr().err
