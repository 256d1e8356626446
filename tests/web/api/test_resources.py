"""Users and groups as the members of their organization see them."""

import pytest
from flask import Flask

from tests.api import ApiClient, api_client, errors_of, problem_of
from tests.directory import NOBODY, Client, new_client, trail_actions, unique

ENTERPRISE_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest.fixture
def members(app: Flask) -> ApiClient:
    """A client that reads and writes members."""
    return api_client(app, "members:read", "members:write")


@pytest.fixture
def scim(app: Flask, members: ApiClient) -> Client:
    """An identity provider of the same organization."""
    return new_client(app, members.organization)


def new_user(client: ApiClient, user_name: str | None = None, **attributes: object) -> str:
    """Create a user and return their id."""
    made = client.made("members", {"attributes": {"userName": user_name or unique("user"), **attributes}})
    return str(made["id"])


def test_a_user_is_made_read_changed_and_deleted(members: ApiClient, scim: Client) -> None:
    """By the same actions as SCIM's: both show the same, and the trail has each."""
    body = {
        "attributes": {"userName": "ada", "title": "Countess", ENTERPRISE_URN: {"department": "Engines"}},
        "password": "correct horse",
    }
    answer = members.post("members", body)
    made = answer.get_json()
    assert made["attributes"] == body["attributes"]
    place = answer.headers["Location"].partition("/api/v1")[2]
    assert members.read(place) == made
    assert scim.read(f"/Users/{made['id']}")["title"] == "Countess"
    changes = {"attributes": {"title": None, "name": {"givenName": "Ada"}}, "active": False}
    changed = members.patch(place, changes, If_Match=answer.headers["ETag"])
    assert changed.get_json()["attributes"] == {
        "userName": "ada",
        "name": {"givenName": "Ada"},
        ENTERPRISE_URN: {"department": "Engines"},
    }
    assert scim.read(f"/Users/{made['id']}")["active"] is changed.get_json()["active"] is False
    problem_of(members.delete(place, If_Match=answer.headers["ETag"]), 412)
    assert members.delete(place, If_Match=changed.headers["ETag"]).status_code == 204
    assert scim.get(f"/Users/{made['id']}").status_code == members.get(place).status_code == 404
    assert trail_actions(scim, made["id"]) == ["user.create", "user.delete", "user.patch"]


def test_each_resource_says_who_wrote_it(members: ApiClient, scim: Client) -> None:
    """The connection that made it and provisions it, or the token; and who changed it last."""
    pushed, own = scim.new_user(), new_user(members)
    authors = ("created_by", "changed_by", "managed_by")
    connection, token = scim.connection.id, members.organization.prove(members.token).actor.id
    assert [members.read(f"members/{pushed}")[name] for name in authors] == [connection, connection, connection]
    assert [members.read(f"members/{own}")[name] for name in authors] == [token, token, None]
    members.patch(f"members/{pushed}", {"attributes": {"title": "x"}})
    assert [members.read(f"members/{pushed}")[name] for name in authors] == [connection, token, connection]
    listed = {each["id"]: [each[name] for name in authors] for each in members.read("members")["items"]}
    assert listed == {pushed: [connection, token, connection], own: [token, token, None]}


def test_users_are_walked_filtered_and_searched(members: ApiClient) -> None:
    """Each is met once; a filter is SCIM's; a search looks at names and addresses."""
    ids = [new_user(members, f"{name}@example.com", displayName=name) for name in ("Émile", "ada", "grace")]
    assert [each["id"] for each in members.walk("members")] == ids
    assert [each["id"] for each in members.walk('members?filter=userName sw "a"')] == ids[1:2]
    assert [each["id"] for each in members.walk("members?search=EXAMPLE")] == ids
    assert [each["id"] for each in members.walk("members?search=émi")] == ids[:1]
    assert members.read('members?search=a&filter=displayName eq "grace"')["total"] == 1
    assert members.read('members?search=") or (userName pr')["total"] == 0


def test_a_list_is_narrowed_by_what_can_be_read_only(members: ApiClient) -> None:
    """A parameter that is unknown, wrong or given twice is named, and so is a cursor of another list."""
    assert list(errors_of(members.get("members?filter=nothing"))) == ["filter"]
    assert list(errors_of(members.get("members?limit=0"))) == ["limit"]
    assert list(errors_of(members.get("members?limit=1_0&colour=red"))) == ["limit", "colour"]
    assert "limit" in errors_of(members.get("members?limit=1&limit=2"))
    assert list(errors_of(members.get("members?cursor=forged"))) == ["cursor"]
    for _ in range(2):
        new_user(members)
        members.made("groups", {"attributes": {"displayName": unique("group")}})
    cursor = members.read("members?limit=1")["next_cursor"]
    assert members.get(f"members?limit=1&cursor={cursor}").status_code == 200
    for path in (f"groups?limit=1&cursor={cursor}", f"members?limit=1&search=u&cursor={cursor}"):
        assert list(errors_of(members.get(path))) == ["cursor"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/attributes"),
        ({"attributes": "userName"}, "/attributes"),
        ({"attributes": {}}, "/attributes/userName"),
        ({"attributes": {"userName": "x", "title": 7}}, "/attributes/title"),
        ({"attributes": {"userName": "x", "name": {"givenName": 7}}}, "/attributes/name/givenName"),
        ({"attributes": {"userName": "x", "emails": [{}, {"value": 7}]}}, "/attributes/emails/1/value"),
        (
            {"attributes": {"userName": "x", ENTERPRISE_URN: {"department": 7}}},
            f"/attributes/{ENTERPRISE_URN}/department",
        ),
        ({"attributes": {"userName": "x", "nickname ": "y"}}, "/attributes"),
        ({"attributes": {"userName": "x", "active": True}}, "/attributes/active"),
        ({"attributes": {"userName": "x", "password": "y"}}, "/attributes/password"),
        ({"attributes": {"userName": "x"}, "active": "yes"}, "/active"),
        ({"attributes": {"userName": "x"}, "password": "y" * 1001}, "/password"),
        ({"attributes": {"userName": "x"}, "groups": []}, "/groups"),
    ],
)
def test_each_bad_attribute_is_pointed_at(members: ApiClient, body: object, pointer: str) -> None:
    """What SCIM says of an attribute points at it, and nobody is made."""
    assert list(errors_of(members.post("members", body))) == [pointer]
    assert members.read("members")["total"] == 0


