"""Fine-tuning: examples in, a checkpoint for sequence classification out."""

import json
import platform
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache, partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tqdm import tqdm
from transformers import (
    AutoModelForSequenceClassification,
    BertModel,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
)

from app.sentiment import bundle
from app.sentiment.bundle import CHECKSUMS
from app.sentiment.engines import reference
from app.sentiment.engines.pruned import PrunedDistilBert, prunes
from app.sentiment.token_pruning import CONFIG_KEY
from training import base, data, plots
from training.data import LABELS, NEGATIVE, NEUTRAL, POSITIVE, Examples
from training.imitation import imitate, teacher_of
from training.recipe import FILE as RECIPE
from training.recipe import Phase, Recipe

CHECKPOINT_STEPS = 200
"""Optimiser steps between checkpoints: what a kill costs at most."""
NEUTRAL_MARGIN = 0.5
"""What Neutral's logit is below the mean of the others' where a model of two labels gets it."""
LOG_STEPS = 20
"""Optimiser steps between lines of metrics."""
_LABELS: dict[str, Any] = {
    "id2label": dict(enumerate(LABELS)),
    "label2id": {label: i for i, label in enumerate(LABELS)},
}


def initial_model(recipe: Recipe, cache: Path) -> tuple[PreTrainedModel, Tokenizer]:
    """Return the recipe's base encoder under a fresh classification head, seeded."""
    torch.manual_seed(recipe.seed)
    if recipe.base == "mpnet":
        folder = base.mpnet_folder(cache)
        dropout = {
            "hidden_dropout_prob": recipe.dropout,
            "attention_probs_dropout_prob": recipe.attention_dropout,
        }
        model = AutoModelForSequenceClassification.from_pretrained(folder, **_LABELS, **dropout)
    else:
        folder = base.minilm_folder()
        encoder = base.to_distilbert(BertModel.from_pretrained(folder, add_pooling_layer=False))
        config = DistilBertConfig.from_dict(
            {**encoder.config.to_dict(), **_LABELS, **_dropout(recipe)}
        )
        model = _network(recipe, config)(config)
        model.distilbert.load_state_dict(encoder.state_dict())
    return model, _tokenizer(folder)


def started_from(source: Path, recipe: Recipe) -> tuple[PreTrainedModel, Tokenizer]:
    """Return the model of a checkpoint or of a bundle, to go on from.

    A model of two labels gets a third: Neutral's logit begins as the mean of the other two less
    a half, so that the other two keep their odds.
    """
    folder = reference.checkpoint(bundle.load(source)) if (source / CHECKSUMS).exists() else source
    config = DistilBertConfig.from_pretrained(folder, **_dropout(recipe))
    model = _network(recipe, config).from_pretrained(folder, config=config, dtype=torch.float32)
    if isinstance(model, PrunedDistilBert):
        model.pruned_share = recipe.pruned_share
    if model.config.num_labels == 2:
        negative, positive = model.classifier.weight.data
        bias = model.classifier.bias.data
        classifier = torch.nn.Linear(len(negative), len(LABELS))
        classifier.weight.data = torch.stack([negative, (negative + positive) / 2, positive])
        classifier.bias.data = torch.stack([bias[0], bias.mean() - NEUTRAL_MARGIN, bias[1]])
        model.classifier = classifier
        model.num_labels = len(LABELS)
        model.config.update(_LABELS)
    return model, _tokenizer(folder)


def _network(recipe: Recipe, config: DistilBertConfig) -> type[DistilBertForSequenceClassification]:
    """Write the recipe's token pruning into the configuration; return the class of its network.

    Raises:
        ValueError: the pruning does not suit the network.
    """
    if recipe.token_keep:
        setattr(config, CONFIG_KEY, asdict(recipe.token_keep))
    return PrunedDistilBert if prunes(config) else DistilBertForSequenceClassification


def _dropout(recipe: Recipe) -> dict[str, float]:
    """Return the recipe's dropout as a DistilBERT's settings."""
    return {
        "dropout": recipe.dropout,
        "attention_dropout": recipe.attention_dropout,
        "seq_classif_dropout": recipe.dropout,
    }


