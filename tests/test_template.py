"""The stack of `template.yaml`: limits, permissions, retention and routes."""

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
from app.web.dialects import DIALECTS
from app.web.middleware.access import ASSETS, PUBLIC_PATHS

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
    """Routes of API Gateway, of all functions."""
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
    """Yield every value under this key, at any depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == name:
                yield value
            yield from values_of(name, value)
    elif isinstance(node, list):
        for value in node:
            yield from values_of(name, value)


def test_template_passes_cfn_lint() -> None:
    assert lint_file(TEMPLATE, ManualArgs(regions=["us-east-1"])) == []


def test_architecture_defaults_to_x86_64(template: dict[str, Any]) -> None:
    architecture = template["Parameters"]["Architecture"]
    assert architecture["Default"] == "x86_64"
    assert architecture["AllowedValues"] == ["x86_64", "arm64"]


def test_function_runs_on_the_chosen_architecture(function: dict[str, Any]) -> None:
    assert function["Architectures"] == [{"Ref": "Architecture"}]


def test_timeout_fits_the_rest_api(template: dict[str, Any], function: dict[str, Any]) -> None:
    assert function["Timeout"] == {"Ref": "Timeout"}
    assert template["Parameters"]["Timeout"]["MaxValue"] <= REST_API_SECONDS


def test_no_concurrency_is_reserved_by_default(template: dict[str, Any]) -> None:
    """Accounts with a small quota could not deploy the stack otherwise."""
    defaults = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
    assert {value for name, value in defaults.items() if "ReservedConcurrency" in name} <= {0, 5}


@pytest.mark.parametrize("name", ["SentimentFunction", "EventsFunction"])
def test_every_variable_is_a_setting(template: dict[str, Any], name: str) -> None:
    settings = {PREFIX + field.upper() for field in Settings.model_fields}
    function = template["Resources"][name]["Properties"]
    assert set(function["Environment"]["Variables"]) <= settings


def test_cache_size_defaults_to_the_default_of_the_setting(template: dict[str, Any]) -> None:
    default = template["Parameters"]["CacheSize"]["Default"]
    assert default == Settings.model_fields["cache_size"].default


def test_every_documented_operation_is_routed(routed: set[tuple[str, str]]) -> None:
    operations = {
        (method.upper(), re.sub(r"{\w+}$", "{proxy+}", path))
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    assert operations <= routed


def test_every_path_of_a_dialect_is_routed(routed: set[tuple[str, str]]) -> None:
    # The gateway refuses the other methods of Google's API.
    paths = {path for dialect in DIALECTS for path in dialect.paths if "{method}" not in path}
    assert {("POST", re.sub(r"{\w+:path}$", "{proxy+}", path)) for path in paths} <= routed


@pytest.mark.parametrize("path", ["/demo", "/docs", "/openapi.json", "/static/{proxy+}"])
def test_pages_are_routed(routed: set[tuple[str, str]], path: str) -> None:
    assert ("GET", path) in routed


def test_every_get_route_has_a_head_route(routes: list[dict[str, Any]]) -> None:
    """A REST API passes HEAD to the function only if the path has that method."""
    paths = {
        method: {
            (route["Path"], str(route.get("Auth"))) for route in routes if route["Method"] == method
        }
        for method in ("GET", "HEAD")
    }
    assert paths["GET"] == paths["HEAD"]


def keyless(routes: list[dict[str, Any]]) -> set[str]:
    """Return the paths that need no key, leaving out preflight requests."""
    return {
        route["Path"]
        for route in routes
        if route.get("Auth") == {"ApiKeyRequired": False} and route["Method"] != "OPTIONS"
    }


def test_only_health_pages_and_documentation_need_no_key(
    template: dict[str, Any], routes: list[dict[str, Any]]
) -> None:
    assert template["Resources"]["SentimentApi"]["Properties"]["Auth"]["ApiKeyRequired"] is True
    assert keyless(routes) == {*PUBLIC_PATHS, f"{ASSETS}{{proxy+}}"}


def test_each_usage_plan_has_limits_and_a_key(template: dict[str, Any]) -> None:
    plans = of_type(template, "AWS::ApiGateway::UsagePlan")
    plans_with_key = [
        key["UsagePlanId"]["Ref"]
        for key in of_type(template, "AWS::ApiGateway::UsagePlanKey").values()
    ]
    assert sorted(plans_with_key) == sorted(plans)
    assert len(plans) == 2
    for plan in plans.values():
        assert plan["Throttle"].keys() == {"RateLimit", "BurstLimit"}
        assert plan["Quota"]["Period"] == "MONTH"


def test_the_gateways_body_models_match_the_openapi_schemas(
    template: dict[str, Any], routes: list[dict[str, Any]]
) -> None:
    models = template["Resources"]["SentimentApi"]["Properties"]["Models"]
    paths = set()
    for route in routes:
        if "RequestModel" not in route:
            continue
        paths.add(route["Path"])
        model = route["RequestModel"]
        assert (model["Required"], model["ValidateBody"]) == (True, True)
        operation = DOCUMENT["paths"][route["Path"]]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        alternatives = [
            DOCUMENT["components"]["schemas"][one["$ref"].rpartition("/")[2]]
            for one in schema.get("anyOf", [schema])
        ]
        validated = models[model["Model"]]
        for documented, one in zip(alternatives, validated.get("anyOf", [validated]), strict=True):
            assert one["required"] == documented["required"]
            assert one["properties"].keys() == documented["properties"].keys()
    assert paths == {"/predict", "/predict/batch", "/explain", "/feedback"}


def test_access_is_logged_without_bodies(template: dict[str, Any]) -> None:
    setting = template["Resources"]["SentimentApi"]["Properties"]["AccessLogSetting"]
    logged = json.loads(setting["Fn::If"][1]["Format"])
    assert {"status", "route", "key"} <= logged.keys()
    assert not any("body" in value.lower() for value in logged.values())


def test_waf_is_optional(template: dict[str, Any]) -> None:
    assert template["Parameters"]["Waf"]["Default"] == "off"
    for name in ("Firewall", "FirewallAssociation"):
        assert template["Resources"][name]["Condition"] == "UsesWaf"


def test_every_post_route_has_a_preflight_route(routed: set[tuple[str, str]]) -> None:
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
def test_the_gateways_errors_are_problem_documents(template: dict[str, Any], kind: str) -> None:
    answer = template["Resources"]["SentimentApi"]["Properties"]["GatewayResponses"][kind]
    headers = answer["ResponseParameters"]["Headers"]
    assert headers["Content-Type"] == "'application/problem+json'"
    body = answer["ResponseTemplates"]["application/json"]
    problem = json.loads(body.replace("$context.error.messageString", '"reason"'))
    assert problem["type"] == "about:blank"
    assert problem.get("status") == answer.get("StatusCode")


def policies(template: dict[str, Any]) -> dict[str, Any]:
    """Return all resources except KMS keys, whose policies can only name the resource "*"."""
    return {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] != "AWS::KMS::Key"
    }


def test_only_log_delivery_is_allowed_on_every_resource(
    template: dict[str, Any],
) -> None:
    statements = [
        statement
        for group in values_of("Statement", policies(template))
        if isinstance(group, list)
        for statement in group
    ]
    assert statements
    unrestricted = [
        statement["Action"]
        for statement in statements
        if '"*"' in json.dumps(statement.get("Resource"))
    ]
    assert unrestricted == [
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


def test_no_policy_allows_every_action(template: dict[str, Any]) -> None:
    actions = json.dumps(list(values_of("Action", policies(template))))
    assert "*" not in actions


@pytest.mark.parametrize("role", ["SentimentRole", "EventsRole", "BackfillRole"])
def test_roles_have_no_managed_policies(template: dict[str, Any], role: str) -> None:
    assert "ManagedPolicyArns" not in template["Resources"][role]["Properties"]


def test_logs_expire(template: dict[str, Any]) -> None:
    for function in of_type(template, "AWS::Serverless::Function").values():
        group = template["Resources"][function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def queues(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the queues that are not dead-letter queues."""
    return {
        name: queue
        for name, queue in of_type(template, "AWS::SQS::Queue").items()
        if not name.endswith("DeadLetters")
    }


