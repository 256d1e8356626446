"""How many statements a request costs, whatever the sizes; without the token look-up, BEGIN and COMMIT."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from scim_server.store.session import begin
from scim_server.store.tables import memberships, resources
from tests.directory import (
    Client,
    add_members,
    group_body,
    new_client,
    patch_body,
    remove_member,
    unique,
    user_body,
)
from tests.statements import Statement, recorded

LARGE = 10_000


def _fill(client: Client, group: str, size: int) -> None:
    """Give a group members without asking the server, which would take its time."""
    organization = client.organization
    ids = [f"00000000-0000-7000-8000-{number:012x}" for number in range(size)]
    with begin(organization.store, organization.operator, write=True) as tenant:
        row = {"org_id": tenant.org_id, "resource_type": "User", "document": "{}", "folded": {}, "version": 1}
        moments = {"created_at": tenant.now, "modified_at": tenant.now}
        tenant.db.execute(insert(resources), [{**row, **moments, "id": each, "active": True} for each in ids])
        members = [{"org_id": tenant.org_id, "group_id": group, "member_id": each} for each in ids]
        tenant.db.execute(insert(memberships), members)


@pytest.fixture(scope="module", params=[10, LARGE])
def client_of_group(app: Flask, request: pytest.FixtureRequest) -> tuple[Client, str]:
    """A client and its group, of 10 or of 10,000 members."""
    client = new_client(app)
    group = client.new_group()
    _fill(client, group, request.param)
    return client, group


def _reads_memberships(statements: list[Statement]) -> list[str]:
    """Return the statements that read memberships: all that name the table, but those that write a few rows of it."""
    return [each.sql for each in statements if re.search(r"(?<!INTO )(?<!DELETE FROM )\bmemberships\b(?!\.)", each.sql)]


Ask = Callable[[Client, str, str], Any]

_BUDGETS: dict[str, tuple[Ask, int, int]] = {
    # A request, its status, and how many statements it may cost.
    "GET a user": (lambda client, user, _: client.get(f"/Users/{user}"), 200, 1),
    "GET a user without groups": (
        lambda client, user, _: client.get(f"/Users/{user}?excludedAttributes=groups"),
        200,
        1,
    ),
    "list users": (lambda client, *_: client.get("/Users?count=50"), 200, 1),
    "list a full page of users": (lambda client, *_: client.get("/Users?count=1"), 200, 2),
    "find a user": (lambda client, *_: client.get('/Users?filter=userName eq "x"'), 200, 1),
    "list users by an order": (lambda client, *_: client.get("/Users?sortBy=name.familyName&count=20"), 200, 3),
    "list groups": (lambda client, *_: client.get("/Groups?count=50&excludedAttributes=members"), 200, 1),
    "POST a user": (lambda client, *_: client.post("/Users", user_body(unique("user"))), 201, 1),
    "POST a user with a password": (
        lambda client, *_: client.post("/Users", user_body(unique("user"), password="a password")),
        201,
        3,
    ),
    "POST a group": (lambda client, user, _: client.post("/Groups", group_body(unique("group"), [user])), 201, 5),
    "PUT a user": (lambda client, user, _: client.put(f"/Users/{user}", user_body(unique("user"))), 200, 2),
    "PATCH a user": (
        lambda client, user, _: client.patch(
            f"/Users/{user}", {"op": "add", "path": "title", "value": unique("title")}
        ),
        200,
        2,
    ),
    "DELETE a user": (lambda client, user, _: client.delete(f"/Users/{user}"), 204, 6),
}


@pytest.mark.parametrize("name", _BUDGETS)
def test_a_request_keeps_its_budget(client: Client, name: str) -> None:
    """A request costs no more statements than stated; writes cost more on SQLite, where they have no round trip."""
    ask, status, budget = _BUDGETS[name]
    if client.organization.store.dialect == "sqlite" and not name.startswith(("GET", "list", "find")):
        budget += 2
    user = client.new_user()
    groups = [client.new_group(members=[user]) for _ in range(3)]
    client.new_group(members=groups)
    with recorded() as statements:
        answer = ask(client, user, groups[0])
    assert answer.status_code == status, answer.text
    assert len(statements) <= budget, "\n".join(each.sql for each in statements)


def test_what_changes_nothing_writes_nothing(client: Client) -> None:
    """A PUT or PATCH of what is there already reads, and writes no row."""
    user = client.new_user("same")
    for method, body in (
        ("PUT", user_body("same")),
        ("PATCH", patch_body({"op": "add", "path": "active", "value": True})),
    ):
        with recorded() as statements:
            assert client.send(method, f"/Users/{user}", body).status_code == 200
        assert [each.sql for each in statements if not each.sql.startswith(("SELECT", "WITH"))] == []
        assert len(statements) <= 2


def test_a_change_of_one_member_costs_the_same_whatever_the_size(client_of_group: tuple[Client, str]) -> None:
    """Adding and removing one member costs at most 8 statements, and binds nothing that grows with the group."""
    client, group = client_of_group
    user = client.new_user()
    for operation in (add_members(user), remove_member(user)):
        with recorded() as statements:
            answer = client.patch(f"/Groups/{group}", operation)
        assert answer.status_code in (200, 204)
        assert len(statements) <= 8, "\n".join(each.sql for each in statements)
        assert max(len(str(each.parameters)) for each in statements) < 1_000
    with recorded() as statements:
        client.patch(f"/Groups/{group}", {"op": "replace", "path": "displayName", "value": unique("group")})
    assert len(statements) <= 8


def test_a_delete_costs_the_same_whatever_the_size(app: Flask, client_of_group: tuple[Client, str]) -> None:
    """Deleting a member, or a group, costs at most 7 statements."""
    client, group = client_of_group
    user, above = client.new_user(), client.new_group(members=[group])
    client.patch(f"/Groups/{group}", add_members(user))
    for path in (f"/Users/{user}", f"/Groups/{above}"):
        with recorded() as statements:
            assert client.delete(path).status_code == 204
        assert len(statements) <= 7, "\n".join(each.sql for each in statements)


@pytest.mark.parametrize("query", ["excludedAttributes=members", "attributes=displayName"])
def test_a_group_without_its_members_reads_no_membership(client_of_group: tuple[Client, str], query: str) -> None:
    """What an answer leaves out is not read."""
    client, group = client_of_group
    with recorded() as statements:
        assert client.get(f"/Groups/{group}?{query}").status_code == 200
    assert _reads_memberships(statements) == []
    assert len(statements) == 1
    with recorded() as statements:
        assert client.get(f"/Groups?{query}").status_code == 200
    assert _reads_memberships(statements) == []
    for operation in (add_members(client.new_user()), {"op": "replace", "path": "displayName", "value": unique("g")}):
        with recorded() as statements:
            assert client.patch(f"/Groups/{group}?{query}", operation).status_code == 200
        assert _reads_memberships(statements) == []


def test_a_patch_answered_204_reads_no_membership(app: Flask) -> None:
    """A PATCH that is answered without the group never reads who is in it."""
    client = new_client(app, connection="entra", profile="entra")
    user, group = client.new_user(), client.new_group()
    _fill(client, group, 200)
    for operation in (
        add_members(user),
        remove_member(user),
        {"op": "remove", "path": "members", "value": [{"value": user}]},
        {"op": "replace", "path": "displayName", "value": unique("group")},
    ):
        with recorded() as statements:
            assert client.patch(f"/Groups/{group}", operation).status_code == 204
        assert _reads_memberships(statements) == []


def test_a_patch_of_a_large_group_counts_no_further_than_it_must(app: Flask) -> None:
    """Whether a group is small is found out with the ids of at most 101 members."""
    client = new_client(app)
    group = client.new_group()
    _fill(client, group, 200)
    with recorded() as statements:
        assert client.patch(f"/Groups/{group}", add_members(client.new_user())).status_code == 204
    (counting,) = _reads_memberships(statements)
    assert "LIMIT" in counting
