"""Lists and searches (RFC 7644 §3.4.2): one or several resource types as one collection, in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scim2_models import InvalidPathException
from sqlalchemy import ColumnElement, Select, Text, and_, case, cast, false, func, literal, null, or_, select

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.comparison import fixed_width, read_date_time
from scim_server.protocol.cursors import Position
from scim_server.protocol.queries import Query
from scim_server.protocol.replies import StoredResource
from scim_server.store.columns import Moment
from scim_server.store.filters import filter_condition, is_by_key
from scim_server.store.lookups import is_lookup, look_up, total_of
from scim_server.store.resources import COMPUTED_ID, SHOWN, in_scope, stored_resource, with_related
from scim_server.store.session import Tenant
from scim_server.store.sorting import sort_value
from scim_server.store.tables import resources

Definitions = tuple[ResourceDefinition, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search: each resource with its type, and where the pages around it start."""

    total: int
    resources: list[tuple[ResourceDefinition, StoredResource]]
    following: Position | None = None
    preceding: Position | None = None


def search_resources(tenant: Tenant, definitions: Definitions, query: Query, position: Position | None) -> Found:
    """Return how many resources match a query, and a page of them.

    :param position: Where a scan by cursor stands, None at its first page and for pages by index.
    :raises InvalidFilterException: When the filter cannot be read or names what no schema declares.
    :raises InvalidPathException: When ``sortBy`` names what nothing can be sorted by.
    """
    if len(definitions) == 1 and is_lookup(query, definitions[0]):
        total, found = look_up(tenant, definitions[0], query)
        return Found(total, [(definitions[0], stored) for stored in found])
    return search_any(tenant, definitions, query, position)


def search_any(tenant: Tenant, definitions: Definitions, query: Query, position: Position | None) -> Found:
    """Return what :func:`search_resources` does, for any query."""
    condition = _condition(tenant, definitions, query)
    sorted_by = _sort_value(tenant, definitions, query)
    page = select(resources.c.resource_type, sorted_by.label("sorted_by"), *SHOWN).where(condition)
    if query.cursor is None:
        return _page_by_index(tenant, definitions, query, page, sorted_by, condition)
    total = _total(tenant, definitions, query, condition)
    return _page_by_cursor(tenant, definitions, query, page, sorted_by, total, position)


def _total(tenant: Tenant, definitions: Definitions, query: Query, condition: ColumnElement[bool]) -> int:
    if query.filter is None and not query.where:
        return sum(total_of(tenant, definition) for definition in definitions)
    return tenant.db.scalar(select(func.count()).select_from(resources).where(condition)) or 0


def _condition(tenant: Tenant, definitions: Definitions, query: Query) -> ColumnElement[bool]:
    """Return the condition that holds for what a query selects, of all its resource types."""
    parts = []
    for definition in definitions:
        by_key = query.filter is not None and is_by_key(query.filter, definition)
        terms = list(in_scope(tenant, definition, by_key=by_key))
        terms += [resources.c[name] == value for name, value in query.where]
        if query.filter is not None:
            others = tuple(other for other in definitions if other is not definition)
            terms.append(filter_condition(tenant, query.filter, definition, others))
        parts.append(and_(*terms))
    # NB: org_id stands before the alternatives, so that every plan starts from it.
    return parts[0] if len(parts) == 1 else and_(resources.c.org_id == tenant.org_id, or_(false(), *parts))


def _sort_value(tenant: Tenant, definitions: Definitions, query: Query) -> ColumnElement[Any]:
    """Return what the resources are sorted by, NULL where a type has no such attribute (RFC 7644 §3.4.2.1)."""
    if query.sort_by is None:
        return null()
    values: dict[str, ColumnElement[Any]] = {}
    refused: InvalidPathException | None = None
    for definition in definitions:
        try:
            values[definition.name] = sort_value(tenant, query.sort_by, definition)
        except InvalidPathException as exc:
            refused = exc
    if refused is not None and not values:
        raise refused
    if len(definitions) == 1:
        return values[definitions[0].name]
    kinds = {type(value.type) for value in values.values()}
    common = [cast(value, Text) if len(kinds) > 1 else value for value in values.values()]
    return case(
        *((resources.c.resource_type == name, value) for name, value in zip(values, common, strict=True)),
        else_=null(),
    )


