"""Peers: other ways to score a text on a CPU, by accuracy, time and memory.

Most compute the served weights in another engine, each as its users run it. Two are faster and
less accurate: static token vectors (model2vec) and a lexicon (VADER). Packages and formats are in
environments of their own, which nothing that serves or is tested needs.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from app.sentiment.bundle import load as load_bundle
from app.sentiment.text import normalise
from bench import report, rivals, warm
from bench.process import OURS, Process
from bench.report import SETTLE_SECONDS, spread
from bench.service import ROOT

LENGTHS = (16, 219, 512)
WARM_UPS = 1
CHUNK = 25
MAX_TEXTS = 500
"""Of each file of labelled texts; a fixed sample of larger ones."""
PLOT = ROOT / "docs/images/peers.svg"
REVIEW = "219"
"""Tokens of the median IMDb review, as a key of the results."""

_PEERS = ROOT / ".venv-peers"
_DEEPSPARSE = ROOT / ".venv-deepsparse"


@dataclass(frozen=True)
class Texts:
    """Labelled texts to measure accuracy on."""

    name: str
    path: Path

    @classmethod
    def parse(cls, argument: str) -> "Texts":
        """Split ``NAME=FILE``.

        Raises:
            ValueError: there is no name or no file.
        """
        name, _, path = argument.partition("=")
        if not name or not path:
            raise ValueError(f"{argument!r} is not NAME=FILE")
        return cls(name, Path(path))


def _python(environment: Path, name: str, folder: Path) -> list[str]:
    return [str(environment / "bin/python"), "-m", "bench.peers.engines", name, str(folder)]


def _node(dtype: str, folder: Path) -> list[str]:
    script = ROOT / "bench/peers/transformers.mjs"
    return ["node", str(script), str(folder), dtype, str(_PEERS / "node_modules")]


def _commands(folder: Path) -> dict[str, list[str]]:
    """Return how each peer is started, by the name that tables give it."""
    return {
        "Transformers.js int8": _node("q8", folder),
        "Transformers.js fp32": _node("fp32", folder),
        "llama.cpp Q8_0": _python(_PEERS, "llama", folder),
        "LiteRT int8": _python(_PEERS, "litert-int8", folder),
        "LiteRT fp32": _python(_PEERS, "litert-fp32", folder),
        "candle fp32": _python(_PEERS, "candle", folder),
        "DeepSparse fp32": _python(_DEEPSPARSE, "deepsparse", folder),
        "model2vec": _python(_PEERS, "model2vec", folder),
        "VADER": _python(_PEERS, "vader", folder),
    }


RIVALS = ("OpenVINO", "CTranslate2 int8", "onnxruntime int8", rivals.TORCH)
"""Engines of `bench.rivals`, which stand beside them behind our tokenizer and windows."""


def measure(
    texts: Sequence[Texts] = (), train: Path | None = None, rounds: int = 5
) -> dict[str, Any]:
    """Return milliseconds, megabytes and accuracy of each peer, and why others did not run.

    Accuracy is measured on ``texts``; without them, the last figures of these weights are kept.
    ``train``: reviews that model2vec's classifier learns from.
    """
    from training import data

    bundle = load_bundle(rivals.SHIPPED)
    samples = {each.name: _sample(data.read(each.path)) for each in texts}
    folder = ROOT / ".cache/peers" / bundle.revision
    _prepare(folder, train, samples)
    subprocess.run([sys.executable, "-m", "bench.warm", "prepare"], cwd=ROOT, check=True)
    earlier = _earlier(bundle.revision)
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        ours = Process([sys.executable, "-m", "bench.peers.ours"], OURS)
        processes = {rivals.OURS: ours, **{name: warm.process_of(name) for name in RIVALS}}
        for name, command in _commands(folder).items():
            try:
                processes[name] = Process(command, {"TOKENIZERS_PARALLELISM": "false"})
            except OSError as error:
                failed[name] = str(error)
        for process in processes.values():
            stack.enter_context(process)
        for name, process in list(processes.items()):
            try:
                process.ask(["A first text, which loads what is loaded late."])
            except RuntimeError as error:
                if name == rivals.OURS:
                    raise
                failed[name] = str(error)
                del processes[name]
        times: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for turn in tqdm(range(WARM_UPS + rounds), desc="peers"):
            for tokens in LENGTHS:
                for name, process in processes.items():
                    time.sleep(SETTLE_SECONDS)
                    milliseconds = process.milliseconds(tokens)
                    if turn >= WARM_UPS:
                        times[name][tokens].append(milliseconds)
        accuracies = {
            name: _accuracies(name, process, samples) or earlier.get(name, {}).get("accuracy", {})
            for name, process in processes.items()
        }
        resident = {
            name: process.ask(["The last text."]).resident_mb for name, process in processes.items()
        }
    our_times = times[rivals.OURS]
    return {
        "revision": bundle.revision,
        "peers": {
            name: {
                "milliseconds": {str(tokens): spread(values) for tokens, values in by.items()},
                "ratios": {
                    str(tokens): spread(
                        [b / o for b, o in zip(values, our_times[tokens], strict=True)]
                    )
                    for tokens, values in by.items()
                },
                "resident_mb": resident[name],
                "accuracy": accuracies[name],
            }
            for name, by in times.items()
        },
        "texts": {name: len(labelled) for name, labelled in samples.items()}
        or _last().get("texts", {}),
        "failed": failed,
    }


def _sample(examples: Any) -> list[tuple[str, bool]]:
    """Return texts with whether each is positive; those without a side are left out."""
    from training.data import NEUTRAL, POSITIVE

    labelled = [
        (text, bool(label == POSITIVE))
        for text, label in zip(examples.texts, examples.labels, strict=True)
        if label != NEUTRAL
    ]
    return random.Random(0).sample(labelled, min(MAX_TEXTS, len(labelled)))


def _prepare(
    folder: Path, train: Path | None, samples: Mapping[str, Sequence[tuple[str, bool]]]
) -> None:
    """Write the peers' formats, unless they are there, in their environment."""
    from app.sentiment.engines import reference

    folder.mkdir(parents=True, exist_ok=True)
    without = folder / "without.json"
    without.write_text(json.dumps([text for sample in samples.values() for text, _ in sample]))
    checkpoint = reference.checkpoint(load_bundle(rivals.SHIPPED))
    command = [str(_PEERS / "bin/python"), "-m", "bench.peers.prepare"]
    command += [str(checkpoint), str(folder)]
    if train:
        command += ["--train", str(train.resolve()), "--without", str(without)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})


