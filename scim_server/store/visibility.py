"""Which groups a connection sees."""

from sqlalchemy import ColumnElement, FromClause, bindparam, true

from scim_server.store.columns import computed
from scim_server.store.session import Tenant


def visible_groups(tenant: Tenant, table: FromClause) -> ColumnElement[bool]:
    """Return the condition under which a row of ``resources`` that is a group is seen.

    A connection sees the groups it pushed, so that one named like a role cannot fill that role;
    an operator sees them all.

    :param table: ``resources`` or an alias of it.
    """
    return true() if tenant.connection_id is None else table.c.namespace == tenant.connection_id


def seen_groups(limited: bool, table: FromClause, *, by_key: bool = False) -> ColumnElement[bool]:
    """Return the same condition for a prepared statement, which binds ``connection_id`` when limited.

    :param by_key: Whether the rows are looked up by keys of their own: see :func:`computed`.
    """
    namespace = computed(table.c.namespace) if by_key else table.c.namespace
    return namespace == bindparam("connection_id") if limited else true()


def visibility(tenant: Tenant) -> dict[str, str]:
    """Return what a prepared statement that is limited binds; empty where the tenant sees all groups."""
    return {} if tenant.connection_id is None else {"connection_id": tenant.connection_id}
