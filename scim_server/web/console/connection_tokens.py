"""The tokens of a connection: issued, rotated in steps, revoked; each is shown once, in the answer that makes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import flash, render_template, request
from flask_babel import format_datetime, gettext, ngettext
from scim2_models import ConflictException, NotFoundException

from scim_server.actions.organizations import UnknownError
from scim_server.actions.tokens import (
    cancel_rotation,
    complete_rotation,
    issue_token,
    listed,
    revoke,
    start_rotation,
)
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.store.connections import ConnectionRecord
from scim_server.store.session import Tenant
from scim_server.store.tokens import TokenRecord, get_token, list_of_connections
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.connections import PAGE, confirm, connection_of, opens_scim_alone
from scim_server.web.console.reading import check_id, chosen, text_in_query
from scim_server.web.console.visits import Page, Visit, page
from scim_server.web.site import current_site

_SCOPE = "scim"
"""NB: the only one that these pages issue: with any other, a token could do what its issuer may not."""

_LIFETIMES = ("90", "180", "365", "730", "")
_OVERLAPS = ("7", "30", "")


def lifetimes() -> list[tuple[str, str]]:
    """Return how long a token can live, the advised one first."""
    return [(days, _days(days) if days else gettext("Until it is revoked")) for days in ("365", "90", "180", "730", "")]


def _days(number: str) -> str:
    return ngettext("%(num)d day", "%(num)d days", int(number))


def _duration(name: str, choices: tuple[str, ...]) -> timedelta | None:
    days = chosen(name, choices)
    return timedelta(days=int(days)) if days else None


def issue(visit: Visit, connection: str) -> str:
    """Issue a token for a connection with the lifetime of the form, and return it."""
    lifetime = _duration("lifetime", _LIFETIMES)

    def action(tenant: Tenant) -> str:
        found = connection_of(tenant, connection)
        return issue_token(tenant, current_site().digest_key, found.id, _SCOPE, lifetime)[1]

    return visit.write(action)


@page("/connections/<connection>/tokens", permission=MANAGE_MEMBERS)
def connection_tokens(visit: Visit, connection: str) -> Page:
    """List all tokens of a connection, those that have ended too."""

    def read(tenant: Tenant) -> tuple[ConnectionRecord, list[TokenRecord]]:
        found = connection_of(tenant, connection)
        return found, list_of_connections(tenant, [found.id], after=text_in_query("after"), limit=PAGE + 1)

    found, tokens = visit.read(read)
    following = None
    if len(tokens) > PAGE:
        following = visit.url("connection_tokens", connection=connection, after=tokens[PAGE - 1].id)
    now = current_site().store.clock()
    return render_template(
        "console/connection_tokens.html",
        visit=visit,
        connection=found,
        tokens=[listed(each, now) for each in tokens[:PAGE]],
        following=following,
        now=now,
    )


@page("/connections/<connection>/tokens/new", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def new_connection_token(visit: Visit, connection: str) -> Page:
    """Ask how long a token is to live, or issue it; this answer alone has it."""
    found = visit.read(lambda tenant: connection_of(tenant, connection))
    if request.method == "GET":
        return _token_form(visit, found)
    try:
        token = issue(visit, connection)
    except Refusal as exc:
        return _token_form(visit, found, problem=exc), getattr(exc, "status", 409)
    return shown_once(visit, found, token=token)


def _token_form(
    visit: Visit, connection: ConnectionRecord, old: TokenRecord | None = None, problem: Exception | None = None
) -> str:
    return render_template(
        "console/connection_token_form.html",
        visit=visit,
        connection=connection,
        old=old,
        lifetimes=lifetimes(),
        overlaps=[
            ("", gettext("When I complete the rotation")),
            *((each, gettext("By itself after %(days)s", days=_days(each))) for each in _OVERLAPS if each),
        ],
        problem=in_their_language(problem) if problem else None,
    )


def shown_once(visit: Visit, connection: ConnectionRecord, **shown: object) -> str:
    """Return the page that shows a token, or the secret of a client, this once."""
    site = current_site()
    urls = {"scim_url": site.scim_url(), "token_url": f"{site.origin()}/oauth/token"}
    return render_template("console/connection_secret.html", visit=visit, connection=connection, **urls, **shown)


def _found(tenant: Tenant, connection: str, token: str) -> tuple[ConnectionRecord, TokenRecord]:
    """Return a static token of a connection of the organization.

    :raises NotFoundException: When there is no such connection, or it has no such token.
    """
    owner = connection_of(tenant, connection)
    found = get_token(tenant, check_id("token", token))
    if found is None or found.connection_id != owner.id or found.kind != "static":
        raise NotFoundException(detail="there is no such page")
    return owner, found


@page("/connections/<connection>/tokens/<token>/rotate", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def rotate_connection_token(visit: Visit, connection: str, token: str) -> Page:
    """Say how a rotation goes, or issue the token that takes the place of this one; this answer alone has it."""
    found, old = visit.read(lambda tenant: _found(tenant, connection, token))
    if old.user_id is not None or not opens_scim_alone(old.scope):
        raise NotFoundException(detail="there is no such page")
    if request.method == "GET":
        return _token_form(visit, found, old)
    try:
        ends = _duration("lifetime", _LIFETIMES), _duration("overlap", _OVERLAPS)
        _, value = visit.write(lambda tenant: start_rotation(tenant, current_site().digest_key, old.id, *ends))
    except UnknownError:
        return _token_form(visit, found, old, ConflictException(detail="this token opens nothing any more")), 409
    except Refusal as exc:
        return _token_form(visit, found, old, exc), getattr(exc, "status", 409)
    return shown_once(visit, found, token=value, is_rotation=True)


@contextmanager
def _rotation_under_way() -> Iterator[None]:
    """Say in the words of a page what the action says in those of the command line."""
    try:
        yield
    except UnknownError as exc:
        raise ConflictException(detail="no rotation of this token is under way") from exc


@page("/connections/<connection>/tokens/<token>/complete", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def complete_token_rotation(visit: Visit, connection: str, token: str) -> Page:
    """Say what completing a rotation does, or revoke the old token."""
    found, named = visit.read(lambda tenant: _found(tenant, connection, token))
    if request.method == "POST":
        with _rotation_under_way():
            visit.write(lambda tenant: complete_rotation(tenant, named.id))
        flash(gettext("The rotation is complete. The old token opens nothing any more."), "success")
        return visit.redirect("connection_page", connection=found.id)
    return confirm(
        visit,
        found,
        title=gettext("Complete the rotation?"),
        sentences=[
            gettext("The old token is revoked and refused within a second, for good; the new one stays."),
            gettext("Do this once the identity provider has the new token: its last use is beside it in the list."),
        ],
        button=gettext("Complete the rotation"),
        style="primary",
    )


@page("/connections/<connection>/tokens/<token>/cancel", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def cancel_token_rotation(visit: Visit, connection: str, token: str) -> Page:
    """Say what cancelling a rotation does, or revoke the new token."""
    found, named = visit.read(lambda tenant: _found(tenant, connection, token))
    if request.method == "POST":
        with _rotation_under_way():
            visit.write(lambda tenant: cancel_rotation(tenant, named.id))
        flash(gettext("The rotation is cancelled. The old token stays."), "success")
        return visit.redirect("connection_page", connection=found.id)
    return confirm(
        visit,
        found,
        title=gettext("Cancel the rotation?"),
        sentences=[
            gettext("The new token is revoked and refused within a second, for good."),
            gettext("The old one stays, and ends when it would have ended before."),
        ],
        button=gettext("Cancel the rotation"),
        style="danger",
    )


@page("/connections/<connection>/tokens/<token>/revoke", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def revoke_connection_token(visit: Visit, connection: str, token: str) -> Page:
    """Say what revoking a token does, or revoke it."""
    found, named = visit.read(lambda tenant: _found(tenant, connection, token))
    if request.method == "POST":
        visit.write(lambda tenant: revoke(tenant, named.id))
        flash(gettext("The token is revoked."), "success")
        return visit.redirect("connection_page", connection=found.id)
    used = [gettext("It has not been used yet.")]
    if named.last_used_at is not None:
        used = [gettext("It was last used on %(moment)s.", moment=format_datetime(named.last_used_at, "medium"))]
    return confirm(
        visit,
        found,
        title=gettext("Revoke this token?"),
        sentences=[
            *used,
            gettext("Requests with it are refused within a second. It cannot be taken back."),
            gettext("People keep their access. To change the token without a gap, rotate it instead."),
        ],
        button=gettext("Revoke"),
        style="danger",
    )
