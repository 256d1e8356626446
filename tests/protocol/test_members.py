"""Membership steps: what they do to a set of ids is what scim2-models does to members reduced to ``{value}``."""

from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from scim2_models import InvalidValueException, SCIMException

from scim_server.protocol.members import AddMembers, RemoveMembers, ReplaceMembers, read_member_ids
from scim_server.protocol.patch import PATCH_OP_URN, read_patch
from scim_server.protocol.profiles import PROFILES, Leniences
from tests.protocol import oracle
from tests.protocol.devices import GROUP
from tests.protocol.member_model import apply_to_set
from tests.protocol.patching import RESOURCE_ID, Operations

_IDS = ("a", "b", "c", "A", "bb")
EVERYONE = frozenset(_IDS)

_ids = st.sampled_from(_IDS)
_listed = st.lists(_ids, max_size=4).map(lambda ids: [{"value": each} for each in ids])
_equal = _ids.map('value eq "{}"'.format)
_any_of = st.lists(_equal, min_size=1, max_size=3).map(" or ".join)
_others = st.one_of(
    _ids.map('value ne "{}"'.format),
    _ids.map('value sw "{}"'.format),
    _ids.map('not (value eq "{}")'.format),
    st.tuples(_equal, _equal).map(" and ".join),
    st.just("value pr"),
    st.just('type eq "User"'),
)
_filters = st.one_of(_any_of, _others).map("members[{}]".format)
_operations = st.one_of(
    st.builds(
        lambda op, value: {"op": op, "path": "members", "value": value}, st.sampled_from(["add", "replace"]), _listed
    ),
    st.builds(lambda op, value: {"op": op, "value": {"members": value}}, st.sampled_from(["add", "replace"]), _listed),
    st.builds(lambda path: {"op": "remove", "path": path}, _filters),
    st.just({"op": "remove", "path": "members"}),
    st.builds(lambda path: {"op": "remove", "path": path}, _equal.map("members.{}".format)),
)
_removes_by_value = st.builds(lambda value: {"op": "remove", "path": "members", "value": value}, _listed.filter(bool))


def _after(members: frozenset[str], operations: Operations, profile: str = "lenient") -> frozenset[str]:
    payload = {"schemas": [PATCH_OP_URN], "Operations": operations}
    patch = read_patch(payload, GROUP, RESOURCE_ID, Leniences(PROFILES[profile]))
    assert patch.writes == ()
    return apply_to_set(members, patch.member_steps)


def _refused(operations: Operations, profile: str = "lenient") -> str:
    with pytest.raises(SCIMException) as error:
        _after(EVERYONE, operations, profile)
    return error.value.scim_type


def _check(members: frozenset[str], asked: Operations, profile: str) -> None:
    document = {"schemas": [GROUP.urn], "displayName": "g", "members": [{"value": each} for each in sorted(members)]}
    policy = oracle.STRICT if profile == "rfc" else oracle.TOLERANT
    expected = oracle.patched(GROUP, document, asked, policy).get("members", [])
    note(f"scim2-models: {expected}")
    assert _after(members, asked, profile) == frozenset(each["value"] for each in expected)


@given(members=st.frozensets(_ids), asked=st.lists(_operations, min_size=1, max_size=5))
def test_steps_leave_the_members_scim2_models_leaves(members: frozenset[str], asked: Operations) -> None:
    """In both profiles, the steps leave the set of members that ``PatchOp.patch`` leaves."""
    for profile in ("rfc", "lenient"):
        _check(members, asked, profile)


@given(members=st.frozensets(_ids), asked=st.lists(_operations | _removes_by_value, min_size=1, max_size=5))
def test_a_remove_may_list_its_members(members: frozenset[str], asked: Operations) -> None:
    """A remove that lists members removes those and nobody else (Entra ID, JumpCloud, authentik)."""
    _check(members, asked, "lenient")


