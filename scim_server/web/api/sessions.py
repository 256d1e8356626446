"""Where members are signed in, and what they have agreed to."""

from typing import Any

from scim_server.actions.consents import give_consents, missing_consents
from scim_server.actions.portals import portal_of
from scim_server.actions.sessions import end_session, end_sessions, list_open_sessions
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.store.consents import list_consents
from scim_server.store.member_sessions import find_sign_in
from scim_server.store.members import get_member
from scim_server.store.session import Tenant
from scim_server.web.api import access_schemas as schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.members import MEMBER
from scim_server.web.api.operations import Call, Reply, operation

_SESSIONS = f"{MEMBER}/sessions"
_CONSENTS = f"{MEMBER}/consents"
_ANSWER = schemas.Consents()


@operation(*("GET", _SESSIONS), scope="members:read", permission=MANAGE_MEMBERS, own=True, answer=schemas.Sessions())
def list_sessions_of_a_member(call: Call, member: str) -> Reply:
    """List where a member is signed in now."""
    check_id("member", member)

    def read(tenant: Tenant) -> Reply:
        found = list_open_sessions(tenant, member)
        return Reply({"items": found, "last_sign_in_at": find_sign_in(tenant, member)})

    return call.read(read)


@operation("DELETE", _SESSIONS, scope="members:write", permission=MANAGE_MEMBERS, own=True, status=204)
def end_sessions_of_a_member(call: Call, member: str) -> Reply:
    """Sign a member out everywhere, at once; their access stays."""
    check_id("member", member)

    def action(tenant: Tenant) -> Reply:
        end_sessions(tenant, member)
        return Reply()

    return call.write(action)


@operation(
    *("DELETE", f"{_SESSIONS}/<session>"), scope="members:write", permission=MANAGE_MEMBERS, own=True, status=204
)
def end_a_session(call: Call, member: str, session: str) -> Reply:
    """Sign a member out of one browser, at once."""
    check_id("member", member)
    check_id("session", session)

    def action(tenant: Tenant) -> Reply:
        end_session(tenant, member, session)
        return Reply()

    return call.write(action)


@operation("GET", _CONSENTS, scope="members:read", permission=MANAGE_MEMBERS, own=True, answer=_ANSWER)
def list_consents_of_a_member(call: Call, member: str) -> Reply:
    """List what a member has agreed to, with the time, and what the portal still asks of them."""
    check_id("member", member)
    return call.read(lambda tenant: Reply(_consents(tenant, member)))


@operation("POST", _CONSENTS, scope="members:write", body=schemas.NewConsents(), answer=_ANSWER)
def give_consents_of_a_member(call: Call, member: str) -> Reply:
    """Keep what a member has agreed to on a page of the portal's own, such as at their first sign-in."""
    check_id("member", member)

    def action(tenant: Tenant) -> Reply:
        get_member(tenant, member, lock=True)
        give_consents(tenant, portal_of(tenant), member, call.body["consents"], "portal")
        return Reply(_consents(tenant, member))

    return call.write(action)


def _consents(tenant: Tenant, member_id: str) -> dict[str, Any]:
    get_member(tenant, member_id)
    missing = missing_consents(tenant, portal_of(tenant), member_id)
    return {
        "items": list_consents(tenant, member_id),
        "missing": [{"key": each.key, "version": each.version, "names": each.name} for each in missing],
    }
