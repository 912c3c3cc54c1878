"""Writes the figures and tables of the README and of docs/ from what measured or holds them."""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from app import settings
from app.sentiment import bundle, classifier
from app.sentiment.text import Text
from bench import cold, cost, load, overhead, report, warm, worst
from bench.__main__ import table
from bench.files import LARGE_ROWS
from bench.report import RESULTS
from bench.service import ROOT
from docs.tables import reference, scale
from scripts import image

README = ROOT / "README.md"
_SECTION = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def example() -> str:
    """Return the answer to the README's first request."""
    scored = classifier.load(settings.Settings())
    [prediction] = scored.predict([Text("This movie was amazing and thrilling!")])
    return f"```json\n{prediction.model_dump_json()}\n```"


def speed() -> str:
    """Return the table of the last benchmark of requests."""
    return _table(json.loads((RESULTS / "service.json").read_text()))


def file_speed() -> str:
    """Return the table of the last benchmark of files, and the memory that a large one takes."""
    result = json.loads((RESULTS / "files.json").read_text())
    growth = f"{LARGE_ROWS:,} take {result['growth_mb']:.0f} MB more than 1,000"
    return f"{_table(result)}\n\nOf an object of short rows, {growth}."


def _table(result: Mapping[str, Any]) -> str:
    return (
        f"{report.of_machine(result)} Medians, and the median of the ratios pair by pair.\n\n"
        f"{table(result['figures'])}"
    )


def accuracy() -> str:
    """Return what the card says of each data set."""
    metrics = bundle.load(ROOT / "model").card["metrics"]
    rows = [
        "| data | examples | engine | accuracy | F1 | ROC AUC | log loss | calibration error |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for data, engines in metrics.items():
        for engine, found in engines.items():
            rows.append(
                f"| {data} | {found['examples']:,} | {engine} | {found['accuracy']:.2%} "
                f"| {found['f1']:.4f} | {found['roc_auc']:.4f} | {found['log_loss']:.4f} "
                f"| {found['calibration_error']:.2%} |"
            )
    return "\n".join(rows)


Sections = Mapping[str, Callable[[], str]]

SECTIONS = {
    "example": example,
    "settings": settings.table,
    "speed": speed,
    "files": file_speed,
    "accuracy": accuracy,
}


PERFORMANCE = ROOT / "docs/performance.md"
PAGES = {
    README: SECTIONS,
    scale.PAGE: scale.SECTIONS,
    image.PAGE: image.SECTIONS,
    cost.PAGE: cost.SECTIONS,
    PERFORMANCE: {
        "engines": warm.table,
        "cold": cold.table,
        "overhead": overhead.table,
        "load": load.table,
        "worst": worst.table,
    },
    **reference.PAGES,
}


def _written(sections: Sections, section: re.Match[str]) -> str:
    start, name, end = section.groups()
    try:
        return f"{start}{sections[name]()}\n{end}"
    except FileNotFoundError:  # it was not measured yet
        return section[0]


def main() -> None:
    """Write every section of the pages anew."""
    for page, sections in PAGES.items():
        page.write_text(_SECTION.sub(partial(_written, sections), page.read_text()))


if __name__ == "__main__":
    main()
