"""PATCH bodies: scim2-models leaves the same documents, and what the server does beyond it or otherwise."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from scim2_models import InvalidValueException, SCIMException

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.patch import MAX_OPERATIONS, PATCH_OP_URN, read_patch
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.protocol.writes import apply_writes, same_documents
from tests.protocol import operations, oracle, payloads
from tests.protocol.devices import DEVICE, GROUP, USER
from tests.protocol.patching import ENTERPRISE, RESOURCE_ID, Operations, patched, refused, with_counts

POLICIES = {"rfc": oracle.STRICT, "lenient": oracle.TOLERANT}
# What the server keeps apart, and `schemas`, which follows from the attributes.
APART = frozenset({"schemas", "id", "meta", "groups", "members", "password"})


@st.composite
def _cases(draw: st.DrawFn, profile: str, most: int) -> tuple[ResourceDefinition, dict[str, Any], Operations]:
    definition = draw(st.sampled_from((USER, DEVICE)))
    document = draw(payloads.documents(definition, APART))
    lenient = profile == "lenient"
    return definition, document, draw(operations.sequences(definition, lenient=lenient, without=APART, most=most))


def _check(
    definition: ResourceDefinition, document: dict[str, Any], asked: Operations, profile: str
) -> tuple[str, str] | None:
    """Compare what the server does with what the oracle does; return both scimTypes when both refuse."""
    expected, refusal = None, None
    try:
        expected = oracle.patched(definition, document, asked, POLICIES[profile])
    except oracle.Refusal as error:
        refusal = error
    note(f"{definition.name}: {expected or refusal}")
    try:
        found = patched(definition, document, asked, profile)
    except SCIMException as error:
        if refusal is None and isinstance(error, InvalidValueException) and error.detail.endswith("is required"):
            # NB: a PATCH may not leave what a POST may not create; scim2-models lets it.
            assert expected is not None
            with pytest.raises(oracle.Refusal):
                oracle.created(definition, expected, POLICIES[profile])
            return None
        assert refusal is not None, error.detail
        return error.scim_type, refusal.scim_type
    assert refusal is None, found
    assert same_documents(found, expected), found
    return None


@pytest.mark.parametrize("profile", POLICIES)
@given(data=st.data())
def test_one_operation_does_what_scim2_models_does(profile: str, data: st.DataObject) -> None:
    """One operation leaves the document that ``PatchOp.patch`` leaves, or is refused with its scimType."""
    definition, document, asked = data.draw(_cases(profile, 1))
    refusals = _check(definition, document, asked, profile)
    # What has several faults is refused for one of them: values are read before filters are applied, a read-only
    # term of a filter is met before a contradiction, and an operation without a path may have any faults.
    several = (None, ("invalidValue", "noTarget"), ("mutability", "invalidValue"))
    if "path" in asked[0] and refusals not in several:
        assert refusals is not None
        assert refusals[0] == refusals[1]


@pytest.mark.parametrize("profile", POLICIES)
@given(data=st.data())
def test_a_sequence_does_what_scim2_models_does(profile: str, data: st.DataObject) -> None:
    """Operations one after another leave the document that ``PatchOp.patch`` leaves, or are refused as there."""
    definition, document, asked = data.draw(_cases(profile, 5))
    _check(definition, document, asked, profile)


def test_a_patch_can_be_applied_twice() -> None:
    """What was read is not changed by being applied, since a deadlock runs the action again."""
    asked: Operations = [
        {"op": "add", "path": "emails", "value": [{"value": "a@x", "type": "work"}]},
        {"op": "replace", "path": 'emails[type eq "work"].type', "value": "home"},
    ]
    leniences = Leniences(PROFILES["rfc"])
    patch = read_patch({"schemas": [PATCH_OP_URN], "Operations": asked}, USER, RESOURCE_ID, leniences)
    before = {"schemas": [USER.urn], "userName": "a"}
    once, again = (apply_writes(deepcopy(before), patch.writes, USER, leniences) for _ in range(2))
    assert once == again
    assert once["emails"] == [{"value": "a@x", "type": "home"}]


@pytest.mark.parametrize("schemas", [None, [], "x", [USER.urn]])
def test_a_missing_schema_is_inferred(schemas: Any) -> None:
    """A body that does not call itself a PatchOp is read as one, and refused in the rfc profile (authentik)."""
    payload = {"schemas": schemas, "Operations": [{"op": "replace", "path": "title", "value": "x"}]}
    leniences = Leniences(PROFILES["lenient"])
    assert len(read_patch(payload, USER, RESOURCE_ID, leniences).writes) == 1
    assert leniences.counts == {"schemas_inferred": 1}
    with pytest.raises(SCIMException) as error:
        read_patch(payload, USER, RESOURCE_ID, Leniences(PROFILES["rfc"]))
    assert error.value.scim_type == "invalidSyntax"


@pytest.mark.parametrize("asked", [None, [], {}, "x", [1], [[]], {"op": "replace"}])
def test_operations_are_an_array_of_objects(asked: Any) -> None:
    """What is no array of operations is refused, in the rfc profile a single one included."""
    with pytest.raises(SCIMException) as error:
        read_patch({"schemas": [PATCH_OP_URN], "Operations": asked}, USER, RESOURCE_ID, Leniences(PROFILES["rfc"]))
    assert error.value.scim_type == "invalidSyntax"


def test_a_single_operation_is_an_array_of_one() -> None:
    """An object for the array of operations is counted, and read as one operation."""
    payload = {"schemas": [PATCH_OP_URN], "operations": {"OP": "Replace", "PATH": "title", "Value": "x"}}
    leniences = Leniences(PROFILES["lenient"])
    assert len(read_patch(payload, USER, RESOURCE_ID, leniences).writes) == 1
    assert leniences.counts == {"value_for_array": 1}


def test_operations_have_an_end() -> None:
    """More operations than ``MAX_OPERATIONS`` are refused as too large."""
    operation = {"op": "replace", "path": "title", "value": "x"}
    assert patched(USER, {}, [operation] * MAX_OPERATIONS, "rfc")["title"] == "x"
    with pytest.raises(SCIMException) as error:
        patched(USER, {}, [operation] * (MAX_OPERATIONS + 1), "rfc")
    assert error.value.status == 413


@pytest.mark.parametrize("op", ["update", "", None, 1, "remove "])
def test_an_unknown_operation_is_refused(op: Any) -> None:
    """Only add, replace and remove are operations, in any case."""
    for profile in POLICIES:
        assert refused(USER, {}, [{"op": op, "path": "title", "value": "x"}], profile) == "invalidValue"


@pytest.mark.parametrize("op", ["Add", "REPLACE", "replace"])
def test_operations_are_named_in_any_case(op: str) -> None:
    """Entra ID capitalizes operations."""
    assert patched(USER, {}, [{"op": op, "path": "title", "value": "x"}], "rfc")["title"] == "x"


def test_unknown_members_of_an_operation_are_dropped() -> None:
    """A member besides op, path and value is counted and dropped, and refused in the rfc profile."""
    asked: Operations = [{"op": "add", "path": "title", "value": "x", "name": "n"}]
    assert with_counts(USER, {}, asked)[1] == {"unknown_attribute": 1}
    assert refused(USER, {}, asked, "rfc") == "invalidSyntax"


@pytest.mark.parametrize("op", ["add", "replace"])
def test_a_value_is_required(op: str) -> None:
    """An add or a replace without a value is refused, and an add of null; a replace by null unassigns."""
    for profile in POLICIES:
        assert refused(USER, {}, [{"op": op, "path": "title"}], profile) == "invalidValue"
        assert refused(USER, {}, [{"op": "add", "path": "title", "value": None}], profile) == "invalidValue"
        assert "title" not in patched(
            USER, {"title": "x"}, [{"op": "replace", "path": "title", "value": None}], profile
        )


@pytest.mark.parametrize("value", [None, "x", [], 1, True])
def test_without_a_path_the_value_is_an_object(value: Any) -> None:
    """The value of an operation on the whole resource is an object."""
    for profile in POLICIES:
        assert refused(USER, {}, [{"op": "replace", "value": value}], profile) == "invalidValue"


@pytest.mark.parametrize("path", [None, "", USER.urn])
def test_a_remove_names_what_to_remove(path: Any) -> None:
    """A remove without a path, or of the whole resource, is refused with noTarget (RFC 7644 §3.5.2.2)."""
    for profile in POLICIES:
        assert refused(USER, {"title": "x"}, [{"op": "remove", "path": path}], profile) == "noTarget"


@pytest.mark.parametrize("value", [None, "", "x", {}, {"a": 1}, []])
def test_schemas_cannot_be_written(value: Any) -> None:
    """``schemas`` follows from the attributes present, so writing or removing it changes nothing."""
    document = {"schemas": [USER.urn], "userName": "a"}
    for profile in POLICIES:
        assert patched(USER, document, [{"op": "replace", "value": {"schemas": value}}], profile) == document
        assert patched(USER, document, [{"op": "remove", "path": "schemas"}], profile) == document


def test_schemas_follows_the_extensions() -> None:
    """An extension is listed while it has attributes."""
    added = patched(USER, {"userName": "a"}, [{"op": "add", "path": f"{ENTERPRISE}:division", "value": "x"}], "rfc")
    assert added["schemas"] == [USER.urn, ENTERPRISE]
    assert patched(USER, added, [{"op": "remove", "path": f"{ENTERPRISE}:division"}], "rfc")["schemas"] == [USER.urn]


def test_id_is_ignored_when_it_is_the_same() -> None:
    """Okta and authentik send the id with each change; another id is refused."""
    asked: Operations = [{"op": "replace", "value": {"id": RESOURCE_ID, "title": "x"}}]
    for profile in POLICIES:
        assert patched(USER, {}, asked, profile) == {"schemas": [USER.urn], "title": "x"}
        for name in ("id", "ID", f"{USER.urn}:id"):
            assert refused(USER, {}, [{"op": "replace", "value": {name: "other"}}], profile) == "mutability"


def test_null_says_nothing_of_what_is_read_only() -> None:
    """Clients that send every attribute send null for those they do not know, also the read-only ones."""
    value = {"id": None, "meta": None, "groups": None, f"{ENTERPRISE}:manager": {"displayName": None}}
    for profile in POLICIES:
        assert patched(USER, {"userName": "a"}, [{"op": "replace", "value": value}], profile) == {
            "schemas": [USER.urn],
            "userName": "a",
        }


def test_a_read_only_path_is_refused() -> None:
    """A path that is read-only is refused in every profile."""
    for path in ("id", "meta", "meta.created", "groups", "groups.value", f"{ENTERPRISE}:manager.displayName"):
        for profile in POLICIES:
            for op in ("add", "replace", "remove"):
                assert refused(USER, {}, [{"op": op, "path": path, "value": "x"}], profile) == "mutability"


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ({"meta": {"created": "x"}, "title": "x"}, {"title": "x"}),
        ({"groups": [{"value": "x"}]}, {}),
        ({f"{ENTERPRISE}:manager": {"value": "1", "displayName": "B"}}, {ENTERPRISE: {"manager": {"value": "1"}}}),
        ({f"{ENTERPRISE}:manager.displayName": "B"}, {}),
    ],
)
def test_read_only_keys_are_ignored(value: dict[str, Any], left: dict[str, Any]) -> None:
    """Read-only attributes inside the value are counted and dropped, and refused in the rfc profile."""
    asked: Operations = [{"op": "replace", "value": value}]
    found, counts = with_counts(USER, {}, asked)
    del found["schemas"]
    assert (found, counts) == (left, {"read_only_ignored": 1})
    assert refused(USER, {}, asked, "rfc") == "mutability"


def test_read_only_sub_attributes_of_values_are_ignored() -> None:
    """What a value added to several says of read-only sub-attributes is dropped too."""
    asked: Operations = [{"op": "add", "path": "slots", "value": [{"value": "1", "state": "on"}]}]
    found, counts = with_counts(DEVICE, {}, asked)
    assert (found["slots"], counts) == ([{"value": "1"}], {"read_only_ignored": 1})
    assert refused(DEVICE, {}, asked, "rfc") == "mutability"


@pytest.mark.parametrize("value", [{"unheardOf": 1}, {"name": {"unheardOf": 1}}, {"emails": [{"unheardOf": 1}]}])
def test_unknown_keys_are_dropped(value: dict[str, Any]) -> None:
    """What no schema declares is counted and dropped in a value, and refused in the rfc profile."""
    found, counts = with_counts(USER, {"userName": "a"}, [{"op": "add", "value": value}])
    assert (found, counts) == ({"schemas": [USER.urn], "userName": "a"}, {"unknown_attribute": 1})
    assert refused(USER, {}, [{"op": "add", "value": value}], "rfc") == "invalidValue"


@pytest.mark.parametrize("path", ["unheardOf", "name.unheardOf", "urn:x:y:title", "emails[x eq 1", "title[value eq 1]"])
def test_an_unknown_path_is_refused(path: str) -> None:
    """A path that names nothing is refused in every profile: dropping it would hide a mistyped mapping."""
    for profile in POLICIES:
        for op in ("add", "replace", "remove"):
            assert refused(USER, {}, [{"op": op, "path": path, "value": "x"}], profile) == "invalidPath"


def test_a_path_is_text() -> None:
    """A path that is no string is refused."""
    assert refused(USER, {}, [{"op": "add", "path": ["title"], "value": "x"}], "lenient") == "invalidPath"


@pytest.mark.parametrize(
    "value",
    [
        {"name.givenName": "B"},
        {f"{USER.urn}:name.givenName": "B"},
        {USER.urn: {"name": {"givenName": "B"}}},
        {"NAME": {"GIVENNAME": "B"}},
    ],
)
def test_keys_are_paths(value: dict[str, Any]) -> None:
    """A key of the value may be a dotted path or one with a URN (Entra ID, aadOptscim062020)."""
    for profile in POLICIES:
        found = patched(USER, {"name": {"familyName": "J"}}, [{"op": "replace", "value": value}], profile)
        assert found["name"] == {"familyName": "J", "givenName": "B"}


def test_keys_may_select_values() -> None:
    """A key may hold a filter too; scim2-models reads it as unknown."""
    document = {"emails": [{"type": "work", "value": "a@x"}]}
    for profile in POLICIES:
        found = patched(USER, document, [{"op": "replace", "value": {'emails[type eq "work"].value': "b@x"}}], profile)
        assert found["emails"] == [{"type": "work", "value": "b@x"}]


def test_a_value_is_read_even_if_nothing_takes_it() -> None:
    """A value that does not fit is refused whether or not there is an element to write it to."""
    for profile in POLICIES:
        assert refused(USER, {}, [{"op": "replace", "path": "emails.value", "value": 7}], profile) == "invalidValue"


def test_one_value_may_be_added_to_several() -> None:
    """An add takes a single value for a multi-valued attribute, in every profile (RFC 7644 §3.5.2.1)."""
    for profile in POLICIES:
        document = {"tags": ["a"], "maker": {"name": "m"}}
        asked: Operations = [{"op": "add", "path": "tags", "value": "b"}, {"op": "add", "value": {"maker.sites": "s"}}]
        found = patched(DEVICE, document, asked, profile)
        assert (found["tags"], found["maker"]["sites"]) == (["a", "b"], ["s"])


def test_one_value_for_several_is_an_array_of_one() -> None:
    """A single value that replaces several is counted and read, and refused in the rfc profile."""
    asked: Operations = [{"op": "replace", "path": "emails", "value": {"value": "a@x"}}]
    found, counts = with_counts(USER, {}, asked)
    assert (found["emails"], counts) == ([{"value": "a@x"}], {"value_for_array": 1})
    assert refused(USER, {}, asked, "rfc") == "invalidValue"


def test_members_become_steps() -> None:
    """Members are no part of the document: an operation on them is a step for the store, in its order."""
    asked = [
        {"op": "add", "path": "members", "value": [{"value": "1"}]},
        {"op": "replace", "value": {"displayName": "x", "members": []}},
        {"op": "remove", "path": 'members[value eq "1"]'},
    ]
    payload = {"schemas": [PATCH_OP_URN], "Operations": asked}
    patch = read_patch(payload, GROUP, RESOURCE_ID, Leniences(PROFILES["rfc"]))
    assert [write.target.text for write in patch.writes] == ["displayName"]
    assert [type(step).__name__ for step in patch.member_steps] == ["AddMembers", "ReplaceMembers", "RemoveMembers"]
