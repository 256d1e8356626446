"""What members do for themselves: their details, their password, where they are signed in."""

from typing import Any

import orjson
from flask import flash, render_template, request
from flask_babel import gettext
from scim2_models import InvalidValueException, PreconditionFailedException, SCIMException

from scim_server.actions.passwords import MIN_LENGTH, NewPassword, change_own_password, digest_chosen
from scim_server.actions.sessions import end_session, end_sessions
from scim_server.protocol.documents import Document
from scim_server.store.consents import list_consents
from scim_server.store.member_sessions import list_sessions
from scim_server.store.members import MemberRecord, get_member
from scim_server.store.passwords import find_digest
from scim_server.store.session import Tenant
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.member import managed, status_of
from scim_server.web.console.member_forms import change_identity
from scim_server.web.console.member_identity import details_of, editable, fields_of
from scim_server.web.console.member_rights import assignments_of, standing_of
from scim_server.web.console.reading import check_id
from scim_server.web.console.visits import Page, Visit, page, seat_shown
from scim_server.web.requests import current_request
from scim_server.web.site import current_site


@page("/profile", methods=("GET", "POST"))
def my_profile(visit: Visit) -> Page:
    """Show a member what is kept of them, and let them change what the portal leaves to them."""
    if request.method == "GET":
        return _profile(visit)
    try:
        change_identity(visit, visit.member.id, administers=visit.manages)
    except Refusal as exc:
        return _profile(visit, exc), status_of(exc)
    flash(gettext("Saved."), "success")
    return visit.redirect("my_profile")


def _profile(visit: Visit, problem: Exception | None = None) -> str:
    shown = visit.read(lambda tenant: _sheet(tenant, visit))
    document, member = orjson.loads(shown["member"].document), shown["member"]
    return render_template(
        "console/profile.html",
        visit=visit,
        details=details_of(visit.profile, document),
        fields=_own_fields(visit, member, document, problem),
        is_overtaken=isinstance(problem, PreconditionFailedException),
        seat=None if visit.manages else seat_shown(visit),
        problem=in_their_language(problem) if problem else None,
        **shown,
    )


def _own_fields(visit: Visit, member: MemberRecord, document: Document, problem: Exception | None) -> list[Any]:
    """Return the fields that a member may change of themselves: none where an identity provider keeps the record."""
    if member.managed_by is not None:
        return []
    attributes = editable(visit.profile, administers=visit.manages)
    return fields_of(visit.profile, document, attributes, request.form if problem else None)


def _sheet(tenant: Tenant, visit: Visit) -> dict[str, Any]:
    member = get_member(tenant, visit.member.id)
    standing = standing_of(tenant, visit, member.id)
    return {
        "member": member,
        "standing": standing,
        "manager": managed(tenant, member),
        "assignments": assignments_of(tenant, member.id, standing.edges, request.args.get("after", "")),
        "has_password": member.managed_by is None and find_digest(tenant, member.id) is not None,
        "agreed": [
            (visit.profile.consents[each.document].name if each.document in visit.profile.consents else {}, each)
            for each in list_consents(tenant, member.id)
        ],
    }


@page("/profile/password", methods=("GET", "POST"))
def my_password(visit: Visit) -> Page:
    """Let a member change their own password, who knows the present one."""
    if request.method == "GET":
        return _password_form(visit)
    site, sent = current_site(), current_request()
    try:
        if request.form.get("password", "") != request.form.get("again", ""):
            raise InvalidValueException(detail="the two passwords are not the same")
        new = NewPassword(request.form.get("present", ""), digest_chosen(request.form.get("password", "")))
        # What is tried here is a guess at a password, as at the sign-in.
        site.limits.count_sign_in(visit.organization.id, visit.member.id, sent)
        change_own_password(site.store, visit.credentials, visit.member.id, new, visit.session.id)
    except SCIMException as exc:
        return _password_form(visit, exc), exc.status
    flash(gettext("The new password is set. You are signed out everywhere else."), "success")
    return visit.redirect("my_profile")


def _password_form(visit: Visit, problem: Exception | None = None) -> str:
    text = in_their_language(problem) if problem else None
    return render_template("console/my_password.html", visit=visit, min_length=MIN_LENGTH, problem=text)


@page("/sessions")
def my_sessions(visit: Visit) -> Page:
    """Show a member where they are signed in."""
    sessions = visit.read(lambda tenant: list_sessions(tenant, visit.member.id))
    return render_template("console/sessions.html", visit=visit, sessions=sessions)


@page("/sessions/<session>/end", methods=("POST",))
def my_session_end(visit: Visit, session: str) -> Page:
    """Sign a member out of another browser, at once."""
    check_id("session", session)
    visit.write(lambda tenant: end_session(tenant, visit.member.id, session))
    flash(gettext("Signed out there."), "success")
    return visit.redirect("my_sessions")


@page("/sessions/end-others", methods=("POST",))
def my_other_sessions_end(visit: Visit) -> Page:
    """Sign a member out of every other browser, at once."""
    visit.write(lambda tenant: end_sessions(tenant, visit.member.id, visit.session.id))
    flash(gettext("Signed out everywhere else."), "success")
    return visit.redirect("my_sessions")
