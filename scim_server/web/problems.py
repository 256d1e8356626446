"""Errors of everything under ``/api``: problem details (RFC 9457), with a JSON Pointer for each field."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from flask import Response
from scim2_models import SCIMException

API_PREFIX = "/api/v1"
PROBLEM_MEDIA_TYPE = "application/problem+json"


class BadFieldsException(SCIMException):
    """Fields of the body, or parameters of the query, are not as the API takes them.

    ``errors`` names each: by ``pointer``, a JSON Pointer (RFC 6901) into the body, or by ``parameter``.
    """

    status = 400
    _default_detail = "Some fields are not as they are taken here; errors names each"

    def __init__(self, errors: Sequence[Mapping[str, str]], **options: Any) -> None:
        super().__init__(**options)
        self.errors = errors


def problem(error: SCIMException) -> Response:
    """Return an error as problem details; its type is ``about:blank``, so its title is that of the status."""
    status = HTTPStatus(error.status)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": error.detail,
    }
    if isinstance(error, BadFieldsException):
        body["errors"] = error.errors
    return Response(orjson.dumps(body), status, content_type=PROBLEM_MEDIA_TYPE)


def pointers(messages: Any, prefix: str = "") -> list[dict[str, str]]:
    """Return what marshmallow says of fields, in any depth, with the pointer to each."""
    if isinstance(messages, Mapping):
        return [
            each
            for name, below in messages.items()
            for each in pointers(below, prefix if name == "_schema" else f"{prefix}/{_escaped(str(name))}")
        ]
    return [{"pointer": prefix, "detail": str(message)} for message in messages]


def _escaped(name: str) -> str:
    """Return a name as a token of a JSON Pointer (RFC 6901 §3)."""
    return name.replace("~", "~0").replace("/", "~1")
