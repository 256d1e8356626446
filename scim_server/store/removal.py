"""The end of an organization: its rows, batch by batch, and last its own."""

from sqlalchemy import Table, delete, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from scim_server.store.driver import run_by_driver
from scim_server.store.session import Tenant
from scim_server.store.tables import metadata, organizations, resources

_REFERRING_FIRST = tuple(table for table in reversed(metadata.sorted_tables) if "org_id" in table.c)


def delete_some(tenant: Tenant, most: int) -> int:
    """Delete rows of the organization, those that refer to others first; return how many, 0 when none is left."""
    left = most
    for table in _REFERRING_FIRST:
        if table is resources and left:
            left -= _without_parents(tenant, left)
        if left:
            left -= _delete_from(tenant, table, left)
    return most - left


def delete_organization_row(tenant: Tenant) -> bool:
    """Delete the organization itself; return False where a request has stored something in it meanwhile."""
    run_by_driver(tenant.db, "SAVEPOINT organization")
    try:
        tenant.db.execute(delete(organizations).where(organizations.c.id == tenant.org_id))
    except IntegrityError:
        run_by_driver(tenant.db, "ROLLBACK TO SAVEPOINT organization")
        return False
    return True


def _delete_from(tenant: Tenant, table: Table, most: int) -> int:
    key = tuple_(*table.primary_key.columns)
    some = select(*table.primary_key.columns).where(table.c.org_id == tenant.org_id).limit(most)
    return tenant.db.execute(delete(table).where(table.c.org_id == tenant.org_id, key.in_(some))).rowcount


def _without_parents(tenant: Tenant, most: int) -> int:
    """Let groups have no parents, which could otherwise not be deleted before them."""
    nested = (resources.c.org_id == tenant.org_id, resources.c.parent_id.is_not(None))
    some = select(resources.c.id).where(*nested).limit(most)
    parentless = update(resources).where(*nested, resources.c.id.in_(some)).values(parent_id=None)
    return tenant.db.execute(parentless).rowcount
