"""What is read of the past: the trail, who wrote a resource, and what an organization holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from scim_server.store.id_sets import is_one_of
from scim_server.store.session import Tenant
from scim_server.store.tables import connections, resources, tokens, trail

_CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the trail: who did what to which resource."""

    id: str
    at: datetime
    actor_kind: str
    actor_id: str
    connection_id: str | None
    request_id: str | None
    action: str
    resource_type: str | None
    resource_id: str | None
    changes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """Which entries are asked for, all where it says nothing; ``resource`` and ``actor`` are ids."""

    resource: str | None = None
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_ENTRY = tuple(trail.c[name] for name in Entry.__slots__)


def list_entries(tenant: Tenant, wanted: TrailFilter, *, before: str | None, limit: int) -> list[Entry]:
    """Return entries of the trail, newest first: those before an entry, at most so many."""
    conditions = [trail.c.org_id == tenant.org_id, *_conditions(wanted)]
    if before is not None:
        conditions.append(trail.c.id < before)
    rows = tenant.db.execute(select(*_ENTRY).where(*conditions).order_by(trail.c.id.desc()).limit(limit))
    return [Entry(*row) for row in rows]


def _conditions(wanted: TrailFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.resource is not None:
        conditions.append(trail.c.resource_id == wanted.resource)
    if wanted.actor is not None:
        conditions.append(trail.c.actor_id == wanted.actor)
    if wanted.action is not None:
        conditions.append(trail.c.action == wanted.action)
    # An id begins with its time (RFC 9562 §5.7), so it bounds what is read; ``at`` is what counts.
    if wanted.since is not None:
        conditions += [trail.c.at >= wanted.since, trail.c.id >= _first_id(wanted.since - _CLOCKS_DIFFER)]
    if wanted.until is not None:
        conditions += [trail.c.at < wanted.until, trail.c.id < _first_id(wanted.until + _CLOCKS_DIFFER)]
    return conditions


def _first_id(moment: datetime) -> str:
    digits = f"{max(0, int(moment.timestamp() * 1000)):012x}"
    return f"{digits[:8]}-{digits[8:]}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands beside the document of a resource.

    Who made it and changed it last is a connection, or else an actor; ``managed_by`` is the connection that provisions
    it. ``state`` is that of a member; ``kind``, ``parent_id`` and ``namespace`` are those of a group.
    """

    created_by: str | None
    changed_by: str | None
    managed_by: str | None
    state: str | None
    kind: str | None
    parent_id: str | None
    namespace: str


_FACTS = tuple(resources.c[name] for name in Facts.__slots__)


def facts_of(tenant: Tenant, ids: Sequence[str]) -> dict[str, Facts]:
    """Return what stands beside resources, by the ids of these."""
    listed = is_one_of(tenant, resources.c.id, ids)
    rows = tenant.db.execute(select(resources.c.id, *_FACTS).where(resources.c.org_id == tenant.org_id, listed))
    return {resource_id: Facts(*facts) for resource_id, *facts in rows}


@dataclass(frozen=True, slots=True)
class Activity:
    """A connection, how many of its tokens live, and when one was last used, to the minute."""

    id: str
    name: str
    enabled: bool
    live_tokens: int
    last_used_at: datetime | None


def count_inactive(tenant: Tenant, resource_type: str) -> int:
    """Return how many resources of a type are inactive, by the index of those alone."""
    inactive = (resources.c.org_id == tenant.org_id, resources.c.resource_type == resource_type)
    count = select(func.count()).select_from(resources).where(*inactive, resources.c.active.is_(False))
    return tenant.db.scalar(count) or 0


def list_activity(tenant: Tenant) -> list[Activity]:
    """Return the connections in the order of their names, with the use of their tokens."""
    is_live = tokens.c.revoked_at.is_(None) & or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > tenant.now)
    own = (tokens.c.org_id == connections.c.org_id) & (tokens.c.connection_id == connections.c.id)
    statement = (
        select(
            connections.c.id,
            connections.c.name,
            connections.c.enabled,
            func.count(tokens.c.id).filter(is_live),
            func.max(tokens.c.last_used_at, type_=tokens.c.last_used_at.type),
        )
        .outerjoin(tokens, own)
        .where(connections.c.org_id == tenant.org_id)
        .group_by(connections.c.id, connections.c.name, connections.c.enabled)
        .order_by(connections.c.name)
    )
    return [Activity(*row) for row in tenant.db.execute(statement)]
