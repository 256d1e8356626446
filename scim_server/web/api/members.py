"""Members: the people of an organization, with their states, roles and permissions."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict

import orjson

from scim_server.actions.members import change_member, create_member, leave, move, remove_member, set_roles
from scim_server.actions.permissions import check_permission, rights_of
from scim_server.actions.resources import Digests, prepare
from scim_server.protocol.lifecycle import Event
from scim_server.protocol.portals import MANAGE_MEMBERS, READ_MEMBERS
from scim_server.protocol.replies import etag
from scim_server.store.members import get_member
from scim_server.store.resources import get_resource, related
from scim_server.store.roles import RoleRecord, list_roles, roles_of
from scim_server.store.session import Tenant
from scim_server.web.api import member_schemas as schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.attributes import narrowing, pointing_at, read_attributes, with_schemas_of
from scim_server.web.api.listing import (
    definition_of,
    list_resources,
    no_leniences,
    projection_of,
    read_changes,
    reply_as_stored,
    reply_with,
)
from scim_server.web.api.operations import Call, Reply, operation
from scim_server.web.problems import BadFieldsException

MEMBERS = "/organizations/<organization>/members"
MEMBER = f"{MEMBERS}/<member>"
_ANSWER = schemas.Member()


@operation(
    *("GET", MEMBERS),
    scope="members:read",
    permission=READ_MEMBERS,
    query=schemas.MemberQuery(),
    answer=schemas.Members(),
)
def list_members(call: Call) -> Reply:
    """List the members of an organization, those of every connection, by search, state, group or filter."""
    return list_resources(call, definition_of("User"), "state")


@operation(
    *("POST", MEMBERS),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    body=schemas.NewMember(),
    answer=_ANSWER,
    status=201,
    versioned=True,
)
def create_a_member(call: Call) -> Reply:
    """Create a member, whom no connection provisions; `access` says how they get access, else the portal's profile."""
    definition = definition_of("User")
    with pointing_at("/attributes", definition):
        payload = with_schemas_of(read_attributes(call.body, definition), definition)
        parts = prepare(payload, definition, no_leniences())

        def action(tenant: Tenant) -> Reply:
            assert call.organization is not None
            role_ids = named_roles(tenant, call.body.get("roles", ()))
            stored = create_member(tenant, definition, parts, role_ids, call.body.get("access"))
            place = f"/organizations/{call.organization.slug}/members/{stored.id}"
            return reply_as_stored(tenant, definition, stored.id, location=place)

        return call.write(action)


@operation("GET", MEMBER, scope="members:read", permission=READ_MEMBERS, own=True, answer=_ANSWER, versioned=True)
def get_a_member(call: Call, member: str) -> Reply:
    """Read a member, with their groups."""
    check_id("member", member)
    return call.read(lambda tenant: reply_as_stored(tenant, definition_of("User"), member))


@operation(
    *("PATCH", MEMBER),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    own=True,
    body=schemas.MemberChanges(),
    answer=_ANSWER,
    versioned=True,
)
def change_a_member(call: Call, member: str) -> Reply:
    """Change a member; `{"active": false}` ends their access and keeps their record."""
    definition = definition_of("User")
    check_id("member", member)
    with pointing_at("/attributes", definition):
        leniences = no_leniences()
        # Who acts for a member brings the password that this person has chosen.
        digests = Digests(chosen=call.credentials.actor.kind == "member")
        patch = read_changes(read_attributes(call.body, definition), definition, member, leniences, digests)

        def action(tenant: Tenant) -> Reply:
            stored = change_member(tenant, definition, member, patch, call.if_match, leniences)
            return reply_with(tenant, definition, related(tenant, definition, stored, projection_of(definition)))

        return call.write(action)


@operation(
    *("DELETE", MEMBER),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    query=schemas.Deletion(),
    status=204,
    versioned=True,
)
def delete_a_member(call: Call, member: str) -> Reply:
    """Delete a member for good, where the portal's profile deletes; some ask for their `userName` in `confirm`."""
    check_id("member", member)

    def action(tenant: Tenant) -> Reply:
        remove_member(tenant, definition_of("User"), member, call.if_match, call.query.get("confirm"))
        return Reply()

    return call.write(action)


@operation(
    *("POST", f"{MEMBER}/suspend"), scope="members:write", permission=MANAGE_MEMBERS, answer=_ANSWER, versioned=True
)
def suspend_a_member(call: Call, member: str) -> Reply:
    """End the access of a member; their record stays as it is."""
    return _move(call, member, "suspend")


