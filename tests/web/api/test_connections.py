"""Connections of an organization are made and changed by its administrator."""

from flask import Flask

from tests.api import ApiClient, api_client, errors_of, problem_of
from tests.directory import NOBODY, a_second_later, new_client, site_of, unique


def test_a_connection_is_made_and_changed(admin: ApiClient) -> None:
    """It has the rules that were sent, and those that are left out by default; a change keeps what it leaves out."""
    answer = admin.post("connections", {"name": "entra", "profile": "entra", "on_existing": "adopt"})
    made = answer.get_json()
    assert (made["on_existing"], made["on_inactive"], made["on_delete"]) == ("adopt", "refuse", "hard")
    place = answer.headers["Location"].partition("/api/v1")[2]
    assert admin.read(place) == made
    changed = admin.patch(place, {"enabled": False, "on_delete": "soft"}, If_Match=answer.headers["ETag"])
    assert changed.get_json() == {**made, "enabled": False, "on_delete": "soft"}
    problem_of(admin.patch(place, {"enabled": True}, If_Match=answer.headers["ETag"]), 412)
    (entry,) = admin.read(f"trail?action=connection.change&resource={made['id']}")["items"]
    assert entry["changes"] == {"enabled": {"from": True, "to": False}, "on_delete": {"from": "hard", "to": "soft"}}


def test_connections_are_walked_in_the_order_of_their_names(admin: ApiClient) -> None:
    """Each is met once."""
    for name in ("zebra", "ant", "bee"):
        admin.made("connections", {"name": name})
    assert [each["name"] for each in admin.walk("connections", limit=2)] == ["ant", "bee", "default", "zebra"]


def test_what_is_sent_must_be_what_is_accepted(admin: ApiClient) -> None:
    """No text for a boolean, no word that is none of those accepted; a name is taken once."""
    sent = {"enabled": "true", "profile": "best", "on_delete": "maybe", "name": "other"}
    place = f"connections/{admin.read('connections')['items'][0]['id']}"
    assert set(errors_of(admin.patch(place, sent))) == {"/enabled", "/profile", "/on_delete", "/name"}
    assert list(errors_of(admin.post("connections", {"name": "default"}), 409)) == ["/name"]
    assert admin.get(f"connections/{NOBODY}").status_code == admin.get("connections/default").status_code == 404


def test_disabling_holds_from_the_next_look_up_on(app: Flask, admin: ApiClient) -> None:
    """The tokens of the connection are refused, those of others are not."""
    scim = new_client(app, admin.organization, connection="entra")
    place = f"connections/{scim.connection.id}"
    admin.patch(place, {"enabled": False})
    a_second_later(site_of(app).store)
    assert (scim.get("/Users").status_code, admin.get(place).status_code) == (401, 200)
    admin.patch(place, {"enabled": True})
    a_second_later(site_of(app).store)
    assert scim.get("/Users").status_code == 200


def test_the_health_of_a_connection_is_shown(app: Flask, admin: ApiClient) -> None:
    """Its last request, its last error and the sums of each hour, once they are written; of no other connection."""
    scim, other = (new_client(app, admin.organization, connection=name) for name in ("entra", "hr"))
    place = f"connections/{scim.connection.id}/health"
    nothing = {f"last_{name}": None for name in ("request_at", "error_at", "error_status", "error_detail")}
    assert admin.read(place) == {**nothing, "hours": []}
    for _ in range(2):
        assert scim.get("/Users").status_code == other.get("/Users").status_code == 200
    assert scim.get(f"/Users/{NOBODY}").status_code == 404
    site_of(app).counts.write(site_of(app).store)
    health = admin.read(place)
    assert sum(hour["requests"] for hour in health["hours"]) == 3
    assert sum(hour["errors"] for hour in health["hours"]) == 1
    assert health["last_error_status"] == 404
    assert NOBODY in health["last_error_detail"]
    assert health["hours"][0]["hour"] <= health["last_error_at"] <= health["last_request_at"]
    assert admin.read(f"connections/{other.connection.id}/health")["last_error_at"] is None
    problem_of(admin.get(f"connections/{NOBODY}/health"), 404)


def test_connections_are_the_administrators(app: Flask, admin: ApiClient) -> None:
    """A token for members sees none."""
    client = api_client(app, "members:read", "members:write", organization=admin.organization)
    assert client.get("connections").status_code == 403
    assert client.post("connections", {"name": unique("new")}).status_code == 403
    assert len(admin.read("connections")["items"]) == 1
