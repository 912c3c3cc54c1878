"""Compares the guides with the template, the code and the log lines."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest

import handler
from app.sentiment.text import MAX_GROWTH
from app.settings import PREFIX, Settings
from app.telemetry import reporting
from app.telemetry.metrics import METRICS
from app.web.json_body import MAX_VALUES
from docs.tables import reference
from tests.access.test_keys import entry
from tests.conftest import ROOT
from tests.events.conftest import aws  # noqa: F401
from tests.test_handler import event
from tests.web.client import client

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GUIDES = [ROOT / f"docs/{name}.md" for name in ("architecture", "deploy", "operations")]
OPERATIONS = reference.OPERATIONS.read_text()
CREATED_BY_SAM = {"ServerlessDeploymentApplication", "SentimentFunctionDeploymentGroup"}
NOT_IN_TEMPLATE = {
    "EventBridge",
    "CloudWatch",
    "OpenTelemetry",
    "DisableExecuteApiEndpoint",
    "VpcConfig",
    "ImageUri",
    "PowerUserAccess",
    "IAMFullAccess",
    "InternalError",
}
"""Names of AWS and of the code that look like names of the template."""
CAMEL = r"[A-Z][a-z]+(?:[A-Z][a-z]+)+"
INSIGHTS = {"@timestamp", "n", "p50", "p99", "last", "positive", "doubtful", "requests", "read"}
"""CloudWatch's own field, and names that the queries define."""


def in_template(section: str) -> set[str]:
    return set(reference.template()[section])


def alarms() -> set[str]:
    return {
        name
        for name, resource in reference.template()["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_names_in_the_guides_are_in_the_template(page: Path) -> None:
    text = page.read_text()
    names = in_template("Parameters") | in_template("Outputs") | in_template("Resources")
    for parameter in reference.template()["Parameters"].values():
        names |= {str(value) for value in parameter.get("AllowedValues", ())}
    quoted = re.findall(rf"`({CAMEL})[`=:]", text)
    drawn = [name for block in blocks(text, "mermaid") for name in re.findall(CAMEL, block)]
    assert {*quoted, *drawn} <= names | NOT_IN_TEMPLATE


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_names_in_commands_are_in_the_template(page: Path) -> None:
    commands = "\n".join(blocks(page.read_text(), "sh"))
    overridden = re.findall(rf"[ `]({CAMEL})=", commands)
    assert set(overridden) <= in_template("Parameters")
    assert set(re.findall(r"\(output (\w+)", commands)) <= in_template("Outputs")
    resources = set(re.findall(r"\(resource (\w+)", commands))
    assert resources <= in_template("Resources") | CREATED_BY_SAM


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_named_settings_exist(page: Path) -> None:
    settings = {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(re.findall(rf"{PREFIX}[A-Z0-9_]*[A-Z0-9]", page.read_text())) <= settings


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_named_files_exist(page: Path) -> None:
    folders = "app|bench|docs|local|model|native|scripts|statemachine|tests|training"
    named = re.findall(rf"`((?:{folders})/[\w./-]*)`", page.read_text())
    assert not [path for path in named if not (ROOT / path).exists()]


def test_names_in_the_guide_to_extensions_are_in_their_files() -> None:
    text = (ROOT / "docs/extending.md").read_text()
    pairs = re.findall(r"`(\w+)`\s+(?:in|of)\s+`([\w./-]+\.\w+)`", text)
    assert len(pairs) > 10
    assert not [(name, path) for name, path in pairs if name not in (ROOT / path).read_text()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_are_valid(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked.read_text()), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_named_variables_of_make_exist(page: Path) -> None:
    commands = "".join(blocks(page.read_text(), "sh")).replace("\\\n", "")
    given = {
        name
        for line in commands.splitlines()
        if line.startswith("make ")
        for name in re.findall(r" ([A-Z_]+)=", line)
    }
    makefile = (ROOT / "Makefile").read_text()
    assert given <= {*re.findall(r"\$\((?:value )?([A-Z_]+)[,)]", makefile)}


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_every_alarm_has_a_runbook_entry() -> None:
    entries = re.findall(r"^### (\w+Alarm)$", OPERATIONS, re.MULTILINE)
    assert sorted(entries) == sorted(alarms())


@pytest.mark.parametrize("alarm", sorted(alarms()))
def test_runbook_entry_has_its_four_parts(alarm: str) -> None:
    entry = OPERATIONS.partition(f"### {alarm}\n")[2].partition("\n#")[0]
    assert re.findall(r"^- \*\*([\w ]+):\*\*", entry, re.MULTILINE) == [
        "Means", "First look", "Likely", "Do",
    ]  # fmt: skip


def documented_fields() -> set[str]:
    [table] = re.findall(
        r"^\| field \| meaning \|\n(.*?)\n\n", OPERATIONS, re.MULTILINE | re.DOTALL
    )
    return {
        name for row in table.splitlines()[1:] for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }


def test_documented_log_fields_are_those_that_are_logged(
    lines: Any,
    aws: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793")
    keyed = client(metrics="cloudwatch", api_keys=entry("shop", "sk_shop"), results_table="results")
    key = {"x-api-key": "sk_shop"}
    keyed.post("/predict", json={"text": "Good."}, headers=key)
    keyed.post("/feedback", json={"prediction": "r", "sentiment": "Positive"}, headers=key)
    failing = client()
    failing.app.state.scorer.classifier._engine = None
    failing.post("/predict", json={"text": "Good."})
    handler.handler(event("direct-text"), None)
    monkeypatch.setattr(reporting, "MAX_PREDICTIONS_BYTES", 100)
    client().post("/predict/batch", json={"texts": ["Good.", "Bad."]})
    logging.getLogger("botocore").error("It says more than it should.")
    logged = {name for line in lines() for name in line}
    assert logged - {metric.name for metric in METRICS} == documented_fields()


def test_documented_sources_are_those_that_are_logged() -> None:
    [row] = re.findall(r"^\| `source` \|.*$", OPERATIONS, re.MULTILINE)
    documented = set(re.findall(r"`(\w+)`", row)) - {"source"}
    logged = {source.name for source in handler.router.sources if not source.observes_itself}
    assert documented == logged


@pytest.mark.parametrize("query", blocks(OPERATIONS, "insights"))
def test_queries_use_fields_that_are_logged(query: str) -> None:
    fields = documented_fields() | {metric.name for metric in METRICS} | INSIGHTS
    words = re.sub(r'"[^"]*"|/[^/\n]*/(?=\n)', "", query)
    named = set(re.findall(r"@?[a-z]\w*(?![\w(])", words)) - {
        "filter", "fields", "stats", "sort", "limit", "by", "as", "and", "desc", "like", "in", "d",
    }  # fmt: skip
    assert named <= fields


def test_documented_limits_of_texts_are_the_defaults() -> None:
    settings = Settings()
    limits = (
        settings.max_text_characters,
        MAX_GROWTH * settings.max_text_characters,
        settings.max_text_tokens,
        settings.max_batch_texts,
        settings.max_batch_characters,
        MAX_GROWTH * settings.max_batch_characters,
        settings.max_batch_tokens,
        settings.explain_max_characters,
        settings.explain_max_tokens,
        MAX_VALUES,
    )
    [table] = re.findall(
        r"\n## Texts\n.*?((?:\n\|.*)+)", (ROOT / "docs/inputs.md").read_text(), re.S
    )
    assert tuple(re.findall(r"\| ([\d,]+) \|", table)) == tuple(f"{limit:,}" for limit in limits)
