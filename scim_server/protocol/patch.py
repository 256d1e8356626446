"""PATCH as an ordered list of steps (RFC 7644 §3.5.2), read from the wire and applied to documents.

Steps on ``members`` of a group stay apart: the store runs them as sets. The rest is applied to the
stored document in place of a model of it: ``PatchOp.patch`` of scim2-models gives the same result,
which the property tests hold, at many times the cost.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import orjson
from scim2_models import (
    InvalidPathException,
    InvalidSyntaxException,
    InvalidValueException,
    MutabilityException,
    NoTargetException,
    PayloadTooLargeException,
)
from scim2_models import Path as ScimPath
from scim2_models.path import CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator

from scim_server.protocol.catalog import AttributeDefinition, Attributes, ResourceDefinition
from scim_server.protocol.comparison import fold
from scim_server.protocol.documents import Document, read_element, read_value, with_schemas
from scim_server.protocol.filters import check_value_filter, matches
from scim_server.protocol.members import MemberStep, read_step
from scim_server.protocol.profiles import Leniences

PATCH_OP_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MAX_OPERATIONS = 1_000
"""How many operations a PATCH may hold; Okta sends at most 256, Entra ID about 40."""
MAX_ELEMENTS = 1_000
"""How many values a multi-valued attribute of a document may hold; members have no such limit."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a path designates: an attribute, its sub-attribute, or some of its values.

    ``container`` is the URN of the extension that holds the attribute, None for the resource;
    ``attribute`` is None when the path is the resource or the extension itself.
    """

    text: str
    container: str | None
    attribute: AttributeDefinition | None
    sub_attribute: AttributeDefinition | None = None
    value_filter: FilterNode | None = None

    @property
    def read_only(self) -> bool:
        parts = (self.attribute, self.sub_attribute)
        return any(part is not None and part.read_only for part in parts)


@dataclass(frozen=True, slots=True)
class Write:
    """One attribute to add to, replace or remove; ``value`` is read by its schema, None unassigns."""

    op: str
    target: Target
    value: Any


@dataclass(frozen=True, slots=True)
class Patch:
    """What a PATCH asks for: writes to the document and steps on members, each in its order."""

    writes: tuple[Write, ...]
    member_steps: tuple[MemberStep, ...]


def read_patch(
    payload: Mapping[str, Any], definition: ResourceDefinition, resource_id: str, leniences: Leniences
) -> Patch:
    """Return the steps of a PATCH body.

    :raises InvalidSyntaxException: When the body is not a PatchOp message.
    :raises InvalidPathException: When a path names no attribute, in every profile.
    :raises InvalidValueException: When a value does not fit its attribute.
    :raises MutabilityException: When a path is read-only.
    :raises NoTargetException: When a remove has no path.
    :raises PayloadTooLargeException: When there are more than ``MAX_OPERATIONS``.
    """
    reader = _Reader(definition, resource_id, leniences)
    for index, operation in enumerate(_operations(payload, leniences)):
        reader.read(operation, f"Operations[{index}]")
    return Patch(tuple(reader.writes), tuple(reader.member_steps))


def _operations(payload: Mapping[str, Any], leniences: Leniences) -> list[Any]:
    members = {name.lower(): value for name, value in payload.items()}
    schemas = members.get("schemas")
    if not isinstance(schemas, list) or PATCH_OP_URN.lower() not in {str(urn).lower() for urn in schemas}:
        # conformance/clients/authentik: PATCH bodies come without schemas.
        if not leniences.profile.infers_schemas:
            raise InvalidSyntaxException(detail=f"schemas must hold {PATCH_OP_URN}")
        leniences.count("schemas_inferred")
    operations = members.get("operations")
    if isinstance(operations, dict) and leniences.profile.coerces_values:
        leniences.count("value_for_array")
        operations = [operations]
    if not isinstance(operations, list) or not operations:
        raise InvalidSyntaxException(detail="Operations must be an array of at least one operation")
    if len(operations) > MAX_OPERATIONS:
        raise PayloadTooLargeException(detail=f"a PATCH holds at most {MAX_OPERATIONS} operations")
    return operations


def resolve_path(definition: ResourceDefinition, text: str) -> Target:
    """Return what a PATCH path designates (RFC 7644 §3.5.2, errata 7122).

    :raises InvalidPathException: When it is no path or names no attribute of the resource type.
    """
    path = ScimPath[definition.model](text)  # type: ignore[name-defined]
    lower = text.lower()
    if lower in definition.extensions:
        return Target(text, definition.extensions[lower].urn, None)
    if lower == definition.urn.lower():
        return Target(text, None, None)
    attributes, container = _container(definition, path.schema, text)
    name, *rest = path.parts
    attribute = attributes.get(name.lower())
    if attribute is None:
        _no_attribute(text, definition)
    sub_attribute = None
    if rest:
        sub_attribute = attribute.sub_attributes.get(rest[0].lower())
        if sub_attribute is None:
            _no_attribute(text, definition)
    value_filter = path.value_filter
    if value_filter is not None:
        if not attribute.multi_valued:
            raise InvalidPathException(detail=f"{attribute.name} holds one value: a filter selects among several")
        check_value_filter(value_filter, attribute)
    return Target(text, container, attribute, sub_attribute, value_filter)


def _container(definition: ResourceDefinition, urn: str | None, text: str) -> tuple[Attributes, str | None]:
    if urn is None or urn.lower() == definition.urn.lower():
        return definition.attributes, None
    extension = definition.extensions.get(urn.lower())
    if extension is None:
        _no_attribute(text, definition)
    return extension.attributes, extension.urn


def _no_attribute(text: str, definition: ResourceDefinition) -> NoReturn:
    raise InvalidPathException(
        detail=f"{text[:200]!r} names no attribute of {definition.name}; see /Schemas for those it has"
    )


class _Reader:
    """Reads operations one by one into writes and member steps."""

    def __init__(self, definition: ResourceDefinition, resource_id: str, leniences: Leniences) -> None:
        self.definition = definition
        self.resource_id = resource_id
        self.leniences = leniences
        self.writes: list[Write] = []
        self.member_steps: list[MemberStep] = []

    def read(self, operation: Any, where: str) -> None:
        if not isinstance(operation, dict):
            raise InvalidSyntaxException(detail=f"{where} must be an object")
        members = {name.lower(): value for name, value in operation.items()}
        if members.keys() - {"op", "path", "value"}:
            self._tolerate_unknown(f"{where} has members besides op, path and value")
        op = members.get("op")
        if not isinstance(op, str) or op.lower() not in ("add", "replace", "remove"):
            raise InvalidValueException(detail=f"{where}.op must be add, replace or remove")
        path = members.get("path")
        if path is not None and not isinstance(path, str):
            raise InvalidPathException(detail=f"{where}.path must be a string")
        self._read_operation(op.lower(), path, members.get("value"), "value" in members, where)

    def _read_operation(self, op: str, path: str | None, value: Any, has_value: bool, where: str) -> None:
        target = resolve_path(self.definition, path) if path else Target("", None, None)
        if op == "remove" and not path:
            raise NoTargetException(detail=f"{where}: a remove needs a path: what to remove")
        if target.read_only and not self._is_member_path(target):
            raise MutabilityException(detail=f"{target.text} is read-only")
        if op == "remove":
            self._remove(target, value, has_value)
            return
        # NB: add members[value eq "id"] needs no value.
        selects_members = self._is_member_path(target) and target.value_filter is not None
        if not selects_members and (not has_value or (value is None and op == "add")):
            raise InvalidValueException(detail=f"{where}.value is required for {op}")
        self._write(op, target, value)

    def _is_member_path(self, target: Target) -> bool:
        return self.definition.is_group and target.attribute is self.definition.attributes["members"]

    def _tolerate_unknown(self, detail: str) -> None:
        if not self.leniences.profile.ignores_unknown:
            raise InvalidSyntaxException(detail=detail)
        self.leniences.count("unknown_attribute")

    def _member_step(self, op: str, target: Target, value: Any, has_value: bool) -> None:
        sub_attribute = target.sub_attribute.name.lower() if target.sub_attribute else None
        step = read_step(op, target.value_filter, sub_attribute, value, has_value, self.leniences)
        if step is not None:
            self.member_steps.append(step)

    def _remove(self, target: Target, value: Any, has_value: bool) -> None:
        if self._is_member_path(target):
            self._member_step("remove", target, value, has_value)
            return
        if target.attribute is None and target.container is None:
            raise NoTargetException(detail="a remove needs a path to an attribute, not to the whole resource")
        if value is None:
            self.writes.append(Write("remove", target, None))
            return
        if not self.leniences.profile.removes_by_value or target.attribute is None:
            raise InvalidValueException(detail="a remove has no value; select what to remove in its path")
        if target.value_filter is not None or target.sub_attribute is not None:
            raise InvalidValueException(detail="a remove with a filter or a sub-attribute in its path has no value")
        self.leniences.count("remove_by_value")
        # A value that is not fit to compare selects nothing, and an empty one removes nothing.
        selection = read_value(value, _selecting(target.attribute), target.text, self.leniences)
        if selection is not None:
            self.writes.append(Write("remove", target, selection))

    def _write(self, op: str, target: Target, value: Any) -> None:
        if target.attribute is None:
            self._write_members(op, target, value)
        elif self._is_member_path(target):
            self._member_step(op, target, value, True)
        elif target.attribute is self.definition.attributes["schemas"]:
            pass  # NB: schemas follows from the attributes present (RFC 7643 §3); a write changes nothing.
        else:
            self.writes.extend(self._attribute_writes(op, target, value))

    def _write_members(self, op: str, target: Target, value: Any) -> None:
        """Write the resource or an extension: the keys of the value are attribute names or paths."""
        if value is None and target.container is not None:
            self.writes.append(Write("remove", target, None))
            return
        if not isinstance(value, dict):
            raise InvalidValueException(
                detail=f"the value written to {target.text or 'the resource'} must be an object"
            )
        for key, item in value.items():
            self._write_key(op, target, key, item)

    def _write_key(self, op: str, parent: Target, key: str, item: Any) -> None:
        try:
            target = resolve_path(self.definition, f"{parent.container}:{key}" if parent.container else key)
        except InvalidPathException:
            self._tolerate_unknown(f"{key[:200]!r} is not an attribute of any schema of this resource")
            return
        if target.attribute is not None and target.attribute.name == "id" and item == self.resource_id:
            return  # conformance/clients/okta/07-group-push.json: id comes with every rename.
        if target.read_only and not self._is_member_path(target):
            if target.text.lower() == "id" or not self.leniences.profile.ignores_read_only:
                raise MutabilityException(detail=f"{target.text} is read-only")
            self.leniences.count("read_only_ignored")
            return
        self._write(op, target, item)

    def _attribute_writes(self, op: str, target: Target, value: Any) -> Iterator[Write]:
        attribute, leniences = target.attribute, self.leniences
        assert attribute is not None
        if target.sub_attribute is not None:
            yield Write(op, target, read_value(value, target.sub_attribute, target.text, leniences))
        elif attribute.is_complex and (not attribute.multi_valued or target.value_filter is not None):
            yield Write(op, target, _read_merge(value, attribute, target.text, leniences))
        elif target.value_filter is not None:
            yield Write(op, target, read_element(value, attribute, target.text, leniences))
        else:
            yield Write(op, target, read_value(value, attribute, target.text, leniences))


def _selecting(attribute: AttributeDefinition) -> AttributeDefinition:
    """Return the attribute as the value of a remove writes it: any of its sub-attributes, none required."""
    loose = {
        name: AttributeDefinition(each.name, each.type, each.multi_valued, case_exact=each.case_exact)
        for name, each in attribute.sub_attributes.items()
    }
    return AttributeDefinition(
        attribute.name,
        attribute.type,
        attribute.multi_valued,
        case_exact=attribute.case_exact,
        sub_attributes=loose,
    )


def _read_merge(value: Any, attribute: AttributeDefinition, path: str, leniences: Leniences) -> Any:
    """Return the sub-attributes a value writes to a complex value, None for those it unassigns.

    RFC 7644 §3.5.2.3: sub-attributes that are not specified are left unchanged.
    """
    if not isinstance(value, dict):
        single = AttributeDefinition(
            attribute.name,
            "complex",
            sub_attributes=attribute.sub_attributes,
            case_exact=attribute.case_exact,
        )
        read = read_value(value, single, path, leniences)
        # NB: a bare id names another resource, so nothing of the former reference stays.
        return None if read is None else {each.name: read.get(each.name) for each in attribute.sub_attributes.values()}
    merged: dict[str, Any] = {}
    for name, item in value.items():
        definition = attribute.sub_attributes.get(name.lower())
        if definition is None:
            if not leniences.profile.ignores_unknown:
                raise InvalidValueException(detail=f"{path} has no sub-attribute {name[:200]!r}")
            leniences.count("unknown_attribute")
        elif definition.read_only:
            leniences.count("read_only_ignored")
        else:
            merged[definition.name] = read_value(item, definition, f"{path}.{definition.name}", leniences)
    if merged == {"value": ""} and not attribute.multi_valued and leniences.profile.coerces_values:
        leniences.count("empty_string_for_complex")
        return None
    if "value" in merged and "$ref" in attribute.sub_attributes:
        merged.setdefault("$ref", None)  # The reference of the former value does not fit the new one.
    return merged


def apply_writes(
    document: Document, writes: tuple[Write, ...], definition: ResourceDefinition, leniences: Leniences
) -> Document:
    """Return the document after the writes; the one given is changed on the way.

    :raises MutabilityException: When an immutable value would change or a required one be unassigned.
    :raises NoTargetException: When a filter in a path selects nothing and nothing may be created.
    :raises InvalidValueException: When two values would be primary, or too many held.
    """
    for write in writes:
        # A copy, since later writes change what this one put there, and a deadlock brings a second try.
        _apply(document, replace(write, value=deepcopy(write.value)), leniences)
    return with_schemas(document, definition)


def _apply(document: Document, write: Write, leniences: Leniences) -> None:
    target = write.target
    if target.attribute is None:
        document.pop(target.container or "", None)
        return
    holder = document if target.container is None else document.get(target.container)
    if holder is None:
        holder = {}
    if target.attribute.multi_valued:
        _apply_to_values(holder, write, leniences)
    else:
        _apply_to_value(holder, write)
    if target.container is not None:
        document[target.container] = holder
        if not holder:
            del document[target.container]


def _apply_to_value(holder: Document, write: Write) -> None:
    """Apply a write to a single-valued attribute."""
    target, attribute = write.target, write.target.attribute
    assert attribute is not None
    old = holder.get(attribute.name)
    if target.sub_attribute is not None:
        new = dict(old or {})
        _assign(new, target.sub_attribute, None if write.op == "remove" else write.value)
    elif write.op == "remove":
        new = None if write.value is None or _selects(write.value, old, attribute) else old
    elif attribute.is_complex and write.value is not None:
        new = dict(old or {})
        if "$ref" in write.value and new.get("value") == write.value.get("value", new.get("value")):
            write.value["$ref"] = write.value["$ref"] or new.get("$ref")
        for name, value in write.value.items():
            _assign(new, attribute.sub_attributes[name.lower()], value)
    else:
        new = write.value
    if attribute.is_complex and new:
        _check_sub_attributes(new, attribute)
    _assign(holder, attribute, new or None if attribute.is_complex else new)


def _assign(holder: Document, attribute: AttributeDefinition, value: Any) -> None:
    """Set or unassign an attribute of a resource, an extension or a complex value."""
    old = holder.get(attribute.name)
    if attribute.mutability == "immutable" and old is not None and value != old:
        raise MutabilityException(detail=f"{attribute.name} is immutable once it has a value")
    if attribute.required and value is None:
        raise MutabilityException(detail=f"{attribute.name} is required and cannot be removed")
    if attribute.required and value == "":
        raise InvalidValueException(detail=f"{attribute.name} is required and cannot be empty")
    if value is not None:
        holder[attribute.name] = value
    elif attribute.write_only:
        holder[attribute.name] = None  # Says that what cannot be read back is to be cleared.
    else:
        holder.pop(attribute.name, None)


def _check_sub_attributes(value: Document, attribute: AttributeDefinition) -> None:
    for each in attribute.sub_attributes.values():
        if each.required and not each.read_only and value.get(each.name) in (None, ""):
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
            _write_sub_attribute(value, write)
    elif write.op == "remove":
        values = [
            value
            for value in values
            if write.value is not None and not any(_selects(item, value, attribute) for item in write.value)
        ]
    elif write.op == "replace":
        values = list(write.value or ())
    else:
        present = {_key(value, attribute) for value in values}
        values += [value for value in write.value or () if _key(value, attribute) not in present]
    values = [value for value in values if value != {}]
    if len(values) > MAX_ELEMENTS:
        raise InvalidValueException(detail=f"{attribute.name} holds at most {MAX_ELEMENTS} values")
    _settle_primary(values, primary, attribute)
    if attribute.is_complex:
        for value in values:
            _check_sub_attributes(value, attribute)
    _assign(holder, attribute, values or None)


def _apply_to_selection(values: list[Any], write: Write, leniences: Leniences) -> list[Any]:
    target, attribute, value_filter = write.target, write.target.attribute, write.target.value_filter
    assert attribute is not None
    assert value_filter is not None
    selected = [value for value in values if matches(value_filter, value, attribute)]
    if write.op == "remove":
        if target.sub_attribute is None:
            return [value for value in values if not any(value is each for each in selected)]
        for value in selected:
            _write_sub_attribute(value, write)
        return values
    if not selected:
        created = _described(value_filter, write, leniences)
        return values if created is None else [*values, created]
    for value in selected:
        if target.sub_attribute is not None:
            _write_sub_attribute(value, write)
        elif isinstance(value, dict):
            for name, item in (write.value or {}).items():
                _assign(value, attribute.sub_attributes[name.lower()], item)
        else:
            values = [write.value if each is value else each for each in values]
    return values


def _write_sub_attribute(value: Any, write: Write) -> None:
    assert write.target.sub_attribute is not None
    _assign(value, write.target.sub_attribute, None if write.op == "remove" else write.value)


def _described(value_filter: FilterNode, write: Write, leniences: Leniences) -> Document | None:
    """Return the value a filter without a match describes, None when nothing is to be written.

    RFC 7644 §3.5.2.3 answers noTarget. Entra ID and its validators need the value created where
    the filter is one or several ``sub eq literal`` joined by ``and``
    (conformance/clients/entra/09-valuepath-create-on-write.json).
    """
    target, attribute = write.target, write.target.attribute
    assert attribute is not None
    if write.value in (None, "", {}):
        return None  # NB: nothing to write into a value that is not there.
    terms = (value_filter,)
    if isinstance(value_filter, LogicalExpr) and value_filter.op == LogicalOperator.and_:
        terms = value_filter.terms  # type: ignore[assignment]
    described: Document = {}
    for term in terms:
        sub = attribute.sub_attributes.get(term.attr_path.attr.lower()) if isinstance(term, Comparison) else None
        if sub is None or not isinstance(term, Comparison) or term.op != CompareOperator.eq or term.value is None:
            described = {}
            break
        described[sub.name] = read_value(term.value, sub, f"{attribute.name}.{sub.name}", leniences)
    if not described or not leniences.profile.creates_unmatched:
        raise NoTargetException(detail=f"no value of {attribute.name} matches the filter of {target.text[:200]!r}")
    leniences.count("value_created_from_filter")
    if target.sub_attribute is not None:
        described[target.sub_attribute.name] = write.value
    else:
        described.update({name: item for name, item in write.value.items() if item is not None})
    if not matches(value_filter, described, attribute):
        raise InvalidValueException(detail=f"the value written contradicts the filter of {target.text[:200]!r}")
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
    single = AttributeDefinition(
        attribute.name,
        attribute.type,
        case_exact=attribute.case_exact,
        sub_attributes=attribute.sub_attributes,
    )
    return orjson.dumps(fold(value, single), option=orjson.OPT_SORT_KEYS)


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


def same_documents(one: Any, other: Any) -> bool:
    """Return whether two documents are equal, the order of multi-valued attributes aside (RFC 7643 §2.4)."""
    return bool(one == other) or _unordered(one) == _unordered(other)


def _unordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((_unordered(item) for item in value), key=repr)
    return value