def test_a_user_name_is_taken_once(members: ApiClient, scim: Client) -> None:
    """Whoever made the other one; the conflict points at the userName."""
    scim.new_user("ada")
    assert list(errors_of(members.post("members", {"attributes": {"userName": "ADA"}}), 409)) == [
        "/attributes/userName"
    ]
    other = new_user(members)
    answer = members.patch(f"members/{other}", {"attributes": {"userName": "Ada"}})
    assert list(errors_of(answer, 409)) == ["/attributes/userName"]


def test_a_change_of_nothing_keeps_the_version(members: ApiClient) -> None:
    """So does one that repeats what is there."""
    user = new_user(members, "ada")
    first = members.get(f"members/{user}").headers["ETag"]
    bodies: list[dict[str, object]] = [{}, {"attributes": {}}, {"active": True}, {"attributes": {"userName": "ada"}}]
    for body in bodies:
        assert members.patch(f"members/{user}", body).headers["ETag"] == first


def test_groups_of_every_connection_are_seen(members: ApiClient, scim: Client) -> None:
    """Members see all groups, each connection those it made and fills; a user shows them all."""
    user = scim.new_user()
    pushed = scim.new_group("pushed", [user])
    own = members.made("groups", {"attributes": {"displayName": "own"}})["id"]
    assert members.post(f"groups/{own}/members", {"members": [user, user]}).status_code == 204
    refused = members.post(f"groups/{pushed}/members", {"members": [user]})
    assert "a connection fills this group" in problem_of(refused, 409)["detail"]
    assert {each["id"] for each in members.read("groups?kind=team")["items"]} == {pushed, own}
    assert {each["id"] for each in members.read(f"members/{user}")["groups"]} == {pushed, own}
    assert set(scim.groups(user)) == {pushed}
    assert members.read(f"groups/{pushed}")["managed_by"] == scim.connection.id
    assert members.patch(f"groups/{pushed}", {"attributes": {"displayName": "new"}}).status_code == 200
    assert scim.read(f"/Groups/{pushed}")["displayName"] == "new"
    assert members.delete(f"groups/{own}").status_code == 204
    assert {each["id"] for each in members.read("groups?kind=team")["items"]} == {pushed}


def test_members_are_added_walked_and_removed(members: ApiClient) -> None:
    """Adding twice and removing twice change nothing; the group's version tells of each change."""
    users = sorted(new_user(members) for _ in range(5))
    answer = members.post("groups", {"attributes": {"displayName": "team"}})
    group = answer.get_json()["id"]
    added = members.post(f"groups/{group}/members", {"members": users}, If_Match=answer.headers["ETag"])
    assert members.post(f"groups/{group}/members", {"members": users[:2]}).headers["ETag"] == added.headers["ETag"]
    problem_of(members.delete(f"groups/{group}/members/{users[0]}", If_Match=answer.headers["ETag"]), 412)
    walked = members.walk(f"groups/{group}/members", limit=2)
    assert [(each["id"], each["type"]) for each in walked] == [(user, "User") for user in users]
    for _ in range(2):
        assert members.delete(f"groups/{group}/members/{users[0]}").status_code == 204
    assert [each["id"] for each in members.read(f"groups/{group}/members")["items"]] == users[1:]
    assert list(errors_of(members.post(f"groups/{group}/members", {"members": [NOBODY]}))) == ["/members"]
    assert list(errors_of(members.post(f"groups/{group}/members", {"members": ["x"]}))) == ["/members/0"]
    assert members.get(f"groups/{NOBODY}/members").status_code == 404


def test_reading_is_not_writing(app: Flask, members: ApiClient) -> None:
    """Each scope allows its own, and SCIM's none of both."""
    user = new_user(members)
    own = members.organization
    reader, writer, scim = (
        api_client(app, scope, organization=own) for scope in ("members:read", "members:write", "scim")
    )
    assert (reader.get(f"members/{user}").status_code, scim.get(f"members/{user}").status_code) == (200, 403)
    assert (writer.get(f"members/{user}").status_code, writer.patch(f"members/{user}", {}).status_code) == (403, 200)
    for client in (reader, scim):
        assert client.post("members", {"attributes": {"userName": "x"}}).status_code == 403
        assert client.delete(f"members/{user}").status_code == 403
    assert writer.delete(f"members/{user}").status_code == 204
