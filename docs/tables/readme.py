"""The figures and samples of the README, and the settings' table."""

import json
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from app import settings
from app.sentiment import bundle
from app.web import application
from bench import report
from bench.peers import comparison
from bench.report import RESULTS

MODEL = Path(__file__).parents[2] / "model"
SENTENCE = "This movie was amazing and thrilling!"
CORRELATION_ID = "6f1c9d0e4b7a4c0f9a51d2f3b8e7c604"

PUBLISHED = {
    "DistilBERT-base, as [published](https://arxiv.org/abs/1910.01108)": (
        "66 M",
        "92.82 %",
        "91.3 %",
    ),
    "BERT-base, as published there": ("110 M", "93.46 %", "92.7 %"),
}
"""Parameters, accuracy on IMDb test and on SST-2 dev (Sanh et al. 2019, arXiv:1910.01108)."""


def example() -> str:
    """Return the answer to the README's first request."""
    return _json(_post({"text": SENTENCE}))


def problem() -> str:
    """Return the answer to a blank text."""
    return _json(_post({"text": " "}))


def _post(body: dict[str, Any]) -> str:
    app = application.create(settings.Settings())
    headers = {"x-correlation-id": CORRELATION_ID}
    return TestClient(app).post("/predict", json=body, headers=headers).text


def _json(document: str) -> str:
    return f"```json\n{document}\n```"


def accuracy() -> str:
    """Return the accuracy of the shipped weights beside published figures of larger models."""
    card = bundle.load(MODEL).card
    imdb, sst2 = (
        f"{card['metrics'][data]['native']['accuracy']:.2%}".replace("%", " %")
        for data in ("IMDb test", "SST-2 dev")
    )
    rows = {"**this service, int8**": ("22.7 M", f"**{imdb}**", f"**{sst2}**"), **PUBLISHED}
    return "\n".join(
        [
            "| accuracy | parameters | IMDb test | SST-2 dev |",
            "|---|---:|---:|---:|",
            *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()),
        ]
    )


ROWS = {
    "warm /predict, 219 tokens (ms)": "a review of 219 tokens, ms",
    "start to first answer (s)": "process start to first answer, page cache warm, s",
    "resident memory (MB)": "resident memory, MB",
}


def speed() -> str:
    """Return three rows of the last benchmark of requests, and where it ran."""
    result = json.loads((RESULTS / "service.json").read_text())
    figures = result["figures"]
    rows = [
        "| speed | DistilBERT-base in `transformers` | this service | |",
        "|---|---:|---:|---:|",
    ]
    for name, shown in ROWS.items():
        row = figures[name]
        rows.append(
            f"| {shown} | {row['baseline']:.3g} | **{row['ours']:.3g}** | {row['ratio']:.1f} × |"
        )
    return "\n".join([*rows, "", report.of_machine(result)])


SECTIONS = {
    "example": example,
    "problem": problem,
    "accuracy": accuracy,
    "speed": speed,
    "peers_plot": comparison.figure,
    "settings": settings.table,
}
