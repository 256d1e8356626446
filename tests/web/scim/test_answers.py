"""Rules for every answer and request that no other file is about (RFC 7643 §2 and §3, RFC 7644 §3 and §7)."""

import re
from typing import Any

import pytest
from flask import Flask

from scim_server.actions.portals import MEMBER_GROUP_URN
from scim_server.protocol.bulk import BULK_REQUEST_URN, BULK_RESPONSE_URN
from scim_server.protocol.catalog import GROUP_URN, USER_URN
from scim_server.protocol.member_dates import MEMBER_USER_URN
from scim_server.protocol.patch import PATCH_OP_URN
from scim_server.protocol.queries import SEARCH_REQUEST_URN
from scim_server.protocol.replies import LIST_RESPONSE_URN
from scim_server.web.requests import SCIM_PREFIX
from tests.directory import Client, group_body, new_client, user_body

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
MESSAGES = (BULK_REQUEST_URN, BULK_RESPONSE_URN, PATCH_OP_URN, SEARCH_REQUEST_URN, LIST_RESPONSE_URN)


def _bodies(endpoint: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return (user_body("ann"), user_body("anna")) if endpoint == "Users" else (group_body("g"), group_body("h"))


@pytest.mark.parametrize("endpoint", ["Users", "Groups"])
def test_an_answer_says_where_its_resource_is(client: Client, endpoint: str) -> None:
    """RFC 7643 §3.1: meta.location is the Content-Location, and the Location of what was created."""
    body, other = _bodies(endpoint)
    created = client.post(f"/{endpoint}", body)
    place = created.get_json()["meta"]["location"]
    assert created.headers["Location"] == place
    path = place.partition(SCIM_PREFIX)[2]
    rename = {"op": "replace", "path": "externalId", "value": "1"}
    for answer in (client.get(path), client.put(path, other), client.patch(path, rename)):
        assert answer.headers["Content-Location"] == answer.get_json()["meta"]["location"] == place
    assert client.read(f"/{endpoint}")["Resources"][0]["meta"]["location"] == place


@pytest.mark.parametrize("urn", [*MESSAGES, "urn:ietf:params:scim:api:messages:2.0:Error"])
def test_messages_are_no_schemas(client: Client, urn: str) -> None:
    """RFC 7644 §3.1: the schemas of messages SHALL NOT be discoverable by /Schemas."""
    assert client.get(f"/Schemas/{urn}").status_code == 404
    assert urn not in {each["id"] for each in client.read("/Schemas")["Resources"]}


@pytest.mark.parametrize("path", ["/scim/v1/Users", "/scim/v3/Users", "/scim/Users", "/scim/V2/Users"])
def test_another_version_of_the_protocol_is_refused(client: Client, path: str) -> None:
    """RFC 7644 §3.13: a version that is named MUST be used, or the request rejected."""
    answer = client.http.get(path, headers={"Authorization": f"Bearer {client.token}"})
    assert (answer.status_code, answer.mimetype) == (404, "application/scim+json")
    assert SCIM_PREFIX in answer.get_json()["detail"]


def test_a_token_in_the_address_proves_nothing(client: Client) -> None:
    """RFC 7644 §7.4: tokens are not passed in URIs, which are logged."""
    path = f"{SCIM_PREFIX}/Users?access_token={client.token}"
    assert client.http.get(path).status_code == 401
    assert client.http.post(f"{SCIM_PREFIX}/Users", data={"access_token": client.token}).status_code == 401


def test_the_order_of_schemas_means_nothing(client: Client) -> None:
    """RFC 7643 §3: the order of the URNs MUST NOT change what is done; in an answer none stands twice."""
    answers: list[dict[str, Any]] = []
    for urns in ([USER_URN, ENTERPRISE], [ENTERPRISE, USER_URN], [ENTERPRISE, USER_URN, ENTERPRISE]):
        body = {"schemas": urns, "userName": f"ann{len(answers)}", ENTERPRISE: {"division": "x"}}
        answers.append(client.post("/Users", body).get_json())
    assert [each["schemas"] for each in answers] == [[USER_URN, ENTERPRISE]] * 3


def test_the_order_of_attributes_means_nothing(client: Client) -> None:
    """RFC 7643 §2.3.8: no order of the members of an object is expected."""
    body = {
        "emails": [{"primary": True, "type": "work", "value": "a@example.com"}],
        ENTERPRISE: {"division": "x"},
        "name": {"givenName": "Ann", "familyName": "Ash"},
        "userName": "ann",
        "schemas": [USER_URN],
    }
    first = client.post("/Users", body).get_json()
    path = f"/Users/{first['id']}"
    turned = {name: dict(reversed(value.items())) if isinstance(value, dict) else value for name, value in body.items()}
    assert client.put(path, dict(reversed(turned.items()))).get_json() == first, "and so it is no change"


def test_an_id_is_the_servers_own(app: Flask, client: Client) -> None:
    """RFC 7643 §3.1: it is assigned here, without `bulkId` in it, differs from all others, and never changes."""
    sent = user_body(
        "ann", id="mine", meta={"resourceType": "Group", "version": "9", "created": "2000-01-01T00:00:00Z"}
    )
    created = client.post("/Users", sent).get_json()
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", created["id"])
    assert created["meta"]["resourceType"] == "User"
    assert created["meta"]["created"] == created["meta"]["lastModified"] > "2026"
    path = f"/Users/{created['id']}"
    replaced = client.put(path, {**sent, "meta": {"created": "2000-01-01T00:00:00Z"}}).get_json()
    assert (replaced["id"], replaced["meta"]["created"]) == (created["id"], created["meta"]["created"])
    others = {new_client(app).new_user() for _ in range(3)} | {client.new_user(), client.new_group()}
    assert len(others | {created["id"]}) == 6


def test_an_external_id_is_the_clients_own(client: Client) -> None:
    """RFC 7643 §3.1: the server never makes one up, keeps its case, and leaves its uniqueness to the client."""
    ann, bea = client.new_user("ann"), client.new_user("bea", externalId="Id-1")
    assert "externalId" not in client.read(f"/Users/{ann}")
    cleo = client.new_user("cleo", externalId="Id-1")
    found = client.read('/Users?filter=externalId%20eq%20"Id-1"')["Resources"]
    assert {each["id"] for each in found} == {bea, cleo}
    assert client.read('/Users?filter=externalId%20eq%20"id-1"')["totalResults"] == 0


def test_discovery_answers_whole_lists(client: Client) -> None:
    """RFC 7644 §4: sorting and pagination SHALL be ignored, and a filter be answered with 403."""
    for path in ("/Schemas", "/ResourceTypes"):
        whole = client.read(path)
        assert whole["totalResults"] == whole["itemsPerPage"] == len(whole["Resources"]) > 1
        query = "startIndex=2&count=1&sortBy=name&sortOrder=descending&cursor="
        assert client.read(f"{path}?{query}") == whole
        assert client.get(f"{path}?filter=name%20pr").status_code == 403
    assert client.get("/ServiceProviderConfig?startIndex=9&count=0").status_code == 200
    assert client.get("/ServiceProviderConfig?filter=patch%20pr").status_code == 403


def test_resource_types_name_schemas_that_are_there(client: Client) -> None:
    """RFC 7643 §6: the URIs of a resource type equal the ids of schemas, each with a name and attributes."""
    schemas = {each["id"]: each for each in client.read("/Schemas")["Resources"]}
    types = client.read("/ResourceTypes")["Resources"]
    named = {each["schema"] for each in types}
    named |= {extension["schema"] for each in types for extension in each.get("schemaExtensions", ())}
    assert named == {USER_URN, GROUP_URN, ENTERPRISE, MEMBER_USER_URN, MEMBER_GROUP_URN} == set(schemas)
    for each in types:
        assert each["meta"]["location"].endswith(f"/ResourceTypes/{each['id']}")
        assert client.get(each["endpoint"]).status_code == 200
    for schema in schemas.values():
        assert schema["name"]
        for attribute in schema["attributes"]:
            # RFC 7643 §2.1 and §2.3.8: the form of names, and no complex value within a complex one.
            for inner in (attribute, *attribute.get("subAttributes", ())):
                assert re.fullmatch(r"\$ref|[A-Za-z][A-Za-z0-9$_-]*", inner["name"])
            assert not any(inner["type"] == "complex" for inner in attribute.get("subAttributes", ()))
