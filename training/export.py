"""From a checkpoint to a model bundle: int8 weights, tokenizer, card and checksums."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DistilBertForSequenceClassification,
)
from transformers.utils import cached_file

from app.sentiment import token_pruning
from app.sentiment.bundle import CHECKSUMS, LABELS, Bundle
from app.sentiment.bundle import load as load_bundle
from app.sentiment.classifier import SentimentClassifier
from app.sentiment.engines import Engine, reference
from app.sentiment.engines.native import WEIGHTS, NativeEngine
from app.sentiment.engines.pruned import PrunedDistilBert
from app.sentiment.engines.tokenizer import BundleTokenizer
from app.sentiment.temperature import Temperature
from app.sentiment.windows import Windows
from training import calibration, data, graph, outcomes, pack
from training.activations import observe
from training.card import MEASURED
from training.card import write as write_card
from training.data import NEUTRAL, Examples
from training.evaluate import Scored, calibration_error, score
from training.onnx_engine import OnnxEngine
from training.recipe import FILE as RECIPE
from training.train import predict

WINDOWS = (Windows(384, 256, up_to=512), Windows(256, 128))
"""Chosen on held-out reviews (docs/training-notes.md); shorter where a checkpoint reads less."""
TOKENIZER = "tokenizer.json"
CALIBRATION_TEXTS = 200
CALIBRATION_TOKENS = 256
"""So many texts, and of each so many tokens at most, set the int8 ranges by their activations."""
MAX_DIFFERENCE = 0.01
"""Of the fp32 graph's logits from torch's."""
MAX_LOSS = 0.002
"""Accuracy that int8 may lose against fp32."""


def load_checkpoint(source: str) -> tuple[DistilBertForSequenceClassification, Tokenizer]:
    """Load a checkpoint from a local folder or, where there is a hub, by its id.

    Of a bundle's folder, load the reference checkpoint.

    Raises:
        BundleError: it is a bundle, of which a file is missing or damaged.
        ValueError: it is no DistilBERT classifier that the kernels can compute, or its tokenizer
            is not BERT's, or its token pruning is invalid, or its labels are not a negative and a
            positive one and, if there are three, a neutral one.
    """
    if (Path(source) / CHECKSUMS).exists():
        source = str(reference.checkpoint(load_bundle(Path(source))))
    model = AutoModelForSequenceClassification.from_pretrained(source, dtype=torch.float32)
    if not isinstance(model, DistilBertForSequenceClassification):
        raise ValueError(f"{source} is a {type(model).__name__}, not a DistilBERT classifier")
    token_pruning.parse(model.config.to_dict())
    names = [name for _, name in sorted(model.config.id2label.items())]
    labels, positions = _order(source, names)
    print(
        "labels:", ", ".join(f"{names[i]} is {n}" for n, i in zip(labels, positions, strict=True))
    )
    model.config.id2label = dict(enumerate(labels))
    model.config.label2id = {label: i for i, label in enumerate(labels)}
    with torch.no_grad():
        for parameter in (model.classifier.weight, model.classifier.bias):
            parameter.copy_(parameter[torch.tensor(positions)].clone())
    tokenizer = _tokenizer(source)
    try:
        pack.shape(model.config)
        _check_tokenizer(tokenizer, model.config.vocab_size)
    except ValueError as error:
        raise ValueError(f"{source} cannot be served: {error}") from None
    return model.eval(), tokenizer


def _tokenizer(source: str) -> Tokenizer:
    # AutoTokenizer makes a BERT tokenizer anew of the vocabulary and tokenizer_config.json: where
    # that says nothing of letter case or accents, it lower-cases, whatever tokenizer.json says.
    path = cached_file(source, TOKENIZER, _raise_exceptions_for_missing_entries=False)
    if path:
        tokenizer = Tokenizer.from_file(path)
    else:
        tokenizer = AutoTokenizer.from_pretrained(source).backend_tokenizer
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _check_tokenizer(tokenizer: Tokenizer, vocabulary: int) -> None:
    """Raise a ValueError where the engines could not tokenise as this tokenizer does.

    ``vocabulary``: how many tokens the network has embeddings of.
    """
    stages = json.loads(tokenizer.to_str())
    for stage, bert in (("normalizer", "BertNormalizer"), ("pre_tokenizer", "BertPreTokenizer")):
        kind = (stages[stage] or {}).get("type")
        if kind != bert:
            raise ValueError(f"the {stage} of its tokenizer is {kind}, not {bert}")
    special = [tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]")]
    if tokenizer.encode("").ids != special:
        raise ValueError("its tokenizer does not put a text between [CLS] and [SEP]")
    largest = max(tokenizer.get_vocab().values())
    if largest >= vocabulary:
        raise ValueError(
            f"its tokenizer has token ids up to {largest}, but it has {vocabulary} embeddings"
        )


def _order(source: str, names: Sequence[str]) -> tuple[Sequence[str], list[int]]:
    """Return a bundle's labels in their order, and the position of each among a checkpoint's names.

    Raises:
        ValueError: the names are not those of a bundle's labels.
    """
    lowered = [name.lower() for name in names]
    beginnings = [name[:3] for name in lowered]
    for labels in LABELS:
        numbered = [f"label_{i}" for i in range(len(labels))]
        named = [label[:3].lower() for label in labels]
        for expected, given in ((numbered, lowered), (named, beginnings)):
            if sorted(given) == sorted(expected):
                return labels, [given.index(name) for name in expected]
    raise ValueError(
        f"{source} has the labels {', '.join(names)}; needed are a negative and a positive one, "
        "with or without a neutral one"
    )


class _CheckpointEngine(BundleTokenizer):
    """A checkpoint in fp32 as an engine; it computes no row again whose logits are given."""

    def __init__(
        self,
        bundle: Bundle,
        model: DistilBertForSequenceClassification,
        rows: Sequence[np.ndarray],
        logits: np.ndarray,
    ) -> None:
        super().__init__(bundle)
        self._model = model
        self._logits = dict(zip(map(_key, rows), logits.tolist(), strict=True))

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        missing = [np.array(row) for row in rows if _key(row) not in self._logits]
        computed = iter(predict(self._model, missing).tolist())
        return [self._logits.get(_key(row)) or next(computed) for row in rows]


def _in_fp32(
    bundle: Bundle,
    model: DistilBertForSequenceClassification,
    rows: Sequence[np.ndarray],
    logits: np.ndarray,
) -> _CheckpointEngine:
    """Return the engine to compare int8 with: the checkpoint, with its token pruning if it has any.

    ``logits``: what the model, which prunes nothing, computed of the rows.
    """
    if bundle.token_pruning is None:
        return _CheckpointEngine(bundle, model, rows, logits)
    pruned = PrunedDistilBert(model.config)
    pruned.load_state_dict(model.state_dict())
    return _CheckpointEngine(bundle, pruned, [], logits[:0])


def _key(row: Sequence[int] | np.ndarray) -> bytes:
    return np.asarray(row, dtype=np.int32).tobytes()


def export(
    source: str,
    folder: Path,
    sources: Mapping[str, Examples],
    card: Mapping[str, Any],
    max_loss: float = MAX_LOSS,
    *,
    with_fp16: bool = False,
    with_onnx: bool = False,
) -> None:
    """Write the bundle of a checkpoint into the folder, replacing the bundle that is there.

    ``sources``: by any name, texts like those to be served, none of which the checkpoint was
    trained or will be tested on. They set the int8 ranges, the temperature is fitted on them
    (`calibration.fit`), and the int8 network is verified on them. ``card``: what is known of the
    model; what is found here is added. What the card of the bundle that was there says of other
    weights (``compared``) is kept. ``max_loss``: the share of the texts that are not Neutral that
    int8 may lose against fp32; more than the default is for weights that are to be compared, not
    served. ``with_fp16``: also write the checkpoint itself, in fp16, which the
    torch engine then loads instead of the dequantised int8 weights. ``with_onnx``: also write an
    int8 ONNX graph for use elsewhere, and verify it; the service does not read it.

    Raises:
        ValueError: the folder holds something else than a bundle, or int8 is less accurate than
            fp32 by more than is allowed; nothing was replaced.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / CHECKSUMS).exists():
        raise ValueError(f"{folder} holds something that is no bundle; choose another folder")
    previous = load_bundle(folder).card if (folder / CHECKSUMS).exists() else {}
    started = time.monotonic()
    model, tokenizer = load_checkpoint(source)
    windows = [_within(model.config.max_position_embeddings, each) for each in WINDOWS]
    weights = _weights(model)
    rows = _calibration_rows(tokenizer, sources, windows[0])
    texts = sum(map(len, sources.values()))
    print(
        f"next: observe {len(rows)} texts, round the weights of {model.config.n_layers} layers, "
        f"score {texts} texts in fp32 and in int8"
    )
    activations, logits, tokens = observe(model, rows)

    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    model.config.dtype = "float16" if with_fp16 else "float32"
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(unfinished)
    if with_fp16:
        halves = {name: value.half().contiguous() for name, value in model.state_dict().items()}
        save_file(halves, unfinished / reference.WEIGHTS, metadata={"format": "pt"})
        (unfinished / reference.WEIGHTS).chmod(0o644)
    if with_onnx:
        int8 = graph.build(model.config, weights, activations).SerializeToString()
        (unfinished / graph.FILE).write_bytes(int8)
    pack.save(model.config, weights, activations, unfinished / WEIGHTS)
    _save_tokenizer(tokenizer, model.config.max_position_embeddings, unfinished)
    identity = {
        "name": Path(source).name,
        **card,
        "architecture": {
            "type": "DistilBertForSequenceClassification",
            "layers": model.config.n_layers,
            "width": model.config.dim,
            "heads": model.config.n_heads,
            "labels": list(model.config.id2label.values()),
            "parameters": sum(value.size for value in weights.values()),
        },
    }
    recipe = Path(source) / RECIPE
    if recipe.exists():
        identity["recipe"] = json.loads(recipe.read_text())
    identity["compared"] = {**previous.get("compared", {}), **card.get("compared", {})}
    inference = {"windows": [_written(each) for each in windows], "temperature": 1.0}
    write_card(unfinished, {**identity, "revision": "", "inference": inference})

    bundle = load_bundle(unfinished)
    in_fp32 = _scored("fp32", bundle, _in_fp32(bundle, model, rows, logits), sources)
    native = _scored("native", bundle, NativeEngine(bundle), sources)
    compared = _verify("native", native, in_fp32, max_loss)
    if with_onnx:
        _verify_graph(bundle, graph.build(model.config, weights), rows, logits)
        in_onnx = _scored("onnx", bundle, OnnxEngine(bundle, int8), sources)
        _verify("onnx", in_onnx, in_fp32, max_loss)
    identity["quantisation"] = {
        "method": pack.METHOD,
        "texts": len(rows),
        "tokens": tokens,
        "verified": compared,
    }
    inference["temperature"] = _temperature(native)
    revision = _revision(unfinished, inference)
    write_card(unfinished, {**identity, "revision": revision, "inference": inference})
    replaced = folder.with_name(f"{folder.name}.replaced")
    if folder.exists():
        folder.rename(replaced)
    unfinished.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)
    print(
        f"{folder}: revision {revision}, temperature {inference['temperature']}; weights rounded "
        f"by {pack.METHOD} with the activations of {len(rows)} texts ({tokens:,} tokens); took "
        f"{time.monotonic() - started:.0f} s"
    )


