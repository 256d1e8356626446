"""The operator's pages: every organization, how it does, and whether its tokens are taken.

They belong to no organization, and no organization can have their name in the address.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from flask import flash, redirect, render_template, request, session, url_for
from flask_babel import gettext
from scim2_models import ForbiddenException, SCIMException, UnauthorizedException
from werkzeug.wrappers import Response as AnyResponse

from scim_server.actions.authority import is_in_recovery
from scim_server.actions.organizations import resume_organization, suspend_organization
from scim_server.actions.seat import Seat, seat_of
from scim_server.protocol.scopes import OPERATOR
from scim_server.store.connections import ConnectionRecord, list_connections
from scim_server.store.hand_overs import HandOver, find_open, list_hand_overs
from scim_server.store.health import ConnectionHealth, read_health
from scim_server.store.lookups import total_of
from scim_server.store.organizations import Organization, list_organizations
from scim_server.store.session import Actor, Credentials, Tenant, begin, begin_platform, transact
from scim_server.web.authentication import prove
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.reading import id_in_query, text_in_query
from scim_server.web.console.visits import CONSOLE_PREFIX, Page, View, blueprint, is_https, organization_named
from scim_server.web.site import current_site

T = TypeVar("T")
PATH = "/operator"
COOKIE = "scim_operator"
ORGANIZATIONS_SHOWN = 20
CONNECTIONS_SHOWN = 20
HAND_OVERS_SHOWN = 20
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Operation:
    """One request of an operator, whose token was proved; in an organization they act as its operator."""

    credentials: Credentials

    def in_organization(self, organization: Organization) -> Credentials:
        """Return the credentials to act in an organization."""
        actor = self.credentials.actor
        acting = Actor("operator", actor.id, None, actor.scopes)
        return Credentials(organization.id, acting, self.credentials.request_id)

    def read(self, organization: Organization, read: Callable[[Tenant], T]) -> T:
        """Return what is read in an organization."""
        with begin(current_site().store, self.in_organization(organization), write=False) as tenant:
            return read(tenant)

    def write(self, organization: Organization, action: Callable[[Tenant], T]) -> T:
        """Run an action in an organization, in one transaction."""
        return transact(current_site().store, self.in_organization(organization), action)


def operator_page(path: str, *, methods: tuple[str, ...] = ("GET",)) -> Callable[[View], View]:
    """Serve a view at a path below ``/console/operator`` to who is signed in as an operator."""

    def serve(view: View) -> View:
        blueprint.add_url_rule(f"{PATH}{path}", view.__name__, partial(_serve, view), methods=methods)
        return view

    return serve


def _serve(view: View, **arguments: str) -> Page:
    token = request.cookies.get(COOKIE)
    if not token:
        return _to_sign_in()
    try:
        operation = Operation(_prove_operator(token))
    except (UnauthorizedException, ForbiddenException):
        # It has expired, or was revoked: who has it signs in with another.
        return _to_sign_in()
    try:
        return view(operation, **arguments)
    except Refusal as exc:
        status = getattr(exc, "status", 409)
        return render_template("console/operator/refused.html", problem=in_their_language(exc)), status


def _to_sign_in() -> AnyResponse:
    asked = request.full_path.rstrip("?") if request.method == "GET" else None
    response = redirect(url_for("console.operator_sign_in", next=asked), 303)
    response.delete_cookie(COOKIE, **_cookie())
    return response


def _prove_operator(token: str) -> Credentials:
    """Return what a token proves, which must be an operator's.

    :raises UnauthorizedException: When it proves nothing.
    :raises ForbiddenException: When it is not an operator's.
    """
    credentials = prove(token)
    if OPERATOR not in credentials.actor.scopes:
        raise ForbiddenException(detail="this token is not an operator's; issue one with the scope operator")
    return credentials


def _cookie() -> dict[str, Any]:
    """Return how the token is kept in the browser: for these pages alone, out of reach of scripts and other sites.

    NB: it is the token itself, not a session that stands for it. The server keeps a digest of it and nothing else,
    revoking it ends what it opened within a second, and its end is the end of that too: a session would be a second
    credential to keep, to end and to forget.
    """
    return {"path": f"{CONSOLE_PREFIX}{PATH}", "secure": is_https(), "httponly": True, "samesite": "Strict"}


@blueprint.route(f"{PATH}/sign-in", methods=("GET", "POST"))
def operator_sign_in() -> Page:
    """Show the form of the operator's sign-in, or take the token that was pasted into it."""
    if request.method == "GET":
        return _sign_in_form()
    token = request.form.get("token", "").strip()
    try:
        _prove_operator(token)
    except UnauthorizedException as exc:
        return _sign_in_form(gettext("This token opens nothing: it is unknown, revoked or expired.")), exc.status
    except SCIMException as exc:
        return _sign_in_form(in_their_language(exc)), exc.status
    # What was begun before in this browser ends here; the language stays.
    language = session.get("language")
    session.clear()
    if language:
        session["language"] = language
    response = redirect(_own_page(request.form.get("next")), 303)
    response.set_cookie(COOKIE, token, **_cookie())
    return response


def _sign_in_form(problem: str | None = None) -> str:
    return render_template("console/operator/sign_in.html", problem=problem, next=request.values.get("next", ""))


def _own_page(path: str | None) -> str:
    """Return where a sign-in leads to: the operator's page that was asked for, else the first."""
    home = url_for("console.operator_organizations")
    # Whatever stands there is one path of this server, and one of these pages.
    return path if path and path.startswith((f"{home}/", f"{home}?")) and "\\" not in path else home


