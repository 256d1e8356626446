"""Invitations: sent, sent again, withdrawn; and accepted, once, by who has the link."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson
from scim2_models import ConflictException, InvalidValueException, NotFoundException

from scim_server.actions.authority import guarded, with_access
from scim_server.actions.consents import give_all_consents, missing_consents
from scim_server.actions.letters import Letter, letter_to
from scim_server.actions.links import look_at_link, take_link
from scim_server.actions.portals import organization_of, portal_of
from scim_server.actions.resources import patch_resource, prepare_patch
from scim_server.protocol.documents import Document
from scim_server.protocol.lifecycle import next_state
from scim_server.protocol.patch import PATCH_OP_URN
from scim_server.protocol.people import email_of
from scim_server.protocol.portals import Consent, PortalProfile
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.store.deliveries import Delivery, cancel, finish, schedule
from scim_server.store.invitations import Invitation, change_invitation, find_invitation, put_invitation
from scim_server.store.links import end_links, make_link
from scim_server.store.members import MemberRecord, find_member, get_member, set_state
from scim_server.store.organizations import Organization
from scim_server.store.passwords import set_password
from scim_server.store.session import Tenant
from scim_server.store.tokens import DigestKey
from scim_server.store.trail import record

DELIVERY = "invitation"
"""The kind of its deliveries."""


def invite(tenant: Tenant, member_id: str) -> Invitation:
    """Invite a member, or send the invitation again; a link that was sent before ends at once.

    :raises NotFoundException: When there is none.
    :raises ConflictException: When they have access already or are archived, or have no e-mail address.
    :raises ForbiddenException: When a member may not, or may not give what the invited would have.
    """
    with guarded(tenant) as guard:
        member = get_member(tenant, member_id, lock=True)
        state = next_state(member.state, "invite")
        guard.give(with_access(tenant, guard.profile, member_id))
        if email_of(orjson.loads(member.document)) is None:
            detail = "the member has no e-mail address to send the invitation to; add one to emails first"
            raise ConflictException(detail=detail)
        end_links(tenant, member_id, "invitation")
        set_state(tenant, member, state)
        invitation = Invitation(member_id, "pending", tenant.author, tenant.now)
        put_invitation(tenant, invitation)
        schedule(tenant, DELIVERY, member_id)
        record(tenant, "user.invite", "User", member_id, {"state": {"from": member.state, "to": state}})
    return invitation


def revoke_invitation(tenant: Tenant, member_id: str) -> Invitation:
    """Withdraw the invitation of a member: its link ends at once, and they are a contact again.

    :raises ConflictException: When they are not invited.
    """
    with guarded(tenant):
        member = get_member(tenant, member_id, lock=True)
        state = next_state(member.state, "revoke")
        end_links(tenant, member_id, "invitation")
        cancel(tenant, DELIVERY, member_id)
        set_state(tenant, member, state)
        change_invitation(tenant, member_id, status="revoked")
        record(tenant, "user.revoke", "User", member_id, {"state": {"from": member.state, "to": state}})
    return get_invitation(tenant, member_id)


def get_invitation(tenant: Tenant, member_id: str) -> Invitation:
    """Return the last invitation of a member, with what has become of it by now.

    :raises NotFoundException: When there is no such member, or they were never invited.
    """
    member, invitation = get_member(tenant, member_id), find_invitation(tenant, member_id)
    if invitation is None:
        raise NotFoundException(detail="the member was never invited")
    return replace(invitation, status=invitation.status_at(tenant.now, member.state))


def prepare_invitation(tenant: Tenant, key: DigestKey, delivery: Delivery) -> Letter | None:
    """Make the link of an invitation that is due; None where nobody waits for it any more."""
    member = find_member(tenant, delivery.subject, lock=True)
    if member is None or member.state != "invited":
        finish(tenant, delivery)
        return None
    lifetime = timedelta(days=portal_of(tenant).policy.invitation_days)
    secret = make_link(tenant, key, member.id, "invitation", tenant.now + lifetime)
    return letter_to(tenant, member, "invitation", secret=secret, lifetime=lifetime)


def finish_invitation(tenant: Tenant, delivery: Delivery, letter: Letter) -> None:
    """Keep that an invitation was sent."""
    finish(tenant, delivery)
    sent = {"status": "sent", "sent_at": tenant.now, "expires_at": tenant.now + letter.lifetime, "failure": None}
    change_invitation(tenant, letter.member_id, **sent)


def give_up_invitation(tenant: Tenant, delivery: Delivery, reason: str) -> None:
    """Keep that an invitation could not be sent, and why."""
    change_invitation(tenant, delivery.subject, status="failed", failure=reason)


@dataclass(frozen=True, slots=True)
class Welcome:
    """What is shown to who opens an invitation, before they accept it."""

    organization: Organization
    member: MemberRecord
    document: Document
    asks_password: bool
    may_rename: bool
    consents: list[Consent]


def read_invitation(tenant: Tenant, key: DigestKey, secret: str) -> Welcome:
    """Return what an invitation asks of the person who has its link.

    :raises NotFoundException: When there is no such link any more.
    :raises GoneException: When it has expired.
    """
    member = get_member(tenant, look_at_link(tenant, key, "invitation", secret).user_id)
    organization = organization_of(tenant)
    profile = portal_of(tenant, organization)
    return Welcome(
        organization,
        member,
        orjson.loads(member.document),
        _asks_password(member),
        _may_rename(member, profile),
        missing_consents(tenant, profile, member.id),
    )


def _asks_password(member: MemberRecord) -> bool:
    # Who is provisioned signs in where their identity provider says.
    return member.managed_by is None


def _may_rename(member: MemberRecord, profile: PortalProfile) -> bool:
    policy = profile.policy
    return member.managed_by is None and "name" in policy.self_edit and policy.name_after_creation == "editable"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a person sends to accept an invitation; ``password`` is a digest.

    ``name`` has the sub-attributes that they change, ``consents`` the version of each document they agree to.
    """

    name: Mapping[str, str]
    password: str | None
    consents: Mapping[str, str]


