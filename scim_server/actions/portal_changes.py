"""Moving an organization to another portal profile: what would no longer hold, and the move itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from scim2_models import ConflictException

from scim_server.actions.authority import EMPTY_SEAT, seat_is_held
from scim_server.actions.portals import ensure_roles, organization_of, portal_named
from scim_server.protocol.permissions import role_permissions
from scim_server.protocol.portals import PortalProfile
from scim_server.protocol.replies import check_version
from scim_server.store.organizations import Organization, own_organization, update_organization
from scim_server.store.permissions import list_holders
from scim_server.store.roles import RoleRecord, follow_template, list_roles
from scim_server.store.session import Tenant
from scim_server.store.trail import record

MEMBERS_SHOWN = 100
"""How many of those whom a difference concerns are named."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that would hold no longer under another profile; ``members`` are ids, of many some."""

    what: str
    members: tuple[str, ...] = ()


def differences(tenant: Tenant, name: str) -> list[Difference]:
    """Return what would no longer hold if the organization had another portal profile.

    :raises ValueError: When no profile of that name is loaded.
    """
    after = portal_named(tenant, name)
    # Where its file is gone, nothing is known of the one before.
    before = tenant.portals.get(organization_of(tenant).portal)
    return list(_differences(tenant, before, after))


def _differences(tenant: Tenant, before: PortalProfile | None, after: PortalProfile) -> Iterator[Difference]:
    roles = list_roles(tenant)
    moved = _moved_seat(roles, before, after)
    several: dict[str, int] = {}
    for role in roles:
        holders = [each[0] for each in list_holders(tenant, [role.id])]
        for each in holders:
            several[each] = several.get(each, 0) + 1
        for what in _of_role(role, moved, len(holders), before, after):
            yield Difference(what, tuple(holders[:MEMBERS_SHOWN]))
    if after.policy.roles_per_member == "one" and (too_many := [each for each, count in several.items() if count > 1]):
        what = f"{len(too_many)} members have several roles, where {after.name} gives one"
        yield Difference(what, tuple(sorted(too_many)[:MEMBERS_SHOWN]))
    for name in sorted(set(before.permissions if before else ()) - set(after.permissions)):
        yield Difference(f"the permission {name} does not exist in {after.name}")


def _moved_seat(roles: list[RoleRecord], before: PortalProfile | None, after: PortalProfile) -> Mapping[str, str]:
    """Return the template that the administrators' role follows instead of its own: by the id of the role.

    Whoever has the seat keeps it, under whichever name the other profile knows it.
    """
    there = {role.template: role for role in roles if role.template}
    former = [key for key, role in (before.roles if before else {}).items() if role.administrator and key in there]
    (following, *_) = (key for key, role in after.roles.items() if role.administrator)
    kept = [key for key in former if key in after.roles and after.roles[key].administrator]
    if kept or not former or following in there:
        return {}
    return {there[former[0]].id: following}


def _of_role(
    role: RoleRecord, moved: Mapping[str, str], holders: int, before: PortalProfile | None, after: PortalProfile
) -> Iterator[str]:
    if role.template is None:
        yield from _of_own_role(role, after)
        return
    key = moved.get(role.id, role.template)
    following = after.roles.get(key)
    if following is None:
        yield f"the role {role.display} ({role.template}) does not exist in {after.name}"
        return
    former = before.roles.get(role.template) if before else None
    if key != role.template:
        yield f"the role {role.display} ({role.template}) becomes {key}"
    if former and former.administrator and not following.administrator:
        yield f"the role {role.display} is no administrator's in {after.name}"
    if former and following.administrator and not former.administrator:
        yield f"the role {role.display} becomes an administrator's in {after.name}"
    lost = sorted(set(former.permissions if former else ()) - set(following.permissions))
    if lost:
        yield f"the role {role.display} loses {', '.join(lost)}"
    if following.max_holders is not None and holders > following.max_holders:
        yield f"{holders} members have the role {role.display}, which at most {following.max_holders} can have"


def _of_own_role(role: RoleRecord, after: PortalProfile) -> Iterator[str]:
    kept = role_permissions(None, role.permissions, after)
    lost = sorted(set(role.permissions or {}) - set(kept))
    if lost:
        yield f"the role {role.display} loses {', '.join(lost)}, which {after.name} does not have"
    if not after.policy.custom_roles:
        yield f"the role {role.display} is the organization's own, which {after.name} has none of"


def change_portal(tenant: Tenant, name: str, if_match: str | None = None) -> Organization:
    """Give the organization another portal profile; roles that it lacks are made, none is taken away.

    The administrators keep their seat. Another role whose template the profile does not have gives nothing from now
    on.

    :raises ValueError: When no profile of that name is loaded.
    :raises ConflictException: When nobody would have the administrator's seat any more.
    """
    profile = portal_named(tenant, name)
    organization = own_organization(tenant, lock=True)
    if organization is None:
        raise ConflictException(detail="the organization was deleted")
    check_version(organization.version, if_match)
    if organization.portal == name:
        return organization
    before = tenant.portals.get(organization.portal)
    was_held = before is not None and seat_is_held(tenant, before, organization)
    changed = replace(organization, portal=name, version=organization.version + 1)
    update_organization(tenant, changed)
    changes = {"portal": {"from": organization.portal, "to": name}}
    record(tenant, "organization.change", "Organization", organization.id, changes)
    for role_id, template in _moved_seat(list_roles(tenant), before, profile).items():
        follow_template(tenant, role_id, template)
        record(tenant, "role.change", "Group", role_id, {"template": {"to": template}})
    ensure_roles(tenant, profile, organization.language)
    if was_held and not seat_is_held(tenant, profile, changed):
        raise ConflictException(detail=EMPTY_SEAT)
    return changed