def _tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer of a checkpoint, which neither pads nor truncates."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def parameter_groups(
    model: PreTrainedModel, phase: Phase, weight_decay: float
) -> list[dict[str, Any]]:
    """Freeze what the phase leaves alone; group the rest by learning rate and weight decay.

    Biases and layer norms are not decayed.

    Raises:
        ValueError: the encoder has fewer layers than are to train.
    """
    encoder = model.base_model
    [layers] = [part for part in encoder.modules() if isinstance(part, torch.nn.ModuleList)]
    if phase.layers > len(layers):
        raise ValueError(f"{phase.layers} layers cannot train: the encoder has {len(layers)}")
    moving = len(layers) if phase.layers < 0 else phase.layers
    # From the top down: the head, the layers, and whatever is below or beside them.
    blocks = [[p for part in model.children() if part is not encoder for p in part.parameters()]]
    blocks += [list(layer.parameters()) for layer in reversed(layers[len(layers) - moving :])]
    if phase.layers < 0:
        above = set(layers.parameters())
        blocks.append([p for p in encoder.parameters() if p not in above])
    # What an earlier phase left in frozen parameters must not count when gradients are clipped.
    model.requires_grad_(False).zero_grad(set_to_none=True)
    groups = []
    for depth, block in enumerate(blocks):
        rate = phase.learning_rate * phase.layer_decay**depth
        weights = [p.requires_grad_() for p in block if p.ndim > 1]
        others = [p.requires_grad_() for p in block if p.ndim <= 1]
        groups.append({"params": weights, "lr": rate, "weight_decay": weight_decay})
        groups.append({"params": others, "lr": rate, "weight_decay": 0.0})
    return groups


def _rate_factor(step: int, steps: int, warmup: float) -> float:
    """Return the factor on the learning rate: linear up, then linear down to 0."""
    rising = max(1, round(steps * warmup))
    return step / rising if step < rising else (steps - step) / max(1, steps - rising)


@cache
def bf16_is_faster(device: torch.device) -> bool:
    """Time a matrix product in both: not every processor with bf16 gains by it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())

    def seconds(dtype: torch.dtype) -> float:
        rows, weights = torch.ones(4096, 384, dtype=dtype), torch.ones(1536, 384, dtype=dtype)
        times = []
        for _ in range(9):
            start = time.perf_counter()
            F.linear(rows, weights)
            times.append(time.perf_counter() - start)
        return sorted(times)[4]

    return seconds(torch.bfloat16) < seconds(torch.float32)


def predict(model: PreTrainedModel, rows: list[np.ndarray], bf16: bool = False) -> np.ndarray:
    """Return the logits, (rows, labels), one pass a row."""
    model.eval()
    device = model.device
    logits = np.zeros((len(rows), model.config.num_labels), dtype=np.float32)
    for chosen, ids, mask in data.padded(rows, 64):
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            out = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
        logits[chosen] = out.float().cpu().numpy()
    return logits


class Run:
    """A run's folder: what was asked for, how it went, and the checkpoint that it resumes from.

    ``half``: the half of the texts that it learns (`training.data.half`), if not all of them.

    Raises:
        ValueError: the folder holds a run of another recipe or of other data.
    """

    def __init__(
        self, folder: Path, recipe: Recipe, data_digest: str, half: int | None = None
    ) -> None:
        self.folder = folder
        self.recipe = recipe
        folder.mkdir(parents=True, exist_ok=True)
        request = {**asdict(recipe), "data_sha256": data_digest}
        if half:
            request["half"] = half
        path = folder / RECIPE
        if path.exists() and json.loads(path.read_text()) != request:
            raise ValueError(
                f"{folder} holds a run of another recipe or data; choose another folder with OUT= "
                "(--out)"
            )
        _replace(path, json.dumps(request, indent=2) + "\n")

    def describe(self, bf16: bool) -> None:
        """Write down what the run computes with."""
        environment = {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "threads": torch.get_num_threads(),
            "cuda": torch.cuda.is_available(),
            "bf16": bf16,
        }
        (self.folder / "environment.json").write_text(json.dumps(environment, indent=2) + "\n")

    def log(self, **values: Any) -> None:
        """Append one line of metrics."""
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(values) + "\n")

    def rewind(self, phase: int, step: int) -> None:
        """Drop the lines of metrics after this step of this phase: they will be written again."""
        path = self.folder / "metrics.jsonl"
        kept = [
            line
            for line in (path.read_text().splitlines() if path.exists() else ())
            if ((entry := json.loads(line))["phase"], entry["step"]) <= (phase, step)
        ]
        _replace(path, "".join(f"{line}\n" for line in kept))

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint in one step, so that a kill leaves the old one or the new."""
        unfinished = self.folder / "checkpoint.unfinished"
        torch.save(state, unfinished)
        unfinished.replace(self.folder / "checkpoint.pt")

    def load(self) -> dict[str, Any] | None:
        """Return the last checkpoint, if there is one."""
        path = self.folder / "checkpoint.pt"
        return torch.load(path, "cpu", weights_only=True) if path.exists() else None


