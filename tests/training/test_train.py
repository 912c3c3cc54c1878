from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.conftest import RECIPE, sentences
from training import train as training
from training.recipe import Phase, load
from training.train import Run, parameter_groups, predict, train


class Killed(BaseException):
    pass


def run(folder, model, tokenizer):
    train(Run(folder, RECIPE, "-"), model, tokenizer, sentences(400, 1), sentences(64, 2))


def test_it_learns(tmp_path, model, tokenizer):
    run(tmp_path, model, tokenizer)
    held = sentences(200, 3)
    logits = predict(model, training.data.encode(tokenizer, held.texts, 32))
    assert (logits.argmax(axis=1) == held.labels).mean() > 0.95


def test_a_killed_run_resumes_to_the_same_weights(tmp_path, model, tokenizer, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_STEPS", 10)
    monkeypatch.setattr(training, "bf16_is_faster", lambda device: False)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    run(tmp_path / "whole", model, tokenizer)
    whole = {name: value.clone() for name, value in model.state_dict().items()}

    advance = training.Progress.advance

    def killed_at_37(self, step, loss, accuracy):
        if self._name == "phase 2" and step == 37:
            raise Killed
        advance(self, step, loss, accuracy)

    model.load_state_dict(start)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training.Progress, "advance", killed_at_37)
        run(tmp_path / "killed", model, tokenizer)
    model.load_state_dict(start)
    run(tmp_path / "killed", model, tokenizer)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, whole[name], rtol=0, atol=0, msg=name)


def test_a_folder_of_another_recipe_is_refused(tmp_path):
    Run(tmp_path, RECIPE, "data")
    with pytest.raises(ValueError, match="another recipe or data"):
        Run(tmp_path, replace(RECIPE, seed=9), "data")


def test_a_folder_of_other_data_is_refused(tmp_path):
    Run(tmp_path, RECIPE, "data")
    with pytest.raises(ValueError, match="another recipe or data"):
        Run(tmp_path, RECIPE, "other data")


@pytest.mark.parametrize(
    ("layers", "moving"),
    [
        (0, {"pre_classifier", "classifier"}),
        (3, {"pre_classifier", "classifier", "layer.1", "layer.2", "layer.3"}),
        (-1, {"pre_classifier", "classifier", "embeddings", *(f"layer.{i}" for i in range(4))}),
    ],
)
def test_a_phase_moves_its_layers_and_no_others(model, layers, moving):
    parameter_groups(model, Phase(1, 1e-3, layers), 0.01)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert all(any(part in name for part in moving) for name in trained)
    assert not any(any(part in name for part in moving) for name in frozen)


def test_lower_layers_learn_more_slowly(model):
    groups = parameter_groups(model, Phase(1, 1.0, -1, 0.5), 0.01)
    rates = sorted({group["lr"] for group in groups}, reverse=True)
    np.testing.assert_allclose(rates, [0.5**i for i in range(6)])


def test_shipped_recipe_is_valid():
    assert load(training.Path("training/configs/shipped.toml")).phases[0].layers == -1


def test_an_unknown_setting_is_refused(tmp_path):
    (tmp_path / "r.toml").write_text("speed = 2\nphases = []\n")
    with pytest.raises(ValueError, match="speed"):
        load(tmp_path / "r.toml")
