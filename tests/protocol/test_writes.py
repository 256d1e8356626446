"""What a PATCH writes to a document, where scim2-models says nothing of it or otherwise."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim2_models import MutabilityException

from scim_server.protocol.catalog import build_catalog
from scim_server.protocol.writes import MAX_ELEMENTS, keep_immutable, same_documents
from tests.protocol import payloads
from tests.protocol.devices import DEVICE, USER, WARRANTY_URN, attribute, resource_type, schema
from tests.protocol.patching import ENTERPRISE, Operations, patched, refused, with_counts

MANAGER = f"{ENTERPRISE}:manager"


def _manager(value: Any) -> Operations:
    return [{"op": "replace", "path": MANAGER, "value": value}]


@pytest.mark.parametrize(
    ("value", "tolerance"),
    [
        ("2", "string_for_complex"),
        ([{"value": "2"}], "array_for_value"),
        ([{"value": "2", "$ref": None}], "array_for_value"),
    ],
)
def test_a_manager_is_read_in_every_form(value: Any, tolerance: str) -> None:
    """Entra ID sends the manager as a string or as an array of one; refused in the rfc profile."""
    document = {ENTERPRISE: {"manager": {"value": "1", "$ref": "Users/1"}}}
    found, counts = with_counts(USER, document, _manager(value))
    assert (found[ENTERPRISE], counts) == ({"manager": {"value": "2"}}, {tolerance: 1})
    assert refused(USER, document, _manager(value), "rfc") == "invalidValue"


@pytest.mark.parametrize("value", ["", {"value": ""}])
def test_an_empty_manager_is_none(value: Any) -> None:
    """Entra ID clears the manager by ``""`` or ``{"value": ""}``, each counted."""
    found, counts = with_counts(USER, {ENTERPRISE: {"manager": {"value": "1"}}}, _manager(value))
    assert (ENTERPRISE in found, counts) == (False, {"empty_string_for_complex": 1})


@pytest.mark.parametrize("value", [None, [], [None]])
def test_no_manager_is_none(value: Any) -> None:
    """Null and an empty array clear the manager."""
    assert ENTERPRISE not in patched(USER, {ENTERPRISE: {"manager": {"value": "1"}}}, _manager(value))


@pytest.mark.parametrize(
    ("path", "value", "left"),
    [
        (MANAGER, {"value": "2"}, {"value": "2"}),
        (MANAGER, {"value": "1"}, {"value": "1", "$ref": "Users/1"}),
        (MANAGER, "1", {"value": "1", "$ref": "Users/1"}),
        (MANAGER, {"value": "2", "$ref": "Users/2"}, {"value": "2", "$ref": "Users/2"}),
        (MANAGER, {"$ref": "Users/2"}, {"value": "1", "$ref": "Users/2"}),
        (f"{MANAGER}.value", "2", {"value": "2"}),
        (f"{MANAGER}.value", "1", {"value": "1", "$ref": "Users/1"}),
    ],
)
def test_a_reference_goes_with_its_value(path: str, value: Any, left: dict[str, str]) -> None:
    """A ``$ref`` that is not written goes when the ``value`` beside it changes, since it names another resource."""
    document = {ENTERPRISE: {"manager": {"value": "1", "$ref": "Users/1"}}}
    assert patched(USER, document, [{"op": "replace", "path": path, "value": value}])[ENTERPRISE]["manager"] == left


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ('emails[type eq "work"]', None),
        ('emails[type eq "work"]', ""),
        ('emails[type eq "work"]', {}),
        ('emails[type eq "work"].value', None),
        ('emails[type eq "work"].value', ""),
    ],
)
def test_nothing_is_written_to_no_value(path: str, value: Any) -> None:
    """Null or ``""`` written to a value that is not there changes nothing, and is refused in the rfc profile."""
    asked: Operations = [{"op": "replace", "path": path, "value": value}]
    found, counts = with_counts(USER, {"userName": "a"}, asked)
    assert found == {"schemas": [USER.urn], "userName": "a"}
    assert counts["nothing_to_write"] == 1
    assert refused(USER, {"userName": "a"}, asked, "rfc") in ("noTarget", "invalidValue")


@pytest.mark.parametrize(
    "asked",
    [
        {"op": "add", "path": "emails", "value": [{"value": "c@x", "primary": True}]},
        {"op": "replace", "path": 'emails[value eq "b@x"].primary', "value": True},
        {"op": "replace", "path": 'emails[value eq "b@x"]', "value": {"primary": True}},
    ],
)
def test_the_value_just_marked_is_primary(asked: dict[str, Any]) -> None:
    """A value marked primary takes that from the one before (RFC 7644 §3.5.2)."""
    document = {"emails": [{"value": "a@x", "primary": True}, {"value": "b@x"}]}
    for profile in ("lenient", "rfc"):
        found = patched(USER, document, [asked], profile)["emails"]
        assert found[0] == {"value": "a@x", "primary": False}
        assert [each["value"] for each in found if each.get("primary")] == [found[-1]["value"]]


def test_only_one_value_can_be_marked() -> None:
    """An operation that marks two values primary is refused."""
    document = {"emails": [{"value": "a@x"}, {"value": "b@x"}]}
    for profile in ("lenient", "rfc"):
        asked: Operations = [{"op": "replace", "path": "emails.primary", "value": True}]
        assert refused(USER, document, asked, profile) == "invalidValue"


def test_a_value_without_sub_attributes_is_gone() -> None:
    """What loses its last sub-attribute is no value any more, nor is the attribute that loses its last value."""
    document = {"schemas": [USER.urn], "emails": [{"value": "a@x"}, {"type": "work"}], "name": {"givenName": "A"}}
    for profile in ("lenient", "rfc"):
        found = patched(USER, document, [{"op": "remove", "path": "emails.value"}], profile)
        assert found["emails"] == [{"type": "work"}]
        asked: Operations = [
            {"op": "remove", "path": path} for path in ("emails.type", "emails.value", "name.givenName")
        ]
        assert patched(USER, document, asked, profile) == {"schemas": [USER.urn]}


def test_null_removes_the_values_selected() -> None:
    """Null written to the values a filter selects unassigns them, as a remove does (RFC 7643 §2.5)."""
    document = {"emails": [{"type": "work", "value": "a@x"}, {"type": "home", "value": "b@x"}], "tags": ["a", "b"]}
    found = patched(USER, document, [{"op": "replace", "path": 'emails[type eq "work"]', "value": None}], "rfc")
    assert found["emails"] == [{"type": "home", "value": "b@x"}]
    found = patched(DEVICE, document, [{"op": "replace", "path": 'tags[value eq "a"]', "value": None}], "rfc")
    assert found["tags"] == ["b"]


def test_a_value_is_created_from_its_filter() -> None:
    """A write to a value that is not there creates what the filter describes; noTarget in the rfc profile."""
    asked: Operations = [
        {"op": "replace", "path": 'emails[type eq "work" and primary eq true].value', "value": "a@x"},
        {"op": "replace", "path": 'emails[type eq "work"].display', "value": "A"},
    ]
    found, counts = with_counts(USER, {}, asked)
    assert found["emails"] == [{"type": "work", "primary": True, "value": "a@x", "display": "A"}]
    assert counts == {"value_created_from_filter": 1}
    assert refused(USER, {}, asked, "rfc") == "noTarget"


def test_a_string_in_a_filter_is_read_as_a_boolean() -> None:
    """Entra ID's ``roles[primary eq "True"]`` selects and creates a primary role."""
    asked: Operations = [{"op": "add", "path": 'roles[primary eq "True"].value', "value": "x"}]
    created = patched(USER, {}, asked)
    assert created["roles"] == [{"primary": True, "value": "x"}]
    asked = [{"op": "replace", "path": 'roles[primary eq "True"].value', "value": "y"}]
    assert patched(USER, created, asked)["roles"] == [{"primary": True, "value": "y"}]


