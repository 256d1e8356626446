"""Counting what each connection sends, which is its health."""

import time

import structlog
from flask import Response

from scim_server.store.session import Credentials
from scim_server.web.requests import current_request
from scim_server.web.site import Site, current_site

log = structlog.get_logger("scim_server")


def count_request(response: Response) -> Response:
    """Count a request of a connection; now and then, after it is answered, write what was counted."""
    sent = current_request()
    credentials: Credentials | None = getattr(sent, "credentials", None)
    if credentials is not None and credentials.actor.connection is not None:
        site, connection_id = current_site(), credentials.actor.connection.id
        site.counts.count(credentials.org_id, connection_id, time.time(), response.status_code, sent.error_detail)
        if site.counts.is_due():
            response.call_on_close(lambda: write_counts(site))
    return response


def write_counts(site: Site, *, patiently: bool = False) -> None:
    """Write what was counted; that this fails is worth no request, nor the end of a process."""
    try:
        site.counts.write(site.store, patiently=patiently)
    except Exception as exc:
        log.error("counts not written", exc_info=exc)
