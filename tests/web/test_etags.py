"""Versions (RFC 7644 §3.14): a change is sent against the state it was made for, and a read is not repeated."""

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.directory import Client, add_members, contents, group_body, new_client, patch_body, remove_member, user_body

pytestmark = pytest.mark.usefixtures("both_paths")


def _tag(answer: TestResponse) -> str:
    """Return the ETag of an answer, which is its meta.version too."""
    assert answer.status_code in (200, 201), answer.text
    tag = answer.headers["ETag"]
    assert answer.get_json()["meta"]["version"] == tag
    assert tag.startswith('W/"')
    return tag


def test_the_version_of_a_body_is_that_of_its_header(client: Client) -> None:
    """Whatever the request, meta.version is the ETag, and lists have the versions that GET has."""
    user = client.post("/Users", user_body("erin"))
    user_id = user.get_json()["id"]
    path = f"/Users/{user_id}"
    tags = [
        _tag(user),
        _tag(client.patch(path, {"op": "add", "path": "title", "value": "x"})),
        _tag(client.put(path, user_body("erin2"))),
    ]
    assert tags == ['W/"1"', 'W/"2"', 'W/"3"']
    group = client.post("/Groups", group_body("g", [user_id]))
    assert _tag(group) == 'W/"1"'
    group_id = group.get_json()["id"]
    for name, each in (("Users", user_id), ("Groups", group_id)):
        tag = _tag(client.get(f"/{name}/{each}"))
        assert client.read(f"/{name}")["Resources"][0]["meta"]["version"] == tag
    assert _tag(client.patch(path, {"op": "add", "path": "title", "value": "y"})) == _tag(client.get(path))


def _changing(user: str, group: str, other: str) -> list[tuple[str, str, Any]]:
    """Return requests that each change a resource by themselves."""
    return [
        ("PUT", f"/Users/{user}", user_body("changed")),
        ("PATCH", f"/Users/{user}", patch_body({"op": "add", "path": "title", "value": "x"})),
        ("PUT", f"/Groups/{group}", group_body("changed", [user, other])),
        ("PATCH", f"/Groups/{group}", patch_body(remove_member(user))),
        ("DELETE", f"/Users/{other}", None),
        ("DELETE", f"/Groups/{group}", None),
    ]


@pytest.mark.parametrize("number", range(6))
def test_a_change_against_another_version_is_412(client: Client, number: int) -> None:
    """If-Match with no tag of the present version refuses the change, and with one of it allows it."""
    user, other = client.new_user(), client.new_user()
    group = client.new_group(members=[user, other])
    method, path, body = _changing(user, group, other)[number]
    before = contents(client)
    for header in (
        'W/"0"',
        'W/"2"',
        '"2"',
        "2",
        '"a1b2"',
        'W/"2", W/"3"',
        "",
        ",",
        '"*"',
        'W/"1e0"',
        'W/"01x"',
        'W/"-1"',
    ):
        answer = client.send(method, path, body, If_Match=header)
        assert answer.status_code == 412, header
        assert "scimType" not in answer.get_json()
    assert contents(client) == before
    tag = client.get(path).headers["ETag"]
    assert client.send(method, path, body, If_Match=f'"foreign", {tag}').status_code in (200, 204)
    assert contents(client) != before


@pytest.mark.parametrize("header", ["*", 'W/"9", *', None])
def test_any_version_will_do_where_the_client_says_so(client: Client, header: str | None) -> None:
    """If-Match: * asks for a resource that exists, and nothing asks for nothing."""
    headers = {} if header is None else {"If_Match": header}
    user = client.new_user()
    assert client.patch(f"/Users/{user}", {"op": "add", "path": "title", "value": "x"}, **headers).status_code == 200
    assert client.delete(f"/Users/{user}", **headers).status_code == 204
    assert client.delete(f"/Users/{user}", **headers).status_code == 404


def test_the_tag_of_a_user_with_groups_is_good_for_a_change(client: Client) -> None:
    """A tag that covers the groups of a user matches as long as the user is as it was, whatever its groups."""
    user = client.new_user()
    group = client.new_group(members=[user])
    tag = _tag(client.get(f"/Users/{user}"))
    client.patch(f"/Groups/{group}", {"op": "replace", "path": "displayName", "value": "renamed"})
    assert _tag(client.get(f"/Users/{user}")) != tag
    title = {"op": "add", "path": "title", "value": "x"}
    assert client.patch(f"/Users/{user}", title, If_Match=tag).status_code == 200
    assert client.patch(f"/Users/{user}", {**title, "value": "y"}, If_Match=tag).status_code == 412