def _order(
    definitions: Definitions, query: Query, sorted_by: ColumnElement[Any], *, backwards: bool = False
) -> list[ColumnElement[Any]]:
    """Return the order of the resources: no value last when ascending, first when descending; ties by id."""
    by_key = query.filter is not None and all(is_by_key(query.filter, definition) for definition in definitions)
    identifier = COMPUTED_ID if by_key else resources.c.id
    tie = identifier.desc() if backwards else identifier.asc()
    if query.sort_by is None:
        return [tie]
    if query.descending != backwards:
        return [sorted_by.desc().nulls_first(), tie]
    return [sorted_by.asc().nulls_last(), tie]


def _page_by_index(
    tenant: Tenant,
    definitions: Definitions,
    query: Query,
    page: Select[Any],
    sorted_by: ColumnElement[Any],
    condition: ColumnElement[bool],
) -> Found:
    count, first = query.count or 0, query.start_index - 1
    page = page.order_by(*_order(definitions, query, sorted_by)).limit(count).offset(first)
    rows = tenant.db.execute(page).all() if count else []
    # A page that is not full is the last one, which says how many there are.
    last = len(rows) < count and (rows or first == 0)
    total = first + len(rows) if last else _total(tenant, definitions, query, condition)
    return Found(total, _resources(tenant, definitions, query, rows))


def _page_by_cursor(
    tenant: Tenant,
    definitions: Definitions,
    query: Query,
    page: Select[Any],
    sorted_by: ColumnElement[Any],
    total: int,
    position: Position | None,
) -> Found:
    """Return the page after a position, or before it: found by key, so a row that stays is met once."""
    backwards = position is not None and position.backwards
    if position is not None:
        page = page.where(_beyond(query, sorted_by, position))
    count = query.count or 0
    rows = tenant.db.execute(
        page.order_by(*_order(definitions, query, sorted_by, backwards=backwards)).limit(count + 1)
    ).all()
    more = len(rows) > count
    rows = rows[:count]
    if backwards:
        rows = rows[::-1]
    found = _resources(tenant, definitions, query, rows)
    if not rows:
        return Found(total, found)
    # A page reached from the one after it has that one to follow, and the other way round.
    has_following = more or backwards
    has_preceding = more if backwards else position is not None
    return Found(
        total,
        found,
        following=_position(rows[-1], backwards=False) if has_following else None,
        preceding=_position(rows[0], backwards=True) if has_preceding else None,
    )


def _position(row: Any, *, backwards: bool) -> Position:
    value = row.sorted_by
    return Position(fixed_width(value) if isinstance(value, datetime) else value, row.id, backwards)


def _beyond(query: Query, sorted_by: ColumnElement[Any], position: Position) -> ColumnElement[bool]:
    """Return the condition that holds for the resources beyond a position, in its direction."""
    identifier = resources.c.id
    tie = identifier < position.id if position.backwards else identifier > position.id
    if query.sort_by is None:
        return tie
    rising = query.descending == position.backwards
    further: list[ColumnElement[bool]]
    if position.value is None:
        further = [] if rising else [sorted_by.is_not(None)]
        return or_(false(), *further, and_(sorted_by.is_(None), tie))
    value = _bound(sorted_by, position.value)
    further = [sorted_by > value, sorted_by.is_(None)] if rising else [sorted_by < value]
    return or_(*further, and_(sorted_by == value, tie))


def _bound(sorted_by: ColumnElement[Any], value: Any) -> ColumnElement[Any]:
    if isinstance(sorted_by.type, Moment) and isinstance(value, str):
        return literal(read_date_time(value), Moment)
    return literal(value, sorted_by.type)


def _resources(
    tenant: Tenant, definitions: Definitions, query: Query, rows: Sequence[Any]
) -> list[tuple[ResourceDefinition, StoredResource]]:
    """Return the resources of a page in its order, with the groups or members of each type read at once."""
    found: dict[str, tuple[ResourceDefinition, StoredResource]] = {}
    for definition in definitions:
        of_type = [stored_resource(row[2:]) for row in rows if row.resource_type == definition.name]
        for stored in with_related(tenant, definition, of_type, query.projection):
            found[stored.id] = (definition, stored)
    return [found[row.id] for row in rows]
