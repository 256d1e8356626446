"""What is done with a member by one button of their page."""

from collections.abc import Callable

from flask import flash
from flask_babel import gettext

from scim_server.actions.invitations import invite, revoke_invitation
from scim_server.actions.members import grant_access, move
from scim_server.actions.password_resets import send_reset
from scim_server.actions.sessions import end_sessions
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.store.session import Tenant
from scim_server.web.console.answers import Refusal
from scim_server.web.console.member import show_member
from scim_server.web.console.reading import check_id
from scim_server.web.console.visits import Page, Visit, page
from scim_server.web.site import current_site

_MEMBER = "/members/<member>"


def _act(visit: Visit, member: str, action: Callable[[Tenant], object], done: str) -> Page:
    """Do something with a member, and show them again with what has become of it."""
    check_id("member", member)
    try:
        visit.write(action)
    except Refusal as exc:
        return show_member(visit, member, exc)
    flash(done, "success")
    return visit.redirect("member_page", member=member)


@page(f"{_MEMBER}/suspend", permission=MANAGE_MEMBERS, methods=("POST",))
def member_suspend(visit: Visit, member: str) -> Page:
    """End the access of a member at once; their record stays as it is."""
    done = gettext("Suspended: the access and all sessions have ended. You can restore the access at any time.")
    return _act(visit, member, lambda tenant: move(tenant, member, "suspend"), done)


@page(f"{_MEMBER}/restore", permission=MANAGE_MEMBERS, methods=("POST",))
def member_restore(visit: Visit, member: str) -> Page:
    """Give a suspended member access again, or take one out of the archive, without access yet."""
    return _act(visit, member, lambda tenant: move(tenant, member, "restore"), gettext("Restored."))


@page(f"{_MEMBER}/invite", permission=MANAGE_MEMBERS, methods=("POST",))
def member_invite(visit: Visit, member: str) -> Page:
    """Invite a member, or send the invitation again; a link that was sent before opens nothing any more."""
    done = gettext("The invitation is on its way. A link that was sent before opens nothing any more.")
    return _act(visit, member, lambda tenant: invite(tenant, member), done)


@page(f"{_MEMBER}/invitation/revoke", permission=MANAGE_MEMBERS, methods=("POST",))
def member_revoke_invitation(visit: Visit, member: str) -> Page:
    """Withdraw the invitation of a member."""
    done = gettext("The invitation is revoked: its link opens nothing any more.")
    return _act(visit, member, lambda tenant: revoke_invitation(tenant, member), done)


@page(f"{_MEMBER}/access", permission=MANAGE_MEMBERS, methods=("POST",))
def member_access(visit: Visit, member: str) -> Page:
    """Give a member access; who has no password yet is sent the link to choose one."""
    done = gettext("Access is given. Who has no password yet is sent a link to choose one.")
    return _act(visit, member, lambda tenant: grant_access(tenant, member), done)


@page(f"{_MEMBER}/password-link", permission=MANAGE_MEMBERS, methods=("POST",))
def member_password_link(visit: Visit, member: str) -> Page:
    """Send a member the link to choose a new password, 5 times an hour at most."""

    def action(tenant: Tenant) -> None:
        send_reset(tenant, member)

    check_id("member", member)
    try:
        current_site().limits.count_reset(visit.organization.id, member, None)
    except Refusal as exc:
        return show_member(visit, member, exc)
    done = gettext("A link to choose a new password is on its way. The old password works until it is used.")
    return _act(visit, member, action, done)


@page(f"{_MEMBER}/sign-out", permission=MANAGE_MEMBERS, methods=("POST",))
def member_sign_out(visit: Visit, member: str) -> Page:
    """Sign a member out everywhere, at once; their access stays."""
    return _act(visit, member, lambda tenant: end_sessions(tenant, member), gettext("Signed out everywhere."))
