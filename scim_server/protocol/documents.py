"""Resources as documents: what a client sent, read by the schemas into canonical names and types.

A document is a dict as it will be stored and sent: attribute names as the schema spells them, no
null, no empty array, no empty object (RFC 7643 §2.5), values as the client sent them. It is
scim2-models' validation written on documents: the property tests hold the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from scim2_models import InvalidSyntaxException, InvalidValueException, SCIMException

from scim_server.protocol.catalog import AttributeDefinition, Attributes, ResourceDefinition
from scim_server.protocol.comparison import read_binary, read_date_time
from scim_server.protocol.members import read_member_ids
from scim_server.protocol.profiles import Leniences

Document = dict[str, Any]

_BOOLEANS = {"true": True, "false": False}
_MAX_INTEGER = 2**63


class _Kept:
    """Stands for what a request left out and a PUT keeps."""


KEPT = _Kept()


@dataclass(frozen=True, slots=True)
class Parts:
    """A resource in the parts it is kept in.

    ``active`` is None where it was left out; ``password`` is a digest, ``KEPT`` where it was left
    out, None where it is to be cleared; ``members`` are ids, empty where none were sent.
    """

    document: Document
    active: bool | None
    password: str | _Kept | None
    members: tuple[str, ...]


def split(resource: Document, definition: ResourceDefinition) -> Parts:
    """Return a document as the parts it is kept in."""
    document = dict(resource)
    active = document.pop("active", None) if definition.has_active else None
    password = document.pop("password", KEPT) if definition.is_user else KEPT
    members = document.pop("members", ()) if definition.is_group else ()
    return Parts(document, active, password, members)


def display_of(document: Document, definition: ResourceDefinition) -> str | None:
    """Return what a person reads for a resource: displayName, else name.formatted, else the unique attribute."""
    unique = definition.unique_attribute
    name = document.get("name")
    candidates = (
        document.get("displayName"),
        name.get("formatted") if isinstance(name, dict) else None,
        document.get(unique.name) if unique else None,
    )
    return next((each for each in candidates if isinstance(each, str) and each), None)


def read_resource(payload: Mapping[str, Any], definition: ResourceDefinition, leniences: Leniences) -> Document:
    """Return the document of a resource a client sent with POST or PUT (RFC 7644 §3.3, §3.5.1).

    Read-only attributes are ignored; ``members`` of a group are read as their ids. A write-only
    attribute sent as null stays as ``None``: it asks to clear what cannot be read back.

    :raises InvalidSyntaxException: When ``schemas`` does not fit the endpoint, or a strict
        profile meets an attribute no schema declares.
    :raises InvalidValueException: When a required attribute is missing or a value does not fit.
    """
    sent_schemas = (value for name, value in payload.items() if name.lower() == "schemas")
    _check_schemas(next(sent_schemas, None), definition, leniences)
    document = _read_members(payload, definition, leniences)
    _check_required(document, definition.attributes, "")
    for extension in definition.extensions.values():
        if extension.urn in document:
            _check_required(document[extension.urn], extension.attributes, f"{extension.urn}:")
        elif extension.required:
            _refuse(f"{definition.name} needs the attributes of {extension.urn}")
    return with_schemas(document, definition)


def _read_members(payload: Mapping[str, Any], definition: ResourceDefinition, leniences: Leniences) -> Document:
    document: Document = {}
    for name, value in payload.items():
        lower = name.lower()
        if lower == "schemas":
            continue
        if lower in definition.attributes:
            attribute = definition.attributes[lower]
            if attribute.read_only:
                continue  # RFC 7644 §3.3: readOnly attributes in the request are ignored.
            if definition.is_group and lower == "members":
                document["members"] = read_member_ids(value, leniences)
                continue
            read = read_value(value, attribute, attribute.name, leniences)
            if read is not None or attribute.write_only:
                document[attribute.name] = read
        elif lower in definition.extensions:
            extension = definition.extensions[lower]
            read = _read_extension(value, extension.attributes, extension.urn, leniences)
            if read:
                document[extension.urn] = read
        elif lower == definition.urn.lower() and isinstance(value, dict) and leniences.profile.ignores_unknown:
            # limosa-io/scimverify: core attributes nested under the core URN.
            leniences.count("core_attributes_under_urn")
            document.update(_read_members(value, definition, leniences))
        else:
            _unknown(name, leniences, InvalidSyntaxException)
    return document


def _check_schemas(sent: Any, definition: ResourceDefinition, leniences: Leniences) -> None:
    """Check ``schemas`` (RFC 7643 §3): it names the base schema, and the extensions it knows."""
    if sent is not None and not (isinstance(sent, list) and all(isinstance(urn, str) for urn in sent)):
        raise InvalidSyntaxException(detail="schemas must be an array of schema URNs")
    urns = {urn.lower() for urn in sent or ()}
    if definition.urn.lower() not in urns:
        if not leniences.profile.infers_schemas:
            raise InvalidSyntaxException(detail=f"schemas must hold {definition.urn}")
        leniences.count("schemas_inferred")
    unknown = urns - {definition.urn.lower()} - set(definition.extensions)
    if unknown:
        if not leniences.profile.ignores_unknown:
            raise InvalidSyntaxException(
                detail=f"schemas names {min(unknown)[:200]!r}, which {definition.name} does not have; "
                f"accepted: {', '.join(schema_urns(definition))}"
            )
        leniences.count("unknown_schema_urn")


def schema_urns(definition: ResourceDefinition) -> list[str]:
    """Return the URNs of the base schema and of the extensions of a resource type."""
    return [definition.urn, *(extension.urn for extension in definition.extensions.values())]


def with_schemas(document: Document, definition: ResourceDefinition) -> Document:
    """Return the document led by the ``schemas`` of the attributes it holds (RFC 7643 §3)."""
    urns = [urn for urn in schema_urns(definition) if urn == definition.urn or urn in document]
    return {"schemas": urns, **{name: value for name, value in document.items() if name != "schemas"}}


def _read_extension(value: Any, attributes: Attributes, urn: str, leniences: Leniences) -> Document | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        _refuse(f"{urn} must be an object")
    return _read_object(value, attributes, f"{urn}:", leniences, InvalidSyntaxException)


def read_value(value: Any, definition: AttributeDefinition, path: str, leniences: Leniences) -> Any:
    """Return the value of an attribute as a document holds it, None when it is unassigned.

    :raises InvalidValueException: When the value does not fit; the detail names the attribute.
    """
    if value is None:
        return None
    if not definition.multi_valued:
        return read_element(_single(value, definition, path, leniences), definition, path, leniences)
    if not isinstance(value, list):
        if not leniences.profile.coerces_values:
            _refuse(f"{path} must be an array")
        leniences.count("value_for_array")
        value = [value]
    elements = []
    for index, item in enumerate(value):
        element = read_element(item, definition, f"{path}[{index}]", leniences)
        if element is not None:
            elements.append(element)
    # RFC 7643 §2.4: the primary value "true" MUST appear no more than once.
    if definition.is_complex and sum(element.get("primary") is True for element in elements) > 1:
        _refuse(f"{path} has more than one primary value; mark one")
    return elements or None


def _single(value: Any, definition: AttributeDefinition, path: str, leniences: Leniences) -> Any:
    if not isinstance(value, list):
        return value
    # conformance/clients/entra/11-manager.json: manager as an array of one reference.
    if len(value) > 1 or not (definition.is_complex and leniences.profile.coerces_values):
        _refuse(f"{path} holds one value, not an array")
    leniences.count("array_for_value")
    return value[0] if value else None


def read_element(value: Any, definition: AttributeDefinition, path: str, leniences: Leniences) -> Any:
    """Return one value of an attribute, None when it is unassigned; see :func:`read_value`."""
    if value is None:
        return None
    if definition.is_complex:
        return _read_complex(value, definition, path, leniences)
    if definition.type == "boolean":
        return _read_boolean(value, path, leniences)
    if definition.type in ("integer", "decimal"):
        return _read_number(value, definition, path)
    if not isinstance(value, str):
        _refuse(f"{path} must be a string")
    try:
        if definition.type == "dateTime":
            read_date_time(value)
        elif definition.type == "binary":
            read_binary(value)
    except (ValueError, OverflowError) as exc:
        _refuse(f"{path}: {exc}")
    return value


def _read_complex(value: Any, definition: AttributeDefinition, path: str, leniences: Leniences) -> Document | None:
    if isinstance(value, str) and leniences.profile.coerces_values:
        if not value:
            leniences.count("empty_string_for_complex")
            return None
        if "value" in definition.sub_attributes:
            leniences.count("string_for_complex")
            value = {"value": value}
    if not isinstance(value, dict):
        _refuse(f"{path} must be an object")
    read = _read_object(value, definition.sub_attributes, f"{path}.", leniences)
    # conformance/clients/entra/11-manager.json: {"value": ""} clears a reference.
    if read == {"value": ""} and not definition.multi_valued and leniences.profile.coerces_values:
        leniences.count("empty_string_for_complex")
        return None
    if read:
        _check_required(read, definition.sub_attributes, f"{path}.")
    return read or None


def _read_object(
    value: dict[str, Any],
    attributes: Attributes,
    prefix: str,
    leniences: Leniences,
    unknown: type[SCIMException] = InvalidValueException,
) -> Document:
    read: Document = {}
    for name, item in value.items():
        definition = attributes.get(name.lower())
        if definition is None:
            _unknown(prefix + name, leniences, unknown)
        elif not definition.read_only:
            element = read_value(item, definition, prefix + definition.name, leniences)
            if element is not None:
                read[definition.name] = element
    return read


def _read_boolean(value: Any, path: str, leniences: Leniences) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _BOOLEANS and leniences.profile.coerces_values:
        leniences.count("string_for_boolean")
        return _BOOLEANS[value.lower()]
    _refuse(f"{path} must be true or false")


def _read_number(value: Any, definition: AttributeDefinition, path: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(f"{path} must be a number")
    if definition.type == "integer" and not (isinstance(value, int) and -_MAX_INTEGER <= value < _MAX_INTEGER):
        _refuse(f"{path} must be a whole number of at most 64 bits")
    return value


def _check_required(document: Mapping[str, Any], attributes: Attributes, prefix: str) -> None:
    for definition in attributes.values():
        if definition.required and not definition.read_only and document.get(definition.name) in (None, ""):
            _refuse(f"{prefix}{definition.name} is required")


def _unknown(name: str, leniences: Leniences, error: type[SCIMException]) -> None:
    """Drop or refuse a name no schema declares: the body does not fit its schema, or a value its attribute."""
    if not leniences.profile.ignores_unknown:
        raise error(detail=f"{name[:200]!r} is not an attribute of any schema of this resource")
    leniences.count("unknown_attribute")


def _refuse(detail: str) -> NoReturn:
    raise InvalidValueException(detail=detail)
