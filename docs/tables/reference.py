"""Tables of the stack and of its metrics, from the template and the code."""

import io
from collections.abc import Iterator
from functools import cache
from typing import Any

from cfnlint.decode import cfn_yaml
from fastapi.testclient import TestClient

from app.settings import Settings
from app.telemetry import logs
from app.telemetry.metrics import METRICS
from app.web import application
from bench.service import ROOT

OPERATIONS = ROOT / "docs/operations.md"

# Prices in US dollars a month, us-east-1, from AWS's price pages in November 2026.
CUSTOM_METRIC = 0.30
ALARM_METRIC = 0.10
ANOMALY_METRICS = 2
"""What an alarm on anomalies is charged for besides its metrics: the bounds of its band."""
DASHBOARD = 3.00
KEY = 1.00
FIREWALL, FIREWALL_RULE = 5.00, 1.00
LOG_GB = 0.50
"""Of what is logged, once."""

REVIEW = "A film of quiet moments, well acted and beautifully shot, that I will not soon forget. "
BATCH_TEXTS = 100


@cache
def template() -> dict[str, Any]:
    """Return the stack's template, its short forms of functions written out."""
    loaded: dict[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))
    return loaded


def parameters() -> str:
    """Return the parameters of the template as a table."""
    rows = ["| parameter | default | allowed | meaning |", "|---|---|---|---|"]
    for name, parameter in template()["Parameters"].items():
        default = parameter["Default"]
        shown = f"`{default}`" if default != "" else ""
        rows.append(f"| `{name}` | {shown} | {_allowed(parameter)} | {parameter['Description']} |")
    return "\n".join(rows)


def _allowed(parameter: dict[str, Any]) -> str:
    if "AllowedValues" in parameter:
        return ", ".join(f"`{value}`" for value in parameter["AllowedValues"])
    if "AllowedPattern" in parameter:
        return f"`{parameter['AllowedPattern']}`"
    if "MaxValue" in parameter:
        return f"{parameter['MinValue']:,} to {parameter['MaxValue']:,}"
    return f"from {parameter['MinValue']:,}" if "MinValue" in parameter else "any"


def outputs() -> str:
    """Return the outputs of the template as a table."""
    rows = ["| output | what it is |", "|---|---|"]
    rows += [f"| `{name}` | {v['Description']} |" for name, v in template()["Outputs"].items()]
    return "\n".join(rows)


def standing() -> str:
    """Return what a stack costs a month that nobody calls, and what more its metrics can."""
    alarms = list(_of_type("AWS::CloudWatch::Alarm"))
    watched = sum(_watched(alarm) for alarm in alarms)
    [firewall] = _of_type("AWS::WAFv2::WebACL")
    rules = len(firewall["Rules"])
    functions = len(list(_of_type("AWS::Serverless::Function")))
    metrics = functions * len(METRICS)
    rows = [
        ("dashboard (an account's first three are free)", DASHBOARD),
        (
            f"{len(alarms)} alarms on {watched} metrics (an account's first ten are free)",
            watched * ALARM_METRIC,
        ),
        ("the alarm topic's key, and $1 more after each of its first two yearly rotations", KEY),
        (f"`Waf=on`, with {rules} rules", FIREWALL + rules * FIREWALL_RULE),
        (
            f"metrics (maximum: all {len(METRICS)} of each of {functions} functions in every hour)",
            metrics * CUSTOM_METRIC,
        ),
    ]
    head = ["| what | a month |", "|---|---:|"]
    return "\n".join([*head, *(f"| {what} | ${dollars:,.2f} |" for what, dollars in rows)])


def _of_type(kind: str) -> Iterator[dict[str, Any]]:
    for resource in template()["Resources"].values():
        if resource["Type"] == kind:
            yield resource["Properties"]


def _watched(alarm: dict[str, Any]) -> int:
    """Return how many metrics an alarm is charged for."""
    stated = sum("MetricStat" in metric for metric in alarm.get("Metrics", ()))
    return (stated or 1) + (ANOMALY_METRICS if "ThresholdMetricId" in alarm else 0)


def metrics() -> str:
    """Return the metrics as a table."""
    rows = ["| metric | unit | meaning |", "|---|---|---|"]
    rows += [f"| `{name}` | {unit} | {meaning} |" for name, unit, meaning in METRICS]
    return "\n".join(rows)


def volume() -> str:
    """Return how long log lines are, of requests made here and logged as on Lambda."""
    single, batch = (
        _logged("/predict", {"text": REVIEW}),
        _logged("/predict/batch", {"texts": [f"{REVIEW} {i}" for i in range(BATCH_TEXTS)]}),
    )
    return (
        f"The line of a `/predict` has {single / 1000:.1f} KB, that of a batch of {BATCH_TEXTS} "
        f"texts {batch / 1000:.0f} KB. At ${LOG_GB:.2f} a GB, a million texts cost "
        f"${single * LOG_GB / 1000:.2f} to log one by one, and "
        f"${batch / BATCH_TEXTS * LOG_GB / 1000:.2f} in such batches."
    )


def _logged(path: str, body: dict[str, Any]) -> int:
    """Return the bytes that a request is logged in."""
    written = io.StringIO()
    logs.configure("INFO", stream=written)
    TestClient(application.create(Settings(metrics="cloudwatch"))).post(path, json=body)
    [line] = [line for line in written.getvalue().splitlines() if '"message":"request"' in line]
    return len(line)


SECTIONS = {
    "parameters": parameters,
    "outputs": outputs,
    "standing": standing,
    "metrics": metrics,
    "volume": volume,
}