def test_every_queue_has_a_dead_letter_queue_of_its_own(template: dict[str, Any]) -> None:
    dead = [
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in queues(template).values()
    ]
    assert len(dead) == len(set(dead)) == 3
    assert set(dead) <= set(of_type(template, "AWS::SQS::Queue"))


def test_queues_keep_messages_for_the_longest_possible_time(template: dict[str, Any]) -> None:
    for queue in of_type(template, "AWS::SQS::Queue").values():
        assert queue["MessageRetentionPeriod"] == 14 * 86400


def test_visibility_timeout_is_six_times_the_function_timeout(
    template: dict[str, Any], events: dict[str, Any]
) -> None:
    for event in events["Events"].values():
        queue = event["Properties"]["Queue"]["Fn::GetAtt"][0]
        assert queues(template)[queue]["VisibilityTimeout"] >= 6 * events["Timeout"]


def test_queues_get_partial_batch_responses(events: dict[str, Any]) -> None:
    for event in events["Events"].values():
        assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_queues_have_a_maximum_concurrency(events: dict[str, Any]) -> None:
    for event in events["Events"].values():
        maximum = event["Properties"]["ScalingConfig"]["MaximumConcurrency"]
        assert maximum == {"Ref": "EventsMaximumConcurrency"}


def test_recommended_reservation_is_enough_for_queues_and_a_backfill(
    template: dict[str, Any], events: dict[str, Any]
) -> None:
    default = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
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


