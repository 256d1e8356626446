"""Tokens of an organization are issued, rotated and revoked by its administrator, and shown once."""

from datetime import timedelta

import pytest
from flask import Flask

from scim_server.protocol.scopes import ORGANIZATION_SCOPES, SCIM_SCOPES
from scim_server.store.session import utc_now
from tests.api import ApiClient, api_client, errors_of, problem_of
from tests.directory import NOBODY, Client, a_second_later, new_client, set_clock


def scim_status(client: ApiClient, token: str) -> int:
    """Return what SCIM answers to a token, as a second after the last change."""
    a_second_later(client.organization.store)
    return client.http.get("/scim/v2/Users", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_token_is_shown_once_and_known_after(admin: ApiClient) -> None:
    """It is in the answer that issues it and in no other; what is known of it is shown whenever it is asked for."""
    sent = {"connection": "default", "scope": "scim:read", "expires_in_days": 20}
    answer = admin.post("tokens", sent)
    issued = answer.get_json()
    assert answer.status_code == 201
    assert scim_status(admin, issued["token"]) == 200
    place = answer.headers["Location"].partition("/api/v1")[2]
    known = admin.read(place)
    assert known["last_used_at"] is not None
    unused = {**known, "last_used_at": None, "expires_in_days": 20}
    assert unused == {name: value for name, value in issued.items() if name != "token"}
    assert (known["scope"], known["kind"], known["warning_days"]) == ("scim:read", "static", 30)
    for path in (place, "tokens", "trail"):
        assert issued["token"] not in admin.get(path).text
    (entry,) = admin.read(f"trail?action=token.issue&resource={issued['id']}")["items"]
    assert entry["changes"]["scope"] == {"to": "scim:read"}


def test_tokens_are_walked_oldest_first_with_what_is_due(app: Flask, admin: ApiClient) -> None:
    """Each is met once, that of the request too; those that end soon are warned of, those that ended are not."""
    by_days = {days: admin.made("tokens", {"scope": "members:read", "expires_in_days": days}) for days in (15, 91)}
    endless = admin.made("tokens", {"scope": "members:read"})
    listed = admin.walk("tokens", limit=2)
    ids = [each["id"] for each in listed]
    assert ids == sorted(ids)
    assert ids[1:] == [by_days[15]["id"], by_days[91]["id"], endless["id"]]
    assert [each["warning_days"] for each in listed] == [None, 15, None, None]
    try:
        set_clock(app, lambda: utc_now() + timedelta(days=16))
        later = admin.read("tokens")["items"]
    finally:
        set_clock(app, utc_now)
    assert [each["warning_days"] for each in later] == [None, None, 90, None]
    assert later[1]["expires_in_days"] < 0
    assert later[3]["expires_in_days"] is None


def test_a_replay_issues_no_second_token(admin: ApiClient) -> None:
    """The token is in the first answer, which is kept sealed and given again."""
    answers = [admin.post("tokens", {"connection": "default"}, Idempotency_Key="one") for _ in range(2)]
    assert answers[0].status_code == 201
    assert answers[0].data == answers[1].data
    assert len(admin.read("tokens")["items"]) == 2


def test_a_revoked_token_is_refused(admin: ApiClient) -> None:
    """From the next look-up on; to revoke it again changes nothing."""
    issued = admin.made("tokens", {"connection": "default"})
    first, again = (admin.post(f"tokens/{issued['id']}/revoke").get_json() for _ in range(2))
    assert first == again
    assert first["revoked_at"] is not None
    assert scim_status(admin, issued["token"]) == 401
    assert len(admin.read("trail?action=token.revoke")["items"]) == 1


def test_a_rotation_is_completed(admin: ApiClient) -> None:
    """Both are taken while it lasts, then the new one alone."""
    old = admin.made("tokens", {"connection": "default"})
    new = admin.made(f"tokens/{old['id']}/rotation", {"expires_in_days": 365})
    assert (new["replaces_id"], new["scope"], new["connection_id"]) == (old["id"], old["scope"], old["connection_id"])
    assert [scim_status(admin, each["token"]) for each in (old, new)] == [200, 200]
    problem_of(admin.post(f"tokens/{old['id']}/rotation", {}), 409)
    assert admin.post(f"tokens/{old['id']}/rotation/complete").get_json()["id"] == new["id"]
    assert [scim_status(admin, each["token"]) for each in (old, new)] == [401, 200]
    problem_of(admin.post(f"tokens/{old['id']}/rotation/complete"), 404)


def test_a_rotation_is_cancelled(admin: ApiClient) -> None:
    """The new token is refused; the old one ends when it would have before."""
    old = admin.made("tokens", {"connection": "default", "expires_in_days": 100})
    new = admin.made(f"tokens/{old['id']}/rotation", {"old_ends_in_days": 7})
    assert admin.read(f"tokens/{old['id']}")["warning_days"] == 15
    cancelled = admin.post(f"tokens/{new['id']}/rotation/cancel").get_json()
    assert (cancelled["id"], cancelled["expires_at"]) == (old["id"], old["expires_at"])
    assert [scim_status(admin, each["token"]) for each in (old, new)] == [200, 401]


def test_a_token_of_the_portal_cannot_be_rotated_twice_at_once(admin: ApiClient) -> None:
    """The second one is refused until the first has ended."""
    old = admin.made("tokens", {"scope": "members:read"})
    admin.made(f"tokens/{old['id']}/rotation", {})
    assert "rotated already" in problem_of(admin.post(f"tokens/{old['id']}/rotation", {}), 409)["detail"]


def test_a_connection_has_two_live_tokens(admin: ApiClient) -> None:
    """The third is refused, and the two are named."""
    two = [admin.made("tokens", {"connection": "default"})["id"] for _ in range(2)]
    detail = problem_of(admin.post("tokens", {"connection": "default"}), 409)["detail"]
    assert all(each in detail for each in two)
    admin.post(f"tokens/{two[0]}/revoke")
    admin.made("tokens", {"connection": "default"})


@pytest.mark.parametrize("scope", ["scim", *SCIM_SCOPES, *ORGANIZATION_SCOPES])
def test_an_administrator_grants_what_is_of_the_organization(admin: ApiClient, scope: str) -> None:
    """Its members, itself, and SCIM for its connections: all of this an administrator has in their hands."""
    connection = {"connection": "default"} if "scim" in scope else {}
    assert admin.made("tokens", {"scope": scope, **connection})["scope"] == scope
    assert admin.made("clients", {"name": "a client", "scope": scope, **connection})["client_secret"]


@pytest.mark.parametrize("scope", ["operator", "org:admin operator", "me", "everything", " ", ""])
@pytest.mark.parametrize("path", ["tokens", "clients"])
def test_nobody_grants_more(admin: ApiClient, operator: ApiClient, path: str, scope: str) -> None:
    """Neither an administrator nor an operator makes an operator by the API, nor a scope that does not exist."""
    for client in (admin, operator):
        answer = client.post(path, {"name": "x", "scope": scope} if path == "clients" else {"scope": scope})
        assert list(errors_of(answer)) == ["/scope"]


@pytest.mark.parametrize("scopes", [["members:read", "members:write"], ["scim"]])
def test_tokens_are_the_administrators(app: Flask, scopes: list[str]) -> None:
    """Who has less can neither see nor issue any, not even with what they have."""
    client = api_client(app, *scopes)
    for path in ("tokens", "clients"):
        problem_of(client.get(path), 403)
        problem_of(client.post(path, {"name": "x", "scope": scopes[0], "connection": "default"}), 403)


def test_the_token_of_a_person_reaches_me_alone(app: Flask, admin: ApiClient) -> None:
    """Whatever scope is sent with it; it is for a connection, and the person must be there."""
    scim: Client = new_client(app, admin.organization)
    user = scim.new_user("ada")
    issued = admin.made("tokens", {"connection": "default", "user_name": "ada", "scope": "scim"})
    assert (issued["scope"], issued["user_id"]) == ("me", user)
    headers = {"Authorization": f"Bearer {issued['token']}"}
    assert admin.http.get("/scim/v2/Me", headers=headers).status_code == 200
    assert admin.http.get("/scim/v2/Users", headers=headers).status_code == 403
    assert list(errors_of(admin.post("tokens", {"user_name": "ada"}))) == ["/connection"]
    unknown = admin.post("tokens", {"connection": "default", "user_name": "nobody"})
    assert list(errors_of(unknown)) == ["/user_name"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"connection": "nothing"}, "/connection"),
        ({"scope": "scim"}, "/scope"),
        ({"connection": "default", "expires_in_days": 0}, "/expires_in_days"),
        ({"connection": "default", "expires_in_days": "30"}, "/expires_in_days"),
        ({"connection": "default", "expires_in_days": True}, "/expires_in_days"),
        ({"connection": "default", "expires_in_days": 1.5}, "/expires_in_days"),
        ({"connection": "default", "token": "mine"}, "/token"),
    ],
)
def test_what_is_sent_must_be_what_is_accepted(admin: ApiClient, body: dict[str, object], pointer: str) -> None:
    """The field is named, and nothing is issued."""
    assert list(errors_of(admin.post("tokens", body))) == [pointer]
    assert len(admin.read("tokens")["items"]) == 1


@pytest.mark.parametrize("path", ["", "/revoke", "/rotation", "/rotation/complete", "/rotation/cancel"])
def test_an_unknown_token_is_not_found(admin: ApiClient, operator: ApiClient, path: str) -> None:
    """Nor is the token itself a name of it, nor that of an operator."""
    operator_id = admin.organization.prove(operator.token).actor.id
    for named in (NOBODY, admin.token, operator_id):
        body: dict[str, object] | None = {} if path == "/rotation" else None
        problem_of(admin.send("POST" if path else "GET", f"tokens/{named}{path}", body), 404)
