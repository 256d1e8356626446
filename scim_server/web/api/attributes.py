"""The attributes of users and groups: what the API sends and takes, and what SCIM's own errors say of it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
from scim2_models import (
    InvalidPathException,
    InvalidSyntaxException,
    InvalidValueException,
    MutabilityException,
    NoTargetException,
    SCIMException,
    UniquenessException,
)

from scim_server.actions.portals import MEMBER_GROUP_URN
from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.projection import WHOLE, project
from scim_server.protocol.replies import StoredResource
from scim_server.store.groups import connection_of
from scim_server.store.history import Facts
from scim_server.web.problems import BadFieldsException

_BESIDE = (MEMBER_GROUP_URN.lower(), "schemas", "id", "meta", "active", "groups", "members", "password")
_OF_FIELDS = (
    InvalidPathException,
    InvalidSyntaxException,
    InvalidValueException,
    MutabilityException,
    NoTargetException,
    UniquenessException,
)
_PATH = re.compile(r"(?:(urn:[\w:.-]+):)?([A-Za-z$][\w$-]*)(?:\[(\d+)\])?(?:\.([A-Za-z$][\w$-]*))?[ :]")
"""What the detail of an error begins with: an attribute of an extension or not, an index, a sub-attribute."""


def resource_content(definition: ResourceDefinition, stored: StoredResource, facts: Facts) -> dict[str, Any]:
    """Return what the API says of a user or group."""
    document = orjson.loads(stored.document)
    if definition.stores_hidden:
        document = project(document, definition, WHOLE)
    document.pop("schemas", None)
    document.pop(MEMBER_GROUP_URN, None)
    return {
        "id": stored.id,
        "attributes": document,
        "active": stored.active,
        "groups": stored.groups or (),
        "created_at": stored.created_at,
        "modified_at": stored.modified_at,
        "created_by": facts.created_by,
        "changed_by": facts.changed_by,
        "managed_by": facts.managed_by,
        "state": facts.state,
        "kind": facts.kind,
        "parent": facts.parent_id,
        "connection": connection_of(facts.namespace, facts.parent_id),
    }


def read_attributes(body: Mapping[str, Any], definition: ResourceDefinition) -> dict[str, Any]:
    """Return what a body says of a resource, as SCIM has it, but for its ``schemas``.

    :raises BadFieldsException: When an attribute stands among the others that has a place of its own.
    """
    attributes = body.get("attributes", {})
    errors = [
        {"pointer": f"/attributes/{name}", "detail": "is given or shown beside the attributes, or follows from them"}
        for name in attributes
        if name.lower() in _BESIDE and not (name.lower() == "active" and not definition.has_active)
    ]
    if errors:
        raise BadFieldsException(errors)
    beside = {name: body[name] for name in ("active", "password") if name in body}
    return {**attributes, **beside}


def with_schemas_of(attributes: Mapping[str, Any], definition: ResourceDefinition) -> dict[str, Any]:
    """Return a resource with the ``schemas`` that follow from its attributes."""
    used = {name.lower() for name in attributes}
    extensions = (each.urn for lower, each in definition.extensions.items() if lower in used)
    return {"schemas": [definition.urn, *extensions], **attributes}


@contextmanager
def pointing_at(place: str, definition: ResourceDefinition) -> Iterator[None]:
    """Let SCIM's errors of values inside point at the field of the body they are about.

    :param place: The field that holds what the errors name.
    """
    try:
        yield
    except _OF_FIELDS as error:
        detail = error.detail or ""
        refused = BadFieldsException(
            [{"pointer": _pointer(place, detail, definition), "detail": detail}], detail=detail
        )
        refused.status = error.status
        raise refused from error


def _pointer(place: str, detail: str, definition: ResourceDefinition) -> str:
    """Return the pointer to the attribute that the detail of an error begins with."""
    match = _PATH.match(detail)
    if match is None or place != "/attributes":
        return place
    urn, name, index, sub_attribute = match.groups()
    extension = definition.extensions.get((urn or "").lower())
    attribute = (extension or definition).attributes.get(name.lower())
    if attribute is None or (urn and extension is None):
        return place
    if attribute.name in ("password", "active") and extension is None:
        return f"/{attribute.name}"
    steps = (extension and extension.urn, attribute.name, index, sub_attribute)
    return "/".join((place, *(step for step in steps if step)))


@contextmanager
def narrowing(parameter: str) -> Iterator[None]:
    """Let SCIM's errors inside point at the parameter they are about."""
    try:
        yield
    except SCIMException as error:
        if error.status != 400:
            raise
        raise BadFieldsException(
            [{"parameter": parameter, "detail": error.detail or ""}], detail=error.detail
        ) from error