def accept_invitation(tenant: Tenant, key: DigestKey, secret: str, acceptance: Acceptance) -> MemberRecord:
    """Accept an invitation: the member has access from now on, and the link has had its one use.

    :raises NotFoundException: When there is no such link any more.
    :raises GoneException: When it has expired.
    :raises InvalidValueException: When a password or a consent is missing, or something is sent that is not asked.
    """
    member = take_link(tenant, key, "invitation", secret)
    profile = portal_of(tenant)
    if acceptance.name and not _may_rename(member, profile):
        raise InvalidValueException(detail="name cannot be changed here; leave it out")
    if _asks_password(member) and acceptance.password is None:
        raise InvalidValueException(detail="password is required: the one to sign in with from now on")
    if not _asks_password(member) and acceptance.password is not None:
        raise InvalidValueException(detail="password is not asked for: an identity provider signs this person in")
    give_all_consents(tenant, profile, member.id, acceptance.consents, "invitation")
    if acceptance.password is not None:
        set_password(tenant, member.id, acceptance.password)
    if acceptance.name:
        _rename(tenant, member, acceptance.name)
    state = next_state(member.state, "accept")
    accepted = set_state(tenant, get_member(tenant, member.id, lock=True), state)
    change_invitation(tenant, member.id, status="accepted")
    record(tenant, "user.accept", "User", member.id, {"state": {"from": member.state, "to": state}})
    return accepted


def _rename(tenant: Tenant, member: MemberRecord, name: Mapping[str, str]) -> None:
    """Change the name of a member, and what repeats it."""
    document = orjson.loads(member.document)
    former = document.get("name", {})
    changed = {**former, **name}
    whole, former_whole = (_whole(each) for each in (changed, former))
    value: dict[str, Any] = {"name": {**name, "formatted": whole} if "formatted" in former else dict(name)}
    if document.get("displayName") in (former_whole, former.get("formatted")) and "displayName" in document:
        value["displayName"] = whole
    definition, leniences = tenant.catalog.by_name("User"), Leniences(PROFILES["rfc"])
    message = {"schemas": [PATCH_OP_URN], "Operations": [{"op": "replace", "value": value}]}
    patch = prepare_patch(message, definition, member.id, leniences)
    patch_resource(tenant, definition, member.id, patch, None, leniences)


def _whole(name: Mapping[str, str]) -> str:
    return " ".join(name[each] for each in ("givenName", "familyName") if name.get(each))
