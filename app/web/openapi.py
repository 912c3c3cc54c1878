"""Adds the operations of dialects to the OpenAPI document of the service's own routes."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi

_FASTAPI_ERRORS = ("HTTPValidationError", "ValidationError")
"""Components of errors that no route of this service returns."""


def add(document: dict[str, Any], routers: Sequence[APIRouter]) -> None:
    """Add the operations of these routers to a document.

    OpenAPI allows one operation for each path and method. Operations that share them become one,
    which accepts the request bodies of all.
    """
    for router in routers:
        other = get_openapi(title="", version="", routes=router.routes)
        for path, operations in other["paths"].items():
            for operation in operations.values():
                _drop_validation_errors(operation["responses"])
            present = document["paths"].setdefault(path, {})
            for method, operation in operations.items():
                if method in present:
                    _merge(present[method], operation)
                else:
                    present[method] = operation
        for kind, components in other.get("components", {}).items():
            document["components"].setdefault(kind, {}).update(
                {name: one for name, one in components.items() if name not in _FASTAPI_ERRORS}
            )


def _drop_validation_errors(responses: dict[str, Any]) -> None:
    """Drop the 422 that FastAPI documents for a route that does not document one."""
    schema = responses.get("422", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema == {"$ref": f"#/components/schemas/{_FASTAPI_ERRORS[0]}"}:
        del responses["422"]


def _merge(operation: dict[str, Any], other: dict[str, Any]) -> None:
    operation["description"] = "\n\n".join(
        f"**{each['summary']}:** {each['description']}" for each in (operation, other)
    )
    operation["summary"] = f"{operation['summary']} · {other['summary']}"
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
