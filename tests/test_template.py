"""What `template.yaml` promises to those who deploy it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_file
from cfnlint.config import ManualArgs
from cfnlint.decode import cfn_yaml

from app.settings import PREFIX, Settings
from app.web import application
from app.web.middleware.access import ASSETS, OPEN

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
REST_API_SECONDS = 29
DOCUMENT = application.create(Settings()).openapi()


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return cfn_yaml.load(str(TEMPLATE))


@pytest.fixture(scope="module")
def function(template: dict[str, Any]) -> dict[str, Any]:
    return template["Resources"]["SentimentFunction"]["Properties"]


@pytest.fixture(scope="module")
def events(template: dict[str, Any]) -> dict[str, Any]:
    return template["Resources"]["EventsFunction"]["Properties"]


@pytest.fixture(scope="module")
def routes(template: dict[str, Any]) -> list[dict[str, Any]]:
    """What the gateway passes on, to whichever function."""
    return [
        event["Properties"]
        for function in of_type(template, "AWS::Serverless::Function").values()
        for event in function["Events"].values()
        if event["Type"] == "Api"
    ]


@pytest.fixture(scope="module")
def routed(routes: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(route["Method"], route["Path"]) for route in routes}


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def values_of(name: str, node: Any) -> Iterator[Any]:
    """Yield every value under this key, wherever in the template it is."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == name:
                yield value
            yield from values_of(name, value)
    elif isinstance(node, list):
        for value in node:
            yield from values_of(name, value)


def test_template_is_clean_under_cfn_lint() -> None:
    assert lint_file(TEMPLATE, ManualArgs(regions=["us-east-1"])) == []


def test_processor_is_x86_64_unless_arm64_is_asked_for(template: dict[str, Any]) -> None:
    architecture = template["Parameters"]["Architecture"]
    assert architecture["Default"] == "x86_64"
    assert architecture["AllowedValues"] == ["x86_64", "arm64"]


def test_function_runs_on_the_processor_that_was_asked_for(function: dict[str, Any]) -> None:
    assert function["Architectures"] == [{"Ref": "Architecture"}]


def test_no_timeout_outlasts_the_rest_api(
    template: dict[str, Any], function: dict[str, Any]
) -> None:
    assert function["Timeout"] == {"Ref": "Timeout"}
    assert template["Parameters"]["Timeout"]["MaxValue"] <= REST_API_SECONDS


def test_nothing_is_reserved_by_default_as_small_quotas_could_not_deploy(
    template: dict[str, Any],
) -> None:
    defaults = {name: found["Default"] for name, found in template["Parameters"].items()}
    assert {value for name, value in defaults.items() if "ReservedConcurrency" in name} <= {0, 5}


@pytest.mark.parametrize("name", ["SentimentFunction", "EventsFunction"])
def test_every_variable_is_a_setting(template: dict[str, Any], name: str) -> None:
    settings = {PREFIX + field.upper() for field in Settings.model_fields}
    function = template["Resources"][name]["Properties"]
    assert set(function["Environment"]["Variables"]) <= settings


def test_cache_size_defaults_to_that_of_the_settings(template: dict[str, Any]) -> None:
    default = template["Parameters"]["CacheSize"]["Default"]
    assert default == Settings.model_fields["cache_size"].default


