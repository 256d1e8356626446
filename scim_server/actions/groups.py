"""Teams, roles and customer groups of an organization, and who is in them; all three are SCIM Groups."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from scim2_models import ConflictException, InvalidValueException, UniquenessException

from scim_server.actions.authority import Guard, guarded
from scim_server.actions.organizations import get_connection
from scim_server.actions.portals import insert_group, with_facts
from scim_server.actions.resources import patch_resource
from scim_server.protocol.documents import Document
from scim_server.protocol.members import AddMembers, RemoveMembers
from scim_server.protocol.patch import Patch
from scim_server.protocol.permissions import holdings_of, role_permissions
from scim_server.protocol.portals import MANAGE_MEMBERS, READ_MEMBERS, Permissions, PortalProfile, widest
from scim_server.protocol.profiles import Leniences
from scim_server.protocol.replies import StoredResource, check_version
from scim_server.store.groups import OWN_NAMESPACES, GroupRecord, get_group, has_sub_teams, move_group
from scim_server.store.memberships import apply_step
from scim_server.store.permissions import edges_of, list_holders
from scim_server.store.resources import GroupPlace, delete_resource, lock_resource, touch_resource, update_resource
from scim_server.store.roles import RoleRecord, find_role, get_role, have_roles, insert_role, list_roles, update_role
from scim_server.store.session import Tenant
from scim_server.store.trail import record


def create_group(
    tenant: Tenant, document: Document, kind: str, parent_id: str | None = None, permissions: Permissions | None = None
) -> GroupRecord:
    """Create a team, a sub-team of another, a customer group, or a role of the organization's own.

    Who is in a sub-team is in its team too.

    :raises UniquenessException: When another in its place has that name.
    :raises ConflictException: When the portal has no roles but its own, or a connection fills the team above.
    :raises InvalidValueException: When the portal has no such permission or scope.
    """
    if parent_id is not None and kind != "team":
        raise ConflictException(detail="only a team can be part of another")
    if permissions is not None and kind != "role":
        raise ConflictException(detail="only a role has permissions")
    with guarded(tenant) as guard:
        if kind == "role":
            _check_custom(guard.profile, permissions or {})
        guard.give(permissions or {})
        if parent_id is not None:
            _parent(tenant, parent_id)
        group_id = insert_group(tenant, document, kind, parent_id)
        if parent_id is not None:
            change_members_of(tenant, parent_id, (group_id,), ())
        if kind == "role":
            insert_role(tenant, group_id, None, permissions or {})
            record(tenant, "role.change", "Group", group_id, {"permissions": {"to": dict(permissions or {})}})
    return get_group(tenant, group_id)


def change_group(
    tenant: Tenant,
    group_id: str,
    patch: Patch,
    changes: Mapping[str, Any],
    if_match: str | None,
    leniences: Leniences,
) -> GroupRecord:
    """Change a group.

    :param patch: What changes of its attributes.
    :param changes: ``parent``, the team that a team is part of, None for none; ``permissions``, of a role of the
        organization's own; ``connection``, that which sees and fills the group from now on, None for none.
    :raises ConflictException: When the group is not of a kind, or in a place, where that can change.
    """
    with guarded(tenant) as guard:
        group = get_group(tenant, group_id, lock=True)
        check_version(group.version, if_match)
        if "parent" in changes:
            _move_team(tenant, guard, group, changes["parent"])
        if "permissions" in changes:
            _change_permissions(tenant, guard, group, changes["permissions"])
        if "connection" in changes:
            _grant(tenant, guard, get_group(tenant, group_id), changes["connection"])
        if patch.writes:
            definition = tenant.catalog.by_name("Group")
            patch_resource(tenant, definition, group_id, patch, None, leniences)
    return get_group(tenant, group_id)


def _move_team(tenant: Tenant, guard: Guard, team: GroupRecord, parent_id: str | None) -> None:
    if parent_id == team.parent_id:
        return
    if team.kind != "team":
        raise ConflictException(detail="only a team can be part of another")
    if team.connection_id is not None:
        raise ConflictException(detail="a connection fills this team, which cannot be part of another")
    if parent_id is not None:
        _parent(tenant, parent_id)
        found = edges_of(tenant, parent_id)
        if parent_id == team.id or (found and any(edge.group_id == team.id for edge in found[1])):
            raise ConflictException(detail="a team cannot be part of itself, or of a team below it")
        guard.give(reachable(tenant, guard.profile, parent_id))
    move_group(tenant, team, GroupPlace("team", parent_id or OWN_NAMESPACES["team"], parent_id))
    if team.parent_id is not None:
        change_members_of(tenant, team.parent_id, (), (team.id,))
    if parent_id is not None:
        change_members_of(tenant, parent_id, (team.id,), ())
        _check_roles_of(tenant, guard.profile, parent_id)
    _write_parent(tenant, team.id, parent_id)
    record(tenant, "group.move", "Group", team.id, {"parent": {"from": team.parent_id, "to": parent_id}})


def _parent(tenant: Tenant, parent_id: str) -> GroupRecord:
    parent = get_group(tenant, parent_id, kind="team", lock=True)
    if parent.connection_id is not None:
        raise ConflictException(detail="a connection fills this team, which cannot have sub-teams")
    return parent


def _change_permissions(tenant: Tenant, guard: Guard, group: GroupRecord, permissions: Permissions) -> None:
    role = find_role(tenant, group.id)
    if role is None:
        raise ConflictException(detail="only a role has permissions")
    if role.template is not None:
        raise ConflictException(detail="this role is the portal's, and the same in every organization; create one")
    _check_custom(guard.profile, permissions)
    guard.give(permissions)
    update_role(tenant, group.id, permissions)
    changes = {"permissions": {"from": role.permissions, "to": dict(permissions)}}
    record(tenant, "role.change", "Group", group.id, changes)
    _touch(tenant, group.id)


def _check_custom(profile: PortalProfile, permissions: Permissions) -> None:
    if not profile.policy.custom_roles:
        raise ConflictException(detail=f"the portal profile {profile.name} has no roles of the organization's own")
    unknown = sorted(set(permissions) - set(profile.permissions))
    if unknown:
        accepted = ", ".join(profile.permissions)
        raise InvalidValueException(detail=f"permissions: {unknown[0][:100]!r} is unknown; accepted: {accepted}")
    for name, scope in permissions.items():
        # Members are not divided: who may give roles to some could give them to all.
        of_members = name in (MANAGE_MEMBERS, READ_MEMBERS)
        scopes = dict.fromkeys(("organization", *(() if of_members else (profile.policy.data_scope,))))
        if scope not in scopes:
            detail = f"permissions: the scope of {name} is one of {', '.join(scopes)}, not {scope[:100]!r}"
            raise InvalidValueException(detail=detail)


def too_broad(profile: PortalProfile, permissions: Permissions) -> list[str]:
    """Return what to say of a role that gives more than a role should: nearly everything there is."""
    if len(permissions) < len(profile.permissions):
        return []
    return ["this role has every permission of the portal; a role for what its holders do is safer"]


def change_group_members(
    tenant: Tenant,
    group_id: str,
    joining: Sequence[str] = (),
    leaving: Sequence[str] = (),
    if_match: str | None = None,
    *,
    within: Guard | None = None,
) -> GroupRecord:
    """Add members to a group and remove others, under the rules of who may give what it stands for.

    :raises ConflictException: When a connection fills the group, or more would have the role than can.
    :raises InvalidValueException: When a member does not exist.
    """
    with guarded(tenant, within=within) as guard:
        group = get_group(tenant, group_id, lock=True)
        check_version(group.version, if_match)
        if group.connection_id is not None:
            raise ConflictException(detail="a connection fills this group; change its members there, or end that first")
        if joining:
            guard.give(reachable(tenant, guard.profile, group_id))
        change_members_of(tenant, group_id, joining, leaving)
        if joining:
            _check_roles_of(tenant, guard.profile, group_id)
        if group.kind == "role" and within is None:
            _check_one_role(tenant, guard.profile, joining)
    return get_group(tenant, group_id)


def _check_roles_of(tenant: Tenant, profile: PortalProfile, group_id: str) -> None:
    """Check the roles that somebody has got who has joined a group: itself, or those that it is in.

    :raises ConflictException: When the operator alone gives one of them.
    :raises UniquenessException: When more have one of them than can.
    """
    _, edges = edges_of(tenant, group_id) or (None, [])
    reached = {edge.group_id for edge in edges if edge.kind == "role"} | {group_id}
    for role in (each for each in list_roles(tenant) if each.id in reached):
        check_seat_is_open(tenant, profile, role)
        check_holders(tenant, profile, role.id)


def _check_one_role(tenant: Tenant, profile: PortalProfile, joining: Sequence[str]) -> None:
    """Check that nobody was given a second role where the portal gives one each.

    :raises ConflictException: When somebody was.
    """
    if profile.policy.roles_per_member == "one" and have_roles(tenant, joining, 2):
        detail = f"a member has one role in the portal profile {profile.name}; take the other one first"
        raise ConflictException(detail=detail)


def check_seat_is_open(tenant: Tenant, profile: PortalProfile, role: RoleRecord) -> None:
    """Check that a role may be given without the operator.

    :raises ConflictException: When it is the seat of an administrator whom the operator validates.
    """
    template = profile.roles.get(role.template or "")
    if template is None or not template.administrator or profile.policy.administrators != "one":
        return
    if tenant.actor.kind != "operator":
        detail = f"the operator validates who has the role {role.display}: ask for it by a hand-over, with evidence"
        raise ConflictException(detail=detail)


def reachable(tenant: Tenant, profile: PortalProfile, group_id: str) -> Permissions:
    """Return the permissions that being in a group gives: those of the roles it is, or is in."""
    found = edges_of(tenant, group_id)
    above = holdings_of(group_id, found[1] if found else (), profile)
    role = find_role(tenant, group_id)
    own = role_permissions(role.template, role.permissions, profile) if role is not None else {}
    return widest(own, *(holding.permissions for holding in above))


def check_holders(tenant: Tenant, profile: PortalProfile, role_id: str) -> None:
    """Check how many have a role.

    :raises UniquenessException: When more do than the portal's profile lets.
    """
    role = get_role(tenant, role_id)
    template = profile.roles.get(role.template or "")
    if template is None or template.max_holders is None:
        return
    holders = list_holders(tenant, [role_id], limit=template.max_holders + 1)
    if len(holders) > template.max_holders:
        raise UniquenessException(
            detail=f"at most {template.max_holders} can have the role {role.display}, which "
            f"{holders[0][1] or holders[0][0]} has; have it handed over first"
        )


def check_is_open(tenant: Tenant, profile: PortalProfile, group: GroupRecord) -> None:
    """Check that a connection may say who is in a group.

    :raises ConflictException: When it is a role that only so many can have.
    """
    if group.kind != "role":
        return
    template = profile.roles.get(get_role(tenant, group.id).template or "")
    if template is not None and template.max_holders is not None:
        detail = f"at most {template.max_holders} can have the role {group.display}, so it is given by hand alone"
        raise ConflictException(detail=detail)


def delete_group(tenant: Tenant, group_id: str, if_match: str | None = None) -> None:
    """Delete a team, a customer group or a role of the organization's own; its members stay.

    :raises ConflictException: When it is a role of the portal's, or has sub-teams.
    """
    with guarded(tenant):
        group = get_group(tenant, group_id, lock=True)
        check_version(group.version, if_match)
        if group.kind == "role" and get_role(tenant, group_id).template is not None:
            raise ConflictException(detail="this role is the portal's, which every organization has")
        if has_sub_teams(tenant, group_id):
            raise ConflictException(detail="the team has sub-teams; delete or move them first")
        delete_resource(tenant, tenant.catalog.by_name("Group"), group_id)
        record(tenant, "group.delete", "Group", group_id, {"displayName": {"from": group.display}})


def _grant(tenant: Tenant, guard: Guard, group: GroupRecord, connection_id: str | None) -> None:
    """Let a connection see and fill a group, or none any more; its members stay as they are."""
    if group.connection_id == connection_id:
        return
    if group.is_pushed:
        raise ConflictException(detail="a connection pushed this group; map it to a role instead")
    if group.parent_id is not None or has_sub_teams(tenant, group.id):
        raise ConflictException(detail="a team that is part of another, or has sub-teams, is filled by hand alone")
    if connection_id is not None:
        connection = get_connection(tenant, connection_id)
        connection_id = connection.id
        check_is_open(tenant, guard.profile, group)
        guard.give(reachable(tenant, guard.profile, group.id))
    move_group(tenant, group, GroupPlace(group.kind, connection_id or OWN_NAMESPACES[group.kind]))
    changes = {"connection": {"from": group.connection_id, "to": connection_id}}
    record(tenant, "group.grant", "Group", group.id, changes)
    _touch(tenant, group.id)


def change_members_of(tenant: Tenant, group_id: str, joining: Sequence[str], leaving: Sequence[str]) -> None:
    """Add members to a group and remove others; the caller looks after the rules."""
    locked = lock_resource(tenant, tenant.catalog.by_name("Group"), group_id, tuple(joining))
    added, _ = apply_step(tenant, group_id, AddMembers(tuple(joining))) if joining else ([], [])
    _, removed = apply_step(tenant, group_id, RemoveMembers(tuple(leaving))) if leaving else ([], [])
    if added or removed:
        record(tenant, "group.patch", "Group", group_id, {}, added=added, removed=removed)
        touch_resource(tenant, locked, at_once=False)


def _touch(tenant: Tenant, group_id: str) -> StoredResource:
    locked = lock_resource(tenant, tenant.catalog.by_name("Group"), group_id)
    return touch_resource(tenant, locked, at_once=False)


def _write_parent(tenant: Tenant, team_id: str, parent_id: str | None) -> None:
    """Write the team that a team is part of into its document, where SCIM shows it."""
    definition = tenant.catalog.by_name("Group")
    locked = lock_resource(tenant, definition, team_id)
    document = with_facts(orjson.loads(locked.document), definition, "team", parent_id)
    update_resource(tenant, definition, locked, document, None)