@pytest.mark.parametrize(
    "value_filter", ['type ne "home"', 'not (type eq "x")', 'type eq "a" or type eq "b"', "type pr"]
)
def test_other_filters_describe_nothing(value_filter: str) -> None:
    """Only ``sub eq literal`` joined by ``and`` describes a value; any other filter needs a match."""
    asked: Operations = [{"op": "replace", "path": f"emails[{value_filter}].value", "value": "a@x"}]
    for profile in ("lenient", "rfc"):
        assert refused(USER, {}, asked, profile) == "noTarget"


def test_a_read_only_value_is_not_created() -> None:
    """A filter on what is read-only describes a value that only the server may make."""
    asked: Operations = [{"op": "add", "path": 'slots[state eq "on"]', "value": {"value": "1"}}]
    assert refused(DEVICE, {}, asked, "lenient") == "mutability"
    assert refused(DEVICE, {}, asked, "rfc") == "noTarget"


def test_a_created_value_matches_its_filter() -> None:
    """A value that contradicts the filter it would be created from is refused."""
    asked: Operations = [{"op": "add", "path": 'emails[type eq "work"]', "value": {"type": "home"}}]
    assert refused(USER, {}, asked, "lenient") == "invalidValue"


@pytest.mark.parametrize("value", [[], {}, [{}], "", [None], [""]])
def test_a_remove_that_lists_nothing_removes_nothing(value: Any) -> None:
    """A remove with an empty value leaves every value; in the rfc profile a remove has no value."""
    document = {"schemas": [USER.urn], "emails": [{"value": "a@x"}]}
    asked: Operations = [{"op": "remove", "path": "emails", "value": value}]
    assert patched(USER, document, asked) == document
    assert refused(USER, document, asked, "rfc") == "invalidValue"


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("emails", [{"value": "A@X"}]),
        ("emails", {"value": "a@x", "display": None}),
        ("emails", [{"value": "a@x", "type": "WORK"}, {"value": "c@x"}]),
        ("tags", ["A@x"]),
        ("tags", "a@x"),
    ],
)
def test_a_remove_may_list_what_to_remove(attribute: str, value: Any) -> None:
    """A remove with a value removes the values it names, compared as filters compare, and no other."""
    document: dict[str, Any] = {
        "emails": [{"value": "a@x", "type": "work"}, {"value": "b@x", "type": "work"}],
        "tags": ["a@x", "b@x"],
    }
    definition = USER if attribute == "emails" else DEVICE
    found, counts = with_counts(definition, document, [{"op": "remove", "path": attribute, "value": value}])
    assert found[attribute] == document[attribute][1:]
    assert counts["remove_by_value"] == 1


