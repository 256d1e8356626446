"""Random PATCH operations: paths of every form, values that fit and values that do not."""

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from hypothesis import strategies as st

from scim_server.protocol.catalog import AttributeDefinition, ResourceDefinition
from tests.protocol import payloads

# Without those scim2-models reads as another type without a word, such as 1 for true.
_MISFITS: dict[str, tuple[Any, ...]] = {
    "string": (True, 7, {"a": 1}, ["a"]),
    "reference": (True, 7, {"a": 1}, ["a"]),
    "boolean": ("maybe", 7, {"a": 1}, [True]),
    "integer": ("many", 1.5, {"a": 1}, [1]),
    "decimal": ("many", {"a": 1}, [1.5]),
    "dateTime": ("yesterday", {"a": 1}, ["2026-01-31T08:00:00Z"]),
    "binary": (True, 7, {"a": 1}, ["aGVsbG8="]),
    "complex": (True, 7, [{"value": "a"}, {"value": "b"}]),
}
_OPS = st.sampled_from(("add", "replace", "remove"))
_FORMS = st.sampled_from(("attribute", "attribute", "sub", "filter", "filter.sub", "path-less", "extension"))
_KEY_FORMS = st.sampled_from(("attribute", "sub"))
_COMPARISONS = st.sampled_from(("eq", "eq", "eq", "eq", "ne", "pr"))
_COMBINATIONS = st.sampled_from(("{0}", "{0}", "{0} and {1}", "{0} or {1}", "not ({0})"))
_KINDS = st.sampled_from(("fits",) * 6 + ("null", "nothing", "misfit"))


@dataclass(frozen=True)
class Place:
    """An attribute an operation names, or a sub-attribute of it, and the path it is named by."""

    path: str
    attribute: AttributeDefinition
    target: AttributeDefinition

    @property
    def fans_out(self) -> bool:
        """Whether the path names a sub-attribute of every value."""
        return self.attribute.multi_valued and self.target is not self.attribute and "[" not in self.path

    @property
    def is_one_of_several(self) -> bool:
        """Whether the path names values of a multi-valued attribute that a filter selects."""
        return self.target is self.attribute and "[" in self.path