def calibrate(folder: Path, sources: Mapping[str, Examples]) -> None:
    """Fit the temperature of a bundle anew, to labelled texts like those that it is to score.

    The card loses what was measured with the temperature before.

    Raises:
        BundleError: a file of the bundle is missing or damaged.
        ValueError: there are too few texts to fit a temperature by.
    """
    texts = sum(map(len, sources.values()))
    if texts < calibration.MIN_TEXTS:
        raise ValueError(
            f"{texts} texts are too few to fit a temperature by: at least {calibration.MIN_TEXTS} "
            "are needed"
        )
    served = load_bundle(folder)
    for name in served.checksums:  # all of which are written anew
        served.file(name)
    bundle = replace(served, temperature=Temperature(1, 1))
    scored = _scored("native", bundle, NativeEngine(bundle), sources)
    inference = {**served.card["inference"], "temperature": _temperature(scored)}
    kept = {name: value for name, value in served.card.items() if name not in MEASURED}
    revision = _revision(folder, inference)
    write_card(folder, {**kept, "revision": revision, "inference": inference})
    print(f"{folder}: revision {revision}, temperature {inference['temperature']}")


def write_graph(
    bundle: Bundle, sources: Mapping[str, Examples], path: Path, max_loss: float = MAX_LOSS
) -> None:
    """Write an int8 ONNX graph of a bundle's reference checkpoint, and verify it against that.

    ``sources``: by any name, labelled texts like those to be scored. They set the int8 ranges, and
    the graph is verified on them. ``max_loss``: the share of the texts that are not Neutral that
    int8 may lose against fp32.

    Raises:
        BundleError: a file of the bundle is missing or damaged.
        ValueError: int8 is less accurate than fp32 by more than is allowed; nothing was written.
    """
    model, tokenizer = load_checkpoint(str(reference.checkpoint(bundle)))
    weights = _weights(model)
    rows = _calibration_rows(tokenizer, sources, bundle.windows[0])
    activations, logits, _ = observe(model, rows)
    _verify_graph(bundle, graph.build(model.config, weights), rows, logits)
    int8 = graph.build(model.config, weights, activations, bundle.revision).SerializeToString()
    in_fp32 = _scored("fp32", bundle, _CheckpointEngine(bundle, model, rows, logits), sources)
    in_int8 = _scored("onnx", bundle, OnnxEngine(bundle, int8), sources)
    _verify("onnx", in_int8, in_fp32, max_loss)
    unfinished = path.with_name(f"{path.name}.unfinished.{os.getpid()}")
    unfinished.write_bytes(int8)
    unfinished.rename(path)


