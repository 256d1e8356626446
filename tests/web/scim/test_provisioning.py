"""What a connection does where a client provisions again what was there before: its rules, one by one."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from scim_server.actions.organizations import change_connection
from scim_server.actions.resources import create, prepare
from scim_server.protocol.bulk import BULK_REQUEST_URN
from scim_server.protocol.profiles import Leniences
from scim_server.protocol.provisioning import OnDelete, OnExisting, OnInactive
from scim_server.store.session import begin
from scim_server.store.tables import passwords, tombstones, trail
from tests.directory import Client, a_second_later, group_body, new_client, user_body

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
TAKEN = (409, "uniqueness")


def set_rules(
    client: Client,
    *,
    on_inactive: OnInactive = "refuse",
    on_existing: OnExisting = "refuse",
    on_delete: OnDelete = "hard",
) -> None:
    """Give the connection of a client its rules, as an operator does."""
    organization = client.organization
    with begin(organization.store, organization.operator, write=True) as tenant:
        rules = {"on_inactive": on_inactive, "on_existing": on_existing, "on_delete": on_delete}
        change_connection(tenant, client.connection.name, rules)
    a_second_later(organization.store)


@pytest.fixture
def other(app: Flask, client: Client) -> Client:
    """A client of another connection of the same organization."""
    return new_client(app, client.organization, connection="other")


def provisioned(client: Client, body: dict[str, Any]) -> tuple[int, str | None]:
    """Return what a POST of a user answers: its status, and the id or the type of the error."""
    response = client.post("/Users", body)
    return response.status_code, response.get_json().get("id", response.get_json().get("scimType"))


def inactive(client: Client, user_name: str, **attributes: Any) -> str:
    return client.new_user(user_name, active=False, **attributes)


def actions(client: Client, user_id: str) -> list[str]:
    """Return what the trail says was done to a user, in order."""
    organization = client.organization
    with begin(organization.store, organization.operator, write=False) as tenant:
        found = select(trail.c.action).where(trail.c.org_id == tenant.org_id, trail.c.resource_id == user_id)
        return list(tenant.db.scalars(found.order_by(trail.c.id)))


def buried(client: Client) -> list[Any]:
    """Return the tombstones of the organization."""
    organization = client.organization
    with begin(organization.store, organization.operator, write=False) as tenant:
        found = select(tombstones).where(tombstones.c.org_id == tenant.org_id).order_by(tombstones.c.id)
        return list(tenant.db.execute(found).mappings())


def bulk(client: Client, *operations: dict[str, Any]) -> list[dict[str, Any]]:
    response = client.post("/Bulk", {"schemas": [BULK_REQUEST_URN], "Operations": list(operations)})
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.get_json()["Operations"]
    return results


def creation(path: str, bulk_id: str, data: Any) -> dict[str, Any]:
    return {"method": "POST", "path": path, "bulkId": bulk_id, "data": data}


def test_a_name_that_is_taken_is_refused(client: Client, other: Client) -> None:
    """By default, whoever has it, active or not, however it is written."""
    client.new_user("ann")
    inactive(client, "bea")
    for asking in (client, other):
        for name in ("ann", "ANN", "bea"):
            assert provisioned(asking, user_body(name)) == TAKEN


def test_an_inactive_user_is_reactivated(client: Client) -> None:
    """With the id, the memberships and the creation of before, and the attributes that are sent."""
    user_id = inactive(client, "ann", title="Dr", externalId="1", password="old")
    group_id = client.new_group(members=[user_id])
    before = client.read(f"/Users/{user_id}")
    set_rules(client, on_inactive="reactivate")
    response = client.post("/Users", user_body("Ann", externalId="2"))
    assert response.status_code == 201
    after = response.get_json()
    assert after == client.read(f"/Users/{user_id}")
    assert response.headers["Location"] == after["meta"]["location"] == before["meta"]["location"]
    assert (after["id"], after["userName"], after["externalId"], after["active"]) == (user_id, "Ann", "2", True)
    assert "title" not in after, "what this connection wrote, it replaces"
    assert [each["value"] for each in after["groups"]] == [group_id]
    assert after["meta"]["created"] == before["meta"]["created"]
    assert after["meta"]["version"] != before["meta"]["version"]
    assert actions(client, user_id) == ["user.create", "user.reactivate"]
    assert client.read("/Users")["totalResults"] == 1


def test_only_an_inactive_user_of_its_own_is_reactivated(client: Client, other: Client) -> None:
    """An active one is refused, as is one of another connection, and one whose POST has no rule."""
    client.new_user("ann")
    inactive(other, "bea")
    inactive(client, "cleo")
    set_rules(client, on_inactive="reactivate")
    assert provisioned(client, user_body("ann")) == TAKEN
    assert provisioned(client, user_body("bea")) == TAKEN
    assert provisioned(other, user_body("cleo")) == TAKEN


def test_a_user_may_be_provisioned_again_as_inactive(client: Client) -> None:
    """What is sent decides: `active` false stays so."""
    user_id = inactive(client, "ann")
    set_rules(client, on_inactive="reactivate")
    assert provisioned(client, user_body("ann", active=False, title="Dr")) == (201, user_id)
    assert client.read(f"/Users/{user_id}")["active"] is False
    assert provisioned(client, user_body("ann")) == (201, user_id)
    assert provisioned(client, user_body("ann")) == TAKEN


def test_a_user_of_another_connection_is_adopted(client: Client, other: Client) -> None:
    """What is sent replaces what was there, what is not sent stays; from then on it is this connection's own."""
    sent = {"title": "Dr", "nickName": "A", "emails": [{"value": "a@example.com"}]}
    user_id = other.new_user("ann", **sent, **{ENTERPRISE: {"department": "Sales", "costCenter": "1"}})
    theirs = other.new_group("theirs", [user_id])
    set_rules(client, on_existing="adopt")
    body = user_body("ANN", title="Prof", externalId="x", **{ENTERPRISE: {"department": "Research"}})
    assert provisioned(client, body) == (201, user_id)
    after = client.read(f"/Users/{user_id}")
    assert (after["userName"], after["title"], after["externalId"]) == ("ANN", "Prof", "x")
    assert (after["nickName"], after["emails"]) == ("A", sent["emails"])
    assert after[ENTERPRISE] == {"department": "Research", "costCenter": "1"}
    assert after["schemas"] == ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE]
    assert other.members(theirs) == {user_id}
    assert actions(client, user_id) == ["user.create", "user.adopt"]
    # Its own now: a second POST meets an active user of this connection.
    assert provisioned(client, body) == TAKEN
    set_rules(other, on_existing="adopt")
    assert provisioned(other, user_body("ann")) == (201, user_id)


