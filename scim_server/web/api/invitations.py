"""Invitations: sent and withdrawn by administrators, read and accepted on the portal's own page."""

from typing import Any

from scim_server.actions.invitations import (
    Acceptance,
    Welcome,
    accept_invitation,
    get_invitation,
    invite,
    read_invitation,
    revoke_invitation,
)
from scim_server.actions.passwords import digest_chosen
from scim_server.protocol.people import email_of, language_of
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.store.deliveries import Delivery, list_deliveries
from scim_server.store.session import Tenant
from scim_server.web.api import access_schemas as schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.members import MEMBER
from scim_server.web.api.operations import Call, Reply, operation
from scim_server.web.api.paging import page
from scim_server.web.api.schemas import PageQuery
from scim_server.web.site import current_site

_INVITATION = f"{MEMBER}/invitation"
_INVITATIONS = "/organizations/<organization>/invitations"
_ANSWER = schemas.Invitation()


@operation("POST", _INVITATION, scope="members:write", permission=MANAGE_MEMBERS, answer=_ANSWER)
def invite_a_member(call: Call, member: str) -> Reply:
    """Invite a member by e-mail, or send the invitation again; a link that was sent before opens nothing any more.

    The worker sends it: `status` is `pending` until then.
    """
    check_id("member", member)
    return call.write(lambda tenant: Reply(invite(tenant, member)))


@operation("GET", _INVITATION, scope="members:read", permission=MANAGE_MEMBERS, answer=_ANSWER)
def get_an_invitation(call: Call, member: str) -> Reply:
    """Read what has become of the last invitation of a member."""
    check_id("member", member)
    return Reply(call.read(lambda tenant: get_invitation(tenant, member)))


@operation("DELETE", _INVITATION, scope="members:write", permission=MANAGE_MEMBERS, answer=_ANSWER)
def revoke_an_invitation(call: Call, member: str) -> Reply:
    """Withdraw the invitation of a member, whose link opens nothing from now on."""
    check_id("member", member)
    return call.write(lambda tenant: Reply(revoke_invitation(tenant, member)))


@operation("POST", f"{_INVITATIONS}/read", scope="members:write", body=schemas.OpenedLink(), answer=schemas.Welcome())
def read_an_invitation(call: Call) -> Reply:
    """Read what to show to who opens an invitation, and what to ask of them. The link stays good."""
    key = current_site().digest_key
    return Reply(call.read(lambda tenant: _welcome(tenant, read_invitation(tenant, key, call.body["link"]))))


@operation(
    *("POST", f"{_INVITATIONS}/accept"), scope="members:write", body=schemas.Acceptance(), answer=schemas.MemberState()
)
def accept_an_invitation(call: Call) -> Reply:
    """Accept an invitation for who has its link: they have access from now on. The link works once."""
    password = call.body.get("password")
    digest = None if password is None else digest_chosen(password)
    acceptance = Acceptance(call.body["name"], digest, call.body.get("consents", {}))
    key = current_site().digest_key
    return call.write(lambda tenant: Reply(accept_invitation(tenant, key, call.body["link"], acceptance)))


@operation(
    *("GET", "/organizations/<organization>/deliveries"),
    scope="members:read",
    permission=MANAGE_MEMBERS,
    query=PageQuery(),
    answer=schemas.Deliveries(),
)
def list_all_deliveries(call: Call) -> Reply:
    """List what a worker has not done yet for the organization, and what it has given up, with the reason."""

    def read(after: str | None, limit: int) -> list[dict[str, Any]]:
        found = call.read(lambda tenant: list_deliveries(tenant, after=after or "", limit=limit))
        return [_delivery(each) for each in found]

    return page(call, read, lambda each: each["id"])


def _delivery(delivery: Delivery) -> dict[str, Any]:
    shown = {name: getattr(delivery, name) for name in ("id", "kind", "subject", "due_at", "next_at", "attempts")}
    return {**shown, "failure": delivery.failure, "status": "failed" if delivery.next_at is None else "pending"}


def _welcome(tenant: Tenant, welcome: Welcome) -> dict[str, Any]:
    document, organization = welcome.document, welcome.organization
    return {
        "member_id": welcome.member.id,
        "organization": {"slug": organization.slug, "name": organization.name},
        "user_name": document.get("userName"),
        "email": email_of(document),
        "name": document.get("name", {}),
        "language": language_of(document, organization.language, tenant.portals[organization.portal].policy.languages),
        "may_rename": welcome.may_rename,
        "asks_password": welcome.asks_password,
        "consents": [{"key": each.key, "version": each.version, "names": each.name} for each in welcome.consents],
    }
