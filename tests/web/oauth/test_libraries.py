"""Unmodified OAuth client libraries get a token by each grant from a real gunicorn, and provision a user."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from flask import Flask
from joserfc.jwk import RSAKey
from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from scim_server.actions.clients import disable_client
from scim_server.store.session import begin
from tests.directory import Organization, new_organization, site_of, unique, user_body
from tests.serving import Served
from tests.web.oauth.clients import REDIRECT_URI, Registered, jwks, register
from tests.web.oauth.test_authorize import GRANTS, administrator_token


@dataclass(frozen=True, slots=True)
class Portal:
    """A served portal and an organization of it."""

    url: str
    organization: Organization

    @property
    def token_url(self) -> str:
        return f"{self.url}/oauth/token"

    def register(self, **asked: Any) -> Registered:
        """Register a client."""
        return register(self.organization, **asked)

    def consent(self, url: str) -> str:
        """Open the page an authorization request leads to, and allow it; return where the browser goes next."""
        with httpx.Client(trust_env=False) as browser:
            page = browser.get(url)
            assert page.status_code == 200, page.text
            (proof,) = re.findall(r'name="proof" value="([0-9a-f]+)"', page.text)
            form = {"proof": proof, "token": administrator_token(self.organization), "decision": "allow"}
            answer = browser.post(url, data=form)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def provision(self, session: Any) -> None:
        """Create a user and read them back, by a session that has a token."""
        created = session.post(f"{self.url}/scim/v2/Users", json=user_body(unique("user")))
        assert created.status_code == 201, created.text
        assert session.get(f"{self.url}/scim/v2/Users/{created.json()['id']}").json()["id"] == created.json()["id"]


@pytest.fixture
def portal(app: Flask, served: Served, monkeypatch: pytest.MonkeyPatch) -> Portal:
    """A portal on plain http, which oauthlib takes where it is told to, as Authlib does on the loopback."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("NO_PROXY", "*")
    return Portal(served.url, new_organization(site_of(app).store))


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
def test_authlib_gets_client_credentials(portal: Portal, method: str) -> None:
    """By a secret in either place, or by a key."""
    key = RSAKey.generate_key(2048)
    asked = {"auth_method": "private_key_jwt", "jwks": jwks(key)} if method == "private_key_jwt" else {}
    client = portal.register(**asked)
    secret = key if asked else client.secret
    methods = {"token_endpoint_auth_method": method, "revocation_endpoint_auth_method": method}
    with AuthlibSession(client.id, secret, **methods) as session:
        session.register_client_auth_method(PrivateKeyJWT(portal.token_url))
        token = session.fetch_token(portal.token_url, grant_type="client_credentials", scope="scim")
        assert token["expires_in"] == 3600
        portal.provision(session)
        assert session.revoke_token(f"{portal.url}/oauth/revoke", token["access_token"]).status_code == 200


def _requests_oauthlib(portal: Portal, client: Registered) -> OAuth2Session:
    session = OAuth2Session(client=BackendApplicationClient(client_id=client.id, scope=["scim:read", "scim:write"]))
    session.fetch_token(portal.token_url, auth=HTTPBasicAuth(*client.basic))
    return session


def test_requests_oauthlib_gets_client_credentials(portal: Portal) -> None:
    """By HTTP Basic, and by the form."""
    client = portal.register()
    with _requests_oauthlib(portal, client) as session:
        portal.provision(session)
    with OAuth2Session(client=BackendApplicationClient(client_id=client.id)) as session:
        session.fetch_token(portal.token_url, client_secret=client.secret, include_client_id=True)
        portal.provision(session)


def _by_authlib(portal: Portal, client: Registered) -> None:
    options = {"redirect_uri": REDIRECT_URI, "scope": "scim", "code_challenge_method": "S256"}
    with AuthlibSession(*client.basic, **options) as session:
        verifier = "authlib-" * 8
        url, state = session.create_authorization_url(f"{portal.url}/oauth/authorize", code_verifier=verifier)
        answer = portal.consent(url)
        session.fetch_token(portal.token_url, authorization_response=answer, state=state, code_verifier=verifier)
        portal.provision(session)
        first = session.token["refresh_token"]
        session.refresh_token(portal.token_url)
        assert session.token["refresh_token"] != first
        portal.provision(session)


def _by_requests_oauthlib(portal: Portal, client: Registered) -> None:
    scope = ["scim:read", "scim:write"]
    with OAuth2Session(client.id, redirect_uri=REDIRECT_URI, scope=scope, pkce="S256") as session:
        url, _ = session.authorization_url(f"{portal.url}/oauth/authorize")
        answer = portal.consent(url)
        session.fetch_token(portal.token_url, authorization_response=answer, client_secret=client.secret)
        portal.provision(session)
        first = session.token["refresh_token"]
        session.refresh_token(portal.token_url, auth=HTTPBasicAuth(*client.basic))
        assert session.token["refresh_token"] != first
        portal.provision(session)


@pytest.mark.parametrize("library", [_by_authlib, _by_requests_oauthlib], ids=["authlib", "requests_oauthlib"])
def test_a_library_gets_consent_and_refreshes(portal: Portal, library: Callable[[Portal, Registered], None]) -> None:
    """Authorization code with PKCE, then a refresh token, each ending in a user that is there."""
    client = portal.register(grant_types=GRANTS, redirect_uris=(REDIRECT_URI,))
    library(portal, client)


def test_disabling_holds_on_every_worker_within_a_second(portal: Portal) -> None:
    """A token in use on two workers is refused by both a second after another process disabled its client."""
    client = portal.register()
    form = {"grant_type": "client_credentials"}
    token = httpx.post(portal.token_url, data=form, auth=client.basic, trust_env=False).json()["access_token"]
    url, headers = f"{portal.url}/scim/v2/Users?count=0", {"Authorization": f"Bearer {token}"}
    # Each connection stays with the worker that accepted it: of ten, some are on either.
    sockets = [httpx.Client(trust_env=False, headers=headers) for _ in range(10)]
    try:
        assert [each.get(url).status_code for each in sockets] == [200] * 10
        with begin(portal.organization.store, portal.organization.operator, write=True) as tenant:
            disable_client(tenant, client.id)
        time.sleep(1)
        assert [each.get(url).status_code for each in sockets] == [401] * 10
    finally:
        for each in sockets:
            each.close()