@operation(
    *("POST", f"{MEMBER}/restore"), scope="members:write", permission=MANAGE_MEMBERS, answer=_ANSWER, versioned=True
)
def restore_a_member(call: Call, member: str) -> Reply:
    """Give a suspended member access again, or take one out of the archive, without access yet."""
    return _move(call, member, "restore")


@operation(
    *("POST", f"{MEMBER}/archive"),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    query=schemas.Departure(),
    answer=_ANSWER,
    versioned=True,
)
def archive_a_member(call: Call, member: str) -> Reply:
    """Let a member leave for good: their access ends, what is assigned to them is handed over, they are archived."""
    check_id("member", member)

    def action(tenant: Tenant) -> Reply:
        leave(tenant, member, call.query.get("hand_over_to"), call.if_match)
        return reply_as_stored(tenant, definition_of("User"), member)

    return call.write(action)


def _move(call: Call, member: str, event: Event) -> Reply:
    check_id("member", member)

    def action(tenant: Tenant) -> Reply:
        move(tenant, member, event, call.if_match)
        return reply_as_stored(tenant, definition_of("User"), member)

    return call.write(action)


@operation(
    *("GET", f"{MEMBER}/roles"), scope="members:read", permission=READ_MEMBERS, own=True, answer=schemas.RolesOfMember()
)
def get_roles(call: Call, member: str) -> Reply:
    """Read the roles given to a member one by one; `permissions` tells those that came otherwise too."""
    check_id("member", member)

    def read(tenant: Tenant) -> Reply:
        get_member(tenant, member)
        return Reply({"roles": [_role(each) for each in roles_of(tenant, member)]})

    return call.read(read)


@operation(
    *("PUT", f"{MEMBER}/roles"),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    body=schemas.NewRolesOfMember(),
    answer=schemas.RolesOfMember(),
    versioned=True,
)
def set_roles_of_a_member(call: Call, member: str) -> Reply:
    """Give a member these roles, and none but these; nobody changes their own, or gives what is not theirs to give."""
    check_id("member", member)

    def action(tenant: Tenant) -> Reply:
        given = set_roles(tenant, member, named_roles(tenant, call.body["roles"]), call.if_match)
        now = get_resource(tenant, definition_of("User"), member, projection_of(definition_of("User")))
        return Reply({"roles": [_role(each) for each in given]}, etag(now.version, now.groups))

    return call.write(action)


def named_roles(tenant: Tenant, named: Sequence[str]) -> list[str]:
    """Return the ids of roles that are named by their ids, or by the keys that the portal's profile gives them.

    :raises BadFieldsException: When there is no such role.
    """
    if not named:
        return []
    roles = list_roles(tenant)
    ids = {role.id: role.id for role in roles} | {role.template: role.id for role in roles if role.template}
    unknown = [index for index, each in enumerate(named) if each not in ids]
    if unknown:
        accepted = ", ".join(sorted(role.template or role.id for role in roles))
        detail = f"is no role of the organization; accepted: {accepted}"
        raise BadFieldsException([{"pointer": f"/roles/{index}", "detail": detail} for index in unknown])
    return [ids[each] for each in named]


def _role(role: RoleRecord) -> dict[str, object]:
    return {"id": role.id, "display": role.display, "key": role.template, "connection": role.connection_id}


@operation(
    *("GET", f"{MEMBER}/permissions"),
    scope="members:read",
    permission=READ_MEMBERS,
    own=True,
    answer=schemas.Permissions(),
    versioned=True,
)
def get_permissions(call: Call, member: str) -> Reply:
    """Read what a member may do, how far each permission reaches, and through what it came."""
    check_id("member", member)

    def read(tenant: Tenant) -> Reply:
        assert call.organization is not None
        rights = schemas.rights_content(rights_of(tenant, call.organization, member))
        version = hashlib.sha256(orjson.dumps(rights)).hexdigest()[:32]
        return Reply(rights, f'"{version}"')

    return call.read(read)


@operation(
    *("GET", f"{MEMBER}/check"),
    scope="members:read",
    permission=READ_MEMBERS,
    own=True,
    query=schemas.CheckQuery(),
    answer=schemas.Check(),
)
def check_a_permission(call: Call, member: str) -> Reply:
    """Say whether a member may do something, to an object where one is named."""
    check_id("member", member)

    def read(tenant: Tenant) -> Reply:
        assert call.organization is not None
        asked = call.query["permission"]
        return Reply(asdict(check_permission(tenant, call.organization, member, asked, call.query.get("object"))))

    with narrowing("permission"):
        return call.read(read)
