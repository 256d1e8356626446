"""One member: who they are, what they may do and why, and what can be done with them."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from flask import render_template, request
from flask_babel import gettext
from scim2_models import ForbiddenException

from scim_server.actions.addresses import company_domains, warnings_of
from scim_server.protocol.documents import Document
from scim_server.protocol.people import name_of
from scim_server.protocol.portals import READ_MEMBERS
from scim_server.store.assignments import count_open
from scim_server.store.connections import find_connection
from scim_server.store.invitations import find_invitation
from scim_server.store.member_sessions import find_sign_in, list_sessions
from scim_server.store.members import MemberRecord, get_member
from scim_server.store.passwords import find_digest
from scim_server.store.session import Tenant
from scim_server.web.console.answers import in_their_language
from scim_server.web.console.member_history import last_entries, managed_since
from scim_server.web.console.member_identity import details_of
from scim_server.web.console.member_rights import Standing, assignments_of, authority, may_give, role_name, standing_of
from scim_server.web.console.reading import check_id
from scim_server.web.console.visits import Page, Visit, page


@dataclass(frozen=True, slots=True)
class Subject:
    """The member that a page is about; ``offers`` names what who is signed in may do with them."""

    member: MemberRecord
    document: Document
    standing: Standing
    open_assignments: int
    offers: frozenset[str]

    @property
    def name(self) -> str:
        """What the member is called."""
        return name_of(self.document)

    @property
    def has_buttons(self) -> bool:
        """Whether there is something to do that is no form beside what it changes."""
        return bool(self.offers - {"edit", "roles", "groups", "hand_over", "sign_out"})

    @property
    def user_name(self) -> str:
        """The ``userName``, which is typed where something cannot be undone."""
        return str(self.document.get("userName", ""))


def subject_of(tenant: Tenant, visit: Visit, member_id: str) -> Subject:
    """Return a member with what can be done with them.

    :raises NotFoundException: When the organization has none of that id.
    """
    check_id("member", member_id)
    member = get_member(tenant, member_id)
    standing = standing_of(tenant, visit, member_id)
    left = count_open(tenant, member_id)
    offers: set[str] = set()
    if visit.manages:
        offers = {"groups"} if member_id == visit.member.id else _offers(tenant, visit, member, standing)
        offers |= {"hand_over"} if left else set()
    return Subject(member, orjson.loads(member.document), standing, left, frozenset(offers))


def _offers(tenant: Tenant, visit: Visit, member: MemberRecord, standing: Standing) -> set[str]:
    """Return what an administrator may do with another member."""
    profile, has_password = visit.profile, find_digest(tenant, member.id) is not None
    offers = set(_BY_STATE[member.state])
    if member.managed_by is not None:
        offers.discard("edit")
        if not has_password:
            offers.discard("password_link")
    if profile.policy.deletion == "archive":
        offers.discard("delete")
    offers.discard("access" if profile.policy.access_on_creation == "invitation" else "invite")
    # NB: who comes back from the archive has no access yet.
    if member.state != "archived" and not may_give(profile, standing, member.id, authority(tenant, visit)):
        offers -= {"invite", "access", "resend", "restore"}
    return offers


_ALWAYS = ("edit", "roles", "groups", "archive", "delete")
_BY_STATE = {
    "contact": (*_ALWAYS, "invite", "access"),
    "invited": (*_ALWAYS, "resend", "revoke", "suspend"),
    "active": (*_ALWAYS, "suspend", "password_link", "sign_out"),
    "suspended": (*_ALWAYS, "restore", "invite"),
    "archived": ("restore", "erase", "delete"),
}


def offered(visit: Visit, member_id: str, what: str) -> Subject:
    """Return a member with whom something can be done.

    :raises NotFoundException: When the organization has none of that id.
    :raises ForbiddenException: When it cannot, by the portal's profile, their state or who is signed in.
    """
    subject = visit.read(lambda tenant: subject_of(tenant, visit, member_id))
    if what not in subject.offers:
        raise ForbiddenException(detail="this cannot be done with this member now, or is not yours to do")
    return subject


@page("/members/<member>", permission=READ_MEMBERS)
def member_page(visit: Visit, member: str) -> Page:
    """Show a member."""
    return show_member(visit, member)


def show_member(visit: Visit, member_id: str, problem: Exception | None = None) -> Page:
    """Return the page of a member, with what was refused."""
    shown = visit.read(lambda tenant: _sheet(tenant, visit, member_id))
    if problem is None:
        return render_template("console/member.html", visit=visit, **shown)
    text = in_their_language(problem)
    return render_template("console/member.html", visit=visit, problem=text, **shown), status_of(problem)


def status_of(refusal: Exception) -> int:
    """Return the status of the answer to what was refused."""
    return int(getattr(refusal, "status", 409))


def _sheet(tenant: Tenant, visit: Visit, member_id: str) -> dict[str, Any]:
    """Return what the page of a member shows."""
    subject = subject_of(tenant, visit, member_id)
    member, document, standing = subject.member, subject.document, subject.standing
    sheet: dict[str, Any] = {
        "subject": subject,
        "is_own": member_id == visit.member.id,
        "details": details_of(visit.profile, document),
        "manager": managed(tenant, member),
        "warnings": warnings_of(document, company_domains(tenant)),
        "assignments": assignments_of(tenant, member_id, standing.edges, request.args.get("after", "")),
        "role_name": partial(role_name, visit.profile),
    }
    if visit.manages:
        invitation = find_invitation(tenant, member_id)
        sheet |= {
            "invitation": invitation,
            "invitation_status": _status_name(invitation.status_at(tenant.now, member.state)) if invitation else "",
            "signed_in_at": find_sign_in(tenant, member_id),
            "sessions": list_sessions(tenant, member_id),
            "entries": last_entries(tenant, member_id),
        }
    return sheet


def _status_name(status: str) -> str:
    """Return what has become of an invitation, in words."""
    names = {
        "pending": gettext("about to be sent"),
        "sent": gettext("sent"),
        "failed": gettext("could not be sent"),
        "accepted": gettext("accepted"),
        "revoked": gettext("revoked"),
        "expired": gettext("expired"),
    }
    return names.get(status, status)


def managed(tenant: Tenant, member: MemberRecord) -> dict[str, Any] | None:
    """Return who provisions a member and since when, None where the organization keeps the record itself."""
    if member.managed_by is None:
        return None
    connection = find_connection(tenant, member.managed_by)
    return {"name": connection.name if connection else member.managed_by, "since": managed_since(tenant, member)}
