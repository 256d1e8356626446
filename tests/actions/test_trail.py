"""The trail says who changed what, in the transaction of the change, and holds no secret."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from scim_server.actions.organizations import create_organization
from scim_server.protocol.profiles import PROFILES
from scim_server.store.session import begin, begin_platform
from scim_server.store.tables import passwords, trail
from scim_server.store.trail import MEMBERS_PER_ROW, record
from tests.databases import Database
from tests.directory import (
    Client,
    add_members,
    group_body,
    new_client,
    new_organization,
    remove_member,
    running_app,
    set_clock,
    site_of,
    unique,
    user_body,
)

pytestmark = pytest.mark.usefixtures("both_paths")

PASSWORD = "Tr0ub4dor & 3, whispered"


def trail_of(client: Client, *resource_ids: str) -> list[dict[str, Any]]:
    """Return the rows of the trail of an organization, or of some resources of it, oldest first."""
    organization = client.organization
    with begin(organization.store, organization.operator, write=False) as tenant:
        rows = tenant.db.execute(select(trail).where(trail.c.org_id == tenant.org_id).order_by(trail.c.id))
        return [dict(row._mapping) for row in rows if not resource_ids or row.resource_id in resource_ids]


def _changes(client: Client, resource_id: str) -> list[tuple[str, Any]]:
    return [(row["action"], row["changes"]) for row in trail_of(client, resource_id)]


def test_a_row_says_who_did_it_when_and_in_which_request(database: Database) -> None:
    """A row names the token, the connection, the request and the moment."""
    moment = datetime(2031, 2, 3, 4, 5, 6, 789_000, UTC)
    with running_app(database) as app:
        set_clock(app, lambda: moment)
        client = new_client(app)
        answer = client.post("/Users", user_body("alice"), X_Request_ID="request-7")
        (row,) = trail_of(client, answer.get_json()["id"])
    changes = row.pop("changes")
    assert changes == {"userName": {"to": "alice"}, "active": {"to": True}}
    assert row.pop("id")
    assert row == {
        "org_id": client.organization.id,
        "at": moment,
        "actor_kind": "token",
        "actor_id": client.credentials.actor.id,
        "connection_id": client.connection.id,
        "request_id": "request-7",
        "action": "user.create",
        "resource_type": "User",
        "resource_id": answer.get_json()["id"],
    }


def test_each_write_of_a_user_has_one_row(client: Client) -> None:
    """Each change names its attributes with their former and present values, and no others."""
    user = client.new_user("bob", displayName="Bob", name={"familyName": "B"}, password=PASSWORD)
    path = f"/Users/{user}"
    client.patch(path, {"op": "replace", "path": "displayName", "value": "Robert"}, {"op": "remove", "path": "name"})
    client.patch(path, {"op": "replace", "value": {"active": False, "nickName": "Bo"}})
    client.patch(path, {"op": "replace", "path": "password", "value": PASSWORD})
    client.put(path, user_body("robert", active=True))
    client.delete(path)
    assert _changes(client, user) == [
        (
            "user.create",
            {
                "userName": {"to": "bob"},
                "displayName": {"to": "Bob"},
                "name": {"to": {"familyName": "B"}},
                "active": {"to": True},
                "password": "set",
            },
        ),
        (
            "user.patch",
            {"displayName": {"from": "Bob", "to": "Robert"}, "name": {"from": {"familyName": "B"}}},
        ),
        ("user.patch", {"nickName": {"to": "Bo"}, "active": {"from": True, "to": False}}),
        ("user.patch", {"password": "set"}),
        (
            "user.replace",
            {
                "userName": {"from": "bob", "to": "robert"},
                "displayName": {"from": "Robert"},
                "nickName": {"from": "Bo"},
                "active": {"from": False, "to": True},
            },
        ),
        ("user.delete", {"userName": {"from": "robert"}}),
    ]


def test_each_write_of_a_group_has_one_row(client: Client) -> None:
    """A change of members names those who came and those who went, net of the steps."""
    one, two, three = sorted(client.new_user() for _ in range(3))
    group = client.new_group("the group", [one, two])
    path = f"/Groups/{group}"
    client.patch(path, remove_member(one), add_members(three, two))
    client.patch(path, remove_member(two), add_members(two), {"op": "replace", "path": "displayName", "value": "it"})
    client.put(path, group_body("it", [one]))
    client.delete(path)
    assert _changes(client, group) == [
        ("group.create", {"displayName": {"to": "the group"}, "members": {"added": [one, two]}}),
        ("group.patch", {"members": {"added": [three], "removed": [one]}}),
        ("group.patch", {"displayName": {"from": "the group", "to": "it"}}),
        ("group.replace", {"members": {"added": [one], "removed": [two, three]}}),
        ("group.delete", {"displayName": {"from": "it"}}),
    ]


def test_a_request_that_changes_nothing_leaves_no_row(client: Client) -> None:
    """Sending what is there already, or a step that undoes another, is no change."""
    user = client.new_user("carol", displayName="Carol", emails=[{"value": "a@b.example"}, {"value": "c@d.example"}])
    group = client.new_group("same", [user])
    before = trail_of(client)
    emails = [{"value": "c@d.example"}, {"value": "a@b.example"}]
    answers = [
        client.patch(f"/Users/{user}", {"op": "replace", "path": "displayName", "value": "Carol"}),
        client.put(f"/Users/{user}", user_body("carol", displayName="Carol", emails=emails)),
        client.patch(f"/Users/{user}", {"op": "add", "path": "emails", "value": emails}),
        client.patch(f"/Groups/{group}", add_members(user)),
        client.patch(f"/Groups/{group}", remove_member(user), add_members(user)),
        client.put(f"/Groups/{group}", group_body("same", [user])),
    ]
    assert [answer.status_code for answer in answers] == [200] * 6
    assert trail_of(client) == before


def test_a_refused_request_leaves_no_row(client: Client) -> None:
    """What fails is undone with its row."""
    client.new_user("dave")
    user = client.new_user()
    before = trail_of(client)
    path = f"/Users/{user}"
    answers = [
        client.post("/Users", user_body("DAVE")),
        client.patch(path, {"op": "replace", "path": "userName", "value": "Dave"}),
        client.patch(path, {"op": "replace", "path": "nickName", "value": "x"}, If_Match='W/"77"'),
        client.delete(path, If_Match='W/"77"'),
        client.post("/Groups", group_body("none", [user, "unknown"])),
    ]
    assert [answer.status_code for answer in answers] == [409, 409, 412, 412, 400]
    assert trail_of(client) == before


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_no_row_holds_a_password_its_digest_or_a_token(app: Flask, profile: str) -> None:
    """However a password is written, the trail says that it was, and neither what it was nor its digest."""
    client = new_client(app, connection="another", profile=profile)
    client.organization.revoke(client.organization.token())
    user = client.new_user(password=PASSWORD)
    path = f"/Users/{user}"
    answers = [
        client.patch(path, {"op": "add", "path": "password", "value": PASSWORD}),
        client.patch(path, {"op": "replace", "value": {"password": PASSWORD, "title": "x"}}),
        client.put(path, user_body(unique("user"), password=PASSWORD)),
    ]
    organization = client.organization
    with begin(organization.store, organization.operator, write=False) as tenant:
        digest = tenant.db.scalar(select(passwords.c.digest).where(passwords.c.org_id == tenant.org_id))
    answers.append(client.patch(path, {"op": "remove", "path": "password"}))
    assert {answer.status_code for answer in answers} <= {200, 204}
    assert isinstance(digest, str)
    rows = trail_of(client)
    assert [row["changes"]["password"] for row in rows if "password" in row["changes"]] == ["set"] * 4 + ["cleared"]
    for secret in (PASSWORD, digest, "argon2", "scimsrv_", client.token):
        assert secret not in str(rows)
        assert all(secret not in answer.text for answer in answers)
        assert secret not in client.get(path).text


def test_many_members_are_several_rows_of_bounded_size(client: Client) -> None:
    """A change of any number of members is rows of at most 1,000 ids, each id once."""
    added = [f"a{number}" for number in range(2_500)]
    removed = [f"r{number}" for number in range(2_200)]
    organization = client.organization
    with begin(organization.store, client.credentials, write=True) as tenant:
        record(tenant, "group.patch", "Group", "g1", {"displayName": {"to": "x"}}, added=added, removed=removed)
    rows = [row["changes"] for row in trail_of(client, "g1")]
    sizes = [sum(len(ids) for ids in row["members"].values()) for row in rows]
    assert len(rows) == 5
    assert max(sizes) <= MEMBERS_PER_ROW == 1_000
    assert [each for row in rows for each in row["members"].get("added", ())] == added
    assert [each for row in rows for each in row["members"].get("removed", ())] == removed
    assert ["displayName" in row for row in rows] == [True, False, False, False, False]


def test_the_making_of_an_organization_is_in_its_trail(app: Flask) -> None:
    """An organization, its connections and tokens are set up by an operator whom the trail names."""
    organization = new_organization(site_of(app).store)
    token = organization.token("okta", "okta", "scim:read")
    organization.revoke(token)
    with begin(organization.store, organization.operator, write=False) as tenant:
        rows = tenant.db.execute(select(trail).where(trail.c.org_id == tenant.org_id).order_by(trail.c.id)).all()
    assert [row.action for row in rows] == [
        "organization.create",
        "connection.create",
        "group.create",
        "connection.create",
        "token.issue",
        "token.revoke",
    ]
    assert {(row.actor_kind, row.actor_id) for row in rows} == {("operator", "the tests")}
    assert rows[4].changes["connection"] == {"to": "okta"}
    assert rows[4].changes["scope"] == {"to": "scim:read"}


def test_an_organization_that_is_refused_leaves_nothing(app: Flask) -> None:
    """A slug that is taken, or is none, leaves neither an organization nor a row."""
    store = site_of(app).store
    taken = new_organization(store).slug
    for slug, name in ((taken, "Name"), ("No Slug", "Name"), ("-", "Name"), (unique("org"), " "), ("x" * 64, "Name")):
        with pytest.raises(ValueError, match=r"slug|name"), begin_platform(store, write=True) as platform:
            create_organization(platform, store, slug, name, actor_id="the tests")
