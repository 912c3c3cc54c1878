"""What is reported: drift where there is some, and its absence where there is not enough."""

import json
from datetime import timedelta

import pytest

from tests.training.drift.conftest import START, line, prediction, weeks
from training.drift.logs import read
from training.drift.report import report
from training.drift.summary import summary

SEEDS = 40


@pytest.fixture
def reported(written):
    return lambda found, **options: report(read([written(found)]), **options)


def one(found: dict, name: str) -> dict:
    return next(each for each in found["comparisons"] if each["name"] == name)


@pytest.mark.parametrize("texts", [1, 20])
def test_weeks_that_are_alike_are_rarely_called_drift(reported, texts):
    requests = 40 if texts == 1 else 10
    drifted = [
        bool(reported(weeks(seed, requests=requests, texts=texts))["drift"])
        for seed in range(SEEDS)
    ]
    assert sum(drifted) <= 2


def test_a_week_with_fewer_positive_answers_is_drift(reported):
    found = reported(weeks(0, shift=-0.2))
    assert found["drift"] == ["positive share"]
    share = one(found, "positive share")
    low, high = share["interval"]
    assert low < -0.2 < high < 0
    assert share["p"] < 0.01


def test_the_positive_share_is_held_against_the_week_before_alone(reported):
    assert reported(weeks(0, shift=-0.2, late=14))["drift"] == []


def test_a_week_of_less_confidence_is_drift(reported):
    found = reported(weeks(0, doubt=4))
    assert set(found["drift"]) == {"confidence", "doubtful share"}
    confidence = one(found, "confidence")
    assert confidence["stability_index"] > 0.1
    assert confidence["interval"][1] < 0


def test_a_significant_change_that_is_small_is_reported_and_no_drift(reported):
    found = reported(weeks(0, requests=1500, days=14, shift=-0.025))
    share = one(found, "positive share")
    assert share["p"] < 0.01
    assert found["drift"] == []


def test_accuracy_on_feedback_that_falls_is_drift(reported):
    found = reported(weeks(0, heard=0.5, right=(0.9, 0.6)))
    assert found["drift"] == ["accuracy on feedback"]


def test_accuracy_on_feedback_is_that_of_the_predictions_it_names(reported):
    given = [prediction(f"b#{i}", True, confidence) for i, confidence in enumerate((0.6, 0.9, 0.9))]
    said = [("b#0", "Negative"), ("b#1", "Positive"), ("gone", "Positive")]
    lines = [line(START, "b", predictions=given)]
    lines += [
        line(START, f"f{id}", feedback_on={"prediction": id, "right": right}) for id, right in said
    ]
    feedback = reported(lines)["feedback"]
    assert (feedback["given"], feedback["without_prediction"]) == (3, 1)
    assert (feedback["overall"]["examples"], feedback["overall"]["accuracy"]) == (2, 0.5)
    assert feedback["overall"]["mean_confidence"] == 0.75
    assert feedback["by_week"].keys() == {"2026-W40"}
    bands = {band: found["accuracy"] for band, found in feedback["by_confidence"].items()}
    assert bands == {"0.50-0.70": 0, "0.90-0.95": 1}


def test_feedback_on_an_id_that_names_contradicting_predictions_is_left_out(reported):
    lines = [
        line(START, "r", predictions=[prediction("r", positive, 0.9)]) for positive in (True, False)
    ]
    on = {"prediction": "r", "right": "Positive"}
    feedback = reported([*lines, line(START, "f", feedback_on=on)])["feedback"]
    assert feedback["ambiguous"] == 1
    assert feedback["overall"] == {"examples": 0}


def test_overconfidence_shows_as_calibration_error_on_feedback(reported):
    overall = reported(weeks(0, heard=0.5, right=(0.7, 0.7)))["feedback"]["overall"]
    expected = overall["mean_confidence"] - overall["accuracy"]
    assert overall["calibration_error"] == pytest.approx(expected, abs=0.05)
    assert overall["calibration_error"] > 0.15


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (weeks(0, days=10, shift=-0.3, doubt=4), "days before the latest week"),
        (weeks(0, requests=2, texts=50, shift=-0.3), "requests"),
    ],
    ids=["days", "requests"],
)
def test_too_little_data_is_said_and_not_judged(reported, found, why):
    shown = reported(found)
    assert shown["drift"] == []
    assert all(why in each["too_little"] for each in shown["comparisons"][:1])
    assert "Not judged: positive share" in summary(shown)


def test_a_change_of_the_model_is_said_with_the_figures_of_each(reported):
    found = reported(weeks(0, doubt=3, models=("aaaa", "bbbb")))
    assert found["model_changed"] == ["bbbb"]
    before, after = found["models"]
    assert (before["model"], after["model"]) == ("aaaa", "bbbb")
    assert before["mean_confidence"] > after["mean_confidence"]
    assert before["until"] < after["from"]
    assert "The model changed" in summary(found)


def test_one_model_is_no_change(reported):
    assert reported(weeks(0, days=14))["model_changed"] == []


def test_each_day_has_its_figures(reported):
    found = weeks(0, days=3)
    days = reported(found)["days"]
    assert [day["day"] for day in days] == ["2026-10-01", "2026-10-02", "2026-10-03"]
    assert all(day["texts"] == 40 for day in days)
    low, high = days[0]["positive_share"]["interval"]
    assert low < days[0]["positive_share"]["value"] < high


def test_counts_alone_are_compared_but_for_the_distribution_of_confidence(reported):
    lines = []
    for found in weeks(0, shift=-0.2, texts=5, requests=60):
        given = found.pop("predictions")
        positive = sum(each["sentiment"] == "Positive" for each in given)
        counts = {"predictions_positive": positive, "predictions_negative": len(given) - positive}
        lines.append({**found, **counts, "confidence": 0.9})
    found = reported(lines)
    assert found["drift"] == ["positive share"]
    assert "stability_index" not in one(found, "confidence")


def test_two_requests_are_a_report_that_json_can_hold(reported):
    found = reported([line(START, "r", predictions=[prediction("r", True, 0.9)])])
    json.dumps(found, allow_nan=False)
    early = line(START - timedelta(days=9), "s", predictions=[prediction("s", False, 0.8)])
    found = reported([early, line(START, "r", predictions=[prediction("r", True, 0.9)])])
    json.dumps(found, allow_nan=False)
    assert found["drift"] == []


def test_damaged_lines_are_in_the_summary(tmp_path):
    path = tmp_path / "log"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in weeks(0, days=1)) + '{"level": ')
    assert "1 damaged" in summary(report(read([path])))


def test_logs_without_a_prediction_are_an_error_that_says_what_they_hold(reported):
    with pytest.raises(ValueError, match="no prediction in 1 files: 1 lines are of other kinds"):
        reported([{"level": "WARNING", "message": "no API keys are set"}])
