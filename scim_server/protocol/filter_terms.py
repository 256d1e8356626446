"""The terms of a filter (RFC 7644 §3.4.2.2): what its paths name, and what its operands are read as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NoReturn

from pydantic import TypeAdapter, ValidationError
from scim2_models import InvalidFilterException
from scim2_models.path import ORDERING_OPERATORS, STRING_OPERATORS, AttrPath, Comparison

from scim_server.protocol.catalog import AttributeDefinition, Attributes, ExtensionDefinition, ResourceDefinition
from scim_server.protocol.comparison import attribute_key, read_binary, read_date_time

TEXT_TYPES = ("string", "reference")


@dataclass(frozen=True, slots=True)
class AttributeTarget:
    """What an attribute path names: an attribute, and its sub-attribute where the path goes on."""

    attribute: AttributeDefinition
    sub_attribute: AttributeDefinition | None = None
    extension: ExtensionDefinition | None = None

    def compared(self) -> "AttributeTarget":
        """Return what a comparison with this path applies to.

        RFC 7643 §2.4: the elements of a complex multi-valued attribute stand for their ``value``.
        """
        value = self.attribute.sub_attributes.get("value")
        if self.sub_attribute is None and self.attribute.multi_valued and value is not None:
            return replace(self, sub_attribute=value)
        return self


def find_attribute(path: AttrPath, definition: ResourceDefinition) -> AttributeTarget | None:
    """Return what a path names in a resource type, None when no schema declares it (RFC 7644 §3.10)."""
    if path.uri is None or path.uri.lower() == definition.urn.lower():
        return _find_among(path, definition.attributes)
    extension = definition.extensions.get(path.uri.lower())
    if extension is None:
        return None
    target = _find_among(path, extension.attributes)
    return replace(target, extension=extension) if target else None


def find_in_element(path: AttrPath, attribute: AttributeDefinition) -> AttributeTarget | None:
    """Return what a path between brackets names: a sub-attribute, or ``value``, a plain value itself."""
    if path.uri is not None:
        return None
    if attribute.is_complex:
        return _find_among(path, attribute.sub_attributes)
    return _find_among(path, {"value": plain_value(attribute)})


def _find_among(path: AttrPath, attributes: Attributes) -> AttributeTarget | None:
    attribute = attributes.get(path.attr.lower())
    if attribute is None or path.sub_attr is None:
        return AttributeTarget(attribute) if attribute else None
    sub_attribute = attribute.sub_attributes.get(path.sub_attr.lower())
    return AttributeTarget(attribute, sub_attribute) if sub_attribute else None


def plain_value(attribute: AttributeDefinition) -> AttributeDefinition:
    """Return the definition of one value of an attribute that holds several and is not complex."""
    return replace(attribute, name="value", multi_valued=False)


def refuse_unknown(path: AttrPath, owner: str, accepted: Sequence[str] | Attributes) -> NoReturn:
    """Refuse a path that names nothing.

    :raises InvalidFilterException: Always; the detail names the path and what would be accepted.
    """
    names = [each.name for each in accepted.values()] if isinstance(accepted, Mapping) else list(accepted)
    raise InvalidFilterException(
        detail=f"{str(path)[:200]!r} is not an attribute of {owner}; accepted: {', '.join(names)}"
    )


_ADAPTERS: Mapping[str, TypeAdapter[Any]] = {
    "string": TypeAdapter(str),
    "reference": TypeAdapter(str),
    "boolean": TypeAdapter(bool),
    "integer": TypeAdapter(int),
    "decimal": TypeAdapter(float),
    "dateTime": TypeAdapter(datetime),
    "binary": TypeAdapter(str),
}


def read_operand(node: Comparison, attribute: AttributeDefinition) -> Any:
    """Return the operand of a comparison in the form its attribute is compared in.

    That is a comparison key, bool, int, float, aware UTC datetime, bytes or None. The substring
    operators take any operand, for they match a fragment; what is no text holds none.

    :raises InvalidFilterException: When the attribute takes no such operator or operand.
    """
    value = node.value
    _check_operator(node, attribute)
    if isinstance(value, str):
        _check_characters(node, value)
    if value is None or attribute.is_complex:
        return value
    if node.op in STRING_OPERATORS:
        return comparable(value, attribute) if attribute.type in TEXT_TYPES else value
    try:
        return comparable(_ADAPTERS[attribute.type].validate_python(value), attribute)
    except (ValidationError, ValueError, OverflowError):
        raise InvalidFilterException(
            detail=f"{str(node.attr_path)[:200]!r} cannot be compared with {str(node.value)[:200]!r}: "
            f"it is of type {attribute.type}"
        ) from None


def _check_operator(node: Comparison, attribute: AttributeDefinition) -> None:
    # RFC 7644 §3.4.2.2: Boolean and Binary attributes have no order; RFC 7643 §4.1.1: what is
    # write-only is compared for equality alone.
    equality_only = attribute.type in ("boolean", "binary") or attribute.write_only
    if equality_only and node.op in ORDERING_OPERATORS | STRING_OPERATORS:
        kind = "write-only" if attribute.write_only else attribute.type
        raise InvalidFilterException(
            detail=f"{str(node.attr_path)[:200]!r} is {kind}: it takes eq, ne and pr, not {node.op.value}"
        )


def _check_characters(node: Comparison, value: str) -> None:
    # JSON can escape what no database takes as text.
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidFilterException(
            detail=f"{str(node.attr_path)[:200]!r} is compared with a value that holds U+0000 or half a character"
        )


def comparable(value: Any, attribute: AttributeDefinition) -> Any:
    """Return a value, of a document or of a filter, in the form it is compared in."""
    if attribute.type in TEXT_TYPES and isinstance(value, str):
        return attribute_key(value, attribute)
    if attribute.type == "dateTime" and isinstance(value, datetime):
        # NB: a moment without an offset is taken as UTC, as it is when it is stored.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if attribute.type == "dateTime" and isinstance(value, str):
        return read_date_time(value)
    if attribute.type == "binary" and isinstance(value, str):
        return read_binary(value)
    if attribute.type == "decimal" and isinstance(value, int):
        return float(value)
    return value