def test_a_read_is_not_repeated_while_nothing_changed(client: Client) -> None:
    """If-None-Match with the tag is 304 without a body, alone, strong, in a list and as `*`; other tags are 200."""
    user = client.new_user()
    group = client.new_group(members=[user])
    for path in (f"/Users/{user}", f"/Groups/{group}"):
        tag = _tag(client.get(path))
        for header in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            answer = client.get(path, If_None_Match=header)
            assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
            assert "Content-Type" not in answer.headers
        for header in ('W/"0"', '"other"', "", "W/", tag + "x"):
            assert client.get(path, If_None_Match=header).status_code == 200


def test_a_304_never_hides_a_change(client: Client) -> None:
    """Each change of a user, of a group, or of the groups of a user makes the tag of before a stale one."""
    user, other = client.new_user("frank"), client.new_user()
    inner = client.new_group("inner")
    outer = client.new_group("outer", [inner])
    user_path, inner_path, outer_path = f"/Users/{user}", f"/Groups/{inner}", f"/Groups/{outer}"
    rename = {"op": "replace", "path": "displayName"}
    changes: list[tuple[str, Any]] = [
        # Who changes what, and whose representation is another.
        (user_path, lambda: client.patch(user_path, {"op": "add", "path": "title", "value": "x"})),
        (user_path, lambda: client.patch(user_path, {"op": "replace", "path": "active", "value": False})),
        (inner_path, lambda: client.patch(inner_path, add_members(user))),
        (user_path, lambda: client.patch(inner_path, {**rename, "value": "inner renamed"})),
        (user_path, lambda: client.patch(outer_path, {**rename, "value": "outer renamed"})),
        (user_path, lambda: client.patch(outer_path, add_members(user))),  # It was in it indirectly.
        (user_path, lambda: client.patch(outer_path, remove_member(user))),
        (user_path, lambda: client.patch(outer_path, remove_member(inner))),
        (inner_path, lambda: client.patch(inner_path, add_members(other))),
        (inner_path, lambda: client.delete(f"/Users/{other}")),
        (inner_path, lambda: client.put(inner_path, group_body("inner", []))),
        (user_path, lambda: client.patch(inner_path, add_members(user))),
        (user_path, lambda: client.delete(inner_path)),
    ]
    for number, (path, change) in enumerate(changes):
        tag, body = client.get(path).headers["ETag"], client.read(path)
        assert change().status_code in (200, 204), number
        after = client.get(path, If_None_Match=tag)
        assert after.status_code == 200, number
        assert after.get_json() != body
        assert client.get(path, If_None_Match=after.headers["ETag"]).status_code == 304


def test_what_changes_nothing_leaves_the_version(client: Client) -> None:
    """A request that changes nothing leaves meta as it is: version and lastModified."""
    user = client.new_user("grace", title="x")
    group = client.new_group("g", [user])
    before = [client.read(f"/Users/{user}"), client.read(f"/Groups/{group}")]
    client.put(f"/Users/{user}", user_body("grace", title="x"))
    client.patch(f"/Users/{user}", {"op": "replace", "path": "title", "value": "x"})
    client.patch(f"/Groups/{group}", add_members(user))
    client.patch(f"/Groups/{group}", add_members(user, user), remove_member(user), add_members(user))
    client.put(f"/Groups/{group}", group_body("g", [user, user]))
    assert [client.read(f"/Users/{user}"), client.read(f"/Groups/{group}")] == before


def test_two_connections_have_one_version_of_a_user(app: Flask, client: Client) -> None:
    """The row's part of the tag is the same for every connection, so either can send a change against it."""
    second = new_client(app, client.organization, connection="second")
    user = client.new_user()
    client.new_group(members=[user])
    tag = _tag(second.get(f"/Users/{user}"))
    assert client.patch(f"/Users/{user}", {"op": "add", "path": "title", "value": "x"}, If_Match=tag).status_code == 200
