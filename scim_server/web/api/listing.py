"""What the operations on members and groups have in common: lists, answers, and changes of attributes."""

from collections.abc import Sequence
from typing import Any, Literal

import orjson

from scim_server.actions.addresses import company_domains, warnings_of
from scim_server.actions.resources import Digests, prepare_patch
from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.patch import PATCH_OP_URN, Patch
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.protocol.projection import WHOLE, Projection
from scim_server.protocol.queries import Query
from scim_server.protocol.replies import StoredResource, etag
from scim_server.store.history import facts_of
from scim_server.store.resources import get_resource
from scim_server.store.search import search_resources
from scim_server.store.session import Tenant
from scim_server.web.api.attributes import narrowing, resource_content
from scim_server.web.api.operations import Call, Reply
from scim_server.web.api.paging import cursor_of, page_reply, position_of
from scim_server.web.site import current_site

_SEARCHED = {
    "User": ("userName", "displayName", "name.formatted", "name.givenName", "name.familyName", "emails.value"),
    "Group": ("displayName",),
}


def definition_of(name: str) -> ResourceDefinition:
    """Return a resource type."""
    return current_site().store.catalog.by_name(name)


def projection_of(definition: ResourceDefinition) -> Projection:
    """Return what is read of a resource: never the members of a group, which may be many."""
    return Projection(excluded=frozenset({"members"})) if definition.is_group else WHOLE


def no_leniences() -> Leniences:
    """Return the tolerance of the API, which is none."""
    return Leniences(PROFILES["rfc"])


def list_resources(call: Call, definition: ResourceDefinition, column: Literal["state", "kind"]) -> Reply:
    """Return a page of members or groups; ``column`` is the parameter that SCIM's filters do not know."""
    position = position_of(call)
    query = Query(
        filter=_filter(call, definition),
        sort_by=None,
        descending=False,
        start_index=1,
        count=call.query["limit"],
        cursor="",
        projection=projection_of(definition),
        where=((column, call.query[column]),) if column in call.query else (),
    )

    def read(tenant: Tenant) -> Reply:
        found = search_resources(tenant, (definition,), query, position)
        stored = [each for _, each in found.resources]
        return page_reply(_contents(tenant, definition, stored), cursor_of(call, found.following), total=found.total)

    with narrowing("filter"):
        return call.read(read)


def _contents(tenant: Tenant, definition: ResourceDefinition, stored: Sequence[StoredResource]) -> list[dict[str, Any]]:
    """Return what the API says of users or groups; who was deleted a moment ago is left out."""
    facts = facts_of(tenant, [each.id for each in stored])
    contents = [resource_content(definition, each, facts[each.id]) for each in stored if each.id in facts]
    if definition.is_group:
        return contents
    domains = company_domains(tenant)
    return [{**each, "warnings": warnings_of(each["attributes"], domains)} for each in contents]


def _filter(call: Call, definition: ResourceDefinition) -> str | None:
    """Return the filter of a list: that of the query, and what its other parameters stand for."""
    terms = [f"({call.query['filter']})"] if "filter" in call.query else []
    if "group" in call.query:
        terms.append(f'groups.value eq "{call.query["group"]}"')
    if "search" in call.query:
        text = orjson.dumps(call.query["search"]).decode()
        known = (name for name in _SEARCHED[definition.name] if name.partition(".")[0].lower() in definition.attributes)
        terms.append(f"({' or '.join(f'{name} co {text}' for name in known)})")
    return " and ".join(terms) or None


def read_changes(
    value: dict[str, Any],
    definition: ResourceDefinition,
    resource_id: str,
    leniences: Leniences,
    digests: Digests | None = None,
) -> Patch:
    """Return the PATCH that a change of attributes is."""
    if not value:
        return Patch((), ())
    message = {"schemas": [PATCH_OP_URN], "Operations": [{"op": "replace", "value": value}]}
    return prepare_patch(message, definition, resource_id, leniences, digests)


def reply_with(
    tenant: Tenant, definition: ResourceDefinition, stored: StoredResource, *, location: str | None = None
) -> Reply:
    """Return the answer with a member or group."""
    (content,) = _contents(tenant, definition, [stored])
    return Reply(content, etag(stored.version, stored.groups), location)


def reply_as_stored(
    tenant: Tenant, definition: ResourceDefinition, resource_id: str, *, location: str | None = None
) -> Reply:
    """Return the answer with a member or group as it is now."""
    stored = get_resource(tenant, definition, resource_id, projection_of(definition))
    return reply_with(tenant, definition, stored, location=location)
