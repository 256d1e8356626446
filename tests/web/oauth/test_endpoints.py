"""Revocation, introspection, metadata, and the report of a leaked token."""

import re
from typing import Any

import pytest
from authlib.oauth2 import rfc8414, rfc9207
from flask import Flask
from flask.testing import FlaskClient

from scim_server.actions.organizations import change_connection
from scim_server.actions.tokens import issue_operator_token
from scim_server.protocol.scopes import OPERATOR, SCOPES
from scim_server.protocol.tokens import make_token
from scim_server.store.session import begin, begin_platform
from scim_server.store.tokens import authenticate
from scim_server.web.site import LEAK_REPORTS_A_MINUTE
from tests.databases import Database
from tests.directory import (
    KEY,
    SCIM_PREFIX,
    Organization,
    a_second_later,
    new_organization,
    running_app,
    site_of,
    trail_of,
)
from tests.web.oauth.clients import REDIRECT_URI, Registered, register
from tests.web.oauth.test_authorize import GRANTS, Okta
from tests.web.oauth.test_token import GRANT, reads, refusal

ENDPOINTS = ("/oauth/revoke", "/oauth/introspect")


def access_token(http: FlaskClient, client: Registered) -> str:
    """Return an access token of a client."""
    return str(http.post("/oauth/token", data=GRANT, auth=client.basic).get_json()["access_token"])


def introspect(http: FlaskClient, client: Registered, token: str) -> Any:
    """Return what a client is told of a token."""
    answer = http.post("/oauth/introspect", data={"token": token}, auth=client.basic)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.get_json()


def okta_of(organization: Organization, http: FlaskClient) -> Okta:
    """Return a client of the organization that asks for consent."""
    client = register(organization, grant_types=GRANTS, redirect_uris=(REDIRECT_URI,))
    return Okta(http, organization, client, [])


def test_a_client_revokes_its_token(http: FlaskClient, organization: Organization) -> None:
    """RFC 7009: 200, also for a token that is unknown or revoked already; other tokens stay."""
    client = register(organization)
    token, other = access_token(http, client), access_token(http, client)
    for each in (token, token, make_token("0" * 30), 'é"\0'):
        answer = http.post("/oauth/revoke", data={"token": each}, auth=client.basic)
        assert (answer.status_code, answer.get_json()) == (200, {})
    a_second_later(organization.store)
    assert [reads(http, token), reads(http, other)] == [401, 200]


def test_revoking_a_refresh_token_ends_the_consent(http: FlaskClient, organization: Organization) -> None:
    """RFC 7009 §2.1: with it go the access tokens that followed from the same consent."""
    okta = okta_of(organization, http)
    tokens, other = (okta.exchange(okta.code()).get_json() for _ in range(2))
    form = {"token": tokens["refresh_token"], "token_type_hint": "refresh_token"}
    assert http.post("/oauth/revoke", data=form, auth=okta.client.basic).status_code == 200
    assert reads(http, tokens["access_token"]) == 401
    assert refusal(okta.refresh(tokens["refresh_token"]), 400) == "invalid_grant"
    assert reads(http, other["access_token"]) == 200


def test_a_client_revokes_no_token_of_another(http: FlaskClient, organization: Organization) -> None:
    """It is told so within its organization; of another one it learns nothing."""
    client, other = register(organization), register(organization)
    stranger = register(new_organization(organization.store))
    token = access_token(http, client)
    assert refusal(http.post("/oauth/revoke", data={"token": token}, auth=other.basic), 400) == "invalid_grant"
    assert http.post("/oauth/revoke", data={"token": token}, auth=stranger.basic).status_code == 200
    a_second_later(organization.store)
    assert reads(http, token) == 200


