"""The lists every client asks for, prepared: all resources of a type, or those an indexed attribute names.

Identity providers match a user by ``userName eq`` or ``externalId eq`` before each change, and walk
all users page by page. The slow path, any filter in any order, is
:func:`scim_server.store.search.search_resources`.
"""

import re
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, func, select

from scim_server.protocol.catalog import AttributeDefinition, ResourceDefinition
from scim_server.protocol.comparison import attribute_key
from scim_server.protocol.queries import Query
from scim_server.protocol.replies import StoredResource
from scim_server.store.prepared import Prepared
from scim_server.store.resources import SHOWN, is_limited, scope, scope_values, stored_resource
from scim_server.store.session import Tenant
from scim_server.store.tables import resources

_EQUALS = re.compile(r'\s*(?:(urn:[A-Za-z0-9:._-]+):)?([A-Za-z]+)\s+eq\s+"([^"\\\x00-\x1f]*)"\s*', re.IGNORECASE)


def is_lookup(query: Query, definition: ResourceDefinition) -> bool:
    """Return whether a query is one of those prepared here."""
    return (
        query.cursor is None
        and query.sort_by is None
        and (query.filter is None or _named(query, definition) is not None)
    )


def look_up(tenant: Tenant, definition: ResourceDefinition, query: Query) -> tuple[int, list[StoredResource]]:
    """Return how many resources a query selects, and its page, in one statement where the page shows all."""
    values: dict[str, Any] = scope_values(tenant, definition)
    named = _named(query, definition)
    column = None
    if named is not None:
        column, values["value"] = named
    limited, count, first = is_limited(tenant, definition), query.count or 0, query.start_index - 1
    rows = _page(column, limited).all(tenant.db, **values, most=count, skipped=first) if count else []
    if len(rows) < count and (rows or first == 0):
        total = first + len(rows)
    else:
        total = int((_total(column, limited).first(tenant.db, **values) or (0,))[0])
    return total, [stored_resource(row) for row in rows]


def _named(query: Query, definition: ResourceDefinition) -> tuple[str, str] | None:
    """Return the indexed column a filter compares with a text, and the key it is compared with."""
    match = _EQUALS.fullmatch(query.filter or "")
    if match is None or (match[1] is not None and match[1].lower() != definition.urn.lower()):
        return None
    attribute = definition.attributes.get(match[2].lower())
    column = _column(attribute, definition)
    return None if attribute is None or column is None else (column, attribute_key(match[3], attribute))


def _column(attribute: AttributeDefinition | None, definition: ResourceDefinition) -> str | None:
    if attribute is None:
        return None
    if definition.unique_attribute is not None and attribute.name == definition.unique_attribute.name:
        return "unique_key"
    return {"id": "id", "externalId": "external_id"}.get(attribute.name)


def _conditions(column: str | None, limited: bool) -> tuple[ColumnElement[bool], ...]:
    named = () if column is None else (resources.c[column] == bindparam("value"),)
    return (*scope(limited), *named)


@cache
def _page(column: str | None, limited: bool) -> Prepared:
    return Prepared(
        select(*SHOWN)
        .where(*_conditions(column, limited))
        .order_by(resources.c.id)
        .limit(bindparam("most", type_=Integer))
        .offset(bindparam("skipped", type_=Integer))
    )


@cache
def _total(column: str | None, limited: bool) -> Prepared:
    return Prepared(select(func.count()).select_from(resources).where(*_conditions(column, limited)))
