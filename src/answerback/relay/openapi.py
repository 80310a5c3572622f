"""Describes the relay's HTTP interface as an OpenAPI 3.1 document, made of the very routes that are served.

Source: OpenAPI Specification 3.1.0; schemas are JSON Schema 2020-12, written by `msgspec` from the types that decode
and encode the bodies.
"""

import importlib.metadata
import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from answerback.relay.routes import OCTETS, Asked, Given, Proof, Route
from answerback.wire.requests import Body, RefusalBody

OPENAPI_PATH: Final = "/v1/openapi.json"
ALWAYS: Final = frozenset({415, 429, 500, 503, 507})
"""What any route may refuse with: an encoding we do not read, too much at once, a store in trouble, a relay that
stops."""
JSON: Final = "application/json"
WAITS: Final = frozenset({429, 503})
_PATTERN = re.compile(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}")

_Json = dict[str, Any]  # a JSON object has no type of its own


def described(routes: Sequence[Route]) -> bytes:
    """Write the document."""
    return msgspec.json.format(msgspec.json.encode(document(routes)), indent=1)


def document(routes: Sequence[Route]) -> _Json:
    """Make the document of these routes."""
    bodies = sorted(_bodies(routes), key=lambda body: body.__name__)
    schemas, components = msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(bodies, schemas, strict=True))
    paths: dict[str, _Json] = {}
    for route in routes:
        operation = _operation(route, schema_of)
        path = paths.setdefault(plain_path(route.path), {})
        path[route.method.lower()] = operation
        if route.also_head:
            path["head"] = _without_bodies(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "An Answerback relay",
            "version": _version(),
            "description": "Accounts, handles, link boxes and attachments. Mail goes over the WebSocket at /v1/frames.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "device": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of `Welcome`, in hexadecimal: a device gets it when it proves itself.",
                },
                "operator": {"type": "http", "scheme": "bearer", "description": "The operator's token for metrics."},
            },
        },
    }


def plain_path(path: str) -> str:
    """Write a router's path without the patterns in it."""
    return _PATTERN.sub(r"{\1}", path)


def _bodies(routes: Iterable[Route]) -> set[type[Body]]:
    found: set[type[Body]] = {RefusalBody}
    for route in routes:
        if route.takes is not None:
            found.add(route.takes)
        found.update(given.body for given in route.gives.values() if given.body is not None)
    return found


def _operation(route: Route, schema_of: dict[type[Body], _Json]) -> _Json:
    refusal = Given(RefusalBody)
    responses: dict[str, _Json] = {}
    unfound = {404} if "{" in route.path else set[int]()  # what does not look like an id names nothing
    for status in sorted({*route.gives, *route.refuses, *ALWAYS, *unfound}):
        given = route.gives.get(status, refusal)
        responses[str(status)] = _response(status, given, schema_of, has_body=route.method != "HEAD")
    operation: _Json = {
        "summary": route.words,
        "operationId": f"{route.method.lower()}{re.sub(r'[^a-z0-9]+', '_', plain_path(route.path))}".rstrip("_"),
        "parameters": [_parameter(asked) for asked in route.asked],
        "responses": responses,
        "security": _security(route.proof),
    }
    if route.takes is not None:
        content = {JSON: {"schema": schema_of[route.takes]}}
        operation["requestBody"] = {"required": True, "content": content}
    elif route.takes_octets:
        schema = {"type": "string", "format": "binary", "minLength": 1, "maxLength": route.takes_octets}
        operation["requestBody"] = {"required": True, "content": {OCTETS: {"schema": schema}}}
    return operation


def _response(status: int, given: Given, schema_of: dict[type[Body], _Json], *, has_body: bool) -> _Json:
    response: _Json = {"description": given.words or HTTPStatus(status).phrase}
    if given.body is not None and has_body:
        response["content"] = {JSON: {"schema": schema_of[given.body]}}
    elif given.media and has_body:
        is_json = given.media == JSON
        response["content"] = {given.media: {"schema": {"type": "object"} if is_json else {"type": "string"}}}
    headers = {name: {"schema": {"type": "string"}} for name in given.headers}
    if status in WAITS:
        headers["Retry-After"] = {"schema": {"type": "string", "pattern": "^[0-9]+$"}}
    if headers:
        response["headers"] = headers
    return response


def _without_bodies(operation: _Json) -> _Json:
    responses = {
        status: {key: value for key, value in response.items() if key != "content"}
        for status, response in operation["responses"].items()
    }
    return {**operation, "operationId": f"head_{operation['operationId']}", "responses": responses}


def _parameter(asked: Asked) -> _Json:
    return {
        "name": asked.name,
        "in": asked.place,
        "description": asked.words,
        "required": asked.is_needed,
        "schema": _values(asked),
    }


def _values(asked: Asked) -> _Json:
    if asked.most is not None:
        return {"type": "integer", "minimum": asked.least, "maximum": asked.most}
    return {"type": "string", "pattern": f"^{asked.pattern}$"}


def _security(proof: Proof) -> list[_Json]:
    match proof:
        case Proof.NOTHING:
            return []
        case Proof.DEVICE:
            return [{"device": []}]
        case Proof.DEVICE_OR_NOTHING:
            return [{}, {"device": []}]
        case Proof.OPERATOR:
            return [{}, {"operator": []}]


def _version() -> str:
    try:
        return importlib.metadata.version("answerback")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"  # run from a checkout