def test_an_inactive_user_of_another_connection_is_adopted_as_active(client: Client, other: Client) -> None:
    """Adoption gives access, unless `active` is sent as false."""
    ann, bea = inactive(other, "ann"), other.new_user("bea")
    set_rules(client, on_existing="adopt")
    assert provisioned(client, user_body("ann")) == (201, ann)
    assert provisioned(client, user_body("bea", active=False)) == (201, bea)
    assert client.read(f"/Users/{ann}")["active"] is True
    assert client.read(f"/Users/{bea}")["active"] is False


def test_a_user_of_no_connection_is_adopted(client: Client) -> None:
    """Whom an administrator invited is taken over by the identity provider that comes later."""
    organization = client.organization
    definition = organization.store.catalog.by_name("User")
    parts = prepare(user_body("ann", title="Dr"), definition, Leniences(client.connection.profile))
    with begin(organization.store, organization.operator, write=True) as tenant:
        user_id = create(tenant, definition, parts).id
    assert provisioned(client, user_body("ann")) == TAKEN
    set_rules(client, on_existing="adopt")
    assert provisioned(client, user_body("ann")) == (201, user_id)
    assert client.read(f"/Users/{user_id}")["title"] == "Dr"


def test_adoption_is_no_reactivation(client: Client) -> None:
    """With the rule `adopt` alone, an inactive user of the connection itself is refused."""
    inactive(client, "ann")
    set_rules(client, on_existing="adopt")
    assert provisioned(client, user_body("ann")) == TAKEN