@pytest.mark.parametrize("path", ["members", "MEMBERS", f"{GROUP.urn}:members", "members.value", "members.display"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        "",
        0,
        7,
        True,
        False,
        [None],
        [[]],
        [{}],
        [""],
        [0],
        [None, None],
        {"value": None},
        {"value": ""},
        {"value": []},
        {"value": {}},
        {"members": []},
        {"members": None},
        [{"value": None}],
        [{"value": ""}],
        [{"$ref": None}],
        [{"$ref": ""}],
        [{"$ref": None, "value": None}],
        [{"value": {"value": None}}],
        [{"display": "a", "type": "User"}],
    ],
)
def test_a_remove_that_names_nobody_removes_nobody(path: str, value: Any) -> None:
    """A remove with a value that names nobody is refused or changes nothing, in any profile and any shape."""
    for profile in PROFILES:
        try:
            left = _after(EVERYONE, [{"op": "remove", "path": path, "value": value}], profile)
        except SCIMException as error:
            assert error.status == 400
        else:
            assert left == EVERYONE


def test_a_remove_has_no_value_in_the_rfc() -> None:
    """The rfc profile refuses a remove that lists members: RFC 7644 §3.5.2.2 knows a path alone."""
    asked: Operations = [{"op": "remove", "path": "members", "value": [{"value": "a"}]}]
    assert _refused(asked, "rfc") == "invalidValue"
    assert _after(EVERYONE, asked) == EVERYONE - {"a"}


def test_ids_named_in_a_path_are_removed_by_id() -> None:
    """A filter that names ids is no filter for the store: its cost is that of the ids."""
    asked = [{"op": "remove", "path": 'members[value eq "a" or VALUE eq "b"]'}]
    payload = {"schemas": [PATCH_OP_URN], "Operations": asked}
    steps = read_patch(payload, GROUP, RESOURCE_ID, Leniences(PROFILES["rfc"])).member_steps
    assert steps == (RemoveMembers(("a", "b")),)


def test_one_member_may_be_added() -> None:
    """An add takes a single member, in every profile (RFC 7644 §3.5.2.1)."""
    for profile in PROFILES:
        asked: Operations = [{"op": "add", "path": "members", "value": {"value": "new"}}]
        assert _after(EVERYONE, asked, profile) == EVERYONE | {"new"}


def test_a_remove_without_a_value_empties() -> None:
    """Only a remove of ``members`` that carries no value at all empties a group."""
    for profile in PROFILES:
        assert _after(EVERYONE, [{"op": "remove", "path": "members"}], profile) == frozenset()


@pytest.mark.parametrize("value", [[], None])
def test_a_replace_by_nobody_empties(value: Any) -> None:
    """A replace by no members empties a group (Okta's push of an empty group)."""
    for asked in ({"path": "members", "value": value}, {"value": {"members": value}}):
        assert _after(EVERYONE, [{"op": "replace", **asked}], "rfc") == frozenset()


@pytest.mark.parametrize(
    "value",
    [
        [{"value": "b", "display": "B", "type": "User", "$ref": None}],
        [{"VALUE": "b"}],
        [{"$ref": "https://example.com/scim/v2/Users/b"}],
        [{"$ref": "../Users/b/"}],
        [{"value": "b"}, {"value": "b"}],
        [{"value": "b"}, None],
    ],
)
def test_only_the_id_of_a_member_counts(value: Any) -> None:
    """A member is its ``value``, or the end of its ``$ref``: type and display are the server's own."""
    for profile in PROFILES:
        assert read_member_ids(value, Leniences(PROFILES[profile])) == ("b",)


@pytest.mark.parametrize(
    ("value", "tolerance"),
    [({"value": "b"}, "value_for_array"), (["b"], "string_for_complex"), ("b", "value_for_array")],
)
def test_members_are_read_in_other_forms(value: Any, tolerance: str) -> None:
    """A single member and bare ids are counted and read, and refused in the rfc profile."""
    leniences = Leniences(PROFILES["lenient"])
    assert read_member_ids(value, leniences) == ("b",)
    assert leniences.counts[tolerance] == 1
    with pytest.raises(InvalidValueException):
        read_member_ids(value, Leniences(PROFILES["rfc"]))


