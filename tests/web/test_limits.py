"""How much one connection may send, and how often one address may guess."""

import secrets
import time

import httpx
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from scim_server.protocol.errors import ERROR_URN
from scim_server.protocol.tokens import make_token
from scim_server.web.limits import GUESSES, WINDOW_S
from scim_server.web.requests import SCIM_MEDIA_TYPE
from tests.databases import Database
from tests.directory import (
    SCIM_PREFIX,
    SECRET_KEY,
    a_second_later,
    contents,
    new_client,
    new_organization,
    running_app,
    site_of,
    unique,
    user_body,
)
from tests.serving import Served, gunicorn
from tests.statements import recorded
from tests.web.oauth.clients import REDIRECT_URI, register
from tests.web.oauth.test_authorize import GRANTS, Okta, administrator_token

UNKNOWN = make_token("0" * 30)


@pytest.fixture
def address() -> str:
    """An address that no other test guesses from, in another process of this machine either."""
    return f"198.18.{secrets.randbelow(256)}.{secrets.randbelow(256)}"


def _refused(answer: TestResponse) -> bool:
    """Return whether an answer is a 429; one that is has all it needs."""
    if answer.status_code != 429:
        return False
    assert answer.content_type == SCIM_MEDIA_TYPE
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    body = answer.get_json()
    assert (body["schemas"], body["status"]) == ([ERROR_URN], "429")
    assert f"in {answer.headers['Retry-After']} s" in body["detail"]
    return True


def _guess(app: Flask, token: str = UNKNOWN, forwarded: str | None = None, address: str = "127.0.0.1") -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"}
    if forwarded is not None:
        headers["X-Forwarded-For"] = forwarded
    return app.test_client().get(
        f"{SCIM_PREFIX}/Users?count=0", headers=headers, environ_overrides={"REMOTE_ADDR": address}
    )


def test_a_connection_that_sends_too_much_is_429(limited: Flask) -> None:
    """What is above the limit is refused as a SCIM error, whatever it asks for, and changes nothing."""
    client, another = new_client(limited), new_client(limited)
    for _ in range(2 * WINDOW_S):
        assert client.get("/Users?count=0").status_code == 200
    before = contents(client)
    with recorded(tokens=True) as statements:
        refused = [
            client.get("/Users"),
            client.post("/Users", user_body(unique("user"))),
            client.post("/Users", b"{"),
            client.get("/Nothing"),
            client.get("/ServiceProviderConfig"),
        ]
    assert all(map(_refused, refused))
    assert statements == []
    assert "more than 2 requests a second" in refused[0].get_json()["detail"]
    assert contents(client) == before
    assert another.get("/Users").status_code == 200


def test_a_token_more_is_no_request_more(limited: Flask) -> None:
    """All tokens of a connection count together; another connection of the organization counts for itself."""
    first = new_client(limited)
    second = new_client(limited, first.organization)
    other = new_client(limited, first.organization, connection="other")
    for _ in range(WINDOW_S):
        assert first.get("/Users?count=0").status_code == second.get("/Users?count=0").status_code == 200
    assert _refused(first.get("/Users"))
    assert _refused(second.get("/Users"))
    assert other.get("/Users").status_code == 200


def test_nothing_is_limited_where_the_setting_is_0(database: Database) -> None:
    """Where the setting is 0, a connection sends as much as it can."""
    with running_app(database, rate_limit_per_s="0") as app:
        assert site_of(app).limits.requests is None
        client = new_client(app)
        assert {client.get("/Schemas").status_code for _ in range(3 * WINDOW_S)} == {200}


def test_workers_share_a_limit(database: Database, limited: Flask) -> None:
    """Two workers of a machine let one connection send what it may send once."""
    client = new_client(limited)
    headers = {"Authorization": f"Bearer {client.token}"}
    env = {"SCIM_SERVER_SECRET_KEY": SECRET_KEY, "SCIM_SERVER_RATE_LIMIT_PER_S": "5"}
    with gunicorn(database.app_url, workers=2, env=env) as served:
        # Each connection stays with the worker that accepted it.
        sockets = [httpx.Client(trust_env=False, headers=headers) for _ in range(10)]
        started = time.monotonic()
        answers = [sockets[number % 10].get(f"{served.url}/scim/v2/Users?count=0") for number in range(100)]
        took_s = time.monotonic() - started
        for each in sockets:
            each.close()
    taken = [answer.status_code for answer in answers].count(200)
    assert 5 * WINDOW_S <= taken <= 5 * (WINDOW_S + took_s) + 2
    assert {answer.status_code for answer in answers} == {200, 429}


def test_guessing_is_slowed(limited: Flask, address: str) -> None:
    """An address that has sent tokens that prove nothing too often is 429, before any of them is looked up."""
    answers = [_guess(limited, UNKNOWN if number % 2 else "short", address) for number in range(GUESSES.amount)]
    assert {answer.status_code for answer in answers} == {401}
    unseen = new_client(limited).token
    a_second_later(site_of(limited).store)
    with recorded(tokens=True) as statements:
        assert _refused(_guess(limited, UNKNOWN, address))
        assert _refused(_guess(limited, "short", address))
        assert _refused(_guess(limited, unseen, address))
    assert statements == []


def test_who_is_known_is_served_beside_one_who_guesses(limited: Flask, address: str) -> None:
    """A token that was good here before is taken from an address that guesses; it is looked up as ever."""
    client = new_client(limited)
    assert _guess(limited, client.token, address).status_code == 200
    for _ in range(GUESSES.amount + 1):
        last = _guess(limited, UNKNOWN, address)
    assert _refused(last)
    assert _guess(limited, client.token, address).status_code == 200
    for digest in list(site_of(limited).store.known_tokens._found):
        site_of(limited).store.known_tokens.forget(digest)
    assert _guess(limited, client.token, address).status_code == 200


