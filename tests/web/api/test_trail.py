"""The trail is narrowed by what happened, to what, by whom and when; statistics count."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from flask import Flask

from tests.api import ApiClient, errors_of
from tests.directory import Client, new_client


@pytest.fixture
def scim(app: Flask, admin: ApiClient) -> Client:
    """An identity provider of the administrator's organization."""
    return new_client(app, admin.organization)


def test_the_trail_is_walked_newest_first(admin: ApiClient, scim: Client) -> None:
    """Each entry is met once, and says who did what under which request."""
    user = scim.new_user("ada")
    scim.send("PUT", f"/Users/{user}", {"userName": "ada", "title": "x"}, X_Request_ID="the-put")
    entries = admin.walk("trail", limit=3)
    assert [each["id"] for each in entries] == sorted((each["id"] for each in entries), reverse=True)
    newest = entries[0]
    assert (newest["action"], newest["resource_type"], newest["resource_id"]) == ("user.replace", "User", user)
    assert (newest["actor_kind"], newest["actor_id"]) == ("token", scim.credentials.actor.id)
    assert (newest["connection_id"], newest["request_id"]) == (scim.connection.id, "the-put")
    assert newest["changes"] == {"title": {"to": "x"}}


def test_the_trail_is_narrowed_by_resource_actor_and_action(admin: ApiClient, scim: Client) -> None:
    """By one of them or several at once."""
    first, second = scim.new_user(), scim.new_user()
    admin.patch(f"members/{first}", {"active": False})
    token = admin.organization.prove(admin.token).actor.id

    def found(query: str) -> list[tuple[str, str]]:
        return [(each["action"], each["resource_id"]) for each in admin.walk(f"trail?{query}")]

    assert found(f"resource={first}") == [("user.patch", first), ("user.create", first)]
    assert found("action=user.create") == [("user.create", second), ("user.create", first)]
    assert found(f"actor={token}") == [("user.patch", first)]
    assert found(f"actor={scim.credentials.actor.id}&resource={second}") == [("user.create", second)]
    assert found(f"actor={token}&action=user.create") == []


def test_the_trail_is_narrowed_by_time(admin: ApiClient, scim: Client) -> None:
    """``since`` is the first moment, ``until`` the one after the last; both take an offset."""
    user = scim.new_user()
    (entry,) = admin.read(f"trail?resource={user}")["items"]
    at = datetime.fromisoformat(entry["at"])
    tick = timedelta(milliseconds=1)

    def count(since: datetime, until: datetime) -> int:
        times = f"since={quote(since.isoformat())}&until={quote(until.isoformat())}"
        return len(admin.read(f"trail?resource={user}&{times}")["items"])

    east = (at + timedelta(hours=2)).replace(tzinfo=None).isoformat() + "+02:00"
    assert (count(at, at + tick), count(at - tick, at), count(at + tick, at + 2 * tick)) == (1, 0, 0)
    assert len(admin.read(f"trail?resource={user}&since={quote(east)}")["items"]) == 1
    assert count(datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)) == 1
    assert list(errors_of(admin.get("trail?since=yesterday"))) == ["since"]


def test_statistics_count_what_there_is(admin: ApiClient, scim: Client) -> None:
    """Users by their access, groups, and each connection with its live tokens and its last use."""
    scim.new_user(active=False)
    scim.new_group(members=[scim.new_user(), scim.new_user()])
    admin.organization.revoke(admin.organization.token())
    admin.organization.token()
    admin.organization.token("unused")
    statistics = admin.read("statistics")
    assert statistics["users"] == {"active": 2, "inactive": 1}
    assert statistics["groups"] == 2  # With the role of the portal.
    used, unused = statistics["connections"]
    # The token of SCIM and one more; that of the administrator belongs to no connection.
    assert (used["name"], used["live_tokens"], used["last_used_at"] is not None) == ("default", 2, True)
    assert (unused["name"], unused["live_tokens"], unused["last_used_at"]) == ("unused", 1, None)
