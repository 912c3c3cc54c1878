import pytest
import torch
from transformers import AutoTokenizer, BertModel

from training import base

TEXTS = [
    "Short.",
    "A film that knows exactly what it wants to be, and is it.",
    "It goes on. " * 120,
    "Ünïcödé & 3 numbers: 1, 22, 333",
]


@pytest.fixture(scope="module")
def bert() -> BertModel:
    return BertModel.from_pretrained(base.minilm_folder(), add_pooling_layer=False).eval()


def test_converted_encoder_computes_what_bert_does(bert):
    tokenizer = AutoTokenizer.from_pretrained(base.minilm_folder())
    batch = tokenizer(TEXTS, padding=True, truncation=True, max_length=512, return_tensors="pt")
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        expected = bert(**inputs).last_hidden_state
        found = base.to_distilbert(bert)(**inputs).last_hidden_state
    real = inputs["attention_mask"].bool()
    assert (found - expected)[real].abs().max() < 1e-4


def test_weights_that_are_not_the_published_ones_are_refused(monkeypatch):
    monkeypatch.setattr(base, "MINILM_SHA256", "0" * 64)
    with pytest.raises(ValueError, match="has sha256"):
        base.minilm_folder()
