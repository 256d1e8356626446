"""Schema files: what they describe, and what each mistake in them is called."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scim2_models import EnterpriseUser, Group, Resource, User

from scim_server.protocol.catalog import GROUP_URN, USER_URN, Catalog, CatalogError, build_catalog
from tests.protocol.devices import (
    BADGE_URN,
    CATALOG,
    DEVICE,
    GROUP,
    USER,
    attribute,
    resource_type,
    schema,
    shipped_files,
)

_URN = "urn:example:schemas:1.0:Plate"
_OTHER = "urn:example:schemas:extension:other:1.0:Plate"
_TYPE = resource_type("Plate", _URN)
_Files = list[dict[str, Any]]


def _build(*files: dict[str, Any]) -> Catalog:
    return build_catalog((f"file{index}.json", content) for index, content in enumerate(files, 1))


def _plate(*attributes: dict[str, Any]) -> _Files:
    return [schema(_URN, *attributes), _TYPE]


@pytest.mark.parametrize(
    ("files", "detail"),
    [
        ([{}], "file1.json: 'schemas' must hold"),
        ([{"schemas": None}], "file1.json: 'schemas' must hold"),
        ([{"schemas": ["urn:x"]}], "file1.json: 'schemas' must hold"),
        ([{**schema(_URN), "id": None}], "file1.json: 'id' must be the URN"),
        ([{**schema(_URN), "id": "Plate"}], "file1.json: 'id' must be the URN"),
        ([schema(_URN), {**_TYPE, "name": ""}], "file2.json: 'name' must be a non-empty string"),
        ([schema(_URN), {**_TYPE, "endpoint": None}], "file2.json"),
        ([schema(_URN), {**_TYPE, "schema": None}], "file2.json: 'schema' must be a non-empty string"),
        ([schema(_URN)], "file1.json: no resource type uses the schema"),
        ([_TYPE], "file1.json"),
        ([schema(_URN), resource_type("Plate", _URN, _OTHER)], "file2.json"),
        ([schema(_URN), {**_TYPE, "schemaExtensions": [{"required": True}]}], "file2.json"),
        ([schema(_URN), {**_TYPE, "schemaExtensions": ["x"]}], "file2.json"),
        ([schema(_URN), {**_TYPE, "schemaExtensions": "x"}], "file2.json"),
        ([schema(_URN), _TYPE, {**_TYPE, "name": "Dish"}], "share the endpoint /Plates"),
        ([schema(_URN), _TYPE, {**_TYPE, "name": "Dish", "endpoint": "/Plates/"}], "the endpoint /Plates"),
        ([schema(_URN), {**_TYPE, "endpoint": "/Schemas"}], "file2.json: the endpoint /Schemas is taken"),
        ([schema(_URN), {**_TYPE, "endpoint": "/me/"}], "file2.json: the endpoint /me is taken"),
        ([schema(_URN), {**_TYPE, "endpoint": "Plates"}], "file2.json: not a resource type of RFC 7643 §6"),
        (_plate({"type": "string"}), "file1.json"),
        (_plate(attribute("a b")), "file1.json: 'a b' is no name of an attribute"),
        (_plate(attribute("1a")), "file1.json: '1a' is no name of an attribute"),
        (_plate(attribute("id")), "file1.json: ['id'] are attributes of every resource"),
        (_plate(attribute("Meta")), "file1.json: ['meta'] are attributes of every resource"),
        (_plate(attribute("a", "text")), "file1.json: not a schema of RFC 7643 §7"),
        (_plate(attribute("a", mutability="writable")), "file1.json: not a schema of RFC 7643 §7"),
        (_plate(attribute("a", returned="maybe")), "file1.json: not a schema of RFC 7643 §7"),
        (_plate(attribute("a"), attribute("A")), "file"),
        (
            _plate(
                attribute("a", "complex", subAttributes=[attribute("b", "complex", subAttributes=[attribute("c")])])
            ),
            "file1.json: a sub-attribute of 'a' is complex itself",
        ),
        (_plate(attribute("pin", mutability="writeOnly")), "file1.json: 'pin' of Plate is writeOnly"),
        (
            _plate(attribute("lock", "complex", subAttributes=[attribute("pin", mutability="writeOnly")])),
            "file1.json: 'pin' of Plate is writeOnly",
        ),
        (
            _plate(attribute("a", uniqueness="server"), attribute("b", uniqueness="global")),
            "file1.json: b announce uniqueness",
        ),
        (_plate(attribute("a", "integer", uniqueness="server")), "file1.json: a announce uniqueness"),
        (_plate(attribute("a", multiValued=True, uniqueness="server")), "file1.json: a announce uniqueness"),
        (
            _plate(attribute("a", "complex", subAttributes=[attribute("b", uniqueness="server")])),
            "file1.json: b announce uniqueness",
        ),
        (
            [*_plate(), schema(_OTHER, attribute("a", uniqueness="server"))],
            "file3.json: a announce uniqueness",
        ),
        (
            [*_plate(), schema(_OTHER, attribute("a", mutability="writeOnly"))],
            "file3.json: 'a' of Plate is writeOnly",
        ),
        ([schema(USER_URN), resource_type("User", USER_URN)], "file1.json: a User needs a userName"),
    ],
)
def test_a_mistake_names_its_file(files: _Files, detail: str) -> None:
    """Each mistake in a file is a CatalogError that names the file."""
    with pytest.raises(CatalogError) as error:
        _build(*files)
    assert detail in str(error.value)


@settings(max_examples=15)
@given(data=st.data())
def test_a_broken_file_is_a_catalog_error(data: st.DataObject) -> None:
    """Whatever stands where in a file, it is described or refused: nothing else is raised."""
    files = deepcopy(
        [
            schema(_URN, attribute("a"), attribute("b", "complex", subAttributes=[attribute("value")])),
            schema(_OTHER, attribute("c", "reference", referenceTypes=["Plate"])),
            resource_type("Plate", _URN, _OTHER),
        ]
    )
    place: Any = data.draw(st.sampled_from(files))
    while True:
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
        if not place[key] or not isinstance(place[key], dict | list) or data.draw(st.integers(0, 4)) == 0:
            break
        place = place[key]
    broken: Any = data.draw(st.sampled_from((None, 7, "", "x", [], {}, [7], ["x"], [{}], True, "<gone>")))
    if broken != "<gone>":
        place[key] = broken
    else:
        del place[key]
    try:
        _build(*files)
    except CatalogError as error:
        assert str(error)


def test_a_catalog_is_what_its_files_say() -> None:
    """Names, endpoints and characteristics come from the files; defaults are those of RFC 7643 §2.2."""
    catalog = _build(
        schema(_URN, attribute("number", required=True, uniqueness="server"), attribute("photo", "binary")),
        {**_TYPE, "endpoint": "/Tableware"},
    )
    plate = catalog.by_name("Plate")
    assert catalog.by_endpoint("Tableware") is plate
    assert catalog.by_endpoint("tableware") is None
    assert (plate.endpoint, plate.urn, plate.has_active, plate.stores_hidden) == ("/Tableware", _URN, False, False)
    number, photo = plate.attributes["number"], plate.attributes["photo"]
    assert plate.unique_attribute is number
    assert (number.required, number.case_exact, number.mutability, number.returned) == (
        True, False, "readWrite", "default",
    )  # fmt: skip
    assert photo.case_exact
    with pytest.raises(KeyError):
        catalog.by_name("plate")


@pytest.mark.parametrize(
    ("urn", "name"),
    [
        ("urn:example:custom:1.0:Group", "Group"),
        ("urn:example:custom:1.0:GROUP", "Group"),
        ("urn:example:custom:1.0:User", "User"),
        ("urn:okta:custom:group:1.0", "User"),
        ("urn:example:custom", "User"),
    ],
)
def test_a_loose_schema_extends_the_type_it_ends_in(urn: str, name: str) -> None:
    """A schema that no resource type names extends the type its URN ends in, else User."""
    loose = {**schema("urn:x:y:Loose"), "id": urn, "name": "Loose", "attributes": [attribute("a")]}
    catalog = build_catalog([*shipped_files(), ("loose.json", loose)])
    extension = catalog.by_name(name).extensions[urn.lower()]
    assert (extension.urn, extension.required) == (urn, False)
    announced = next(each for each in catalog.resource_types if each["name"] == name)
    assert {"schema": urn, "required": False} in announced["schemaExtensions"]


def test_a_later_file_replaces_an_earlier_one() -> None:
    """An operator's resource type or schema takes the place of the one that ships."""
    files = [
        *shipped_files(),
        ("type.json", {**resource_type("Group", GROUP_URN), "endpoint": "/Teams"}),
        ("schema.json", schema(GROUP_URN, attribute("displayName", required=True), attribute("colour"))),
    ]
    catalog = build_catalog(files)
    assert catalog.by_endpoint("Groups") is None
    group = catalog.by_endpoint("Teams")
    assert group is not None
    assert "colour" in group.attributes
    assert "members" not in group.attributes
    assert len(catalog.definitions) == 2


