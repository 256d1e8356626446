"""Objects of the portal, such as orders and devices, and the members who follow them."""

from collections.abc import Sequence
from typing import Any

from scim_server.actions.assignments import assign, close, hand_over
from scim_server.protocol.portals import MANAGE_MEMBERS, READ_MEMBERS
from scim_server.store.assignments import Assignment, list_assignments
from scim_server.store.members import get_member
from scim_server.store.permissions import edges_of
from scim_server.store.session import Tenant
from scim_server.web.api import member_schemas as schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.attributes import pointing_at
from scim_server.web.api.listing import definition_of
from scim_server.web.api.members import MEMBER
from scim_server.web.api.operations import Call, Reply, operation
from scim_server.web.api.paging import page

_ASSIGNMENTS = "/organizations/<organization>/assignments"


@operation(
    *("GET", _ASSIGNMENTS),
    scope="members:read",
    permission=READ_MEMBERS,
    query=schemas.AssignmentQuery(),
    answer=schemas.Assignments(),
)
def list_all_assignments(call: Call) -> Reply:
    """List the open assignments of an organization, or those of one object."""
    named = _object(call.query["object"]) if "object" in call.query else None
    return _page(call, named=named)


@operation(
    *("GET", f"{MEMBER}/assignments"),
    scope="members:read",
    permission=READ_MEMBERS,
    own=True,
    query=schemas.PageQuery(),
    answer=schemas.Assignments(),
)
def list_assignments_of_a_member(call: Call, member: str) -> Reply:
    """List what is assigned to a member, or to a group that they are in."""
    check_id("member", member)

    def reach(tenant: Tenant) -> list[str]:
        get_member(tenant, member)
        _, edges = edges_of(tenant, member) or (None, [])
        return [member, *sorted({edge.group_id for edge in edges})]

    return _page(call, assignee_ids=call.read(reach))


def _page(call: Call, **narrowed: Any) -> Reply:
    def read(after: str | None, limit: int) -> Sequence[Assignment]:
        object_type, object_id, assignee_id = after.split("\n") if after else ("", "", "")
        key = (object_type, object_id, assignee_id) if after else None
        return call.read(lambda tenant: list_assignments(tenant, after=key, limit=limit, **narrowed))

    return page(call, read, lambda each: f"{each.object_type}\n{each.object_id}\n{each.assignee_id}")


@operation(
    *("POST", _ASSIGNMENTS),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    body=schemas.NewAssignments(),
    status=204,
)
def assign_an_object(call: Call) -> Reply:
    """Assign an object of the portal to members, teams or customer groups; each is told of it once."""

    def action(tenant: Tenant) -> Reply:
        assign(tenant, *_object(call.body["object"]), call.body["assignees"])
        return Reply()

    with pointing_at("/assignees", definition_of("Group")):
        return call.write(action)


@operation(
    *("POST", f"{_ASSIGNMENTS}/close"),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    body=schemas.ClosedAssignment(),
    status=204,
)
def close_assignments_of_an_object(call: Call) -> Reply:
    """Close the assignments of an object, or that to one assignee."""

    def action(tenant: Tenant) -> Reply:
        close(tenant, *_object(call.body["object"]), call.body.get("assignee"))
        return Reply()

    return call.write(action)


@operation(
    *("POST", f"{MEMBER}/assignments/hand-over"),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    body=schemas.HandOver(),
    answer=schemas.HandedOver(),
)
def hand_over_assignments(call: Call, member: str) -> Reply:
    """Assign all that is assigned to a member to another one."""
    check_id("member", member)
    return call.write(lambda tenant: Reply({"assignments": hand_over(tenant, member, call.body["to"])}))


def _object(named: str) -> tuple[str, str]:
    object_type, _, object_id = named.partition(":")
    return object_type, object_id
