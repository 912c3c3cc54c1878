"""Fine-tuning: examples in, a `DistilBertForSequenceClassification` checkpoint out."""

import json
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from tokenizers import Tokenizer
from tqdm import tqdm
from transformers import BertModel, DistilBertConfig, DistilBertForSequenceClassification

from training import base, data
from training.data import LABELS, Examples
from training.recipe import Phase, Recipe

CHECKPOINT_STEPS = 200
"""Optimiser steps between checkpoints: what a kill costs at most."""


def initial_model(recipe: Recipe) -> DistilBertForSequenceClassification:
    """Return the converted base encoder under a fresh classification head, seeded."""
    torch.manual_seed(recipe.seed)
    bert = BertModel.from_pretrained(base.minilm_folder(), add_pooling_layer=False)
    encoder = base.to_distilbert(bert)
    config = DistilBertConfig.from_dict(
        {
            **encoder.config.to_dict(),
            "dropout": recipe.dropout,
            "attention_dropout": recipe.attention_dropout,
            "seq_classif_dropout": recipe.dropout,
            "num_labels": len(LABELS),
            "id2label": dict(enumerate(LABELS)),
            "label2id": {label: i for i, label in enumerate(LABELS)},
        }
    )
    model = DistilBertForSequenceClassification(config)
    model.distilbert.load_state_dict(encoder.state_dict())
    return model


def parameter_groups(
    model: DistilBertForSequenceClassification, phase: Phase, weight_decay: float
) -> list[dict[str, Any]]:
    """Freeze what the phase leaves alone; group the rest by learning rate and weight decay.

    Biases and layer norms are not decayed.
    """
    layers = list(model.distilbert.transformer.layer)
    moving = len(layers) if phase.layers < 0 else phase.layers
    blocks = [torch.nn.ModuleList([model.pre_classifier, model.classifier])]
    blocks += reversed(layers[len(layers) - moving :])
    if phase.layers < 0:
        blocks.append(model.distilbert.embeddings)
    model.requires_grad_(False)
    groups = []
    for depth, block in enumerate(blocks):
        block.requires_grad_(True)
        rate = phase.learning_rate * phase.layer_decay**depth
        weights = [p for p in block.parameters() if p.ndim > 1]
        others = [p for p in block.parameters() if p.ndim <= 1]
        groups.append({"params": weights, "lr": rate, "weight_decay": weight_decay})
        groups.append({"params": others, "lr": rate, "weight_decay": 0.0})
    return groups


def _schedule(step: int, steps: int, warmup: float) -> float:
    """Return the factor on the learning rate: linear up, then linear down to 0."""
    rising = max(1, round(steps * warmup))
    return step / rising if step < rising else (steps - step) / max(1, steps - rising)


def bf16_is_faster(device: torch.device) -> bool:
    """Time a layer's matrix product in bf16 against fp32: some processors with bf16 gain nothing."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()

    def seconds(dtype: torch.dtype) -> float:
        rows, weights = torch.ones(4096, 384, dtype=dtype), torch.ones(1536, 384, dtype=dtype)
        times = []
        for _ in range(9):
            start = time.perf_counter()
            F.linear(rows, weights)
            times.append(time.perf_counter() - start)
        return sorted(times)[4]

    return seconds(torch.bfloat16) < seconds(torch.float32)


@torch.inference_mode()
def predict(
    model: DistilBertForSequenceClassification, rows: list[np.ndarray], bf16: bool = False
) -> np.ndarray:
    """Return the logits, (rows, labels), one pass a row."""
    model.eval()
    device = model.device
    logits = np.zeros((len(rows), len(LABELS)), dtype=np.float32)
    for chosen, ids, mask in data.padded(rows, 64):
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            out = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
        logits[chosen] = out.float().cpu().numpy()
    return logits


class Run:
    """A run folder: what was asked for, how it went, and the checkpoint it resumes from."""

    def __init__(self, folder: Path, recipe: Recipe, bf16: bool) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        asked = asdict(recipe)
        config = folder / "recipe.json"
        if config.exists() and json.loads(config.read_text()) != asked:
            raise ValueError(f"{folder} holds a run of another recipe; choose another folder")
        config.write_text(json.dumps(asked, indent=2) + "\n")
        environment = {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "threads": torch.get_num_threads(),
            "cuda": torch.cuda.is_available(),
            "bf16": bf16,
        }
        (folder / "environment.json").write_text(json.dumps(environment, indent=2) + "\n")

    def log(self, **values: Any) -> None:
        """Append one line of metrics."""
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(values) + "\n")

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint in one step, so that a kill leaves the old one or the new."""
        partial = self.folder / "checkpoint.partial"
        torch.save(state, partial)
        os.replace(partial, self.folder / "checkpoint.pt")

    def load(self) -> dict[str, Any] | None:
        """Return the last checkpoint, if there is one."""
        path = self.folder / "checkpoint.pt"
        return torch.load(path, weights_only=True) if path.exists() else None