def test_every_documented_operation_is_routed(routed: set[tuple[str, str]]) -> None:
    operations = {
        (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    assert operations <= routed


@pytest.mark.parametrize("path", ["/demo", "/docs", "/openapi.json", "/static/{proxy+}"])
def test_pages_are_routed(routed: set[tuple[str, str]], path: str) -> None:
    assert ("GET", path) in routed


def test_what_may_be_fetched_may_be_asked_about(routes: list[dict[str, Any]]) -> None:
    """A REST API hands HEAD to the function only where it has such a method."""
    asked = {
        method: {
            (route["Path"], str(route.get("Auth"))) for route in routes if route["Method"] == method
        }
        for method in ("GET", "HEAD")
    }
    assert asked["GET"] == asked["HEAD"]


def keyless(routes: list[dict[str, Any]]) -> set[str]:
    """Return the paths that need no key, other than to ask whether they may be asked."""
    return {
        route["Path"]
        for route in routes
        if route.get("Auth") == {"ApiKeyRequired": False} and route["Method"] != "OPTIONS"
    }


def test_no_route_that_does_work_is_without_a_key(
    template: dict[str, Any], routes: list[dict[str, Any]]
) -> None:
    assert template["Resources"]["SentimentApi"]["Properties"]["Auth"]["ApiKeyRequired"] is True
    assert keyless(routes) == {*OPEN, f"{ASSETS}{{proxy+}}"}


def test_each_plan_limits_rate_burst_and_month_and_has_a_key(template: dict[str, Any]) -> None:
    plans = of_type(template, "AWS::ApiGateway::UsagePlan")
    keyed = [
        key["UsagePlanId"]["Ref"]
        for key in of_type(template, "AWS::ApiGateway::UsagePlanKey").values()
    ]
    assert sorted(keyed) == sorted(plans)
    assert len(plans) == 2
    for plan in plans.values():
        assert plan["Throttle"].keys() == {"RateLimit", "BurstLimit"}
        assert plan["Quota"]["Period"] == "MONTH"


def test_the_gateway_knows_the_shape_of_every_body_as_the_application_does(
    template: dict[str, Any], routes: list[dict[str, Any]]
) -> None:
    models = template["Resources"]["SentimentApi"]["Properties"]["Models"]
    for route in routes:
        if route["Method"] != "POST":
            continue
        model = route["RequestModel"]
        assert (model["Required"], model["ValidateBody"]) == (True, True)
        operation = DOCUMENT["paths"][route["Path"]]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        described = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        known = models[model["Model"]]
        assert known["required"] == described["required"]
        assert known["properties"].keys() == described["properties"].keys()


def test_access_is_logged_without_bodies(template: dict[str, Any]) -> None:
    setting = template["Resources"]["SentimentApi"]["Properties"]["AccessLogSetting"]
    logged = json.loads(setting["Fn::If"][1]["Format"])
    assert {"status", "route", "key"} <= logged.keys()
    assert not any("body" in value.lower() for value in logged.values())


def test_a_firewall_is_there_for_who_asks_for_it(template: dict[str, Any]) -> None:
    assert template["Parameters"]["Waf"]["Default"] == "off"
    for name in ("Firewall", "FirewallAssociation"):
        assert template["Resources"][name]["Condition"] == "UsesWaf"


def test_every_post_has_its_preflight(routed: set[tuple[str, str]]) -> None:
    posts = {path for method, path in routed if method == "POST"}
    assert posts <= {path for method, path in routed if method == "OPTIONS"}


@pytest.mark.parametrize(
    "kind",
    [
        "MISSING_AUTHENTICATION_TOKEN",
        "INVALID_API_KEY",
        "BAD_REQUEST_BODY",
        "QUOTA_EXCEEDED",
        "REQUEST_TOO_LARGE",
        "THROTTLED",
        "DEFAULT_4XX",
        "DEFAULT_5XX",
    ],
)
def test_what_the_gateway_refuses_is_a_problem_document(
    template: dict[str, Any], kind: str
) -> None:
    answer = template["Resources"]["SentimentApi"]["Properties"]["GatewayResponses"][kind]
    headers = answer["ResponseParameters"]["Headers"]
    assert headers["Content-Type"] == "'application/problem+json'"
    body = answer["ResponseTemplates"]["application/json"]
    filled = json.loads(body.replace("$context.error.messageString", '"reason"'))
    assert filled["type"] == "about:blank"
    assert filled.get("status") == answer.get("StatusCode")


def policies(template: dict[str, Any]) -> dict[str, Any]:
    """Return the resources but for keys, whose policies can only be about the key itself, "*"."""
    found = template["Resources"].items()
    return {name: each for name, each in found if each["Type"] != "AWS::KMS::Key"}


def test_no_permission_is_for_every_resource_but_those_that_iam_can_give_for_no_less(
    template: dict[str, Any],
) -> None:
    statements = [
        statement
        for found in values_of("Statement", policies(template))
        if isinstance(found, list)
        for statement in found
    ]
    assert statements
    widest = [each["Action"] for each in statements if '"*"' in json.dumps(each.get("Resource"))]
    assert widest == [
        [
            "logs:CreateLogDelivery",
            "logs:GetLogDelivery",
            "logs:UpdateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:DescribeResourcePolicies",
            "logs:DescribeLogGroups",
        ]
    ]


def test_no_permission_is_for_every_action(template: dict[str, Any]) -> None:
    actions = json.dumps(list(values_of("Action", policies(template))))
    assert "*" not in actions


@pytest.mark.parametrize("role", ["SentimentRole", "EventsRole", "BackfillRole"])
def test_no_managed_policy_widens_a_role(template: dict[str, Any], role: str) -> None:
    assert "ManagedPolicyArns" not in template["Resources"][role]["Properties"]


def test_logs_are_not_kept_for_ever(template: dict[str, Any]) -> None:
    for function in of_type(template, "AWS::Serverless::Function").values():
        group = template["Resources"][function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def queues(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = of_type(template, "AWS::SQS::Queue")
    return {name: queue for name, queue in found.items() if not name.endswith("DeadLetters")}


def test_every_queue_has_a_dead_letter_queue_of_its_own(template: dict[str, Any]) -> None:
    dead = [
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in queues(template).values()
    ]
    assert len(dead) == len(set(dead)) == 3
    assert set(dead) <= set(of_type(template, "AWS::SQS::Queue"))


def test_dead_letters_are_kept_for_as_long_as_sqs_keeps_anything(template: dict[str, Any]) -> None:
    for queue in of_type(template, "AWS::SQS::Queue").values():
        assert queue["MessageRetentionPeriod"] == 14 * 86400


def test_no_message_is_sent_again_while_it_is_worked_on(
    template: dict[str, Any], events: dict[str, Any]
) -> None:
    for event in events["Events"].values():
        queue = event["Properties"]["Queue"]["Fn::GetAtt"][0]
        assert queues(template)[queue]["VisibilityTimeout"] >= 6 * events["Timeout"]


def test_every_queue_hears_which_messages_failed(events: dict[str, Any]) -> None:
    for event in events["Events"].values():
        assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_what_a_queue_may_cause_has_a_ceiling(events: dict[str, Any]) -> None:
    for event in events["Events"].values():
        ceiling = event["Properties"]["ScalingConfig"]["MaximumConcurrency"]
        assert ceiling == {"Ref": "EventsMaximumConcurrency"}


def test_queues_and_a_backfill_fit_the_reservation_that_the_guide_recommends(
    template: dict[str, Any], events: dict[str, Any]
) -> None:
    default = {name: found["Default"] for name, found in template["Parameters"].items()}
    needed = default["BackfillMaximumConcurrency"]
    needed += len(events["Events"]) * default["EventsMaximumConcurrency"]
    guide = (TEMPLATE.parent / "docs/deploy.md").read_text()
    recommended = re.search(r"`ReservedConcurrency=\d+ EventsReservedConcurrency=(\d+)`", guide)
    assert recommended is not None
    assert int(recommended[1]) >= needed


def test_every_sink_is_switched_on(events: dict[str, Any]) -> None:
    variables = events["Environment"]["Variables"]
    sinks = {name for name in Settings.model_fields if name.startswith("results_")}
    assert {PREFIX + name.upper() for name in sinks} <= set(variables)


def test_results_in_the_table_expire_by_the_attribute_that_they_have(
    template: dict[str, Any],
) -> None:
    [table] = of_type(template, "AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}


def test_no_bucket_is_public_plain_or_without_versions(template: dict[str, Any]) -> None:
    buckets = of_type(template, "AWS::S3::Bucket")
    assert buckets
    for bucket in buckets.values():
        assert all(bucket["PublicAccessBlockConfiguration"].values())
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        assert bucket["BucketEncryption"]
        assert bucket["VersioningConfiguration"]["Status"] == "Enabled"


def test_an_upload_that_was_not_finished_does_not_stay(template: dict[str, Any]) -> None:
    for bucket in of_type(template, "AWS::S3::Bucket").values():
        rules = bucket["LifecycleConfiguration"]["Rules"]
        assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


def statements_of(template: dict[str, Any], role: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in template["Resources"][role]["Properties"].get("Policies", ())
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def readable(role: dict[str, Any]) -> set[str]:
    """Return the prefixes whose objects the role may read."""
    return {
        arn["Fn::Sub"].removeprefix("${ReviewsBucket.Arn}/")
        for policy in role["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "s3:GetObject" in statement["Action"]
        for arn in statement["Resource"]
    }


@pytest.mark.parametrize("role", ["EventsRole", "BackfillRole"])
def test_what_arrives_and_what_waits_for_a_backfill_may_be_read(
    template: dict[str, Any], role: str
) -> None:
    assert readable(template["Resources"][role]) >= {"incoming/*", "archive/*"}


def test_the_functions_own_objects_are_no_events_and_all_that_it_may_write(
    template: dict[str, Any], events: dict[str, Any]
) -> None:
    own = {Settings.model_fields[name].default for name in ("scored_prefix", "rejected_prefix")}
    rule = of_type(template, "AWS::Events::Rule")["ObjectCreated"]
    [prefix] = [key["prefix"] for key in rule["EventPattern"]["detail"]["object"]["key"]]
    assert not any(prefix.startswith(one) or one.startswith(prefix) for one in own)
    statements = statements_of(template, events["Role"]["Fn::GetAtt"][0])
    [written] = [s["Resource"] for s in statements if "s3:PutObject" in s["Action"]]
    assert {arn["Fn::Sub"].removeprefix("${ReviewsBucket.Arn}/") for arn in written} == {
        f"{one}*" for one in own
    }


@pytest.mark.parametrize("role", ["EventsRole", "BackfillRole"])
def test_a_version_may_be_read_wherever_the_object_may(template: dict[str, Any], role: str) -> None:
    for statement in statements_of(template, role):
        if "s3:GetObject" in statement["Action"]:
            assert "s3:GetObjectVersion" in statement["Action"]


def test_only_rejects_may_be_deleted(template: dict[str, Any]) -> None:
    deleting = [
        statement["Resource"]
        for role in of_type(template, "AWS::IAM::Role")
        for statement in statements_of(template, role)
        if "s3:DeleteObject" in statement["Action"]
    ]
    assert deleting == [{"Fn::Sub": "${ReviewsBucket.Arn}/rejected/*"}]


@pytest.mark.parametrize("name", ["ReviewsBucket", "ResultsTable"])
def test_what_holds_data_outlives_the_stack(template: dict[str, Any], name: str) -> None:
    resource = template["Resources"][name]
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


def test_an_event_that_comes_from_no_queue_is_kept_when_it_fails(
    template: dict[str, Any], events: dict[str, Any]
) -> None:
    config = events["EventInvokeConfig"]
    assert config["MaximumRetryAttempts"] == 2
    assert config["MaximumEventAgeInSeconds"] >= 3600
    destination = config["DestinationConfig"]["OnFailure"]
    assert destination == {
        "Type": "SQS",
        "Destination": {"Fn::GetAtt": ["EventsDeadLetters", "Arn"]},
    }
    assert {"Fn::GetAtt": ["EventsDeadLetters", "Arn"]} in sent_to(template, "EventsRole")


def sent_to(template: dict[str, Any], role: str) -> list[dict[str, Any]]:
    """Return the queues that the role may send to."""
    [found] = [
        statement["Resource"]
        for statement in statements_of(template, role)
        if statement["Action"] == "sqs:SendMessage"
    ]
    return found if isinstance(found, list) else [found]


def test_an_execution_that_cannot_keep_its_object_any_more_has_it_kept_for_it(
    template: dict[str, Any],
) -> None:
    rule = of_type(template, "AWS::Events::Rule")["BackfillEnded"]
    detail = rule["EventPattern"]["detail"]
    assert detail["stateMachineArn"] == [{"Ref": "Backfill"}]
    ended, broken = detail["$or"]
    assert ended == {"status": ["TIMED_OUT", "ABORTED"]}
    # No Catch sees these, which States.ALL leaves out.
    assert broken["status"] == ["FAILED"]
    assert {"States.Runtime", "States.DataLimitExceeded"} <= set(broken["error"])
    [target] = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["ObjectsDeadLetters", "Arn"]}


def test_every_rule_may_send_to_its_queue(template: dict[str, Any]) -> None:
    [policy] = of_type(template, "AWS::SQS::QueuePolicy").values()
    [statement] = policy["PolicyDocument"]["Statement"]
    allowed = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    rules = of_type(template, "AWS::Events::Rule")
    assert allowed == [{"Fn::GetAtt": [name, "Arn"]} for name in rules]


def test_the_state_machine_may_keep_what_failed(template: dict[str, Any]) -> None:
    dead = {"Fn::GetAtt": ["ObjectsDeadLetters", "Arn"]}
    assert sent_to(template, "BackfillRole") == [dead]


def test_the_state_machine_logs_what_failed_without_what_it_was_given(
    template: dict[str, Any],
) -> None:
    machine = template["Resources"]["Backfill"]["Properties"]
    assert machine["Logging"]["Level"] == "ERROR"
    assert machine["Logging"]["IncludeExecutionData"] is False
    [destination] = machine["Logging"]["Destinations"]
    arn = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]
    assert arn == {"Fn::GetAtt": ["BackfillLogs", "Arn"]}
    group = template["Resources"]["BackfillLogs"]["Properties"]
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_alarms_are_encrypted_by_a_key_that_cloudwatch_may_use(template: dict[str, Any]) -> None:
    [topic] = of_type(template, "AWS::SNS::Topic").values()
    assert topic["KmsMasterKeyId"] == {"Ref": "AlarmKey"}
    key = template["Resources"]["AlarmKey"]["Properties"]
    assert key["EnableKeyRotation"] is True
    allowed = {
        str(statement["Principal"]): statement["Action"]
        for statement in key["KeyPolicy"]["Statement"]
    }
    assert allowed["{'Service': 'cloudwatch.amazonaws.com'}"] == [
        "kms:Decrypt",
        "kms:GenerateDataKey*",
    ]
