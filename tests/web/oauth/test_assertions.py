"""Clients that prove themselves by signed assertions: their own, once each, or another issuer's, again and again."""

import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from werkzeug.test import TestResponse

from scim_server.actions.clients import Registration, create_client
from scim_server.store.session import begin
from tests.directory import KEY, Organization, new_organization, site_of, unique
from tests.web.oauth.clients import Registered, assertion, by_assertion, jwks, new_key, register
from tests.web.oauth.test_token import reads, refusal

ISSUER = "http://localhost"
TOKEN_ENDPOINT = f"{ISSUER}/oauth/token"
ENTRA = "https://login.microsoftonline.com/8ca4a0a4-3a5a-4d0e-9c5b-1f1c9a1f2b3c/v2.0"


def _send(http: FlaskClient, signed: str, **form: str) -> TestResponse:
    return http.post("/oauth/token", data=by_assertion(signed, **form))


def _claims(client: Registered, **claims: Any) -> dict[str, Any]:
    """Return what a private_key_jwt of a client says."""
    return {"iss": client.id, "sub": client.id, "aud": TOKEN_ENDPOINT, "jti": unique("jti"), **claims}


@pytest.fixture(scope="module")
def key() -> ECKey:
    """The key of the clients of this file."""
    return new_key()


@pytest.fixture
def client(organization: Organization, key: ECKey) -> Registered:
    """A private_key_jwt client."""
    return register(organization, auth_method="private_key_jwt", jwks=jwks(key))


@pytest.mark.parametrize("audience", [ISSUER, TOKEN_ENDPOINT, [TOKEN_ENDPOINT], ["https://x.example", ISSUER]])
def test_a_client_gets_a_token_by_an_assertion(
    http: FlaskClient, client: Registered, key: ECKey, audience: Any
) -> None:
    """The audience is the token endpoint or the issuer; the client need not name itself beside."""
    answer = _send(http, assertion(key, **_claims(client, aud=audience)))
    assert answer.status_code == 200, answer.text
    assert reads(http, answer.get_json()["access_token"]) == 200
    named = _send(http, assertion(key, **_claims(client, aud=audience)), client_id=client.id)
    assert named.status_code == 200


_KEYS: dict[str, Any] = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "RS256": lambda: RSAKey.generate_key(2048),
    "PS256": lambda: RSAKey.generate_key(2048),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
    "Ed25519": lambda: OKPKey.generate_key("Ed25519"),
}


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("alg", _KEYS)
def test_the_algorithms_of_the_profile_are_taken(http: FlaskClient, organization: Organization, alg: str) -> None:
    """IPSIE: ES256, PS256, RS256 and EdDSA."""
    signing = _KEYS[alg]()
    client = register(organization, auth_method="private_key_jwt", jwks=jwks(signing))
    assert _send(http, assertion(signing, alg, **_claims(client))).status_code == 200


def test_an_assertion_is_taken_once(http: FlaskClient, client: Registered, key: ECKey) -> None:
    """RFC 7523 §3: the same jti comes a second time in vain, until it would have expired anyway."""
    signed = assertion(key, **_claims(client))
    assert _send(http, signed).status_code == 200
    assert refusal(_send(http, signed)) == "invalid_client"


_BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"exp": int(time.time()) - 120},
    "no end": {"exp": None},
    "end is no number": {"exp": "soon"},
    "end is not finite": {"exp": float("nan")},
    "ends too late": {"exp": int(time.time()) + 100_000},
    "not yet valid": {"nbf": int(time.time()) + 100_000},
    "other audience": {"aud": "https://elsewhere.example"},
    "no audience": {"aud": None},
    "other issuer": {"iss": "another"},
    "no issuer": {"iss": None},
    "no subject": {"sub": None},
    "subject is no text": {"sub": ["x"]},
    "unknown subject": {"iss": "x", "sub": "x"},
    "no jti": {"jti": None},
    "jti is no text": {"jti": 1},
    "blank jti": {"jti": ""},
    "lone surrogate": {"iss": "\ud800", "sub": "x"},
    "zero byte": {"iss": "\0", "sub": "x", "aud": "y"},
}


@pytest.mark.parametrize("name", _BAD_CLAIMS)
def test_claims_that_do_not_fit_are_refused(http: FlaskClient, client: Registered, key: ECKey, name: str) -> None:
    """Each claim of RFC 7523 §3 is checked."""
    assert refusal(_send(http, assertion(key, **_claims(client, **_BAD_CLAIMS[name])))) == "invalid_client"


def test_a_signature_of_another_key_is_refused(http: FlaskClient, client: Registered, key: ECKey) -> None:
    """Nor is one of no key, or of a key that both sides know."""
    claims = _claims(client)
    signed = assertion(key, **claims)
    header, payload, signature = signed.split(".")
    forged = [
        assertion(new_key(), **claims),
        assertion(new_key("another"), **claims),
        assertion(OctKey.generate_key(256), "HS256", **claims),
        f"{header}.{payload}.",
        f"eyJhbGciOiJub25lIn0.{payload}.",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}",
        "W10.W10.W10",
        f"{header}.{'W' * 8_000}.{signature}",
        f"{header}.{signature}.{signature}",
        "x" * 10_000,
    ]
    for each in forged:
        assert refusal(_send(http, each)) == "invalid_client"
    assert _send(http, signed).status_code == 200, "and none of them used up the assertion"


def test_an_assertion_of_one_client_is_not_one_of_another(
    http: FlaskClient, organization: Organization, client: Registered, key: ECKey
) -> None:
    """A client whose key signs for another, or that names another, gets nothing."""
    other = register(organization, auth_method="private_key_jwt", jwks=jwks(new_key()))
    assert refusal(_send(http, assertion(key, **_claims(other)))) == "invalid_client"
    assert refusal(_send(http, assertion(key, **_claims(client)), client_id=other.id)) == "invalid_client"


