"""Each peer as its users run it: a text in, a score out, at most 512 tokens in one pass.

`python -m bench.peers.engines NAME FOLDER` runs in the peers' own environment and answers
`bench.process.Process`. FOLDER is what `bench.peers.prepare` wrote.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.process import serve, timed

THREADS = len(os.sched_getaffinity(0))
MAX_TOKENS = 512
Scorer = Callable[[str], float]
"""Scores a text: above 0 if it is positive."""


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "onnx/tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    return tokenizer


def _score(logits: Any) -> float:
    """Return Positive's logit less Negative's; Neutral, if there is one, is between."""
    return float(logits[-1] - logits[0])


def _head(folder: Path) -> Callable[[Any], float]:
    """Return the classification head, for peers that compute only the encoder."""
    from safetensors.numpy import load_file

    weights = load_file(folder / "head.safetensors")

    def score(cls: Any) -> float:
        hidden = weights["pre_classifier.weight"] @ cls + weights["pre_classifier.bias"]
        return _score(
            weights["classifier.weight"] @ np.maximum(hidden, 0) + weights["classifier.bias"]
        )

    return score


def llama(folder: Path) -> Scorer:
    """llama.cpp's BERT, by its server in this process."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(folder / "llama.gguf")
    parameters.embedding = True
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = MAX_TOKENS
    parameters.n_parallel = 1
    parameters.embd_normalize = -1
    parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_CLS
    parameters.cpuparams.n_threads = THREADS
    parameters.cpuparams_batch.n_threads = THREADS
    server = xllamacpp.Server(parameters)
    tokenizer, head = _tokenizer(folder), _head(folder)

    def score(text: str) -> float:
        answer = server.handle_embeddings({"input": tokenizer.encode(text).ids})
        return head(np.array(answer["data"][0]["embedding"], dtype=np.float32))

    return score


def litert(precision: str) -> Callable[[Path], Scorer]:
    """LiteRT (formerly TensorFlow Lite), whose kernels on x86 are XNNPACK's."""

    def load(folder: Path) -> Scorer:
        from ai_edge_litert.interpreter import Interpreter

        tokenizer = _tokenizer(folder)
        runners = {}
        for path in (folder / "litert").glob(f"*.{precision}.tflite"):
            interpreter = Interpreter(str(path), num_threads=THREADS)
            interpreter.allocate_tensors()
            runners[int(path.name.split(".")[0])] = interpreter

        def score(text: str) -> float:
            ids = tokenizer.encode(text).ids
            length = min(length for length in runners if length >= len(ids))
            interpreter = runners[length]
            padded = np.zeros((2, 1, length), dtype=np.int64)
            padded[0, 0, : len(ids)], padded[1, 0, : len(ids)] = ids, 1
            inputs = sorted(interpreter.get_input_details(), key=lambda each: str(each["name"]))
            for tensor, values in zip(inputs, padded, strict=True):
                interpreter.set_tensor(tensor["index"], values.astype(tensor["dtype"]))
            interpreter.invoke()
            [output] = interpreter.get_output_details()
            return _score(interpreter.get_tensor(output["index"])[0])

        return score

    return load


def candle(folder: Path) -> Scorer:
    """candle's BERT, by embed-anything."""
    os.environ["HF_HOME"] = str(folder)
    os.environ["HF_HUB_OFFLINE"] = "1"
    import embed_anything

    model = embed_anything.EmbeddingModel.from_pretrained_hf(
        model_id="local/sentiment", pooling=embed_anything.Pooling.Cls
    )
    head, restore = _head(folder), _denormaliser(folder)

    def score(text: str) -> float:
        [embedding] = embed_anything.embed_query([text], embedder=model)
        return head(restore(np.array(embedding.embedding, dtype=np.float32)))

    return score


def _denormaliser(folder: Path) -> Callable[[Any], Any]:
    """Return what gives an embedding of length 1 its own length again.

    The encoder ends in a layer norm. Before its weight and bias, the embedding's variance is 1:
    mean(((length * x - bias) / weight) ** 2) = 1.
    """
    from safetensors.numpy import load_file

    norm = load_file(folder / "head.safetensors")
    offset = norm["norm.bias"] / norm["norm.weight"]

    def restore(unit: Any) -> Any:
        direction = unit / norm["norm.weight"]
        a, b, c = (direction**2).sum(), (direction * offset).sum(), (offset**2).sum() - len(unit)
        return unit * (b + np.sqrt(b**2 - a * c)) / a

    return restore


def deepsparse(folder: Path) -> Scorer:
    """DeepSparse, in fp32: it aborts on the dynamically quantised graph."""
    from deepsparse import Engine

    tokenizer = _tokenizer(folder)
    lengths = (64, 256, MAX_TOKENS)  # as LiteRT's, shapes are fixed
    engines = {
        length: Engine(
            str(folder / "onnx/onnx/model.onnx"),
            batch_size=1,
            num_cores=THREADS,
            input_shapes=[[1, length], [1, length]],
        )
        for length in lengths
    }

    def score(text: str) -> float:
        ids = tokenizer.encode(text).ids
        length = min(length for length in lengths if length >= len(ids))
        padded = np.zeros((2, 1, length), dtype=np.int64)
        padded[0, 0, : len(ids)], padded[1, 0, : len(ids)] = ids, 1
        return _score(engines[length].run(list(padded))[0][0])

    return score


def model2vec(folder: Path) -> Scorer:
    """Means of static vectors, and a logistic regression."""
    from joblib import load
    from model2vec import StaticModel

    static = StaticModel.from_pretrained(str(folder / "model2vec"))
    classifier = load(folder / "model2vec/classifier.joblib")
    return lambda text: float(classifier.decision_function(static.encode([text]))[0])


def vader(folder: Path) -> Scorer:
    """VADER: a lexicon and rules."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    return lambda text: float(analyzer.polarity_scores(text)["compound"])


ENGINES: dict[str, Callable[[Path], Scorer]] = {
    "llama": llama,
    "litert-fp32": litert("fp32"),
    "litert-int8": litert("int8"),
    "candle": candle,
    "deepsparse": deepsparse,
    "model2vec": model2vec,
    "vader": vader,
}


def _serve(name: str, folder: Path) -> None:
    score = ENGINES[name](folder)

    def scores(texts: Sequence[str]) -> list[float]:
        return [score(text) for text in texts]

    serve(timed(scores))


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]))
