"""The values of ``roles`` of users as rows, so that a mapping finds who has one, and who said so."""

from sqlalchemy import bindparam, delete, insert

from scim_server.store.prepared import Prepared
from scim_server.store.session import Tenant
from scim_server.store.tables import role_values


def keep_role_values(tenant: Tenant, user_id: str, keys: tuple[str, ...]) -> None:
    """Write, at the end of the transaction, which values a user has from now on.

    Those alone that a connection says count: a mapping gives nothing for what people write.
    """
    tenant.at_end.setdefault(_write, []).append((user_id, keys if tenant.connection_id else ()))


def _write(tenant: Tenant, rows: list[tuple[str, tuple[str, ...]]]) -> None:
    for user_id, keys in dict(rows).items():
        _FORGET.run(tenant.db, org_id=tenant.org_id, resource_id=user_id)
        for key in keys:
            given = {"value": key, "connection_id": tenant.connection_id}
            _KEEP.run(tenant.db, org_id=tenant.org_id, resource_id=user_id, **given)


_FORGET = Prepared(
    delete(role_values).where(
        role_values.c.org_id == bindparam("org_id"), role_values.c.resource_id == bindparam("resource_id")
    )
)
_KEEP = Prepared(insert(role_values).values({each.name: bindparam(each.name) for each in role_values.c}))
