"""Who may ask: the bearer token, its scopes, and its end."""

import base64
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from flask import Flask
from sqlalchemy import Update, bindparam, update
from werkzeug.test import TestResponse

from scim_server.actions.clients import disable_client
from scim_server.actions.organizations import change_connection, suspend_organization
from scim_server.actions.tokens import issue_operator_token, issue_token, revoke
from scim_server.protocol.errors import ERROR_URN
from scim_server.protocol.scopes import covers
from scim_server.protocol.tokens import make_token
from scim_server.store.session import Actor, Credentials, begin, begin_platform, utc_now
from scim_server.store.tables import connections, organizations
from scim_server.store.tokens import authenticate
from scim_server.web.requests import SCIM_MEDIA_TYPE, current_request
from tests.databases import Database
from tests.directory import (
    KEY,
    NOBODY,
    SCIM_PREFIX,
    Client,
    Organization,
    a_second_later,
    add_members,
    contents,
    new_client,
    new_organization,
    running_app,
    set_clock,
    site_of,
    unique,
    user_body,
)
from tests.serving import Served
from tests.web.oauth.clients import register

UNKNOWN = make_token("0" * 30)


def _refused(answer: TestResponse) -> str:
    """Return the challenge of a 401 that has all it needs."""
    assert answer.status_code == 401
    assert answer.content_type == SCIM_MEDIA_TYPE
    body = answer.get_json()
    assert body["schemas"] == [ERROR_URN]
    assert body["status"] == "401"
    assert body["detail"]
    (challenge,) = answer.headers.getlist("WWW-Authenticate")
    assert challenge.startswith('Bearer realm="scim"')
    assert challenge.isascii()
    return challenge


def _ask(client: Client, authorization: str | None, path: str = "/Users") -> TestResponse:
    headers = {} if authorization is None else {"Authorization": authorization}
    return client.http.get(f"{SCIM_PREFIX}{path}", headers=headers)


_HEADERS: dict[str, Callable[[str], str]] = {
    "no token": lambda _: "Bearer",
    "blank token": lambda _: "Bearer   ",
    "Basic": lambda token: "Basic " + base64.b64encode(f"user:{token}".encode()).decode(),
    "other scheme": lambda token: f"Token {token}",
    "another token": lambda _: "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x",
    "cut off": lambda token: f"Bearer {token[:-1]}",
    "wrong checksum": lambda token: f"Bearer {token[:-1]}{'0' if token[-1] != '0' else '1'}",
    "two tokens": lambda token: f"Bearer {token} {token}",
    "quoted": lambda token: f'Bearer "{token}"',
    "other case": lambda token: f"Bearer {token.swapcase()}",
    "long": lambda token: f"Bearer {token * 100}",
    "not ASCII": lambda token: f"Bearer {token}\xe9",
    "unknown": lambda _: f"Bearer {UNKNOWN}",
}


@pytest.mark.parametrize("name", _HEADERS)
def test_what_proves_nothing_is_401(client: Client, name: str) -> None:
    """A header that is no token, or an unknown one, is refused with a challenge that names Bearer."""
    header = _HEADERS[name](client.token)
    challenge = _refused(_ask(client, header))
    assert 'error="invalid_token"' in challenge
    assert client.token not in challenge


def test_a_request_without_a_token_is_401_wherever_it_goes(client: Client) -> None:
    """Without a token every path under /scim is 401, those that do not exist and discovery included."""
    for path in ("/Users", f"/Users/{NOBODY}", "/Nothing", "/ServiceProviderConfig", "/Schemas", "/Bulk", ""):
        assert _refused(_ask(client, None, path)) == 'Bearer realm="scim"'
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        _refused(client.http.open(f"{SCIM_PREFIX}/Users/{NOBODY}", method=method, data=b"{"))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_has_no_case(client: Client, scheme: str) -> None:
    """The name of the scheme is compared without case (RFC 9110 §11.1)."""
    assert _ask(client, f"{scheme} {client.token}").status_code == 200


