"""The tables of docs/performance.md, from the last `make bench`."""

import json
from collections.abc import Mapping
from typing import Any

from bench import arm64, cold, load, overhead, report, sentences, warm, worst
from bench.files import LARGE_ROWS
from bench.peers import comparison
from bench.report import RESULTS


def requests() -> str:
    """Return the figures of requests beside the baseline's."""
    return _beside_the_baseline(_result("service"))


def files() -> str:
    """Return the figures of files beside the baseline's, and the memory that a large one takes."""
    result = _result("files")
    growth = f"scoring {LARGE_ROWS:,} short rows takes {result['growth_mb']:.0f} MB more than 1,000"
    return f"{_beside_the_baseline(result)}\n\nMemory: {growth}."


def _result(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return result


def _beside_the_baseline(result: Mapping[str, Any]) -> str:
    return (
        f"{report.of_machine(result)} Medians, and the median of the ratios pair by pair.\n\n"
        f"{report.comparison(result['figures'])}"
    )


SECTIONS = {
    "requests": requests,
    "files": files,
    "engines": warm.table,
    "peers": comparison.table,
    "cold": cold.table,
    "overhead": overhead.table,
    "load": load.table,
    "worst": worst.table,
    "sentences": sentences.table,
    "mixed": sentences.mixed_table,
    "arm64": arm64.table,
}
