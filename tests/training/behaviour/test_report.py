import json
from dataclasses import replace

import pytest

from app.sentiment.temperature import Temperature
from training.behaviour import report, suite
from training.behaviour.cases import Case
from training.behaviour.suite import Result


class Loaded:
    def __init__(self, bundle):
        self.bundle = bundle


@pytest.fixture
def loaded(bundle):
    return Loaded(bundle)


@pytest.fixture
def measured(monkeypatch):
    """Counts how often the suite is measured; every result is another."""
    results = []

    def measure(classifier, cases):
        results.append({"plain opinions": Result(1000, len(results), ["an example"])})
        return results[-1]

    monkeypatch.setattr(suite, "measure", measure)
    return results


def test_the_suite_is_measured_once_for_the_same_weights(tmp_path, loaded, measured):
    path = tmp_path / "deep" / "report.json"
    first = report.abilities(loaded, "native", path)
    assert report.abilities(loaded, "native", path) == first
    assert len(measured) == 1
    written = json.loads(path.read_text())
    assert written["revision"] == loaded.bundle.revision
    assert written["figures"] == {"worst_failure_rate": 0.0}


def test_it_is_measured_again_on_demand(tmp_path, loaded, measured):
    for _ in range(2):
        found = report.abilities(loaded, "native", tmp_path / "report.json", again=True)
    assert found["plain opinions"].failures == 1


def test_another_engine_temperature_or_revision_is_measured(tmp_path, loaded, measured):
    path = tmp_path / "report.json"
    report.abilities(loaded, "native", path)
    report.abilities(loaded, "torch", path)
    warmer = replace(loaded.bundle, temperature=Temperature(3, 3))
    report.abilities(Loaded(warmer), "torch", path)
    other = replace(warmer, card={**warmer.card, "revision": "other"})
    report.abilities(Loaded(other), "torch", path)
    assert len(measured) == 4


def test_other_texts_are_measured(tmp_path, loaded, measured, monkeypatch):
    report.abilities(loaded, "native", tmp_path / "report.json")
    monkeypatch.setattr(report, "cases", lambda: [Case("plain opinions", ("Another.",), (2,))])
    report.abilities(loaded, "native", tmp_path / "report.json")
    assert len(measured) == 2
