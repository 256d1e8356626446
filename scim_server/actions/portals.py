"""The portal profile of an organization, and the roles that follow from it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from scim2_models import ConflictException, UniquenessException

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.documents import Document, with_schemas
from scim_server.protocol.portals import PortalProfile, Role
from scim_server.protocol.replies import check_version
from scim_server.store.groups import OWN_NAMESPACES
from scim_server.store.organizations import Organization, own_organization, update_organization
from scim_server.store.permissions import list_holders
from scim_server.store.resources import GroupPlace, insert_resource
from scim_server.store.roles import RoleRecord, insert_role, list_roles
from scim_server.store.session import Tenant, new_id, savepoint
from scim_server.store.trail import record

MEMBER_GROUP_URN = "urn:scim-server:params:scim:schemas:extension:member:1.0:Group"


def portal_named(tenant: Tenant, name: str) -> PortalProfile:
    """Return a portal profile.

    :raises ValueError: When none of that name is loaded.
    """
    profile = tenant.portals.get(name)
    if profile is None:
        accepted = ", ".join(sorted(tenant.portals))
        raise ValueError(f"{name[:100]!r} is no portal profile that is loaded; accepted: {accepted}")
    return profile


def portal_of(tenant: Tenant, organization: Organization | None = None) -> PortalProfile:
    """Return the portal profile of the organization.

    :raises ConflictException: When its file is there no more.
    """
    organization = organization or organization_of(tenant)
    try:
        return portal_named(tenant, organization.portal)
    except ValueError as exc:
        detail = f"{exc}; put its file back into SCIM_SERVER_PORTALS_DIR, or give the organization another profile"
        raise ConflictException(detail=detail) from exc


def organization_of(tenant: Tenant) -> Organization:
    """Return the organization of the tenant."""
    organization = own_organization(tenant, lock=False)
    if organization is None:
        raise ConflictException(detail="the organization was deleted")
    return organization


def ensure_roles(tenant: Tenant, profile: PortalProfile, language: str) -> None:
    """Make those roles of the profile that the organization does not have yet."""
    there = {role.template for role in list_roles(tenant)}
    for key, role in profile.roles.items():
        if key not in there:
            _make_role(tenant, key, role, profile.policy.languages, language)


def _make_role(tenant: Tenant, key: str, role: Role, languages: tuple[str, ...], language: str) -> None:
    name = role.name[language if language in role.name else languages[0]]
    try:
        with savepoint(tenant):
            group_id = insert_group(tenant, {"displayName": name}, "role")
    except UniquenessException:
        # A role of the organization's own has that name.
        group_id = insert_group(tenant, {"displayName": f"{name} ({key})"}, "role")
    insert_role(tenant, group_id, key, None)


def insert_group(tenant: Tenant, document: Document, kind: str, parent_id: str | None = None) -> str:
    """Create a group of the organization itself and return its id.

    :raises UniquenessException: When another in its place has that name.
    """
    definition, group_id = tenant.catalog.by_name("Group"), new_id()
    place = GroupPlace(kind, parent_id or OWN_NAMESPACES[kind], parent_id)
    whole = with_facts(document, definition, kind, parent_id)
    insert_resource(tenant, definition, group_id, whole, None, place=place)
    changes = {name: {"to": value} for name, value in whole.items() if name != "schemas"}
    record(tenant, "group.create", "Group", group_id, changes)
    return group_id


def with_facts(document: Document, definition: ResourceDefinition, kind: str, parent_id: str | None) -> Document:
    """Return the document of a group with what the organization makes of it, as SCIM shows it."""
    facts = {"kind": kind, **({"parent": parent_id} if parent_id else {})}
    return with_schemas({**document, MEMBER_GROUP_URN: facts}, definition)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that would hold no longer under another profile; ``members`` are ids, at most so many as are shown."""

    what: str
    members: tuple[str, ...] = ()


_MEMBERS_SHOWN = 100


def differences(tenant: Tenant, profile: PortalProfile) -> list[Difference]:
    """Return what would no longer hold if the organization had another portal profile."""
    return list(_differences(tenant, portal_of(tenant), profile))


def _differences(tenant: Tenant, before: PortalProfile, after: PortalProfile) -> Iterator[Difference]:
    roles = list_roles(tenant)
    several: dict[str, int] = {}
    for role in roles:
        holders = [each[0] for each in list_holders(tenant, [role.id])]
        for each in holders:
            several[each] = several.get(each, 0) + 1
        shown = tuple(holders[:_MEMBERS_SHOWN])
        yield from _role_differences(role, shown, len(holders), before, after)
    if after.policy.roles_per_member == "one" and (too_many := [each for each, count in several.items() if count > 1]):
        what = f"{len(too_many)} members have several roles, where {after.name} gives one"
        yield Difference(what, tuple(sorted(too_many)[:_MEMBERS_SHOWN]))
    for name in sorted(set(before.permissions) - set(after.permissions)):
        yield Difference(f"the permission {name} does not exist in {after.name}")


def _role_differences(
    role: RoleRecord, shown: tuple[str, ...], holders: int, before: PortalProfile, after: PortalProfile
) -> Iterator[Difference]:
    if role.template is None:
        lost = sorted(set(role.permissions or {}) - set(after.permissions))
        if lost:
            yield Difference(
                f"the role {role.display} loses {', '.join(lost)}, which {after.name} does not have", shown
            )
        if not after.policy.custom_roles:
            yield Difference(
                f"the role {role.display} is the organization's own, which {after.name} has none of", shown
            )
        return
    following = after.roles.get(role.template)
    if following is None:
        yield Difference(f"the role {role.display} ({role.template}) does not exist in {after.name}", shown)
        return
    former = before.roles.get(role.template)
    lost = sorted(set(former.permissions if former else {}) - set(following.permissions))
    if lost:
        yield Difference(f"the role {role.display} loses {', '.join(lost)}", shown)
    if following.max_holders is not None and holders > following.max_holders:
        what = f"{holders} members have the role {role.display}, which at most {following.max_holders} can have"
        yield Difference(what, shown)


def change_portal(tenant: Tenant, name: str, if_match: str | None = None) -> Organization:
    """Give the organization another portal profile; roles that it lacks are made, none is taken away.

    A role whose template the profile does not have gives nothing from now on.

    :raises ValueError: When no profile of that name is loaded.
    """
    profile = portal_named(tenant, name)
    organization = own_organization(tenant, lock=True)
    if organization is None:
        raise ConflictException(detail="the organization was deleted")
    check_version(organization.version, if_match)
    if organization.portal == name:
        return organization
    changed = replace(organization, portal=name, version=organization.version + 1)
    update_organization(tenant, changed)
    changes = {"portal": {"from": organization.portal, "to": name}}
    record(tenant, "organization.change", "Organization", organization.id, changes)
    ensure_roles(tenant, profile, organization.language)
    return changed
