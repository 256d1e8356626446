"""Sessions of members: opened with a password, found again, listed and ended."""

from dataclasses import dataclass

from scim2_models import NotFoundException, UnauthorizedException

from scim_server.actions.consents import missing_consents
from scim_server.actions.portals import organization_of, portal_of
from scim_server.protocol.comparison import prepared_password
from scim_server.protocol.portals import Consent
from scim_server.store.member_sessions import SessionRecord, delete_sessions, insert_session, list_sessions
from scim_server.store.members import MemberRecord, get_member, list_named
from scim_server.store.passwords import find_digest, is_password
from scim_server.store.session import Credentials, Store, Tenant, begin, transact
from scim_server.store.tokens import DigestKey
from scim_server.store.trail import record

_MOST_NAMESAKES = 2


@dataclass(frozen=True, slots=True)
class SignIn:
    """A session that was opened; ``secret`` is what the browser keeps.

    ``missing`` is what the member has to agree to before they go on.
    """

    member: MemberRecord
    session: SessionRecord
    secret: str
    missing: list[Consent]


def sign_in(
    store: Store,
    credentials: Credentials,
    key: DigestKey,
    name: str,
    password: str,
    agent: str | None = None,
    address: str | None = None,
) -> SignIn:
    """Open a session for who has a ``userName``, or an e-mail address that nobody shares, and its password.

    It takes as long where there is nobody of that name. How often it is tried is for who calls to limit.

    :raises UnauthorizedException: When the name or the password is wrong, or the member has no access.
    """
    with begin(store, credentials, write=False) as tenant:
        found = list_named(tenant, name, _MOST_NAMESAKES)
        member = found[0] if len(found) == 1 else None
        digest = None if member is None else find_digest(tenant, member.id)
    # Not in a transaction: it takes some 20 ms.
    if not is_password(digest, prepared_password(password)) or member is None:
        raise _refusal()
    member_id = member.id

    def action(tenant: Tenant) -> SignIn:
        present = get_member(tenant, member_id, lock=True)
        organization = organization_of(tenant)
        # Since it was looked at, the access may have ended, or the password been changed.
        if present.state != "active" or organization.status != "active" or find_digest(tenant, member_id) != digest:
            raise _refusal()
        session, secret = open_session(tenant, key, member_id, agent, address)
        return SignIn(present, session, secret, missing_consents(tenant, portal_of(tenant, organization), member_id))

    return transact(store, credentials, action)


def _refusal() -> UnauthorizedException:
    return UnauthorizedException(detail="the name or the password is wrong, or there is no access")


def open_session(
    tenant: Tenant, key: DigestKey, member_id: str, agent: str | None, address: str | None
) -> tuple[SessionRecord, str]:
    """Open a session of a member who has proved who they are; return it with its secret, this once."""
    session, secret = insert_session(tenant, key, member_id, agent, address)
    record(tenant, "user.sign_in", "User", member_id, {"session": {"to": session.id}})
    return session, secret


def list_open_sessions(tenant: Tenant, member_id: str) -> list[SessionRecord]:
    """Return the open sessions of a member.

    :raises NotFoundException: When there is no such member.
    """
    get_member(tenant, member_id)
    return list_sessions(tenant, member_id)


def end_session(tenant: Tenant, member_id: str, session_id: str) -> None:
    """End a session of a member, on every worker at once.

    :raises NotFoundException: When they have none of that id.
    """
    get_member(tenant, member_id)
    if not delete_sessions(tenant, member_id, session_id):
        raise NotFoundException(detail=f"the member has no session {session_id[:100]!r}")
    record(tenant, "user.sign_out", "User", member_id, {"session": {"from": session_id}})


def end_sessions(tenant: Tenant, member_id: str, besides: str | None = None) -> None:
    """End all sessions of a member, on every worker at once.

    :param besides: The one that stays, if any.
    :raises NotFoundException: When there is no such member.
    """
    get_member(tenant, member_id)
    if delete_sessions(tenant, member_id, besides=besides):
        record(tenant, "user.sign_out", "User", member_id, {"session": "all" if besides is None else "others"})