def test_a_remove_may_list_any_sub_attribute() -> None:
    """What a remove lists names values by any sub-attribute: it need not hold those a value requires."""
    document = {"slots": [{"value": "1", "card": "x"}, {"value": "2", "card": "y"}]}
    found = patched(DEVICE, document, [{"op": "remove", "path": "slots", "value": [{"card": "X"}]}])
    assert found["slots"] == [{"value": "2", "card": "y"}]


def test_a_remove_may_name_the_value_it_removes() -> None:
    """A remove of a single value that names it removes it only if it is that one."""
    for value, left in (("x", {}), ("y", {"title": "X"})):
        found = patched(USER, {"title": "X"}, [{"op": "remove", "path": "title", "value": value}])
        del found["schemas"]
        assert found == left


def test_a_required_extension_stays() -> None:
    """A required extension is neither removed nor emptied."""
    urn = "urn:example:schemas:1.0:Plate"
    required = {**resource_type("Plate", urn), "schemaExtensions": [{"schema": WARRANTY_URN, "required": True}]}
    files = [("a", schema(urn, attribute("number"))), ("b", schema(WARRANTY_URN, attribute("level"))), ("c", required)]
    plate = build_catalog(files).by_name("Plate")
    document = {"schemas": [urn, WARRANTY_URN], WARRANTY_URN: {"level": "1"}}
    for path in (WARRANTY_URN, f"{WARRANTY_URN}:level"):
        assert refused(plate, document, [{"op": "remove", "path": path}], "lenient") == "mutability"
    assert refused(plate, document, [{"op": "replace", "value": {WARRANTY_URN: None}}], "lenient") == "mutability"
    replaced: Operations = [{"op": "replace", "path": WARRANTY_URN, "value": {"level": "2"}}]
    assert patched(plate, document, replaced)[WARRANTY_URN] == {"level": "2"}


def test_an_add_of_null_adds_nothing() -> None:
    """Null inside the value of an add clears what holds one value, and adds nothing to what holds several."""
    document = {"title": "x", "emails": [{"value": "a@x"}]}
    found = patched(USER, document, [{"op": "add", "value": {"title": None, "emails": None}}], "rfc")
    assert found == {"schemas": [USER.urn], "emails": [{"value": "a@x"}]}


def test_an_add_extends_several_sub_attributes() -> None:
    """An add to a sub-attribute with several values adds to them, also where a filter selects."""
    document = {"maker": {"name": "m", "sites": ["a"]}, "ports": [{"value": "1", "notes": ["a"]}]}
    asked: Operations = [
        {"op": "add", "path": "maker.sites", "value": ["b", "A"]},
        {"op": "add", "path": 'ports[value eq "1"].notes', "value": ["b"]},
        {"op": "add", "path": 'ports[value eq "1"]', "value": {"notes": ["c"]}},
    ]
    found = patched(DEVICE, document, asked, "rfc")
    assert found["maker"]["sites"] == ["a", "b"]
    assert found["ports"] == [{"value": "1", "notes": ["a", "b", "c"]}]


