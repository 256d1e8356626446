"""Setting up an identity provider, step by step: what to click there, what to paste, and whether it has called."""

from dataclasses import dataclass
from datetime import datetime

from flask import render_template, request

from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.store.connections import ConnectionRecord
from scim_server.store.health import ConnectionHealth, read_health
from scim_server.store.session import Tenant
from scim_server.store.tokens import last_use, list_of_connections
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.connection_tokens import issue, lifetimes
from scim_server.web.console.connections import PAGE, PROVIDERS, connection_of, in_their_language_of, provider_names
from scim_server.web.console.visits import Page, Visit, page
from scim_server.web.site import current_site


@dataclass(frozen=True, slots=True)
class _State:
    """What a guide shows of its connection."""

    connection: ConnectionRecord
    has_token: bool
    used_at: datetime | None
    health: ConnectionHealth


@page("/connections/<connection>/guide", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def connection_guide(visit: Visit, connection: str) -> Page:
    """Show how to set up the other side of a connection, or issue its token, which this answer alone has."""
    if request.method == "GET":
        return _guide(visit, connection)
    try:
        token = issue(visit, connection)
    except Refusal as exc:
        return _guide(visit, connection, problem=exc), getattr(exc, "status", 409)
    return _guide(visit, connection, token=token)


def _guide(visit: Visit, connection: str, *, token: str | None = None, problem: Exception | None = None) -> str:
    def read(tenant: Tenant) -> _State:
        found = connection_of(tenant, connection)
        live = list_of_connections(tenant, [found.id], only_live=True, limit=PAGE)
        has_token = any(each.user_id is None for each in live)
        return _State(found, has_token, last_use(tenant, found.id), read_health(tenant, found.id, limit=1))

    state = visit.read(read)
    provider = request.args.get("provider", "")
    if provider not in PROVIDERS:
        provider = _provider_of(state.connection)
    # A use is written at once, the counts some seconds later.
    arrived_at = max(filter(None, (state.used_at, state.health.last_request_at)), default=None)
    error = state.health.last_error_detail
    return render_template(
        "console/connection_guide.html",
        visit=visit,
        connection=state.connection,
        provider=provider,
        providers=provider_names(),
        scim_url=current_site().scim_url(),
        token_url=f"{current_site().origin()}/oauth/token",
        has_token=state.has_token,
        token=token,
        lifetimes=lifetimes(),
        arrived_at=arrived_at,
        last_error=in_their_language_of(error) if error else None,
        problem=in_their_language(problem) if problem else None,
    )


def _provider_of(connection: ConnectionRecord) -> str:
    """Return whose guide suits a connection: that of its profile, else that of its name."""
    if connection.profile in PROVIDERS:
        return connection.profile
    name = connection.name.casefold()
    return next((key for key in PROVIDERS if key in name), "other")
