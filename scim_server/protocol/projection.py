"""``attributes`` and ``excludedAttributes`` (RFC 7644 §3.9): which part of a resource is answered."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scim2_models import InvalidValueException

from scim_server.protocol.catalog import AttributeDefinition, Attributes, ResourceDefinition
from scim_server.protocol.documents import schema_urns

MAX_NAMES = 200
"""How many attributes a request may name."""


@dataclass(frozen=True, slots=True)
class Projection:
    """The names of ``attributes`` and ``excludedAttributes``, in lower case, without the core URN.

    Names that no schema declares match nothing, as in RFC 7644 §3.4.2.5. ``written`` are the names
    that a POST, PUT or PATCH has specified, where the resource type has any to return for that.
    """

    included: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    written: frozenset[str] = frozenset()

    @property
    def is_whole(self) -> bool:
        """Whether the resource is answered whole."""
        return not self.included and not self.excluded

    def keeps(self, name: str) -> bool:
        """Return whether a top-level attribute that is returned by default is answered, or part of it."""
        lower = name.lower()
        if self.included:
            return lower in self.included or any(each.startswith(lower + ".") for each in self.included)
        return lower not in self.excluded


WHOLE = Projection()


def read_projection(
    attributes: str | list[str] | None,
    excluded: str | list[str] | None,
    definitions: tuple[ResourceDefinition, ...],
) -> Projection:
    """Return the projection a request asks for, comma-separated in a query, an array in a search.

    :raises InvalidValueException: When both are given (they exclude each other), or too many names.
    """
    included_names, excluded_names = _names(attributes), _names(excluded)
    if included_names and excluded_names:
        raise InvalidValueException(detail="give attributes or excludedAttributes, not both (RFC 7644 §3.9)")
    if len(included_names) > MAX_NAMES or len(excluded_names) > MAX_NAMES:
        raise InvalidValueException(detail=f"attributes and excludedAttributes name at most {MAX_NAMES} attributes")
    prefixes = tuple(definition.urn.lower() + ":" for definition in definitions)
    return Projection(
        frozenset(_short(name, prefixes) for name in included_names),
        frozenset(_short(name, prefixes) for name in excluded_names),
    )


def _names(sent: str | list[str] | None) -> list[str]:
    names = sent.split(",") if isinstance(sent, str) else sent or []
    return [name.strip().lower() for name in names if name.strip()]


def _short(name: str, prefixes: tuple[str, ...]) -> str:
    return next((name[len(prefix) :] for prefix in prefixes if name.startswith(prefix)), name)


def after_write(
    projection: Projection, definition: ResourceDefinition, documents: Iterable[Mapping[str, Any]]
) -> Projection:
    """Return the projection of the answer to a write, given the documents with what it specified.

    RFC 7643 §7: what is returned on request is returned where a POST, PUT or PATCH specified it.
    """
    if not definition.stores_hidden:
        return projection
    return replace(projection, written=frozenset(name for each in documents for name in _names_in(each, definition)))


def _names_in(document: Mapping[str, Any], definition: ResourceDefinition) -> Iterator[str]:
    for name, value in document.items():
        prefix = ":" if name.lower() in definition.extensions else "."
        yield name.lower()
        for element in value if isinstance(value, list) else (value,):
            if isinstance(element, Mapping):
                yield from (f"{name}{prefix}{each}".lower() for each in _names_below(element))


def _names_below(value: Mapping[str, Any]) -> Iterator[str]:
    for name, item in value.items():
        yield name
        for element in item if isinstance(item, list) else (item,):
            if isinstance(element, Mapping):
                yield from (f"{name}.{each}" for each in _names_below(element))


def project(resource: Mapping[str, Any], definition: ResourceDefinition, projection: Projection) -> dict[str, Any]:
    """Return the part of a resource that is answered.

    ``returned: always`` stays, ``never`` goes, ``request`` comes when it is named (RFC 7643 §7).
    """
    kept: dict[str, Any] = {}
    for name, value in resource.items():
        extension = definition.extensions.get(name.lower())
        if extension is not None:
            part = _project_extension(value, extension.urn.lower(), extension.attributes, projection)
        else:
            part = _project_value(value, definition.attributes[name.lower()], name.lower(), projection)
        if part not in (None, {}, []):
            kept[name] = part
    urns = schema_urns(definition)
    kept["schemas"] = [urn for urn in urns if urn == definition.urn or urn in kept]
    return kept


def _project_extension(
    value: Mapping[str, Any], urn: str, attributes: Attributes, projection: Projection
) -> dict[str, Any] | None:
    if urn in projection.excluded:
        return None
    if urn in projection.included:
        projection = replace(projection, included=frozenset())
    return _project_object(value, attributes, f"{urn}:", projection)


def _project_value(value: Any, attribute: AttributeDefinition, path: str, projection: Projection) -> Any:
    named_below = any(name.startswith(path + ".") for name in projection.included)
    if attribute.returned == "always":
        return value
    if attribute.returned == "never":
        return None
    if attribute.returned == "request" and not (
        path in projection.included or path in projection.written or named_below
    ):
        return None
    if projection.included and path not in projection.included and not named_below:
        # RFC 7643 §7: a sub-attribute that is always returned brings nothing of its own accord.
        return None
    if path in projection.excluded:
        return None
    if not attribute.is_complex:
        return value
    if path in projection.included:
        projection = replace(projection, included=frozenset())
    if isinstance(value, list):
        parts = [_project_object(each, attribute.sub_attributes, f"{path}.", projection) for each in value]
        return [part for part in parts if part]
    return _project_object(value, attribute.sub_attributes, f"{path}.", projection)


def _project_object(
    value: Mapping[str, Any], attributes: Attributes, prefix: str, projection: Projection
) -> dict[str, Any]:
    kept = {}
    for name, item in value.items():
        part = _project_value(item, attributes[name.lower()], prefix + name.lower(), projection)
        if part is not None:
            kept[name] = part
    return kept
