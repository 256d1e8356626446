"""Passwords by a link that is sent to the member: a new one, or the first one of who is given access."""

from datetime import timedelta

import orjson
from scim2_models import ConflictException, NotFoundException

from scim_server.actions.authority import guarded
from scim_server.actions.letters import Letter, letter_to
from scim_server.actions.links import take_link
from scim_server.actions.portals import portal_of
from scim_server.protocol.people import email_of
from scim_server.store.deliveries import Delivery, cancel, finish, schedule
from scim_server.store.links import make_link
from scim_server.store.member_sessions import delete_sessions
from scim_server.store.members import MemberRecord, find_member, get_member, list_named
from scim_server.store.passwords import find_digest, set_password
from scim_server.store.session import Tenant
from scim_server.store.tokens import DigestKey
from scim_server.store.trail import record

DELIVERY = "password_reset"
REQUEST = "password_reset_request"
"""The kinds of its deliveries: a letter to a member, and the address that somebody has typed."""

LIFETIME = timedelta(hours=4)
"""How long the link for a new password works; that for a first one works as long as an invitation."""

_MOST_NAMESAKES = 5


def offer_first_password(tenant: Tenant, member: MemberRecord) -> None:
    """Send a member who was given access the link to choose a password, where they need one and have none.

    :raises ConflictException: When they have no e-mail address to send it to.
    """
    if member.managed_by is None and find_digest(tenant, member.id) is None:
        _check_address(member)
        schedule(tenant, DELIVERY, member.id)


def send_reset(tenant: Tenant, member_id: str) -> None:
    """Send a member the link to choose a new password.

    :raises ConflictException: When they have no access, no e-mail address, or sign in without a password.
    :raises ForbiddenException: When a member may not.
    """
    with guarded(tenant):
        member = get_member(tenant, member_id, lock=True)
        if member.state != "active":
            raise ConflictException(detail=f"the member is {member.state}; give them access, or invite them")
        if not _signs_in_by_password(tenant, member):
            raise ConflictException(detail="an identity provider signs this member in; they have no password here")
        _check_address(member)
        _schedule(tenant, member_id)


def request_reset(tenant: Tenant, key: DigestKey, address: str) -> None:
    """Have a worker send the link to whom an address or ``userName`` belongs, if anybody.

    The same is done whether it is known or not: what is typed again before the worker has come is one request.
    """
    schedule(tenant, REQUEST, key.digest(address.strip().lower()), payload={"address": address})


def answer_request(tenant: Tenant, delivery: Delivery) -> None:
    """Send the link to whom the address of a request belongs."""
    for member in list_named(tenant, delivery.payload["address"], _MOST_NAMESAKES):
        if member.state == "active" and _signs_in_by_password(tenant, member):
            _schedule(tenant, member.id)
    finish(tenant, delivery)


def _schedule(tenant: Tenant, member_id: str) -> None:
    schedule(tenant, DELIVERY, member_id)
    record(tenant, "user.password_reset", "User", member_id, {})


def _signs_in_by_password(tenant: Tenant, member: MemberRecord) -> bool:
    # NB: who comes by SCIM gets no password by mail.
    return member.managed_by is None or find_digest(tenant, member.id) is not None


def _check_address(member: MemberRecord) -> None:
    if email_of(orjson.loads(member.document)) is None:
        raise ConflictException(detail="the member has no e-mail address to send the link to; add one to emails first")


def prepare_reset(tenant: Tenant, key: DigestKey, delivery: Delivery) -> Letter | None:
    """Make the link of a letter that is due; None where nobody waits for it any more."""
    member = find_member(tenant, delivery.subject, lock=True)
    if member is None or member.state != "active" or not _signs_in_by_password(tenant, member):
        finish(tenant, delivery)
        return None
    is_first = find_digest(tenant, member.id) is None
    lifetime = timedelta(days=portal_of(tenant).policy.invitation_days) if is_first else LIFETIME
    secret = make_link(tenant, key, member.id, "password", tenant.now + lifetime)
    return letter_to(tenant, member, "access" if is_first else "password", secret=secret, lifetime=lifetime)


def finish_reset(tenant: Tenant, delivery: Delivery, _letter: Letter) -> None:
    """Keep that a letter was sent."""
    finish(tenant, delivery)


def reset_password(tenant: Tenant, key: DigestKey, secret: str, digest: str) -> MemberRecord:
    """Give the member of a link a new password, once; all their sessions end.

    :raises NotFoundException: When there is no such link any more.
    :raises GoneException: When it has expired.
    """
    member = take_link(tenant, key, "password", secret)
    if not _signs_in_by_password(tenant, member):
        raise NotFoundException(detail="this link opens nothing: an identity provider signs this person in")
    set_password(tenant, member.id, digest)
    cancel(tenant, DELIVERY, member.id)
    delete_sessions(tenant, member.id)
    record(tenant, "user.password", "User", member.id, {"password": "set"})
    return member
