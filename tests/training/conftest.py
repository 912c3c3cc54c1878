"""A DistilBERT classifier small enough to train in a test, on words whose sentiment is plain."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from training import distil, train
from training.data import LABELS, NEGATIVE, NEUTRAL, POSITIVE, Examples
from training.recipe import Phase, Recipe

GOOD = ["great", "lovely", "superb", "moving", "funny"]
BAD = ["awful", "boring", "clumsy", "stale", "weak"]
PLAIN = ["the", "film", "was", "and", "plot", "cast", "is", "a"]


RECIPE = Recipe(
    name="tiny",
    batch_size=16,
    length=32,
    phases=[Phase(epochs=1, learning_rate=1e-3, layers=0), Phase(6, 5e-3, 3, 0.9)],
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Compute in one thread, whatever an engine of another test has set for the process."""
    torch.set_num_threads(1)


def tiny_tokenizer() -> Tokenizer:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *GOOD, *BAD, *PLAIN]
    found = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, "[UNK]"))
    found.normalizer = normalizers.BertNormalizer(lowercase=True)
    found.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    found.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return found


def tiny_model(labels: Sequence[str] = LABELS) -> DistilBertForSequenceClassification:
    torch.manual_seed(0)
    config = DistilBertConfig(
        vocab_size=32,
        dim=32,
        hidden_dim=64,
        n_layers=4,
        n_heads=4,
        max_position_embeddings=64,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )
    return DistilBertForSequenceClassification(config)


@pytest.fixture(autouse=True)
def fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in fp32 wherever bf16 might be chosen: which is faster depends on the machine."""
    for module in (train, distil):
        monkeypatch.setattr(module, "bf16_is_faster", lambda device: False)


@pytest.fixture
def tokenizer() -> Tokenizer:
    return tiny_tokenizer()


@pytest.fixture
def model() -> DistilBertForSequenceClassification:
    return tiny_model()


def sentences(count: int, seed: int) -> Examples:
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(count):
        telling = rng.choice(GOOD if i % 2 else BAD, 3)
        texts.append(" ".join([*rng.choice(PLAIN, int(rng.integers(2, 30))), *telling]))
        labels.append(POSITIVE if i % 2 else NEGATIVE)
    return Examples(texts, np.array(labels))


def plain_sentences(count: int, seed: int) -> Examples:
    """Return neutral texts: sentences without a word that tells."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(PLAIN, int(rng.integers(5, 30)))) for _ in range(count)]
    return Examples(texts, np.full(count, NEUTRAL))
