"""``attributes`` and ``excludedAttributes``: what scim2-models serializes in a response."""

from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from scim2_models import Context, InvalidValueException

from scim_server.protocol.catalog import AttributeDefinition, ResourceDefinition
from scim_server.protocol.projection import MAX_NAMES, WHOLE, Projection, project, read_projection
from tests.protocol import payloads
from tests.protocol.devices import CATALOG, DEVICE, DEVICE_URN, GROUP, USER, WARRANTY_URN
from tests.protocol.patching import ENTERPRISE


@st.composite
def _resources(draw: st.DrawFn, definition: ResourceDefinition) -> dict[str, Any]:
    """Return resources as they are answered, before anything is left out."""
    document = draw(payloads.documents(definition, frozenset({"password"})))
    meta = {"resourceType": definition.name, "created": "2026-01-31T08:00:00Z"}
    return {"id": "1", **document, "meta": meta}


@st.composite
def _names(draw: st.DrawFn, definition: ResourceDefinition) -> str:
    """Return names of attributes as clients write them, and names of nothing."""
    extensions = [*definition.extensions.values()]
    form = draw(st.sampled_from(("attribute",) * 5 + ("extension",) * 3 + ("urn", "unknown")))
    if form == "unknown":
        return draw(st.sampled_from(("unheardOf", "name.unheardOf", "urn:x:y", "urn:x:y:title", ".", "a b")))
    if form == "urn" and extensions:
        return draw(payloads.in_any_case(draw(st.sampled_from(extensions)).urn))
    prefix: str = draw(st.sampled_from(("", f"{definition.urn}:")))
    attributes = definition.attributes
    if form == "extension" and extensions:
        extension = draw(st.sampled_from(extensions))
        prefix, attributes = f"{extension.urn}:", extension.attributes
    attribute: AttributeDefinition = draw(st.sampled_from([*attributes.values()]))
    name = prefix + attribute.name
    if draw(st.booleans()) and attribute.sub_attributes:
        name += "." + draw(st.sampled_from([*attribute.sub_attributes.values()])).name
    return draw(payloads.in_any_case(name))


def _expected(definition: ResourceDefinition, resource: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    model = definition.model.model_validate(resource)
    return model.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, context=context)


@given(data=st.data(), definition=st.sampled_from((USER, DEVICE)), excludes=st.booleans())
def test_a_resource_is_projected_as_by_scim2_models(
    data: st.DataObject, definition: ResourceDefinition, excludes: bool
) -> None:
    """Whatever is named or excluded, the parts answered are those that scim2-models serializes."""
    resource = data.draw(_resources(definition))
    names = data.draw(st.lists(_names(definition), max_size=3))
    joined = " , ".join(names)
    projection = read_projection(None if excludes else joined, joined if excludes else None, (definition,))
    key = "scim_excluded_attributes" if excludes else "scim_attributes"
    expected = _expected(definition, resource, {key: names} if names else {})
    note(f"scim2-models: {expected}")
    assert project(resource, definition, projection) == expected


@given(data=st.data(), definition=st.sampled_from((USER, DEVICE)))
def test_what_is_not_kept_is_not_answered(data: st.DataObject, definition: ResourceDefinition) -> None:
    """An attribute that ``keeps`` says no of is in no answer, so the store need not read it."""
    resource = data.draw(_resources(definition))
    names = ",".join(data.draw(st.lists(_names(definition), max_size=3)))
    excluded = read_projection(None, names, (definition,))
    for projection in (read_projection(names, None, (definition,)), excluded):
        for name in project(resource, definition, projection):
            returned = definition.attributes.get(name.lower())
            if returned is not None and returned.returned == "default":
                assert projection.keeps(name)


@pytest.mark.parametrize(
    ("attributes", "answered"),
    [
        (None, {"barcode", "parts", WARRANTY_URN}),
        ("history", {"barcode", "history"}),
        ("draft", {"barcode"}),
        ("parts.cost", {"barcode", "parts"}),
        ("unheardOf", {"barcode"}),
        (WARRANTY_URN, {"barcode", WARRANTY_URN}),
        (f"{WARRANTY_URN}:private", {"barcode", WARRANTY_URN}),
    ],
)
def test_returned_says_what_is_answered(attributes: str | None, answered: set[str]) -> None:
    """``always`` stays, ``never`` goes, ``request`` comes when it is named (RFC 7643 §7)."""
    resource = {
        "schemas": [DEVICE_URN, WARRANTY_URN],
        "id": "1",
        "barcode": "b",
        "history": "h",
        "draft": "d",
        "parts": [{"value": "v", "sku": "s", "cost": 1, "supplier": "x"}],
        WARRANTY_URN: {"number": "n", "private": "p"},
    }
    found = project(resource, DEVICE, read_projection(attributes, None, (DEVICE,)))
    assert set(found) == {"schemas", "id", *answered}
    if attributes is None:
        assert found["parts"] == [{"value": "v", "sku": "s"}]
        assert found[WARRANTY_URN] == {"number": "n"}
    if attributes == "parts.cost":
        assert found["parts"] == [{"sku": "s", "cost": 1}]


def test_schemas_lists_what_is_answered() -> None:
    """``schemas`` names the extensions of which something is answered (RFC 7643 §3)."""
    resource = {"schemas": [USER.urn, ENTERPRISE], "id": "1", "userName": "a", ENTERPRISE: {"division": "D"}}
    assert project(resource, USER, WHOLE)["schemas"] == [USER.urn, ENTERPRISE]
    for projection in (Projection(included=frozenset({"title"})), Projection(excluded=frozenset({ENTERPRISE.lower()}))):
        assert project(resource, USER, projection)["schemas"] == [USER.urn]


def test_an_id_is_always_answered() -> None:
    """``id`` and ``schemas`` cannot be excluded."""
    found = project({"id": "1", "userName": "a"}, USER, read_projection(None, "id,schemas,userName", (USER,)))
    assert found == {"id": "1", "schemas": [USER.urn]}


@pytest.mark.parametrize("attributes", ["members", "MEMBERS.value", f"{GROUP.urn}:members"])
def test_members_are_read_when_they_are_named(attributes: str) -> None:
    """``keeps`` tells the store whether to read members: Entra ID excludes them, and they may be many."""
    for definitions in ((GROUP,), CATALOG.definitions):
        assert read_projection(attributes, None, definitions).keeps("members")
        assert not read_projection("displayName", None, definitions).keeps("members")
        assert read_projection(None, "displayName", definitions).keeps("members")
    assert not read_projection(None, "Members", (GROUP,)).keeps("members")
    assert read_projection(None, "members.value", (GROUP,)).keeps("members")


def test_an_array_of_names_is_read_as_well() -> None:
    """A search by POST names attributes in an array."""
    assert read_projection(["a", " B "], None, ()) == read_projection("a,,b ,", None, ())


def test_names_are_given_or_excluded() -> None:
    """``attributes`` and ``excludedAttributes`` exclude each other (RFC 7644 §3.9)."""
    with pytest.raises(InvalidValueException):
        read_projection("a", "b", ())
    assert read_projection("", "b", ()) == Projection(excluded=frozenset({"b"}))
    assert read_projection(" , ", None, ()).is_whole


def test_names_have_an_end() -> None:
    """A request names at most ``MAX_NAMES`` attributes."""
    names = [f"a{number}" for number in range(MAX_NAMES + 1)]
    assert len(read_projection(names[1:], None, ()).included) == MAX_NAMES
    with pytest.raises(InvalidValueException):
        read_projection(names, None, ())
    with pytest.raises(InvalidValueException):
        read_projection(None, names, ())
