import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from app.sentiment.engines.pruned import PrunedDistilBert
from app.sentiment.token_pruning import TokenPruning
from tests.training.conftest import RECIPE, sentences, tiny_model
from training import train as training
from training.data import NEGATIVE, POSITIVE
from training.recipe import Phase, dump, load
from training.train import Run, parameter_groups, predict, save_mean, started_from, train

choose_bf16 = training.bf16_is_faster


def test_bf16_is_chosen_by_its_speed_on_this_processor():
    assert choose_bf16(torch.device("cpu")) in (False, True)


class Killed(BaseException):
    pass


def run(folder, model, tokenizer):
    train(Run(folder, RECIPE, "-"), model, tokenizer, sentences(400, 1), sentences(64, 2))


@pytest.mark.parametrize("bf16", [False, True])
def test_a_model_learns_in_either_precision(tmp_path, model, tokenizer, monkeypatch, bf16):
    monkeypatch.setattr(training, "bf16_is_faster", lambda device: bf16)
    run(tmp_path, model, tokenizer)
    held = sentences(200, 3)
    logits = predict(model, training.data.encode(tokenizer, held.texts, 32), bf16)
    assert (logits.argmax(axis=1) == held.labels).mean() > 0.95


def test_a_killed_run_resumes_to_the_same_weights(tmp_path, model, tokenizer, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_STEPS", 10)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    run(tmp_path / "whole", model, tokenizer)
    whole = {name: value.clone() for name, value in model.state_dict().items()}

    advance = training.Progress.advance

    def killed_at_37(self, step, loss, accuracy):
        if self._phase == 2 and step == 37:
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
    assert steps(tmp_path / "killed") == steps(tmp_path / "whole")


def steps(folder) -> list[tuple[int, int]]:
    """Return what the metrics are of: (phase, step)."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [(line["phase"], line["step"]) for line in lines]


def test_a_folder_of_another_recipe_is_refused(tmp_path):
    Run(tmp_path, RECIPE, "data")
    with pytest.raises(ValueError, match="another recipe or data"):
        Run(tmp_path, replace(RECIPE, seed=9), "data")


def test_a_folder_of_other_data_is_refused(tmp_path):
    Run(tmp_path, RECIPE, "data")
    with pytest.raises(ValueError, match="another recipe or data"):
        Run(tmp_path, RECIPE, "other data")


def test_each_phase_moves_its_layers_and_no_others(tmp_path, model, tokenizer):
    """The recipe that the project is known for: the head, then the last three layers with it."""
    two_phase = replace(load(training.Path("training/configs/two-phase.toml")), length=32)
    states = [{name: value.clone() for name, value in model.state_dict().items()}]
    train(Run(tmp_path, two_phase, "-"), model, tokenizer, sentences(64, 1), sentences(32, 2))
    for name in ("phase-1", "checkpoint"):
        finished = type(model).from_pretrained(tmp_path / name)
        states.append(finished.state_dict())
    head = {"pre_classifier", "classifier"}
    assert moved(*states[:2]) == head
    assert moved(*states[1:]) == head | {"layer.1", "layer.2", "layer.3"}


def moved(before: dict, after: dict) -> set[str]:
    """Return the parts of the tiny model, four layers deep, that differ."""
    changed = [name for name, value in before.items() if not torch.equal(value, after[name])]
    parts = ["pre_classifier", "embeddings", *(f"layer.{i}" for i in range(4))]
    return {next((part for part in parts if part in name), "classifier") for name in changed}


def test_what_is_frozen_does_not_drop_out(model):
    parameter_groups(model, Phase(epochs=1, learning_rate=1e-3, layers=1), 0.01)
    training._train_what_moves(model)
    layers = model.distilbert.transformer.layer
    dropping = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    assert {d for d in dropping if d.training} == {
        model.dropout,
        *(d for d in layers[-1].modules() if isinstance(d, torch.nn.Dropout)),
    }


def test_weights_may_be_the_mean_of_what_the_phases_ended_with(tmp_path, model, tokenizer):
    recipe = replace(RECIPE, average=True)
    train(Run(tmp_path, recipe, "-"), model, tokenizer, sentences(100, 1), sentences(32, 2))
    first, last, mean = (
        load_file(tmp_path / name / "model.safetensors")
        for name in ("phase-1", "phase-2", "checkpoint")
    )
    assert not torch.equal(first["classifier.weight"], last["classifier.weight"])
    for name, value in mean.items():
        torch.testing.assert_close(value, (first[name] + last[name]) / 2, msg=name)


def test_all_layers_move_with_the_embeddings(model):
    parameter_groups(model, Phase(1, 1e-3, -1), 0.01)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_more_layers_than_there_are_cannot_train(model):
    with pytest.raises(ValueError, match="5 layers cannot train: the encoder has 4"):
        parameter_groups(model, Phase(1, 1e-3, 5), 0.01)


def test_what_an_earlier_phase_left_does_not_count_when_gradients_are_clipped(model):
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    parameter_groups(model, Phase(1, 1e-3, 0), 0.01)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_lower_layers_learn_more_slowly(model):
    groups = parameter_groups(model, Phase(1, 1.0, -1, 0.5), 0.01)
    rates = sorted({group["lr"] for group in groups}, reverse=True)
    np.testing.assert_allclose(rates, [0.5**i for i in range(6)])


@pytest.mark.parametrize("name", ["shipped", "three-labels", "teacher", "two-phase", "tune"])
def test_a_recipe_of_the_repository_is_valid(name):
    assert load(training.Path(f"training/configs/{name}.toml")).name == name


@pytest.mark.parametrize("wrong", ["length = 1000", "label_share = 3", "batch_size = 0"])
def test_a_setting_beyond_reason_is_refused(tmp_path, wrong):
    phase = "[[phases]]\nepochs = 1\nlearning_rate = 1.0\nlayers = 0"
    (tmp_path / "r.toml").write_text(f"{wrong}\n{phase}\n")
    with pytest.raises(ValueError, match=wrong.split()[0]):
        load(tmp_path / "r.toml")


def test_an_unknown_setting_is_refused(tmp_path):
    (tmp_path / "r.toml").write_text("speed = 2\nphases = []\n")
    with pytest.raises(ValueError, match="speed"):
        load(tmp_path / "r.toml")


def test_label_smoothing_softens_what_is_certain_alone():
    smoothed = training._smoothed(np.array([[0.0, 0.0, 1.0], [0.2, 0.3, 0.5]]), 0.3)
    np.testing.assert_allclose(smoothed, [[0.1, 0.1, 0.8], [0.2, 0.3, 0.5]])


def test_the_side_of_texts_with_little_feeling_is_learnt_if_it_has_a_weight(tmp_path, tokenizer):
    faint = {NEGATIVE: (0.099, 0.9, 0.001), POSITIVE: (0.001, 0.9, 0.099)}

    def learnt(weight: float) -> float:
        """Return the mean log-odds of the true side."""
        examples, held = sentences(400, 1), sentences(100, 3)
        examples = replace(examples, targets=np.array([faint[i] for i in examples.labels]))
        recipe = replace(RECIPE, side_weight=weight)
        model = tiny_model()
        folder = tmp_path / str(weight)
        train(Run(folder, recipe, "-"), model, tokenizer, examples, sentences(64, 2))
        logits = predict(model, training.data.encode(tokenizer, held.texts, 32))
        odds = logits[:, POSITIVE] - logits[:, NEGATIVE]
        return float(np.where(held.labels == POSITIVE, odds, -odds).mean())

    assert learnt(0) < 1 < 3 < learnt(1)


def test_a_text_without_a_side_has_both_alike():
    logits, targets = torch.tensor([[3.0, 0.0, 3.0]]), torch.tensor([[0.0, 1.0, 0.0]])
    assert training._side_loss(logits, targets).item() == pytest.approx(np.log(2))


def test_a_model_of_two_labels_gets_a_third_and_keeps_the_odds_of_the_others(tmp_path, tokenizer):
    before = tiny_model(labels=("Negative", "Positive")).eval()
    before.save_pretrained(tmp_path)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    after, _ = started_from(tmp_path, RECIPE)
    rows = training.data.encode(tokenizer, ["the plot was great", "a weak cast"], 32)
    two, three = (predict(model, rows) for model in (before, after))
    np.testing.assert_allclose(three[:, [0, 2]], two, atol=1e-5)
    np.testing.assert_allclose(three[:, 1], two.mean(axis=1) - training.NEUTRAL_MARGIN, atol=1e-5)
    assert tuple(after.config.id2label.values()) == training.data.LABELS


def test_a_bundle_can_be_gone_on_from():
    model, _ = started_from(training.Path("model"), RECIPE)
    assert model.config.num_labels == len(training.data.LABELS)
    assert model.config.dropout == RECIPE.dropout


def test_the_mean_of_checkpoints_is_the_mean_of_their_weights(tmp_path, tokenizer):
    folders = [tmp_path / "a", tmp_path / "b"]
    for seed, folder in enumerate(folders):
        torch.manual_seed(seed)
        tiny_model().save_pretrained(folder)
        tokenizer.save(str(folder / "tokenizer.json"))
    save_mean(folders, tmp_path / "mean")
    first, second, mean = (
        load_file(folder / "model.safetensors") for folder in [*folders, tmp_path / "mean"]
    )
    for name, values in mean.items():
        torch.testing.assert_close(values, (first[name] + second[name]) / 2)
    assert (tmp_path / "mean" / "tokenizer.json").exists()


def test_the_logit_of_neutral_alone_can_be_shifted(tmp_path):
    tiny_model().save_pretrained(tmp_path / "a")
    save_mean([tmp_path / "a"], tmp_path / "shifted", neutral_shift=-0.3)
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("a", "shifted"))
    shift = after["classifier.bias"] - before.pop("classifier.bias")
    torch.testing.assert_close(shift, torch.tensor([0, -0.3, 0]))
    for name, values in before.items():
        torch.testing.assert_close(values, after[name])


def test_the_logit_of_neutral_cannot_be_shifted_where_there_is_none(tmp_path):
    tiny_model(("Negative", "Positive")).save_pretrained(tmp_path / "a")
    with pytest.raises(ValueError, match="has no Neutral"):
        save_mean([tmp_path / "a"], tmp_path / "shifted", neutral_shift=-0.3)
    assert not (tmp_path / "shifted").exists()


def test_a_recipe_with_token_pruning_trains_and_saves_a_network_that_prunes(
    tmp_path, model, tokenizer
):
    source = tmp_path / "source"
    model.save_pretrained(source)
    tokenizer.save(str(source / "tokenizer.json"))
    recipe = replace(RECIPE, token_keep=TokenPruning(8, [100, 50, 30]))
    started, _ = started_from(source, recipe)
    assert isinstance(started, PrunedDistilBert)
    learning = Run(tmp_path / "run", recipe, "-")
    train(learning, started, tokenizer, sentences(400, 1), sentences(64, 2))
    checkpoint = tmp_path / "run" / "checkpoint"
    config = json.loads((checkpoint / "config.json").read_text())
    assert config["token_keep"] == {"minimum": 8, "percent": [100, 50, 30]}
    held = sentences(200, 3)
    rows = training.data.encode(tokenizer, held.texts, 32)
    again, _ = started_from(checkpoint, RECIPE)
    logits = predict(again, rows)
    np.testing.assert_allclose(logits, predict(started, rows), rtol=1e-4, atol=1e-4)
    assert (logits.argmax(axis=1) == held.labels).mean() > 0.95
    Run(tmp_path / "run", recipe, "-")  # the recipe in the folder is the same


def test_a_recipe_with_token_pruning_is_read_and_written(tmp_path):
    recipe = replace(RECIPE, token_keep=TokenPruning(8, [100, 50, 30]))
    (tmp_path / "tiny.toml").write_text(dump(recipe))
    assert load(tmp_path / "tiny.toml") == recipe


def test_a_recipe_with_an_invalid_token_pruning_is_refused(tmp_path):
    text = dump(RECIPE) + "[token_keep]\nminimum = 8\npercent = [30, 50]\n"
    (tmp_path / "tiny.toml").write_text(text)
    with pytest.raises(ValueError, match="must not increase"):
        load(tmp_path / "tiny.toml")
