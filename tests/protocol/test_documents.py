"""Documents: what scim2-models accepts in a creation request, and what the profiles tolerate beyond it."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from scim2_models import SCIMException

from scim_server.protocol.catalog import ResourceDefinition, build_catalog
from scim_server.protocol.documents import KEPT, Document, display_of, read_resource, split
from scim_server.protocol.profiles import PROFILES, Leniences
from tests.protocol import oracle, payloads
from tests.protocol.devices import (
    DEVICE,
    DEVICE_URN,
    GROUP,
    USER,
    WARRANTY_URN,
    attribute,
    resource_type,
    schema,
)
from tests.protocol.patching import ENTERPRISE

_UNKNOWN = "urn:scim:schemas:core:1.0"
# What neither reads, whatever the attribute: scim2-models reads 1 for true and "1" for a number.
_MISFITS: tuple[Any, ...] = ([[]], {"x": {"y": 1}}, [{"value": {"y": 1}}], ["a", ["b"]], {"value": ["a"]})


def _read(definition: ResourceDefinition, payload: dict[str, Any], profile: str = "rfc") -> Document:
    return read_resource(payload, definition, Leniences(PROFILES[profile]))


def _refused(definition: ResourceDefinition, payload: dict[str, Any], profile: str = "rfc") -> str:
    with pytest.raises(SCIMException) as error:
        _read(definition, payload, profile)
    return error.value.scim_type


def _user(**attributes: Any) -> dict[str, Any]:
    return {"schemas": [USER.urn], "userName": "a", **attributes}


@st.composite
def _payloads(draw: st.DrawFn, definition: ResourceDefinition) -> dict[str, Any]:
    """Return payloads that fit, mostly: names in any case, null and empty values, and now and then a fault."""
    payload = draw(payloads.documents(definition))
    names = [attribute.name for attribute in definition.attributes.values() if attribute.name != "schemas"]
    for _ in range(draw(st.integers(0, 2))):
        name, fault = draw(st.sampled_from(names)), draw(st.sampled_from(("null", "null", "empty", "misfit", "lack")))
        several = definition.attributes[name.lower()].multi_valued
        if fault == "null":
            payload[name] = None
        elif fault == "empty" and several:
            payload[name] = []
        elif fault == "misfit":
            payload[name] = draw(st.sampled_from(_MISFITS))
        elif fault == "lack":
            payload.pop(name, None)
    if draw(st.integers(0, 9)) == 7:
        draw(st.sampled_from((payload, *(each for each in payload.values() if isinstance(each, dict)))))["x"] = "y"
    if draw(st.integers(0, 19)) == 7:
        payload["schemas"].append(_UNKNOWN)
    return draw(_in_any_case(payload))


@st.composite
def _in_any_case(draw: st.DrawFn, value: dict[str, Any]) -> dict[str, Any]:
    """Return an object with its names in any case, but the URNs of extensions."""
    return {
        name if name.startswith("urn:") else draw(payloads.in_any_case(name)): (
            draw(_in_any_case(item)) if isinstance(item, dict) else item
        )
        for name, item in value.items()
    }


@given(data=st.data(), definition=st.sampled_from((USER, DEVICE)))
def test_a_creation_is_read_as_by_scim2_models(data: st.DataObject, definition: ResourceDefinition) -> None:
    """The rfc profile accepts what the strict models accept, and reads what they dump, values as sent."""
    payload = data.draw(_payloads(definition))
    expected = None
    try:
        expected = oracle.created(definition, payload, oracle.STRICT)
    except oracle.Refusal as error:
        note(str(error))
    try:
        found = _read(definition, payload)
    except SCIMException as error:
        assert error.scim_type in ("invalidValue", "invalidSyntax")
        assert expected is None, error.detail
    else:
        if found.get("password", "") is None:
            del found["password"]  # Says that it is to be cleared: see test_null_clears_a_password.
        assert found == expected, payload


@given(data=st.data(), definition=st.sampled_from((USER, DEVICE, GROUP)))
def test_what_is_read_is_read_again_alike(data: st.DataObject, definition: ResourceDefinition) -> None:
    """Reading a document gives that document, in every profile."""
    document = _read(definition, data.draw(payloads.documents(definition, frozenset({"members"}))))
    for profile in PROFILES:
        assert _read(definition, document, profile) == document


@pytest.mark.parametrize(
    ("sent", "read", "tolerance"),
    [
        ({"active": "True"}, {"active": True}, "string_for_boolean"),
        ({"active": "false"}, {"active": False}, "string_for_boolean"),
        ({"emails": {"value": "a@x"}}, {"emails": [{"value": "a@x"}]}, "value_for_array"),
        ({"emails": ["a@x"]}, {"emails": [{"value": "a@x"}]}, "string_for_complex"),
        ({"emails": [""]}, {}, "empty_string_for_complex"),
        ({"name": ""}, {}, "empty_string_for_complex"),
        ({"name": [{"givenName": "A"}]}, {"name": {"givenName": "A"}}, "array_for_value"),
        ({"name": []}, {}, "array_for_value"),
        ({"department": "D"}, {}, "unknown_attribute"),
        ({"name": {"nick": "N", "givenName": "A"}}, {"name": {"givenName": "A"}}, "unknown_attribute"),
        ({USER.urn: {"title": "T"}}, {"title": "T"}, "core_attributes_under_urn"),
        ({ENTERPRISE: {"manager": "1"}}, {ENTERPRISE: {"manager": {"value": "1"}}}, "string_for_complex"),
        ({ENTERPRISE: {"manager": [{"value": "1"}]}}, {ENTERPRISE: {"manager": {"value": "1"}}}, "array_for_value"),
        ({"schemas": None}, {}, "schemas_inferred"),
        ({"schemas": []}, {}, "schemas_inferred"),
        ({"schemas": [ENTERPRISE]}, {}, "schemas_inferred"),
        ({"schemas": [USER.urn, _UNKNOWN]}, {}, "unknown_schema_urn"),
    ],
)
def test_a_tolerance_is_counted_once(sent: dict[str, Any], read: dict[str, Any], tolerance: str) -> None:
    """Each tolerance of the lenient profile is counted once a use, and refused in the rfc profile."""
    leniences = Leniences(PROFILES["lenient"])
    found = read_resource(_user(**sent), USER, leniences)
    assert {name: value for name, value in found.items() if name not in ("schemas", "userName")} == read
    assert leniences.counts == Counter({tolerance: 1})
    assert _refused(USER, _user(**sent)) in ("invalidValue", "invalidSyntax")


def test_an_empty_manager_is_none() -> None:
    """A reference to ``""`` is none in the lenient profile (Entra ID); the rfc profile reads it as sent."""
    sent = {**_user(), ENTERPRISE: {"manager": {"value": ""}}}
    assert ENTERPRISE not in _read(USER, sent, "lenient")
    assert _read(USER, sent, "rfc")[ENTERPRISE] == {"manager": {"value": ""}}


def test_foreign_schemas_are_inferred_and_unknown() -> None:
    """OneLogin's ``urn:scim:schemas:core:2.0`` alone is both: a foreign name, and that of the endpoint left out."""
    leniences = Leniences(PROFILES["lenient"])
    assert read_resource(_user(schemas=[_UNKNOWN]), USER, leniences)["schemas"] == [USER.urn]
    assert leniences.counts == {"schemas_inferred": 1, "unknown_schema_urn": 1}


