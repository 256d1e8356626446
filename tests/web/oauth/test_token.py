"""`/oauth/token` with client credentials: who gets a token, for what, and how long it holds."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from scim_server.actions.clients import disable_client, rotate_secret
from scim_server.actions.organizations import change_connection
from scim_server.protocol.tokens import is_well_formed
from scim_server.store.session import begin, begin_platform, utc_now
from scim_server.store.tables import organizations
from tests.databases import Database
from tests.directory import (
    KEY,
    SCIM_PREFIX,
    Organization,
    a_second_later,
    new_organization,
    running_app,
    set_clock,
    site_of,
    trail_of,
)
from tests.web.oauth.clients import by_assertion, jwks, new_key, register

GRANT = {"grant_type": "client_credentials"}


def refusal(answer: TestResponse, *statuses: int) -> str:
    """Return the error of a refusal that has all it needs (RFC 6749 §5.2)."""
    assert answer.status_code in (statuses or (400, 401)), answer.text
    assert answer.content_type.startswith("application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.get_json()
    assert body["error_description"]
    assert (answer.status_code == 401) == ("WWW-Authenticate" in answer.headers)
    return str(body["error"])


def reads(http: FlaskClient, token: str) -> int:
    """Return the status of a request that reads."""
    headers = {"Authorization": f"Bearer {token}"}
    return http.get(f"{SCIM_PREFIX}/Users?count=0", headers=headers).status_code


@pytest.mark.parametrize("by", ["basic", "post"])
def test_a_client_gets_a_token_by_its_secret(http: FlaskClient, organization: Organization, by: str) -> None:
    """The answer is that of RFC 6749 §5.1, kept by nobody, and the token is taken at once."""
    client = register(organization)
    form = {"client_id": client.id, "client_secret": client.secret} if by == "post" else {}
    answer = http.post("/oauth/token", data={**GRANT, **form}, auth=client.basic if by == "basic" else None)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.get_json()
    assert is_well_formed(body.pop("access_token"))
    assert body == {"token_type": "Bearer", "expires_in": 3600, "scope": "scim:read scim:write"}
    assert reads(http, answer.get_json()["access_token"]) == 200


@pytest.mark.parametrize(
    ("granted", "asked", "given"),
    [
        ("scim", None, "scim:read scim:write"),
        ("scim", "", "scim:read scim:write"),
        ("scim", "scim", "scim:read scim:write"),
        ("scim", "scim:read", "scim:read"),
        ("scim:write scim:read", "scim:read scim:write", "scim:read scim:write"),
        ("scim:read", None, "scim:read"),
        ("scim:read", "scim", None),
        ("scim:read", "scim:write", None),
        ("scim", "members:read", None),
        ("scim", "operator", None),
        ("scim", "everything", None),
        ("scim", 'scim:read "é\\', None),
    ],
)
def test_a_scope_is_narrowed_and_never_widened(
    http: FlaskClient, organization: Organization, granted: str, asked: str | None, given: str | None
) -> None:
    """No scope is all that the client was granted; more than that is invalid_scope."""
    client = register(organization, scope=granted)
    scope = {} if asked is None else {"scope": asked}
    answer = http.post("/oauth/token", data={**GRANT, **scope}, auth=client.basic)
    if given is None:
        assert refusal(answer) == "invalid_scope"
    else:
        assert answer.get_json()["scope"] == given


def test_the_scope_of_a_token_is_enforced(http: FlaskClient, organization: Organization) -> None:
    """A token for reading does not write, whatever its client was granted."""
    client = register(organization)
    answer = http.post("/oauth/token", data={**GRANT, "scope": "scim:read"}, auth=client.basic)
    headers = {"Authorization": f"Bearer {answer.get_json()['access_token']}"}
    assert http.get(f"{SCIM_PREFIX}/Users", headers=headers).status_code == 200
    refused = http.post(f"{SCIM_PREFIX}/Users", headers=headers, json={})
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (
        403,
        'Bearer realm="scim", error="insufficient_scope", scope="scim:write"',
    )


def _basic(user: bytes) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(user).decode()}"}


_BAD_CLIENTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "nobody": lambda _: {"auth": ("nobody", "x")},
    "wrong secret": lambda client: {"auth": (client.id, "x")},
    "no secret": lambda client: {"data": {**GRANT, "client_id": client.id}},
    "nothing": lambda _: {},
    "other client_id": lambda client: {"auth": client.basic, "data": {**GRANT, "client_id": "another"}},
    "not UTF-8": lambda _: {"headers": _basic(b"\xff\xfe:x")},
    "no colon": lambda client: {"headers": _basic(client.id.encode())},
    "zero byte": lambda _: {"data": {**GRANT, "client_id": "\0", "client_secret": "x"}},
    "long": lambda _: {"data": {**GRANT, "client_id": "x" * 10_000, "client_secret": "x"}},
    "no Base64": lambda _: {"headers": {"Authorization": "Basic ==="}},
    "no JWT": lambda _: {"data": by_assertion("x.y.z")},
    "not even dots": lambda _: {"data": by_assertion("é")},
}


@pytest.mark.parametrize("name", _BAD_CLIENTS)
def test_who_does_not_prove_itself_gets_nothing(http: FlaskClient, organization: Organization, name: str) -> None:
    """Whatever is wrong with its proof, a client is told invalid_client."""
    client = register(organization)
    answer = http.post("/oauth/token", **{"data": GRANT, **_BAD_CLIENTS[name](client)})
    assert refusal(answer) == "invalid_client"


_BAD_REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "no grant": ("unsupported_grant_type", {"data": {"scope": "scim"}}),
    "other grant": ("unsupported_grant_type", {"data": {"grant_type": "password"}}),
    "grant not granted": ("unauthorized_client", {"data": {"grant_type": "authorization_code", "code": "x"}}),
    "JSON": ("invalid_request", {"json": GRANT}),
    "multipart": ("invalid_request", {"data": GRANT, "content_type": "multipart/form-data"}),
    "query": ("invalid_request", {"data": GRANT, "query_string": {"scope": "scim"}}),
    "twice": ("invalid_request", {"data": {**GRANT, "scope": ["scim:read", "scim:write"]}}),
    "two proofs": ("invalid_request", {"data": {**GRANT, "client_secret": "x"}}),
    "large": ("invalid_request", {"data": {**GRANT, "scope": "x" * 100_000}}),
}


@pytest.mark.parametrize("name", _BAD_REQUESTS)
def test_a_request_of_another_form_is_refused(http: FlaskClient, organization: Organization, name: str) -> None:
    """Parameters stand in a form, once each; the client proves itself in one way."""
    error, sent = _BAD_REQUESTS[name]
    client = register(organization)
    assert http.post("/oauth/token", auth=client.basic, **sent).get_json()["error"] == error
    assert http.get("/oauth/token").status_code == 405


def test_an_access_token_ends_at_its_time(database: Database) -> None:
    """It lives as long as the setting says, within 60 and 360 minutes."""
    with running_app(database, access_token_lifetime_s="7200") as app:
        now = [utc_now()]
        set_clock(app, lambda: now[0])
        client, http = register(new_organization(site_of(app).store)), app.test_client()
        answer = http.post("/oauth/token", data=GRANT, auth=client.basic).get_json()
        assert answer["expires_in"] == 7200
        now[0] += timedelta(seconds=7199)
        assert reads(http, answer["access_token"]) == 200
        now[0] += timedelta(seconds=1)
        assert reads(http, answer["access_token"]) == 401


def _suspend(organization: Organization) -> None:
    with begin_platform(organization.store, write=True) as platform:
        suspended = update(organizations).where(organizations.c.id == organization.id).values(status="suspended")
        platform.db.execute(suspended)


def _disable_connection(organization: Organization) -> None:
    with begin(organization.store, organization.operator, write=True) as tenant:
        change_connection(tenant, "default", {"enabled": False})


@pytest.mark.parametrize("suspend", [_suspend, _disable_connection], ids=["organization", "connection"])
def test_what_is_suspended_gets_no_token(
    http: FlaskClient, organization: Organization, suspend: Callable[[Organization], None]
) -> None:
    """401 at the token endpoint, and for the tokens that were given before."""
    client = register(organization)
    token = http.post("/oauth/token", data=GRANT, auth=client.basic).get_json()["access_token"]
    assert reads(http, token) == 200
    suspend(organization)
    a_second_later(organization.store)
    assert reads(http, token) == 401
    assert refusal(http.post("/oauth/token", data=GRANT, auth=client.basic), 401) == "invalid_client"


def test_a_disabled_client_ends_with_its_tokens(http: FlaskClient, organization: Organization) -> None:
    """Disabling a client ends its access tokens and its access to the token endpoint, and no other client's."""
    client, other = register(organization), register(organization)
    token, others = (
        http.post("/oauth/token", data=GRANT, auth=each.basic).get_json()["access_token"] for each in (client, other)
    )
    assert [reads(http, token), reads(http, others)] == [200, 200]
    with begin(organization.store, organization.operator, write=True) as tenant:
        assert disable_client(tenant, client.id)
        assert not disable_client(tenant, client.id)
    a_second_later(organization.store)
    assert [reads(http, token), reads(http, others)] == [401, 200]
    assert refusal(http.post("/oauth/token", data=GRANT, auth=client.basic), 401) == "invalid_client"


