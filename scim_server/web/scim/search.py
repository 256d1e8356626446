"""Lists and searches: GET of an endpoint or of the root, POST to ``/.search`` (RFC 7644 §3.4.2, §3.4.3)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn

from flask import Blueprint, Response
from werkzeug.exceptions import MethodNotAllowed

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.cursors import Position, fingerprint, read_cursor, write_cursor
from scim_server.protocol.queries import Query, read_query, read_search
from scim_server.protocol.replies import Page, list_head, list_reply, resource_reply
from scim_server.store.search import Found, search_resources
from scim_server.store.session import begin
from scim_server.web.requests import current_request, scim_response
from scim_server.web.scim.reading import read_body, served_definition
from scim_server.web.scim.streaming import Snapshot, stream_resource
from scim_server.web.site import current_site

Definitions = tuple[ResourceDefinition, ...]

blueprint = Blueprint("search", __name__)


@blueprint.get("")
def list_all() -> Response:
    """List resources of every type as one collection (RFC 7644 §3.4.2.1)."""
    definitions = current_site().store.catalog.definitions
    return _answer(definitions, read_query(current_request().args, definitions))


@blueprint.get("/<endpoint>")
def list_resources(endpoint: str) -> Response:
    """List resources of one type."""
    definitions = (served_definition(endpoint),)
    return _answer(definitions, read_query(current_request().args, definitions))


@blueprint.post("/.search")
def search_all() -> Response:
    """Search resources of every type."""
    definitions = current_site().store.catalog.definitions
    return _answer(definitions, read_search(read_body(), definitions, current_request().leniences))


@blueprint.post("/<endpoint>/.search")
def search_one(endpoint: str) -> Response:
    """Search resources of one type."""
    definitions = (served_definition(endpoint),)
    return _answer(definitions, read_search(read_body(), definitions, current_request().leniences))


@blueprint.route("/.search", methods=["GET", "PUT", "PATCH", "DELETE"])
@blueprint.route("/<endpoint>/.search", methods=["GET", "PUT", "PATCH", "DELETE"])
def refuse_search(endpoint: str = "") -> NoReturn:
    """Refuse every other method, before ``.search`` is looked for among the resources."""
    raise MethodNotAllowed(valid_methods=["POST", "OPTIONS"])


def _answer(definitions: Definitions, query: Query) -> Response:
    site = current_site()
    scan = _fingerprint(definitions, query)
    position = None
    if query.cursor:
        now = site.store.clock()
        count, position = read_cursor(site.cursor_key, query.cursor, scan, query.count, now)
        query = replace(query, count=count)
    with begin(site.store, current_request().credentials, write=False) as tenant:
        found = search_resources(tenant, definitions, query, position)
    if any(stored.streams_members for _, stored in found.resources):
        return _streamed(definitions, query, position, scan)
    base_url = site.scim_url()
    resources = (
        resource_reply(stored, definition, base_url, query.projection) for definition, stored in found.resources
    )
    return scim_response(list_reply(resources, _page(query, found, scan)))


def _streamed(definitions: Definitions, query: Query, position: Position | None, scan: str) -> Response:
    """Answer a list whose groups have more members than are held at once."""
    base_url, snapshot = current_site().scim_url(), Snapshot()
    try:
        found = search_resources(snapshot.tenant, definitions, query, position)
    except Exception:
        snapshot.close()
        raise
    head = list_head(len(found.resources), _page(query, found, scan))

    def body() -> Iterator[bytes]:
        separator = head
        for definition, stored in found.resources:
            yield separator
            yield from stream_resource(snapshot.tenant, definition, stored, base_url, query.projection)
            separator = b","
        yield b"]}"

    return snapshot.response(body())


def _page(query: Query, found: Found, scan: str) -> Page:
    if query.cursor is None:
        return Page(found.total, start_index=query.start_index)
    return Page(
        found.total,
        next_cursor=_cursor(query, found.following, scan),
        previous_cursor=_cursor(query, found.preceding, scan),
    )


def _cursor(query: Query, position: Position | None, scan: str) -> str | None:
    if position is None:
        return None
    site = current_site()
    return write_cursor(site.cursor_key, scan, query.count or 0, position, site.store.clock())


def _fingerprint(definitions: Definitions, query: Query) -> str:
    """Return what a cursor is bound to: who asks, and for what in which order."""
    credentials = current_request().credentials
    assert credentials.actor.connection is not None
    return fingerprint(
        credentials.org_id,
        credentials.actor.connection.id,
        [definition.name for definition in definitions],
        query.filter,
        query.sort_by,
        query.descending,
    )
