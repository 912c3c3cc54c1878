"""The stack of ``template.yaml``, deployed on a local AWS that invokes real runtime emulators."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import LifoQueue
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.exceptions import WaiterError
from cfnlint.decode import cfn_yaml

from local.emulator import Emulator, InvocationError
from local.ports import free_port
from tests.conftest import ROOT

MINISTACK = ROOT / ".venv-stack/bin/ministack"
ENVIRONMENTS = 2
"""Execution environments of each function."""
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class Stack(NamedTuple):
    """The deployed stack."""

    aws: str
    """Endpoint of the local AWS."""
    outputs: dict[str, str]
    client: Callable[[str], Any]
    resources: dict[str, str]
    """Physical ids by logical id. The physical id of a queue is its URL."""


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of a local AWS."""
    port = free_port()
    folder = tmp_path_factory.mktemp("aws")
    environment = {
        **os.environ,
        **CREDENTIALS,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "TMPDIR": str(folder),
        # Retries without the waits of real AWS.
        "SFN_WAIT_SCALE": "0",
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.1",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([MINISTACK], env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError((folder / "log").read_text()) from None
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="session")
def stack(aws: str) -> Iterator[Stack]:
    """The stack, its functions in runtime emulators."""

    def client(service: str) -> Any:
        names = ("aws_access_key_id", "aws_secret_access_key", "region_name")
        return boto3.client(
            service, endpoint_url=aws, **dict(zip(names, CREDENTIALS.values(), strict=True))
        )

    # CloudFormation accepts a template over 51,200 bytes only from a bucket.
    client("s3").create_bucket(Bucket="templates")
    client("s3").put_object(Bucket="templates", Key="sentiment", Body=json.dumps(deployable()))
    formation = client("cloudformation")
    formation.create_stack(
        StackName="sentiment",
        TemplateURL=f"{aws}/templates/sentiment",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    try:
        formation.get_waiter("stack_create_complete").wait(
            StackName="sentiment", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
    except WaiterError:
        events = formation.describe_stack_events(StackName="sentiment")["StackEvents"]
        reasons = [
            event["ResourceStatusReason"] for event in events if "FAILED" in event["ResourceStatus"]
        ]
        raise RuntimeError("\n".join(reasons)) from None
    [described] = formation.describe_stacks(StackName="sentiment")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    resources = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in formation.describe_stack_resources(StackName="sentiment")["StackResources"]
    }
    with ExitStack() as running:
        for function in ("SentimentFunction", "EventsFunction"):
            serve(running, client("lambda"), resources[function], aws)
        yield Stack(aws, outputs, client, resources)


def serve(running: ExitStack, functions: Any, name: str, aws: str) -> None:
    """Send a function's invocations to emulators that have its environment variables."""
    configured = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    variables = {key: str(value) for key, value in configured.items()}
    pool: LifoQueue[Emulator] = LifoQueue()
    for _ in range(ENVIRONMENTS):
        emulator = Emulator({**variables, **CREDENTIALS, "AWS_ENDPOINT_URL": aws})
        pool.put(running.enter_context(emulator))
    server = ThreadingHTTPServer(("127.0.0.1", 0), invocation_handler(pool))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    running.callback(server.server_close)
    running.callback(server.shutdown)
    proxy = {"MINISTACK_LAMBDA_PROXY_URL": f"http://127.0.0.1:{server.server_port}"}
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**variables, **proxy}}
    )


def deployable() -> dict[str, Any]:
    """Return the template as ``sam package`` writes it, reduced to what the local AWS supports.

    The local AWS passes numeric parameters on as strings. For a distributed map it needs limits
    that are literal numbers, ignores ``ItemBatcher`` and keeps the results in the state instead of
    writing them. So here each item is a batch of one, and the map is the last state.
    """
    template: dict[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))
    numbers = {
        name: parameter["Default"]
        for name, parameter in template["Parameters"].items()
        if parameter["Type"] == "Number"
    }
    resources = template["Resources"] = _with_numbers(template["Resources"], numbers)
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["ImageUri"] = "sentiment:test"
            # There is no CodeDeploy, so no version can replace another.
            for name in ("AutoPublishAlias", "AutoPublishAliasAllProperties"):
                resource["Properties"].pop(name, None)
            resource["Properties"].pop("DeploymentPreference", None)
            resource["Properties"].pop("ProvisionedConcurrencyConfig", None)
            del resource["Metadata"]
    # Metric expressions are not supported, so these alarms, and the dashboard that shows them, go.
    computed = {name for name, resource in resources.items() if "Metrics" in resource["Properties"]}
    for name in (*computed, "Dashboard"):
        del resources[name]
    del template["Outputs"]["DashboardUrl"]
    backfill = resources["Backfill"]["Properties"]
    definition = json.loads((ROOT / backfill.pop("DefinitionUri")).read_text())
    for state in definition["States"].values():
        if state["Type"] == "Map":
            del state["MaxConcurrencyPath"], state["ToleratedFailurePercentagePath"], state["Next"]
            state |= {"MaxConcurrency": ENVIRONMENTS, "ToleratedFailurePercentage": 30}
            state["End"] = True
            if "ItemBatcher" in state:
                [task] = state["ItemProcessor"]["States"].values()
                task["Parameters"]["Payload"] = {"Items.$": "States.Array($)"}
                del task["Parameters"]["Payload.$"]
    del definition["States"]["Count"], definition["States"]["Write summary"]
    backfill["Definition"] = definition
    return template


def _with_numbers(node: Any, numbers: dict[str, int]) -> Any:
    """Return the node with references to these parameters replaced by their values."""
    if isinstance(node, dict):
        if set(node) == {"Ref"} and node["Ref"] in numbers:
            return numbers[node["Ref"]]
        return {key: _with_numbers(value, numbers) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_numbers(value, numbers) for value in node]
    return node


def invocation_handler(pool: LifoQueue[Emulator]) -> type[BaseHTTPRequestHandler]:
    """Return an HTTP handler that passes each invocation to an idle emulator."""

    class Invocation(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["content-length"])))
            emulator = pool.get()
            try:
                status, answer = 200, json.dumps(emulator.invoke(event))
            except InvocationError as error:
                status, answer = 500, str(error)
            finally:
                pool.put(emulator)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Invocation