def test_a_password_comes_with_what_is_sent(client: Client) -> None:
    """Provisioning again sets the password that is sent, and keeps it where none is."""
    user_id = inactive(client, "ann", password="old")
    set_rules(client, on_inactive="reactivate")

    def digest() -> str | None:
        organization = client.organization
        with begin(organization.store, organization.operator, write=False) as tenant:
            found = select(passwords.c.digest).where(
                passwords.c.org_id == tenant.org_id, passwords.c.user_id == user_id
            )
            return tenant.db.scalar(found)

    old = digest()
    assert provisioned(client, user_body("ann", active=False)) == (201, user_id)
    assert digest() == old
    assert provisioned(client, user_body("ann", password="new")) == (201, user_id)
    assert digest() not in (old, None)


def test_groups_are_never_taken_over(client: Client) -> None:
    """The rules are about people: a group of that name is a conflict."""
    set_rules(client, on_inactive="reactivate", on_existing="adopt")
    client.new_group("team")
    assert client.post("/Groups", group_body("TEAM")).status_code == 409


def test_a_hard_delete_leaves_nothing(client: Client) -> None:
    """By default the record goes, and its userName is free."""
    user_id = client.new_user("ann")
    assert client.delete(f"/Users/{user_id}").status_code == 204
    assert buried(client) == []
    assert client.new_user("ann") != user_id


def test_a_soft_delete_leaves_a_tombstone(client: Client) -> None:
    """It keeps the record where no answer shows it; the userName is free, memberships and password are gone."""
    set_rules(client, on_delete="soft")
    user_id = client.new_user("ann", title="Dr", password="secret")
    group_id = client.new_group("team", [user_id])
    created = client.read(f"/Users/{user_id}")["meta"]["created"]
    assert client.delete(f"/Users/{user_id}").status_code == 204
    (tombstone,) = buried(client)
    assert (tombstone["id"], tombstone["resource_type"]) == (user_id, "User")
    assert '"title":"Dr"' in tombstone["document"]
    assert "secret" not in tombstone["document"]
    assert tombstone["created_at"].isoformat(timespec="milliseconds").replace("+00:00", "Z") == created
    assert tombstone["deleted_by"] == client.connection.id
    # RFC 7644 §3.6: it answers 404, is in no list, and its unique values are no conflict.
    for method in ("GET", "DELETE"):
        assert client.send(method, f"/Users/{user_id}").status_code == 404
    assert client.put(f"/Users/{user_id}", user_body("ann")).status_code == 404
    assert client.read("")["totalResults"] == 1
    assert client.members(group_id) == set()
    assert client.post("/Groups", group_body("other", [user_id])).status_code == 400
    again = client.new_user("ann")
    assert again != user_id
    assert client.delete(f"/Users/{again}").status_code == 204
    assert {each["id"] for each in buried(client)} == {user_id, again}


def test_a_delete_that_fails_leaves_no_tombstone(client: Client) -> None:
    """A version that has passed refuses it, and nothing is written."""
    set_rules(client, on_delete="soft")
    user_id = client.new_user("ann")
    assert client.delete(f"/Users/{user_id}", If_Match='W/"9"').status_code == 412
    assert client.get(f"/Users/{user_id}").status_code == 200
    assert buried(client) == []


def test_a_group_has_no_tombstone(client: Client) -> None:
    """What is kept of a person is not kept of a group."""
    set_rules(client, on_delete="soft")
    assert client.delete(f"/Groups/{client.new_group()}").status_code == 204
    assert buried(client) == []


def test_the_rules_are_those_of_one_connection(client: Client, other: Client) -> None:
    """Another connection of the organization keeps its own."""
    set_rules(client, on_delete="soft", on_existing="adopt")
    user_id = other.new_user("ann")
    assert other.delete(f"/Users/{user_id}").status_code == 204
    assert buried(client) == []
    client.new_user("ann")
    assert provisioned(other, user_body("ann")) == TAKEN


