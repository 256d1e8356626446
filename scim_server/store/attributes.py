"""Attributes as SQL: where each one of a resource, an extension or an element is read from.

Columns hold what is indexed or not in the document: ``id``, ``externalId``, the unique attribute,
``active`` and ``meta``. Memberships hold ``members`` and ``groups``. The rest is in ``folded``.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from scim2_models import InvalidFilterException
from scim2_models.path import CompareOperator
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ScalarSelect,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    literal,
    select,
    true,
)

from scim_server.protocol.catalog import AttributeDefinition, ResourceDefinition
from scim_server.protocol.filter_terms import AttributeTarget
from scim_server.protocol.filters import Holder
from scim_server.store.columns import Moment
from scim_server.store.json_paths import Elements, JsonPaths, Path, Scalar, bind_text, json_paths
from scim_server.store.relations import (
    Relation,
    SubAttributes,
    groups_relation,
    has_groups,
    has_members,
    is_relation,
    members_relation,
)
from scim_server.store.session import Tenant
from scim_server.store.tables import resources

Condition = ColumnElement[bool]


_OPERATORS: Mapping[CompareOperator, Callable[[Any, Any], Any]] = {
    CompareOperator.eq: operator.eq,
    CompareOperator.gt: operator.gt,
    CompareOperator.ge: operator.ge,
    CompareOperator.lt: operator.lt,
    CompareOperator.le: operator.le,
}


def compare(paths: JsonPaths, scalar: Scalar, op: CompareOperator, operand: Any) -> Condition:
    """Return a comparison that is true or false, never NULL; ``op`` is not ``ne``."""
    value, bound = scalar.expression, scalar.bind(operand)
    condition: ColumnElement[Any]
    if op in _OPERATORS:
        condition = _OPERATORS[op](value, bound)
    elif operand == "":
        condition = value.is_not(None)  # Every string holds the empty one.
    else:
        substring = {
            CompareOperator.co: paths.contains,
            CompareOperator.sw: paths.starts_with,
            CompareOperator.ew: paths.ends_with,
        }[op]
        condition = substring(value, bound)
    # NB: IS TRUE would hide a column from its index.
    return and_(value.is_not(None), condition) if isinstance(value, Column) else condition.is_(true())


class ScalarHolder:
    """What has plain values only, each with its SQL: an element of ``members`` or ``groups``, or ``meta``."""

    def __init__(self, paths: JsonPaths, name: str, sub_attributes: SubAttributes) -> None:
        self._paths = paths
        self._name = name
        self._sub_attributes = sub_attributes

    def scalar(self, attribute: AttributeDefinition) -> Scalar:
        read = self._sub_attributes.get(attribute.name)
        if read is None:
            self._refuse(attribute)
        return read(attribute)

    def test(self, attribute: AttributeDefinition, op: CompareOperator, operand: Any) -> Condition:
        return compare(self._paths, self.scalar(attribute), op, operand)

    def not_empty(self, attribute: AttributeDefinition) -> Condition:
        return _not_empty(self.scalar(attribute), attribute)

    def assigned(self, attribute: AttributeDefinition) -> Condition:
        return self.scalar(attribute).expression.is_not(None)

    def computes(self, attribute: AttributeDefinition) -> bool:
        return False

    def complex(self, attribute: AttributeDefinition) -> Holder[Condition]:
        self._refuse(attribute)

    def any(
        self,
        attribute: AttributeDefinition,
        condition: Callable[[Holder[Condition]], Condition],
        value: str | None,
    ) -> Condition:
        self._refuse(attribute)

    def _refuse(self, attribute: AttributeDefinition) -> NoReturn:
        raise InvalidFilterException(
            detail=f"'{self._name}.{attribute.name}' cannot be filtered on; accepted: "
            + ", ".join(f"{self._name}.{name}" for name in self._sub_attributes)
        )


def _not_empty(scalar: Scalar, attribute: AttributeDefinition) -> Condition:
    if attribute.type in ("string", "reference", "binary"):
        return (scalar.expression != "").is_(true())
    return scalar.expression.is_not(None)


class JsonHolder:
    """An object in JSON: an extension, a complex value or an element of an array."""

    def __init__(self, paths: JsonPaths, root: ColumnElement[Any], path: Path = ()) -> None:
        self._paths = paths
        self._root = root
        self._path = path

    def scalar(self, attribute: AttributeDefinition) -> Scalar:
        """Return a single plain value."""
        return self._paths.scalar(self._root, (*self._path, attribute.name), attribute)

    def first(self, attribute: AttributeDefinition, sub_attribute: AttributeDefinition) -> ScalarSelect[Any]:
        """Return a value of the primary element of an attribute, else of the first (RFC 7644 §3.4.2.3)."""
        elements = self._elements(attribute)
        element = _element_holder(self._paths, elements, attribute)
        order: list[ColumnElement[Any]] = [elements.position]
        primary = attribute.sub_attributes.get("primary")
        if primary is not None and primary.type == "boolean":
            order.insert(0, element.test(primary, CompareOperator.eq, True).desc())
        return (
            select(element.scalar(sub_attribute).expression)
            .select_from(elements.source)
            .order_by(*order)
            .limit(1)
            .scalar_subquery()
        )

    def test(self, attribute: AttributeDefinition, op: CompareOperator, operand: Any) -> Condition:
        return compare(self._paths, self.scalar(attribute), op, operand)

    def not_empty(self, attribute: AttributeDefinition) -> Condition:
        return _not_empty(self.scalar(attribute), attribute)

    def assigned(self, attribute: AttributeDefinition) -> Condition:
        return self._paths.assigned(self._root, (*self._path, attribute.name))

    def computes(self, attribute: AttributeDefinition) -> bool:
        return False

    def complex(self, attribute: AttributeDefinition) -> "JsonHolder | ScalarHolder":
        return JsonHolder(self._paths, self._root, (*self._path, attribute.name))

    def any(
        self,
        attribute: AttributeDefinition,
        condition: Callable[[Holder[Condition]], Condition],
        value: str | None,
    ) -> Condition:
        elements = self._elements(attribute)
        holds = condition(_element_holder(self._paths, elements, attribute))
        return exists(select(literal(1)).select_from(elements.source).where(holds))

    def _elements(self, attribute: AttributeDefinition) -> Elements:
        return self._paths.elements(self._root, (*self._path, attribute.name))


class PlainElementHolder(JsonHolder):
    """An element that is a plain value, read as the ``value`` of itself."""

    def __init__(self, paths: JsonPaths, elements: Elements) -> None:
        super().__init__(paths, elements.element)
        self._element = elements

    def scalar(self, attribute: AttributeDefinition) -> Scalar:
        return self._paths.plain_element(self._element, attribute)

    def assigned(self, attribute: AttributeDefinition) -> Condition:
        return self.scalar(attribute).expression.is_not(None)


def _element_holder(paths: JsonPaths, elements: Elements, attribute: AttributeDefinition) -> JsonHolder:
    if attribute.is_complex:
        return JsonHolder(paths, elements.element)
    return PlainElementHolder(paths, elements)


class ResourceHolder(JsonHolder):
    """A resource with the attributes every resource has and those of its base schema."""

    def __init__(self, tenant: Tenant, definition: ResourceDefinition) -> None:
        super().__init__(json_paths(tenant), resources.c.folded)
        self._tenant = tenant
        self._definition = definition
        self._groups: dict[str | None, Relation] = {}

    def _column(self, attribute: AttributeDefinition) -> Scalar | None:
        unique = self._definition.unique_attribute
        if attribute.name == "id":
            return Scalar(resources.c.id, bind_text)
        if attribute.name == "externalId":
            return Scalar(resources.c.external_id, bind_text)
        if unique is not None and attribute.name == unique.name:
            return Scalar(resources.c.unique_key, bind_text)
        if attribute.name == "active" and self._definition.has_active:
            return Scalar(resources.c.active, lambda value: bindparam(None, value, Boolean))
        return None

    def scalar(self, attribute: AttributeDefinition) -> Scalar:
        return self._column(attribute) or super().scalar(attribute)

    def holding(self, target: AttributeTarget) -> JsonHolder:
        """Return what the attribute of a target is read from: the resource, or one of its extensions."""
        if target.extension is None:
            return self
        return JsonHolder(self._paths, self._root, (target.extension.urn,))

    def first(self, attribute: AttributeDefinition, sub_attribute: AttributeDefinition) -> ScalarSelect[Any]:
        if not is_relation(self._definition, attribute):
            return super().first(attribute, sub_attribute)
        relation = self._relation(None)
        return relation.first(self._related(attribute, relation).scalar(sub_attribute).expression)

    def _relation(self, value: str | None) -> Relation:
        if self._definition.is_group:
            return members_relation(self._tenant)
        # One closure serves all that a filter asks of groups.
        if value not in self._groups:
            self._groups[value] = groups_relation(self._tenant, value)
        return self._groups[value]

    def _related(self, attribute: AttributeDefinition, relation: Relation) -> ScalarHolder:
        return ScalarHolder(self._paths, attribute.name, relation.sub_attributes)

    def assigned(self, attribute: AttributeDefinition) -> Condition:
        column = self._column(attribute)
        if column is not None:
            return column.expression.is_not(None)
        if attribute.name == "meta":
            return resources.c.version.is_not(None)  # As it always is.
        if is_relation(self._definition, attribute):
            return (has_members if self._definition.is_group else has_groups)(self._tenant)
        return super().assigned(attribute)

    def computes(self, attribute: AttributeDefinition) -> bool:
        return attribute.name == "meta" or is_relation(self._definition, attribute)

    def complex(self, attribute: AttributeDefinition) -> JsonHolder | ScalarHolder:
        if attribute.name == "meta":
            return ScalarHolder(self._paths, "meta", META)
        return super().complex(attribute)

    def any(
        self,
        attribute: AttributeDefinition,
        condition: Callable[[Holder[Condition]], Condition],
        value: str | None,
    ) -> Condition:
        if not is_relation(self._definition, attribute):
            return super().any(attribute, condition, value)
        relation = self._relation(value)
        return relation.owners(condition(self._related(attribute, relation)))


def _column_scalar(
    expression: ColumnElement[Any], bind: Callable[[Any], ColumnElement[Any]] = bind_text
) -> Callable[[AttributeDefinition], Scalar]:
    return lambda _: Scalar(expression, bind)


META: Mapping[str, Callable[[AttributeDefinition], Scalar]] = {
    "resourceType": _column_scalar(resources.c.resource_type),
    "created": _column_scalar(resources.c.created_at, lambda value: bindparam(None, value, Moment)),
    "lastModified": _column_scalar(resources.c.modified_at, lambda value: bindparam(None, value, Moment)),
    # RFC 9110 §8.8.3: the weak entity tag answers carry.
    "version": _column_scalar(literal('W/"', Text) + cast(resources.c.version, Text) + literal('"', Text)),
}
"""The sub-attributes of ``meta`` that are compared; ``location`` is not, being the server's address."""
