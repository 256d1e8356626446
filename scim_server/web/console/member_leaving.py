"""The end of a membership: handing over, archiving, deleting, erasing. Each says first what will happen."""

from dataclasses import dataclass

from flask import flash, render_template, request
from flask_babel import gettext, ngettext
from scim2_models import InvalidValueException

from scim_server.actions.assignments import hand_over
from scim_server.actions.authority import administrators
from scim_server.actions.erasure import erase_member
from scim_server.actions.members import leave, remove_member
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.store.members import find_member, list_named, list_some
from scim_server.store.session import Tenant
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.member import Subject, offered, status_of
from scim_server.web.console.member_identity import user_name_of
from scim_server.web.console.reading import check_id
from scim_server.web.console.visits import Page, Visit, page

_SUGGESTED = 50
_MOST_NAMESAKES = 2


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A member who may take over: what is typed for them, and what they are called."""

    typed: str
    name: str


@page("/members/<member>/archive", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def member_archive(visit: Visit, member: str) -> Page:
    """Let a member leave for good: their access ends, what is assigned to them is handed over, they are archived."""
    if request.method == "GET":
        return _form(visit, member, "archive")
    check_id("member", member)
    try:
        visit.write(lambda tenant: leave(tenant, member, _successor(tenant)))
    except Refusal as exc:
        return _form(visit, member, "archive", exc), status_of(exc)
    flash(gettext("Archived: the access has ended, and the record is kept."), "success")
    return visit.redirect("member_page", member=member)


@page("/members/<member>/delete", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def member_delete(visit: Visit, member: str) -> Page:
    """Delete a member for good, where the portal deletes."""
    if request.method == "GET":
        return _form(visit, member, "delete")
    check_id("member", member)

    def action(tenant: Tenant) -> None:
        successor = _successor(tenant)
        if successor is not None:
            hand_over(tenant, member, successor)
        confirmed = request.form.get("confirm", "").strip()
        remove_member(tenant, tenant.catalog.by_name("User"), member, None, confirmed)

    try:
        visit.write(action)
    except Refusal as exc:
        return _form(visit, member, "delete", exc), status_of(exc)
    flash(gettext("Deleted. Nothing of the record is left."), "success")
    return visit.redirect("members_page")


@page("/members/<member>/erase", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def member_erase(visit: Visit, member: str) -> Page:
    """Erase who an archived member was, on their request; what was done stays, under no name."""
    if request.method == "GET":
        return _form(visit, member, "erase")
    check_id("member", member)

    def action(tenant: Tenant) -> None:
        found = find_member(tenant, member)
        if found is not None and request.form.get("confirm", "").strip() != user_name_of(found):
            raise InvalidValueException(detail="type the user name exactly as it is shown")
        erase_member(tenant, member)

    try:
        visit.write(action)
    except Refusal as exc:
        return _form(visit, member, "erase", exc), status_of(exc)
    flash(gettext("Erased: nothing here says any more who this was."), "success")
    return visit.redirect("member_page", member=member)


@page("/members/<member>/hand-over", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def member_hand_over(visit: Visit, member: str) -> Page:
    """Assign all that is assigned to a member to another one."""
    if request.method == "GET":
        return _form(visit, member, "hand_over")
    check_id("member", member)

    def action(tenant: Tenant) -> int:
        successor = _successor(tenant)
        if successor is None:
            raise InvalidValueException(detail="name who takes over")
        return hand_over(tenant, member, successor)

    try:
        moved = visit.write(action)
    except Refusal as exc:
        return _form(visit, member, "hand_over", exc), status_of(exc)
    flash(ngettext("%(num)d assignment is handed over.", "%(num)d assignments are handed over.", moved), "success")
    return visit.redirect("member_page", member=member)


def _successor(tenant: Tenant) -> str | None:
    """Return the member who is named to take over by their user name or e-mail address, None where nobody is.

    :raises InvalidValueException: When nobody has that name, or several have that address.
    """
    typed = request.form.get("successor", "").strip()[:1_000]
    if not typed:
        return None
    found = list_named(tenant, typed, _MOST_NAMESAKES)
    if len(found) != 1:
        raise InvalidValueException(detail=f"nobody, or more than one member, is called {typed[:100]}")
    return found[0].id


def _form(visit: Visit, member_id: str, what: str, problem: Exception | None = None) -> str:
    subject = offered(visit, member_id, what)
    suggestions, is_last = visit.read(
        lambda tenant: (_suggestions(tenant, subject), _is_last_administrator(tenant, visit, subject))
    )
    return render_template(
        f"console/member_{what}.html",
        visit=visit,
        subject=subject,
        suggestions=suggestions,
        is_last_administrator=is_last and what in ("archive", "delete"),
        deletion=visit.profile.policy.deletion,
        problem=in_their_language(problem) if problem else None,
    )


def _suggestions(tenant: Tenant, subject: Subject) -> list[Suggestion]:
    """Return some members with access who may take over, where there is something to; any other can be typed."""
    if not subject.open_assignments:
        return []
    found = list_some(tenant, after="", limit=2 * _SUGGESTED)
    others = (each for each in found if each.state == "active" and each.id != subject.member.id)
    return [Suggestion(user_name_of(each), each.display or "") for each in others][:_SUGGESTED]


def _is_last_administrator(tenant: Tenant, visit: Visit, subject: Subject) -> bool:
    """Return whether nobody would have the administrator's seat without a member."""
    if [each[0] for each in administrators(tenant, visit.profile, limit=2)] != [subject.member.id]:
        return False
    deputy_id = visit.organization.deputy_id
    deputy = find_member(tenant, deputy_id) if deputy_id else None
    return deputy is None or deputy.id == subject.member.id or deputy.state != "active"