def _replace(path: Path, text: str) -> None:
    """Write a file in one step, so that a kill leaves the old one or the new."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)


class Progress:
    """A progress bar with running means of loss and accuracy, and the same in the run's metrics."""

    def __init__(self, run: Run, phase: int, done: int, steps: int) -> None:
        self._run = run
        self._phase = phase
        self._bar = tqdm(total=steps, initial=done, desc=f"phase {phase}", unit="batch")
        self._loss = self._accuracy = float("nan")

    def advance(self, step: int, loss: float, accuracy: float) -> None:
        """Show one more step."""
        self._loss = _running_mean(self._loss, loss)
        self._accuracy = _running_mean(self._accuracy, accuracy)
        self._bar.update()
        self._bar.set_postfix(loss=f"{self._loss:.3f}", accuracy=f"{self._accuracy:.3f}")
        if step % LOG_STEPS == 0:
            means = {"loss": self._loss, "accuracy": self._accuracy}
            self._run.log(phase=self._phase, step=step, time=time.time(), **means)

    def epoch(self, step: int, held_out_accuracy: float) -> None:
        """Show how an epoch ended."""
        self._bar.write(f"step {step}: held-out accuracy {held_out_accuracy:.4f}")
        self._run.log(phase=self._phase, step=step, held_out_accuracy=held_out_accuracy)

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()


def _running_mean(mean: float, value: float) -> float:
    return value if np.isnan(mean) else 0.98 * mean + 0.02 * value


def train(
    run: Run,
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    training: Examples,
    held_out: Examples,
    reached: Callable[[float], None] = lambda accuracy: None,
) -> None:
    """Fine-tune into ``checkpoint`` in the run's folder; earlier phases end in ``phase-1``, ….

    Where the recipe averages, so does the last phase, and ``checkpoint`` is the mean of them.

    A run that was killed goes on from its last checkpoint to the same weights. ``reached`` is
    called with the held-out accuracy after each epoch; what it raises ends the run.
    """
    recipe = run.recipe
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows = data.encode(tokenizer, training.texts, recipe.length)
    held_rows = data.encode(tokenizer, held_out.texts, recipe.length)
    lengths = [len(row) for row in rows]
    targets = _smoothed(training.targets, recipe.label_smoothing)
    checkpoint = run.load()
    first_phase = checkpoint["phase"] if checkpoint else 0
    bf16 = checkpoint["bf16"] if checkpoint else bf16_is_faster(device)
    run.describe(bf16)
    if bf16 and device.type == "cpu":
        # A sixth faster there than torch's fused attention, whose backward pass is slow in bf16.
        model.set_attn_implementation("eager")
    model.to(device)
    # Before a checkpoint is loaded: the teacher is what the run began with.
    teacher = teacher_of(model) if recipe.imitation else None
    torch.manual_seed(recipe.seed)
    for number, phase in enumerate(recipe.phases[first_phase:], first_phase):
        groups = parameter_groups(model, phase, recipe.weight_decay)
        optimizer = torch.optim.AdamW(groups, fused=True)
        epochs = _epochs(recipe, number, lengths, training.weights)
        ends = set(np.cumsum([len(batches) for batches in epochs]).tolist())
        steps = max(ends)
        schedule = partial(_rate_factor, steps=steps, warmup=recipe.warmup)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
        stateful = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
        done = 0
        if checkpoint:
            done = checkpoint["step"]
            torch.set_rng_state(checkpoint["rng"])
            torch.cuda.set_rng_state_all(checkpoint["cuda_rng"])
            for part, state in stateful.items():
                state.load_state_dict(checkpoint[part])
            checkpoint = None
        run.rewind(number + 1, done)
        progress = Progress(run, number + 1, done, steps)
        for step, batch in islice(enumerate(chain.from_iterable(epochs), 1), done, None):
            ids, mask = (part.to(device) for part in data.pad([rows[i] for i in batch]))
            wanted = torch.from_numpy(targets[batch]).float().to(device)
            loss, accuracy = _learn(model, teacher, optimizer, recipe, ids, mask, wanted, bf16)
            scheduler.step()
            progress.advance(step, loss, accuracy)
            epoch_ends = step in ends
            if epoch_ends:
                held_out_accuracy = _accuracy(predict(model, held_rows, bf16), held_out.labels)
                progress.epoch(step, held_out_accuracy)
                plots.curves(run.folder)
            if epoch_ends or step % CHECKPOINT_STEPS == 0:
                states = {name: part.state_dict() for name, part in stateful.items()}
                where = {"phase": number, "step": step, "bf16": bf16}
                # Without a GPU the second is empty.
                rng = {"rng": torch.get_rng_state(), "cuda_rng": torch.cuda.get_rng_state_all()}
                run.save({**where, **rng, **states})
            if epoch_ends:
                reached(held_out_accuracy)
        progress.close()
        last = number + 1 == len(recipe.phases)
        if recipe.average or not last:
            _save(run, model, tokenizer, f"phase-{number + 1}")
        if last:
            if recipe.average:
                phases = [run.folder / f"phase-{i + 1}" for i in range(len(recipe.phases))]
                model.load_state_dict(_mean(phases))
            _save(run, model, tokenizer, "checkpoint")