@cache
def sequences(
    definition: ResourceDefinition, *, lenient: bool, without: frozenset[str], most: int
) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return sequences of operations."""
    return st.lists(_operations(definition, lenient, without), min_size=1, max_size=most)


@st.composite
def _operations(
    draw: st.DrawFn, definition: ResourceDefinition, lenient: bool, without: frozenset[str]
) -> dict[str, Any]:
    op, form = draw(_OPS), draw(_FORMS)
    if form == "path-less" and op != "remove":
        return {"op": op, "value": draw(_members(definition, op, lenient, without))}
    if form == "extension":
        extension = draw(_extensions(definition))
        operation = {"op": op, "path": extension.urn}
        return operation if op == "remove" else {**operation, "value": draw(payloads.objects(extension))}
    place = draw(_places(definition, without, form))
    if op != "remove":
        return {"op": op, "path": place.path, "value": draw(_values(place, op, lenient))}
    if lenient and place.target is place.attribute and "[" not in place.path and draw(st.booleans()):
        return {"op": op, "path": place.path, **draw(_selectors(place.target))}
    return {"op": op, "path": place.path}


@cache
def _extensions(definition: ResourceDefinition) -> st.SearchStrategy[Any]:
    return st.sampled_from([*definition.extensions.values()])


@cache
def _attributes(
    definition: ResourceDefinition, without: frozenset[str]
) -> st.SearchStrategy[tuple[str, AttributeDefinition]]:
    """Return the attributes of a resource type and of its extensions, and how their paths begin."""
    named = [(prefix, each) for each in definition.attributes.values() for prefix in ("", f"{definition.urn}:")]
    for extension in definition.extensions.values():
        prefixes = (f"{extension.urn}:", f"{extension.urn.upper()}:")
        named += [(prefix, each) for each in extension.attributes.values() for prefix in prefixes]
    return st.sampled_from([(prefix, each) for prefix, each in named if each.name not in without])


@st.composite
def _places(draw: st.DrawFn, definition: ResourceDefinition, without: frozenset[str], form: str) -> Place:
    prefix, attribute = draw(_attributes(definition, without))
    path, target = prefix + draw(payloads.in_any_case(attribute.name)), attribute
    if form.startswith("filter") and attribute.multi_valued:
        path += f"[{draw(_filters(attribute))}]"
    if form.endswith("sub") and attribute.is_complex:
        target = draw(_sub_attributes(attribute))
        path += "." + draw(payloads.in_any_case(target.name))
    return Place(path, attribute, target)


@cache
def _sub_attributes(attribute: AttributeDefinition) -> st.SearchStrategy[AttributeDefinition]:
    return st.sampled_from([each for each in attribute.sub_attributes.values() if each.name != "$ref"])


@cache
def _single_sub_attributes(attribute: AttributeDefinition) -> st.SearchStrategy[AttributeDefinition]:
    single = [each for each in attribute.sub_attributes.values() if not each.multi_valued]
    return st.sampled_from(single or [replace(attribute, name="value", multi_valued=False)])


@st.composite
def _filters(draw: st.DrawFn, attribute: AttributeDefinition) -> str:
    """Return what stands between brackets: mostly what describes a value, at times what does not."""
    terms = []
    for _ in range(2):
        sub = draw(_single_sub_attributes(attribute))
        name, operator = draw(payloads.in_any_case(sub.name)), draw(_COMPARISONS)
        operand = "" if operator == "pr" else " " + json.dumps(draw(payloads.plain_values(sub)))
        terms.append(f"{name} {operator}{operand}")
    return draw(_COMBINATIONS).format(*terms)


@st.composite
def _members(
    draw: st.DrawFn, definition: ResourceDefinition, op: str, lenient: bool, without: frozenset[str]
) -> dict[str, Any]:
    """Return the value of an operation without a path: keys are names, dotted or URN paths, extensions."""
    value: dict[str, Any] = {}
    written: set[AttributeDefinition] = set()
    if draw(st.booleans()):
        extension = draw(_extensions(definition))
        value[extension.urn] = draw(payloads.objects(extension))
        written.update(extension.attributes.values())
    for _ in range(draw(st.integers(1, 3))):
        place = draw(_places(definition, without, draw(_KEY_FORMS)))
        # What is read-only is dropped in the lenient profile, and refused in the other even if nothing takes it:
        # see test_read_only_keys_are_ignored.
        ignored = place.target.read_only and (lenient or place.fans_out)
        if place.attribute not in written and not ignored:
            value[place.path] = draw(_values(place, op, lenient))
        written.add(place.attribute)
    if draw(st.integers(0, 19)) == 7:
        value["unheardOf"] = 1
    return value


@st.composite
def _values(draw: st.DrawFn, place: Place, op: str, lenient: bool) -> Any:
    """Return a value to write: one that fits, mostly; else null, nothing, or of another type."""
    target, kind = place.target, draw(_KINDS)
    # In the lenient profile, nothing written to no value is no error: see test_nothing_is_written_to_no_value.
    may_be_nothing = not place.is_one_of_several and not (lenient and "[" in place.path)
    if kind == "null" and op == "replace" and may_be_nothing:
        return None
    if kind == "nothing" and target.multi_valued and may_be_nothing:
        return []
    if kind == "misfit" and not place.fans_out:
        misfit = draw(_misfits(target.type))
        # A value where an array is due is an array of that one value.
        return [misfit] if target.multi_valued and not place.is_one_of_several else misfit
    return draw(payloads.elements(target) if place.is_one_of_several else payloads.values(target))


@cache
def _misfits(kind: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(_MISFITS[kind])


@st.composite
def _selectors(draw: st.DrawFn, target: AttributeDefinition) -> dict[str, Any]:
    """Return the value of a remove that lists what to remove (Entra ID)."""
    if not (target.multi_valued and target.is_complex):
        return {}
    return {"value": draw(st.lists(_selector(target), min_size=1, max_size=2))}


@cache
def _selector(attribute: AttributeDefinition) -> st.SearchStrategy[dict[str, Any]]:
    """Return some sub-attributes of a value, none of them required."""
    single = {
        name: replace(each, required=False)
        for name, each in attribute.sub_attributes.items()
        if not each.multi_valued and not each.read_only
    }
    return payloads.objects(replace(attribute, sub_attributes=single))