def test_a_client_learns_what_a_token_is_worth(http: FlaskClient, organization: Organization) -> None:
    """RFC 7662: scope, client and times of an access, refresh or static token of the organization."""
    client, okta = register(organization), okta_of(organization, http)
    told = introspect(http, client, access_token(http, client))
    assert told.pop("exp") - told.pop("iat") == 3600
    assert told == {
        "active": True,
        "scope": "scim:read scim:write",
        "client_id": client.id,
        "token_type": "Bearer",
        "iss": "http://localhost",
    }
    refresh_token = okta.exchange(okta.code()).get_json()["refresh_token"]
    told = introspect(http, client, refresh_token)
    assert (told["active"], told["client_id"], told.get("token_type")) == (True, okta.client.id, None)
    assert introspect(http, client, organization.token())["scope"] == "scim"


def test_what_holds_no_longer_is_inactive(http: FlaskClient, organization: Organization) -> None:
    """Revoked, unknown, malformed, or of a suspended connection: inactive, and nothing more."""
    client = register(organization, connection_name=None, scope="members:read")
    revoked = access_token(http, client)
    assert http.post("/oauth/revoke", data={"token": revoked}, auth=client.basic).status_code == 200
    suspended = organization.token()
    with begin(organization.store, organization.operator, write=True) as tenant:
        change_connection(tenant, "default", {"enabled": False})
    for token in (revoked, suspended, make_token("0" * 30), "x", 'é"\0'):
        assert introspect(http, client, token) == {"active": False}


def test_a_token_of_another_organization_is_unknown(http: FlaskClient, organization: Organization) -> None:
    """As is an operator's: the answer is that for a token that does not exist."""
    client = register(organization)
    other = new_organization(organization.store)
    with begin_platform(organization.store, write=True) as platform:
        of_operator = issue_operator_token(platform, KEY, None)[1]
    for token in (other.token(), access_token(http, register(other)), of_operator):
        assert introspect(http, client, token) == {"active": False}


@pytest.mark.parametrize("path", ENDPOINTS)
def test_who_asks_has_to_prove_itself(http: FlaskClient, organization: Organization, path: str) -> None:
    """And has to name one token, in a form."""
    client, token = register(organization), organization.token()
    assert refusal(http.post(path, data={"token": token}), 401) == "invalid_client"
    assert refusal(http.post(path, data={"token": token}, auth=(client.id, "x")), 401) == "invalid_client"
    assert http.post(path, data={"x": "y"}, auth=client.basic).get_json()["error"] == "invalid_request"
    hinted = http.post(path, data={"token": token, "token_type_hint": "x"}, auth=client.basic)
    assert hinted.get_json()["error"] == "unsupported_token_type"
    twice = http.post(path, data={"token": [token, token]}, auth=client.basic)
    assert twice.get_json()["error"] == "invalid_request"
    assert http.get(path).status_code == 405


def test_the_metadata_hold(http: FlaskClient) -> None:
    """RFC 8414, RFC 9207: valid by Authlib's own reading, and true of each endpoint that they name."""
    answer = http.get("/.well-known/oauth-authorization-server")
    content = rfc8414.AuthorizationServerMetadata(answer.get_json())
    content.validate(metadata_classes=[rfc9207.AuthorizationServerMetadata])
    assert content["issuer"] == "http://localhost"
    assert content["code_challenge_methods_supported"] == ["S256"]
    assert content["authorization_response_iss_parameter_supported"] is True
    assert set(content["scopes_supported"]) == set(SCOPES) - {OPERATOR}
    for name in ("token", "revocation", "introspection"):
        assert http.post(content[f"{name}_endpoint"].removeprefix("http://localhost")).status_code == 400
    assert http.get(content["authorization_endpoint"].removeprefix("http://localhost")).status_code == 400


