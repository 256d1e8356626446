"""Assignments: objects of the portal that are a member's, or a group's, to follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from scim_server.store.session import Tenant
from scim_server.store.tables import assignments, resources


@dataclass(frozen=True, slots=True)
class Assignment:
    """An object of the portal, such as the order 4711, and who follows it; closed when there is nothing left to do."""

    object_type: str
    object_id: str
    assignee_id: str
    assigned_at: datetime
    assigned_by: str
    closed_at: datetime | None


_COLUMNS = tuple(assignments.c[name] for name in Assignment.__slots__)
Key = tuple[str, str, str]
"""The type and the id of an object, and the id of who follows it."""


def insert_assignment(tenant: Tenant, object_type: str, object_id: str, assignee_id: str) -> bool:
    """Assign an object, again where it was closed; return False where it is assigned so already."""
    dialect = postgresql if tenant.db.dialect.name == "postgresql" else sqlite
    made = {"assigned_at": tenant.now, "assigned_by": tenant.author, "closed_at": None}
    statement = dialect.insert(assignments).values(
        org_id=tenant.org_id, object_type=object_type, object_id=object_id, assignee_id=assignee_id, **made
    )
    statement = statement.on_conflict_do_update(
        index_elements=["org_id", "object_type", "object_id", "assignee_id"],
        set_=made,
        where=assignments.c.closed_at.is_not(None),
    )
    return tenant.db.scalar(statement.returning(assignments.c.assignee_id)) is not None


def close_assignments(
    tenant: Tenant, *, named: tuple[str, str] | None = None, assignee_id: str | None = None
) -> list[Assignment]:
    """Close the open assignments of an object, of who follows it, or of both; return them as they were."""
    narrowed = [assignments.c.org_id == tenant.org_id, assignments.c.closed_at.is_(None)]
    if named is not None:
        narrowed += [assignments.c.object_type == named[0], assignments.c.object_id == named[1]]
    if assignee_id is not None:
        narrowed.append(assignments.c.assignee_id == assignee_id)
    found = [Assignment(*row) for row in tenant.db.execute(select(*_COLUMNS).where(*narrowed).with_for_update())]
    if found:
        tenant.db.execute(update(assignments).where(*narrowed).values(closed_at=tenant.now))
    return found


def list_assignments(
    tenant: Tenant,
    *,
    assignee_ids: Sequence[str] | None = None,
    named: tuple[str, str] | None = None,
    after: Key | None = None,
    limit: int,
) -> list[Assignment]:
    """Return open assignments in the order of their objects: those after one, at most so many."""
    key = (assignments.c.object_type, assignments.c.object_id, assignments.c.assignee_id)
    narrowed = [assignments.c.org_id == tenant.org_id, assignments.c.closed_at.is_(None)]
    if assignee_ids is not None:
        narrowed.append(assignments.c.assignee_id.in_(assignee_ids))
    if named is not None:
        narrowed += [assignments.c.object_type == named[0], assignments.c.object_id == named[1]]
    if after is not None:
        narrowed.append(tuple_(*key) > tuple_(*after))
    page = select(*_COLUMNS).where(*narrowed).order_by(*key).limit(limit)
    return [Assignment(*row) for row in tenant.db.execute(page)]


def count_open(tenant: Tenant, assignee_id: str) -> int:
    """Return how many open assignments a member has."""
    own = (assignments.c.org_id == tenant.org_id, assignments.c.assignee_id == assignee_id)
    return tenant.db.scalar(select(func.count()).where(*own, assignments.c.closed_at.is_(None))) or 0


def is_assignable(tenant: Tenant, assignee_id: str) -> bool:
    """Return whether there is such a member, or a group; its row is kept from being deleted meanwhile."""
    found = select(resources.c.id).where(resources.c.org_id == tenant.org_id, resources.c.id == assignee_id)
    return tenant.db.scalar(found.with_for_update(read=True, key_share=True)) is not None
