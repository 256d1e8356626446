"""Users and groups as the members of their organization see them, by the same actions as SCIM's."""

from collections.abc import Sequence
from typing import Any

import orjson

from scim_server.actions.resources import create, delete, patch_resource, prepare, prepare_patch
from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.members import AddMembers, RemoveMembers
from scim_server.protocol.patch import PATCH_OP_URN, Patch
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.protocol.projection import WHOLE, Projection
from scim_server.protocol.queries import Query
from scim_server.protocol.replies import Member, StoredResource, etag
from scim_server.store.history import authors_of
from scim_server.store.memberships import list_members
from scim_server.store.resources import get_resource, related
from scim_server.store.search import search_resources
from scim_server.store.session import Tenant
from scim_server.web.api import schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.attributes import narrowing, pointing_at, read_attributes, resource_content, with_schemas_of
from scim_server.web.api.operations import Call, Reply, operation
from scim_server.web.api.paging import cursor_of, page, page_reply, position_of
from scim_server.web.site import current_site

_USERS = "/organizations/<organization>/users"
_USER = f"{_USERS}/<user>"
_GROUPS = "/organizations/<organization>/groups"
_GROUP = f"{_GROUPS}/<group>"
_MEMBERS = f"{_GROUP}/members"
_USER_ANSWER, _GROUP_ANSWER = schemas.User(), schemas.Group()
_SEARCHED = {
    "User": ("userName", "displayName", "name.formatted", "name.givenName", "name.familyName", "emails.value"),
    "Group": ("displayName",),
}


@operation("GET", _USERS, scope="members:read", query=schemas.ResourceQuery(), answer=schemas.Users())
def list_users(call: Call) -> Reply:
    """List the users of an organization, those of every connection."""
    return _list(call, _definition("User"))


@operation(
    *("POST", _USERS), scope="members:write", body=schemas.NewUser(), answer=_USER_ANSWER, status=201, versioned=True
)
def create_user(call: Call) -> Reply:
    """Create a user, whom no connection provisions."""
    return _create(call, _definition("User"), "users")


@operation("GET", _USER, scope="members:read", answer=_USER_ANSWER, versioned=True)
def get_user(call: Call, user: str) -> Reply:
    """Read a user, with their groups."""
    return _get(call, _definition("User"), user)


@operation("PATCH", _USER, scope="members:write", body=schemas.UserChanges(), answer=_USER_ANSWER, versioned=True)
def change_user(call: Call, user: str) -> Reply:
    """Change a user; `{"active": false}` ends their access and keeps their record."""
    return _change(call, _definition("User"), user)


@operation("DELETE", _USER, scope="members:write", status=204, versioned=True)
def delete_user(call: Call, user: str) -> Reply:
    """Delete a user for good."""
    return _delete(call, _definition("User"), user)


@operation("GET", _GROUPS, scope="members:read", query=schemas.ResourceQuery(), answer=schemas.Groups())
def list_groups(call: Call) -> Reply:
    """List the groups of an organization, those of every connection."""
    return _list(call, _definition("Group"))


@operation(
    *("POST", _GROUPS), scope="members:write", body=schemas.NewGroup(), answer=_GROUP_ANSWER, status=201, versioned=True
)
def create_group(call: Call) -> Reply:
    """Create a group, which no connection sees."""
    return _create(call, _definition("Group"), "groups")


@operation("GET", _GROUP, scope="members:read", answer=_GROUP_ANSWER, versioned=True)
def get_group(call: Call, group: str) -> Reply:
    """Read a group."""
    return _get(call, _definition("Group"), group)


@operation("PATCH", _GROUP, scope="members:write", body=schemas.GroupChanges(), answer=_GROUP_ANSWER, versioned=True)
def change_group(call: Call, group: str) -> Reply:
    """Change a group."""
    return _change(call, _definition("Group"), group)


@operation("DELETE", _GROUP, scope="members:write", status=204, versioned=True)
def delete_group(call: Call, group: str) -> Reply:
    """Delete a group; its members stay."""
    return _delete(call, _definition("Group"), group)


@operation("GET", _MEMBERS, scope="members:read", query=schemas.PageQuery(), answer=schemas.Members())
def list_group_members(call: Call, group: str) -> Reply:
    """List the members of a group in the order of their ids."""
    definition = _definition("Group")
    check_id("Group", group)

    def read(tenant: Tenant, after: str, limit: int) -> Sequence[Member]:
        get_resource(tenant, definition, group, _projection(definition))
        return list_members(tenant, group, after=after, limit=limit)

    return page(
        call, lambda after, limit: call.read(lambda tenant: read(tenant, after or "", limit)), lambda each: each.id
    )


@operation("POST", _MEMBERS, scope="members:write", body=schemas.NewMembers(), status=204, versioned=True)
def add_members(call: Call, group: str) -> Reply:
    """Add members to a group."""
    steps = (AddMembers(tuple(dict.fromkeys(call.body["members"]))),)
    with pointing_at("/members", _definition("Group")):
        return _change_members(call, group, Patch((), steps))


