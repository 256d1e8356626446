"""What resources and connections are called, for who reads of them by their ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import select

from scim_server.protocol.people import name_of
from scim_server.store.id_sets import is_one_of
from scim_server.store.session import Tenant
from scim_server.store.tables import connections, resources


@dataclass(frozen=True, slots=True)
class Named:
    """A resource and what a person reads for it, of people their name; ``kind`` is that of a group."""

    resource_type: str
    kind: str | None
    display: str | None


_COLUMNS = tuple(resources.c[name] for name in ("id", "resource_type", "kind", "display", "document"))


def names_of(tenant: Tenant, ids: Sequence[str]) -> dict[str, Named]:
    """Return what resources are called, by their ids; those that are gone are missing."""
    listed = is_one_of(tenant, resources.c.id, ids)
    rows = tenant.db.execute(select(*_COLUMNS).where(resources.c.org_id == tenant.org_id, listed))
    return {row.id: Named(row.resource_type, row.kind, _called(row)) for row in rows}


def _called(row: Any) -> str | None:
    called = name_of(orjson.loads(row.document)) if row.resource_type == "User" else ""
    return called or row.display


def connection_names(tenant: Tenant, ids: Sequence[str]) -> dict[str, str]:
    """Return what connections are called, by their ids."""
    listed = is_one_of(tenant, connections.c.id, ids)
    named = select(connections.c.id, connections.c.name).where(connections.c.org_id == tenant.org_id, listed)
    return {row.id: row.name for row in tenant.db.execute(named)}