def _weights(model: DistilBertForSequenceClassification) -> dict[str, np.ndarray]:
    return {name: value.float().numpy() for name, value in model.state_dict().items()}


def _calibration_rows(
    tokenizer: Tokenizer, sources: Mapping[str, Examples], windows: Windows
) -> list[np.ndarray]:
    """Return the token ids that the int8 ranges are set by."""
    length = min(CALIBRATION_TOKENS, windows.length)
    return [
        row
        for examples in sources.values()
        for row in data.encode(tokenizer, examples.texts[:CALIBRATION_TEXTS], length)
    ]


def _scored(
    name: str, bundle: Bundle, engine: Engine, sources: Mapping[str, Examples]
) -> dict[str, Scored]:
    """Score the sources; the engine's name is for the progress bars."""
    classifier = SentimentClassifier(bundle, engine)
    return {
        source: score(classifier, examples, f"scoring {source}, {name}")
        for source, examples in sources.items()
    }


def _within(positions: int, windows: Windows) -> Windows:
    """Return the windows, shortened in proportion to what the checkpoint can read at once."""
    if windows.length <= positions:
        return windows
    stride = windows.stride * positions // windows.length
    return Windows(positions, stride, windows.up_to)


def _written(windows: Windows) -> dict[str, int]:
    return {name: value for name, value in asdict(windows).items() if value is not None}


