"""Passwords that people choose."""

from dataclasses import dataclass

from scim2_models import ConflictException, InvalidValueException

from scim_server.protocol.comparison import prepared_password
from scim_server.store.member_sessions import delete_sessions
from scim_server.store.members import get_member
from scim_server.store.passwords import digest_password, find_digest, is_password, set_password
from scim_server.store.session import Credentials, Store, Tenant, begin, transact
from scim_server.store.trail import record

MIN_LENGTH = 12
MAX_LENGTH = 1_000


def digest_chosen(password: str) -> str:
    """Return the digest of a password that a person chose; takes some 20 ms, so it is made before a transaction.

    :raises InvalidValueException: When it is too short or too long.
    """
    prepared = prepared_password(password)
    if not MIN_LENGTH <= len(prepared) <= MAX_LENGTH:
        raise InvalidValueException(
            detail=f"password must have {MIN_LENGTH} to {MAX_LENGTH} characters; several words are fine"
        )
    return digest_password(prepared)


@dataclass(frozen=True, slots=True)
class NewPassword:
    """What a member sends to change their own password: ``present`` as they typed it, ``chosen`` as a digest."""

    present: str
    chosen: str


def change_own_password(
    store: Store, credentials: Credentials, member_id: str, new: NewPassword, session_id: str | None
) -> None:
    """Give a member the password they chose, who knows the present one; their other sessions end.

    How often it is tried is for who calls to limit.

    :param session_id: The session that it is done in, which stays.
    :raises InvalidValueException: When the present password is another one.
    :raises ConflictException: When they have none, or an identity provider manages them.
    """
    with begin(store, credentials, write=False) as tenant:
        member, digest = get_member(tenant, member_id), find_digest(tenant, member_id)
    if member.managed_by is not None:
        raise ConflictException(detail="an identity provider manages this member; change the password there")
    if digest is None:
        raise ConflictException(detail="there is no password to change; have the link to choose one sent")
    # Not in a transaction: it takes some 20 ms.
    if not is_password(digest, prepared_password(new.present)):
        raise InvalidValueException(detail="the present password is another one")

    def action(tenant: Tenant) -> None:
        get_member(tenant, member_id, lock=True)
        # Since it was looked at, somebody with a link may have set another one.
        if find_digest(tenant, member_id) != digest:
            raise InvalidValueException(detail="the present password is another one")
        set_password(tenant, member_id, new.chosen)
        delete_sessions(tenant, member_id, besides=session_id)
        record(tenant, "user.password", "User", member_id, {"password": "set"})

    transact(store, credentials, action)
