"""What of `template.yaml` lets people see the service, and brings an update back that fails."""

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
    """The widgets, with the logical id in place of each name that the stack fills in."""
    [found] = of_type(template, "AWS::CloudWatch::Dashboard").values()
    body = re.sub(r"\$\{([\w:.]+)\}", r"\1", found["DashboardBody"]["Fn::Sub"])
    return json.loads(body)["widgets"]


def metrics_of(alarm: dict[str, Any]) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Yield the namespace, name and dimensions of each metric that an alarm watches."""
    for found in [alarm, *values_of("Metric", alarm)]:
        if "MetricName" in found:
            yield found["Namespace"], found["MetricName"], found["Dimensions"]


def test_every_alarm_reaches_who_subscribed(alarms: dict[str, dict[str, Any]]) -> None:
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["TreatMissingData"] == "notBreaching"


def test_every_alarm_says_what_it_means(alarms: dict[str, dict[str, Any]]) -> None:
    assert all(alarm["AlarmDescription"].endswith(".") for alarm in alarms.values())


def test_what_the_alarms_and_the_dashboard_watch_is_emitted_by_that_name_and_dimension(
    alarms: dict[str, dict[str, Any]], dashboard: list[dict[str, Any]]
) -> None:
    watched = [found for alarm in alarms.values() for found in metrics_of(alarm)]
    own = [(name, dimensions) for space, name, dimensions in watched if space == NAMESPACE]
    assert len(own) >= 8
    for name, dimensions in own:
        assert name in EMITTED
        [dimension] = dimensions
        assert dimension["Name"] == DIMENSION
        assert dimension["Value"]["Ref"] in FUNCTIONS
    shown = [row for widget in dashboard for row in expanded(widget)]
    own_shown = [row for row in shown if row[0] == NAMESPACE]
    assert len(own_shown) >= 10
    for _, name, dimension, function in own_shown:
        assert name in EMITTED
        assert (dimension, function in FUNCTIONS) == (DIMENSION, True)


def expanded(widget: dict[str, Any]) -> Iterator[list[str]]:
    """Yield a widget's metrics without CloudWatch's abbreviations: "." and "..." repeat."""
    before: list[str] = []
    for row in widget["properties"].get("metrics", ()):
        names = [part for part in row if isinstance(part, str)]
        if not names:
            continue  # an expression
        if names[0] == "...":
            names = [*before[: len(before) - len(names) + 1], *names[1:]]
        before = [
            old if new == "." else new for new, old in zip(names, before or names, strict=True)
        ]
        yield before


def test_errors_latency_throttles_and_what_is_given_up_raise_alarms(
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


def test_the_api_is_watched_under_the_name_that_it_has(
    template: dict[str, Any],  # noqa: F811
    alarms: dict[str, dict[str, Any]],
) -> None:
    api = template["Resources"]["SentimentApi"]["Properties"]
    dimensions = {found["Name"]: found["Value"] for found in alarms["ApiErrorsAlarm"]["Dimensions"]}
    assert dimensions == {"ApiName": api["Name"], "Stage": api["StageName"]}


def test_the_slowest_requests_are_judged_by_the_timeout_that_was_asked_for(
    alarms: dict[str, dict[str, Any]],
) -> None:
    share, _ = alarms["LatencyAlarm"]["Metrics"]
    assert share["Expression"]["Fn::Sub"] == "100 * p99 / (1000 * ${Timeout})"


def test_expressions_name_only_metrics_that_stand_beside_them(
    alarms: dict[str, dict[str, Any]],
) -> None:
    for alarm in alarms.values():
        ids = {found["Id"] for found in alarm.get("Metrics", ())}
        for found in alarm.get("Metrics", ()):
            expression = found.get("Expression", "")
            text = expression["Fn::Sub"] if isinstance(expression, dict) else expression
            words = re.findall(r"(?<![${\w])[a-z]\w*", text)
            assert set(words) <= ids, text


def test_the_share_of_positive_answers_is_held_against_the_weeks_before(
    alarms: dict[str, dict[str, Any]],
) -> None:
    alarm = alarms["PositiveShareAlarm"]
    expected = next(m for m in alarm["Metrics"] if m["Id"] == alarm["ThresholdMetricId"])
    assert expected["Expression"].startswith("ANOMALY_DETECTION_BAND(share")


def test_the_dashboard_shows_every_alarm(
    alarms: dict[str, dict[str, Any]], dashboard: list[dict[str, Any]]
) -> None:
    [shown] = [widget for widget in dashboard if widget["type"] == "alarm"]
    assert {arn.removesuffix(".Arn") for arn in shown["properties"]["alarms"]} == set(alarms)


def test_widgets_do_not_cover_each_other(dashboard: list[dict[str, Any]]) -> None:
    cells = [
        (x, y)
        for widget in dashboard
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_an_update_is_brought_back_by_alarms_that_exist(
    template: dict[str, Any],  # noqa: F811
    alarms: dict[str, dict[str, Any]],
) -> None:
    function = template["Resources"]["SentimentFunction"]["Properties"]
    preference = function["DeploymentPreference"]
    assert preference["Type"] == {"Ref": "Deployment"}
    assert template["Parameters"]["Deployment"]["Default"].startswith("Canary")
    named = {found["Ref"] for found in preference["Alarms"]}
    assert {"ApiErrorsAlarm", "LatencyAlarm"} <= named <= set(alarms)
    assert function["AutoPublishAlias"]


def test_snapshots_and_provisioned_environments_are_not_for_the_same_function(
    template: dict[str, Any],  # noqa: F811
) -> None:
    rule = template["Rules"]["OneRemedyForColdStarts"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "ColdStarts"}, "SnapStart"]}
    [assertion] = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "ProvisionedConcurrency"}, 0]}
    assert template["Parameters"]["ProvisionedConcurrency"]["Default"] == 0


def test_feedback_has_somewhere_to_be_kept_and_may_be_written_there(
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
