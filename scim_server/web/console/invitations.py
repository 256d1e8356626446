"""Invitations that wait to be accepted, have expired, or could not be sent."""

from flask import flash, render_template, request
from flask_babel import gettext

from scim_server.actions.invitations import invite, revoke_invitation
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.store.invitations import OUTLOOKS, Outlook, list_invitations
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.reading import check_id, id_in_query
from scim_server.web.console.visits import Page, Visit, page

INVITATIONS_SHOWN = 50


@page("/invitations", permission=MANAGE_MEMBERS)
def invitations_page(visit: Visit) -> Page:
    """Show the invitations that are of one outlook."""
    return _list(visit)


@page("/invitations/<member>/resend", permission=MANAGE_MEMBERS, methods=("POST",))
def resend_from_list(visit: Visit, member: str) -> Page:
    """Send an invitation again; its link from before opens nothing any more."""
    check_id("member", member)
    try:
        visit.write(lambda tenant: invite(tenant, member))
    except Refusal as exc:
        return _list(visit, exc), getattr(exc, "status", 409)
    flash(gettext("The invitation is on its way again. The link sent before opens nothing any more."), "success")
    return visit.redirect("invitations_page", tab=_outlook())


@page("/invitations/<member>/revoke", permission=MANAGE_MEMBERS, methods=("POST",))
def revoke_from_list(visit: Visit, member: str) -> Page:
    """Withdraw an invitation; its link opens nothing any more."""
    check_id("member", member)
    try:
        visit.write(lambda tenant: revoke_invitation(tenant, member))
    except Refusal as exc:
        return _list(visit, exc), getattr(exc, "status", 409)
    flash(gettext("The invitation is withdrawn. Its link opens nothing any more."), "success")
    return visit.redirect("invitations_page", tab=_outlook())


def _outlook() -> Outlook:
    return next((each for each in OUTLOOKS if each == request.values.get("tab")), OUTLOOKS[0])


def _list(visit: Visit, problem: Exception | None = None) -> str:
    outlook, before = _outlook(), id_in_query("before")
    found = visit.read(
        lambda tenant: list_invitations(tenant, outlook, before=before or None, limit=INVITATIONS_SHOWN + 1)
    )
    shown = found[:INVITATIONS_SHOWN]
    following = None
    if len(found) > INVITATIONS_SHOWN:
        following = visit.url("invitations_page", tab=outlook, before=shown[-1][0].user_id)
    tabs = {"pending": gettext("Pending"), "expired": gettext("Expired"), "failed": gettext("Not sent")}
    return render_template(
        "console/invitations.html",
        visit=visit,
        tabs=tabs,
        outlook=outlook,
        invitations=shown,
        before=before,
        following=following,
        days=visit.profile.policy.invitation_days,
        problem=in_their_language(problem) if problem else None,
    )
