"""What is left of a person who is forgotten: a record without a name, and what was done, without what it said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scim2_models import NotFoundException
from sqlalchemy import delete, or_, select, update

from scim_server.store.columns import metadata
from scim_server.store.hand_over_tables import hand_overs
from scim_server.store.imports import delete_idle_imports
from scim_server.store.session import Tenant
from scim_server.store.tables import tombstones, trail


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The record of a member whom an identity provider deleted, where the portal never deletes."""

    id: str
    document: str
    created_at: datetime
    deleted_at: datetime
    deleted_by: str | None


_COLUMNS = tuple(tombstones.c[name] for name in Tombstone.__slots__)
_OF_PERSONS = tuple(table for table in metadata.sorted_tables if "user_id" in table.c and "org_id" in table.c)


def list_tombstones(tenant: Tenant, *, after: str, limit: int) -> Sequence[Tombstone]:
    """Return tombstones of users in the order of their ids: those after an id, at most so many."""
    own = (tombstones.c.org_id == tenant.org_id, tombstones.c.resource_type == "User", tombstones.c.id > after)
    rows = tenant.db.execute(select(*_COLUMNS).where(*own).order_by(tombstones.c.id).limit(limit))
    return [Tombstone(*row) for row in rows]


def get_tombstone(tenant: Tenant, member_id: str) -> Tombstone:
    """Return a tombstone, its row held.

    :raises NotFoundException: When there is none of that id.
    """
    own = (tombstones.c.org_id == tenant.org_id, tombstones.c.id == member_id, tombstones.c.resource_type == "User")
    row = tenant.db.execute(select(*_COLUMNS).where(*own).with_for_update()).first()
    if row is None:
        raise NotFoundException(detail=f"there is no tombstone {member_id[:100]!r}")
    return Tombstone(*row)


def write_tombstone(tenant: Tenant, member_id: str, document: str) -> None:
    """Write another document under a tombstone."""
    own = (tombstones.c.org_id == tenant.org_id, tombstones.c.id == member_id)
    tenant.db.execute(update(tombstones).where(*own).values(document=document))


def delete_tombstone(tenant: Tenant, member_id: str) -> None:
    """Delete a tombstone."""
    tenant.db.execute(delete(tombstones).where(tombstones.c.org_id == tenant.org_id, tombstones.c.id == member_id))


def forget(tenant: Tenant, member_id: str) -> None:
    """Delete what is kept of a person beside their record, and what the trail says of them; what was done stays."""
    for table in _OF_PERSONS:
        tenant.db.execute(delete(table).where(table.c.org_id == tenant.org_id, table.c.user_id == member_id))
    # Evidence of hand-overs and the reasons given for them name people.
    of_seat = or_(hand_overs.c.from_user_id == member_id, hand_overs.c.to_user_id == member_id)
    asked = select(hand_overs.c.id).where(hand_overs.c.org_id == tenant.org_id, of_seat)
    told_of = [member_id, *tenant.db.scalars(asked)]
    tenant.db.execute(delete(hand_overs).where(hand_overs.c.org_id == tenant.org_id, of_seat))
    # A file of members may name the person anywhere, and what it was to do is done, or can be uploaded again.
    delete_idle_imports(tenant)
    own = (trail.c.org_id == tenant.org_id, trail.c.resource_id.in_(told_of))
    tenant.db.execute(update(trail).where(*own).values(changes={}))
