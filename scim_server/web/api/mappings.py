"""Mappings of what connections say to roles and customer groups."""

from collections.abc import Sequence
from typing import Any

from scim_server.actions.mappings import Wanted, create_mapping, preview, remove_mapping
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.store.mappings import Mapping, get_mapping, list_mappings
from scim_server.store.session import Tenant
from scim_server.web.api import member_schemas as schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.operations import Call, Reply, named_in, operation
from scim_server.web.api.paging import page

_MAPPINGS = "/organizations/<organization>/mappings"
_MAPPING = f"{_MAPPINGS}/<mapping>"
_ANSWER = schemas.Mapping()


@operation(
    *("GET", _MAPPINGS),
    scope="members:read",
    permission=MANAGE_MEMBERS,
    query=schemas.PageQuery(),
    answer=schemas.Mappings(),
)
def list_all_mappings(call: Call) -> Reply:
    """List the mappings of an organization, those of every connection."""

    def read(after: str | None, limit: int) -> Sequence[Mapping]:
        return call.read(lambda tenant: list_mappings(tenant, after=after or "", limit=limit))

    return page(call, read, lambda each: each.id)


@operation(
    *("POST", _MAPPINGS),
    scope="org:admin",
    permission=MANAGE_MEMBERS,
    body=schemas.NewMapping(),
    answer=_ANSWER,
    status=201,
)
def create_a_mapping(call: Call) -> Reply:
    """Let a group that a connection pushed, or a value of `roles`, give a role or a customer group."""

    def action(tenant: Tenant) -> Reply:
        assert call.organization is not None
        with named_in("/connection"):
            made = create_mapping(tenant, _wanted(call.body))
        return Reply(made, location=f"/organizations/{call.organization.slug}/mappings/{made.id}")

    return call.write(action)


@operation(
    *("POST", f"{_MAPPINGS}/preview"),
    scope="org:admin",
    permission=MANAGE_MEMBERS,
    body=schemas.MappingChange(),
    answer=schemas.Effects(),
)
def preview_mappings(call: Call) -> Reply:
    """Say, person by person, what a change of mappings would give and take; nothing is changed."""
    create, removed = call.body.get("create"), call.body.get("remove")

    def action(tenant: Tenant) -> Reply:
        with named_in("/create/connection"):
            return Reply({"items": preview(tenant, _wanted(create) if create else None, removed)})

    return call.write(action)


@operation("GET", _MAPPING, scope="members:read", permission=MANAGE_MEMBERS, answer=_ANSWER)
def get_a_mapping(call: Call, mapping: str) -> Reply:
    """Read a mapping."""
    check_id("mapping", mapping)
    return Reply(call.read(lambda tenant: get_mapping(tenant, mapping)))


@operation("DELETE", _MAPPING, scope="org:admin", permission=MANAGE_MEMBERS, status=204)
def delete_a_mapping(call: Call, mapping: str) -> Reply:
    """Let what was mapped give nothing any more."""
    check_id("mapping", mapping)

    def action(tenant: Tenant) -> Reply:
        remove_mapping(tenant, mapping)
        return Reply()

    return call.write(action)


def _wanted(body: Any) -> Wanted:
    return Wanted(body["connection"], body["source"], body["value"], body["group"])
