"""What may be used once is used once, however many come at the same moment; and nothing they send breaks the server."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scim_server.actions.tokens import TooManyTokensError
from tests.directory import Organization
from tests.web.oauth.clients import REDIRECT_URI, assertion, by_assertion, jwks, new_key, register
from tests.web.oauth.test_authorize import VERIFIER, Okta
from tests.web.oauth.test_endpoints import okta_of
from tests.web.oauth.test_token import reads, refusal

THREADS = 6


def _at_once(app: Flask, send: Callable[[FlaskClient], TestResponse]) -> list[TestResponse]:
    barrier = Barrier(THREADS)

    def run(_: int) -> TestResponse:
        barrier.wait()
        return send(app.test_client())

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(run, range(THREADS)))


def _given(answers: list[TestResponse]) -> TestResponse:
    """Return the one answer that gave something; all others are refusals."""
    given = [each for each in answers if each.status_code == 200]
    assert len(given) == 1, [each.text for each in answers]
    assert len([refusal(each) for each in answers if each.status_code != 200]) == THREADS - 1
    return given[0]


def test_an_assertion_is_taken_once_by_all_threads(app: Flask, organization: Organization) -> None:
    """The jti decides, in the database."""
    key = new_key()
    client = register(organization, auth_method="private_key_jwt", jwks=jwks(key))
    claims = {"iss": client.id, "sub": client.id, "aud": "http://localhost", "jti": "once"}
    form = by_assertion(assertion(key, **claims))
    _given(_at_once(app, lambda http: http.post("/oauth/token", data=form)))


def test_a_code_gives_tokens_once_to_all_threads(app: Flask, http: FlaskClient, organization: Organization) -> None:
    """Since others came with the same code, what the first one got is revoked at once."""
    okta = okta_of(organization, http)
    form = {
        "grant_type": "authorization_code",
        "code": okta.code(),
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }
    given = _given(_at_once(app, lambda each: each.post("/oauth/token", data=form, auth=okta.client.basic)))
    assert reads(http, given.get_json()["access_token"]) == 401


def test_a_refresh_token_is_rotated_once_by_all_threads(
    app: Flask, http: FlaskClient, organization: Organization
) -> None:
    """The others end the family."""
    okta = okta_of(organization, http)
    tokens = okta.exchange(okta.code()).get_json()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    given = _given(_at_once(app, lambda each: each.post("/oauth/token", data=form, auth=okta.client.basic)))
    assert refusal(okta.refresh(given.get_json()["refresh_token"]), 400) == "invalid_grant"


def test_two_tokens_are_issued_to_all_threads(organization: Organization) -> None:
    """The connection is locked while its tokens are counted."""

    def issue(_: int) -> bool:
        try:
            organization.token()
        except TooManyTokensError:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as threads:
        assert sum(threads.map(issue, range(THREADS))) == 2


NASTY = ("", " ", "\0", "é", '"\\', "\ud800", "%00", "a" * 5_000, "null", "..", "0.0.0", "{}", "[" * 2_000, "\r\nX: y")
_PARAMETERS = {
    "/oauth/token": (
        *("grant_type", "scope", "client_id", "client_secret", "code", "redirect_uri", "code_verifier"),
        *("refresh_token", "client_assertion", "client_assertion_type"),
    ),
    "/oauth/revoke": ("token", "token_type_hint", "client_id", "client_secret"),
    "/oauth/introspect": ("token", "token_type_hint", "client_id", "client_secret"),
    "/oauth/revoke-leaked": ("token",),
}
_GRANT_TYPES = ("client_credentials", "authorization_code", "refresh_token")


def _forms(okta: Okta, path: str) -> list[dict[str, str]]:
    proof = {"client_id": okta.client.id, "client_secret": okta.client.secret}
    good = {**dict.fromkeys(_PARAMETERS[path], "x"), **proof}
    good.pop("client_assertion", None)
    good.pop("client_assertion_type", None)
    return [{**good, "grant_type": each} for each in _GRANT_TYPES] if path == "/oauth/token" else [good]


@pytest.mark.parametrize("path", _PARAMETERS)
def test_no_form_breaks_the_server(http: FlaskClient, organization: Organization, path: str) -> None:
    """Whatever a parameter holds, the answer is OAuth's: 200, or an error with its name."""
    okta = okta_of(organization, http)
    for form, name, value in itertools.product(_forms(okta, path), _PARAMETERS[path], NASTY):
        sent = {key: each.encode(errors="surrogatepass") for key, each in {**form, name: value}.items()}
        answer = http.post(path, data=sent)
        assert answer.status_code in (200, 400, 401, 429), (form, name, value, answer.text)
        assert answer.status_code == 200 or answer.get_json()["error"], (name, value)


def test_no_query_breaks_the_page(http: FlaskClient, organization: Organization) -> None:
    """Whatever stands in an authorization request, the answer is a page, or a redirect to what is registered."""
    okta = okta_of(organization, http)
    for name, value in itertools.product([*okta.query(), "other", "prompt"], NASTY):
        sent = {key: each.encode(errors="surrogatepass") for key, each in {**okta.query(), name: value}.items()}
        for answer in (
            http.get("/oauth/authorize", query_string=sent),
            http.post("/oauth/authorize", query_string=sent, data={"proof": value.encode(errors="surrogatepass")}),
        ):
            assert answer.status_code in (200, 302, 400), (name, value, answer.text)
            assert answer.headers.get("Location", REDIRECT_URI).startswith(REDIRECT_URI)
