"""Erasure of who a person was, and the tombstones of those whom an identity provider deleted."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from scim_server.actions.erasure import erase_member, erase_tombstone, restore_tombstone
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.store.erasure import Tombstone, get_tombstone, list_tombstones
from scim_server.store.session import Tenant
from scim_server.web.api import member_schemas as schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.listing import definition_of, reply_as_stored
from scim_server.web.api.members import MEMBER, MEMBERS
from scim_server.web.api.operations import Call, Reply, operation
from scim_server.web.api.paging import page

_TOMBSTONES = "/organizations/<organization>/tombstones"
_TOMBSTONE = f"{_TOMBSTONES}/<tombstone>"


@operation(
    *("POST", f"{MEMBER}/erase"),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    answer=schemas.Member(),
    versioned=True,
)
def erase_a_member(call: Call, member: str) -> Reply:
    """Erase who an archived member was; the record stays without a name, and the trail without what it said of them."""
    check_id("member", member)

    def action(tenant: Tenant) -> Reply:
        erase_member(tenant, member)
        return reply_as_stored(tenant, definition_of("User"), member)

    return call.write(action)


@operation(
    *("GET", _TOMBSTONES),
    scope="members:read",
    permission=MANAGE_MEMBERS,
    query=schemas.PageQuery(),
    answer=schemas.Tombstones(),
)
def list_all_tombstones(call: Call) -> Reply:
    """List who was deleted by an identity provider where the portal never deletes, in the order of their ids."""

    def read(after: str | None, limit: int) -> Sequence[Mapping[str, Any]]:
        found = call.read(lambda tenant: list_tombstones(tenant, after=after or "", limit=limit))
        return [_content(each) for each in found]

    return page(call, read, lambda each: str(each["id"]))


@operation("GET", _TOMBSTONE, scope="members:read", permission=MANAGE_MEMBERS, answer=schemas.Tombstone())
def get_a_tombstone(call: Call, tombstone: str) -> Reply:
    """Read what is kept of somebody who was deleted."""
    check_id("tombstone", tombstone)
    return Reply(_content(call.read(lambda tenant: get_tombstone(tenant, tombstone))))


@operation(
    *("POST", f"{_TOMBSTONE}/restore"),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    answer=schemas.Member(),
    status=201,
    versioned=True,
)
def restore_a_tombstone(call: Call, tombstone: str) -> Reply:
    """Make a member of a tombstone again: archived, and in no group."""
    check_id("tombstone", tombstone)

    def action(tenant: Tenant) -> Reply:
        restore_tombstone(tenant, tombstone)
        place = MEMBERS.replace("<organization>", call.organization.slug if call.organization else "")
        return reply_as_stored(tenant, definition_of("User"), tombstone, location=f"{place}/{tombstone}")

    return call.write(action)


@operation(
    *("POST", f"{_TOMBSTONE}/erase"), scope="members:write", permission=MANAGE_MEMBERS, answer=schemas.Tombstone()
)
def erase_a_tombstone(call: Call, tombstone: str) -> Reply:
    """Erase who somebody was who was deleted."""
    check_id("tombstone", tombstone)
    return call.write(lambda tenant: Reply(_content(erase_tombstone(tenant, tombstone))))


def _content(found: Tombstone) -> dict[str, Any]:
    attributes = orjson.loads(found.document)
    attributes.pop("schemas", None)
    return {
        "id": found.id,
        "attributes": attributes,
        "created_at": found.created_at,
        "deleted_at": found.deleted_at,
        "deleted_by": found.deleted_by,
    }
