"""Random documents, values and attribute names, drawn from what the schemas declare.

Strategies are made once for each definition: making them costs Hypothesis more than drawing.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st

from scim_server.protocol.catalog import AttributeDefinition, Attributes, ExtensionDefinition, ResourceDefinition

# Few values, so that filters match, additions meet what is there and cases collide.
_VALUES: Mapping[str, tuple[Any, ...]] = {
    "string": ("a", "A", "b", "work", "Home", "É", "e\u0301", "ß", "İ", "1", "true"),
    "reference": ("https://example.com/Users/1", "https://example.com/Users/2", "Users/1"),
    "boolean": (True, False),
    "integer": (0, 1, -5, 2**63 - 1),
    "decimal": (0, 1, 1.5, -2.25),
    "dateTime": ("2026-01-31T08:00:00Z", "2026-01-31T08:00:00.120000Z", "1999-12-31T23:59:59Z"),
    "binary": ("aGVsbG8=", "AAEC", "/w=="),
}


@cache
def plain_values(attribute: AttributeDefinition) -> st.SearchStrategy[Any]:
    """Return values of an attribute that is not complex, one at a time."""
    return st.sampled_from(_VALUES[attribute.type])


@cache
def elements(attribute: AttributeDefinition) -> st.SearchStrategy[Any]:
    """Return single values of an attribute."""
    return objects(attribute) if attribute.is_complex else plain_values(attribute)


@cache
def values(attribute: AttributeDefinition) -> st.SearchStrategy[Any]:
    """Return values that fit an attribute, read-only sub-attributes left out and required ones given."""
    if not attribute.multi_valued:
        return elements(attribute)
    return st.lists(elements(attribute), min_size=1, max_size=3).map(with_one_primary)


def with_one_primary(several: list[Any]) -> list[Any]:
    """Return values of which the first alone is primary, if any."""
    primary = [each for each in several if isinstance(each, dict) and each.get("primary")]
    for each in primary[1:]:
        each["primary"] = False
    return several


@cache
def objects(holder: AttributeDefinition | ExtensionDefinition, least: int = 1) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects of some of the attributes of a complex attribute or an extension."""
    return _objects(holder.sub_attributes if isinstance(holder, AttributeDefinition) else holder.attributes, least)


def _objects(
    attributes: Attributes, least: int, without: frozenset[str] = frozenset()
) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects of a few of the attributes given, the required ones always among them."""
    # A reference goes with the value it stood for: see test_a_reference_goes_with_its_value.
    without |= {"$ref"}
    writable = [each for each in attributes.values() if not each.read_only and each.name not in without]
    required = [each for each in writable if each.required]
    optional = [each for each in writable if not each.required]
    least = max(0, min(least - len(required), len(optional)))
    if not optional:
        return st.fixed_dictionaries({each.name: values(each) for each in required})
    chosen = st.lists(st.sampled_from(optional), min_size=least, max_size=4, unique_by=_name)

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        return {each.name: draw(values(each)) for each in (*required, *draw(chosen))}

    return drawn()


def _name(attribute: AttributeDefinition) -> str:
    return attribute.name


@cache
def documents(
    definition: ResourceDefinition, without: frozenset[str] = frozenset()
) -> st.SearchStrategy[dict[str, Any]]:
    """Return documents as they are kept, extensions included and the attributes named left out."""
    base = _objects(definition.attributes, 0, without | {"schemas"})
    writable = {
        urn: any(not each.read_only for each in extension.attributes.values())
        for urn, extension in definition.extensions.items()
    }
    urns = sorted(urn for urn, is_writable in writable.items() if is_writable)
    extensions = st.sets(st.sampled_from(urns)) if urns else st.just(set[str]())

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        document, chosen = draw(base), draw(extensions)
        held = [extension for urn, extension in definition.extensions.items() if urn in chosen]
        for extension in held:
            document[extension.urn] = draw(objects(extension))
        return {"schemas": [definition.urn, *(extension.urn for extension in held)], **document}

    return drawn()


@cache
def in_any_case(name: str) -> st.SearchStrategy[str]:
    """Return a name as it is, or in another case (RFC 7643 §2.1)."""
    return st.sampled_from((name, name, name, name.lower(), name.upper(), name.swapcase()))
