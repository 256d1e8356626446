"""Answers too large to hold: groups with many members, streamed from one state of the database."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from flask import Response

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.projection import Projection
from scim_server.protocol.replies import StoredResource, group_stream, resource_reply
from scim_server.store.memberships import stream_members
from scim_server.store.session import Tenant, begin_snapshot
from scim_server.web.requests import SCIM_MEDIA_TYPE, current_request
from scim_server.web.site import current_site


class Snapshot:
    """One state of the database, open until the answer that is streamed from it has gone out."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        opened = begin_snapshot(current_site().store, current_request().credentials)
        self.tenant: Tenant = self._stack.enter_context(opened)

    def close(self) -> None:
        """Give the connection back."""
        self._stack.close()

    def response(self, body: Iterable[bytes]) -> Response:
        """Return an answer that gives the connection back once it is sent or its client has gone."""
        response = Response(body, content_type=SCIM_MEDIA_TYPE)
        response.call_on_close(self.close)
        return response


def stream_resource(
    tenant: Tenant,
    definition: ResourceDefinition,
    stored: StoredResource,
    base_url: str,
    projection: Projection,
) -> Iterator[bytes]:
    """Yield a resource, the members of a large group chunk by chunk."""
    reply = resource_reply(stored, definition, base_url, projection)
    if stored.streams_members:
        yield from group_stream(reply, stream_members(tenant, stored.id), definition, base_url, projection)
    else:
        yield reply
