"""The stack of `template.yaml`: alarms, dashboard, roll-out and feedback."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.telemetry.metrics import DIMENSION, METRICS, NAMESPACE
from tests.test_template import of_type, queues, template, values_of  # noqa: F401

EMITTED = {metric.name for metric in METRICS}
FUNCTIONS = ("SentimentFunction", "EventsFunction")


@pytest.fixture
def alarms(template: dict[str, Any]) -> dict[str, dict[str, Any]]:  # noqa: F811
    return of_type(template, "AWS::CloudWatch::Alarm")


@pytest.fixture
def dashboard(template: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: F811
    """The widgets, with each substitution replaced by the logical id that it names."""
    [properties] = of_type(template, "AWS::CloudWatch::Dashboard").values()
    body = re.sub(r"\$\{([\w:.]+)\}", r"\1", properties["DashboardBody"]["Fn::Sub"])
    return json.loads(body)["widgets"]


def metrics_of(alarm: dict[str, Any]) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Yield the namespace, name and dimensions of each metric that an alarm watches."""
    for metric in [alarm, *values_of("Metric", alarm)]:
        if "MetricName" in metric:
            yield metric["Namespace"], metric["MetricName"], metric["Dimensions"]


def test_every_alarm_notifies_the_topic(alarms: dict[str, dict[str, Any]]) -> None:
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["TreatMissingData"] == "notBreaching"


def test_every_alarm_has_a_description(alarms: dict[str, dict[str, Any]]) -> None:
    assert all(alarm["AlarmDescription"].endswith(".") for alarm in alarms.values())


def test_watched_metrics_are_emitted_with_that_name_and_dimension(
    alarms: dict[str, dict[str, Any]], dashboard: list[dict[str, Any]]
) -> None:
    watched = [metric for alarm in alarms.values() for metric in metrics_of(alarm)]
    alarmed = [(name, dimensions) for space, name, dimensions in watched if space == NAMESPACE]
    assert len(alarmed) >= 8
    for name, dimensions in alarmed:
        assert name in EMITTED
        [dimension] = dimensions
        assert dimension["Name"] == DIMENSION
        assert dimension["Value"]["Ref"] in FUNCTIONS
    drawn = [
        metric for widget in dashboard for metric in expanded(widget) if metric[0] == NAMESPACE
    ]
    assert len(drawn) >= 10
    for _, name, dimension, function in drawn:
        assert name in EMITTED
        assert (dimension, function in FUNCTIONS) == (DIMENSION, True)


def expanded(widget: dict[str, Any]) -> Iterator[list[str]]:
    """Yield a widget's metrics with CloudWatch's abbreviations "." and "..." written out."""
    previous: list[str] = []
    for row in widget["properties"].get("metrics", ()):
        names = [part for part in row if isinstance(part, str)]
        if not names:
            continue  # an expression
        if names[0] == "...":
            names = [*previous[: len(previous) - len(names) + 1], *names[1:]]
        previous = [
            old if new == "." else new for new, old in zip(names, previous or names, strict=True)
        ]
        yield previous


def test_errors_latency_throttles_and_dead_letters_raise_alarms(
    template: dict[str, Any],  # noqa: F811
    alarms: dict[str, dict[str, Any]],
) -> None:
    watched = {
        (space, name, str(dimensions[0]["Value"]))
        for alarm in alarms.values()
        for space, name, dimensions in metrics_of(alarm)
    }
    assert {("AWS/ApiGateway", "5XXError", "{'Ref': 'AWS::StackName'}")} <= watched
    for function in ("SentimentFunction", "EventsFunction"):
        assert ("AWS/Lambda", "Throttles", str({"Ref": function})) in watched
    assert ("AWS/Lambda", "Duration", "{'Ref': 'SentimentFunction'}") in watched
    assert ("AWS/Lambda", "Errors", str({"Ref": "EventsFunction"})) in watched
    assert ("AWS/Lambda", "DestinationDeliveryFailures", str({"Ref": "EventsFunction"})) in watched
    for metric in ("Failed", "TimedOut", "Aborted"):
        assert ("AWS/States", f"Executions{metric}", str({"Ref": "Backfill"})) in watched
    assert ("AWS/States", "ExecutionThrottled", str({"Ref": "Backfill"})) in watched
    for queue in of_type(template, "AWS::SQS::Queue"):
        if queue.endswith("DeadLetters"):
            name = str({"Fn::GetAtt": [queue, "QueueName"]})
            assert ("AWS/SQS", "ApproximateNumberOfMessagesVisible", name) in watched
    for queue in set(queues(template)) - {"ResultsQueue"}:
        name = str({"Fn::GetAtt": [queue, "QueueName"]})
        assert ("AWS/SQS", "ApproximateAgeOfOldestMessage", name) in watched


