"""A request of a page: who makes it, what they may do, and what every answer has.

A page of the console declares what it takes to see it. What it is given is a :class:`Visit`, through which it reads
and acts as the member who is signed in: the rules of ``actions`` hold for them as they do for the API on behalf of one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import orjson
from flask import Blueprint, g, redirect, render_template, request, url_for
from scim2_models import NotFoundException
from werkzeug.wrappers import Response as AnyResponse

from scim_server.actions.authority import holdings
from scim_server.actions.consents import missing_consents
from scim_server.actions.organizations import SLUG
from scim_server.actions.portals import portal_of
from scim_server.actions.seat import Seat, seat_of
from scim_server.protocol.people import language_of, name_of
from scim_server.protocol.permissions import effective
from scim_server.protocol.portals import MANAGE_MEMBERS, Permissions, PortalProfile
from scim_server.store.member_sessions import SessionRecord, find_session
from scim_server.store.members import MemberRecord, get_member
from scim_server.store.organizations import Organization, find_organization
from scim_server.store.session import Actor, Credentials, Tenant, begin, begin_platform, transact
from scim_server.web.requests import current_request
from scim_server.web.site import current_site

T = TypeVar("T")
CONSOLE_PREFIX = "/console"
SESSION_COOKIE = "scim_session"

blueprint = Blueprint(
    "console", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)

Page = str | AnyResponse | tuple[str, int]
View = Callable[..., Page]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a member who is signed in to their organization; ``permissions`` are what they have now."""

    organization: Organization
    profile: PortalProfile
    member: MemberRecord
    session: SessionRecord
    credentials: Credentials
    permissions: Permissions
    owes_consent: bool

    @property
    def name(self) -> str:
        """What the member is called."""
        return name_of(orjson.loads(self.member.document))

    @property
    def initials(self) -> str:
        """The first letters of what the member is called."""
        words = self.name.split()
        return "".join(each[0] for each in (words[:1] + words[1:][-1:])).upper()

    @property
    def language(self) -> str:
        """The language to speak to the member in, ``fr`` or ``en``."""
        return language_of(
            orjson.loads(self.member.document), self.organization.language, self.profile.policy.languages
        )

    @property
    def manages(self) -> bool:
        """Whether the member administers the others."""
        return MANAGE_MEMBERS in self.permissions

    def may(self, permission: str) -> bool:
        """Return whether the member has a permission."""
        return permission in self.permissions

    def read(self, read: Callable[[Tenant], T]) -> T:
        """Return what is read in the organization."""
        with begin(current_site().store, self.credentials, write=False) as tenant:
            return read(tenant)

    def write(self, action: Callable[[Tenant], T]) -> T:
        """Run an action in the organization as the member, in one transaction."""
        return transact(current_site().store, self.credentials, action)

    def url(self, endpoint: str, **values: Any) -> str:
        """Return the address of another page of the organization."""
        return url_for(f"console.{endpoint}", organization=self.organization.slug, **values)

    def redirect(self, endpoint: str, **values: Any) -> AnyResponse:
        """Return the answer that leads to another page, which is read anew (RFC 9110 §15.4.4)."""
        return redirect(self.url(endpoint, **values), 303)


def is_https() -> bool:
    """Return whether browsers reach the server by HTTPS."""
    return current_site().origin().startswith("https://")


def page(
    path: str, *, permission: str | None = None, methods: tuple[str, ...] = ("GET",), owes_consent: bool = False
) -> Callable[[View], View]:
    """Serve a view at a path below ``/console/{organization}`` to members who are signed in.

    :param permission: What it takes, None where every member with access may.
    :param owes_consent: Whether it is also for who has not agreed yet to what the portal asks.
    """

    def serve(view: View) -> View:
        blueprint.add_url_rule(
            f"/<organization>{path}",
            view.__name__,
            partial(_serve, view, permission, owes_consent),
            methods=methods,
        )
        return view

    return serve


def open_page(path: str, *, methods: tuple[str, ...] = ("GET",)) -> Callable[[View], View]:
    """Serve a view at a path below ``/console/{organization}`` to anybody: it is given the organization."""

    def serve(view: View) -> View:
        blueprint.add_url_rule(f"/<organization>{path}", view.__name__, partial(_serve_open, view), methods=methods)
        return view

    return serve


def _serve_open(view: View, organization: str, **arguments: str) -> Page:
    return view(organization_named(organization), **arguments)


def _serve(view: View, permission: str | None, owes_consent: bool, organization: str, **arguments: str) -> Page:
    visit = visit_of(organization_named(organization))
    if visit is None:
        # What was asked for comes back after the sign-in, where it was a page to look at.
        asked = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("console.sign_in_page", organization=organization, next=asked), 303)
    if visit.owes_consent and not owes_consent:
        return visit.redirect("consents_page")
    if permission is not None and not visit.may(permission):
        return render_template("console/ask_administrator.html", visit=visit, seat=seat_shown(visit)), 403
    return view(visit, **arguments)


def seat_shown(visit: Visit) -> Seat:
    """Return who administers the organization, for those to know who do not."""
    return visit.read(lambda tenant: seat_of(tenant, visit.organization))


def organization_named(slug: str) -> Organization:
    """Return an organization by the name in an address.

    :raises NotFoundException: When there is none, or it is being deleted.
    """
    found = None
    if SLUG.fullmatch(slug):
        with begin_platform(current_site().store, write=False) as platform:
            found = find_organization(platform, slug)
    if found is None or found.slug != slug or found.status == "deleting":
        raise NotFoundException(detail="there is no such organization; check the address")
    return found


def anybody(organization: Organization) -> Credentials:
    """Return the credentials of who opens a page before they are known."""
    return Credentials(organization.id, Actor("visitor", "console"), current_request().id)


def as_member(organization: Organization, member_id: str) -> Credentials:
    """Return the credentials of a member who has proved who they are, by a session or by the link in a letter."""
    return Credentials(organization.id, Actor("member", member_id), current_request().id)


def visit_of(organization: Organization) -> Visit | None:
    """Return the visit of who is signed in, None where nobody is."""
    secret = request.cookies.get(SESSION_COOKIE)
    if not secret:
        return None
    site = current_site()
    with begin(site.store, anybody(organization), write=False) as tenant:
        session = find_session(tenant, site.digest_key, secret)
        if session is None:
            return None
        profile = portal_of(tenant, organization)
        held = holdings(tenant, profile, organization, session.user_id)
        visit = Visit(
            organization,
            profile,
            get_member(tenant, session.user_id),
            session,
            as_member(organization, session.user_id),
            effective(held, profile),
            bool(missing_consents(tenant, profile, session.user_id)),
        )
    g.visit = visit
    return visit
