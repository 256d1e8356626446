"""The portal profile of an organization, and the roles that follow from it."""

from scim2_models import ConflictException, UniquenessException

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.documents import Document, with_schemas
from scim_server.protocol.portals import PortalProfile, Role
from scim_server.store.groups import OWN_NAMESPACES
from scim_server.store.organizations import Organization, list_organizations, own_organization
from scim_server.store.resources import GroupPlace, insert_resource
from scim_server.store.roles import insert_role, list_roles
from scim_server.store.session import (
    Actor,
    Credentials,
    Store,
    Tenant,
    begin,
    begin_platform,
    new_id,
    savepoint,
)
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


def complete_roles(store: Store, *, actor_id: str) -> tuple[list[str], dict[str, str]]:
    """Make the roles that any organization lacks, such as one from before there were roles.

    :return: The slugs of those that lacked some; and of those whose profile is not loaded, with why they lack them
        still.
    """
    completed: list[str] = []
    left: dict[str, str] = {}
    with begin_platform(store, write=False) as platform:
        organizations = [each for each in list_organizations(platform) if each.status != "deleting"]
    for each in organizations:
        profile = store.portals.get(each.portal)
        if profile is None:
            left[each.slug] = f"its portal profile {each.portal!r} is not loaded; put its file into the directory"
            continue
        credentials = Credentials(each.id, Actor("operator", actor_id))
        with begin(store, credentials, write=False) as tenant:
            is_complete = set(profile.roles) <= {role.template for role in list_roles(tenant)}
        if is_complete:
            continue
        with begin(store, credentials, write=True) as tenant:
            # Held, so that two who upgrade at once do not both make them.
            own_organization(tenant, lock=True)
            ensure_roles(tenant, profile, each.language)
        completed.append(each.slug)
    return completed, left


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
    """Return the document of a group with what the organization makes of it, as SCIM shows it.

    Nothing is shown where an operator's own resource type of groups does without the extension.
    """
    if MEMBER_GROUP_URN.lower() not in definition.extensions:
        return with_schemas(document, definition)
    facts = {"kind": kind, **({"parent": parent_id} if parent_id else {})}
    return with_schemas({**document, MEMBER_GROUP_URN: facts}, definition)