def test_the_metadata_name_the_public_address(database: Database) -> None:
    """Behind a proxy, SCIM_SERVER_BASE_URL is the issuer; the endpoints answer although the proxy speaks http."""
    with running_app(database, base_url="https://portal.example") as app:
        http, client = app.test_client(), register(new_organization(site_of(app).store))
        assert http.get("/.well-known/oauth-authorization-server").get_json()["issuer"] == "https://portal.example"
        answer = http.post("/oauth/token", data=GRANT, auth=client.basic, base_url="http://10.0.0.1:8000")
        assert answer.status_code == 200
        plain = http.post("/oauth/token", data=GRANT, auth=client.basic)
        assert plain.status_code == 200


def test_tokens_are_not_given_over_plain_http(http: FlaskClient, organization: Organization) -> None:
    """RFC 6749 §3.2: where neither the proxy nor the settings say https, nothing secret is answered."""
    client = register(organization)
    answer = http.post("/oauth/token", data=GRANT, auth=client.basic, base_url="http://portal.example")
    assert (answer.status_code, answer.get_json()["error"]) == (400, "insecure_transport")


def test_oauth_is_announced_to_scim_clients(http: FlaskClient, organization: Organization) -> None:
    """RFC 7643 §5: authenticationSchemes has OAuth 2.0 beside the bearer token."""
    headers = {"Authorization": f"Bearer {organization.token()}"}
    config = http.get(f"{SCIM_PREFIX}/ServiceProviderConfig", headers=headers).get_json()
    assert [each["type"] for each in config["authenticationSchemes"]] == ["oauthbearertoken", "oauth2"]


def test_whoever_finds_a_token_can_revoke_it(http: FlaskClient, organization: Organization) -> None:
    """Having it is the proof; it is recorded, and a second report changes nothing."""
    token, other = organization.token(), organization.token()
    token_id = organization.prove(token).actor.id
    answers = [http.post("/oauth/revoke-leaked", data={"token": token}).get_json() for _ in range(2)]
    assert answers == [{"revoked": True}, {"revoked": False}]
    assert [reads(http, token), reads(http, other)] == [401, 200]
    leaks = [entry for entry in trail_of(organization) if entry.action == "token.leak"]
    assert [(entry.resource_id, entry.actor_kind, entry.actor_id) for entry in leaks] == [(token_id, "token", token_id)]


def test_a_leaked_token_of_a_consent_ends_the_consent(http: FlaskClient, organization: Organization) -> None:
    """Whoever had one token of it may have the other."""
    okta = okta_of(organization, http)
    tokens = okta.exchange(okta.code()).get_json()
    assert http.post("/oauth/revoke-leaked", data={"token": tokens["access_token"]}).get_json() == {"revoked": True}
    assert refusal(okta.refresh(tokens["refresh_token"]), 400) == "invalid_grant"


def test_a_leaked_operator_token_is_revoked(http: FlaskClient, organization: Organization) -> None:
    """It belongs to no organization, and ends all the same."""
    with begin_platform(organization.store, write=True) as platform:
        token = issue_operator_token(platform, KEY, None)[1]
    assert http.post("/oauth/revoke-leaked", data={"token": token}).get_json() == {"revoked": True}
    with pytest.raises(Exception, match="revoked"):
        authenticate(organization.store, KEY, token, "")


def test_a_report_costs_little(app: Flask, http: FlaskClient) -> None:
    """What is no token is refused without the database; of tokens, a bounded number is looked up each minute."""
    token_id = "01a2029b-3515-7603-ad37-77be42449899"
    for wrong in ("", "x", token_id, make_token("0" * 30)[:-1]):
        assert http.post("/oauth/revoke-leaked", data={"token": wrong}).get_json()["error"] == "invalid_request"
    described = http.get("/oauth/revoke-leaked").get_json()
    assert re.fullmatch(described["pattern"], make_token("0" * 30))
    budget = site_of(app).leak_reports
    try:
        while budget.take():
            pass
        answer = http.post("/oauth/revoke-leaked", data={"token": make_token("0" * 30)})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    finally:
        budget._taken = 0
    assert LEAK_REPORTS_A_MINUTE == 60