@pytest.mark.parametrize("schemas", ["x", 7, {}, [7], [[USER.urn]], [None]])
def test_schemas_is_an_array_of_urns(schemas: Any) -> None:
    """What is no array of strings is refused, in every profile."""
    for profile in PROFILES:
        assert _refused(USER, _user(schemas=schemas), profile) == "invalidSyntax"


def test_schemas_names_what_the_document_holds() -> None:
    """``schemas`` is the server's: the base schema, and the extensions that have attributes."""
    sent = _user(schemas=[ENTERPRISE.upper(), USER.urn.lower()])
    assert _read(USER, sent)["schemas"] == [USER.urn]
    found = _read(USER, {**_user(), ENTERPRISE.upper(): {"Division": "D"}})
    assert found == {"schemas": [USER.urn, ENTERPRISE], "userName": "a", ENTERPRISE: {"division": "D"}}


@pytest.mark.parametrize("value", [None, "", [], {}])
@pytest.mark.parametrize(("definition", "name"), [(USER, "userName"), (GROUP, "displayName"), (DEVICE, "serial")])
def test_what_is_required_is_not_empty(definition: ResourceDefinition, name: str, value: Any) -> None:
    """A required attribute is neither missing, null nor empty, in every profile."""
    for profile in PROFILES:
        assert _refused(definition, {"schemas": [definition.urn]}, profile) == "invalidValue"
        assert _refused(definition, {"schemas": [definition.urn], name: value}, profile) == "invalidValue"


