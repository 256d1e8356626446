"""What a PATCH writes to a document, applied in place of a model of it (RFC 7644 §3.5.2).

``PatchOp.patch`` of scim2-models leaves the same document, which the property tests hold, at many
times the cost.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import orjson
from scim2_models import InvalidValueException, MutabilityException, NoTargetException
from scim2_models.path import CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator

from scim_server.protocol.catalog import AttributeDefinition, Attributes, ResourceDefinition
from scim_server.protocol.comparison import fold
from scim_server.protocol.documents import Document, read_value, with_schemas
from scim_server.protocol.filters import matches
from scim_server.protocol.paths import Target
from scim_server.protocol.profiles import Leniences

MAX_ELEMENTS = 1_000
"""How many values a multi-valued attribute of a document may hold; members have no such limit."""


@dataclass(frozen=True, slots=True)
class Write:
    """One attribute to add to, replace or remove; ``value`` is read by its schema, None unassigns.

    A complex value, or the values a filter selects, are written by a dict of the sub-attributes to
    change. A remove lists in ``value`` what to remove, and removes all without.
    """

    op: str
    target: Target
    value: Any


def apply_writes(
    document: Document, writes: tuple[Write, ...], definition: ResourceDefinition, leniences: Leniences
) -> Document:
    """Return the document after the writes; the one given is changed on the way.

    :raises MutabilityException: When an immutable value would change or a required one be unassigned.
    :raises NoTargetException: When a filter in a path selects nothing and nothing may be created.
    :raises InvalidValueException: When two values would be primary, too many held, or one would lack
        what it requires.
    """
    for write in writes:
        # A copy, since later writes change what this one put there, and a deadlock brings a second try.
        _apply(document, replace(write, value=deepcopy(write.value)), definition, leniences)
    # Not before the last: Entra ID writes a complex value by an operation for each sub-attribute.
    for write in writes:
        _check_sub_attributes(document, write.target)
    return with_schemas(document, definition)


def _apply(document: Document, write: Write, definition: ResourceDefinition, leniences: Leniences) -> None:
    target = write.target
    extension = definition.extensions[target.container.lower()] if target.container else None
    holder = document.get(extension.urn, {}) if extension else document
    if target.attribute is None:
        _keep_immutable(holder, extension.attributes if extension else definition.attributes)
        holder = {}
    elif target.attribute.multi_valued:
        _apply_to_values(holder, write, leniences)
    else:
        _apply_to_value(holder, write)
    if extension and holder:
        document[extension.urn] = holder
    elif extension and extension.urn in document:
        if extension.required:
            raise MutabilityException(detail=f"{extension.urn} is required and cannot be removed")
        del document[extension.urn]


def _apply_to_value(holder: Document, write: Write) -> None:
    """Apply a write to a single-valued attribute."""
    target, attribute = write.target, write.target.attribute
    assert attribute is not None
    old = holder.get(attribute.name)
    new: Any
    if target.sub_attribute is not None or (attribute.is_complex and write.op != "remove" and write.value is not None):
        new = dict(old or {})
        _merge(new, write)
    elif write.op == "remove":
        new = None if _is_removed(old, write, attribute) else old
    else:
        new = write.value
    if attribute.is_complex and old and not new:
        _keep_immutable(old, attribute.sub_attributes)
    _assign(holder, attribute, new or None if attribute.is_complex else new)


def _merge(value: Document, write: Write) -> None:
    """Write what a write names of a complex value; the rest stays (RFC 7644 §3.5.2.3)."""
    target = write.target
    assert target.attribute is not None
    old = (value.get("value"), value.get("$ref"))
    if target.sub_attribute is not None:
        _assign_one(value, target.sub_attribute, write.op, None if write.op == "remove" else write.value)
    else:
        for name, item in write.value.items():
            _assign_one(value, target.attribute.sub_attributes[name.lower()], write.op, item)
    if value.get("value") != old[0] and value.get("$ref") == old[1]:
        value.pop("$ref", None)  # NB: a reference goes with the value it stood for.


def _assign_one(value: Document, sub_attribute: AttributeDefinition, op: str, item: Any) -> None:
    """Write one sub-attribute of a complex value."""
    if op == "add" and sub_attribute.multi_valued:
        item = _united(value.get(sub_attribute.name) or [], item or [], sub_attribute) or None
    _assign(value, sub_attribute, item)


def _assign(holder: Document, attribute: AttributeDefinition, value: Any) -> None:
    """Set or unassign an attribute of a resource, an extension or a complex value."""
    old = holder.get(attribute.name)
    if attribute.mutability == "immutable" and old is not None and not same_documents(value, old):
        raise MutabilityException(detail=f"{attribute.name} is immutable once it has a value")
    if attribute.required and value is None and old is not None:
        raise MutabilityException(detail=f"{attribute.name} is required and cannot be removed")
    if attribute.required and value == "":
        raise InvalidValueException(detail=f"{attribute.name} is required and cannot be empty")
    if value is not None:
        holder[attribute.name] = value
    elif attribute.write_only:
        holder[attribute.name] = None  # Says that what cannot be read back is to be cleared.
    else:
        holder.pop(attribute.name, None)


def _keep_immutable(removed: Mapping[str, Any], attributes: Attributes) -> None:
    """Refuse to remove an extension or a complex value that holds what is immutable."""
    for name, value in removed.items():
        attribute = attributes[name.lower()]
        if attribute.mutability == "immutable":
            raise MutabilityException(detail=f"{name} is immutable once it has a value")
        if isinstance(value, dict):
            _keep_immutable(value, attribute.sub_attributes)


def _check_sub_attributes(document: Document, target: Target) -> None:
    """Refuse a complex value that lacks a sub-attribute it requires."""
    attribute = target.attribute
    required = [each for each in attribute.sub_attributes.values() if each.required] if attribute else []
    if attribute is None or not required:
        return
    value = document.get(target.container, {}).get(attribute.name) if target.container else document.get(attribute.name)
    for element in value or () if attribute.multi_valued else (value or {},):
        for each in required:
            if element and not each.read_only and element.get(each.name) in (None, ""):
                raise InvalidValueException(detail=f"{attribute.name}.{each.name} is required")


def _apply_to_values(holder: Document, write: Write, leniences: Leniences) -> None:
    """Apply a write to a multi-valued attribute, then keep one value primary (RFC 7644 §3.5.2)."""
    attribute = write.target.attribute
    assert attribute is not None
    values: list[Any] = list(holder.get(attribute.name) or ())
    primary = [value for value in values if _is_primary(value)]
    if write.target.value_filter is not None:
        values = _apply_to_selection(values, write, leniences)
    elif write.target.sub_attribute is not None:
        for value in values:
            _merge(value, write)
    elif write.op == "remove":
        values = [value for value in values if not _is_removed(value, write, attribute)]
    elif write.op == "replace":
        values = list(write.value or ())
    else:
        values = _united(values, write.value or (), attribute)
    values = [value for value in values if value != {}]
    if len(values) > MAX_ELEMENTS:
        raise InvalidValueException(detail=f"{attribute.name} holds at most {MAX_ELEMENTS} values")
    _settle_primary(values, primary, attribute)
    _assign(holder, attribute, values or None)


def _is_removed(value: Any, write: Write, attribute: AttributeDefinition) -> bool:
    return write.value is None or any(_selects(item, value, attribute) for item in write.value)


def _united(values: list[Any], added: Any, attribute: AttributeDefinition) -> list[Any]:
    """Return values with those added that are not among them."""
    present = {_key(value, attribute) for value in values}
    return values + [value for value in added if _key(value, attribute) not in present]


def _apply_to_selection(values: list[Any], write: Write, leniences: Leniences) -> list[Any]:
    """Apply a write to the values a filter selects."""
    target, attribute, value_filter = write.target, write.target.attribute, write.target.value_filter
    assert attribute is not None
    assert value_filter is not None
    selected = [value for value in values if matches(value_filter, value, attribute)]
    if not selected and write.op != "remove":
        return values + _described(value_filter, write, leniences)
    if target.sub_attribute is None and (write.op == "remove" or write.value is None):
        return [value for value in values if not any(value is each for each in selected)]
    if attribute.is_complex:
        for value in selected:
            _merge(value, write)
    else:
        return [write.value if any(value is each for each in selected) else value for value in values]
    return values


def _described(value_filter: FilterNode, write: Write, leniences: Leniences) -> list[Any]:
    """Return the value a filter without a match describes, none when there is nothing to write.

    RFC 7644 §3.5.2.3 answers noTarget. Entra ID and its validators need the value created where
    the filter is one or several ``sub eq literal`` joined by ``and``
    (conformance/clients/entra/09-valuepath-create-on-write.json).
    """
    target, attribute = write.target, write.target.attribute
    assert attribute is not None
    if write.value in (None, "", {}) and leniences.profile.creates_unmatched:
        leniences.count("nothing_to_write")
        return []  # NB: what has no value here is already as it is asked to be.
    described = _equalities(value_filter, attribute, leniences) if leniences.profile.creates_unmatched else {}
    if not described:
        raise NoTargetException(detail=f"no value of {attribute.name} matches the filter of {target.text[:200]!r}")
    leniences.count("value_created_from_filter")
    if target.sub_attribute is not None:
        described[target.sub_attribute.name] = write.value
    else:
        described.update({name: item for name, item in write.value.items() if item is not None})
    if not matches(value_filter, described, attribute):
        raise InvalidValueException(detail=f"the value written contradicts the filter of {target.text[:200]!r}")
    return [described]


def _equalities(value_filter: FilterNode, attribute: AttributeDefinition, leniences: Leniences) -> Document:
    """Return what each ``sub eq literal`` of a filter names, nothing when it is not all of that form."""
    terms: Sequence[FilterNode] = (value_filter,)
    if isinstance(value_filter, LogicalExpr) and value_filter.op == LogicalOperator.and_:
        terms = value_filter.terms
    described: Document = {}
    for term in terms:
        if not isinstance(term, Comparison) or term.op != CompareOperator.eq or term.value is None:
            return {}
        sub = attribute.sub_attributes.get(term.attr_path.attr.lower())
        if sub is None:
            return {}
        if sub.read_only:
            raise MutabilityException(detail=f"no value matches, and {attribute.name}.{sub.name} is read-only")
        described[sub.name] = read_value(term.value, sub, f"{attribute.name}.{sub.name}", leniences)
    return described


def _is_primary(value: Any) -> bool:
    return isinstance(value, dict) and value.get("primary") is True


def _settle_primary(values: list[Any], before: list[Any], attribute: AttributeDefinition) -> None:
    """Keep the value just marked primary as the only one."""
    primary = [value for value in values if _is_primary(value)]
    marked = [value for value in primary if not any(value is each for each in before)]
    if len(marked) > 1:
        raise InvalidValueException(detail=f"more than one value of {attribute.name} is marked primary; mark one")
    for value in primary:
        if marked and value is not marked[0]:
            value["primary"] = False


def _key(value: Any, attribute: AttributeDefinition) -> bytes:
    """Return what is equal for two values of an attribute that are the same."""
    return orjson.dumps(fold(value, attribute), option=orjson.OPT_SORT_KEYS)


def _selects(selector: Any, value: Any, attribute: AttributeDefinition) -> bool:
    """Return whether what a remove lists in its value designates a value: each sub-attribute it names is equal."""
    if isinstance(selector, dict) and isinstance(value, dict):
        return all(
            name in value
            and _key(item, attribute.sub_attributes[name.lower()])
            == _key(value[name], attribute.sub_attributes[name.lower()])
            for name, item in selector.items()
        )
    return value is not None and _key(selector, attribute) == _key(value, attribute)


def keep_immutable(old: Document, new: Document, definition: ResourceDefinition) -> Document:
    """Return a replacement that keeps the read-only and immutable attributes of the resource (RFC 7644 §3.5.1).

    :raises MutabilityException: When one that has a value is sent with another.
    """
    kept = _kept(old, new, definition.attributes, "")
    for extension in definition.extensions.values():
        part = _kept(old.get(extension.urn, {}), new.get(extension.urn, {}), extension.attributes, f"{extension.urn}:")
        if part:
            kept[extension.urn] = part
    return with_schemas(kept, definition)


def _kept(old: Mapping[str, Any], new: Mapping[str, Any], attributes: Attributes, prefix: str) -> Document:
    kept = dict(new)
    for attribute in attributes.values():
        before, after = old.get(attribute.name), new.get(attribute.name)
        if before is None:
            continue
        if attribute.read_only:
            kept[attribute.name] = before
        elif attribute.mutability == "immutable":
            if after is not None and not same_documents(after, before):
                raise MutabilityException(detail=f"{prefix}{attribute.name} is immutable once it has a value")
            kept[attribute.name] = before
        elif attribute.is_complex and not attribute.multi_valued:
            part = _kept(before, after or {}, attribute.sub_attributes, f"{prefix}{attribute.name}.")
            if part:
                # Left out with something immutable in it, it stays whole: a part alone could lack what is required.
                kept[attribute.name] = before if after is None else part
    return kept


def same_documents(one: Any, other: Any) -> bool:
    """Return whether two documents are equal, the order of multi-valued attributes aside (RFC 7643 §2.4)."""
    return bool(one == other) or _unordered(one) == _unordered(other)


def _unordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return sorted((_unordered(item) for item in value), key=repr)
    return value
