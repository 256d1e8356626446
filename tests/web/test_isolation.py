"""Nothing of an organization shows in another, and nothing a connection pushed shows in another connection."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.directory import (
    SCIM_PREFIX,
    Client,
    add_members,
    contents,
    group_body,
    new_client,
    patch_body,
    unique,
    user_body,
)

pytestmark = pytest.mark.usefixtures("both_paths")

BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
MARK = "zzmarkofanother"


@pytest.fixture
def other(app: Flask) -> Client:
    """A client of another organization, with a user and a group whose every value is marked."""
    client = new_client(app)
    user = client.new_user(f"{MARK}-user", externalId=MARK, emails=[{"value": f"{MARK}@x.example"}], password=MARK)
    client.new_group(f"{MARK}-group", [user], externalId=MARK)
    return client


def _ids(client: Client) -> dict[str, str]:
    return {endpoint: client.read(f"/{endpoint}")["Resources"][0]["id"] for endpoint in ("Users", "Groups")}


def _requests(app: Flask, ids: dict[str, str]) -> Iterator[tuple[str, str, bool]]:
    """Yield the method and path of every route under /scim with these ids, and whether one is in the path."""
    values = {"endpoint": list(ids), "resource_id": list(ids.values()), "identifier": list(ids.values())}
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/scim"):
            continue
        # A route with a new kind of argument needs values here: KeyError otherwise.
        for chosen in itertools.product(*(values[name] for name in sorted(rule.arguments))):
            path = rule.rule
            for name, value in zip(sorted(rule.arguments), chosen, strict=True):
                path = path.replace(f"<{name}>", value)
            for method in sorted(rule.methods or ()):
                yield method, path.removeprefix(SCIM_PREFIX), "resource_id" in rule.arguments


def _body(method: str, path: str, ids: dict[str, str]) -> Any:
    if path.endswith("/.search"):
        return {"filter": 'externalId pr or displayName pr or userName sw "zz"'}
    if method == "PATCH":
        return patch_body({"op": "replace", "path": "externalId", "value": "taken"})
    if path == "/Bulk":
        operations = [{"method": "DELETE", "path": f"/{endpoint}/{each}"} for endpoint in ids for each in ids.values()]
        return {"schemas": [BULK], "Operations": operations}
    if method in ("PUT", "POST"):
        return group_body(unique("taken")) if "Group" in path else user_body(unique("taken"))
    return None


def test_no_route_reaches_what_is_in_another_organization(app: Flask, client: Client, other: Client) -> None:
    """Every route answers 404 for an id of another organization, shows nothing of it, and leaves it unchanged."""
    ids, before = _ids(other), contents(other)
    seen = []
    for method, path, names_one in _requests(app, ids):
        answer = client.send(method, path, _body(method, path, ids))
        assert MARK not in answer.text, (method, path)
        if names_one and method != "OPTIONS":
            assert answer.status_code == 404, (method, path, answer.text)
            seen.append((method, path))
        assert answer.status_code not in (200, 204) or method in ("GET", "HEAD", "OPTIONS", "POST"), (method, path)
        if path == "/Bulk" and method == "POST":
            assert {each["status"] for each in answer.get_json()["Operations"]} == {"404"}
    assert contents(other) == before
    assert {method for method, _ in seen} >= {"GET", "HEAD", "PUT", "PATCH", "DELETE"}
    assert len(seen) >= 2 * 2 * 5


@pytest.mark.parametrize("endpoint", ["Users", "Groups"])
def test_no_resource_of_another_organization_becomes_a_member(client: Client, other: Client, endpoint: str) -> None:
    """A member of another organization is as one that does not exist: 400, whatever the request."""
    foreign, group = _ids(other)[endpoint], client.new_group()
    before = contents(client)
    replace_members = {"op": "replace", "path": "members", "value": [{"value": foreign}]}
    answers = [
        client.patch(f"/Groups/{group}", add_members(foreign)),
        client.patch(f"/Groups/{group}", replace_members),
        client.patch(f"/Groups/{group}", {"op": "add", "path": f'members[value eq "{foreign}"]'}),
        client.put(f"/Groups/{group}", group_body("g", [foreign])),
        client.post("/Groups", group_body("g", [foreign])),
    ]
    assert [answer.status_code for answer in answers] == [400] * 5
    assert contents(client) == before


FILTERS = {
    "Users": [
        f'userName eq "{MARK}-user"',
        f'userName sw "{MARK[:4]}"',
        f'externalId eq "{MARK}"',
        f'emails.value co "{MARK}"',
        'id eq "{Users}"',
        'groups.value eq "{Groups}"',
        f'groups.display eq "{MARK}-group"',
        f'not (userName eq "{MARK}")',
        'meta.created gt "2000-01-01T00:00:00Z"',
        "groups pr",
    ],
    "Groups": [
        f'displayName eq "{MARK}-group"',
        f'externalId eq "{MARK}"',
        'members.value eq "{Users}"',
        'members[value eq "{Users}"]',
        'members.type eq "User"',
        'id eq "{Groups}"',
        "members pr",
        "displayName pr",
    ],
}


@pytest.mark.parametrize("endpoint", FILTERS)
def test_a_filter_never_counts_another_organization(client: Client, other: Client, endpoint: str) -> None:
    """Whatever the filter, none of the resources it counts or shows is of another organization."""
    ids = _ids(other)
    for text in FILTERS[endpoint]:
        for name, each in ids.items():
            text = text.replace(f"{{{name}}}", each)
        for path, body in ((f"/{endpoint}/.search", {"filter": text}), ("/.search", {"filter": text})):
            answer = client.post(path, body)
            assert (answer.status_code, answer.get_json()["totalResults"]) == (200, 0), text
            assert other.post(path, body).get_json()["totalResults"] >= 1, text


def test_names_are_unique_within_an_organization(client: Client, other: Client) -> None:
    """Two organizations may each have a userName, an externalId and a displayName, and neither has it twice."""
    user = client.new_user(f"{MARK}-user", externalId=MARK)
    client.new_group(f"{MARK}-group", [user], externalId=MARK)
    for each in (client, other):
        assert each.post("/Users", user_body(f"{MARK.upper()}-USER")).status_code == 409
        assert each.post("/Groups", group_body(f"{MARK}-group")).status_code == 409
        assert each.read("/Users")["totalResults"] == 1


@pytest.fixture
def pushed(app: Flask, client: Client) -> tuple[Client, str, str]:
    """A second connection of the client's organization, with a user and the group it pushed."""
    second = new_client(app, client.organization, connection="second")
    user = second.new_user()
    return second, user, second.new_group(f"{MARK}-group", [user], externalId=MARK)