def _accuracies(
    name: str, process: Process, samples: Mapping[str, Sequence[tuple[str, bool]]]
) -> dict[str, float]:
    accuracies = {}
    for sample_name, labelled in samples.items():
        # The classifier of `bench.rivals` reads normalised texts; others read them as they are.
        texts = [normalise(text) if name in RIVALS else text for text, _ in labelled]
        scores: list[float] = []
        for first in range(0, len(texts), CHUNK):
            scores += process.ask(texts[first : first + CHUNK]).scores
        right = sum(
            (score >= 0) == positive for score, (_, positive) in zip(scores, labelled, strict=True)
        )
        accuracies[sample_name] = right / len(labelled)
    return accuracies


def _last() -> dict[str, Any]:
    return report.read("peers") if (report.RESULTS / "peers.json").exists() else {}


def _earlier(revision: str) -> dict[str, Any]:
    """Return the last figures, if they are of the same weights."""
    last = _last()
    peers: dict[str, Any] = last["peers"] if last.get("revision") == revision else {}
    return peers


def table() -> str:
    """Return the last result as a table, and the peers that did not run."""
    result = report.read("peers")
    header = [
        "",
        *(f"{name}, accuracy of {count}" for name, count in result["texts"].items()),
        *(f"{tokens} tokens, ms" for tokens in LENGTHS),
        "times ours",
        "resident MB",
    ]
    body = [
        [
            f"**{name}**" if name == rivals.OURS else name,
            *(
                f"{peer['accuracy'][texts]:.1%}" if texts in peer["accuracy"] else ""
                for texts in result["texts"]
            ),
            *(_milliseconds(peer["milliseconds"][str(tokens)][1]) for tokens in LENGTHS),
            f"{peer['ratios'][REVIEW][1]:.2g} ×",
            f"{peer['resident_mb']:.0f}",
        ]
        for name, peer in _by_accuracy(result)
    ]
    measured = f"{report.of_machine(result)} The weights are of revision {result['revision']}."
    parts = [measured, report.rows(header, body)]
    if result["failed"]:
        parts.append(
            "\n".join(f"- {name} did not run: {why}" for name, why in result["failed"].items())
        )
    return "\n\n".join(parts)


def figure() -> str:
    """Return the plot, with what it shows."""
    machine = report.of_machine(report.read("peers")).removeprefix("On ")
    return (
        f"![Accuracy over milliseconds for a review](docs/images/{PLOT.name})\n\n"
        "Accuracy over the time for a review; a circle's area is the process's memory. All but "
        f"model2vec and VADER compute the shipped weights. Measured on {machine}"
    )


def _milliseconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _by_accuracy(result: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the peers, those of the served weights first, each by its time on a review."""
    return sorted(
        result["peers"].items(),
        key=lambda item: (
            item[0] in ("model2vec", "VADER"),
            item[1]["milliseconds"][REVIEW][1],
        ),
    )


def plot() -> None:
    """Draw the last result: accuracy over milliseconds, with the memory as the circle's area."""
    from matplotlib import rc_context

    result = report.read("peers")
    if not result["texts"]:
        return
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "peers", "font.size": 10}):
        figure = _figure(result, next(iter(result["texts"])))
        PLOT.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(PLOT, metadata={"Date": None})


def _figure(result: Mapping[str, Any], reviews: str) -> Any:
    """Return the plot, by the accuracy on these texts."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots()
    points = [
        (peer["milliseconds"][REVIEW][1], 100 * peer["accuracy"][reviews], name, peer)
        for name, peer in result["peers"].items()
        if reviews in peer["accuracy"]
    ]
    # Those of the same weights are as accurate and overlap, so all names stand in a column. Its
    # order, by accuracy to five points and then from slow to fast, keeps the lines apart.
    points.sort(key=lambda point: (-round(point[1] / 5), -point[0]))
    for rank, (x, y, name, peer) in enumerate(points):
        color = "#d1495b" if name == rivals.OURS else "#30638e"
        axes.scatter(x, y, s=peer["resident_mb"], color=color, alpha=0.45, linewidths=0)
        axes.annotate(
            f"{name}, {_milliseconds(x)} ms, {peer['resident_mb']:.0f} MB",
            (x, y),
            (1.02, 1 - (rank + 0.5) / len(points)),
            textcoords="axes fraction",
            verticalalignment="center",
            color=color,
            arrowprops={
                "arrowstyle": "-",
                "relpos": (0, 0.5),
                "color": color,
                "alpha": 0.4,
                "linewidth": 0.7,
            },
        )
    axes.set(
        xscale="log",
        xlabel="milliseconds for a review of 219 tokens",
        ylabel=f"accuracy in %, {result['texts'][reviews]} {reviews}",
    )
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
    return figure