def train(
    recipe: Recipe,
    model: DistilBertForSequenceClassification,
    tokenizer: Tokenizer,
    training: Examples,
    held_out: Examples,
    folder: Path,
) -> DistilBertForSequenceClassification:
    """Fine-tune in place, phase by phase, resuming from the folder's checkpoint."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bf16 = bf16_is_faster(device)
    run = Run(folder, recipe, bf16)
    rows = data.encode(tokenizer, training.texts, recipe.length)
    held_rows = data.encode(tokenizer, held_out.texts, recipe.length)
    lengths = [len(row) for row in rows]
    model.to(device)
    torch.manual_seed(recipe.seed)
    checkpoint = run.load()
    first_phase, done = 0, 0
    if checkpoint:
        first_phase, done = checkpoint["phase"], checkpoint["step"]
        model.load_state_dict(checkpoint["model"])
    for number, phase in enumerate(recipe.phases[first_phase:], first_phase):
        optimizer = torch.optim.AdamW(
            parameter_groups(model, phase, recipe.weight_decay), fused=True
        )
        steps_an_epoch = -(-len(rows) // recipe.batch_size)
        steps = steps_an_epoch * phase.epochs
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step, steps=steps: _schedule(step, steps, recipe.warmup)
        )
        if checkpoint:
            optimizer.load_state_dict(checkpoint["optimizer"])
            scheduler.load_state_dict(checkpoint["scheduler"])
            torch.set_rng_state(checkpoint["rng"])
            checkpoint = None

        def state(number: int, step: int) -> dict[str, Any]:
            return {
                "phase": number,
                "step": step,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict(),
                "rng": torch.get_rng_state(),
            }

        bar = tqdm(total=steps, initial=done, desc=f"phase {number + 1}", unit="batch")
        loss_mean, accuracy_mean = float("nan"), float("nan")
        for step, batch in _remaining(lengths, recipe, steps_an_epoch, steps, done):
            model.train()
            ids, mask = data.pad([rows[i] for i in batch])
            labels = torch.from_numpy(training.labels[batch]).to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                logits = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
            loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_clip)
            optimizer.step()
            scheduler.step()
            loss_mean = _smooth(loss_mean, loss.item())
            accuracy_mean = _smooth(
                accuracy_mean, (logits.argmax(1) == labels).float().mean().item()
            )
            bar.update()
            bar.set_postfix(loss=f"{loss_mean:.3f}", accuracy=f"{accuracy_mean:.3f}")
            if step % 20 == 0:
                run.log(
                    phase=number,
                    step=step,
                    loss=loss_mean,
                    accuracy=accuracy_mean,
                    time=time.time(),
                )
            if step % steps_an_epoch == 0:
                right = predict(model, held_rows, bf16).argmax(1) == held_out.labels
                run.log(phase=number, step=step, held_out_accuracy=float(right.mean()))
                bar.write(f"epoch {step // steps_an_epoch}: held-out accuracy {right.mean():.4f}")
            if step % CHECKPOINT_STEPS == 0 or step % steps_an_epoch == 0:
                run.save(state(number, step))
        bar.close()
        done = 0
    model.save_pretrained(folder / "checkpoint")
    tokenizer.save(str(folder / "checkpoint" / "tokenizer.json"))
    return model


def _remaining(
    lengths: list[int], recipe: Recipe, steps_an_epoch: int, steps: int, done: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield ``(step, batch of indices)`` for the steps still to do, counted from 1."""
    for epoch in range(done // steps_an_epoch, steps // steps_an_epoch):
        order = data.batches(lengths, recipe.batch_size, recipe.seed, epoch)
        for step, batch in enumerate(order, epoch * steps_an_epoch + 1):
            if step > done:
                yield step, batch


def _smooth(mean: float, value: float) -> float:
    return value if np.isnan(mean) else 0.98 * mean + 0.02 * value
