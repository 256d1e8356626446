"""Members as their organization manages them, under the rules of its portal profile."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import orjson
from scim2_models import (
    ConflictException,
    ForbiddenException,
    InvalidValueException,
    MutabilityException,
)

from scim_server.actions.assignments import check_none_open, hand_over
from scim_server.actions.authority import Guard, guarded, whom_to_ask, with_access
from scim_server.actions.groups import change_members_of, check_holders, check_seat_is_open, reachable
from scim_server.actions.invitations import invite
from scim_server.actions.password_resets import offer_first_password
from scim_server.actions.resources import create, delete, patch_resource, starts_later
from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.documents import Document, Parts
from scim_server.protocol.lifecycle import Event, next_state
from scim_server.protocol.member_dates import MEMBER_USER_URN
from scim_server.protocol.patch import Patch
from scim_server.protocol.people import email_of
from scim_server.protocol.permissions import effective
from scim_server.protocol.portals import MANAGE_MEMBERS, AccessOnCreation, PortalProfile, widest
from scim_server.protocol.profiles import Leniences
from scim_server.protocol.replies import StoredResource, check_version
from scim_server.store.members import MemberRecord, get_member, set_state
from scim_server.store.roles import RoleRecord, get_role, roles_of
from scim_server.store.session import Tenant
from scim_server.store.trail import record

NOT_YOUR_PASSWORD = "a password is its member's to choose; send them the link to choose a new one"  # noqa: S105  # a sentence

Access = Literal["invite", "grant", "none"]
ACCESSES: tuple[Access, ...] = get_args(Access)
_ON_CREATION: dict[AccessOnCreation, Access] = {"invitation": "invite", "automatic": "grant", "separate": "none"}


def create_member(
    tenant: Tenant,
    definition: ResourceDefinition,
    parts: Parts,
    role_ids: Sequence[str] = (),
    access: Access | None = None,
    *,
    within: Guard | None = None,
) -> StoredResource:
    """Create a member.

    :param access: Whether they are invited, have access at once, or are a contact who has none; without, it is as the
        portal's profile says.

    :raises InvalidValueException: When an attribute is missing that the portal requires, or a role does not exist.
    :raises ForbiddenException: When a member chooses a password for somebody else.
    """
    if tenant.actor.kind == "member" and isinstance(parts.password, str):
        raise ForbiddenException(detail=NOT_YOUR_PASSWORD)
    with guarded(tenant, within=within) as guard:
        _check_required(guard.profile, parts.document)
        _check_contact_roles(guard.profile, {}, parts.document)
        asked = access is not None
        # Who starts on a later day gets access then.
        waits = not asked and starts_later(tenant, parts.document)
        access = access or ("none" if waits else _ON_CREATION[guard.profile.policy.access_on_creation])
        stored = create(tenant, definition, replace(parts, active=access == "grant"))
        if role_ids:
            _set_roles(tenant, guard, stored.id, role_ids, None)
        _give_access(tenant, stored.id, parts.document, access, asked=asked)
    return stored


def _give_access(tenant: Tenant, member_id: str, document: Document, access: Access, *, asked: bool) -> None:
    """Send a new member what their access takes; whom nothing can be sent to, where nobody asked for it, waits."""
    if email_of(document) is None and not (asked and access == "invite"):
        return
    if access == "invite":
        invite(tenant, member_id)
    elif access == "grant":
        offer_first_password(tenant, get_member(tenant, member_id))


def grant_access(tenant: Tenant, member_id: str, if_match: str | None = None) -> MemberRecord:
    """Give a member access; who has no password yet is sent the link to choose one.

    :raises ConflictException: When they are archived, or have no e-mail address to send the link to.
    :raises ForbiddenException: When a member does it to themselves, or may not.
    """
    member = move(tenant, member_id, "grant_access", if_match)
    offer_first_password(tenant, member)
    return member


def change_member(
    tenant: Tenant,
    definition: ResourceDefinition,
    member_id: str,
    patch: Patch,
    if_match: str | None,
    leniences: Leniences,
    *,
    within: Guard | None = None,
) -> StoredResource:
    """Change the attributes of a member, and whether they have access.

    :raises MutabilityException: When their name changes, which the portal freezes.
    :raises ForbiddenException: When a member changes of themselves what the portal does not leave to them, or the
        password of another.
    :raises ConflictException: When the member would be the last administrator to have access, or a connection
        provisions them and a member changes them.
    """
    is_own = _is_own(tenant, member_id)
    with guarded(tenant, None if is_own else MANAGE_MEMBERS, within=within) as guard:
        before = get_member(tenant, member_id, lock=True)
        if any(write.target.attribute is definition.attributes["password"] for write in patch.writes):
            _check_password(tenant, before)
        stored = patch_resource(tenant, definition, member_id, patch, if_match, leniences)
        _check_change(tenant, guard, before, orjson.loads(stored.document))
        if stored.active != (before.state == "active"):
            if is_own:
                raise ForbiddenException(detail="nobody changes their own access; ask another administrator")
            next_state(before.state, "grant_access" if stored.active else "suspend")
            if stored.active:
                guard.give(with_access(tenant, guard.profile, member_id))
    return stored


def _is_own(tenant: Tenant, member_id: str) -> bool:
    """Return whether who acts is the member themselves."""
    return tenant.actor.kind == "member" and tenant.actor.id == member_id


def _check_password(tenant: Tenant, member: MemberRecord) -> None:
    """Check who sets a password: a member sets their own alone, since who knows another's can do what they may."""
    if tenant.actor.kind != "member":
        return
    if not _is_own(tenant, member.id):
        raise ForbiddenException(detail=NOT_YOUR_PASSWORD)
    if member.managed_by is not None:
        raise ConflictException(detail="an identity provider manages this member; change the password there")


