"""The administrator's seat: who has it, who stands in, and what to mind."""

from dataclasses import dataclass, replace

import orjson
from scim2_models import ConflictException, ForbiddenException, NotFoundException

from scim_server.actions.authority import administrators, guarded, is_in_recovery
from scim_server.actions.portals import portal_of
from scim_server.protocol.people import email_of, name_of
from scim_server.protocol.portals import PortalProfile
from scim_server.protocol.replies import check_version
from scim_server.store.hand_overs import HandOver, find_open
from scim_server.store.members import MemberRecord, get_member
from scim_server.store.organizations import Organization, update_organization
from scim_server.store.permissions import list_holders
from scim_server.store.roles import role_ids_of
from scim_server.store.session import Tenant
from scim_server.store.trail import record

MAX_SHOWN = 100
"""How many administrators are shown."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to turn to; without ``email`` where a mailbox of the organization is shown instead."""

    id: str
    display: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Seat:
    """The administrator's seat of an organization; ``request`` is the hand-over that is not decided yet."""

    administrators: tuple[Person, ...]
    deputy: Person | None
    contact_email: str | None
    in_recovery: bool
    request: HandOver | None
    requested_for: Person | None
    warnings: tuple[str, ...]


def seat_of(tenant: Tenant, organization: Organization) -> Seat:
    """Return who has the administrator's seat of the organization, and what to mind."""
    profile = portal_of(tenant, organization)
    shows_emails = organization.contact_email is None
    found = administrators(tenant, profile, limit=MAX_SHOWN)
    people = tuple(_person(get_member(tenant, each[0]), shows_email=shows_emails) for each in found)
    deputy = _find(tenant, organization.deputy_id)
    request = find_open(tenant)
    in_recovery = is_in_recovery(tenant, profile, organization)
    return Seat(
        people,
        _person(deputy, shows_email=shows_emails) if deputy else None,
        organization.contact_email,
        in_recovery,
        request,
        _person(get_member(tenant, request.to_user_id), shows_email=False) if request else None,
        tuple(_warnings(profile, [each.id for each in people], deputy, in_recovery=in_recovery)),
    )


def _find(tenant: Tenant, member_id: str | None) -> MemberRecord | None:
    try:
        return get_member(tenant, member_id) if member_id else None
    except NotFoundException:
        return None


def _person(member: MemberRecord, *, shows_email: bool) -> Person:
    document = orjson.loads(member.document)
    return Person(member.id, name_of(document) or member.display, email_of(document) if shows_email else None)


def _warnings(
    profile: PortalProfile, people: list[str], deputy: MemberRecord | None, *, in_recovery: bool
) -> list[str]:
    warnings = []
    if in_recovery:
        warnings.append("nobody has the administrator's seat: the operator gives it by a hand-over with evidence")
    elif not people and deputy is None:
        warnings.append("there is no administrator yet")
    elif not people:
        warnings.append("no administrator has access: the deputy has the seat")
    if profile.policy.administrators == "two" and len(people) == 1:
        warnings.append("at least two administrators are advised, so that one stands in for the other")
    if len(people) == 1 and deputy is None:
        warnings.append("there is no deputy: the organization is in recovery when its administrator loses access")
    if profile.policy.administrators == "one" and len(people) > 1:
        warnings.append(f"{len(people)} members have the seat, where {profile.name} has one")
    if deputy is not None and deputy.state != "active":
        warnings.append("the deputy has no access; name another")
    if deputy is not None and deputy.id in people:
        warnings.append("the deputy is an administrator; name somebody else")
    return warnings


def set_deputy(tenant: Tenant, member_id: str | None, if_match: str | None = None) -> Organization:
    """Say which member has the administrator's seat while no administrator has access; None is nobody.

    :raises ForbiddenException: When a member names themselves, or may not give what the seat gives.
    :raises ConflictException: When the member has no access, or has the seat.
    """
    if member_id is not None and tenant.actor.kind == "member" and tenant.actor.id == member_id:
        raise ForbiddenException(detail="nobody names themselves the deputy; ask another administrator")
    with guarded(tenant) as guard:
        organization = guard.organization
        check_version(organization.version, if_match)
        if member_id is not None:
            _check_deputy(tenant, guard.profile, member_id)
            key = next(key for key, role in guard.profile.roles.items() if role.administrator)
            guard.give(guard.profile.roles[key].permissions)
        if member_id == organization.deputy_id:
            return organization
        changed = replace(organization, deputy_id=member_id, version=organization.version + 1)
        update_organization(tenant, changed)
        changes = {"deputy_id": {"from": organization.deputy_id, "to": member_id}}
        record(tenant, "organization.change", "Organization", organization.id, changes)
    return changed


def _check_deputy(tenant: Tenant, profile: PortalProfile, member_id: str) -> None:
    member = get_member(tenant, member_id, lock=True)
    if member.state != "active":
        raise ConflictException(detail=f"the member is {member.state}; a deputy has access")
    templates = [key for key, role in profile.roles.items() if role.administrator]
    if any(each[0] == member_id for each in list_holders(tenant, role_ids_of(tenant, templates))):
        raise ConflictException(detail="the member is an administrator; the deputy is who stands in for those")
