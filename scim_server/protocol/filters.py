"""Filters (RFC 7644 §3.4.2.2): their bounds, and what they mean.

:class:`FilterSemantics` says once what a filter means, over anything attributes can be read from:
here the elements of a document, in the store the rows of a table.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar

from scim2_models import InvalidFilterException, ScimFilter
from scim2_models.path import (
    STRING_OPERATORS,
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)

from scim_server.protocol.catalog import AttributeDefinition, ResourceDefinition
from scim_server.protocol.comparison import attribute_key
from scim_server.protocol.filter_terms import (
    TEXT_TYPES,
    AttributeTarget,
    comparable,
    find_attribute,
    find_in_element,
    plain_value,
    read_operand,
    refuse_unknown,
)

MAX_FILTER_LENGTH = 8_000
MAX_COMPARISONS = 200

T = TypeVar("T")


def read_filter(text: str, definition: ResourceDefinition) -> FilterNode:
    """Return the syntax tree of a filter whose operators and operands fit their attributes.

    Names are not resolved yet: that is for who visits the tree.

    :raises InvalidFilterException: When it cannot be read, or is longer than a server can answer for.
    """
    if len(text) > MAX_FILTER_LENGTH:
        raise InvalidFilterException(
            detail=f"the filter has {len(text)} characters; accepted: at most {MAX_FILTER_LENGTH}"
        )
    node: FilterNode = _filter_type(definition.model)(text).ast
    comparisons = count_comparisons(node)
    if comparisons > MAX_COMPARISONS:
        raise InvalidFilterException(
            detail=f"the filter holds {comparisons} comparisons; accepted: at most {MAX_COMPARISONS}"
        )
    return node


@lru_cache(maxsize=64)
def _filter_type(model: Any) -> Any:
    # scim2-models forgets a subscripted class that nobody holds, and then builds it again.
    return ScimFilter[model]


def count_comparisons(node: FilterNode) -> int:
    """Return how many comparisons and presence tests a filter holds."""
    match node:
        case LogicalExpr():
            return sum(count_comparisons(term) for term in node.terms)
        case Not():
            return count_comparisons(node.expr)
        case ValuePath():
            return count_comparisons(node.val_filter)
    return 1


def required_values(node: FilterNode, definition: ResourceDefinition, name: str) -> Iterator[str]:
    """Yield the keys of those values of a complex attribute with several that everything a filter selects has.

    They are the operands of ``name eq``, ``name.value eq`` and ``name[value eq … and …]``, where these stand alone
    or are terms of an outermost ``and``.
    """
    for term in _conjunction(node):
        if not isinstance(term, Comparison | ValuePath):
            continue
        target = find_attribute(term.attr_path, definition)
        if target is None or target.extension is not None or target.attribute.name != name:
            continue
        if not (target.attribute.is_complex and target.attribute.multi_valued):
            continue
        if isinstance(term, ValuePath):
            key = _only_value(term.val_filter, target.attribute)
        else:
            key = _equal_text(term, target.compared().sub_attribute)
        if key is not None:
            yield key


def names_one(node: FilterNode, definition: ResourceDefinition) -> bool:
    """Return whether everything a filter selects has one ``id``, one ``externalId`` or one value of what is unique."""
    unique = definition.unique_attribute
    names = {"id", "externalId", unique.name if unique else "id"}
    for term in _conjunction(node):
        if isinstance(term, Comparison) and term.op == CompareOperator.eq and isinstance(term.value, str):
            target = find_attribute(term.attr_path, definition)
            if target is not None and target.extension is None and target.attribute.name in names:
                return True
    return False


def _conjunction(node: FilterNode) -> Sequence[FilterNode]:
    return node.terms if isinstance(node, LogicalExpr) and node.op == LogicalOperator.and_ else (node,)


def _equal_text(node: Comparison, attribute: AttributeDefinition | None) -> str | None:
    """Return the key of the text that a comparison asks the ``value`` of an element to be equal to."""
    if attribute is None or attribute.name != "value" or attribute.type not in TEXT_TYPES:
        return None
    if node.op != CompareOperator.eq or not isinstance(node.value, str):
        return None
    return attribute_key(node.value, attribute)


def _is_comparable(attribute: AttributeDefinition, op: CompareOperator, operand: Any) -> bool:
    """Return whether any value of the attribute can satisfy the comparison."""
    if attribute.is_complex or operand is None:
        return False
    if op in STRING_OPERATORS:
        return attribute.type in TEXT_TYPES and isinstance(operand, str)
    return bool(operand == operand)  # NaN equals nothing and has no order.


class Holder(Protocol[T]):
    """What attributes are read from: a resource, an extension, a complex value, an element."""

    def test(self, attribute: AttributeDefinition, op: CompareOperator, operand: Any) -> T:
        """Compare a single plain value; false when it is unassigned. ``op`` is not ``ne``."""

    def not_empty(self, attribute: AttributeDefinition) -> T:
        """Whether a single plain value is assigned and not ``""``."""

    def assigned(self, attribute: AttributeDefinition) -> T:
        """Whether an attribute has a value, or one element at least."""

    def computes(self, attribute: AttributeDefinition) -> bool:
        """Whether the server computes the attribute, so that whatever is assigned is present."""

    def complex(self, attribute: AttributeDefinition) -> "Holder[T]":
        """The value of a single complex attribute."""

    def any(self, attribute: AttributeDefinition, condition: Callable[["Holder[T]"], T], value: str | None) -> T:
        """Whether one element satisfies a condition; ``value`` is the only ``value`` that can, if known."""


@dataclass(frozen=True, slots=True)
class Logic(Generic[T]):
    """How conditions combine."""

    all: Callable[[Sequence[T]], T]
    any: Callable[[Sequence[T]], T]
    negate: Callable[[T], T]
    constant: Callable[[bool], T]


class FilterSemantics(FilterVisitor[T]):
    """What a filter means (RFC 7644 §3.4.2.2), as scim2-models' in-memory evaluator has it.

    ``ne`` on several values holds when all of them differ; null is equal to what is unassigned.

    :param find: Returns what a path names and what to read it from; None where it evaluates to false.
    """

    def __init__(self, logic: Logic[T], find: Callable[[AttrPath], tuple[Holder[T], AttributeTarget] | None]) -> None:
        self._logic = logic
        self._find = find

    def visit_not(self, node: Not) -> T:
        return self._logic.negate(self.visit(node.expr))

    def visit_logical_expr(self, node: LogicalExpr) -> T:
        # Every term is visited, so that an unknown name is refused wherever it stands.
        terms = [self.visit(term) for term in node.terms]
        return self._logic.all(terms) if node.op == LogicalOperator.and_ else self._logic.any(terms)

    def visit_value_path(self, node: ValuePath) -> T:
        found = self._find(node.attr_path)
        if found is None:
            return self._logic.constant(False)
        holder, target = found
        attribute = target.attribute
        return holder.any(
            attribute,
            lambda element: FilterSemantics(self._logic, element_finder(element, attribute)).visit(node.val_filter),
            _only_value(node.val_filter, attribute),
        )

    def visit_comparison(self, node: Comparison) -> T:
        found = self._find(node.attr_path)
        if found is None:
            return self._logic.constant(False)
        holder, target = found[0], found[1].compared()
        attribute, sub_attribute = target.attribute, target.sub_attribute
        operand = read_operand(node, sub_attribute or attribute)
        if sub_attribute is None:
            return self._compare(holder, attribute, node.op, operand)
        if attribute.multi_valued:
            return self._compare_elements(holder, attribute, sub_attribute, node.op, operand)
        return self._compare(holder.complex(attribute), sub_attribute, node.op, operand)

    def _compare(self, holder: Holder[T], attribute: AttributeDefinition, op: CompareOperator, operand: Any) -> T:
        if attribute.multi_valued and not attribute.is_complex:
            return self._compare_elements(holder, attribute, plain_value(attribute), op, operand)
        if operand is None or not _is_comparable(attribute, op, operand):
            return self._compare_whole(holder, attribute, op, operand)
        if op == CompareOperator.ne:
            return self._logic.negate(holder.test(attribute, CompareOperator.eq, operand))
        return holder.test(attribute, op, operand)

    def _compare_whole(self, holder: Holder[T], attribute: AttributeDefinition, op: CompareOperator, operand: Any) -> T:
        """Compare with null, or with what no value of the attribute is equal to."""
        if operand is None and op == CompareOperator.eq:
            return self._logic.negate(holder.assigned(attribute))
        if operand is None and op == CompareOperator.ne:
            return holder.assigned(attribute)
        return self._logic.constant(op == CompareOperator.ne)

    def _compare_elements(
        self,
        holder: Holder[T],
        attribute: AttributeDefinition,
        sub_attribute: AttributeDefinition,
        op: CompareOperator,
        operand: Any,
    ) -> T:
        tested = CompareOperator.eq if op == CompareOperator.ne else op
        # NB: a sub-attribute with several values of its own is equal to no operand.
        compare = self._compare_whole if sub_attribute.multi_valued else self._compare
        names_one = tested == CompareOperator.eq and sub_attribute.name == "value" and isinstance(operand, str)
        one_matches = holder.any(
            attribute,
            lambda element: compare(element, sub_attribute, tested, operand),
            operand if names_one else None,
        )
        if op == CompareOperator.ne:
            all_differ = self._logic.negate(one_matches)
            return all_differ if operand is not None else self._logic.all([holder.assigned(attribute), all_differ])
        if op == CompareOperator.eq and operand is None:
            return self._logic.any([self._logic.negate(holder.assigned(attribute)), one_matches])
        return one_matches

    def visit_present(self, node: Present) -> T:
        found = self._find(node.attr_path)
        if found is None:
            return self._logic.constant(False)
        holder, target = found
        attribute, sub_attribute = target.attribute, target.sub_attribute
        if sub_attribute is None:
            return self._present(holder, attribute)
        if attribute.multi_valued:
            return holder.any(attribute, lambda element: self._present(element, sub_attribute), None)
        return self._present(holder.complex(attribute), sub_attribute)

    def _present(self, holder: Holder[T], attribute: AttributeDefinition) -> T:
        """Whether there is a "non-empty or non-null value", at any depth."""
        if holder.computes(attribute):
            return holder.assigned(attribute)
        if attribute.multi_valued:
            return holder.any(attribute, lambda element: self._present_element(element, attribute), None)
        if attribute.is_complex:
            return self._present_element(holder.complex(attribute), attribute)
        return holder.not_empty(attribute)

    def _present_element(self, element: Holder[T], attribute: AttributeDefinition) -> T:
        if not attribute.is_complex:
            return element.not_empty(plain_value(attribute))
        return self._logic.any([self._present(element, each) for each in attribute.sub_attributes.values()])


def element_finder(
    element: Holder[T], attribute: AttributeDefinition
) -> Callable[[AttrPath], tuple[Holder[T], AttributeTarget]]:
    """Return how the paths between the brackets of ``attribute[…]`` are found in one of its elements."""

    def find(path: AttrPath) -> tuple[Holder[T], AttributeTarget]:
        target = find_in_element(path, attribute)
        if target is None:
            refuse_unknown(path, attribute.name, attribute.sub_attributes or ("value",))
        return element, target

    return find


def _only_value(node: FilterNode, attribute: AttributeDefinition) -> str | None:
    """Return the operand of a ``value eq "…"`` that everything a value filter selects has to satisfy."""
    value = attribute.sub_attributes.get("value")
    for term in _conjunction(node):
        if isinstance(term, Comparison) and term.attr_path.attr.lower() == "value" and term.attr_path.sub_attr is None:
            key = _equal_text(term, value)
            if key is not None:
                return key
    return None


_OPERATORS: Mapping[CompareOperator, Callable[[Any, Any], bool]] = {
    CompareOperator.eq: operator.eq,
    CompareOperator.co: operator.contains,
    CompareOperator.sw: lambda value, operand: bool(value.startswith(operand)),
    CompareOperator.ew: lambda value, operand: bool(value.endswith(operand)),
    CompareOperator.gt: operator.gt,
    CompareOperator.ge: operator.ge,
    CompareOperator.lt: operator.lt,
    CompareOperator.le: operator.le,
}

_TRUTH: Logic[bool] = Logic(all=all, any=any, negate=operator.not_, constant=bool)


@dataclass(frozen=True, slots=True)
class _DocumentHolder:
    """An element of a document, or a complex value in it."""

    values: Mapping[str, Any]

    def test(self, attribute: AttributeDefinition, op: CompareOperator, operand: Any) -> bool:
        value = self.values.get(attribute.name)
        return value is not None and _OPERATORS[op](comparable(value, attribute), operand)

    def not_empty(self, attribute: AttributeDefinition) -> bool:
        value = self.values.get(attribute.name)
        return value is not None and comparable(value, attribute) not in ("", b"")

    def assigned(self, attribute: AttributeDefinition) -> bool:
        return self.values.get(attribute.name) is not None

    def computes(self, attribute: AttributeDefinition) -> bool:
        return False

    def complex(self, attribute: AttributeDefinition) -> "_DocumentHolder":
        return _DocumentHolder(self.values.get(attribute.name) or {})

    def any(self, attribute: AttributeDefinition, condition: Callable[[Holder[bool]], bool], value: str | None) -> bool:
        elements = self.values.get(attribute.name) or ()
        return any(condition(_element_holder(element, attribute)) for element in elements)


def _element_holder(element: Any, attribute: AttributeDefinition) -> _DocumentHolder:
    return _DocumentHolder(element if attribute.is_complex else {"value": element})


def matches(node: FilterNode, element: Any, attribute: AttributeDefinition) -> bool:
    """Return whether one element of a multi-valued attribute satisfies what stands between brackets.

    :param node: The value filter, such as the ``type eq "work"`` of ``emails[type eq "work"]``.
    :param element: A dict with the sub-attributes as a document has them, or a plain value.
    :raises InvalidFilterException: When the filter names no sub-attribute, or compares one in a way
        it does not take.
    """
    find = element_finder(_element_holder(element, attribute), attribute)
    return FilterSemantics(_TRUTH, find).visit(node)


def check_value_filter(node: FilterNode, attribute: AttributeDefinition) -> None:
    """Check what stands between brackets, whether or not there is an element to match.

    :raises InvalidFilterException: As :func:`matches` does.
    """
    FilterSemantics(_TRUTH, element_finder(_DocumentHolder({}), attribute)).visit(node)
