"""Imitation: a network that prunes learns what it computes without pruning."""

from dataclasses import replace

import pytest
import torch

from app.sentiment.engines.pruned import PrunedDistilBert
from app.sentiment.token_pruning import TokenPruning
from tests.training.conftest import RECIPE, sentences
from training import data
from training.imitation import imitate, teacher_of
from training.recipe import Phase
from training.train import Run, started_from, train

PRUNING = TokenPruning(4, [100, 20, 10])
IMITATING = replace(
    RECIPE,
    phases=[Phase(6, 1e-3, -1)],
    dropout=0.0,
    attention_dropout=0.0,
    token_keep=PRUNING,
    imitation=True,
)


@pytest.fixture
def student(tmp_path, model, tokenizer) -> PrunedDistilBert:
    """A network that was trained without pruning, and prunes now."""
    learning = Run(tmp_path / "plain", RECIPE, "-")
    train(learning, model, tokenizer, sentences(400, 1), sentences(64, 2))
    pruned, _ = started_from(tmp_path / "plain" / "checkpoint", IMITATING)
    return pruned.eval()


def batch(tokenizer, count=64):
    return data.pad(data.encode(tokenizer, sentences(count, 3).texts, 32))


def distance(student, teacher, tokenizer) -> float:
    ids, mask = batch(tokenizer)
    with torch.no_grad():
        return imitate(student.eval(), teacher, ids, mask.bool()).loss.item()


def test_a_network_that_keeps_all_tokens_is_its_own_teacher(student, tokenizer):
    student.pruning = TokenPruning(32, [100, 50, 50])
    assert distance(student, teacher_of(student), tokenizer) < 1e-6


def test_the_teacher_computes_the_network_without_pruning(student, tokenizer):
    ids, mask = batch(tokenizer)
    teacher = teacher_of(student)
    student.pruning = None
    with torch.no_grad():
        expected = student(input_ids=ids, attention_mask=mask).logits.softmax(dim=1)
        torch.testing.assert_close(imitate(student, teacher, ids, mask.bool()).targets, expected)


def test_the_network_comes_nearer_to_its_teacher_whatever_the_labels(tmp_path, student, tokenizer):
    teacher = teacher_of(student)
    before = distance(student, teacher, tokenizer)
    texts = sentences(400, 1)
    texts = replace(texts, labels=1 - texts.labels)
    train(Run(tmp_path / "run", IMITATING, "-"), student, tokenizer, texts, sentences(64, 2))
    assert distance(student, teacher, tokenizer) < before / 2


def test_the_teacher_does_not_learn(student, tokenizer):
    teacher = teacher_of(student)
    ids, mask = batch(tokenizer)
    imitate(student.train(), teacher, ids, mask.bool()).loss.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert any(parameter.grad is not None for parameter in student.parameters())


def test_a_network_that_does_not_prune_is_refused(model):
    with pytest.raises(ValueError, match="the recipe needs token_keep"):
        teacher_of(model)
