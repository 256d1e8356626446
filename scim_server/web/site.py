"""What the views of an app share: its settings, its store, its keys."""

import time
from dataclasses import dataclass, field
from datetime import timedelta

from flask import current_app

from scim_server.protocol.cursors import CursorKey
from scim_server.protocol.idempotency import AnswerKey
from scim_server.store.health import RequestCounts
from scim_server.store.session import Store
from scim_server.store.tokens import DigestKey
from scim_server.web.limits import Limits
from scim_server.web.oauth.keys import PublishedKeys
from scim_server.web.refusals import RecentlyRefused
from scim_server.web.requests import SCIM_PREFIX, current_request

LEAK_REPORTS_A_MINUTE = 60

_KEY = "scim_server"


class Budget:
    """So many in a minute, in each process: what nobody proves a right to costs a bounded amount of work."""

    def __init__(self, in_a_minute: int) -> None:
        self._in_a_minute = in_a_minute
        self._minute, self._taken = 0, 0

    def take(self) -> bool:
        """Take one; return whether there was one left."""
        minute = int(time.monotonic() / 60)
        if minute != self._minute:
            self._minute, self._taken = minute, 0
        self._taken += 1
        return self._taken <= self._in_a_minute


@dataclass(frozen=True, slots=True)
class Site:
    """One running server; ``base_url`` is None where it follows from the request's host."""

    store: Store
    digest_key: DigestKey
    cursor_key: CursorKey
    answer_key: AnswerKey
    limits: Limits
    counts: RequestCounts
    base_url: str | None
    max_body_bytes: int
    access_token_lifetime: timedelta
    refused: RecentlyRefused = field(default_factory=RecentlyRefused)
    published_keys: PublishedKeys = field(default_factory=PublishedKeys)
    leak_reports: Budget = field(default_factory=lambda: Budget(LEAK_REPORTS_A_MINUTE))

    def origin(self) -> str:
        """Return the URL before every path, without a slash at its end; it names the server as an OAuth issuer."""
        return self.base_url or current_request().own_url or ""

    def scim_url(self) -> str:
        """Return the SCIM base URL, without a slash at its end."""
        return f"{self.origin()}{SCIM_PREFIX}"


def current_site() -> Site:
    """Return the site of the app that serves this request."""
    site = current_app.extensions[_KEY]
    assert isinstance(site, Site)
    return site


def extension_key() -> str:
    """Return the key a site is kept under in ``app.extensions``."""
    return _KEY
