from dataclasses import replace

import optuna
import pytest

from tests.training.conftest import RECIPE, sentences, tiny_model, tiny_tokenizer
from training import plots, recipe, tune

optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(tune, "initial_model", lambda *given: (tiny_model(), tiny_tokenizer()))
    monkeypatch.setattr(tune, "LENGTHS", (16, 32))
    # They are drawn after each epoch of each trial, which takes longer than the trial.
    monkeypatch.setattr(plots, "curves", lambda folder: None)


def search(folder, trials):
    tune.tune(RECIPE, sentences(160, 1), sentences(64, 2), trials, folder, folder)
    return optuna.load_study(study_name=None, storage=f"sqlite:///{folder / 'study.db'}")


def test_a_search_leaves_the_best_recipe_and_its_plots(tmp_path):
    study = search(tmp_path, 6)
    best = recipe.load(tmp_path / "best.toml")
    assert best.phases[0].learning_rate == study.best_params["learning_rate"]
    assert best.length == study.best_params["length"]
    assert {path.stem for path in tmp_path.glob("*.png")} == set(tune.PLOTS)


def test_a_killed_search_goes_on_with_the_trial_that_was_under_way(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*given):
        raise Killed

    search(tmp_path, 2)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(tune, "train", killed)
        search(tmp_path, 4)
    study = search(tmp_path, 4)
    states = [trial.state.name for trial in study.trials]
    assert states.count("COMPLETE") + states.count("PRUNED") == 4
    assert study.trials[2].state.name == "FAIL"
    assert study.trials[3].params == study.trials[2].params


def test_an_interrupted_search_goes_on_alike(tmp_path, monkeypatch):
    def interrupted(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(tune, "train", interrupted)
        search(tmp_path, 2)
    study = search(tmp_path, 2)
    assert study.trials[1].params == study.trials[0].params


def test_trials_of_another_base_recipe_are_not_mixed_in(tmp_path):
    search(tmp_path, 2)
    tune.tune(
        replace(RECIPE, dropout=0.5), sentences(160, 1), sentences(64, 2), 2, tmp_path, tmp_path
    )
    studies = optuna.get_all_study_summaries(f"sqlite:///{tmp_path / 'study.db'}")
    assert [study.n_trials for study in studies] == [2, 2]


def test_a_trial_under_the_median_is_pruned(tmp_path, monkeypatch):
    accuracies = iter([0.9, 0.9, 0.9, 0.2, 0.9])

    def trained(run, model, tokenizer, training, held_out, reached):
        reached(next(accuracies))

    monkeypatch.setattr(tune, "train", trained)
    study = search(tmp_path, 5)
    assert [trial.state.name for trial in study.trials][3] == "PRUNED"
