"""The report of a bundle's abilities: measured once for the same weights, engine and suite."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from app.sentiment.classifier import SentimentClassifier
from app.sentiment.text import normalise
from training.behaviour import suite
from training.behaviour.cases import cases
from training.behaviour.suite import Result


def abilities(
    classifier: SentimentClassifier, engine: str, path: Path, *, again: bool = False
) -> dict[str, Result]:
    """Return the results of all abilities, from the report in ``path`` if it is of the same suite.

    That is one of the same texts, as the network reads them, by the same weights, temperature and
    engine. Otherwise, and with ``again`` always, the suite is measured and its report written.
    """
    all_cases = cases()
    texts = "\n".join(normalise(text) for case in all_cases for text in case.texts)
    measured = {
        "revision": classifier.bundle.revision,
        "engine": engine,
        "temperature": asdict(classifier.bundle.temperature),
        "texts_sha256": hashlib.sha256(texts.encode()).hexdigest(),
    }
    if path.exists() and not again:
        report = json.loads(path.read_text())
        if {name: report.get(name) for name in measured} == measured:
            return {name: Result(**result) for name, result in report["abilities"].items()}
    results = suite.measure(classifier, all_cases)
    report = {
        **measured,
        "figures": suite.figures(results),
        "abilities": {name: asdict(result) for name, result in results.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return results
