"""Imitation: a network that prunes tokens learns to compute what it computes without pruning.

The teacher is the network as it was before, unpruned (self-distillation), so that no label and no
other model is needed. The tokens that the student keeps learn the teacher's hidden states of the
same tokens, layer by layer (TinyBERT, arXiv:1909.10351), and [CLS] learns its logits as well.
"""

import copy
from typing import NamedTuple

import torch
import torch.nn.functional as F
from transformers import PreTrainedModel

from app.sentiment.engines.pruned import PrunedDistilBert

LOGITS_WEIGHT = 16.0
"""The weight of the logits' divergence. The hidden states' errors are about ten times as large."""


class Imitation(NamedTuple):
    """How far a batch's student is from its teacher."""

    loss: torch.Tensor
    logits: torch.Tensor
    """The student's, (rows, labels)."""
    targets: torch.Tensor
    """The teacher's probabilities, (rows, labels)."""


def teacher_of(student: PreTrainedModel) -> PrunedDistilBert:
    """Return the network as it is now, which will not change and does not prune.

    Raises:
        ValueError: the network does not prune, so that there is nothing to learn.
    """
    if not isinstance(student, PrunedDistilBert) or student.pruning is None:
        raise ValueError("imitation is for a network that prunes: the recipe needs token_keep")
    teacher: PrunedDistilBert = copy.deepcopy(student)
    teacher.eval().requires_grad_(False)
    teacher.pruning = None
    return teacher


def imitate(
    student: PrunedDistilBert, teacher: PrunedDistilBert, ids: torch.Tensor, mask: torch.Tensor
) -> Imitation:
    """Compare the two on token ids and their mask, both (rows, tokens)."""
    with torch.no_grad():
        wanted = teacher.layers(ids, mask)
        targets = teacher.classify(wanted[-1]).float().softmax(dim=1)
    outputs = student.layers(ids, mask)
    logits = student.classify(outputs[-1]).float()
    loss = LOGITS_WEIGHT * F.kl_div(logits.log_softmax(dim=1), targets, reduction="batchmean")
    for ours, theirs in zip(outputs, wanted, strict=True):
        positions = ours.positions[:, :, None].expand_as(ours.hidden)
        target = theirs.hidden.gather(1, positions).float()
        errors = (ours.hidden.float() - target).square().mean(dim=2)
        # As a share of the variance, which differs from layer to layer.
        loss = loss + (errors * ours.mask).sum() / ours.mask.sum() / target.var()
    return Imitation(loss, logits, targets)
