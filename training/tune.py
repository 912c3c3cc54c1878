"""The search for a better recipe: Optuna, on as many texts as time allows."""

import hashlib
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from matplotlib import pyplot as plt
from optuna.trial import BaseTrial, FixedTrial, Trial, TrialState
from optuna.visualization import matplotlib as pictures

from training.data import Examples, digest
from training.recipe import Phase, Recipe, dump
from training.train import Run, initial_model, train

LENGTHS = (64, 128, 256, 512)
BATCH_SIZES = (16, 32, 64)
PLOTS: dict[str, Callable[[optuna.Study], Any]] = {
    "history": pictures.plot_optimization_history,
    "epochs": pictures.plot_intermediate_values,
    "slices": pictures.plot_slice,
    "importances": pictures.plot_param_importances,
}


def suggest(trial: BaseTrial, base: Recipe, layers: int) -> Recipe:
    """Return the recipe to try: one phase as long as the base's last, with what Optuna suggests.

    ``layers``: how many there are to unfreeze; one more stands for all, with the embeddings.
    """
    moving = trial.suggest_int("layers", 0, layers + 1)
    phase = Phase(
        epochs=base.phases[-1].epochs,
        learning_rate=trial.suggest_float("learning_rate", 1e-5, 1e-3, log=True),
        layers=-1 if moving > layers else moving,
        layer_decay=base.phases[-1].layer_decay,
    )
    return replace(
        base,
        name=f"trial-{trial.number}",
        phases=[phase],
        batch_size=trial.suggest_categorical("batch_size", BATCH_SIZES),
        length=trial.suggest_categorical("length", LENGTHS),
        label_smoothing=trial.suggest_float("label_smoothing", 0.0, 0.2),
    )


def tune(
    base: Recipe, training: Examples, held_out: Examples, trials: int, folder: Path, cache: Path
) -> None:
    """Try recipes until the study in ``folder`` has so many; write the best and the plots there.

    A trial whose held-out accuracy after an epoch is under the median of those before it is pruned.
    Killed, the study goes on; the trial that was under way starts again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    searched = digest([training, held_out])
    study = optuna.create_study(
        # What else would make trials incomparable is another study.
        study_name=hashlib.sha256((searched + dump(base)).encode()).hexdigest(),
        storage=f"sqlite:///{folder / 'study.db'}",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
        direction="maximize",
        load_if_exists=True,
    )
    # Seeded by how far it is: the same seed again would suggest the same again.
    study.sampler = optuna.samplers.TPESampler(seed=base.seed + len(study.trials))
    for trial in study.get_trials(states=(TrialState.RUNNING,)):  # killed
        study.tell(trial.number, state=TrialState.FAIL)
    if study.trials and study.trials[-1].state is TrialState.FAIL:
        study.enqueue_trial(study.trials[-1].params)
    model, _ = initial_model(base, cache)
    layers = model.config.num_hidden_layers
    epochs = base.phases[-1].epochs

    def objective(trial: Trial) -> float:
        recipe = suggest(trial, base, layers)
        accuracies = []

        def reached(accuracy: float) -> None:
            accuracies.append(accuracy)
            trial.report(accuracy, len(accuracies))
            if len(accuracies) < epochs and trial.should_prune():
                raise optuna.TrialPruned

        shutil.rmtree(folder / recipe.name, ignore_errors=True)
        run = Run(folder / recipe.name, recipe, searched)
        try:
            train(run, *initial_model(recipe, cache), training, held_out, reached)
        finally:
            shutil.rmtree(run.folder)
        return accuracies[-1]

    finished = len(study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED)))
    study.optimize(objective, n_trials=max(0, trials - finished))
    best = suggest(FixedTrial(study.best_params), base, layers)
    (folder / "best.toml").write_text(dump(replace(best, name="best")))
    with warnings.catch_warnings(action="ignore"):  # Optuna's, that drawing is experimental
        for name, draw in PLOTS.items() if len(study.trials) > 1 else ():
            axes = draw(study)
            figure = (axes if hasattr(axes, "figure") else axes.flat[0]).figure
            figure.savefig(folder / f"{name}.png", dpi=120, bbox_inches="tight")
            plt.close(figure)
    print(f"best of {len(study.trials)} trials: {study.best_value:.4f} held out")
    print(f"{folder / 'best.toml'}: its recipe; beside it the plots")
