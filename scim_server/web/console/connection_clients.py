"""The OAuth clients of a connection: registered, their secrets rotated, disabled."""

from datetime import timedelta

from flask import flash, render_template, request
from flask_babel import gettext, ngettext
from scim2_models import NotFoundException

from scim_server.actions.clients import Registration, create_client, disable_client, rotate_secret
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.store.clients import OAuthClient, find_client
from scim_server.store.connections import ConnectionRecord
from scim_server.store.session import Tenant
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.connection_tokens import shown_once
from scim_server.web.console.connections import confirm, connection_of, opens_scim_alone
from scim_server.web.console.reading import check_id, chosen, typed
from scim_server.web.console.visits import Page, Visit, page
from scim_server.web.site import current_site

_SCOPE = "scim"
"""NB: the only one that these pages give, as to tokens."""

_KEPT_DAYS = ("7", "1", "30", "0")


@page("/connections/<connection>/clients/new", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def new_connection_client(visit: Visit, connection: str) -> Page:
    """Ask what a client is called, or register it; this answer alone has its secret."""
    found = visit.read(lambda tenant: connection_of(tenant, connection))
    if request.method == "GET":
        return _client_form(visit, found)
    try:
        asked = Registration(typed("name", 200), found.id, _SCOPE)
        client, secret = visit.write(lambda tenant: create_client(tenant, current_site().digest_key, asked))
    except (*Refusal, ValueError) as exc:
        return _client_form(visit, found, exc), getattr(exc, "status", 400)
    return shown_once(visit, found, client=client, secret=secret)


def _client_form(visit: Visit, connection: ConnectionRecord, problem: Exception | None = None) -> str:
    return render_template(
        "console/connection_client_form.html",
        visit=visit,
        connection=connection,
        problem=in_their_language(problem) if problem else None,
    )


def _found(tenant: Tenant, connection: str, client: str) -> tuple[ConnectionRecord, OAuthClient]:
    """Return a client of a connection of the organization.

    :raises NotFoundException: When there is no such connection, or it has no such client.
    """
    owner = connection_of(tenant, connection)
    found = find_client(tenant, check_id("client", client))
    if found is None or found.connection_id != owner.id:
        raise NotFoundException(detail="there is no such page")
    return owner, found


@page("/connections/<connection>/clients/<client>/rotate", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def rotate_client_secret(visit: Visit, connection: str, client: str) -> Page:
    """Ask how long the secret of a client is kept beside a new one, or give it that; this answer alone has it."""
    owner, found = visit.read(lambda tenant: _found(tenant, connection, client))
    if not opens_scim_alone(found.scope):
        raise NotFoundException(detail="there is no such page")
    if request.method == "GET":
        return _secret_form(visit, owner, found)
    try:
        keep = timedelta(days=int(chosen("keep", _KEPT_DAYS)))
        changed, secret = visit.write(lambda tenant: rotate_secret(tenant, current_site().digest_key, found.id, keep))
    except Refusal as exc:
        return _secret_form(visit, owner, found, exc), getattr(exc, "status", 409)
    return shown_once(visit, owner, client=changed, secret=secret, is_rotation=True)


def _secret_form(
    visit: Visit, connection: ConnectionRecord, client: OAuthClient, problem: Exception | None = None
) -> str:
    kept = [
        (
            days,
            ngettext("%(num)d day", "%(num)d days", int(days)) if days != "0" else gettext("No time: it ends at once"),
        )
        for days in _KEPT_DAYS
    ]
    return render_template(
        "console/connection_secret_form.html",
        visit=visit,
        connection=connection,
        client=client,
        kept=kept,
        problem=in_their_language(problem) if problem else None,
    )


@page("/connections/<connection>/clients/<client>/disable", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def disable_connection_client(visit: Visit, connection: str, client: str) -> Page:
    """Say what disabling a client does, or do it."""
    owner, found = visit.read(lambda tenant: _found(tenant, connection, client))
    if request.method == "POST":
        visit.write(lambda tenant: disable_client(tenant, found.id))
        flash(gettext("The client %(name)s is disabled.", name=found.name), "success")
        return visit.redirect("connection_page", connection=owner.id)
    return confirm(
        visit,
        owner,
        title=gettext("Disable the client %(name)s?", name=found.name),
        sentences=[
            gettext("It gets no token any more, and those it has are refused within a second."),
            gettext("It cannot be enabled again; register another one in its place."),
            gettext("People keep their access."),
        ],
        button=gettext("Disable"),
        style="danger",
    )
