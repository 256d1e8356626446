"""Sets of ids as one bound parameter, so that a statement is the same whatever their number."""

from collections.abc import Sequence

import orjson
from sqlalchemy import ColumnElement, Text, any_, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from scim_server.store.session import Tenant


def is_one_of(tenant: Tenant, column: ColumnElement[str], ids: Sequence[str]) -> ColumnElement[bool]:
    """Return whether a column is one of these ids: an array on PostgreSQL, a JSON array on SQLite."""
    if tenant.db.dialect.name == "postgresql":
        return column == any_(cast(bindparam(None, list(ids)), ARRAY(Text)))
    listed = func.json_each(bindparam(None, orjson.dumps(list(ids)).decode())).table_valued("value")
    return column.in_(select(listed.c.value))
