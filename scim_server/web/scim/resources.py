"""``/Users``, ``/Groups`` and the endpoint of every further resource type (RFC 7644 §3.3 to §3.6)."""

from dataclasses import replace

from flask import Blueprint, Response
from scim2_models import UniquenessException

from scim_server.actions.conflicts import explained
from scim_server.actions.resources import (
    change_at_once,
    create,
    create_at_once,
    delete,
    patch_resource,
    prepare,
    prepare_patch,
    replace_resource,
)
from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.patch import specified
from scim_server.protocol.projection import Projection, after_write
from scim_server.protocol.replies import StoredResource, etag, location, resource_reply
from scim_server.store.resources import count_members, get_resource, related
from scim_server.store.session import Tenant, begin, transact
from scim_server.web.requests import current_request, scim_response
from scim_server.web.scim.reading import check_id, read_body, requested_projection, served_definition
from scim_server.web.scim.streaming import Snapshot, stream_resource
from scim_server.web.site import current_site

SMALL_GROUP = 100
"""The most members a group may have for a PATCH of it to be answered with the group."""

blueprint = Blueprint("resources", __name__)


@blueprint.get("/<endpoint>/<resource_id>")
def read_resource(endpoint: str, resource_id: str) -> Response:
    """Answer one resource (RFC 7644 §3.4.1), 304 where the client has this version."""
    definition, sent = served_definition(endpoint), current_request()
    projection = requested_projection(definition)
    check_id(definition, resource_id)
    with begin(current_site().store, sent.credentials, write=False) as tenant:
        stored = get_resource(tenant, definition, resource_id, projection)
    if stored.streams_members and not_modified(stored) is None:
        return _streamed(definition, resource_id, projection)
    return not_modified(stored) or resource_response(definition, stored, projection)


@blueprint.post("/<endpoint>")
def create_resource(endpoint: str) -> Response:
    """Create a resource (RFC 7644 §3.3)."""
    definition, sent = served_definition(endpoint), current_request()
    projection = requested_projection(definition)
    parts = prepare(read_body(), definition, sent.leniences)
    store = current_site().store

    def action(tenant: Tenant) -> StoredResource:
        stored = create(tenant, definition, parts)
        if definition.is_user and stored.version == 1:
            return replace(stored, groups=())  # A user who was just created is in no group.
        return related(tenant, definition, stored, projection)

    try:
        stored = create_at_once(store, sent.credentials, definition, parts)
        if stored is None:
            stored = transact(store, sent.credentials, action)
    except UniquenessException as error:
        with begin(store, sent.credentials, write=False) as tenant:
            raise explained(tenant, error, parts) from error
    return resource_response(definition, stored, after_write(projection, definition, (parts.document,)), 201)


@blueprint.put("/<endpoint>/<resource_id>")
def put_resource(endpoint: str, resource_id: str) -> Response:
    """Replace a resource (RFC 7644 §3.5.1)."""
    definition, sent = served_definition(endpoint), current_request()
    projection = requested_projection(definition)
    check_id(definition, resource_id)
    store, parts = current_site().store, prepare(read_body(), definition, sent.leniences)
    if_match = sent.environ.get("HTTP_IF_MATCH")

    def action(tenant: Tenant) -> StoredResource:
        stored = replace_resource(tenant, definition, resource_id, parts, if_match)
        return related(tenant, definition, stored, projection)

    stored = change_at_once(
        store, sent.credentials, definition, resource_id, parts, if_match, projection, sent.leniences
    )
    if stored is None:
        stored = transact(store, sent.credentials, action)
    return resource_response(definition, stored, after_write(projection, definition, (parts.document,)))


@blueprint.patch("/<endpoint>/<resource_id>")
def change_resource(endpoint: str, resource_id: str) -> Response:
    """Change a resource (RFC 7644 §3.5.2): 200 with the resource, or 204 for a large group."""
    definition, sent = served_definition(endpoint), current_request()
    projection = requested_projection(definition)
    check_id(definition, resource_id)
    store, patch = current_site().store, prepare_patch(read_body(), definition, resource_id, sent.leniences)
    if_match = sent.environ.get("HTTP_IF_MATCH")

    def action(tenant: Tenant) -> StoredResource | None:
        stored = patch_resource(tenant, definition, resource_id, patch, if_match, sent.leniences)
        if definition.is_group and not _answers_group(tenant, resource_id, projection):
            return None
        return related(tenant, definition, stored, projection)

    stored: StoredResource | None = change_at_once(
        store, sent.credentials, definition, resource_id, patch, if_match, projection, sent.leniences
    )
    if stored is None:
        stored = transact(store, sent.credentials, action)
    if stored is None:
        return Response(status=204)
    return resource_response(definition, stored, after_write(projection, definition, specified(patch)))


@blueprint.delete("/<endpoint>/<resource_id>")
def remove_resource(endpoint: str, resource_id: str) -> Response:
    """Delete a resource (RFC 7644 §3.6)."""
    definition, sent = served_definition(endpoint), current_request()
    check_id(definition, resource_id)
    if_match = sent.environ.get("HTTP_IF_MATCH")
    transact(
        current_site().store,
        sent.credentials,
        lambda tenant: delete(tenant, definition, resource_id, if_match),
    )
    return Response(status=204)


def _answers_group(tenant: Tenant, group_id: str, projection: Projection) -> bool:
    """Return whether a PATCH of a group is answered with it: always when ``attributes`` asks for some."""
    if projection.included:
        return True
    connection = tenant.actor.connection
    if connection is not None and connection.profile.group_patch_answer == "never":
        return False
    if not projection.keeps("members"):
        return True
    return count_members(tenant, group_id, limit=SMALL_GROUP + 1) <= SMALL_GROUP


def _streamed(definition: ResourceDefinition, resource_id: str, projection: Projection) -> Response:
    """Answer a group with more members than are held at once."""
    base_url, snapshot = current_site().scim_url(), Snapshot()
    try:
        stored = get_resource(snapshot.tenant, definition, resource_id, projection)
    except Exception:
        snapshot.close()
        raise
    body = stream_resource(snapshot.tenant, definition, stored, base_url, projection)
    response = snapshot.response(body)
    response.headers["ETag"] = etag(stored.version, stored.groups)
    response.headers["Content-Location"] = location(base_url, definition, stored.id)
    return response


def resource_response(
    definition: ResourceDefinition, stored: StoredResource, projection: Projection, status: int = 200
) -> Response:
    """Return the answer that carries a resource, with its version and its place."""
    base_url = current_site().scim_url()
    place = location(base_url, definition, stored.id)
    body = resource_reply(stored, definition, base_url, projection)
    headers = {"ETag": etag(stored.version, stored.groups)}
    headers["Location" if status == 201 else "Content-Location"] = place
    return scim_response(body, status, **headers)


def not_modified(stored: StoredResource) -> Response | None:
    """Return a 304 where the client has this version already (RFC 7644 §3.14)."""
    tag = etag(stored.version, stored.groups)
    if _matches(current_request().environ.get("HTTP_IF_NONE_MATCH"), tag):
        return Response(status=304, headers={"ETag": tag})
    return None


def _matches(header: str | None, tag: str) -> bool:
    """Return whether an ``If-None-Match`` names a version (RFC 9110 §13.1.2, weak comparison)."""
    if header is None:
        return False
    tags = [each.strip().removeprefix("W/") for each in header.split(",")]
    return "*" in tags or tag.removeprefix("W/") in tags
