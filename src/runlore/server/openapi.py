"""The OpenAPI document, made of what the endpoints declare: what is served is what it says."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from runlore._version import __version__
from runlore.server.endpoint import JSON, OPEN, Endpoint, Parameter
from runlore.server.problems import MEDIA_TYPE, TITLES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlore.server.endpoint import Call

    Listed = Sequence[tuple[str, Endpoint]]

_ALWAYS = (400, 401, 403, 408, 409, 421, 500, 503)
_WITH_BODY = (413, 415)
_EMPTY = {
    303: "See the address in `Location`.",
    204: "There is nothing more to say.",
    206: "The part that was asked for.",
    304: "It did not change.",
}

_PROBLEM = {
    "type": "object",
    "description": "What was wrong, with which field and value, and what to do (RFC 9457).",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what to do, in a sentence."},
        "request_id": {"type": "string", "description": "Under which the server's log has it."},
        "error": {"type": "string", "description": "The error that the Python library raises for it."},
        "field": {"type": "string", "description": "Parameter or member of the body that is wrong."},
        "value": {"description": "What it was."},
        "position": {"type": "integer", "description": "Character of a query at which it cannot be understood."},
    },
    "example": {
        "type": "about:blank", "title": TITLES[400], "status": 400, "detail": "limit=0 should be from 1 to 20,000",
        "field": "limit", "value": 0, "request_id": "3f2a9c0d11e4b7a6",
    },
}  # fmt: skip


def serves_document(listed: Callable[[], Listed]) -> Endpoint:
    """The endpoint that sends the document.

    Args:
        listed: gives every endpoint with the prefix of its room.
    """

    @lru_cache(maxsize=1)
    def made() -> dict[str, Any]:
        return describe(listed())

    def document(call: Call) -> dict[str, Any]:
        base = call.context.settings.base_path
        return {**made(), "servers": [{"url": base or "/"}]}

    return Endpoint("GET", "/api/v1/openapi.json", document, "This document.", OPEN, answer=dict[str, Any])


def describe(listed: Listed) -> dict[str, Any]:
    """The document of these endpoints, each with the prefix of its room."""
    kinds = [kind for _, endpoint in listed for kind in (endpoint.body, endpoint.answer) if _is_type(kind)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    found = iter(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for prefix, endpoint in listed:
        body = next(found) if _is_type(endpoint.body) else None
        answer = next(found) if _is_type(endpoint.answer) else None
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", prefix + endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(prefix, endpoint, body, answer)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Runlore",
            "version": __version__,
            "description": "Runs of machine-learning experiments: to look them up, and to send them.",
        },
        "paths": paths,
        "components": {"schemas": {**components, "Problem": _PROBLEM}},
    }


def _is_type(kind: Any) -> bool:
    """Whether it is a type of JSON, and not a media type."""
    return kind is not None and not isinstance(kind, str)


def _operation(prefix: str, endpoint: Endpoint, body: Any, answer: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": f"{endpoint.method.lower()}_" + re.sub(r"\W+", "_", prefix + endpoint.path).strip("_"),
        "summary": endpoint.summary,
        "description": endpoint.about,
        "tags": [prefix.rpartition("/")[2] or "operation"],
        "parameters": [
            *(_parameter(known, "path") for known in _path_parameters(endpoint)),
            *(_parameter(known, "query") for known in endpoint.parameters),
        ],
        "responses": {str(endpoint.status if endpoint.answer is not None else 204): _answer(endpoint, answer)},
    }
    if endpoint.answer is None and endpoint.status != 200:
        made["responses"] = {str(endpoint.status): _answer(endpoint, answer)}
    for status in endpoint.also:
        made["responses"][str(status)] = {"description": _EMPTY[status]}
        if status == 206:
            made["responses"]["206"]["content"] = {str(endpoint.answer): {}}
    for status in sorted({*_ALWAYS, *endpoint.problems, *(_WITH_BODY if endpoint.body is not None else ())}):
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        made["responses"][str(status)] = {"description": f"{TITLES[status]}.", "content": content}
    if endpoint.body is not None:
        media_type = endpoint.body if isinstance(endpoint.body, str) else JSON
        content = {"schema": body} if body is not None else {}
        example = {} if endpoint.example is None else {"example": endpoint.example}
        made["requestBody"] = {"required": True, "content": {media_type: {**content, **example}}}
    return made


def _path_parameters(endpoint: Endpoint) -> list[Parameter]:
    """Those that the endpoint describes, and the others that are in its path."""
    known = {parameter.name: parameter for parameter in endpoint.path_parameters}
    names = re.findall(r"\{(\w+)", endpoint.path)
    return [known.get(name) or Parameter(name, f"The {name}.", required=True) for name in names]


def _answer(endpoint: Endpoint, answer: Any) -> dict[str, Any]:
    if endpoint.answer is None:
        return {"description": "Done."}
    types = [endpoint.answer if isinstance(endpoint.answer, str) else JSON, *endpoint.other_types]
    content: dict[str, Any] = {media_type: {} for media_type in types}
    if answer is not None:
        content[JSON] = {"schema": answer}
    return {"description": endpoint.summary, "content": content}


def _parameter(known: Parameter, place: str) -> dict[str, Any]:
    schema: Any = dict(known.schema)
    example = known.example
    if known.repeated:
        schema = {"type": "array", "items": schema}
        example = None if example is None else [example]
    made = {
        "name": known.name, "in": place, "description": known.about, "schema": schema,
        "required": known.required or place == "path",
    }  # fmt: skip
    return made if example is None else {**made, "example": example}