def test_results_in_the_table_expire(template: dict[str, Any]) -> None:
    [table] = of_type(template, "AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}


def test_buckets_are_private_encrypted_and_versioned(template: dict[str, Any]) -> None:
    buckets = of_type(template, "AWS::S3::Bucket")
    assert buckets
    for bucket in buckets.values():
        assert all(bucket["PublicAccessBlockConfiguration"].values())
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        assert bucket["BucketEncryption"]
        assert bucket["VersioningConfiguration"]["Status"] == "Enabled"


def test_unfinished_uploads_are_removed(template: dict[str, Any]) -> None:
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
def test_uploads_and_archives_are_readable(template: dict[str, Any], role: str) -> None:
    assert readable(template["Resources"][role]) >= {"incoming/*", "archive/*"}


def test_function_writes_only_objects_that_cause_no_events(
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
def test_versions_of_readable_objects_are_readable(template: dict[str, Any], role: str) -> None:
    for statement in statements_of(template, role):
        if "s3:GetObject" in statement["Action"]:
            assert "s3:GetObjectVersion" in statement["Action"]


def test_only_rejected_rows_are_deletable(template: dict[str, Any]) -> None:
    deleting = [
        statement["Resource"]
        for role in of_type(template, "AWS::IAM::Role")
        for statement in statements_of(template, role)
        if "s3:DeleteObject" in statement["Action"]
    ]
    assert deleting == [{"Fn::Sub": "${ReviewsBucket.Arn}/rejected/*"}]


@pytest.mark.parametrize("name", ["ReviewsBucket", "ResultsTable"])
def test_data_outlives_the_stack(template: dict[str, Any], name: str) -> None:
    resource = template["Resources"][name]
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


def test_failed_asynchronous_events_become_dead_letters(
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
    [resources] = [
        statement["Resource"]
        for statement in statements_of(template, role)
        if statement["Action"] == "sqs:SendMessage"
    ]
    return resources if isinstance(resources, list) else [resources]


def test_executions_that_cannot_catch_their_end_become_dead_letters(
    template: dict[str, Any],
) -> None:
    rule = of_type(template, "AWS::Events::Rule")["BackfillEnded"]
    detail = rule["EventPattern"]["detail"]
    assert detail["stateMachineArn"] == [{"Ref": "Backfill"}]
    ended, broken = detail["$or"]
    assert ended == {"status": ["TIMED_OUT", "ABORTED"]}
    # States.ALL does not include these errors, so no Catch handles them.
    assert broken["status"] == ["FAILED"]
    assert {"States.Runtime", "States.DataLimitExceeded"} <= set(broken["error"])
    [target] = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["ObjectsDeadLetters", "Arn"]}


def test_rules_may_send_to_their_queues(template: dict[str, Any]) -> None:
    [policy] = of_type(template, "AWS::SQS::QueuePolicy").values()
    [statement] = policy["PolicyDocument"]["Statement"]
    allowed = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    rules = of_type(template, "AWS::Events::Rule")
    assert allowed == [{"Fn::GetAtt": [name, "Arn"]} for name in rules]


def test_state_machine_may_send_dead_letters(template: dict[str, Any]) -> None:
    dead = {"Fn::GetAtt": ["ObjectsDeadLetters", "Arn"]}
    assert sent_to(template, "BackfillRole") == [dead]


def test_state_machine_logs_failures_without_texts(template: dict[str, Any]) -> None:
    machine = template["Resources"]["Backfill"]["Properties"]
    assert machine["Logging"]["Level"] == "ERROR"
    assert machine["Logging"]["IncludeExecutionData"] is False
    [destination] = machine["Logging"]["Destinations"]
    arn = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]
    assert arn == {"Fn::GetAtt": ["BackfillLogs", "Arn"]}
    group = template["Resources"]["BackfillLogs"]["Properties"]
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_alarm_topic_is_encrypted_with_a_key_that_cloudwatch_may_use(
    template: dict[str, Any],
) -> None:
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
