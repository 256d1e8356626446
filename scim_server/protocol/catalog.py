"""What a server serves: schemas and resource types, read from their RFC 7643 §6 and §7 JSON."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from scim2_models import Resource, ResourceType, Schema, ScimProvider, ScimProviderError

SCHEMA_URN = "urn:ietf:params:scim:schemas:core:2.0:Schema"
RESOURCE_TYPE_URN = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
USER_URN = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_URN = "urn:ietf:params:scim:schemas:core:2.0:Group"

_NAME = re.compile(r"\$?[A-Za-z][A-Za-z0-9$_-]*")
_TYPES = ("string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex")
_RESERVED_ENDPOINTS = ("/schemas", "/resourcetypes", "/serviceproviderconfig", "/bulk", "/me", "/.search")


class CatalogError(ValueError):
    """The schema files cannot describe a service; the message names the file and what is accepted."""


@dataclass(frozen=True, slots=True, eq=False)
class AttributeDefinition:
    """An attribute and its characteristics (RFC 7643 §2.2), sub-attributes keyed by lower-case name."""

    name: str
    type: str = "string"
    multi_valued: bool = False
    required: bool = False
    case_exact: bool = False
    mutability: str = "readWrite"
    returned: str = "default"
    uniqueness: str = "none"
    reference_types: tuple[str, ...] = ()
    is_user_name: bool = False
    sub_attributes: Mapping[str, "AttributeDefinition"] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_complex(self) -> bool:
        return self.type == "complex"

    @property
    def read_only(self) -> bool:
        return self.mutability == "readOnly"

    @property
    def write_only(self) -> bool:
        return self.mutability == "writeOnly"


Attributes = Mapping[str, AttributeDefinition]


@dataclass(frozen=True, slots=True, eq=False)
class ExtensionDefinition:
    """A schema extension of a resource type (RFC 7643 §3.3)."""

    urn: str
    required: bool
    attributes: Attributes


@dataclass(frozen=True, slots=True, eq=False)
class ResourceDefinition:
    """A resource type with everything it declares (RFC 7643 §6), names keyed in lower case.

    ``attributes`` holds the common attributes of RFC 7643 §3.1 and those of the base schema;
    ``model`` is the scim2-models class that filters and paths are resolved against.
    """

    name: str
    endpoint: str
    urn: str
    attributes: Attributes
    extensions: Mapping[str, ExtensionDefinition]
    model: type[Resource[Any]]
    unique_attribute: AttributeDefinition | None
    stores_hidden: bool

    @property
    def is_group(self) -> bool:
        """Whether ``members`` of this type are kept as relations, not in the document."""
        return self.urn == GROUP_URN

    @property
    def is_user(self) -> bool:
        """Whether resources of this type sign in: ``active``, ``password`` and computed ``groups``."""
        return self.urn == USER_URN

    @property
    def has_active(self) -> bool:
        """Whether the type declares a boolean ``active``, kept in a column of its own."""
        active = self.attributes.get("active")
        return active is not None and active.type == "boolean" and not active.multi_valued


@dataclass(frozen=True, slots=True)
class Catalog:
    """The resource types served and the schemas behind them, with the JSON that discovery answers."""

    definitions: tuple[ResourceDefinition, ...]
    schemas: tuple[Mapping[str, Any], ...]
    resource_types: tuple[Mapping[str, Any], ...]

    def by_endpoint(self, endpoint: str) -> ResourceDefinition | None:
        """Return the definition served at an endpoint such as ``Users``."""
        return next((d for d in self.definitions if d.endpoint == f"/{endpoint}"), None)

    def by_name(self, name: str) -> ResourceDefinition:
        """Return the definition of a resource type.

        :raises KeyError: When no resource type has that name.
        """
        for definition in self.definitions:
            if definition.name == name:
                return definition
        raise KeyError(name)


_COMMON = {
    "schemas": AttributeDefinition("schemas", type="reference", multi_valued=True, case_exact=False, returned="always"),
    "id": AttributeDefinition("id", case_exact=True, mutability="readOnly", returned="always", uniqueness="server"),
    "externalid": AttributeDefinition("externalId", case_exact=True),
    "meta": AttributeDefinition(
        "meta",
        type="complex",
        mutability="readOnly",
        sub_attributes=MappingProxyType(
            {
                "resourcetype": AttributeDefinition("resourceType", case_exact=True, mutability="readOnly"),
                "created": AttributeDefinition("created", type="dateTime", mutability="readOnly"),
                "lastmodified": AttributeDefinition("lastModified", type="dateTime", mutability="readOnly"),
                "location": AttributeDefinition("location", mutability="readOnly"),
                "version": AttributeDefinition("version", case_exact=True, mutability="readOnly"),
            }
        ),
    ),
}


def build_catalog(files: Iterable[tuple[str, Mapping[str, Any]]]) -> Catalog:
    """Build the catalog from ``(file name, JSON)`` pairs, a later resource type replacing an earlier one.

    A schema that no resource type names is an extension: of the resource type its URN ends in
    (``…:2.0:Group`` extends Group), of User otherwise.

    :raises CatalogError: When a file is neither a schema nor a resource type, or contradicts another.
    """
    schemas: dict[str, tuple[str, Mapping[str, Any]]] = {}
    types: dict[str, tuple[str, dict[str, Any]]] = {}
    for source, content in files:
        kinds = content.get("schemas") or []
        if SCHEMA_URN in kinds:
            urn = content.get("id")
            if not isinstance(urn, str) or not urn.lower().startswith("urn:"):
                raise CatalogError(f"{source}: 'id' must be the URN of the schema, such as 'urn:example:Device'")
            schemas[urn.lower()] = (source, content)
        elif RESOURCE_TYPE_URN in kinds:
            _check_resource_type(content, source)
            types[_text(content, "name", source)] = (source, dict(content))
        else:
            raise CatalogError(
                f"{source}: 'schemas' must hold '{SCHEMA_URN}' (a schema, RFC 7643 §7) "
                f"or '{RESOURCE_TYPE_URN}' (a resource type, RFC 7643 §6)"
            )
    _bind_loose_extensions(schemas, types)
    definitions = tuple(
        _definition(source, content, schemas, models)
        for models in [_models(schemas, types)]
        for source, content in types.values()
    )
    endpoints = [definition.endpoint.lower() for definition in definitions]
    for definition in definitions:
        if endpoints.count(definition.endpoint.lower()) > 1 or definition.endpoint.lower() in _RESERVED_ENDPOINTS:
            raise CatalogError(f"{types[definition.name][0]}: the endpoint {definition.endpoint} is taken")
    return Catalog(
        definitions=definitions,
        schemas=tuple(content for _, content in schemas.values()),
        resource_types=tuple(content for _, content in types.values()),
    )


def _text(content: Mapping[str, Any], key: str, source: str) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value:
        raise CatalogError(f"{source}: {key!r} must be a non-empty string")
    return value


def _check_resource_type(content: Mapping[str, Any], source: str) -> None:
    try:
        ResourceType.model_validate(content)
    except ValidationError as exc:
        raise CatalogError(f"{source}: not a resource type of RFC 7643 §6: {_problems(exc)}") from exc
    for key in ("schema", "endpoint"):
        _text(content, key, source)
    for extension in content.get("schemaExtensions") or []:
        _text(extension, "schema", source)


def _problems(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())


def _bound_urns(types: Mapping[str, tuple[str, dict[str, Any]]]) -> Iterator[str]:
    for _, content in types.values():
        yield content["schema"].lower()
        for extension in content.get("schemaExtensions") or []:
            yield extension["schema"].lower()


def _bind_loose_extensions(
    schemas: Mapping[str, tuple[str, Mapping[str, Any]]], types: dict[str, tuple[str, dict[str, Any]]]
) -> None:
    """Add each schema no resource type names to the type it extends."""
    bound = set(_bound_urns(types))
    by_lower = {name.lower(): name for name in types}
    for urn, (source, content) in schemas.items():
        if urn in bound:
            continue
        name = by_lower.get(urn.rpartition(":")[2]) or by_lower.get("user")
        if name is None:
            raise CatalogError(f"{source}: no resource type uses the schema {content['id']}")
        type_source, type_content = types[name]
        extensions = [*(type_content.get("schemaExtensions") or [])]
        extensions.append({"schema": content["id"], "required": False})
        types[name] = (type_source, {**type_content, "schemaExtensions": extensions})


def _models(
    schemas: Mapping[str, tuple[str, Mapping[str, Any]]], types: Mapping[str, tuple[str, dict[str, Any]]]
) -> ScimProvider:
    """Build the scim2-models classes, which check the shape of the schemas on the way."""
    built = []
    for source, content in schemas.values():
        try:
            built.append(Schema.model_validate(_without_uri_checks(content)))
        except ValidationError as exc:
            raise CatalogError(f"{source}: not a schema of RFC 7643 §7: {_problems(exc)}") from exc
    try:
        resource_types = [ResourceType.model_validate(content) for _, content in types.values()]
        return ScimProvider.from_discovery(built, resource_types)
    except (ScimProviderError, ValueError) as exc:
        sources = ", ".join(source for source, _ in types.values())
        raise CatalogError(f"{sources}: {exc}") from exc


def _without_uri_checks(content: Any) -> Any:
    """Drop the reference types scim2-models checks as URIs.

    Identity providers send any text as ``profileUrl``; RFC 7643 §2.3.7 lets a server store it.
    """
    if isinstance(content, list):
        return [_without_uri_checks(item) for item in content]
    if not isinstance(content, Mapping):
        return content
    copied = {key: _without_uri_checks(value) for key, value in content.items() if key != "meta"}
    if {"external", "uri"} & set(content.get("referenceTypes") or ()):
        copied["type"] = "string"
        copied["caseExact"] = content.get("caseExact", True)
    return copied


def _definition(
    source: str,
    content: Mapping[str, Any],
    schemas: Mapping[str, tuple[str, Mapping[str, Any]]],
    models: ScimProvider,
) -> ResourceDefinition:
    name = _text(content, "name", source)
    schema_source, schema = schemas[_text(content, "schema", source).lower()]
    declared = _attributes(schema.get("attributes") or [], schema_source)
    clash = set(declared) & set(_COMMON)
    if clash:
        raise CatalogError(f"{schema_source}: {sorted(clash)} are attributes of every resource (RFC 7643 §3.1)")
    extensions = {}
    for extension in content.get("schemaExtensions") or []:
        extension_source, extension_schema = schemas[str(extension["schema"]).lower()]
        extensions[str(extension["schema"]).lower()] = ExtensionDefinition(
            urn=str(extension_schema["id"]),
            required=bool(extension.get("required")),
            attributes=_attributes(extension_schema.get("attributes") or [], extension_source),
        )
    if str(schema["id"]) == USER_URN:
        if "username" not in declared:
            raise CatalogError(f"{schema_source}: a User needs a userName (RFC 7643 §4.1.1)")
        declared = MappingProxyType({**declared, "username": replace(declared["username"], is_user_name=True)})
    attributes = {**_COMMON, **declared}
    _refuse_secrets(name, declared, schema_source, password=str(schema["id"]) == USER_URN)
    for urn, extension in extensions.items():
        _refuse_secrets(name, extension.attributes, schemas[urn][0], password=False)
        _refuse_uniqueness(extension.attributes, schemas[urn][0])
    model = models.model_for(name)
    assert model is not None, name
    return ResourceDefinition(
        name=name,
        endpoint="/" + _text(content, "endpoint", source).strip("/"),
        urn=str(schema["id"]),
        attributes=MappingProxyType(attributes),
        extensions=MappingProxyType(extensions),
        model=model,  # type: ignore[arg-type]  # model_for(name) answers the composed resource model
        unique_attribute=_unique_attribute(declared, schema_source),
        stores_hidden=any(
            definition.returned in ("request", "never") and not definition.write_only
            for group in (declared, *(each.attributes for each in extensions.values()))
            for definition in _walk(group)
        ),
    )


def _attributes(declared: Iterable[Mapping[str, Any]], source: str) -> Attributes:
    """Read attribute definitions, keyed by lower-case name."""
    attributes: dict[str, AttributeDefinition] = {}
    for content in declared:
        name = _text(content, "name", source)
        if not _NAME.fullmatch(name):
            raise CatalogError(f"{source}: {name!r} is no name of an attribute (RFC 7643 §2.1)")
        kind = content.get("type", "string")
        if kind not in _TYPES:
            raise CatalogError(f"{source}: attribute {name!r} has the type {kind!r}; accepted: {', '.join(_TYPES)}")
        sub_attributes = _attributes(content.get("subAttributes") or [], source)
        if any(each.is_complex for each in sub_attributes.values()):
            raise CatalogError(f"{source}: a sub-attribute of {name!r} is complex itself (RFC 7643 §2.3.8)")
        attributes[name.lower()] = AttributeDefinition(
            name=name,
            type=kind,
            multi_valued=bool(content.get("multiValued")),
            required=bool(content.get("required")),
            # RFC 7643 §2.3.6 and §2.3.7: binary and reference values are case exact.
            case_exact=bool(content.get("caseExact", kind in ("binary", "reference"))),
            mutability=content.get("mutability", "readWrite"),
            returned=content.get("returned", "default"),
            uniqueness=content.get("uniqueness", "none"),
            reference_types=tuple(content.get("referenceTypes") or ()),
            sub_attributes=sub_attributes,
        )
    return MappingProxyType(attributes)


def _walk(attributes: Attributes) -> Iterator[AttributeDefinition]:
    for definition in attributes.values():
        yield definition
        yield from _walk(definition.sub_attributes)


def _refuse_secrets(name: str, attributes: Attributes, source: str, *, password: bool) -> None:
    """Refuse write-only attributes but, with ``password``, that of a User, the one secret kept as a digest."""
    for definition in _walk(attributes):
        if definition.write_only and not (password and definition is attributes.get("password")):
            raise CatalogError(
                f"{source}: {definition.name!r} of {name} is writeOnly; only the password of a User may be, "
                "since other values are stored as they are"
            )


def _refuse_uniqueness(attributes: Attributes, source: str) -> None:
    """Refuse attributes that announce a uniqueness nothing keeps."""
    names = [definition.name for definition in _walk(attributes) if definition.uniqueness != "none"]
    if names:
        raise CatalogError(
            f"{source}: {', '.join(names)} announce uniqueness; accepted: one single-valued string attribute of "
            "the base schema of a resource type"
        )


def _unique_attribute(declared: Attributes, source: str) -> AttributeDefinition | None:
    """Return the attribute the database keeps unique.

    NB: one per resource type, a string of its base schema.
    """
    unique = [each for each in declared.values() if each.uniqueness != "none"]
    kept = unique[0] if unique and unique[0].type == "string" and not unique[0].multi_valued else None
    _refuse_uniqueness({key: each for key, each in declared.items() if each is not kept}, source)
    return kept
