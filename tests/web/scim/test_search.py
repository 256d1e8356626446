"""Searches at the root and by POST (RFC 7644 §3.4.2.1, §3.4.3): several types as one collection."""

from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from scim_server.protocol.queries import SEARCH_REQUEST_URN
from scim_server.protocol.replies import LIST_RESPONSE_URN
from tests.directory import Client, new_client

Names = list[str]


@pytest.fixture
def directory(client: Client) -> Client:
    """A client of three users and two groups."""
    ann = client.new_user("ann", displayName="Ann", title="Dr", externalId="1")
    client.new_user("bob", displayName="bob", emails=[{"value": "bob@example.com", "primary": True}])
    client.new_user("cleo", active=False)
    inner = client.new_group("Admins", [ann])
    client.new_group("Zoo", [inner], externalId="1")
    return client


def search(client: Client, path: str = "", **parameters: Any) -> Any:
    """Return what POST to `/.search` answers."""
    response = client.post(f"{path}/.search", {"schemas": [SEARCH_REQUEST_URN], **parameters})
    assert response.status_code == 200, response.text
    return response.get_json()


def names(answer: Any) -> Names:
    return [each.get("userName") or each["displayName"] for each in answer["Resources"]]


def refusal(response: Any) -> tuple[int, str | None]:
    return response.status_code, response.get_json().get("scimType")


QUERIES: list[tuple[dict[str, Any], Names]] = [
    ({}, ["ann", "bob", "cleo", "Admins", "Zoo"]),
    ({"filter": 'displayName sw "a"'}, ["ann", "Admins"]),
    ({"filter": 'meta.resourceType eq "Group"'}, ["Admins", "Zoo"]),
    ({"filter": 'meta.resourceType eq "User" and active eq true'}, ["ann", "bob"]),
    ({"filter": 'externalId eq "1"'}, ["ann", "Zoo"]),
    # RFC 7644 §3.4.2.1: an attribute a type does not declare matches none of its resources.
    ({"filter": "userName pr"}, ["ann", "bob", "cleo"]),
    ({"filter": 'title ne "x" and userName sw "a"'}, ["ann"]),
    ({"filter": 'userName eq "ann" or members pr'}, ["ann", "Admins", "Zoo"]),
    ({"filter": 'urn:ietf:params:scim:schemas:core:2.0:User:displayName eq "ann"'}, ["ann"]),
    ({"filter": "displayName pr", "sortBy": "displayName"}, ["Admins", "ann", "bob", "Zoo"]),
    ({"sortBy": "displayName"}, ["Admins", "ann", "bob", "Zoo", "cleo"]),
    ({"sortBy": "displayName", "sortOrder": "descending"}, ["cleo", "Zoo", "bob", "ann", "Admins"]),
    ({"sortBy": "displayName", "startIndex": 2, "count": 2}, ["ann", "bob"]),
    ({"sortBy": "userName"}, ["ann", "bob", "cleo", "Admins", "Zoo"]),
    ({"sortBy": "meta.created", "count": 2}, ["ann", "bob"]),
    ({"startIndex": 5, "count": 10}, ["Zoo"]),
    ({"startIndex": 6}, []),
]


@pytest.mark.parametrize(
    ("parameters", "found"), QUERIES, ids=lambda each: urlencode(each) if isinstance(each, dict) else ""
)
def test_the_root_is_one_collection(directory: Client, parameters: dict[str, Any], found: Names) -> None:
    """Filter, order and page reach over users and groups; GET and POST answer the same."""
    answer = directory.read(f"?{urlencode(parameters)}")
    assert names(answer) == found
    assert answer["schemas"] == [LIST_RESPONSE_URN]
    assert answer["itemsPerPage"] == len(found)
    assert search(directory, **parameters) == answer


@pytest.mark.parametrize("endpoint", ["/Users", "/Groups"])
def test_a_search_of_one_type_is_its_list(directory: Client, endpoint: str) -> None:
    """POST to an endpoint's `/.search` answers what GET of the endpoint does (RFC 7644 §3.4.3)."""
    parameters = {"filter": "displayName pr", "sortBy": "displayName", "sortOrder": "descending", "count": 2}
    expected = directory.read(f"{endpoint}?{urlencode(parameters)}&attributes=displayName,meta.location")
    answer = search(directory, endpoint, **parameters, attributes=["displayName", "meta.location"])
    assert answer == expected
    assert answer["totalResults"] == 2
    assert {frozenset(each) for each in answer["Resources"]} == {frozenset({"id", "schemas", "displayName", "meta"})}


def test_what_is_sent_and_what_is_left_out_apply_to_each_type(directory: Client) -> None:
    """`attributes` names those of either type; the members of groups are left out when asked."""
    by_name = {each["id"]: each for each in search(directory, attributes=["userName", "members.value"])["Resources"]}
    shapes = [sorted(each.keys() - {"id", "schemas"}) for each in by_name.values()]
    assert shapes == [["userName"]] * 3 + [["members"]] * 2
    for query in ("?excludedAttributes=members,groups", "?excludedattributes=Members,GROUPS"):
        assert not any(each.keys() & {"members", "groups"} for each in directory.read(query)["Resources"])


