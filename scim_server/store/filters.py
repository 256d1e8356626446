"""Filters (RFC 7644 §3.4.2.2) as SQL conditions: the whole grammar, on both databases."""

from collections.abc import Callable, Sequence

from scim2_models import InvalidFilterException
from scim2_models.path import AttrPath, FilterNode
from sqlalchemy import Boolean, ColumnElement, FromClause, and_, literal_column, not_, or_

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.filter_terms import AttributeTarget, find_attribute, refuse_unknown
from scim_server.protocol.filters import (
    FilterSemantics,
    Holder,
    Logic,
    element_finder,
    names_one,
    read_filter,
    required_values,
)
from scim_server.store.attributes import ResourceHolder, ScalarHolder
from scim_server.store.emails import is_indexed, may_have_email
from scim_server.store.json_paths import json_paths
from scim_server.store.relations import member_sub_attributes
from scim_server.store.session import Tenant

Condition = ColumnElement[bool]

# NB: not true() and false(), which SQLAlchemy folds away together with the org_id beside them.
_TRUE: Condition = literal_column("(1 = 1)", Boolean)
_FALSE: Condition = literal_column("(1 = 0)", Boolean)

_SQL: Logic[Condition] = Logic(
    all=lambda terms: and_(*terms),
    any=lambda terms: or_(*terms) if terms else _FALSE,
    negate=not_,
    constant=lambda value: _TRUE if value else _FALSE,
)


def filter_condition(
    tenant: Tenant,
    text: str,
    definition: ResourceDefinition,
    others: Sequence[ResourceDefinition] = (),
) -> Condition:
    """Return the condition on ``resources`` that holds for what a filter selects; it is never NULL.

    The caller adds those on ``org_id`` and ``resource_type``.

    :param others: Resource types the same request searches. What one of them declares and this one
        does not evaluates to false (RFC 7644 §3.4.2.1).
    :raises InvalidFilterException: When the filter cannot be read, names what no schema declares, or
        compares an attribute in a way it does not take.
    """
    node = read_filter(text, definition)
    condition = FilterSemantics(_SQL, _finder(tenant, definition, others)).visit(node)
    return and_(*(may_have_email(tenant, key) for key in _emails(node, definition)), condition)


def is_by_key(text: str, definition: ResourceDefinition) -> bool:
    """Return whether an index finds all that a filter selects: by name, external id, id or e-mail address.

    :raises InvalidFilterException: When the filter cannot be read.
    """
    node = read_filter(text, definition)
    return names_one(node, definition) or bool(_emails(node, definition))


def _emails(node: FilterNode, definition: ResourceDefinition) -> list[str]:
    return [key for key in required_values(node, definition, "emails") if is_indexed(key)]


def _finder(
    tenant: Tenant, definition: ResourceDefinition, others: Sequence[ResourceDefinition]
) -> Callable[[AttrPath], tuple[Holder[Condition], AttributeTarget] | None]:
    holder = ResourceHolder(tenant, definition)

    def find(path: AttrPath) -> tuple[Holder[Condition], AttributeTarget] | None:
        target = find_attribute(path, definition)
        if target is None:
            if not any(find_attribute(path, other) for other in others):
                refuse_unknown(path, definition.name, definition.attributes)
            return None
        if target.extension is None and target.attribute.name == "password":
            # RFC 7643 §4.1.1: its value is returned in no form, and a filter could guess it.
            raise InvalidFilterException(detail="'password' cannot be filtered on")
        return holder.holding(target), target

    return find


def member_condition(tenant: Tenant, node: FilterNode, member: FromClause) -> Condition:
    """Return the condition on a member that holds for what ``members[…]`` selects; it is never NULL.

    :param member: ``resources`` or an alias of it, the rows of members.
    :raises InvalidFilterException: When the filter names no sub-attribute, or one that is the
        server's own.
    """
    attribute = tenant.catalog.by_name("Group").attributes["members"]
    holder = ScalarHolder(
        json_paths(tenant),
        attribute.name,
        member_sub_attributes(tenant, member, lambda value: value),
    )
    return FilterSemantics(_SQL, element_finder(holder, attribute)).visit(node)