def _save_tokenizer(tokenizer: Tokenizer, max_length: int, folder: Path) -> None:
    tokenizer.save(str(folder / TOKENIZER), pretty=False)
    normalizer = json.loads(tokenizer.to_str())["normalizer"]
    config = {
        "tokenizer_class": "DistilBertTokenizer",
        "do_lower_case": normalizer["lowercase"],
        "strip_accents": normalizer["strip_accents"],
        "tokenize_chinese_chars": normalizer["handle_chinese_chars"],
        "model_max_length": max_length,
    }
    _write_json(folder / "tokenizer_config.json", config)


def _verify_graph(
    bundle: Bundle, fp32: onnx.ModelProto, rows: Sequence[np.ndarray], logits: np.ndarray
) -> None:
    """Raise a ValueError where the fp32 graph's logits of the rows are not the checkpoint's."""
    engine = OnnxEngine(bundle, fp32.SerializeToString())
    computed = np.concatenate([engine.logits([row.tolist()]) for row in rows])
    difference = float(np.abs(computed - logits).max())
    print(f"fp32 graph: at most {difference:.1e} from torch")
    if difference > MAX_DIFFERENCE:
        raise ValueError(f"the fp32 graph's logits differ from torch's by {difference:.1e}")


def _verify(
    engine: str,
    served: Mapping[str, Scored],
    reference: Mapping[str, Scored],
    max_loss: float,
) -> dict[str, dict[str, float]]:
    """Print and return how an engine's int8 compares to fp32, by source.

    Raises:
        ValueError: int8 loses too much; what counts is Negative or Positive, over all texts that
            are not Neutral.
    """
    lost = count = 0
    compared = {}
    for name, int8 in served.items():
        fp32 = reference[name]
        figures = {
            "int8": float(int8.right.mean()),
            "fp32": float(fp32.right.mean()),
            "same": float((int8.predicted == fp32.predicted).mean()),
        }
        print(
            f"{engine}, {name}: accuracy on {len(int8.labels)} texts: int8 {figures['int8']:.4f},"
            f" fp32 {figures['fp32']:.4f}; same label {figures['same']:.4f}"
        )
        compared[name] = {"texts": len(int8.labels)} | {
            figure: round(value, 4) for figure, value in figures.items()
        }
        clear = int8.labels != NEUTRAL
        in_int8, in_fp32 = (
            outcomes.two_way(each.logits[clear]) == each.labels[clear] for each in (int8, fp32)
        )
        lost += int(in_fp32.sum() - in_int8.sum())
        count += int(clear.sum())
    # One text more or less says nothing, however few there are.
    if lost > max(1, max_loss * count):
        raise ValueError(
            f"{engine}: int8 loses more than {max_loss:.1%} of {count} texts, in all {lost}; "
            "verify it on more texts with DATA= (--data), or allow more with LOSS= (--loss)"
        )
    return compared


def _revision(folder: Path, inference: Mapping[str, Any]) -> str:
    """Return a digest of the weights, the tokenizer, the windows, the temperature and the pruning.

    It does not cover the code that derives the torch engine's weights from these.
    """
    checksum = hashlib.sha256(json.dumps(inference).encode())
    for name in (reference.WEIGHTS, graph.FILE, WEIGHTS, TOKENIZER):
        if (folder / name).exists():
            checksum.update((folder / name).read_bytes())
    if pruning := load_bundle(folder).token_pruning:
        checksum.update(json.dumps(asdict(pruning)).encode())
    return checksum.hexdigest()[:12]


def _temperature(sources: Mapping[str, Scored]) -> float | dict[str, float]:
    """Return what the card says of the temperature; print how well it calibrates each source."""
    fitted = calibration.fit(list(sources.values()))
    for name, scored in sources.items():
        if scored.calibrated:
            served = calibration.tempered(scored, fitted)
            error = calibration_error(served.confidence, served.right)
            print(f"{name}: calibration error {error:.2%}")
    short, long = round(fitted.short, 4), round(fitted.long, 4)
    return short if short == long else {"short": short, "long": long}


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
