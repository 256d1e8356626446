"""Connections: the identity providers and HR systems of an organization."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
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


_COLUMNS = (
    connections.c.id,
    connections.c.name,
    connections.c.profile,
    connections.c.enabled,
    connections.c.created_at,
    connections.c.on_inactive,
    connections.c.on_existing,
    connections.c.on_delete,
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
    """Store the profile, the rules and the state of a connection."""
    changed = ("profile", "enabled", "on_inactive", "on_existing", "on_delete")
    tenant.db.execute(
        update(connections)
        .where(connections.c.org_id == tenant.org_id, connections.c.id == record.id)
        .values({name: getattr(record, name) for name in changed})
    )


def list_connections(tenant: Tenant) -> list[ConnectionRecord]:
    """Return the connections of the organization in the order of their names."""
    rows = tenant.db.execute(
        select(*_COLUMNS).where(connections.c.org_id == tenant.org_id).order_by(connections.c.name)
    )
    return [ConnectionRecord(*row) for row in rows]


def find_connection(tenant: Tenant, name: str) -> ConnectionRecord | None:
    """Return the connection of a name."""
    row = tenant.db.execute(
        select(*_COLUMNS).where(connections.c.org_id == tenant.org_id, connections.c.name == name)
    ).first()
    return None if row is None else ConnectionRecord(*row)
