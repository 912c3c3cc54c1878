import numpy as np
import pytest
from sklearn import metrics

from app.sentiment import polarity
from training import evaluate, plots
from training.data import LABELS, NEGATIVE, NEUTRAL, POSITIVE
from training.evaluate import Scored, calibration_error, report


@pytest.fixture(scope="module")
def scored():
    """Two thousand scores that are right about four times in five."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 2000)
    log_odds = rng.normal(np.where(labels == 1, 1, -1), 1.2)
    return two_way(log_odds, labels, rng.integers(5, 900, 2000))


def two_way(log_odds, positive, tokens):
    """Scores of two labels: log-odds of Positive, and whether a text is."""
    logits = np.stack([-log_odds / 2, log_odds / 2], axis=1)
    return Scored(logits, np.where(positive, POSITIVE, NEGATIVE), tokens)


def test_figures_of_a_known_case():
    log_odds = np.array([2.0, 2.0, -2.0, 2.0, -2.0])
    case = two_way(log_odds, np.array([1, 1, 0, 0, 1]), np.array([10, 70, 70, 600, 600]))
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
    positive = (scored.labels == POSITIVE).astype(int)
    figures = report(scored)
    expected = {
        "f1": metrics.f1_score(positive, found),
        "precision": metrics.precision_score(positive, found),
        "recall": metrics.recall_score(positive, found),
        "roc_auc": metrics.roc_auc_score(positive, scored.log_odds),
        "log_loss": metrics.log_loss(positive, scored.positive),
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
    figures = report(two_way(np.ones(3), np.ones(3), np.full(3, 9)))
    assert figures["accuracy"] == 1.0
    assert "roc_auc" not in figures


def test_calibration_error_is_the_distance_of_confidence_from_accuracy():
    confidence = np.full(100, 0.9)
    right = np.arange(100) < 70
    assert calibration_error(confidence, right) == pytest.approx(0.2)


def test_mistakes_come_most_confident_first():
    case = two_way(np.array([3.0, -1.0, 0.5, 2.0]), np.array([0, 1, 0, 1]), np.full(4, 9))
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


@pytest.fixture(scope="module")
def three_way():
    """Scores of three labels, of texts as probable as they say."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (3000, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=share) for share in shares])
    return Scored(logits, labels, rng.integers(5, 90, 3000))


def test_figures_of_three_outcomes_are_what_scikit_learn_finds(three_way):
    labels, shares = three_way.labels, np.exp(three_way.logits)
    shares /= shares.sum(axis=1, keepdims=True)
    predicted = shares.argmax(axis=1)
    recalls = metrics.recall_score(labels, predicted, average=None)
    figures = report(three_way)
    expected = {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "macro_recall": metrics.balanced_accuracy_score(labels, predicted),
        "log_loss": metrics.log_loss(labels, shares),
        **{f"recall_{name.lower()}": recalls[i] for i, name in enumerate(LABELS)},
    }
    assert {name: figures[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    counts = [list(of_label.values()) for of_label in figures["confusion"].values()]
    assert (counts == metrics.confusion_matrix(labels, predicted)).all()
    assert figures["calibration_error"] < 0.03
    assert set(figures["intervals"]) == set(plots.THREE_WAY_FIGURES)
    low, high = figures["intervals"]["macro_recall"]
    assert low < figures["macro_recall"] < high


def test_two_outcomes_of_three_labels_are_those_that_are_served():
    shares = np.array([[0.2, 0.5, 0.3], [0.5, 0.4, 0.1]])
    case = Scored(np.log(shares), np.array([POSITIVE, POSITIVE]), np.full(2, 9))
    positive = [polarity.sides(row)[1] for row in np.log(shares).tolist()]
    assert case.positive == pytest.approx(positive)
    assert case.right.tolist() == [True, False]
    assert case.confidence == pytest.approx([positive[0], 1 - positive[1]])
    assert case.loss == pytest.approx(-np.log(positive))


def test_of_neutral_texts_alone_the_accuracy_is_how_many_are_called_neutral():
    shares = np.array([[0.2, 0.5, 0.3], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1]])
    figures = report(Scored(np.log(shares), np.full(3, NEUTRAL), np.full(3, 9)))
    assert figures["accuracy"] == figures["recall_neutral"] == figures["macro_recall"] == 0.6667
    assert "recall_positive" not in figures


def test_two_labels_call_the_middle_third_neutral_without_a_probability_of_it():
    positive = np.array([0.1, 0.4, 0.6, 0.9])
    labels = np.array([NEGATIVE, NEUTRAL, POSITIVE, POSITIVE])
    case = Scored(np.log(np.stack([1 - positive, positive], axis=1)), labels, np.full(4, 9))
    figures = report(case)
    assert figures["accuracy"] == 0.75
    assert figures["confusion"]["Positive"] == {"Negative": 0, "Neutral": 1, "Positive": 1}
    assert not {"log_loss", "calibration_error", "reliability"} & figures.keys()
    assert evaluate.mistakes(case, ["text"] * 4)[0]["label"] == "Positive"


@pytest.mark.parametrize("labels", [2, 3])
def test_page_of_three_outcomes_holds_what_there_is(three_way, labels):
    case = Scored(three_way.logits[:, :labels], three_way.labels, three_way.tokens)
    figures = report(case)
    page = plots.page("a set", figures, [])
    assert f"{figures['macro_recall']:.4f}" in page
    assert page.count("<svg") == labels  # of two labels the reliability is missing


def test_two_networks_are_compared_on_the_texts_that_only_one_gets_right():
    positive, tokens = np.ones(20, dtype=bool), np.full(20, 9)
    log_odds = np.ones(20)
    better = two_way(np.where(np.arange(20) < 2, -log_odds, log_odds), positive, tokens)
    worse = two_way(np.where((np.arange(20) >= 1) & (np.arange(20) < 11), -1, 1), positive, tokens)
    compared = evaluate.compare(better, worse)
    assert (compared["only_this_right"], compared["only_beside_right"]) == (9, 1)
    assert compared["accuracy_beside"] == 0.5
    assert compared["p"] == pytest.approx(2 * 11 / 2**10, abs=1e-4)
    assert evaluate.compare(better, better)["p"] == 1