def test_a_bulk_follows_the_rules(client: Client, other: Client) -> None:
    """A POST in it takes users over, and what refers to its bulkId means them; a DELETE leaves a tombstone."""
    ann, bea = inactive(client, "ann"), other.new_user("bea", title="Dr")
    leaving = client.new_user("cleo")
    set_rules(client, on_inactive="reactivate", on_existing="adopt", on_delete="soft")
    results = bulk(
        client,
        creation("/Groups", "team", group_body("team", ["bulkId:a", "bulkId:b", "bulkId:d"])),
        creation("/Users", "a", user_body("ann")),
        creation("/Users", "b", user_body("bea")),
        creation("/Users", "d", user_body("dora")),
        {"method": "PATCH", "path": "/Users/bulkId:a", "data": {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "add", "path": "title", "value": "Prof"}]}},
        {"method": "DELETE", "path": f"/Users/{leaving}"},
        creation("/Users", "c", user_body("cleo")),
    )  # fmt: skip
    assert [each["status"] for each in results] == ["201", "201", "201", "201", "200", "204", "201"]
    ids = [each["location"].rpartition("/")[2] for each in results]
    assert ids[1:3] == [ann, bea]
    assert client.members(ids[0]) == {ann, bea, ids[3]}
    assert ids[4] == ann
    assert client.read(f"/Users/{ann}")["title"] == "Prof"
    assert client.read(f"/Users/{bea}")["title"] == "Dr"
    assert [each["id"] for each in buried(client)] == [leaving]
    assert ids[6] != leaving


def test_a_bulk_without_rules_refuses(client: Client) -> None:
    """What refers to a user who was not provisioned fails with them."""
    inactive(client, "ann")
    results = bulk(
        client,
        creation("/Users", "a", user_body("ann")),
        creation("/Groups", "team", group_body("team", ["bulkId:a"])),
    )
    assert [each["status"] for each in results] == ["409", "409"]


def test_a_circle_takes_nobody_over(client: Client) -> None:
    """Users who refer to each other in a circle are created, or none is and nobody is changed."""
    ann = inactive(client, "ann", title="Dr")
    set_rules(client, on_inactive="reactivate")
    manager = {name: {ENTERPRISE: {"manager": {"value": f"bulkId:{name}"}}} for name in "ab"}
    results = bulk(
        client,
        creation("/Users", "a", user_body("ann", **manager["b"])),
        creation("/Users", "b", user_body("bea", **manager["a"])),
    )
    assert [each["status"] for each in results] == ["409", "409"]
    assert client.read("/Users")["totalResults"] == 1
    unchanged = client.read(f"/Users/{ann}")
    assert (unchanged["active"], unchanged["title"], unchanged["meta"]["version"]) == (False, "Dr", 'W/"1"')


def test_a_refusal_says_what_was_found_and_what_helps(app: Flask, client: Client, other: Client) -> None:
    """The user, who provisions them, and the rule to set; the same in a bulk."""
    own, idle, foreign = client.new_user("ann"), inactive(client, "bea"), other.new_user("cleo")

    def detail(user_name: str) -> str:
        response = client.post("/Users", user_body(user_name))
        (result,) = bulk(client, creation("/Users", "one", user_body(user_name)))
        assert response.status_code == 409
        assert result["response"]["detail"] == response.get_json()["detail"]
        return str(response.get_json()["detail"])

    assert detail("ANN") == (
        f"userName 'ANN' (compared without case) is that of the user {own}, which this connection provisions: change "
        "that one by PUT or PATCH"
    )
    assert detail("bea") == (
        f"userName 'bea' (compared without case) is that of the inactive user {idle}, which this connection "
        "provisions: change that one by PUT or PATCH; to let a POST make it active again, set on_inactive of the "
        "connection to reactivate"
    )
    assert detail("cleo") == (
        f"userName 'cleo' (compared without case) is that of the user {foreign}, which the connection 'other' "
        "provisions: to let this connection, 'default', take over such users, set its on_existing to adopt "
        "(scim-server connection change ORG NAME --on-existing adopt, or in the API), and send it again"
    )
