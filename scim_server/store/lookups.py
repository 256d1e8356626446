"""The lists every client asks for, prepared: all resources of a type, or those an indexed attribute names.

Identity providers match a user by ``userName eq`` or ``externalId eq`` before each change, and walk
all users page by page. The slow path, any filter in any order, is
:func:`scim_server.store.search.search_resources`.
"""

import re
from functools import cache
from typing import Any

from sqlalchemy import Integer, Select, bindparam, func, literal_column, select

from scim_server.protocol.catalog import AttributeDefinition, ResourceDefinition
from scim_server.protocol.comparison import attribute_key
from scim_server.protocol.queries import Query
from scim_server.protocol.replies import StoredResource
from scim_server.store.memberships import groups_column
from scim_server.store.prepared import Prepared
from scim_server.store.resources import (
    COMPUTED_TYPE,
    SHOWN,
    is_limited,
    scope,
    scope_values,
    stored_resource,
    stored_user,
    with_related,
)
from scim_server.store.session import Tenant
from scim_server.store.tables import resources
from scim_server.store.trail import totals_of
from scim_server.store.visibility import seen_groups, visibility

_EQUALS = re.compile(r'\s*(?:(urn:[A-Za-z0-9:._-]+):)?([A-Za-z]+)\s+eq\s+"([^"\\\x00-\x1f]*)"\s*', re.IGNORECASE)


def is_lookup(query: Query, definition: ResourceDefinition) -> bool:
    """Return whether a query is one of those prepared here."""
    return (
        query.cursor is None
        and query.sort_by is None
        and (query.filter is None or _named(query, definition) is not None)
    )


def look_up(tenant: Tenant, definition: ResourceDefinition, query: Query) -> tuple[int, list[StoredResource]]:
    """Return how many resources a query selects, and its page, whole, in one statement where the page shows all."""
    values: dict[str, Any] = scope_values(tenant, definition)
    named = _named(query, definition)
    column = None
    if named is not None:
        column, values["value"] = named
    limited, count, first = is_limited(tenant, definition), query.count or 0, query.start_index - 1
    limits = visibility(tenant) if definition.is_user and query.projection.keeps("groups") else None
    if limits is not None:
        values |= limits
    statement = _page(column, limited, None if limits is None else (tenant.db.dialect.name, bool(limits)))
    rows = statement.all(tenant.db, **values, most=count, skipped=first) if count else []
    if len(rows) < count and (rows or first == 0):
        total = first + len(rows)
    elif column is None:
        total = total_of(tenant, definition)
    else:
        total = int((_total(column, limited).first(tenant.db, **values) or (0,))[0])
    if limits is not None:
        return total, [stored_user(row) for row in rows]
    found = [stored_resource(row) for row in rows]
    return total, with_related(tenant, definition, found, query.projection)


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


def _matching(column: str, limited: bool) -> Select[Any]:
    """Return the rows of a type that have a value in a column."""
    found = select(*SHOWN).where(
        resources.c.org_id == bindparam("org_id"),
        resources.c[column] == bindparam("value"),
        bindparam("resource_type") == COMPUTED_TYPE,
        seen_groups(limited, resources),
    )
    # OFFSET 0 keeps the subquery, so that the order of the page chooses no index either.
    return select(found.offset(literal_column("0")).subquery("found"))


@cache
def _page(column: str | None, limited: bool, groups: tuple[str, bool] | None) -> Prepared:
    """Return the statement of a page, with the groups of each user where their dialect and limit are given."""
    skipped = bindparam("skipped", type_=Integer)
    if column is None:
        # What is skipped is read from the index alone.
        ids = select(resources.c.id).where(*scope(limited)).order_by(resources.c.id)
        first = ids.limit(1).offset(skipped).scalar_subquery()
        page = select(*SHOWN).where(*scope(limited), resources.c.id >= first).order_by(resources.c.id)
    else:
        matching = _matching(column, limited)
        page = matching.order_by(matching.selected_columns.id).offset(skipped)
    page = page.limit(bindparam("most", type_=Integer))
    if groups is None:
        return Prepared(page)
    # Around the page, so that nobody's groups are read but those of the page.
    shown = page.subquery("page")
    return Prepared(select(*shown.c, groups_column(groups[0], shown.c.id, groups[1])).order_by(shown.c.id))


def total_of(tenant: Tenant, definition: ResourceDefinition) -> int:
    """Return how many resources of a type the tenant sees, without counting them."""
    created, deleted = totals_of(tenant, definition.name, tenant.connection_id if definition.is_group else None)
    return created - deleted


@cache
def _total(column: str, limited: bool) -> Prepared:
    return Prepared(select(func.count()).select_from(_matching(column, limited).subquery()))