def test_what_is_left_has_what_is_required() -> None:
    """A write may not leave a complex value without a sub-attribute that is required."""
    for asked in (
        {"op": "add", "path": "maker.country", "value": "FR"},
        {"op": "add", "path": "slots", "value": [{"card": "x"}]},
        {"op": "replace", "path": "serial", "value": ""},
        {"op": "replace", "path": "maker", "value": {"name": ""}},
    ):
        assert refused(DEVICE, {"serial": "1"}, [asked], "lenient") == "invalidValue"


def test_what_is_required_may_come_last() -> None:
    """A complex value may be written by an operation for each sub-attribute, in any order."""
    asked: Operations = [
        {"op": "add", "path": "maker.country", "value": "FR"},
        {"op": "add", "path": "maker.name", "value": "M"},
    ]
    for profile in ("lenient", "rfc"):
        assert patched(DEVICE, {"serial": "1"}, asked, profile)["maker"] == {"country": "FR", "name": "M"}


@pytest.mark.parametrize(
    "asked",
    [
        {"op": "remove", "path": WARRANTY_URN},
        {"op": "replace", "path": WARRANTY_URN, "value": None},
        {"op": "remove", "path": "maker"},
        {"op": "replace", "value": {"maker": None}},
        {"op": "replace", "path": "kind", "value": "other"},
        {"op": "remove", "path": "kind"},
        {"op": "add", "path": "origin.zip", "value": "1"},
    ],
)
def test_what_is_immutable_stays(asked: dict[str, Any]) -> None:
    """An immutable value is neither changed nor removed, not even with what holds it."""
    document = {
        "serial": "1",
        "kind": "x",
        "origin": {"city": "Lyon"},
        "maker": {"name": "m", "country": "FR"},
        WARRANTY_URN: {"level": "1"},
    }
    for profile in ("lenient", "rfc"):
        assert refused(DEVICE, document, [asked], profile) == "mutability"


def test_a_replacement_keeps_what_is_immutable() -> None:
    """RFC 7644 §3.5.1: left out, it stays, in complex values and extensions too; sent otherwise, refused."""
    old = {
        "serial": "1",
        "kind": "x",
        "maker": {"name": "m", "country": "FR", "founded": 1900},
        WARRANTY_URN: {"number": "7", "level": "1"},
    }
    new: dict[str, Any] = {"serial": "2"}
    kept = {"kind": "x", "maker": old["maker"], WARRANTY_URN: {"level": "1"}}
    assert keep_immutable(old, new, DEVICE) == {"schemas": [DEVICE.urn, WARRANTY_URN], **new, **kept}
    new["maker"] = {"name": "n"}
    kept["maker"] = {"name": "n", "country": "FR"}
    assert keep_immutable(old, new, DEVICE) == {"schemas": [DEVICE.urn, WARRANTY_URN], **new, **kept}
    for changed in ({"kind": "y"}, {"maker": {"name": "m", "country": "DE"}}, {WARRANTY_URN: {"level": "2"}}):
        with pytest.raises(MutabilityException):
            keep_immutable(old, {"serial": "1", **changed}, DEVICE)


def test_a_password_is_cleared_by_a_mark() -> None:
    """Removing what cannot be read back leaves None in its place, which says to clear it."""
    for asked in ({"op": "remove", "path": "password"}, {"op": "replace", "path": "password", "value": None}):
        assert patched(USER, {}, [asked], "rfc")["password"] is None


def test_numbers_are_compared_as_numbers() -> None:
    """1 and 1.0 are the same decimal, so it is added once."""
    document = {"parts": [{"cost": 1}]}
    assert patched(DEVICE, document, [{"op": "add", "path": "parts", "value": [{"cost": 1.0}]}])["parts"] == [
        {"cost": 1}
    ]


def test_values_have_an_end() -> None:
    """A multi-valued attribute holds at most ``MAX_ELEMENTS`` values."""
    for count, fits in ((MAX_ELEMENTS, True), (MAX_ELEMENTS + 1, False)):
        asked: Operations = [{"op": "add", "path": "tags", "value": [str(number) for number in range(count)]}]
        if fits:
            assert len(patched(DEVICE, {}, asked)["tags"]) == MAX_ELEMENTS
        else:
            assert refused(DEVICE, {}, asked, "lenient") == "invalidValue"


@given(document=payloads.documents(DEVICE), random=st.randoms(use_true_random=True))
def test_order_makes_no_difference(document: dict[str, Any], random: Any) -> None:
    """Documents are the same whatever the order of their names and of several values (RFC 7643 §2.4)."""

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shuffled(value[name]) for name in random.sample(sorted(value), len(value))}
        if isinstance(value, list):
            return random.sample([shuffled(item) for item in value], len(value))
        return value

    assert same_documents(document, shuffled(document))
    assert not same_documents(document, {**document, "label": "other than any"})