@operation("DELETE", f"{_MEMBERS}/<member>", scope="members:write", status=204, versioned=True)
def remove_member(call: Call, group: str, member: str) -> Reply:
    """Remove a member from a group; who is none stays none."""
    check_id("member", member)
    return _change_members(call, group, Patch((), (RemoveMembers((member,)),)))


def _definition(name: str) -> ResourceDefinition:
    return current_site().store.catalog.by_name(name)


def _projection(definition: ResourceDefinition) -> Projection:
    """Return what is read of a resource: never the members of a group, which may be many."""
    return Projection(excluded=frozenset({"members"})) if definition.is_group else WHOLE


def _leniences() -> Leniences:
    return Leniences(PROFILES["rfc"])


def _list(call: Call, definition: ResourceDefinition) -> Reply:
    position = position_of(call)
    query = Query(
        filter=_filter(call, definition),
        sort_by=None,
        descending=False,
        start_index=1,
        count=call.query["limit"],
        cursor="",
        projection=_projection(definition),
    )

    def read(tenant: Tenant) -> Reply:
        found = search_resources(tenant, (definition,), query, position)
        stored = [each for _, each in found.resources]
        authors = authors_of(tenant, [each.id for each in stored])
        # Who was deleted a moment ago is left out.
        items = [resource_content(definition, each, authors[each.id]) for each in stored if each.id in authors]
        return page_reply(items, cursor_of(call, found.following), total=found.total)

    with narrowing("filter"):
        return call.read(read)


def _filter(call: Call, definition: ResourceDefinition) -> str | None:
    """Return the filter of a list: that of the query, and that which its search stands for."""
    terms = [f"({call.query['filter']})"] if "filter" in call.query else []
    if "search" in call.query:
        text = orjson.dumps(call.query["search"]).decode()
        known = (name for name in _SEARCHED[definition.name] if name.partition(".")[0].lower() in definition.attributes)
        terms.append(f"({' or '.join(f'{name} co {text}' for name in known)})")
    return " and ".join(terms) or None


def _get(call: Call, definition: ResourceDefinition, resource_id: str) -> Reply:
    check_id(definition.name, resource_id)

    def read(tenant: Tenant) -> Reply:
        return _reply(tenant, definition, get_resource(tenant, definition, resource_id, _projection(definition)))

    return call.read(read)


def _create(call: Call, definition: ResourceDefinition, endpoint: str) -> Reply:
    with pointing_at("/attributes", definition):
        payload = with_schemas_of(read_attributes(call.body, definition), definition)
        parts = prepare(payload, definition, _leniences())

        def action(tenant: Tenant) -> Reply:
            assert call.organization is not None
            stored = related(tenant, definition, create(tenant, definition, parts), _projection(definition))
            place = f"/organizations/{call.organization.slug}/{endpoint}/{stored.id}"
            return _reply(tenant, definition, stored, location=place)

        return call.write(action)


def _change(call: Call, definition: ResourceDefinition, resource_id: str) -> Reply:
    check_id(definition.name, resource_id)
    with pointing_at("/attributes", definition):
        value = read_attributes(call.body, definition)
        leniences = _leniences()
        patch = _read_changes(value, definition, resource_id, leniences) if value else Patch((), ())

        def action(tenant: Tenant) -> Reply:
            stored = patch_resource(tenant, definition, resource_id, patch, call.if_match, leniences)
            return _reply(tenant, definition, related(tenant, definition, stored, _projection(definition)))

        return call.write(action)


def _read_changes(
    value: dict[str, Any], definition: ResourceDefinition, resource_id: str, leniences: Leniences
) -> Patch:
    message = {"schemas": [PATCH_OP_URN], "Operations": [{"op": "replace", "value": value}]}
    return prepare_patch(message, definition, resource_id, leniences)


def _change_members(call: Call, group: str, patch: Patch) -> Reply:
    check_id("Group", group)

    def action(tenant: Tenant) -> Reply:
        definition = tenant.catalog.by_name("Group")
        stored = patch_resource(tenant, definition, group, patch, call.if_match, _leniences())
        return Reply(etag=etag(stored.version, None))

    return call.write(action)


def _delete(call: Call, definition: ResourceDefinition, resource_id: str) -> Reply:
    check_id(definition.name, resource_id)

    def action(tenant: Tenant) -> Reply:
        delete(tenant, definition, resource_id, call.if_match)
        return Reply()

    return call.write(action)


def _reply(
    tenant: Tenant, definition: ResourceDefinition, stored: StoredResource, *, location: str | None = None
) -> Reply:
    authors = authors_of(tenant, [stored.id])[stored.id]
    return Reply(resource_content(definition, stored, authors), etag(stored.version, stored.groups), location)
