"""Connections: the identity providers and HR systems of an organization."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from scim_server.protocol.provisioning import OnDelete, OnExisting, OnInactive
from scim_server.store.session import Tenant
from scim_server.store.tables import connections


class ConnectionNameTakenError(ValueError):
    """Another connection of the organization has that name."""


@dataclass(frozen=True, slots=True)
class ConnectionRecord:
    """A connection as it is kept; ``profile`` is the name of its client profile.

    The rules ``on_…`` are those of :class:`~scim_server.protocol.provisioning.Provisioning`.
    """

    id: str
    name: str
    profile: str
    enabled: bool
    created_at: datetime
    on_inactive: OnInactive = "refuse"
    on_existing: OnExisting = "refuse"
    on_delete: OnDelete = "hard"
    version: int = 1


_COLUMNS = (
    connections.c.id,
    connections.c.name,
    connections.c.profile,
    connections.c.enabled,
    connections.c.created_at,
    connections.c.on_inactive,
    connections.c.on_existing,
    connections.c.on_delete,
    connections.c.version,
)


def insert_connection(tenant: Tenant, record: ConnectionRecord) -> None:
    """Store a new connection.

    :raises ConnectionNameTakenError: When the organization has one of that name.
    """
    values = {column.name: getattr(record, column.name) for column in _COLUMNS}
    try:
        tenant.db.execute(insert(connections).values(org_id=tenant.org_id, **values))
    except IntegrityError as exc:
        raise ConnectionNameTakenError(f"there is a connection {record.name!r} already") from exc


def update_connection(tenant: Tenant, record: ConnectionRecord) -> None:
    """Store the profile, the rules, the state and the version of a connection."""
    changed = ("profile", "enabled", "on_inactive", "on_existing", "on_delete", "version")
    tenant.db.execute(
        update(connections)
        .where(connections.c.org_id == tenant.org_id, connections.c.id == record.id)
        .values({name: getattr(record, name) for name in changed})
    )


def list_connections(tenant: Tenant, *, after: str = "", limit: int | None = None) -> list[ConnectionRecord]:
    """Return connections of the organization in the order of their names: those after a name, at most so many."""
    following = (connections.c.org_id == tenant.org_id, connections.c.name > after)
    rows = tenant.db.execute(select(*_COLUMNS).where(*following).order_by(connections.c.name).limit(limit))
    return [ConnectionRecord(*row) for row in rows]


def find_connection(tenant: Tenant, name_or_id: str, *, lock: bool = False) -> ConnectionRecord | None:
    """Return the connection of an id, else that of a name.

    :param lock: Whether its row is held until the transaction ends.
    """
    named = or_(connections.c.id == name_or_id, connections.c.name == name_or_id)
    found = select(*_COLUMNS).where(connections.c.org_id == tenant.org_id, named)
    if lock:
        found = found.with_for_update(key_share=True)
    rows = [ConnectionRecord(*row) for row in tenant.db.execute(found)]
    return next((each for each in rows if each.id == name_or_id), rows[0] if rows else None)