def test_a_refusal_tells_not_which_clients_there_are(http: FlaskClient, organization: Organization) -> None:
    """A client that is unknown, one with another secret and one that proves itself otherwise get the same answer."""
    client, own = register(organization), register(organization, auth_method="private_key_jwt", jwks=jwks(new_key()))
    answers = [
        http.post("/oauth/token", data=GRANT, auth=(name, "x" * 40))
        for name in (client.id, own.id, "x" * len(client.id))
    ]
    answers.append(http.post("/oauth/token", data={**GRANT, "client_id": client.id, "client_secret": "x"}))
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}


def test_two_secrets_live_while_one_is_rotated(database: Database) -> None:
    """The secret that a client had is taken beside the new one until its end, and never after."""
    with running_app(database) as app:
        now = [utc_now()]
        set_clock(app, lambda: now[0])
        organization, http = new_organization(site_of(app).store), app.test_client()
        client = register(organization)
        with begin(organization.store, organization.operator, write=True) as tenant:
            secret = rotate_secret(tenant, KEY, client.id, timedelta(days=7))[1]

        def statuses() -> list[int]:
            pairs = [(client.id, client.secret), (client.id, secret)]
            return [http.post("/oauth/token", data=GRANT, auth=pair).status_code for pair in pairs]

        assert statuses() == [200, 200]
        now[0] += timedelta(days=8)
        assert statuses() == [401, 200]


def test_a_token_of_a_client_is_in_the_trail(http: FlaskClient, organization: Organization) -> None:
    """Who got which token for what scope is recorded, and no secret with it."""
    client = register(organization)
    token = http.post("/oauth/token", data=GRANT, auth=client.basic).get_json()["access_token"]
    entries = trail_of(organization)
    assert [entry.action for entry in entries][-2:] == ["client.create", "token.issue"]
    issued = entries[-1]
    assert (issued.actor_kind, issued.actor_id) == ("client", client.id)
    assert issued.changes == {"client": {"to": client.id}, "scope": {"to": "scim:read scim:write"}}
    assert client.secret not in str(entries)
    assert token not in str(entries)
