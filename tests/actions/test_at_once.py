"""What PostgreSQL does in one statement is what it does in a transaction."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from scim_server.store.session import Store, begin
from scim_server.store.tables import resource_counts
from tests.databases import only_postgresql
from tests.directory import Client, contents, group_body, new_client, patch_body, user_body

Request = Callable[[Client, str], TestResponse]

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
REQUESTS: dict[str, Request] = {
    "create": lambda client, _: client.post("/Users", user_body("New", externalId="n-1", title="x")),
    "create inactive": lambda client, _: client.post("/Users", user_body("new", active=False)),
    "create who is there": lambda client, _: client.post("/Users", user_body("ANN")),
    "create a group": lambda client, _: client.post("/Groups", group_body("new")),
    "patch": lambda client, user: client.patch(user, {"op": "add", "value": {"title": "x", "active": False}}),
    "patch an extension": lambda client, user: client.patch(
        user, {"op": "add", "path": f"{ENTERPRISE}:department", "value": "R&D"}
    ),
    "patch nothing": lambda client, user: client.patch(user, {"op": "add", "value": {"active": True}}),
    "patch the name to one taken": lambda client, user: client.patch(
        user, {"op": "replace", "path": "userName", "value": "Bob"}
    ),
    "patch what is required": lambda client, user: client.patch(user, {"op": "remove", "path": "userName"}),
    "patch a password": lambda client, user: client.patch(user, {"op": "add", "path": "password", "value": "p"}),
    "patch a version": lambda client, user: client.send(
        "PATCH", user, patch_body({"op": "add", "path": "title", "value": "x"}), If_Match='W/"1"'
    ),
    "patch another version": lambda client, user: client.send(
        "PATCH", user, patch_body({"op": "add", "path": "title", "value": "x"}), If_Match='W/"9"'
    ),
    "replace": lambda client, user: client.put(user, user_body("anne", nickName="x")),
    "replace nothing": lambda client, user: client.put(user, user_body("ann")),
    "replace by a name taken": lambda client, user: client.put(user, user_body("bob")),
    "patch nobody": lambda client, user: client.patch(user[:-4] + "0000", {"op": "remove", "path": "title"}),
}


def _outcome(app: Flask, request: Request) -> tuple[int, Any, dict[str, Any], set[tuple[Any, ...]]]:
    """Return what a request answers and leaves, without ids and moments."""
    client = new_client(app)
    ann = client.new_user("ann")
    client.new_user("bob")
    client.new_group("team", [ann])
    answer = request(client, f"/Users/{ann}")
    rows = {name: _plain(sorted(each)) for name, each in contents(client).items()}
    # A row of it belongs to whichever backend counted: what counts is their sum.
    del rows["resource_counts"]
    return answer.status_code, _plain(answer.get_json()), rows, _counted(client)


def _counted(client: Client) -> set[tuple[Any, ...]]:
    """Return how many resources of each kind were made and deleted."""
    sums = [func.sum(each) for each in (resource_counts.c.created, resource_counts.c.deleted)]
    kind = (resource_counts.c.resource_type, resource_counts.c.namespace)
    with begin(client.organization.store, client.organization.operator, write=False) as tenant:
        counted = select(*kind, *sums).where(resource_counts.c.org_id == tenant.org_id).group_by(*kind)
        return {(row[0], row[1] == client.connection.id, *row[2:]) for row in tenant.db.execute(counted)}


def _plain(value: Any) -> str:
    text = json.dumps(value)
    text = re.sub(r"\b[0-9a-f]{32}\b|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "id", text)
    text = re.sub(r"W/[^,}]*\.[0-9a-f]{12}", "tag", text)  # Its digest is of ids.
    text = re.sub(r"\$argon2id\$[^'\"]*|\b[0-9a-f]{64}\b|org-\d+", "secret", text)
    text = re.sub(r"20\d\d-\d\d-\d\dT[0-9:.]+Z?", "moment", text)
    return re.sub(r"datetime\.datetime\([^)]*\)", "moment", text)


@only_postgresql
@pytest.mark.parametrize("name", REQUESTS)
def test_one_statement_does_what_a_transaction_does(app: Flask, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The answer, the rows and the trail are the same."""
    at_once = _outcome(app, REQUESTS[name])
    monkeypatch.setattr(Store, "writes_at_once", False)
    assert at_once == _outcome(app, REQUESTS[name])


def test_changes_of_one_user_at_once_all_hold(app: Flask, client: Client) -> None:
    """Eight clients that change an attribute each, again and again, lose nothing: every change is a version."""
    user = client.new_user("ann")
    names = ["title", "nickName", "displayName", "locale", "timezone", "userType", "profileUrl", "preferredLanguage"]

    def change(name: str) -> list[int]:
        mine = Client(app.test_client(), client.organization, client.credentials, client.token)
        answers = (
            mine.patch(f"/Users/{user}", {"op": "replace", "path": name, "value": f"{name}-{n}"}) for n in range(10)
        )
        return [answer.status_code for answer in answers]

    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(change, names)) == [[200] * 10] * len(names)
    read = client.read(f"/Users/{user}")
    assert {name: read[name] for name in names} == {name: f"{name}-9" for name in names}
    assert read["meta"]["version"] == f'W/"{1 + 10 * len(names)}"'