def _check_change(tenant: Tenant, guard: Guard, before: MemberRecord, after: Document) -> None:
    profile = guard.profile
    _check_required(profile, after)
    former = orjson.loads(before.document)
    changed = {name for name in former.keys() | after.keys() if former.get(name) != after.get(name)} - {"schemas"}
    frozen = changed & {"name", "displayName"}
    if frozen and profile.policy.name_after_creation == "frozen":
        raise MutabilityException(
            detail=f"{min(frozen)} is frozen in the portal profile {profile.name}: delete the member and create another"
        )
    _check_contact_roles(profile, former, after)
    if tenant.actor.kind != "member" or not changed:
        return
    if before.managed_by is not None:
        raise ConflictException(detail="an identity provider manages this member; change them there")
    if _is_own(tenant, before.id) and MANAGE_MEMBERS not in effective(guard.held or (), profile):
        kept = sorted(changed - profile.policy.self_edit)
        if kept:
            detail = f"the portal does not let members change {', '.join(kept)} of themselves"
            raise ForbiddenException(detail=f"{detail}{whom_to_ask(tenant, profile)}")


def _check_required(profile: PortalProfile, document: Document) -> None:
    for path in profile.policy.required:
        name, _, sub_attribute = path.partition(".")
        value = document.get(name)
        if not (value.get(sub_attribute) if sub_attribute and isinstance(value, dict) else value):
            raise InvalidValueException(detail=f"{path} is required by the portal profile {profile.name}")


def _check_contact_roles(profile: PortalProfile, former: Document, after: Document) -> None:
    """Check what a person becomes a contact for; what an identity provider has written of it stays."""
    before, now = (each.get(MEMBER_USER_URN, {}).get("contactRoles", ()) for each in (former, after))
    for index, key in enumerate(now):
        if key not in profile.contact_roles and key not in before:
            accepted = ", ".join(profile.contact_roles) or "none"
            raise InvalidValueException(
                detail=f"{MEMBER_USER_URN}:contactRoles[{index}] {key[:100]!r} is none of the portal profile "
                f"{profile.name}; accepted: {accepted}"
            )


def set_roles(tenant: Tenant, member_id: str, role_ids: Sequence[str], if_match: str | None = None) -> list[RoleRecord]:
    """Give a member these roles, and none but these, of those given to them one by one; return them.

    :raises ForbiddenException: When a member changes their own roles, or gives what they may not.
    :raises ConflictException: When a connection fills one that would change, or the portal gives one role each.
    :raises UniquenessException: When more would have a role than can.
    """
    if _is_own(tenant, member_id):
        raise ForbiddenException(detail="nobody changes their own roles; ask another administrator")
    with guarded(tenant) as guard:
        return _set_roles(tenant, guard, member_id, role_ids, if_match)


