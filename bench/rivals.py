"""The engines that are measured side by side, and what each of them needs on disk.

All compute the shipped weights but those whose name begins with ``base``: these have random weights
of DistilBERT-base's shape, which is what a user would run instead, and read 512 tokens in one pass.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.sentiment.bundle import Bundle
from app.sentiment.bundle import load as load_bundle
from app.sentiment.classifier import SentimentClassifier
from app.sentiment.engines import Engine, reference
from app.sentiment.engines.native import NativeEngine
from app.sentiment.engines.tokenizer import BundleTokenizer
from app.sentiment.windows import Windows
from bench.checkpoint import make_checkpoint
from bench.service import ROOT
from training.onnx_engine import OnnxEngine

SHIPPED = ROOT / "model"
CACHE = ROOT / ".cache/rivals"
BASE = ROOT / ".cache/baseline"
THREADS = len(os.sched_getaffinity(0))
AMX = "AVX512_CORE_AMX"
"""Of the sets in `bench.instruction_sets`, the only one whose oneDNN has bfloat16."""


def prepare() -> None:
    """Write the rivals' files, unless they are there.

    They are made in the process that asks, which should end before anything is measured.
    """
    from ctranslate2.converters import TransformersConverter
    from transformers import DistilBertModel

    from bench.files import reviews
    from training import data, graph
    from training.activations import observe
    from training.export import load_checkpoint, write_graph

    bundle = load_bundle(SHIPPED)
    done = CACHE / bundle.revision
    if done.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    texts = {"reviews": data.read(ROOT / "training/reviews.csv")}
    write_graph(bundle, texts, CACHE / "shipped.int8.onnx")
    make_checkpoint(BASE, SHIPPED)
    shipped = reference.checkpoint(bundle)
    for name, source in (("shipped", shipped), ("base", BASE)):
        model, tokenizer = load_checkpoint(str(source))
        weights = {key: value.float().numpy() for key, value in model.state_dict().items()}
        fp32 = graph.build(model.config, weights)
        (CACHE / f"{name}.fp32.onnx").write_bytes(fp32.SerializeToString())
        if name == "base":
            rows = data.encode(tokenizer, list(reviews(50, 0)), 256)
            int8 = graph.build(model.config, weights, observe(model, rows).activations)
            (CACHE / "base.int8.onnx").write_bytes(int8.SerializeToString())
    # CTranslate2 knows DistilBERT as an encoder; the head stays outside.
    encoder = CACHE / "encoder"
    DistilBertModel.from_pretrained(shipped).save_pretrained(encoder)
    for name in reference.TOKENIZER:
        (encoder / name).write_bytes((shipped / name).read_bytes())
    TransformersConverter(str(encoder)).convert(
        str(CACHE / "ctranslate2"), quantization="int8", force=True
    )
    done.touch()


class _Torch(BundleTokenizer):
    """`transformers`, in this precision."""

    def __init__(self, bundle: Bundle, source: Path, precision: str) -> None:
        import torch
        from transformers import AutoModelForSequenceClassification

        super().__init__(bundle)
        self._torch = torch
        self._model = AutoModelForSequenceClassification.from_pretrained(
            source, dtype=getattr(torch, precision)
        ).eval()

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        ids, mask = (self._torch.from_numpy(array) for array in _padded(rows))
        with self._torch.inference_mode():
            logits: list[list[float]] = self._model(ids, mask).logits.float().tolist()
        return logits


class _OpenVino(BundleTokenizer):
    """OpenVINO, tuned for latency, in the precision that it chooses for the instruction set.

    It looks for bfloat16 by itself, whatever oneDNN is held to, and then finds no kernel.
    """

    def __init__(self, bundle: Bundle) -> None:
        import openvino
        import torch
        from transformers import AutoModelForSequenceClassification

        super().__init__(bundle)
        model = AutoModelForSequenceClassification.from_pretrained(
            reference.checkpoint(bundle),
            dtype=torch.float32,
            attn_implementation="eager",
            return_dict=False,
        ).eval()
        ids = torch.ones((2, 16), dtype=torch.long)
        example = {"input_ids": ids, "attention_mask": ids}
        with torch.inference_mode():
            converted = openvino.convert_model(model, example_input=example)
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": THREADS}
        if os.environ.get("ONEDNN_MAX_CPU_ISA", AMX) != AMX:
            options["INFERENCE_PRECISION_HINT"] = "f32"
        self._model = openvino.Core().compile_model(converted, "CPU", options)

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        ids, mask = _padded(rows)
        logits: list[list[float]] = self._model({"input_ids": ids, "attention_mask": mask})[
            0
        ].tolist()
        return logits


class _CTranslate2(BundleTokenizer):
    """CTranslate2's encoder in int8, and the head in numpy."""

    def __init__(self, bundle: Bundle) -> None:
        import ctranslate2
        from safetensors.numpy import load_file

        super().__init__(bundle)
        self._translate = ctranslate2
        self._encoder = ctranslate2.Encoder(
            str(CACHE / "ctranslate2"), device="cpu", compute_type="int8", intra_threads=THREADS
        )
        weights = load_file(reference.checkpoint(bundle) / reference.WEIGHTS)
        self._head, self._labels = (
            tuple(weights[f"{name}.{kind}"] for kind in ("weight", "bias"))
            for name in ("pre_classifier", "classifier")
        )

    def logits(self, rows: Sequence[Sequence[int]]) -> list[list[float]]:
        hidden = self._encoder.forward_batch([list(row) for row in rows]).last_hidden_state
        first = np.array(hidden)[:, 0]
        active = np.maximum(first @ self._head[0].T + self._head[1], 0)
        logits: list[list[float]] = (active @ self._labels[0].T + self._labels[1]).tolist()
        return logits


def _padded(rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    ids = np.zeros((len(rows), max(len(row) for row in rows)), dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return ids, mask


def _onnx(name: str) -> Callable[[Bundle], Engine]:
    return lambda bundle: OnnxEngine(bundle, (CACHE / name).read_bytes(), THREADS)


OURS = "native int8 (ours)"
TORCH = "torch fp32"
HELD: dict[str, Callable[[Bundle], Engine]] = {
    OURS: lambda bundle: NativeEngine(bundle, THREADS),
    "OpenVINO": _OpenVino,
    "CTranslate2 int8": _CTranslate2,
}
"""Engines that `bench.instruction_sets` can hold to a set."""
FREE: dict[str, Callable[[Bundle], Engine]] = {
    "onnxruntime int8": _onnx("shipped.int8.onnx"),
    "onnxruntime fp32": _onnx("shipped.fp32.onnx"),
    "torch bf16": lambda bundle: _Torch(bundle, reference.checkpoint(bundle), "bfloat16"),
    TORCH: lambda bundle: _Torch(bundle, reference.checkpoint(bundle), "float32"),
    "base onnxruntime int8": _onnx("base.int8.onnx"),
    "base torch fp32": lambda bundle: _Torch(bundle, BASE, "float32"),
}
"""Engines that use all that the processor has."""


def classifier(name: str) -> SentimentClassifier:
    """Load an engine behind the classifier that serves."""
    bundle = load_bundle(SHIPPED)
    if name.startswith("base"):
        bundle = replace(bundle, windows=(Windows(512, 256),))
    return SentimentClassifier(bundle, {**HELD, **FREE}[name](bundle))
