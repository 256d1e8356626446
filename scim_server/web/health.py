"""``/healthz``: the process answers. ``/readyz``: the database does too, at the newest version."""

from flask import Blueprint, Response

from scim_server.protocol.errors import UnavailableException
from scim_server.store.revision import is_current
from scim_server.web.site import current_site

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer that the process lives."""
    return Response("ok\n", content_type="text/plain")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer whether requests can be served."""
    try:
        current = is_current(current_site().store)
    except UnavailableException:
        return Response("the database does not answer\n", 503, content_type="text/plain")
    if not current:
        return Response("the database needs `scim-server db upgrade`\n", 503, content_type="text/plain")
    return Response("ready\n", content_type="text/plain")