@pytest.mark.parametrize("value", [{}, [{}], [7], [{"value": 7}], [{"value": ""}], [{"display": "b"}], 7, [["b"]]])
def test_a_member_has_an_id(value: Any) -> None:
    """A member without a usable id is refused, in every profile."""
    for profile in PROFILES:
        with pytest.raises(InvalidValueException):
            read_member_ids(value, Leniences(PROFILES[profile]))


@pytest.mark.parametrize("value", [None, "", {}, {"value": ""}, {"value": "new"}, "new", {"display": "N"}])
@pytest.mark.parametrize("op", ["add", "replace"])
def test_a_member_may_be_added_by_its_path(op: str, value: Any) -> None:
    """An add or replace at ``members[value eq "id"]`` adds that member, whatever its value (OneLogin)."""
    asked: Operations = [{"op": op, "path": 'members[value eq "new"]', "value": value}]
    assert _after(EVERYONE, asked) == EVERYONE | {"new"}
    assert _after(EVERYONE, [{"op": op, "path": 'members[value eq "new"]'}]) == EVERYONE | {"new"}
    assert _refused(asked, "rfc") == ("invalidValue" if value == "new" else "noTarget")


@pytest.mark.parametrize(
    ("path", "value"),
    [('members[value eq "a"]', {"value": "b"}), ("members.value", "b"), ('members[value eq "a"].value', "b")],
)
def test_the_id_of_a_member_is_immutable(path: str, value: Any) -> None:
    """A member is not turned into another one: that takes a remove and an add."""
    for profile in PROFILES:
        assert _refused([{"op": "replace", "path": path, "value": value}], profile) == "mutability"


def test_a_filter_that_selects_several_needs_a_match() -> None:
    """A write to members that a filter of another form selects changes nothing, and fails where there are none."""
    asked: Operations = [{"op": "replace", "path": 'members[value sw "b"]', "value": {"display": "x"}}]
    for profile in PROFILES:
        assert _after(EVERYONE, asked, profile) == EVERYONE
        with pytest.raises(SCIMException) as error:
            _after(frozenset("a"), asked, profile)
        assert error.value.scim_type == "noTarget"


@pytest.mark.parametrize("sub_attribute", ["type", "display", "$ref"])
@pytest.mark.parametrize("op", ["add", "replace", "remove"])
def test_the_rest_of_a_member_is_the_servers(op: str, sub_attribute: str) -> None:
    """Writing or removing type, display or $ref of members changes nothing and is no error (Ping, Okta)."""
    for profile in PROFILES:
        for path in (f"members.{sub_attribute}", f'members[value eq "a"].{sub_attribute}'):
            operation = {"op": op, "path": path} if op == "remove" else {"op": op, "path": path, "value": "x"}
            assert _after(EVERYONE, [operation], profile) == EVERYONE


def test_a_remove_with_a_filter_has_no_value() -> None:
    """A remove that both selects in its path and lists in its value is refused: one of the two is a mistake."""
    asked: Operations = [{"op": "remove", "path": 'members[value eq "a"]', "value": [{"value": "b"}]}]
    for profile in PROFILES:
        assert _refused(asked, profile) == "invalidValue"


def test_ids_are_kept_once_in_their_order() -> None:
    """A step names each id once, so its cost is that of those it names."""
    payload = {
        "schemas": [PATCH_OP_URN],
        "Operations": [
            {"op": "add", "path": "members", "value": [{"value": each} for each in "baab"]},
            {"op": "replace", "path": "members", "value": [{"value": each} for each in "cc"]},
        ],
    }
    steps = read_patch(payload, GROUP, RESOURCE_ID, Leniences(PROFILES["rfc"])).member_steps
    assert steps == (AddMembers(("b", "a")), ReplaceMembers(("c",)))
