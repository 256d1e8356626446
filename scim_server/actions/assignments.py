"""Assigning objects of the portal to members, and handing them over."""

from collections.abc import Sequence

from scim2_models import ConflictException, InvalidValueException

from scim_server.actions.notices import tell_assigned, tell_not_assigned
from scim_server.store.assignments import (
    Assignment,
    close_assignments,
    count_open,
    insert_assignment,
    is_assignable,
)
from scim_server.store.members import get_member
from scim_server.store.session import Tenant
from scim_server.store.trail import record


def assign(tenant: Tenant, object_type: str, object_id: str, assignee_ids: Sequence[str]) -> None:
    """Assign an object to members, who are told by e-mail, or to groups: a team, or a customer group.

    :raises InvalidValueException: When one of them does not exist.
    """
    for assignee_id in dict.fromkeys(assignee_ids):
        if not is_assignable(tenant, assignee_id):
            raise InvalidValueException(detail=f"{assignee_id[:100]!r} is the id of no member or group here")
        if insert_assignment(tenant, object_type, object_id, assignee_id):
            changes = {"object": {"to": f"{object_type}:{object_id}"}}
            record(tenant, "assignment.create", "Assignment", assignee_id, changes)
            tell_assigned(tenant, assignee_id, object_type, object_id)


def close(tenant: Tenant, object_type: str, object_id: str, assignee_id: str | None = None) -> None:
    """Close the assignments of an object, or that to one assignee; those that are closed stay so."""
    _recorded(tenant, close_assignments(tenant, named=(object_type, object_id), assignee_id=assignee_id))


def hand_over(tenant: Tenant, member_id: str, to_member_id: str) -> int:
    """Assign all that is assigned to a member to another one, who has access; return how much that is.

    :raises NotFoundException: When one of them does not exist.
    :raises ConflictException: When the other has no access, or is the same.
    """
    get_member(tenant, member_id)
    successor = get_member(tenant, to_member_id)
    if successor.state != "active" or to_member_id == member_id:
        raise ConflictException(detail="assignments are handed over to another member, who has access")
    closed = close_assignments(tenant, assignee_id=member_id)
    _recorded(tenant, closed)
    for each in closed:
        assign(tenant, each.object_type, each.object_id, [to_member_id])
    return len(closed)


def check_none_open(tenant: Tenant, member_id: str) -> None:
    """Check that nothing is left to follow for a member who leaves.

    :raises ConflictException: When there is.
    """
    left = count_open(tenant, member_id)
    if left:
        raise ConflictException(
            detail=f"{left} assignments of the member are open; name who takes them over in hand_over_to, or close them"
        )


def _recorded(tenant: Tenant, closed: Sequence[Assignment]) -> None:
    for each in closed:
        changes = {"object": {"from": f"{each.object_type}:{each.object_id}"}}
        record(tenant, "assignment.close", "Assignment", each.assignee_id, changes)
        tell_not_assigned(tenant, each.assignee_id, each.object_type, each.object_id)
