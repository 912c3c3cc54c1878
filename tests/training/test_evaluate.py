import numpy as np
import pytest

from training.evaluate import Scored, calibration_error, report


def test_figures_of_a_known_case():
    log_odds = np.array([2.0, 2.0, -2.0, 2.0, -2.0])
    scored = Scored(log_odds, np.array([1, 1, 0, 0, 1]), np.array([10, 70, 70, 600, 600]))
    figures = report(scored)
    assert figures["accuracy"] == 0.6
    assert figures["f1"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["confusion"] == {"tn": 1, "fp": 1, "fn": 1, "tp": 2}
    assert figures["by_length"] == {
        "1-64": {"examples": 1, "accuracy": 1.0},
        "65-128": {"examples": 2, "accuracy": 1.0},
        "over 512": {"examples": 2, "accuracy": 0.0},
    }


def test_calibration_error_is_the_distance_of_confidence_from_accuracy():
    confidence = np.full(100, 0.9)
    right = np.arange(100) < 70
    assert calibration_error(confidence, right) == pytest.approx(0.2)