def test_api_alarm_names_the_api_and_its_stage(
    template: dict[str, Any],  # noqa: F811
    alarms: dict[str, dict[str, Any]],
) -> None:
    api = template["Resources"]["SentimentApi"]["Properties"]
    dimensions = {each["Name"]: each["Value"] for each in alarms["ApiErrorsAlarm"]["Dimensions"]}
    assert dimensions == {"ApiName": api["Name"], "Stage": api["StageName"]}


def test_latency_alarm_is_relative_to_the_timeout(
    alarms: dict[str, dict[str, Any]],
) -> None:
    share, _ = alarms["LatencyAlarm"]["Metrics"]
    assert share["Expression"]["Fn::Sub"] == "100 * p99 / (1000 * ${Timeout})"


def test_expressions_use_only_metrics_of_the_same_alarm(
    alarms: dict[str, dict[str, Any]],
) -> None:
    for alarm in alarms.values():
        ids = {metric["Id"] for metric in alarm.get("Metrics", ())}
        for metric in alarm.get("Metrics", ()):
            expression = metric.get("Expression", "")
            text = expression["Fn::Sub"] if isinstance(expression, dict) else expression
            names = re.findall(r"(?<![${\w])[a-z]\w*", text)
            assert set(names) <= ids, text


def test_shares_of_all_texts_count_neutral_ones(alarms: dict[str, dict[str, Any]]) -> None:
    for name, sums in (("RejectedRecordsAlarm", 1), ("DoubtfulShareAlarm", 2)):
        share, *metrics = alarms[name]["Metrics"]
        counted = {m["Id"]: m["MetricStat"]["Metric"]["MetricName"] for m in metrics}
        assert counted["neutral"] == "predictions_neutral"
        # It is reported only where a text was Neutral.
        assert share["Expression"].count("FILL(neutral, 0)") == sums


def test_positive_share_is_compared_with_previous_weeks(
    alarms: dict[str, dict[str, Any]],
) -> None:
    alarm = alarms["PositiveShareAlarm"]
    expected = next(m for m in alarm["Metrics"] if m["Id"] == alarm["ThresholdMetricId"])
    assert expected["Expression"].startswith("ANOMALY_DETECTION_BAND(share")


def test_the_dashboard_shows_every_alarm(
    alarms: dict[str, dict[str, Any]], dashboard: list[dict[str, Any]]
) -> None:
    [widget] = [widget for widget in dashboard if widget["type"] == "alarm"]
    assert {arn.removesuffix(".Arn") for arn in widget["properties"]["alarms"]} == set(alarms)


def test_widgets_do_not_overlap(dashboard: list[dict[str, Any]]) -> None:
    cells = [
        (x, y)
        for widget in dashboard
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_alarms_roll_back_an_update(
    template: dict[str, Any],  # noqa: F811
    alarms: dict[str, dict[str, Any]],
) -> None:
    function = template["Resources"]["SentimentFunction"]["Properties"]
    preference = function["DeploymentPreference"]
    assert preference["Type"] == {"Ref": "Deployment"}
    assert template["Parameters"]["Deployment"]["Default"].startswith("Canary")
    watched = {alarm["Ref"] for alarm in preference["Alarms"]}
    assert {"ApiErrorsAlarm", "LatencyAlarm"} <= watched <= set(alarms)
    assert function["AutoPublishAlias"]


def test_snapstart_excludes_provisioned_concurrency(
    template: dict[str, Any],  # noqa: F811
) -> None:
    rule = template["Rules"]["OneRemedyForColdStarts"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "ColdStarts"}, "SnapStart"]}
    [assertion] = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "ProvisionedConcurrency"}, 0]}
    assert template["Parameters"]["ProvisionedConcurrency"]["Default"] == 0


def test_feedback_is_written_to_the_results_table(
    template: dict[str, Any],  # noqa: F811
) -> None:
    function = template["Resources"]["SentimentFunction"]["Properties"]
    variables = function["Environment"]["Variables"]
    assert variables["SENTIMENT_RESULTS_TABLE"] == {"Ref": "ResultsTable"}
    [policy] = template["Resources"]["SentimentRole"]["Properties"]["Policies"]
    allowed = {
        str(statement["Action"]): statement["Resource"]
        for statement in policy["PolicyDocument"]["Statement"]
    }
    assert allowed["dynamodb:BatchWriteItem"] == {"Fn::GetAtt": ["ResultsTable", "Arn"]}
