"""The order of a list (RFC 7644 §3.4.2.3) as SQL."""

from functools import lru_cache
from typing import Any, NoReturn

from scim2_models import InvalidFilterException, InvalidPathException
from scim2_models import Path as ScimPath
from scim2_models.path import AttrPath
from sqlalchemy import ColumnElement

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.filter_terms import AttributeTarget, find_attribute, plain_value
from scim_server.store.attributes import ResourceHolder
from scim_server.store.session import Tenant
from scim_server.store.tables import resources


def sort_value(tenant: Tenant, sort_by: str, definition: ResourceDefinition) -> ColumnElement[Any]:
    """Return what a resource is sorted by, NULL where it has no value.

    Of several values the primary one counts, else the first; texts are ordered by code point.

    :raises InvalidPathException: When ``sort_by`` names no attribute, or one that has no order.
    """
    target = _sort_target(sort_by, definition)
    try:
        return _sort_value(tenant, sort_by, target, definition)
    except InvalidFilterException as exc:
        # A sub-attribute of members or groups that no column holds, such as $ref.
        raise InvalidPathException(path=sort_by, detail=exc.detail.replace("filtered", "sorted")) from None


def _sort_target(sort_by: str, definition: ResourceDefinition) -> AttributeTarget:
    path = _path_type(definition.model)(sort_by).ast
    if not isinstance(path, AttrPath):
        _refuse(sort_by, "selects values; accepted: an attribute, such as userName or name.familyName")
    target = find_attribute(path, definition)
    if target is None:
        _refuse(sort_by, f"is not an attribute of {definition.name}; see /Schemas for those it has")
    target = target.compared()
    attribute = target.sub_attribute or target.attribute
    if attribute.is_complex:
        _refuse(sort_by, "is complex; sort on one of its sub-attributes")
    if attribute.type == "binary":
        _refuse(sort_by, "is binary, and has no order")
    if attribute.write_only or target.attribute.write_only:
        # RFC 7643 §4.1.1: an order over what is not returned would tell of it.
        _refuse(sort_by, "is write-only, and orders nothing")
    return target


@lru_cache(maxsize=64)
def _path_type(model: Any) -> Any:
    # scim2-models forgets a subscripted class that nobody holds, and then builds it again.
    return ScimPath[model]


def _refuse(sort_by: str, reason: str) -> NoReturn:
    raise InvalidPathException(path=sort_by, detail=f"cannot sort: {sort_by[:200]!r} {reason}")


def _sort_value(
    tenant: Tenant, sort_by: str, target: AttributeTarget, definition: ResourceDefinition
) -> ColumnElement[Any]:
    attribute, sub_attribute = target.attribute, target.sub_attribute
    holder = ResourceHolder(tenant, definition).holding(target)
    if sub_attribute is None:
        if attribute.multi_valued:
            return holder.first(attribute, plain_value(attribute))
        return holder.scalar(attribute).expression
    if target.extension is None and attribute.name == "meta" and sub_attribute.name == "location":
        return resources.c.id  # The locations of a resource type differ in the id alone.
    if sub_attribute.multi_valued:
        _refuse(sort_by, "holds several values; sort on an attribute that holds one")
    if attribute.multi_valued:
        return holder.first(attribute, sub_attribute)
    return holder.complex(attribute).scalar(sub_attribute).expression
