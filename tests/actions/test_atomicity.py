"""A request is done as a whole or not at all, wherever it breaks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, event
from werkzeug.test import TestResponse

from tests.directory import Client, add_members, contents, group_body, new_client, remove_member, unique, user_body
from tests.statements import Statement


class Crash(RuntimeError):
    """A planted failure, of no kind that the code knows."""


@contextmanager
def crashing(number: int) -> Iterator[list[str]]:
    """Break off the ``number``-th statement of a transaction that writes, or its COMMIT when it has fewer."""
    broken: list[str] = []
    seen = 0

    def execute(_db: Connection, _cursor: Any, sql: str, parameters: Any, _context: Any, _many: bool) -> None:
        nonlocal seen
        if not sql.startswith(("BEGIN", "PRAGMA")) and not Statement(sql, parameters).is_of_tokens:
            seen += 1
            if seen == number:
                broken.append(sql)
                raise Crash

    def commit(db: Connection) -> None:
        if not broken and 0 < seen == number - 1:
            broken.append("COMMIT")
            raise Crash

    event.listen(Engine, "before_cursor_execute", execute)
    event.listen(Engine, "commit", commit)
    try:
        yield broken
    finally:
        event.remove(Engine, "before_cursor_execute", execute)
        event.remove(Engine, "commit", commit)


Request = Callable[[Client, dict[str, str]], TestResponse]

_PASSWORD = {"password": "a password"}
_REQUESTS: dict[str, tuple[Request, int]] = {
    "create a user": (lambda client, _: client.post("/Users", user_body("new", **_PASSWORD)), 3),
    "create a group": (lambda client, ids: client.post("/Groups", group_body("new", [ids["user"], ids["group"]])), 4),
    "replace a user": (
        lambda client, ids: client.put(f"/Users/{ids['user']}", user_body("renamed", active=False, **_PASSWORD)),
        4,
    ),
    "replace a group": (
        lambda client, ids: client.put(f"/Groups/{ids['group']}", group_body("renamed", [ids["other"]])),
        6,
    ),
    "patch a user": (
        lambda client, ids: client.patch(f"/Users/{ids['user']}", {"op": "add", "value": {"title": "x", **_PASSWORD}}),
        4,
    ),
    "patch a group": (
        lambda client, ids: client.patch(
            f"/Groups/{ids['group']}",
            {"op": "replace", "path": "displayName", "value": "renamed"},
            remove_member(ids["user"]),
            add_members(ids["other"]),
            {"op": "remove", "path": 'members[type eq "Group"]'},
        ),
        7,
    ),
    "delete a user": (lambda client, ids: client.delete(f"/Users/{ids['user']}"), 5),
    "delete a group": (lambda client, ids: client.delete(f"/Groups/{ids['group']}"), 5),
    "bulk": (
        lambda client, ids: client.post(
            "/Bulk",
            {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                "Operations": [
                    {"method": "POST", "path": "/Users", "bulkId": "1", "data": user_body("bulk")},
                    {"method": "PUT", "path": f"/Groups/{ids['group']}", "data": group_body("b", ["bulkId:1"])},
                    {"method": "DELETE", "path": f"/Users/{ids['user']}"},
                ],
            },
        ),
        12,
    ),
}


@pytest.mark.parametrize("name", _REQUESTS)
def test_a_crash_between_any_two_statements_leaves_nothing(app: Flask, name: str) -> None:
    """Whichever statement breaks, COMMIT included, the database is as it was, and the same request then works."""
    request, least = _REQUESTS[name]
    client = new_client(app)
    ids = {"user": client.new_user(), "other": client.new_user(), "nested": client.new_group()}
    ids["group"] = client.new_group(unique("group"), [ids["user"], ids["nested"]])
    client.new_group(unique("above"), [ids["group"], ids["user"]])
    before = contents(client)
    number, last = 0, ""
    while True:
        number += 1
        with crashing(number) as broken:
            answer = request(client, ids)
        if not broken:
            break
        (last,) = broken
        assert answer.status_code == 500, (broken, answer.text)
        assert contents(client) == before, broken
    assert answer.status_code in (200, 201, 204), answer.text
    assert '"status":"5' not in answer.text
    assert number > least
    assert last == "COMMIT"
    changed = {table for table, rows in contents(client).items() if rows != before[table]}
    assert changed >= {"resources", "trail"}