def test_a_group_of_another_connection_is_not_there(client: Client, pushed: tuple[Client, str, str]) -> None:
    """By id, in lists and in filters, the group of another connection of the organization does not exist."""
    second, _, group = pushed
    before = contents(client)
    requests = [
        ("GET", None),
        ("PUT", group_body("taken")),
        ("PATCH", patch_body({"op": "remove", "path": "members"})),
        ("DELETE", None),
    ]
    for method, body in requests:
        assert client.send(method, f"/Groups/{group}", body).status_code == 404
    for path in ("/Groups", "/Groups?filter=displayName pr", f'/Groups?filter=externalId eq "{MARK}"'):
        assert client.read(path)["totalResults"] == 0
        assert second.read(path)["totalResults"] == 1
    assert MARK not in client.get("").text
    assert contents(client) == before


def test_a_user_does_not_show_the_groups_of_another_connection(client: Client, pushed: tuple[Client, str, str]) -> None:
    """Users are those of the organization; their groups are those the connection sees, for filters too."""
    second, user, group = pushed
    own = client.new_group("own", [user])
    assert client.groups(user) == {own: "direct"}
    assert second.groups(user) == {group: "direct"}
    for text in (f'groups.value eq "{group}"', f'groups.display eq "{MARK}-group"', f'groups[value eq "{group}"]'):
        assert client.post("/Users/.search", {"filter": text}).get_json()["totalResults"] == 0, text
        assert second.post("/Users/.search", {"filter": text}).get_json()["totalResults"] == 1, text
    assert client.delete(f"/Groups/{own}").status_code == 204
    assert client.post("/Users/.search", {"filter": "groups pr"}).get_json()["totalResults"] == 0
    assert second.post("/Users/.search", {"filter": "groups pr"}).get_json()["totalResults"] == 1


def test_a_group_of_another_connection_cannot_be_nested(client: Client, pushed: tuple[Client, str, str]) -> None:
    """A connection cannot put the group of another into its own."""
    _, _, group = pushed
    own = client.new_group()
    assert client.patch(f"/Groups/{own}", add_members(group)).status_code == 400
    assert client.post("/Groups", group_body("nesting", [group])).status_code == 400
    assert client.members(own) == set()


def test_two_connections_may_push_groups_of_one_name(client: Client, pushed: tuple[Client, str, str]) -> None:
    """A displayName is unique among the groups of one connection."""
    second, user, group = pushed
    own = client.new_group(f"{MARK}-group", [user])
    assert own != group
    for each in (client, second):
        assert each.post("/Groups", group_body(f"{MARK}-GROUP")).status_code == 409
    assert client.members(own) == second.members(group) == {user}


def test_a_user_who_is_deleted_leaves_the_groups_of_every_connection(
    client: Client, pushed: tuple[Client, str, str]
) -> None:
    """A user leaves all groups, and each has a new version."""
    second, user, group = pushed
    own = client.new_group(members=[user])
    before = [client.read(f"/Groups/{own}")["meta"], second.read(f"/Groups/{group}")["meta"]]
    assert client.delete(f"/Users/{user}").status_code == 204
    after = [client.read(f"/Groups/{own}"), second.read(f"/Groups/{group}")]
    assert all("members" not in each for each in after)
    assert [each["meta"]["version"] for each in after] == ['W/"2"', 'W/"2"'] != [each["version"] for each in before]
