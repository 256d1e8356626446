"""The end of an organization: its rows, batch by batch, and last its own."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Table, delete, literal, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from scim_server.store.columns import metadata
from scim_server.store.driver import run_by_driver
from scim_server.store.session import Tenant
from scim_server.store.tables import organizations, resources

_REFERRING_FIRST = tuple(table for table in reversed(metadata.sorted_tables) if "org_id" in table.c)


class Place(NamedTuple):
    """How far the removal has come: in which table, and behind which key of it.

    The next batch starts there: what was deleted is read no more, which on PostgreSQL stays in the index for a while.
    """

    table: int = 0
    after: Sequence[Any] = ()


def delete_some(tenant: Tenant, most: int, place: Place) -> Place | None:
    """Delete rows of the organization from a place on, those that refer to others first.

    :return: Where the next batch starts, None where all tables were gone through.
    """
    if tenant.db.dialect.name == "postgresql":
        # NB: without statistics, it would collect and sort all that is left, for each batch.
        run_by_driver(tenant.db, "SET LOCAL enable_bitmapscan = off")
    left, after = most, place.after
    for number in range(place.table, len(_REFERRING_FIRST)):
        deleted, last = _delete_from(tenant, _REFERRING_FIRST[number], left, after)
        left, after = left - deleted, ()
        if not left:
            return Place(number, last)
    return None


def delete_organization_row(tenant: Tenant) -> bool:
    """Delete the organization itself; return False where a request has stored something in it meanwhile."""
    run_by_driver(tenant.db, "SAVEPOINT organization")
    try:
        tenant.db.execute(delete(organizations).where(organizations.c.id == tenant.org_id))
    except IntegrityError:
        run_by_driver(tenant.db, "ROLLBACK TO SAVEPOINT organization")
        return False
    return True


def _delete_from(tenant: Tenant, table: Table, most: int, after: Sequence[Any]) -> tuple[int, Sequence[Any]]:
    """Delete the first rows behind a key; return how many, and the last key among them."""
    key = [column for column in table.primary_key.columns if column.name != "org_id"]
    following = [table.c.org_id == tenant.org_id, *([tuple_(*key) > _bound(key, after)] if after else ())]
    found = tenant.db.execute(select(*key).where(*following).order_by(*key).limit(most)).all()
    if not found:
        return 0, after
    last = tuple(found[-1])
    if table is resources:
        _without_parents(tenant, after, last)
    tenant.db.execute(delete(table).where(*following, tuple_(*key) <= _bound(key, last)))
    return len(found), last


def _bound(key: Sequence[ColumnElement[Any]], values: Sequence[Any]) -> ColumnElement[Any]:
    """Return values as the columns of a key keep them."""
    return tuple_(*(literal(value, column.type) for column, value in zip(key, values, strict=True)))


def _without_parents(tenant: Tenant, after: Sequence[str], last: Sequence[str]) -> None:
    """Let the children of these groups have no parents, which could otherwise not be deleted before them."""
    children: list[ColumnElement[bool]] = [resources.c.org_id == tenant.org_id, resources.c.parent_id <= last[0]]
    if after:
        children.append(resources.c.parent_id > after[0])
    tenant.db.execute(update(resources).where(*children).values(parent_id=None))