def test_a_token_that_was_revoked_is_no_guess(limited: Flask, address: str) -> None:
    """A client that goes on with a token that was good once is told so, however often it asks."""
    client = new_client(limited)
    token = client.organization.token()
    client.organization.revoke(token)
    answers = [_guess(limited, token, address) for _ in range(GUESSES.amount + 5)]
    assert {answer.status_code for answer in answers} == {401}
    a_second_later(site_of(limited).store)
    assert _guess(limited, UNKNOWN, address).status_code == 401


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("{}", None, True),
        ("{}", "203.0.113.9", True),  # It is no proxy of ours: what it says of others counts nothing.
        ("::ffff:{}", None, True),
        ("127.0.0.1", "{}", True),
        ("127.0.0.1", "203.0.113.9, {}", True),  # Only the last is written by our own proxy.
        ("127.0.0.1", "203.0.113.9, {}, 10.1.2.3", True),
        ("", "{}", True),  # Through a Unix socket.
        ("127.0.0.1", None, False),
        ("127.0.0.1", "10.1.2.3", False),
        ("127.0.0.1", "{}, unknown", False),
    ],
)
def test_the_address_is_the_clients_own(
    limited: Flask, address: str, peer: str, forwarded: str | None, counted: bool
) -> None:
    """It is the last one that no trusted proxy has; a proxy that names none is slowed for nobody."""
    peer, forwarded = peer.format(address), forwarded and forwarded.format(address)
    for _ in range(GUESSES.amount):
        assert _guess(limited, UNKNOWN, forwarded, peer).status_code == 401
    assert _refused(_guess(limited, UNKNOWN, forwarded, peer)) is counted
    assert _refused(_guess(limited, UNKNOWN, address)) is counted


def test_guessing_a_secret_is_slowed(limited: Flask, address: str) -> None:
    """Whatever client it is for; another address behind the same proxy is served, as is who has the secret."""
    organization = new_organization(site_of(limited).store)
    clients = [register(organization), register(organization)]

    def ask(forwarded: str, number: int, secret: str) -> TestResponse:
        form = {"grant_type": "client_credentials"}
        headers = {"X-Forwarded-For": forwarded}
        return limited.test_client().post("/oauth/token", data=form, auth=(clients[number].id, secret), headers=headers)

    assert {ask(address, number % 2, "guess").status_code for number in range(GUESSES.amount)} == {401}
    for number in range(2):
        refused = ask(address, number, "guess")
        assert (refused.status_code, refused.get_json()["error"]) == (429, "temporarily_unavailable")
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert ask(address, number, clients[number].secret).status_code == 200
    assert ask("203.0.113.77", 0, "guess").status_code == 401
    assert _refused(_guess(limited, UNKNOWN, address))


def test_guessing_an_administrator_is_slowed(limited: Flask, address: str) -> None:
    """On the page of consent, too: each token that proves nothing counts, and other addresses are served."""
    organization = new_organization(site_of(limited).store)
    client = register(organization, grant_types=GRANTS, redirect_uris=(REDIRECT_URI,))
    okta = Okta(limited.test_client(), organization, client, [])

    def decide(forwarded: str, token: str) -> TestResponse:
        okta.http.environ_base["HTTP_X_FORWARDED_FOR"] = forwarded
        return okta.decide(token=token)

    assert {decide(address, UNKNOWN).status_code for _ in range(GUESSES.amount)} == {403}
    refused = decide(address, UNKNOWN)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    known = administrator_token(organization)
    organization.prove(known)
    assert decide(address, known).status_code == 303
    assert decide("203.0.113.78", UNKNOWN).status_code == 403


def test_a_network_of_ipv6_is_one_address(limited: Flask, address: str) -> None:
    """Whoever has one address of IPv6 has its whole network, and guesses no more often for that."""
    network = f"2001:db8:0:{address.rpartition('.')[2]}"
    for number in range(GUESSES.amount):
        assert _guess(limited, UNKNOWN, f"{network}::{number:x}").status_code == 401
    assert _refused(_guess(limited, UNKNOWN, f"{network}:ffff::1"))


@pytest.mark.usefixtures("limited")
def test_any_peer_is_a_proxy_where_all_are_trusted(database: Database, address: str) -> None:
    """With ``*``, what the peer says counts, and nothing that came to it from elsewhere."""
    with running_app(database, forwarded_allow_ips="*") as app:
        for _ in range(GUESSES.amount):
            assert _guess(app, UNKNOWN, f"203.0.113.9, {address}", "192.0.2.1").status_code == 401
        assert _refused(_guess(app, UNKNOWN, address, "192.0.2.2"))
        assert not _refused(_guess(app, UNKNOWN, "203.0.113.9", "192.0.2.1"))


def test_a_client_behind_a_real_server_is_slowed(served: Served, address: str) -> None:
    """Through gunicorn, on whichever worker, the address that a proxy names has to wait."""
    headers = {"Authorization": f"Bearer {UNKNOWN}", "X-Forwarded-For": address}
    with httpx.Client(trust_env=False) as http:
        statuses = [http.get(f"{served.url}/scim/v2/Users", headers=headers).status_code for _ in range(35)]
    assert set(statuses) == {401, 429}
    assert statuses[: GUESSES.amount] == [401] * GUESSES.amount
