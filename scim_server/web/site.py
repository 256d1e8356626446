"""What the views of an app share: its settings, its store, its keys."""

from dataclasses import dataclass

from flask import current_app

from scim_server.protocol.cursors import CursorKey
from scim_server.store.health import RequestCounts
from scim_server.store.session import Store
from scim_server.store.tokens import DigestKey
from scim_server.web.limits import Limits
from scim_server.web.requests import SCIM_PREFIX, current_request

_KEY = "scim_server"


@dataclass(frozen=True, slots=True)
class Site:
    """One running server; ``base_url`` is None where it follows from the request's host."""

    store: Store
    digest_key: DigestKey
    cursor_key: CursorKey
    limits: Limits
    counts: RequestCounts
    base_url: str | None
    max_body_bytes: int

    def scim_url(self) -> str:
        """Return the SCIM base URL, without a slash at its end."""
        return f"{self.base_url or current_request().own_url}{SCIM_PREFIX}"


def current_site() -> Site:
    """Return the site of the app that serves this request."""
    site = current_app.extensions[_KEY]
    assert isinstance(site, Site)
    return site


def extension_key() -> str:
    """Return the key a site is kept under in ``app.extensions``."""
    return _KEY
