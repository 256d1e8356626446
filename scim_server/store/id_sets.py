"""Sets of ids as one bound parameter, so that a statement is the same whatever their number."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import BindParameter, ColumnElement, Text, any_, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from scim_server.store.session import Tenant


def is_one_of(tenant: Tenant, column: ColumnElement[str], ids: Sequence[str]) -> ColumnElement[bool]:
    """Return whether a column is one of these ids."""
    return _is_listed(tenant.db.dialect.name, column, bindparam(None, id_list(tenant, ids)))


def is_listed(dialect: str, column: ColumnElement[str], name: str, *, each_anew: bool = False) -> ColumnElement[bool]:
    """Return whether a column is one of the ids bound under a name, as :func:`id_list` has them.

    NB: PostgreSQL would prefer a plan made for the very ids, and make it anew each time, for longer than the look-up by
    key takes. They come out of a subquery, so that no plan knows how many there are.

    :param each_anew: Whether it is worth that, as where all rows but those listed are looked for.
    """
    bound: Any = bindparam(name)
    if dialect == "postgresql" and not each_anew:
        bound = func.array(select(func.unnest(cast(bound, ARRAY(Text)))).scalar_subquery(), type_=ARRAY(Text))
        return column == any_(bound)
    return _is_listed(dialect, column, bound)


def id_list(tenant: Tenant, ids: Sequence[str]) -> list[str] | str:
    """Return ids as one value: an array on PostgreSQL, a JSON array on SQLite."""
    return list(ids) if tenant.db.dialect.name == "postgresql" else orjson.dumps(list(ids)).decode()


def _is_listed(dialect: str, column: ColumnElement[str], bound: BindParameter[Any]) -> ColumnElement[bool]:
    if dialect == "postgresql":
        return column == any_(cast(bound, ARRAY(Text)))
    listed = func.json_each(bound).table_valued("value")
    return column.in_(select(listed.c.value))
