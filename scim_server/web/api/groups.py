"""Teams, roles and customer groups; all three are SCIM Groups."""

from collections.abc import Sequence
from functools import partial

from scim_server.actions.groups import change_group, change_group_members, create_group, delete_group, too_broad
from scim_server.actions.portals import portal_of
from scim_server.actions.resources import prepare
from scim_server.protocol.permissions import role_permissions
from scim_server.protocol.portals import MANAGE_MEMBERS, READ_MEMBERS, PortalProfile
from scim_server.protocol.replies import Member, etag
from scim_server.store.groups import get_group
from scim_server.store.memberships import list_members
from scim_server.store.roles import RoleRecord, list_roles
from scim_server.store.session import Tenant
from scim_server.web.api import member_schemas as schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.attributes import pointing_at, read_attributes, with_schemas_of
from scim_server.web.api.listing import definition_of, list_resources, no_leniences, read_changes, reply_as_stored
from scim_server.web.api.operations import Call, Reply, operation
from scim_server.web.api.paging import page

_GROUPS = "/organizations/<organization>/groups"
_GROUP = f"{_GROUPS}/<group>"
_MEMBERS = f"{_GROUP}/members"
_ANSWER = schemas.Group()


@operation(
    *("GET", _GROUPS),
    scope="members:read",
    permission=READ_MEMBERS,
    query=schemas.GroupQuery(),
    answer=schemas.Groups(),
)
def list_groups(call: Call) -> Reply:
    """List the groups of an organization, those of every connection."""
    return list_resources(call, definition_of("Group"), "kind")


@operation(
    *("POST", _GROUPS),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    body=schemas.NewGroup(),
    answer=_ANSWER,
    status=201,
    versioned=True,
)
def create_a_group(call: Call) -> Reply:
    """Create a team, a sub-team, a customer group, or a role of the organization's own, which no connection sees."""
    definition = definition_of("Group")
    with pointing_at("/attributes", definition):
        payload = with_schemas_of(read_attributes(call.body, definition), definition)
        parts = prepare(payload, definition, no_leniences())

        def action(tenant: Tenant) -> Reply:
            assert call.organization is not None
            asked = (call.body["kind"], call.body.get("parent"), call.body.get("permissions"))
            made = create_group(tenant, parts.document, *asked)
            place = f"/organizations/{call.organization.slug}/groups/{made.id}"
            return reply_as_stored(tenant, definition, made.id, location=place)

        return call.write(action)


@operation("GET", _GROUP, scope="members:read", permission=READ_MEMBERS, answer=_ANSWER, versioned=True)
def get_a_group(call: Call, group: str) -> Reply:
    """Read a group."""
    check_id("Group", group)
    return call.read(lambda tenant: reply_as_stored(tenant, definition_of("Group"), group))


@operation(
    *("PATCH", _GROUP),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    body=schemas.GroupChanges(),
    answer=_ANSWER,
    versioned=True,
)
def change_a_group(call: Call, group: str) -> Reply:
    """Change a group: its attributes, the team above it, the permissions of a role, or the connection that fills it."""
    definition = definition_of("Group")
    check_id("Group", group)
    with pointing_at("/attributes", definition):
        leniences = no_leniences()
        patch = read_changes(read_attributes(call.body, definition), definition, group, leniences)
        changes = {name: call.body[name] for name in ("parent", "permissions", "connection") if name in call.body}

        def action(tenant: Tenant) -> Reply:
            change_group(tenant, group, patch, changes, call.if_match, leniences)
            return reply_as_stored(tenant, definition, group)

        return call.write(action)


@operation("DELETE", _GROUP, scope="members:write", permission=MANAGE_MEMBERS, status=204, versioned=True)
def delete_a_group(call: Call, group: str) -> Reply:
    """Delete a group; its members stay."""
    check_id("Group", group)

    def action(tenant: Tenant) -> Reply:
        delete_group(tenant, group, call.if_match)
        return Reply()

    return call.write(action)


@operation(
    *("GET", _MEMBERS),
    scope="members:read",
    permission=READ_MEMBERS,
    query=schemas.PageQuery(),
    answer=schemas.MembersOfGroup(),
)
def list_group_members(call: Call, group: str) -> Reply:
    """List the members of a group in the order of their ids."""
    check_id("Group", group)

    def read(tenant: Tenant, after: str, limit: int) -> Sequence[Member]:
        get_group(tenant, group)
        return list_members(tenant, group, after=after, limit=limit)

    return page(
        call, lambda after, limit: call.read(partial(read, after=after or "", limit=limit)), lambda each: each.id
    )


@operation(
    *("POST", _MEMBERS),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    body=schemas.NewMembersOfGroup(),
    status=204,
    versioned=True,
)
def add_members(call: Call, group: str) -> Reply:
    """Add members to a group."""
    joining = tuple(dict.fromkeys(call.body["members"]))
    with pointing_at("/members", definition_of("Group")):
        return _change_members(call, group, joining, ())


@operation(
    *("DELETE", f"{_MEMBERS}/<member>"), scope="members:write", permission=MANAGE_MEMBERS, status=204, versioned=True
)
def remove_member(call: Call, group: str, member: str) -> Reply:
    """Remove a member from a group; who is none stays none."""
    return _change_members(call, group, (), (check_id("member", member),))


def _change_members(call: Call, group: str, joining: Sequence[str], leaving: Sequence[str]) -> Reply:
    check_id("Group", group)

    def action(tenant: Tenant) -> Reply:
        changed = change_group_members(tenant, group, joining, leaving, call.if_match)
        return Reply(etag=etag(changed.version, None))

    return call.write(action)


@operation(
    *("GET", "/organizations/<organization>/roles"),
    scope="members:read",
    permission=READ_MEMBERS,
    answer=schemas.Roles(),
)
def list_all_roles(call: Call) -> Reply:
    """List the roles of an organization with what each allows: those of its portal, and its own."""

    def read(tenant: Tenant) -> Reply:
        profile = portal_of(tenant, call.organization)
        return Reply({"items": [_role(role, profile) for role in list_roles(tenant)]})

    return call.read(read)


def _role(role: RoleRecord, profile: PortalProfile) -> dict[str, object]:
    template = profile.roles.get(role.template or "")
    permissions = role_permissions(role.template, role.permissions, profile)
    return {
        "id": role.id,
        "display": role.display,
        "key": role.template,
        "description": template.description if template else {},
        "administrator": template is not None and template.administrator,
        "max_holders": template.max_holders if template else None,
        "connection": role.connection_id,
        "permissions": permissions,
        "warnings": too_broad(profile, permissions),
    }
