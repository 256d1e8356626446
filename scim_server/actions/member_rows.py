"""What is done in the table of members: to several at once, after a preview, and to one of its rows."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, get_args

import orjson
from scim2_models import SCIMException

from scim_server.actions.authority import holdings
from scim_server.actions.groups import change_group_members
from scim_server.actions.invitations import invite
from scim_server.actions.members import change_member, leave, move, set_roles
from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.lifecycle import State
from scim_server.protocol.patch import Patch
from scim_server.protocol.people import name_of
from scim_server.protocol.permissions import authority_of, exceeding, role_permissions
from scim_server.protocol.portals import PortalProfile
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.store.members import get_member
from scim_server.store.organizations import Organization
from scim_server.store.roles import RoleRecord, list_roles, roles_of
from scim_server.store.session import Tenant, savepoint

MAX_AT_ONCE = 100
"""How many members one request changes at most."""

Change = Literal["suspend", "restore", "archive", "invite", "team", "role"]
CHANGES: tuple[Change, ...] = get_args(Change)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change makes of one member: the state before and after it, or why it cannot be."""

    member_id: str
    name: str
    before: State | None
    after: State | None
    refusal: SCIMException | None = None


def changes_of(profile: PortalProfile) -> tuple[Change, ...]:
    """Return what can be done to several members at once in a portal."""
    policy = profile.policy
    left_out = {"archive"} if policy.deletion != "archive" else set()
    left_out |= {"role"} if policy.roles_per_member == "one" else set()
    return tuple(each for each in CHANGES if each not in left_out)


class _UndoneError(Exception):
    """Ends a preview."""


def preview_changes(tenant: Tenant, member_ids: Sequence[str], change: Change, group_id: str | None) -> list[Outcome]:
    """Return, person by person, what a change would do; nothing is changed."""
    outcomes: list[Outcome] = []
    with suppress(_UndoneError), savepoint(tenant):
        outcomes = change_each(tenant, member_ids, change, group_id)
        raise _UndoneError
    return outcomes


def change_each(tenant: Tenant, member_ids: Sequence[str], change: Change, group_id: str | None) -> list[Outcome]:
    """Change members one after the other; who cannot be changed stays as they are, and keeps nobody else from it.

    :param group_id: The team or role that is given, for these.
    """
    return [_change(tenant, each, change, group_id) for each in list(dict.fromkeys(member_ids))[:MAX_AT_ONCE]]


def _change(tenant: Tenant, member_id: str, change: Change, group_id: str | None) -> Outcome:
    before = None
    try:
        before = get_member(tenant, member_id)
        with savepoint(tenant):
            _apply(tenant, member_id, change, group_id)
        after = get_member(tenant, member_id)
    except SCIMException as exc:
        if before is None:
            return Outcome(member_id, "", None, None, exc)
        return Outcome(member_id, name_of(orjson.loads(before.document)), before.state, before.state, exc)
    return Outcome(member_id, name_of(orjson.loads(after.document)), before.state, after.state)


def _apply(tenant: Tenant, member_id: str, change: Change, group_id: str | None) -> None:
    if change == "suspend" or change == "restore":
        move(tenant, member_id, change)
    elif change == "archive":
        leave(tenant, member_id, None)
    elif change == "invite":
        invite(tenant, member_id)
    elif change == "team":
        change_group_members(tenant, group_id or "", [member_id])
    else:
        held = [role.id for role in roles_of(tenant, member_id)]
        set_roles(tenant, member_id, [*held, group_id or ""])


def change_row(
    tenant: Tenant,
    definition: ResourceDefinition,
    member_id: str,
    patch: Patch,
    role_ids: Sequence[str] | None,
    if_match: str,
) -> None:
    """Change a member's attributes and roles together; the roles stay as they are where None are given.

    :raises PreconditionFailedException: When somebody has changed the member in between.
    """
    change_member(tenant, definition, member_id, patch, if_match, Leniences(PROFILES["rfc"]))
    if role_ids is not None and {role.id for role in roles_of(tenant, member_id)} != set(role_ids):
        set_roles(tenant, member_id, role_ids)


def roles_to_give(tenant: Tenant, profile: PortalProfile, organization: Organization) -> list[RoleRecord]:
    """Return the roles that who acts may give by hand, in the order of their names."""
    held = None
    if tenant.actor.kind == "member":
        held = authority_of(holdings(tenant, profile, organization, tenant.actor.id), profile)
    found = []
    for role in list_roles(tenant):
        template = profile.roles.get(role.template or "")
        is_validated = template is not None and template.administrator and profile.policy.administrators == "one"
        given = role_permissions(role.template, role.permissions, profile)
        if role.connection_id is None and not is_validated and (held is None or not exceeding(given, held)):
            found.append(role)
    return found
