"""Mappings: what a connection says of people that gives them a role or a customer group."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from scim2_models import NotFoundException, UniquenessException
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from scim_server.store.session import Tenant
from scim_server.store.tables import mappings, resources

Source = Literal["group", "role"]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping: of a group that a connection pushed, by its id or its name, or of a value of ``roles``.

    ``value`` is what is compared, ``display`` what was given.
    """

    id: str
    connection_id: str
    source: Source
    value: str
    display: str
    group_id: str
    created_at: datetime
    created_by: str


_COLUMNS = tuple(mappings.c[name] for name in Mapping.__slots__)


def insert_mapping(tenant: Tenant, mapping: Mapping) -> None:
    """Store a new mapping.

    :raises UniquenessException: When there is the same already.
    """
    values = {name: getattr(mapping, name) for name in Mapping.__slots__}
    try:
        tenant.db.execute(insert(mappings).values(org_id=tenant.org_id, **values))
    except IntegrityError as exc:
        raise UniquenessException(detail=f"{mapping.display!r} is mapped to this already") from exc


def list_mappings(tenant: Tenant, *, after: str = "", limit: int | None = None) -> Sequence[Mapping]:
    """Return mappings in the order of their ids: those after an id, at most so many."""
    own = (mappings.c.org_id == tenant.org_id, mappings.c.id > after)
    rows = tenant.db.execute(select(*_COLUMNS).where(*own).order_by(mappings.c.id).limit(limit))
    return [Mapping(*row) for row in rows]


def get_mapping(tenant: Tenant, mapping_id: str) -> Mapping:
    """Return a mapping.

    :raises NotFoundException: When the organization has none of that id.
    """
    own = (mappings.c.org_id == tenant.org_id, mappings.c.id == mapping_id)
    row = tenant.db.execute(select(*_COLUMNS).where(*own)).first()
    if row is None:
        raise NotFoundException(detail=f"there is no mapping {mapping_id[:100]!r}")
    return Mapping(*row)


def delete_mapping(tenant: Tenant, mapping_id: str) -> None:
    """Delete a mapping."""
    tenant.db.execute(delete(mappings).where(mappings.c.org_id == tenant.org_id, mappings.c.id == mapping_id))


def find_pushed_group(tenant: Tenant, connection_id: str, group_id: str) -> str | None:
    """Return what is read for a group of a connection, None where it has none of that id."""
    own = (resources.c.org_id == tenant.org_id, resources.c.id == group_id, resources.c.namespace == connection_id)
    return tenant.db.scalar(select(resources.c.display).where(*own))


def list_pushed_groups(tenant: Tenant, connection_id: str, limit: int) -> Sequence[tuple[str, str]]:
    """Return the ids and names of groups of a connection, oldest first, at most so many."""
    own = (resources.c.org_id == tenant.org_id, resources.c.resource_type == "Group")
    found = select(resources.c.id, resources.c.display).where(*own, resources.c.namespace == connection_id)
    rows = tenant.db.execute(found.order_by(resources.c.id).limit(limit))
    return [(identifier, display) for identifier, display in rows]