def _save(run: Run, model: PreTrainedModel, tokenizer: Tokenizer, name: str) -> None:
    folder = run.folder / name
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    shutil.copy(run.folder / RECIPE, folder / RECIPE)


def save_mean(checkpoints: Sequence[Path], out: Path, neutral_shift: float = 0) -> None:
    """Write a checkpoint whose weights are the mean of others'; all else is the last one's.

    ``neutral_shift``: what is added to Neutral's logit, so that more or fewer texts are Neutral.
    Positive against Negative stays as it is.

    Raises:
        ValueError: Neutral's logit is to be shifted, and the network has none.
    """
    weights = _mean(checkpoints)
    if neutral_shift:
        bias = weights["classifier.bias"]
        if len(bias) != len(LABELS):
            raise ValueError(f"{checkpoints[-1]} has no Neutral whose logit could be shifted")
        bias[NEUTRAL] += neutral_shift
    shutil.copytree(checkpoints[-1], out, dirs_exist_ok=True)
    save_file(weights, out / "model.safetensors", {"format": "pt"})


def _mean(folders: Sequence[Path]) -> dict[str, torch.Tensor]:
    """Return the mean of the weights in the folders."""
    weights = [load_file(folder / "model.safetensors") for folder in folders]
    return {name: torch.stack([of[name] for of in weights]).mean(0) for name in weights[0]}


def _learn(
    model: PreTrainedModel,
    teacher: PrunedDistilBert | None,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    ids: torch.Tensor,
    mask: torch.Tensor,
    targets: torch.Tensor,
    bf16: bool,
) -> tuple[float, float]:
    """Take one optimiser step towards these probabilities of the labels, (rows, labels), or
    towards the teacher's.

    Return the batch's loss and accuracy before it.
    """
    _train_what_moves(model)
    with torch.autocast(ids.device.type, torch.bfloat16, enabled=bf16):
        if teacher:
            loss, logits, targets = imitate(model, teacher, ids, mask.bool())
        else:
            logits = model(input_ids=ids, attention_mask=mask).logits
            loss = _loss(logits.float(), targets, recipe.side_weight)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_clip)
    optimizer.step()
    return loss.item(), (logits.argmax(1) == targets.argmax(1)).float().mean().item()


def _loss(logits: torch.Tensor, targets: torch.Tensor, side_weight: float) -> torch.Tensor:
    loss = F.cross_entropy(logits, targets)
    return loss + side_weight * _side_loss(logits, targets) if side_weight else loss


def _side_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of Positive against Negative alone, whatever Neutral's share.

    The loss of all labels weighs a text's side by how little of the target is Neutral's, so that
    the side of a text with little feeling is hardly learnt.
    """
    sides = [NEGATIVE, POSITIVE]
    shares = targets[:, sides] + 1e-6
    return F.cross_entropy(logits[:, sides], shares / shares.sum(1, keepdim=True))


def _smoothed(targets: np.ndarray, share: float) -> np.ndarray:
    """Return the targets, (examples, labels), with what is certain of one label smoothed."""
    certain = targets.max(axis=1, keepdims=True) == 1
    return np.where(certain, (1 - share) * targets + share / targets.shape[1], targets)


def _accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of rows whose label has the highest logit of the labels that occur."""
    occurring = np.unique(labels)
    return float((occurring[logits[:, occurring].argmax(axis=1)] == labels).mean())


def _train_what_moves(module: torch.nn.Module) -> None:
    """Put what learns into training mode; what is frozen computes as it will when it serves."""
    moves = {parameter.requires_grad for parameter in module.parameters()}
    if len(moves) <= 1:
        module.train(moves != {False})
    else:
        for child in module.children():
            _train_what_moves(child)


def _epochs(
    recipe: Recipe, phase: int, lengths: list[int], weights: np.ndarray
) -> list[list[np.ndarray]]:
    """Return the batches of each of a phase's epochs; no two epochs of a run have the same."""
    first = sum(each.epochs for each in recipe.phases[:phase])
    return [
        data.batches(lengths, recipe.batch_size, recipe.seed, epoch, weights, recipe.batch_tokens)
        for epoch in range(first, first + recipe.phases[phase].epochs)
    ]