def test_extensions_are_found_without_regard_to_case() -> None:
    """Extensions are keyed in lower case, and spelled as their schema spells them."""
    assert USER.extensions[BADGE_URN.lower()].urn == BADGE_URN


def test_types_say_what_they_are() -> None:
    """Users sign in, groups have members, and what stores hidden attributes says so."""
    assert (USER.is_user, USER.is_group, USER.has_active, USER.stores_hidden) == (True, False, True, False)
    assert (GROUP.is_user, GROUP.is_group, GROUP.has_active, GROUP.stores_hidden) == (False, True, False, False)
    assert (DEVICE.is_user, DEVICE.is_group, DEVICE.has_active, DEVICE.stores_hidden) == (False, False, True, True)


# What the schemas that ship say otherwise than RFC 7643, and why.
_DIFFERENCES = {
    # Identity providers match groups by name, and the Microsoft validator expects a 409.
    ("Group", "displayName", "uniqueness"),
    # The server's own: clients send other names, and nothing they say of it is kept.
    ("Group", "members.display", "mutability"),
    # Entra ID sends a manager without $ref, and clears its value.
    ("EnterpriseUser", "manager.value", "required"),
    ("EnterpriseUser", "manager.$ref", "required"),
}


@pytest.mark.parametrize("model", [User, Group, EnterpriseUser])
def test_the_schemas_that_ship_are_those_of_rfc_7643(model: type[Resource[Any]]) -> None:
    """Names and characteristics are those of scim2-models' own classes, but for a short list."""
    ours = next(each for each in CATALOG.schemas if each["id"] == str(model.__schema__))
    theirs = model.to_schema().model_dump()
    found, expected = _characteristics(ours["attributes"]), _characteristics(theirs["attributes"])
    assert found.keys() == expected.keys()
    differences = {
        (model.__name__, name, key) for name in found for key in found[name] if found[name][key] != expected[name][key]
    }
    assert differences == {each for each in _DIFFERENCES if each[0] == model.__name__}


def _characteristics(attributes: list[dict[str, Any]], prefix: str = "") -> dict[str, dict[str, Any]]:
    defaults = {"required": False, "caseExact": False, "uniqueness": "none", "canonicalValues": None}
    named = {}
    for each in attributes:
        said = {key: value for key, value in each.items() if key not in ("name", "description", "subAttributes")}
        named[prefix + each["name"]] = {"referenceTypes": None, **defaults, **said}
        named.update(_characteristics(each.get("subAttributes") or [], f"{prefix}{each['name']}."))
    return named