@pytest.mark.parametrize("path", ["", "/Users", "/Groups"])
def test_the_names_of_parameters_have_no_case(directory: Client, path: str) -> None:
    """Clients write them in any case, in the query and in the message; unknown ones are ignored."""
    expected = directory.read(f"{path}?count=1&sortBy=displayName&filter=displayName%20pr")
    assert directory.read(f"{path}?COUNT=1&sortby=displayname&Filter=displayname%20PR&aadOptscim062020") == expected
    assert search(directory, path, COUNT=1, sortby="displayname", Filter="displayname PR", more=1) == expected


@pytest.mark.parametrize(
    ("parameters", "scim_type"),
    [
        ({"filter": "colour pr"}, "invalidFilter"),
        ({"filter": "userName eq"}, "invalidFilter"),
        ({"sortBy": "colour"}, "invalidPath"),
        ({"sortBy": "name"}, "invalidPath"),
        ({"sortBy": "password"}, "invalidPath"),
        ({"sortOrder": "upwards"}, "invalidValue"),
        ({"count": "many"}, "invalidValue"),
        ({"startIndex": "first"}, "invalidValue"),
        ({"attributes": "userName", "excludedAttributes": "title"}, "invalidValue"),
    ],
)
@pytest.mark.parametrize("path", ["", "/Users"])
def test_a_search_that_cannot_be_is_refused(
    directory: Client, path: str, parameters: dict[str, Any], scim_type: str
) -> None:
    """By GET and by POST, with the error type of RFC 7644 §3.12."""
    assert refusal(directory.get(f"{path}?{urlencode(parameters)}")) == (400, scim_type)
    sent = {"schemas": [SEARCH_REQUEST_URN], **parameters}
    assert refusal(directory.post(f"{path}/.search", sent)) == (400, scim_type)


@pytest.mark.parametrize(
    ("payload", "scim_type"),
    [
        ([], "invalidSyntax"),
        ({"filter": 1}, "invalidSyntax"),
        ({"sortBy": ["userName"]}, "invalidSyntax"),
        ({"attributes": [1]}, "invalidSyntax"),
        ({"count": True}, "invalidValue"),
        ({"startIndex": 1.5}, "invalidValue"),
    ],
)
def test_what_is_no_search_request_is_refused(client: Client, payload: Any, scim_type: str) -> None:
    """Each member of the message has its JSON type."""
    if isinstance(payload, dict):
        payload = {"schemas": [SEARCH_REQUEST_URN], **payload}
    assert refusal(client.post("/.search", payload)) == (400, scim_type)


def test_a_strict_connection_names_the_message(app: Flask, client: Client) -> None:
    """`schemas` holds the URN of SearchRequest; a lenient connection does without."""
    strict = new_client(app, connection="strict", profile="rfc")
    assert refusal(strict.post("/.search", {"count": 1})) == (400, "invalidSyntax")
    assert client.post("/.search", {"count": 1}).status_code == 200


def test_a_search_is_a_read(app: Flask) -> None:
    """A token that only reads may POST it, one that only writes may not."""
    reader, writer = (new_client(app, scope=f"scim:{each}") for each in ("read", "write"))
    assert search(reader)["totalResults"] == 0
    assert writer.post("/.search", {"schemas": [SEARCH_REQUEST_URN]}).status_code == 403


def test_the_root_shows_what_its_endpoints_show(app: Flask, directory: Client) -> None:
    """The groups of another connection and of another organization are not there (RFC 7644 §3.4.2.1)."""
    other = new_client(app, directory.organization, connection="other")
    group_id = other.new_group("Theirs")
    new_client(app).new_user("elsewhere")
    assert names(directory.read("?count=0") | directory.read("")) == ["ann", "bob", "cleo", "Admins", "Zoo"]
    assert names(other.read("")) == ["ann", "bob", "cleo", "Theirs"]
    for each in other.read("")["Resources"]:
        endpoint = "Groups" if each["id"] == group_id else "Users"
        assert other.read(f"/{endpoint}/{each['id']}") == each


def test_a_page_is_no_larger_than_announced(client: Client) -> None:
    """A larger count is read as the largest; zero and less answer the total alone (RFC 7644 §3.4.2.4)."""
    client.new_user()
    announced = client.read("/ServiceProviderConfig")["filter"]["maxResults"]
    assert client.read(f"?count={announced + 1}")["itemsPerPage"] == 1
    for count in (0, -1):
        answer = search(client, count=count)
        assert (answer["totalResults"], answer["itemsPerPage"], answer["Resources"]) == (1, 0, [])
    assert search(client, startIndex=-5)["startIndex"] == 1
