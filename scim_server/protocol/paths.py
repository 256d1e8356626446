"""PATCH paths (RFC 7644 §3.5.2, errata 7122): what they designate in a resource type."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from scim2_models import InvalidPathException
from scim2_models import Path as ScimPath
from scim2_models.path import FilterNode

from scim_server.protocol.catalog import AttributeDefinition, Attributes, ResourceDefinition
from scim_server.protocol.filters import check_value_filter


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


ROOT = Target("", None, None)
"""The resource itself, which an operation without a path is about."""


def resolve_path(definition: ResourceDefinition, text: str) -> Target:
    """Return what a path designates.

    :raises InvalidPathException: When it is no path or names no attribute of the resource type.
    :raises InvalidFilterException: When the filter in it does not fit the attribute.
    """
    found = _plain_paths(definition).get(text.lower()) if text.isascii() else None
    if found is not None:
        return Target(text, found.container, found.attribute, found.sub_attribute)
    return _parse_path(definition, text)


def _parse_path(definition: ResourceDefinition, text: str) -> Target:
    """Resolve a path that selects values, or names nothing."""
    path: ScimPath[Any] = ScimPath(text)
    name = ".".join(path.parts)
    found = _plain_paths(definition).get(f"{path.schema}:{name}".lower() if path.schema else name.lower())
    value_filter = path.value_filter
    if found is None or found.attribute is None or value_filter is None:
        raise InvalidPathException(
            detail=f"{text[:200]!r} names no attribute of {definition.name}; see /Schemas for those it has"
        )
    if not found.attribute.multi_valued:
        raise InvalidPathException(detail=f"{found.attribute.name} holds one value: a filter selects among several")
    check_value_filter(value_filter, found.attribute)
    return Target(text, found.container, found.attribute, found.sub_attribute, value_filter)


@lru_cache(maxsize=64)
def _plain_paths(definition: ResourceDefinition) -> Mapping[str, Target]:
    """Return every path of a resource type that selects no values, in lower case.

    They are as many as the schemas have names, so paths from clients are looked up, not parsed.
    """
    paths = {definition.urn.lower(): ROOT}
    for name, target in _targets(definition.attributes, None):
        paths[name] = paths[f"{definition.urn.lower()}:{name}"] = target
    for urn, extension in definition.extensions.items():
        paths[urn] = Target("", extension.urn, None)
        paths.update((f"{urn}:{name}", target) for name, target in _targets(extension.attributes, extension.urn))
    return paths


def _targets(attributes: Attributes, container: str | None) -> Iterator[tuple[str, Target]]:
    for name, attribute in attributes.items():
        yield name, Target("", container, attribute)
        for sub_name, sub_attribute in attribute.sub_attributes.items():
            yield f"{name}.{sub_name}", Target("", container, attribute, sub_attribute)
