import numpy as np
import pytest
from sklearn import metrics

from training import evaluate, plots
from training.evaluate import Scored, calibration_error, report


@pytest.fixture(scope="module")
def scored():
    """Two thousand scores that are right about four times in five."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 2000)
    log_odds = rng.normal(np.where(labels == 1, 1, -1), 1.2)
    return Scored(log_odds, labels, rng.integers(5, 900, 2000))


def test_figures_of_a_known_case():
    log_odds = np.array([2.0, 2.0, -2.0, 2.0, -2.0])
    case = Scored(log_odds, np.array([1, 1, 0, 0, 1]), np.array([10, 70, 70, 600, 600]))
    figures = report(case, ratings=np.array([9, 9, 1, 1, 10]))
    assert figures["accuracy"] == 0.6
    assert figures["f1"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["confusion"] == {"tn": 1, "fp": 1, "fn": 1, "tp": 2}
    assert accuracies(figures["by_length"]) == {"1-64": 1.0, "65-128": 1.0, "over 512": 0.0}
    assert accuracies(figures["by_rating"]) == {"1": 0.5, "9": 1.0, "10": 0.0}
    assert figures["by_length"]["over 512"]["examples"] == 2


def accuracies(groups: dict) -> dict:
    return {name: group["accuracy"] for name, group in groups.items()}


def test_figures_are_what_scikit_learn_finds(scored):
    found = (scored.log_odds >= 0).astype(int)
    figures = report(scored)
    expected = {
        "f1": metrics.f1_score(scored.labels, found),
        "precision": metrics.precision_score(scored.labels, found),
        "recall": metrics.recall_score(scored.labels, found),
        "roc_auc": metrics.roc_auc_score(scored.labels, scored.log_odds),
        "log_loss": metrics.log_loss(scored.labels, scored.positive),
    }
    assert {name: figures[name] for name in expected} == pytest.approx(expected, abs=1e-4)


def test_intervals_are_as_wide_as_chance_makes_them(scored):
    figures = report(scored)
    low, high = figures["intervals"]["accuracy"]
    accuracy = figures["accuracy"]
    assert low < accuracy < high
    assert high - low == pytest.approx(
        2 * 1.96 * (accuracy * (1 - accuracy) / 2000) ** 0.5, rel=0.1
    )
    assert set(figures["intervals"]) == {*plots.FIGURES, "tn", "fp", "fn", "tp"}


def test_one_label_alone_has_no_roc_auc():
    figures = report(Scored(np.ones(3), np.ones(3, dtype=int), np.full(3, 9)))
    assert figures["accuracy"] == 1.0
    assert "roc_auc" not in figures


def test_calibration_error_is_the_distance_of_confidence_from_accuracy():
    confidence = np.full(100, 0.9)
    right = np.arange(100) < 70
    assert calibration_error(confidence, right) == pytest.approx(0.2)


def test_mistakes_come_most_confident_first():
    case = Scored(np.array([3.0, -1.0, 0.5, 2.0]), np.array([0, 1, 0, 1]), np.full(4, 9))
    found = evaluate.mistakes(case, ["a", "b", "c " * 400, "d"])
    assert [(mistake["row"], mistake["label"]) for mistake in found] == [
        (0, "Negative"), (1, "Positive"), (2, "Negative"),
    ]  # fmt: skip
    assert found[0]["confidence"] == pytest.approx(0.9526)
    assert len(found[2]["text"]) < 410


def test_page_holds_figures_plots_and_mistakes_and_needs_no_other_file(scored):
    figures = report(scored, ratings=np.where(scored.labels == 1, 8, 3))
    wrong = evaluate.mistakes(scored, ["<b>text</b>"] * 2000)
    page = plots.page("a set", figures, wrong)
    assert f"{figures['accuracy']:.4f}" in page
    assert page.count("<svg") == 4
    assert "&lt;b&gt;text" in page
    assert "src=" not in page
