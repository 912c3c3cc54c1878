"""Adds the operations of dialects to the OpenAPI document of the service's own routes."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi


def add(document: dict[str, Any], routers: Sequence[APIRouter]) -> None:
    """Add the operations of these routers to a document.

    OpenAPI allows one operation for each path and method. Operations that share them become one,
    which accepts the request bodies of all.
    """
    for router in routers:
        other = get_openapi(title="", version="", routes=router.routes)
        for path, operations in other["paths"].items():
            present = document["paths"].setdefault(path, {})
            for method, operation in operations.items():
                if method in present:
                    _merge(present[method], operation)
                else:
                    present[method] = operation
        for kind, components in other.get("components", {}).items():
            document["components"].setdefault(kind, {}).update(components)


def _merge(operation: dict[str, Any], other: dict[str, Any]) -> None:
    operation["summary"] = f"{operation['summary']}; {other['summary']}"
    operation["description"] = f"{operation['description']}\n\n{other['description']}"
    for name in ("tags", "parameters", "security"):
        items = operation.setdefault(name, [])
        items += [item for item in other.get(name, []) if item not in items]
    _merge_content(operation["requestBody"]["content"], other["requestBody"]["content"])
    for status, response in other["responses"].items():
        present = operation["responses"].setdefault(status, response)
        if present is not response:
            _merge_content(present["content"], response["content"])


def _merge_content(content: dict[str, Any], other: dict[str, Any]) -> None:
    """Merge bodies by their media type."""
    for media_type, body in other.items():
        present = content.setdefault(media_type, body)
        if present is body or present["schema"] == body["schema"]:
            continue
        alternatives = present["schema"].get("anyOf", [present["schema"]])
        present["schema"] = {"anyOf": [*alternatives, body["schema"]]}
        if examples := {**present.get("examples", {}), **body.get("examples", {})}:
            present["examples"] = examples