@pytest.mark.parametrize("value", [{"country": "FR"}, {"name": None, "country": "FR"}, {"name": "", "founded": 1}])
def test_a_complex_value_has_what_it_requires(value: dict[str, Any]) -> None:
    """A required sub-attribute is required of a value that has others; an empty value is none."""
    for profile in PROFILES:
        payload = {"schemas": [DEVICE_URN], "serial": "1", "maker": value}
        assert _refused(DEVICE, payload, profile) == "invalidValue"
        assert "maker" not in _read(DEVICE, {**payload, "maker": {}}, profile)


@pytest.mark.parametrize("value", [None, {}, {"number": None}, {"terms": []}])
def test_an_empty_extension_is_none(value: Any) -> None:
    """An extension without a value is left out, and not listed in ``schemas``."""
    found = _read(DEVICE, {"schemas": [DEVICE_URN, WARRANTY_URN], "serial": "1", WARRANTY_URN: value})
    assert found == {"schemas": [DEVICE_URN], "serial": "1"}


@pytest.mark.parametrize("value", [None, {}, {"level": None}])
def test_a_required_extension_is_sent(value: Any) -> None:
    """A resource type may require an extension, and an empty one is none."""
    urn = "urn:example:schemas:1.0:Plate"
    plate = build_catalog(
        [
            ("Plate.json", schema(urn, attribute("number"))),
            ("Warranty.json", schema(WARRANTY_URN, attribute("level"))),
            (
                "type.json",
                {**resource_type("Plate", urn), "schemaExtensions": [{"schema": WARRANTY_URN, "required": True}]},
            ),
        ]
    ).by_name("Plate")
    for profile in PROFILES:
        assert _refused(plate, {"schemas": [urn], WARRANTY_URN: value}, profile) == "invalidValue"
        assert _refused(plate, {"schemas": [urn]}, profile) == "invalidValue"
        assert WARRANTY_URN in _read(plate, {"schemas": [urn], WARRANTY_URN: {"level": "1"}}, profile)


@pytest.mark.parametrize("value", ["x", [], 7, True, [{}]])
def test_an_extension_is_an_object(value: Any) -> None:
    """An extension that is no object is refused, in every profile."""
    for profile in PROFILES:
        assert _refused(USER, {**_user(), ENTERPRISE: value}, profile) == "invalidValue"


def test_what_is_unassigned_is_not_kept() -> None:
    """Null, empty arrays, and values that hold nothing else are no values (RFC 7643 §2.5); ``""`` is one."""
    sent = _user(title=None, emails=[], phoneNumbers=[None], name={"givenName": None}, addresses=[{}], nickName="")
    assert _read(USER, sent) == {"schemas": [USER.urn], "userName": "a", "nickName": ""}


def test_read_only_attributes_are_ignored() -> None:
    """What is read-only is ignored in a POST or PUT (RFC 7644 §3.3), in every profile and uncounted."""
    sent = _user(id="x", meta={"created": "never"}, groups=[{"value": "x"}])
    sent[ENTERPRISE] = {"manager": {"value": "1", "displayName": "B"}}
    for profile in PROFILES:
        leniences = Leniences(PROFILES[profile])
        found = read_resource(sent, USER, leniences)
        assert found == {**_user(schemas=[USER.urn, ENTERPRISE]), ENTERPRISE: {"manager": {"value": "1"}}}
        assert not leniences.counts