@pytest.mark.parametrize(
    ("statement", "suspended", "active"),
    [
        (
            update(organizations).where(organizations.c.id == bindparam("of")),
            {"status": "suspended"},
            {"status": "active"},
        ),
        (update(connections).where(connections.c.org_id == bindparam("of")), {"enabled": False}, {"enabled": True}),
    ],
    ids=["organization", "connection"],
)
def test_a_suspended_organization_or_connection_is_401(
    client: Client, statement: Update, suspended: dict[str, Any], active: dict[str, Any]
) -> None:
    """What is suspended is refused, and served again once it is active."""

    def write(values: dict[str, Any]) -> None:
        with begin(client.organization.store, client.organization.operator, write=True) as tenant:
            tenant.db.execute(statement.values(values), {"of": tenant.org_id})
        a_second_later(client.organization.store)

    write(suspended)
    assert "suspended" in _refused(client.get("/Users"))
    write(active)
    assert client.get("/Users").status_code == 200


@pytest.mark.parametrize(("profile", "status"), [("okta", 200), ("lenient", 200), ("rfc", 401)])
def test_a_token_without_a_scheme_is_taken_where_the_profile_says_so(app: Flask, profile: str, status: int) -> None:
    """Okta sends what its administrator typed: counted, and refused to who keeps to the RFCs."""
    client = new_client(app, connection=f"of {profile}", profile=profile)
    with app.test_request_context(f"{SCIM_PREFIX}/Users", headers={"Authorization": client.token}):
        answer = app.full_dispatch_request()
        assert answer.status_code == status
        if status == 200:
            assert current_request().leniences.counts == {"token_without_scheme": 1}


def test_a_token_without_a_connection_does_not_reach_scim(app: Flask, client: Client) -> None:
    """Neither the portal's back end nor an operator speaks SCIM; the answer says what does."""
    store = site_of(app).store
    with begin(store, client.organization.operator, write=True) as tenant:
        of_portal = issue_token(tenant, KEY, None, "org:admin members:read", None)[1]
    with begin_platform(store, write=True) as platform:
        of_operator = issue_operator_token(platform, KEY, None)[1]
    for token in (of_portal, of_operator):
        answer = _ask(client, f"Bearer {token}")
        assert (answer.status_code, answer.get_json()["detail"]) == (
            403,
            "this token belongs to no connection; /scim takes the token of a connection",
        )


def test_an_operator_token_belongs_to_no_organization(app: Flask, client: Client) -> None:
    """It proves an operator with every scope of the API; the portal's token proves its organization."""
    store = site_of(app).store
    with begin_platform(store, write=True) as platform:
        issued, token = issue_operator_token(platform, KEY, None)
    proved = authenticate(store, KEY, token, "")
    assert proved == Credentials("", Actor("operator", issued.id, None, frozenset({"operator"})))
    assert all(covers(proved.actor.scopes, each) for each in ("org:admin", "members:read", "members:write", "operator"))
    with begin(store, client.organization.operator, write=True) as tenant:
        issued, token = issue_token(tenant, KEY, None, "org:admin", None)
    proved = authenticate(store, KEY, token, "")
    assert proved == Credentials(client.organization.id, Actor("token", issued.id, None, frozenset({"org:admin"})))
    assert covers(proved.actor.scopes, "members:write")
    assert not covers(proved.actor.scopes, "operator")


def test_a_lacking_scope_is_named_in_the_challenge(app: Flask) -> None:
    """RFC 6750 §3.1: 403 with the error insufficient_scope and the scope that is needed."""
    reader = new_client(app, scope="scim:read")
    answer = reader.post("/Users", user_body(unique("user")))
    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="scim", error="insufficient_scope", scope="scim:write"'


def test_an_expired_token_is_401(database: Database) -> None:
    """A token ends at its time, with no other request between."""
    with running_app(database) as app:
        now = [utc_now()]
        set_clock(app, lambda: now[0])
        client = new_client(app)
        token = client.organization.token(lifetime=timedelta(hours=1))
        assert _ask(client, f"Bearer {token}").status_code == 200
        now[0] += timedelta(hours=1)
        assert "expired" in _refused(_ask(client, f"Bearer {token}"))
        assert client.get("/Users").status_code == 200


