"""Checkpoints of other shapes than the shipped one become bundles that the kernels serve."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification

from app.sentiment import engines
from app.sentiment.bundle import load
from training import export
from training.data import Examples
from training.train import predict

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = ("the", "Film", "film", "##s", "bon", "café", "cafe", "très", "was", "电", "影", "Gut", "!")
TEXTS = ("Film", "the FILMS was très bon!", "电影 café, Gut cafe", "x")
CASED = normalizers.BertNormalizer(lowercase=False)


@dataclass(frozen=True)
class Shape:
    width: int
    heads: int
    hidden: int
    layers: int
    labels: tuple[str, ...] = ("Negative", "Positive")
    vocabulary: int = 40
    positions: int = 512
    activation: str = "gelu"


SHAPES = {
    "base": Shape(768, 12, 3072, layers=1),
    "tiny": Shape(128, 2, 512, layers=2),
    "three labels": Shape(64, 2, 128, 2, ("Negative", "Neutral", "Positive")),
    "labels in another order": Shape(64, 2, 128, 2, ("positive", "negative", "neutral")),
    "multilingual vocabulary": Shape(64, 1, 128, 2, vocabulary=119_547),
    "heads of 24": Shape(96, 4, 208, 3, activation="relu"),
    "few positions": Shape(64, 2, 128, 2, positions=130),
    "many positions": Shape(64, 2, 128, 2, positions=1024),
}


def tokenizer(vocabulary: int, normalizer=CASED) -> Tokenizer:
    words = [*SPECIAL, *WORDS]
    words += [f"[unused{i}]" for i in range(vocabulary - len(words))]
    vocab = {word: i for i, word in enumerate(words)}
    made = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    made.normalizer = normalizer
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return made


def write_checkpoint(folder, shape: Shape, words: Tokenizer) -> None:
    """Write random weights, large enough for attention and labels to differ from text to text."""
    torch.manual_seed(0)
    config = DistilBertConfig(
        vocab_size=shape.vocabulary,
        dim=shape.width,
        n_heads=shape.heads,
        hidden_dim=shape.hidden,
        n_layers=shape.layers,
        max_position_embeddings=shape.positions,
        activation=shape.activation,
        initializer_range=shape.width**-0.5,
        id2label=dict(enumerate(shape.labels)),
        label2id={label: i for i, label in enumerate(shape.labels)},
    )
    DistilBertForSequenceClassification(config).save_pretrained(folder)
    words.save(str(folder / "tokenizer.json"))


def texts(count: int) -> Examples:
    """Return texts of up to a few hundred tokens, most of them short."""
    rng = np.random.default_rng(0)
    lengths = np.append(rng.integers(1, 60, count - 2), [250, 700])
    words = [word for word in WORDS if not word.startswith("##")]
    return Examples(
        [" ".join(rng.choice(words, length)) for length in lengths], np.arange(count) % 2 * 2
    )


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_kernels_compute_what_torch_does(shape, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    checkpoint = tmp_path / "checkpoint"
    write_checkpoint(checkpoint, shape, tokenizer(shape.vocabulary))
    # Random weights are right about half of the texts, whatever they are rounded to.
    export.export(str(checkpoint), tmp_path / "b", {"a set": texts(40)}, {}, max_loss=1.0)
    bundle = load(tmp_path / "b")
    native, derived = (engines.load(name, bundle, 1) for name in ("native", "torch"))
    rows = [
        [native.start_token, *ids[start:end], native.end_token]
        for ids in native.tokenise([*TEXTS, *texts(40).texts])
        for start, end in bundle.spans(len(ids))
    ]
    assert max(map(len, rows)) == min(shape.positions, bundle.windows[-1].length, 384)
    model, _ = export.load_checkpoint(str(checkpoint))
    expected = predict(model, [np.array(row) for row in rows])
    spread = expected.std(axis=0).max()
    for reference in (expected, np.array(derived.logits(rows))):
        differences = np.array(native.logits(rows)) - reference
        assert np.sqrt(np.square(differences).mean()) < 0.06 * spread
        assert np.abs(differences).max() < 0.2 * spread
    assert native.tokenise(TEXTS) == derived.tokenise(TEXTS)


@pytest.mark.parametrize(
    ("lowercase", "strip_accents"),
    [(True, None), (True, False), (False, None), (False, True)],
)
def test_case_and_accents_are_treated_as_tokenizer_json_says(tmp_path, lowercase, strip_accents):
    """Without a tokenizer_config.json `transformers` would lower-case and strip accents."""
    words = tokenizer(
        40, normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    )
    write_checkpoint(tmp_path / "c", Shape(32, 2, 64, 1), words)
    loaded = export.load_checkpoint(str(tmp_path / "c"))[1]
    assert loaded.encode(TEXTS[2]).ids == words.encode(TEXTS[2]).ids
    export._save_tokenizer(loaded, 512, tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again("\n".join(TEXTS))["input_ids"] == words.encode("\n".join(TEXTS)).ids


def test_a_checkpoint_may_have_a_vocabulary_alone(tmp_path):
    words = tokenizer(40)
    write_checkpoint(tmp_path, Shape(32, 2, 64, 1), words)
    (tmp_path / "tokenizer.json").unlink()
    in_order = sorted(words.get_vocab().items(), key=lambda item: item[1])
    (tmp_path / "vocab.txt").write_text("".join(f"{word}\n" for word, _ in in_order))
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    loaded = export.load_checkpoint(str(tmp_path))[1]
    assert loaded.encode(TEXTS[2]).ids == words.encode(TEXTS[2]).ids


@pytest.mark.parametrize(
    ("shape", "fault"),
    [
        (Shape(40, 2, 64, 1), "width must be a multiple of 16"),
        (Shape(32, 2, 72, 1), "hidden must be a multiple of 16"),
        (Shape(32, 2, 64, 1, activation="silu"), "activation 'silu' is neither gelu nor relu"),
        (Shape(32, 2, 64, 1, vocabulary=30), "token ids up to 39, but it has 30 embeddings"),
    ],
)
def test_a_network_that_the_kernels_cannot_compute_is_refused_at_once(tmp_path, shape, fault):
    write_checkpoint(tmp_path, shape, tokenizer(40))
    with pytest.raises(ValueError, match=f"{tmp_path.name} cannot be served: .*{fault}"):
        export.load_checkpoint(str(tmp_path))


def _without_special_tokens(words: Tokenizer) -> None:
    words.post_processor = processors.BertProcessing(("the", 5), ("film", 7))


def _with_other_words(words: Tokenizer) -> None:
    words.pre_tokenizer = pre_tokenizers.Whitespace()


def _with_another_normalizer(words: Tokenizer) -> None:
    words.normalizer = normalizers.Lowercase()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_without_special_tokens, "does not put a text between \\[CLS\\] and \\[SEP\\]"),
        (_with_other_words, "the pre_tokenizer of its tokenizer is Whitespace"),
        (_with_another_normalizer, "the normalizer of its tokenizer is Lowercase"),
    ],
)
def test_a_tokenizer_that_is_not_berts_is_refused(tmp_path, change, fault):
    words = tokenizer(40)
    change(words)
    write_checkpoint(tmp_path, Shape(32, 2, 64, 1), words)
    with pytest.raises(ValueError, match=f"cannot be served: .*{fault}"):
        export.load_checkpoint(str(tmp_path))
