"""PATCH as an ordered list of steps (RFC 7644 §3.5.2), read from the wire.

Steps on ``members`` of a group stay apart: the store runs them as sets. The rest are writes to the
document.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scim2_models import (
    InvalidPathException,
    InvalidSyntaxException,
    InvalidValueException,
    MutabilityException,
    NoTargetException,
    PayloadTooLargeException,
)

from scim_server.protocol.catalog import AttributeDefinition, ResourceDefinition
from scim_server.protocol.documents import read_element, read_value
from scim_server.protocol.members import MemberStep, read_step
from scim_server.protocol.paths import ROOT, Target, resolve_path
from scim_server.protocol.profiles import Leniences
from scim_server.protocol.writes import Write

PATCH_OP_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MAX_OPERATIONS = 1_000
"""How many operations a PATCH may hold; Okta sends at most 256, Entra ID about 40."""


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


def specified(patch: Patch) -> Iterator[dict[str, Any]]:
    """Yield a document with what each write of a patch has specified, for the answer to it."""
    for write in patch.writes:
        attribute, sub_attribute, value = write.target.attribute, write.target.sub_attribute, write.value
        if attribute is not None:
            document = {attribute.name: value if sub_attribute is None else {sub_attribute.name: value}}
            yield document if write.target.container is None else {write.target.container: document}


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
            if not self.leniences.profile.ignores_unknown:
                raise InvalidSyntaxException(detail=f"{where} has members besides op, path and value")
            self.leniences.count("unknown_attribute")
        op = members.get("op")
        if not isinstance(op, str) or op.lower() not in ("add", "replace", "remove"):
            raise InvalidValueException(detail=f"{where}.op must be add, replace or remove")
        path = members.get("path")
        if path is not None and not isinstance(path, str):
            raise InvalidPathException(detail=f"{where}.path must be a string")
        self._read_operation(op.lower(), path, members.get("value"), "value" in members, where)

    def _read_operation(self, op: str, path: str | None, value: Any, has_value: bool, where: str) -> None:
        target = resolve_path(self.definition, path) if path else ROOT
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
            raise NoTargetException(detail="a remove needs a path: the attribute to remove")
        if value is None:
            self.writes.append(Write("remove", target, None))
            return
        if not self.leniences.profile.removes_by_value or target.attribute is None:
            raise InvalidValueException(detail="a remove has no value; select what to remove in its path")
        if target.value_filter is not None or target.sub_attribute is not None:
            raise InvalidValueException(detail="a remove with a filter or a sub-attribute in its path has no value")
        self.leniences.count("remove_by_value")
        # A value that is not fit to compare selects nothing, and an empty one removes nothing.
        selecting = _selecting(target.attribute)
        items = value if isinstance(value, list) and target.attribute.multi_valued else [value]
        read = (read_element(item, selecting, target.text, self.leniences) for item in items)
        self.writes.append(Write("remove", target, [item for item in read if item is not None]))

    def _write(self, op: str, target: Target, value: Any) -> None:
        if target.attribute is None:
            self._write_members(op, target, value)
        elif self._is_member_path(target):
            self._member_step(op, target, value, True)
        elif target.attribute is self.definition.attributes["schemas"]:
            pass  # NB: schemas follows from the attributes present (RFC 7643 §3); a write changes nothing.
        else:
            self.writes.append(Write(op, target, self._read(op, target, value)))

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
            self._tolerate_unknown(key)
            return
        is_id = target.attribute is self.definition.attributes["id"]
        if is_id and item == self.resource_id:
            return  # conformance/clients/okta/07-group-push.json: id comes with every rename.
        if target.read_only and not self._is_member_path(target):
            if item is None:
                return  # Null says nothing of what the server alone writes.
            if is_id:
                raise MutabilityException(detail="id is read-only, and another one than that of the resource")
            self._tolerate_read_only(target.text)
        else:
            self._write(op, target, item)

    def _read(self, op: str, target: Target, value: Any) -> Any:
        """Return a value written to an attribute, as the write of it has it."""
        attribute, leniences = target.attribute, self.leniences
        assert attribute is not None
        several = (target.sub_attribute or attribute).multi_valued and target.value_filter is None
        if op == "add" and several and value is not None and not isinstance(value, list):
            value = [value]  # RFC 7644 §3.5.2.1: "a new value is added".
        if target.sub_attribute is not None:
            return read_value(value, target.sub_attribute, target.text, leniences)
        self._check_read_only(value, attribute, target.text)
        if not attribute.is_complex and target.value_filter is not None:
            return read_element(value, attribute, target.text, leniences)
        if not attribute.is_complex or (attribute.multi_valued and target.value_filter is None):
            return read_value(value, attribute, target.text, leniences)
        return self._read_merge(value, attribute, target.text)

    def _read_merge(self, value: Any, attribute: AttributeDefinition, path: str) -> Any:
        """Return the sub-attributes a value writes to a complex value, None for those it unassigns.

        RFC 7644 §3.5.2.3: sub-attributes that are not specified are left unchanged.
        """
        leniences = self.leniences
        if not isinstance(value, dict):
            return read_value(value, replace(attribute, multi_valued=False), path, leniences)
        merged: dict[str, Any] = {}
        for name, item in value.items():
            definition = attribute.sub_attributes.get(name.lower())
            if definition is None:
                self._tolerate_unknown(f"{path}.{name}")
            elif not definition.read_only:
                merged[definition.name] = read_value(item, definition, f"{path}.{definition.name}", leniences)
        if merged == {"value": ""} and not attribute.multi_valued and leniences.profile.coerces_values:
            leniences.count("empty_string_for_complex")
            return None
        return merged

    def _check_read_only(self, value: Any, attribute: AttributeDefinition, path: str) -> None:
        """Tolerate or refuse what a value says of read-only sub-attributes; null says nothing."""
        for element in value if isinstance(value, list) else (value,):
            for name in element if isinstance(element, dict) else ():
                definition = attribute.sub_attributes.get(name.lower())
                if definition is not None and definition.read_only and element[name] is not None:
                    self._tolerate_read_only(f"{path}.{definition.name}")

    def _tolerate_read_only(self, path: str) -> None:
        if not self.leniences.profile.ignores_read_only:
            raise MutabilityException(detail=f"{path} is read-only")
        self.leniences.count("read_only_ignored")

    def _tolerate_unknown(self, name: str) -> None:
        if not self.leniences.profile.ignores_unknown:
            raise InvalidValueException(detail=f"{name[:200]!r} is not an attribute of any schema of this resource")
        self.leniences.count("unknown_attribute")


def _selecting(attribute: AttributeDefinition) -> AttributeDefinition:
    """Return the attribute as the value of a remove writes it: any of its sub-attributes, none required."""
    loose = {
        name: replace(each, required=False, mutability="readWrite") for name, each in attribute.sub_attributes.items()
    }
    return replace(attribute, sub_attributes=loose)