def _set_roles(
    tenant: Tenant, guard: Guard, member_id: str, role_ids: Sequence[str], if_match: str | None
) -> list[RoleRecord]:
    check_version(get_member(tenant, member_id, lock=True).version, if_match)
    wanted = {role_id: get_role(tenant, role_id) for role_id in dict.fromkeys(role_ids)}
    held = {role.id: role for role in roles_of(tenant, member_id)}
    joining, leaving = [each for each in wanted if each not in held], [each for each in held if each not in wanted]
    for role in (*(wanted[each] for each in joining), *(held[each] for each in leaving)):
        if role.connection_id is not None:
            raise ConflictException(detail=f"a connection fills the role {role.display}; change who has it there")
    profile = guard.profile
    if profile.policy.roles_per_member == "one" and len(wanted) > 1:
        raise ConflictException(detail=f"a member has one role in the portal profile {profile.name}")
    guard.give(widest(*(reachable(tenant, profile, role_id) for role_id in joining)))
    for role_id in sorted(joining + leaving):
        change_members_of(
            tenant, role_id, *(((member_id,) if role_id in moved else ()) for moved in (joining, leaving))
        )
    for role_id in joining:
        check_seat_is_open(tenant, profile, wanted[role_id])
        check_holders(tenant, profile, role_id)
    return [wanted[each] for each in wanted]


def move(tenant: Tenant, member_id: str, event: Event, if_match: str | None = None) -> MemberRecord:
    """Let an event happen to a member: see :mod:`scim_server.protocol.lifecycle`.

    :raises ConflictException: When it cannot happen in their state, or the administrator's seat would be empty.
    :raises ForbiddenException: When a member does it to themselves, or may not give what the other has with access.
    """
    if _is_own(tenant, member_id):
        raise ForbiddenException(detail="nobody changes their own access; ask another administrator")
    # An operator can give the seat back to who had it.
    with guarded(tenant, ends_recovery=event == "restore" and tenant.actor.kind == "operator") as guard:
        member = get_member(tenant, member_id, lock=True)
        check_version(member.version, if_match)
        state = next_state(member.state, event)
        if state == member.state:
            return member
        if state == "active":
            guard.give(with_access(tenant, guard.profile, member_id))
        moved = set_state(tenant, member, state)
        changes = {"state": {"from": member.state, "to": state}}
        record(tenant, f"user.{event}", "User", member_id, changes)
    return moved


def leave(tenant: Tenant, member_id: str, successor_id: str | None, if_match: str | None = None) -> MemberRecord:
    """Let a member leave for good: their access ends first, then they are archived.

    :param successor_id: Who takes over what is assigned to them.
    :raises ConflictException: When that is nobody, and something is.
    """
    member = get_member(tenant, member_id)
    if member.state == "active":
        move(tenant, member_id, "suspend", if_match)
        if_match = None
    if successor_id is not None:
        hand_over(tenant, member_id, successor_id)
    check_none_open(tenant, member_id)
    return move(tenant, member_id, "archive", if_match)


def remove_member(
    tenant: Tenant, definition: ResourceDefinition, member_id: str, if_match: str | None, confirm: str | None
) -> None:
    """Remove a member, for good.

    :param confirm: Their ``userName``, typed, where the portal asks for it.
    :raises ForbiddenException: When the portal never deletes, or a member removes themselves.
    :raises ConflictException: When the administrator's seat would be empty.
    """
    if _is_own(tenant, member_id):
        raise ForbiddenException(detail="nobody removes themselves; ask another administrator")
    with guarded(tenant) as guard:
        policy = guard.profile.policy
        user_name = orjson.loads(get_member(tenant, member_id).document).get("userName")
        if policy.deletion == "archive":
            raise ForbiddenException(detail="members are never deleted here; archive them, or erase who they are")
        if policy.deletion == "suspend" and confirm != user_name:
            raise InvalidValueException(
                detail=f"confirm must be {user_name!r}, the userName of who is deleted for good; "
                "suspending ends their access and keeps the record"
            )
        delete(tenant, definition, member_id, if_match)
