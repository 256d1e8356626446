"""The lists every client asks for, prepared: all resources of a type, or those an indexed attribute names.

Identity providers match a user by ``userName eq`` or ``externalId eq`` before each change, and walk
all users page by page. The slow path, any filter in any order, is
:func:`scim_server.store.search.search_resources`.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Literal

from sqlalchemy import Integer, Select, bindparam, func, literal_column, select

from scim_server.protocol.catalog import AttributeDefinition, ResourceDefinition
from scim_server.protocol.comparison import attribute_key
from scim_server.protocol.queries import Query
from scim_server.protocol.replies import StoredResource
from scim_server.store.driver import Row
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
        and not query.where
        and (query.filter is None or _named(query, definition) is not None)
    )


def look_up(tenant: Tenant, definition: ResourceDefinition, query: Query) -> tuple[int, list[StoredResource]]:
    """Return how many resources a query selects, and its page, whole, in one statement where the page shows all."""
    values: dict[str, Any] = scope_values(tenant, definition)
    groups = None
    if definition.is_user and query.projection.keeps("groups"):
        limits = visibility(tenant)
        values |= limits
        groups = (tenant.db.dialect.name, bool(limits))
    named = _named(query, definition)
    total, rows = (
        _all(tenant, definition, query, values, groups)
        if named is None
        else _those_with(tenant, definition, query, values, groups, *named)
    )
    if groups is not None:
        return total, [stored_user(row) for row in rows]
    found = [stored_resource(row) for row in rows]
    return total, with_related(tenant, definition, found, query.projection)


_Groups = tuple[str, bool] | None
"""The dialect and the limit of the groups that users are read with, None without any."""


def _those_with(
    tenant: Tenant,
    definition: ResourceDefinition,
    query: Query,
    values: dict[str, Any],
    groups: _Groups,
    column: str,
    value: str,
) -> tuple[int, Sequence[Row]]:
    """Return the total and the page of the resources that have a value in an indexed column."""
    limited, count, first = is_limited(tenant, definition), query.count or 0, query.start_index - 1
    values["value"] = value
    page = _page_with(column, limited, groups)
    rows = page.all(tenant.db, **values, most=count, skipped=first) if count else []
    if len(rows) < count and (rows or first == 0):
        return first + len(rows), rows
    return int((_total(column, limited).first(tenant.db, **values) or (0,))[0]), rows


def _all(
    tenant: Tenant, definition: ResourceDefinition, query: Query, values: dict[str, Any], groups: _Groups
) -> tuple[int, Sequence[Row]]:
    """Return the total and the page of all resources of a type."""
    limited, count, first = is_limited(tenant, definition), query.count or 0, query.start_index - 1
    rows: Sequence[Row] = []
    if first == 0 and count:
        rows = _page(limited, groups, count, "first").all(tenant.db, **values)
        if len(rows) < count:
            return len(rows), rows
    created, deleted = _counts(tenant, definition)
    walk = (tenant.org_id, definition.name, tenant.connection_id if limited else None, deleted)
    if first > 0 and count:
        before = tenant.walks.get((*walk, first))
        if before is None:
            rows = _page(limited, groups, count, "skip").all(tenant.db, **values, skipped=first)
        else:
            rows = _page(limited, groups, count, "after").all(tenant.db, **values, before=before)
    if count and len(rows) == count:
        tenant.walks.put((*walk, first + count), rows[-1][0])
    return created - deleted, rows


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
def _page_with(column: str, limited: bool, groups: _Groups) -> Prepared:
    matching = _matching(column, limited)
    page = matching.order_by(matching.selected_columns.id).offset(bindparam("skipped", type_=Integer))
    return _with_groups(page.limit(bindparam("most", type_=Integer)), groups)


@lru_cache(maxsize=100)
def _page(limited: bool, groups: _Groups, count: int, place: Literal["first", "after", "skip"]) -> Prepared:
    """Return the statement of a page: the first, that after a resource, or that after so many.

    The count is part of the statement: PostgreSQL would plan one without it anew each time.
    """
    page = select(*SHOWN).where(*scope(limited)).order_by(resources.c.id).limit(literal_column(str(count)))
    if place == "after":
        page = page.where(resources.c.id > bindparam("before"))
    if place == "skip":
        # What is skipped is read from the index alone.
        ids = select(resources.c.id).where(*scope(limited)).order_by(resources.c.id).limit(literal_column("1"))
        skipped = ids.offset(bindparam("skipped", type_=Integer))
        page = page.where(resources.c.id >= skipped.scalar_subquery())
    return _with_groups(page, groups)


def _with_groups(page: Select[Any], groups: _Groups) -> Prepared:
    """Return the statement of a page, with the groups of each user where they are asked for."""
    if groups is None:
        return Prepared(page)
    # Around the page, so that nobody's groups are read but those of the page.
    shown = page.subquery("page")
    return Prepared(select(*shown.c, groups_column(groups[0], shown.c.id, groups[1])).order_by(shown.c.id))


def total_of(tenant: Tenant, definition: ResourceDefinition) -> int:
    """Return how many resources of a type the tenant sees, without counting them."""
    created, deleted = _counts(tenant, definition)
    return created - deleted


def _counts(tenant: Tenant, definition: ResourceDefinition) -> tuple[int, int]:
    return totals_of(tenant, definition.name, tenant.connection_id if definition.is_group else None)


@cache
def _total(column: str, limited: bool) -> Prepared:
    return Prepared(select(func.count()).select_from(_matching(column, limited).subquery()))