def test_one_value_is_primary() -> None:
    """Two primary values are refused (RFC 7643 §2.4), in every profile."""
    two = [{"value": "a@x", "primary": True}, {"value": "b@x", "primary": True}]
    for profile in PROFILES:
        assert _refused(USER, _user(emails=two), profile) == "invalidValue"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("label", 7),
        ("label", True),
        ("active", 1),
        ("active", "yes"),
        ("height", "7"),
        ("height", 1.5),
        ("height", True),
        ("height", 2**63),
        ("weight", "1.5"),
        ("weight", True),
        ("boughtAt", "yesterday"),
        ("boughtAt", "2026-01-31"),
        ("boughtAt", "0001-01-01T00:00:00+14:00"),
        ("boughtAt", 7),
        ("certificate", "%%"),
        ("certificate", "aGVsbG8"),
        ("owner", 7),
        ("tags", [7]),
        ("readings", ["7"]),
    ],
)
def test_a_value_fits_its_type(name: str, value: Any) -> None:
    """A value of another type is refused in every profile, but for booleans as strings: nothing is guessed."""
    for profile in PROFILES:
        assert _refused(DEVICE, {"schemas": [DEVICE_URN], "serial": "1", name: value}, profile) == "invalidValue"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("profileUrl", "not a URL"),
        ("locale", "klingon"),
        ("timezone", "Mars/Olympus"),
        ("emails", [{"value": "no address", "type": "no canonical value"}]),
        ("photos", [{"value": "upd-1234"}]),
        ("x509Certificates", [{"value": "aGVs\nbG8="}]),
    ],
)
def test_formats_are_not_checked(name: str, value: Any) -> None:
    """Values are stored as sent: Microsoft's validators send random text and compare what they read back."""
    for profile in PROFILES:
        assert _read(USER, _user(**{name: value}), profile)[name] == value


def test_values_are_kept_as_sent() -> None:
    """Dates, numbers and base64 come back as they were written, not in another spelling."""
    sent = {
        "schemas": [DEVICE_URN],
        "serial": "1",
        "boughtAt": "2026-01-31T09:00:00.5+01:00",
        "weight": 1,
        "certificate": "-_8=",
        "label": "e\u0301",
    }
    assert _read(DEVICE, sent) == sent


def test_members_are_read_as_ids() -> None:
    """The members of a group are ids, each once."""
    sent = {"schemas": [GROUP.urn], "displayName": "g", "members": [{"value": "1", "display": "x"}, {"value": "1"}]}
    assert _read(GROUP, sent)["members"] == ("1",)


def test_a_resource_is_split_into_its_parts() -> None:
    """``active``, the password and members are kept apart from the document."""
    parts = split({"userName": "a", "active": False, "password": "p"}, USER)
    assert (parts.document, parts.active, parts.password, parts.members) == ({"userName": "a"}, False, "p", ())
    parts = split({"userName": "a"}, USER)
    assert (parts.active, parts.password) == (None, KEPT)
    assert split({"displayName": "g", "members": ("1",)}, GROUP).members == ("1",)


def test_null_clears_a_password() -> None:
    """A password sent as null is None, one left out is kept: a PUT cannot resend what it never reads."""
    assert split(_read(USER, _user(password=None)), USER).password is None
    assert split(_read(USER, _user()), USER).password is KEPT


@pytest.mark.parametrize(
    ("document", "definition", "display"),
    [
        ({"displayName": "D", "name": {"formatted": "F"}, "userName": "U"}, USER, "D"),
        ({"displayName": "", "name": {"formatted": "F"}, "userName": "U"}, USER, "F"),
        ({"name": {"givenName": "G"}, "userName": "U"}, USER, "U"),
        ({"displayName": "D"}, GROUP, "D"),
        ({"serial": "S"}, DEVICE, "S"),
        ({}, DEVICE, None),
    ],
)
def test_a_person_reads_a_name(document: Document, definition: ResourceDefinition, display: str | None) -> None:
    """A resource is shown by displayName, else name.formatted, else its unique attribute."""
    assert display_of(document, definition) == display