def test_a_revoked_token_is_401(client: Client) -> None:
    """Revoking a token ends it and no other."""
    token = client.organization.token()
    client.organization.revoke(token)
    assert "revoked" in _refused(_ask(client, f"Bearer {token}"))
    assert client.get("/Users").status_code == 200


def test_a_token_that_reads_cannot_write(app: Flask) -> None:
    """The scope scim:read covers GET and .search; what writes is 403, and changes nothing."""
    writer = new_client(app)
    user, group = writer.new_user(), writer.new_group()
    reader = new_client(app, writer.organization, scope="scim:read")
    before = contents(writer)
    for path in ("/Users", f"/Users/{user}", f"/Groups/{group}", "/Schemas", "/ServiceProviderConfig"):
        assert reader.get(path).status_code == 200
    assert reader.post("/Users/.search", {}).status_code == 200
    refused = [
        reader.post("/Users", user_body(unique("user"))),
        reader.put(f"/Users/{user}", user_body(unique("user"))),
        reader.patch(f"/Groups/{group}", add_members(user)),
        reader.delete(f"/Users/{user}"),
        reader.post("/Bulk", {"Operations": [{"method": "DELETE", "path": f"/Users/{user}"}]}),
        reader.post("/Groups", b"{"),
        reader.send("POST", f"/Users/{user}", {}),
    ]
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert all(answer.content_type == SCIM_MEDIA_TYPE for answer in refused)
    assert all("scim:write" in answer.get_json()["detail"] for answer in refused)
    assert contents(writer) == before


def test_a_token_that_writes_cannot_read(app: Flask) -> None:
    """The scope scim:write covers what writes, and no GET."""
    client = new_client(app, scope="scim:write")
    user = client.new_user()
    assert [client.get(path).status_code for path in ("/Users", f"/Users/{user}", "/Schemas")] == [403] * 3
    assert client.post("/Users/.search", {}).status_code == 403
    assert client.delete(f"/Users/{user}").status_code == 204


def _revoke_token(organization: Organization, token_id: str, _: str) -> None:
    with begin(organization.store, organization.operator, write=True) as tenant:
        assert revoke(tenant, token_id)


def _disable_client(organization: Organization, _: str, client_id: str) -> None:
    with begin(organization.store, organization.operator, write=True) as tenant:
        assert disable_client(tenant, client_id)


def _disable_connection(organization: Organization, *_: str) -> None:
    with begin(organization.store, organization.operator, write=True) as tenant:
        assert not change_connection(tenant, "default", {"enabled": False}).enabled


def _suspend_organization(organization: Organization, *_: str) -> None:
    with begin(organization.store, organization.operator, write=True) as tenant:
        assert suspend_organization(tenant).status == "suspended"


@pytest.mark.parametrize("end", [_revoke_token, _disable_client, _disable_connection, _suspend_organization])
def test_an_end_holds_on_every_worker_within_a_second(
    app: Flask, served: Served, end: Callable[[Organization, str, str], None]
) -> None:
    """A token that was just in use on two workers is refused by both a second after another process ended it."""
    organization = new_organization(site_of(app).store)
    client = register(organization)
    form = {"grant_type": "client_credentials", "client_id": client.id, "client_secret": client.secret}
    token = httpx.post(f"{served.url}/oauth/token", data=form, trust_env=False).json()["access_token"]
    token_id = organization.prove(token).actor.id
    url, headers = f"{served.url}{SCIM_PREFIX}/Users?count=0", {"Authorization": f"Bearer {token}"}
    # Each connection stays with the worker that accepted it: of ten, some are on either.
    sockets = [httpx.Client(trust_env=False, headers=headers) for _ in range(10)]
    try:
        for each in sockets:
            each.get(f"{served.url}/healthz")
        assert [each.get(url).status_code for each in sockets] == [200] * 10
        end(organization, token_id, client.id)
        time.sleep(1)
        assert [each.get(url).status_code for each in sockets] == [401] * 10
        again = httpx.post(f"{served.url}/oauth/token", data=form, trust_env=False)
        assert again.status_code == (200 if end is _revoke_token else 401)
    finally:
        for each in sockets:
            each.close()