def _entra(subject: str) -> dict[str, Any]:
    """Return what an assertion of Entra's workload identity says: no jti, and a subject that is not the issuer."""
    return {"aud": "api://AzureADTokenExchange", "iss": ENTRA, "sub": subject, "tid": ENTRA.split("/")[3], "ver": "2.0"}


def _federated(organization: Organization, key: ECKey, subject: str) -> Registered:
    named = {"issuer": ENTRA, "subject": subject, "audience": "api://AzureADTokenExchange"}
    return register(organization, auth_method="federated", jwks=jwks(key), **named)


def test_a_federated_client_gets_tokens_by_one_assertion(http: FlaskClient, organization: Organization) -> None:
    """What Entra sends: no client_id, no jti, scope=scim, and the same assertion again until it expires."""
    key, subject = new_key(), unique("subject")
    _federated(organization, key, subject)
    signed = assertion(key, **_entra(subject), exp=int(time.time()) + 3_600)
    tokens = []
    for _ in range(3):
        answer = _send(http, signed, scope="scim")
        assert answer.status_code == 200, answer.text
        tokens.append(answer.get_json()["access_token"])
    assert len(set(tokens)) == 3
    assert [reads(http, token) for token in tokens] == [200, 200, 200]


def test_a_federated_assertion_has_to_fit(http: FlaskClient, organization: Organization) -> None:
    """Expired, of another subject, audience or issuer, or signed by another key, it proves nobody."""
    key, subject = new_key(), unique("subject")
    _federated(organization, key, subject)
    good = _entra(subject)
    for changed in (
        {"exp": int(time.time()) - 120},
        {"exp": None},
        {"nbf": int(time.time()) + 1_000},
        {"sub": "another"},
        {"aud": "another"},
        {"aud": ["another"] * 100},
        {"iss": "another"},
        {"sub": None},
        {"aud": None},
        {"sub": "\ud800"},
    ):
        assert refusal(_send(http, assertion(key, **{**good, **changed}))) == "invalid_client"
    assert refusal(_send(http, assertion(new_key(), **good))) == "invalid_client"
    assert _send(http, assertion(key, **good)).status_code == 200


def test_an_issuer_subject_and_audience_belong_to_one_client(app: Flask) -> None:
    """Else one organization could be given what another one's identity provider sends."""
    here, there = new_organization(site_of(app).store), new_organization(site_of(app).store)
    key, subject = new_key(), unique("subject")
    _federated(here, key, subject)
    with pytest.raises(ValueError, match="another client is registered for this issuer"):
        _federated(there, key, subject)


_BAD_REGISTRATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": " "}, "1 to 200 characters"),
    "unknown method": ({"auth_method": "none"}, "no way to authenticate"),
    "no keys": ({"auth_method": "private_key_jwt"}, "either jwks or jwks_uri"),
    "both": ({"auth_method": "private_key_jwt", "jwks": {}, "jwks_uri": "https://x.example"}, "either jwks"),
    "keys and secret": ({"jwks": {"keys": []}}, "either jwks or jwks_uri"),
    "no JWK Set": ({"auth_method": "private_key_jwt", "jwks": {"keys": []}}, "1 to 100 public keys"),
    "private key": ({"auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "EC", "d": "x"}]}}, "private"),
    "symmetric key": ({"auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "oct", "k": "x"}]}}, "symmetric"),
    "no key": ({"auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "XY"}]}}, "no key that can be read"),
    "http": ({"auth_method": "private_key_jwt", "jwks_uri": "http://x.example/keys"}, "https:// URL"),
    "half federated": ({"auth_method": "federated", "jwks_uri": "https://x.example", "issuer": "x"}, "needs issuer"),
    "issuer without": ({"issuer": "x"}, "which no other takes"),
    "one name": (
        {"auth_method": "federated", "jwks_uri": "https://x.example", "issuer": "x", "subject": "x", "audience": "x"},
        "is private_key_jwt",
    ),
    "operator": ({"scope": "operator"}, "belongs to no organization"),
    "unknown scope": ({"scope": "all"}, "not a scope"),
    "SCIM without": ({"connection_name": None}, "no scope of SCIM"),
    "unknown connection": ({"connection_name": "x"}, "no connection 'x'"),
    "no redirect": ({"grant_types": ("authorization_code",)}, "needs a redirect URI"),
    "redirect alone": ({"redirect_uris": ("https://x.example",)}, "needs a redirect URI"),
    "refresh alone": ({"grant_types": ("refresh_token",)}, "goes with authorization_code"),
    "other grant": ({"grant_types": ("password",)}, "grant types of"),
    "http redirect": ({"grant_types": ("authorization_code",), "redirect_uris": ("http://x.example/",)}, "https://"),
    "fragment": ({"grant_types": ("authorization_code",), "redirect_uris": ("https://x.example/#x",)}, "fragment"),
    "policy": ({"grant_types": ("authorization_code",), "redirect_uris": ("https://x.example/;x",)}, "semicolons"),
}


@pytest.mark.parametrize("name", _BAD_REGISTRATIONS)
def test_a_registration_that_does_not_fit_is_refused(organization: Organization, name: str) -> None:
    """The sentence says what was wrong and what is accepted."""
    asked, complaint = _BAD_REGISTRATIONS[name]
    registration = Registration(**{"name": "x", "connection_name": "default", "scope": "scim", **asked})
    with (
        pytest.raises((ValueError, LookupError), match=complaint),
        begin(organization.store, organization.operator, write=True) as tenant,
    ):
        create_client(tenant, KEY, registration)
