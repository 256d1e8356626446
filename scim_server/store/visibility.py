"""Which groups a connection sees."""

from sqlalchemy import ColumnElement, FromClause, true

from scim_server.store.session import Tenant


def visible_groups(tenant: Tenant, table: FromClause) -> ColumnElement[bool]:
    """Return the condition under which a row of ``resources`` that is a group is seen.

    A connection sees the groups it pushed, so that one named like a role cannot fill that role;
    an operator sees them all.

    :param table: ``resources`` or an alias of it.
    """
    if tenant.connection_id is None:
        return true()
    return table.c.namespace == tenant.connection_id