@operator_page("/sign-out", methods=("POST",))
def operator_sign_out(_operation: Operation) -> Page:
    """Forget the token in this browser; it stays good until it is revoked."""
    session.clear()
    response = redirect(url_for("console.operator_sign_in"), 303)
    response.delete_cookie(COOKIE, **_cookie())
    return response


@dataclass(frozen=True, slots=True)
class Figures:
    """What is shown of an organization in a list; ``request`` is the hand-over that waits for a decision."""

    organization: Organization
    members: int
    in_recovery: bool
    request: HandOver | None
    has_profile: bool = True


@operator_page("")
def operator_organizations(operation: Operation) -> Page:
    """List the organizations, all or those whose short name or name begins with what was typed."""
    beginning, after = text_in_query("q"), text_in_query("after")
    with begin_platform(current_site().store, write=False) as platform:
        found = list_organizations(platform, after=after, limit=ORGANIZATIONS_SHOWN + 1, beginning=beginning)
    # Each in its own tenant: no statement reaches into two organizations.
    shown = [operation.read(each, partial(_figures, each)) for each in found[:ORGANIZATIONS_SHOWN]]
    following = found[ORGANIZATIONS_SHOWN - 1].slug if len(found) > ORGANIZATIONS_SHOWN else None
    searched = beginning or None
    return render_template(
        "console/operator/organizations.html",
        shown=shown,
        q=beginning,
        following=url_for("console.operator_organizations", q=searched, after=following) if following else "",
        first=url_for("console.operator_organizations", q=searched) if after else "",
        status_name=status_name,
    )


def _figures(organization: Organization, tenant: Tenant) -> Figures:
    members = total_of(tenant, tenant.catalog.by_name("User"))
    if organization.status == "deleting":
        return Figures(organization, members, in_recovery=False, request=None)
    profile = tenant.portals.get(organization.portal)
    if profile is None:
        return Figures(organization, members, in_recovery=False, request=find_open(tenant), has_profile=False)
    return Figures(organization, members, is_in_recovery(tenant, profile, organization), find_open(tenant))


def status_name(status: str) -> str:
    """Return the status of an organization in words."""
    return {"active": gettext("Active"), "suspended": gettext("Suspended"), "deleting": gettext("Being deleted")}[
        status
    ]


def kind_of(hand_over: HandOver) -> str:
    """Return what a request asks for, in words."""
    kinds = {
        "designation": gettext("Validation of a designated administrator"),
        "hand_over": gettext("Hand-over from one administrator to another"),
        "recovery": gettext("Recovery: the organization has lost its administrator"),
    }
    return kinds[hand_over.kind]


def status_of(hand_over: HandOver) -> str:
    """Return whether and how a request was decided, in words."""
    statuses = {
        "requested": gettext("Waits for a decision"),
        "approved": gettext("Approved"),
        "rejected": gettext("Rejected"),
        "withdrawn": gettext("Withdrawn"),
    }
    return statuses[hand_over.status]


@operator_page("/organizations/<slug>")
def operator_organization(operation: Operation, slug: str) -> Page:
    """Show one organization: its seat, its connections and how they do, and what was asked of the operator."""
    organization = organization_named(slug)
    connections_after, before = text_in_query("after"), id_in_query("before")

    def read(tenant: Tenant) -> dict[str, Any]:
        connections = list_connections(tenant, after=connections_after, limit=CONNECTIONS_SHOWN + 1)
        asked = list_hand_overs(tenant, before=before or None, limit=HAND_OVERS_SHOWN + 1)
        return {
            "figures": _figures(organization, tenant),
            "seat": _seat(tenant, organization),
            "connections": [_with_health(tenant, each) for each in connections[:CONNECTIONS_SHOWN]],
            "following_connection": connections[CONNECTIONS_SHOWN - 1].name
            if len(connections) > CONNECTIONS_SHOWN
            else None,
            "hand_overs": asked[:HAND_OVERS_SHOWN],
            "following_hand_over": asked[HAND_OVERS_SHOWN - 1].id if len(asked) > HAND_OVERS_SHOWN else None,
        }

    return render_template(
        "console/operator/organization.html",
        organization=organization,
        status_name=status_name,
        kind_of=kind_of,
        status_of=status_of,
        is_first=not (connections_after or before),
        **operation.read(organization, read),
    )


def _seat(tenant: Tenant, organization: Organization) -> Seat | None:
    return seat_of(tenant, organization) if organization.portal in tenant.portals else None


def _with_health(tenant: Tenant, connection: ConnectionRecord) -> tuple[ConnectionRecord, ConnectionHealth, int, int]:
    """Return a connection with its health, and how many requests and errors it had in the last day."""
    health = read_health(tenant, connection.id)
    day = [each for each in health.hours if each.hour > tenant.now - DAY]
    return connection, health, sum(each.requests for each in day), sum(each.errors for each in day)


@operator_page("/organizations/<slug>/suspend", methods=("GET", "POST"))
def operator_suspend(operation: Operation, slug: str) -> Page:
    """Say what suspending an organization does, or do it."""
    organization = organization_named(slug)
    if request.method == "GET":
        return render_template("console/operator/suspend.html", organization=organization)
    operation.write(organization, suspend_organization)
    flash(gettext("%(name)s is suspended.", name=organization.name), "success")
    return redirect(url_for("console.operator_organization", slug=organization.slug), 303)


@operator_page("/organizations/<slug>/resume", methods=("GET", "POST"))
def operator_resume(operation: Operation, slug: str) -> Page:
    """Say what resuming an organization does, or do it."""
    organization = organization_named(slug)
    if request.method == "GET":
        return render_template("console/operator/resume.html", organization=organization)
    operation.write(organization, resume_organization)
    flash(gettext("%(name)s is active again.", name=organization.name), "success")
    return redirect(url_for("console.operator_organization", slug=organization.slug), 303)
