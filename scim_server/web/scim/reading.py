"""What every SCIM view reads of its request: the resource type, the projection, the body."""

import re
from typing import Any

from scim2_models import NotFoundException

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.errors import UnsupportedMediaTypeException
from scim_server.protocol.projection import WHOLE, Projection, read_projection
from scim_server.protocol.wire import read_object
from scim_server.web.requests import current_request, read_body_bytes
from scim_server.web.site import current_site

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MEDIA_TYPES = ("", "application/scim+json", "application/json")


def served_definition(endpoint: str) -> ResourceDefinition:
    """Return the resource type served at an endpoint.

    :raises NotFoundException: When none is.
    """
    definition = current_site().store.catalog.by_endpoint(endpoint)
    if definition is None:
        raise NotFoundException(detail=f"there is no endpoint /{endpoint[:100]}; see /ResourceTypes")
    return definition


def check_id(definition: ResourceDefinition, resource_id: str) -> None:
    """Refuse an id this server never gave: the database need not be asked.

    :raises NotFoundException: When the id has another form.
    """
    if not _ID.fullmatch(resource_id):
        raise NotFoundException(detail=f"there is no {definition.name} {resource_id[:100]!r}")


def requested_projection(definition: ResourceDefinition) -> Projection:
    """Return the projection the query string asks for (RFC 7644 §3.9)."""
    request = current_request()
    if not request.query_string:
        return WHOLE
    sent = {name.lower(): value for name, value in request.args.items()}
    return read_projection(sent.get("attributes"), sent.get("excludedattributes"), (definition,))


def read_body() -> dict[str, Any]:
    """Return the JSON object of the body.

    :raises UnsupportedMediaTypeException: When it is of another media type.
    :raises InvalidSyntaxException: When it is no JSON object.
    """
    if current_request().mimetype not in _MEDIA_TYPES:
        raise UnsupportedMediaTypeException
    return read_object(read_body_bytes())
