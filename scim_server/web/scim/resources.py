"""``/Users``, ``/Groups`` and the endpoint of every further resource type (RFC 7644 §3.3 to §3.6)."""

import re
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, g, request
from scim2_models import NotFoundException, NotImplementedException

from scim_server.actions.resources import (
    create,
    delete,
    patch_resource,
    prepare,
    prepare_patch,
    replace_resource,
)
from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.errors import UnsupportedMediaTypeException
from scim_server.protocol.projection import Projection, read_projection
from scim_server.protocol.queries import read_query
from scim_server.protocol.replies import StoredResource, etag, list_reply, location, resource_reply
from scim_server.protocol.wire import read_object
from scim_server.store.resources import count_members, get_resource, related, search_resources
from scim_server.store.session import Tenant, begin, transact
from scim_server.web.requests import scim_response
from scim_server.web.site import current_site

SMALL_GROUP = 100
"""The most members a group may have for a PATCH of it to be answered with the group."""

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MEDIA_TYPES = ("", "application/scim+json", "application/json")

blueprint = Blueprint("resources", __name__)


@blueprint.get("/<endpoint>")
def list_resources(endpoint: str) -> Response:
    """List resources (RFC 7644 §3.4.2)."""
    definition, site = _definition(endpoint), current_site()
    query = read_query(request.args, (definition,))
    with begin(site.store, g.credentials, write=False) as tenant:
        total, found = search_resources(tenant, definition, query)
    base_url = site.scim_url()
    page = (resource_reply(stored, definition, base_url, query.projection) for stored in found)
    return scim_response(list_reply(page, total=total, start_index=query.start_index))


@blueprint.get("/<endpoint>/<resource_id>")
def read_resource(endpoint: str, resource_id: str) -> Response:
    """Answer one resource (RFC 7644 §3.4.1), 304 where the client has this version."""
    definition, projection = _definition(endpoint), _projection(endpoint)
    _check_id(definition, resource_id)
    with begin(current_site().store, g.credentials, write=False) as tenant:
        stored = get_resource(tenant, definition, resource_id, projection)
    tag = etag(stored.version, stored.groups)
    if _matches(request.headers.get("If-None-Match"), tag):
        return Response(status=304, headers={"ETag": tag})
    return _resource(definition, stored, projection)


@blueprint.post("/<endpoint>")
def create_resource(endpoint: str) -> Response:
    """Create a resource (RFC 7644 §3.3)."""
    definition, projection = _definition(endpoint), _projection(endpoint)
    parts = prepare(_body(), definition, g.leniences)

    def action(tenant: Tenant) -> StoredResource:
        stored = create(tenant, definition, parts)
        if definition.is_user:
            return replace(stored, groups=())  # A user who was just created is in no group.
        return related(tenant, definition, stored, projection)

    stored = transact(current_site().store, g.credentials, action)
    return _resource(definition, stored, projection, 201)


@blueprint.put("/<endpoint>/<resource_id>")
def put_resource(endpoint: str, resource_id: str) -> Response:
    """Replace a resource (RFC 7644 §3.5.1)."""
    definition, projection = _definition(endpoint), _projection(endpoint)
    _check_id(definition, resource_id)
    parts = prepare(_body(), definition, g.leniences)
    if_match = request.headers.get("If-Match")

    def action(tenant: Tenant) -> StoredResource:
        stored = replace_resource(tenant, definition, resource_id, parts, if_match)
        return related(tenant, definition, stored, projection)

    stored = transact(current_site().store, g.credentials, action)
    return _resource(definition, stored, projection)


@blueprint.patch("/<endpoint>/<resource_id>")
def change_resource(endpoint: str, resource_id: str) -> Response:
    """Change a resource (RFC 7644 §3.5.2): 200 with the resource, or 204 for a large group."""
    definition, projection = _definition(endpoint), _projection(endpoint)
    _check_id(definition, resource_id)
    patch = prepare_patch(_body(), definition, resource_id, g.leniences)
    if_match = request.headers.get("If-Match")

    def action(tenant: Tenant) -> StoredResource | None:
        stored = patch_resource(tenant, definition, resource_id, patch, if_match, g.leniences)
        if definition.is_group and not _answers_group(tenant, resource_id, projection):
            return None
        return related(tenant, definition, stored, projection)

    stored = transact(current_site().store, g.credentials, action)
    if stored is None:
        return Response(status=204)
    return _resource(definition, stored, projection)


@blueprint.delete("/<endpoint>/<resource_id>")
def remove_resource(endpoint: str, resource_id: str) -> Response:
    """Delete a resource (RFC 7644 §3.6)."""
    definition = _definition(endpoint)
    _check_id(definition, resource_id)
    if_match = request.headers.get("If-Match")
    transact(
        current_site().store,
        g.credentials,
        lambda tenant: delete(tenant, definition, resource_id, if_match),
    )
    return Response(status=204)


@blueprint.route("/Me", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def me() -> Response:
    """Answer that a token of a connection stands for no person (RFC 7644 §3.11)."""
    raise NotImplementedException(detail="/Me is not served: this token stands for a connection, not for a person")


def _answers_group(tenant: Tenant, group_id: str, projection: Projection) -> bool:
    """Return whether a PATCH of a group is answered with it: always when ``attributes`` asks for some."""
    if projection.included:
        return True
    profile = g.credentials.actor.connection.profile
    if profile.group_patch_answer == "never":
        return False
    if not projection.keeps("members"):
        return True
    return count_members(tenant, group_id, limit=SMALL_GROUP + 1) <= SMALL_GROUP


def _resource(
    definition: ResourceDefinition, stored: StoredResource, projection: Projection, status: int = 200
) -> Response:
    base_url = current_site().scim_url()
    place = location(base_url, definition, stored.id)
    body = resource_reply(stored, definition, base_url, projection)
    headers = {"ETag": etag(stored.version, stored.groups)}
    headers["Location" if status == 201 else "Content-Location"] = place
    return scim_response(body, status, **headers)


def _definition(endpoint: str) -> ResourceDefinition:
    definition = current_site().store.catalog.by_endpoint(endpoint)
    if definition is None:
        raise NotFoundException(detail=f"there is no endpoint /{endpoint[:100]}; see /ResourceTypes")
    return definition


def _projection(endpoint: str) -> Projection:
    sent = {name.lower(): value for name, value in request.args.items()}
    return read_projection(sent.get("attributes"), sent.get("excludedattributes"), (_definition(endpoint),))


def _check_id(definition: ResourceDefinition, resource_id: str) -> None:
    """Refuse an id this server never gave: the database need not be asked."""
    if not _ID.fullmatch(resource_id):
        raise NotFoundException(detail=f"there is no {definition.name} {resource_id[:100]!r}")


def _body() -> dict[str, Any]:
    if request.mimetype not in _MEDIA_TYPES:
        raise UnsupportedMediaTypeException
    return read_object(request.get_data(cache=False))


def _matches(header: str | None, tag: str) -> bool:
    """Return whether an ``If-None-Match`` names a version (RFC 9110 §13.1.2, weak comparison)."""
    if header is None:
        return False
    tags = [each.strip().removeprefix("W/") for each in header.split(",")]
    return "*" in tags or tag.removeprefix("W/") in tags
