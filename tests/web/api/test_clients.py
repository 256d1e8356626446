"""OAuth clients of an organization are registered and disabled by its administrator; secrets are shown once."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from scim_server.store.session import utc_now
from tests.api import ApiClient, errors_of, problem_of
from tests.directory import NOBODY, a_second_later, set_clock
from tests.web.oauth.clients import jwks, new_key

KEYS = jwks(new_key())
FEDERATED = {"auth_method": "federated", "issuer": "https://issuer.example", "subject": "s", "audience": "a"}


def ask(client: ApiClient, client_id: str, secret: str) -> TestResponse:
    """Ask for an access token."""
    return client.http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret))


def test_a_secret_is_shown_once_and_gets_a_token(admin: ApiClient) -> None:
    """It is in the answer that registers the client, and in no other."""
    answer = admin.post("clients", {"name": "Entra ID", "connection": "default"})
    made = answer.get_json()
    assert answer.status_code == 201
    granted = ask(admin, made["id"], made["client_secret"]).get_json()
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    assert admin.http.get("/scim/v2/Users", headers=headers).status_code == 200
    place = answer.headers["Location"].partition("/api/v1")[2]
    known = admin.read(place)
    assert {**known, "client_secret": made["client_secret"]} == made
    assert (known["scope"], known["grant_types"]) == ("scim:read scim:write", "client_credentials")
    for path in (place, "clients", "trail"):
        text = admin.get(path).text
        assert made["client_secret"] not in text
        assert "digest" not in text


def test_clients_are_walked_oldest_first(admin: ApiClient) -> None:
    """Each is met once."""
    made = [admin.made("clients", {"name": name, "scope": "members:read"})["id"] for name in "cab"]
    assert [each["id"] for each in admin.walk("clients", limit=2)] == made


def test_a_replay_registers_no_second_client(admin: ApiClient) -> None:
    """The secret is in the first answer, which is kept sealed and given again."""
    sent = {"name": "a client", "connection": "default"}
    answers = [admin.post("clients", sent, Idempotency_Key="one") for _ in range(2)]
    assert answers[0].status_code == 201
    assert answers[0].data == answers[1].data
    assert len(admin.read("clients")["items"]) == 1


def test_a_client_with_keys_has_no_secret(admin: ApiClient) -> None:
    """There is none to show and none to rotate."""
    sent = {"name": "a client", "connection": "default", "auth_method": "private_key_jwt", "jwks": KEYS}
    made = admin.made("clients", sent)
    assert (made["client_secret"], made["jwks"]) == (None, KEYS)
    assert "no secret" in problem_of(admin.post(f"clients/{made['id']}/rotate-secret", {}), 409)["detail"]


def test_of_two_clients_with_the_same_assertions_one_is_registered(admin: ApiClient, operator: ApiClient) -> None:
    """Though the other is one of another organization."""
    sent = {"name": "a client", "connection": "default", "jwks": KEYS, **FEDERATED, "subject": admin.organization.slug}
    admin.made("clients", sent)
    for client in (admin, operator):
        problem_of(client.post("clients", sent), 409)


def test_a_secret_is_rotated(app: Flask, admin: ApiClient) -> None:
    """The one before is taken for the days that were asked for."""
    made = admin.made("clients", {"name": "a client", "connection": "default"})
    rotated = admin.post(f"clients/{made['id']}/rotate-secret", {"keep_days": 2}).get_json()
    secrets = (made["client_secret"], rotated["client_secret"])
    assert [ask(admin, made["id"], each).status_code for each in secrets] == [200, 200]
    try:
        set_clock(app, lambda: utc_now() + timedelta(days=2, seconds=1))
        assert [ask(admin, made["id"], each).status_code for each in secrets] == [401, 200]
    finally:
        set_clock(app, utc_now)
    last = admin.post(f"clients/{made['id']}/rotate-secret", {"keep_days": 0}).get_json()["client_secret"]
    assert [ask(admin, made["id"], each).status_code for each in (*secrets, last)] == [401, 401, 200]


def test_a_disabled_client_gets_nothing(admin: ApiClient) -> None:
    """Nor do the tokens it was given; to disable it again changes nothing."""
    made = admin.made("clients", {"name": "a client", "connection": "default"})
    access = ask(admin, made["id"], made["client_secret"]).get_json()["access_token"]
    first, again = (admin.post(f"clients/{made['id']}/disable").get_json() for _ in range(2))
    assert first == again
    assert first["disabled_at"] is not None
    a_second_later(admin.organization.store)
    headers = {"Authorization": f"Bearer {access}"}
    assert admin.http.get("/scim/v2/Users", headers=headers).status_code == 401
    assert ask(admin, made["id"], made["client_secret"]).status_code == 401
    assert len(admin.read("trail?action=client.disable")["items"]) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x", "connection": "nothing"}, "/connection"),
        ({"name": "x"}, "/scope"),
        ({"connection": "default"}, "/name"),
        ({"name": "x", "connection": "default", "auth_method": "basic"}, "/auth_method"),
        ({"name": "x", "connection": "default", "grant_types": []}, "/grant_types"),
        ({"name": "x", "connection": "default", "grant_types": ["refresh_token"]}, ""),
        ({"name": "x", "connection": "default", "redirect_uris": ["https://a.example"]}, ""),
        ({"name": "x", "connection": "default", "auth_method": "private_key_jwt"}, ""),
        ({"name": "x", "connection": "default", "jwks": KEYS}, ""),
        ({"name": "x", "connection": "default", "jwks": {"keys": []}}, "/jwks"),
        ({"name": "x", "connection": "default", "jwks": {**KEYS, "note": "x" * 100_000}}, "/jwks"),
        ({"name": "x", "connection": "default", "client_secret": "mine"}, "/client_secret"),
    ],
)
def test_what_is_sent_must_be_what_is_accepted(admin: ApiClient, body: dict[str, Any], pointer: str) -> None:
    """The field is named, or the whole where fields do not go together; nothing is registered."""
    assert list(errors_of(admin.post("clients", body))) == [pointer]
    assert admin.read("clients")["items"] == []


@pytest.mark.parametrize("path", ["", "/rotate-secret", "/disable"])
def test_an_unknown_client_is_not_found(admin: ApiClient, path: str) -> None:
    """Whatever is asked of it."""
    for named in (NOBODY, "a-name"):
        body: dict[str, object] | None = {} if path == "/rotate-secret" else None
        problem_of(admin.send("POST" if path else "GET", f"clients/{named}{path}", body), 404)
