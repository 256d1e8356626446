"""`/oauth/authorize`: an administrator consents on a page, and the client gets tokens for the code, once."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scim_server.actions.organizations import change_connection, create_connection
from scim_server.actions.tokens import issue_token
from scim_server.store.session import begin, utc_now
from scim_server.web.oauth.consent import TEXTS
from tests.databases import Database
from tests.directory import KEY, Organization, new_organization, running_app, set_clock, site_of, trail_of
from tests.web.oauth.clients import REDIRECT_URI, Registered, register
from tests.web.oauth.test_token import reads, refusal

VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
GRANTS = ("authorization_code", "refresh_token")


def administrator_token(organization: Organization, scope: str = "org:admin") -> str:
    """Issue what an administrator pastes into the page."""
    with begin(organization.store, organization.operator, write=True) as tenant:
        return issue_token(tenant, KEY, None, scope, None)[1]


@dataclass(slots=True)
class Okta:
    """A client that sends a browser to the page, and the administrator in front of it."""

    http: FlaskClient
    organization: Organization
    client: Registered
    now: list[datetime]

    def query(self, **changed: Any) -> dict[str, Any]:
        """Return an authorization request."""
        sent = {
            "response_type": "code",
            "client_id": self.client.id,
            "redirect_uri": REDIRECT_URI,
            "scope": "scim",
            "state": "a b&c",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changed,
        }
        return {name: value for name, value in sent.items() if value is not None}

    def page(self, **changed: Any) -> TestResponse:
        """Open the page."""
        return self.http.get("/oauth/authorize", query_string=self.query(**changed))

    def decide(self, decision: str = "allow", token: str | None = None, **changed: Any) -> TestResponse:
        """Open the page, fill in its form, and send it."""
        page = self.page(**changed)
        assert page.status_code == 200, page.text
        (proof,) = re.findall(r'name="proof" value="([0-9a-f]+)"', page.text)
        token = administrator_token(self.organization) if token is None else token
        form = {"proof": proof, "token": token, "decision": decision}
        return self.http.post("/oauth/authorize", query_string=self.query(**changed), data=form)

    def code(self, **changed: Any) -> str:
        """Consent, and return the code."""
        answer = self.decide(**changed)
        assert answer.status_code == 303, answer.text
        return returned(answer)["code"]

    def exchange(self, code: str, **changed: Any) -> TestResponse:
        """Ask for the tokens of a code."""
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER,
            **changed,
        }
        form = {name: value for name, value in sent.items() if value is not None}
        return self.http.post("/oauth/token", data=form, auth=self.client.basic)

    def refresh(self, token: str, **form: str) -> TestResponse:
        """Ask for new tokens."""
        sent = {"grant_type": "refresh_token", "refresh_token": token, **form}
        return self.http.post("/oauth/token", data=sent, auth=self.client.basic)


def returned(answer: TestResponse) -> dict[str, str]:
    """Return what the browser takes back to the client."""
    parts = urlsplit(answer.headers["Location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == REDIRECT_URI
    values = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}
    assert values.pop("iss") == "http://localhost"
    assert values.pop("state") == "a b&c"
    return values


@pytest.fixture(scope="module")
def clock() -> list[datetime]:
    """The time of the app of this file."""
    return [utc_now()]


@pytest.fixture(scope="module")
def own_app(database: Database, clock: list[datetime]) -> Iterator[Flask]:
    """An app whose clock can be turned."""
    with running_app(database) as app:
        set_clock(app, lambda: clock[0])
        yield app


@pytest.fixture
def okta(own_app: Flask, clock: list[datetime]) -> Okta:
    """A client of a connection with the lenient profile, which has to send a code_challenge."""
    organization = new_organization(site_of(own_app).store)
    client = register(organization, name="Okta <b>", grant_types=GRANTS, redirect_uris=(REDIRECT_URI,))
    return Okta(own_app.test_client(), organization, client, clock)


def test_an_administrator_lets_an_identity_provider_in(okta: Okta) -> None:
    """From the page to the first request: code, tokens, users; the trail says who consented."""
    answer = okta.exchange(okta.code())
    assert answer.status_code == 200, answer.text
    tokens = answer.get_json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"] == "scim:read scim:write"
    assert tokens["expires_in"] == 3600
    assert answer.headers["Cache-Control"] == "no-store"
    assert reads(okta.http, tokens["access_token"]) == 200
    assert reads(okta.http, tokens["refresh_token"]) == 401
    consents = [entry for entry in trail_of(okta.organization) if entry.action == "client.consent"]
    assert [(entry.resource_id, entry.actor_kind) for entry in consents] == [(okta.client.id, "token")]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [(None, "en"), ("fr-CA,fr;q=0.9,en;q=0.8", "fr"), ("de", "en"), ("en-GB,fr;q=0.5", "en"), ("de,fr;q=0.5", "fr")],
)
def test_the_page_speaks_the_language_of_the_browser(okta: Okta, accepted: str | None, language: str) -> None:
    """French or English, by Accept-Language."""
    headers = {} if accepted is None else {"Accept-Language": accepted}
    page = okta.http.get("/oauth/authorize", query_string=okta.query(), headers=headers)
    assert f'<html lang="{language}">' in page.text
    assert TEXTS[language]["hint"] in page.text
    assert TEXTS["en"].keys() == TEXTS["fr"].keys()


def test_the_page_runs_nothing_and_is_framed_by_nobody(okta: Okta) -> None:
    """A strict policy, no script, no caching; names are text, and its cookie is for it alone."""
    page = okta.page()
    assert page.headers["Content-Security-Policy"] == (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
        "form-action 'self' https://system-admin.okta.example"
    )
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "<script" not in page.text
    assert "Okta &lt;b&gt;" in page.text
    cookie = page.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", "Path=/oauth/authorize"))


def test_a_form_of_elsewhere_is_refused(okta: Okta) -> None:
    """CSRF: the form has to come from a page of this browser and this request; no code is given else."""
    token = administrator_token(okta.organization)
    page = okta.page()
    (proof,) = re.findall(r'name="proof" value="([0-9a-f]+)"', page.text)
    form = {"proof": proof, "token": token, "decision": "allow"}
    stranger = okta.http.application.test_client()
    other_request = okta.query(state="another")
    for answer in (
        stranger.post("/oauth/authorize", query_string=okta.query(), data=form),
        okta.http.post("/oauth/authorize", query_string=other_request, data=form),
        okta.http.post("/oauth/authorize", query_string=okta.query(), data={**form, "proof": "é"}),
        okta.http.post("/oauth/authorize", query_string=okta.query(), data={"token": token, "decision": "allow"}),
    ):
        assert answer.status_code == 400
        assert "Location" not in answer.headers
        assert token not in answer.text


_BAD_TOKENS: dict[str, Callable[[Okta], str]] = {
    "none": lambda _: "",
    "no token": lambda _: "scimsrv_x",
    "of a connection": lambda okta: okta.organization.token(),
    "of too little scope": lambda okta: administrator_token(okta.organization, "members:write"),
    "of another organization": lambda okta: administrator_token(new_organization(okta.organization.store)),
}


@pytest.mark.parametrize("name", _BAD_TOKENS)
def test_who_is_no_administrator_cannot_consent(okta: Okta, name: str) -> None:
    """Only a token with the scope org:admin of this very organization; the page asks again, and repeats nothing."""
    token = _BAD_TOKENS[name](okta)
    answer = okta.decide(token=token)
    assert (answer.status_code, answer.headers.get("Location")) == (403, None)
    assert TEXTS["en"]["refused"] in answer.text
    assert not token or token not in answer.text


def test_an_administrator_may_refuse(okta: Okta) -> None:
    """The client is told access_denied, with its state."""
    answer = okta.decide("deny", token="")
    assert (answer.status_code, returned(answer)["error"]) == (303, "access_denied")


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": f"{REDIRECT_URI}/"},
        {"redirect_uri": f"{REDIRECT_URI}?x=y"},
        {"redirect_uri": REDIRECT_URI.upper()},
        {"redirect_uri": 'https://attacker.example/"é\\'},
        {"response_type": '"é\\'},
    ],
    ids=str,
)
def test_nobody_is_sent_where_nothing_is_registered(okta: Okta, changed: dict[str, Any]) -> None:
    """RFC 6749 §4.1.2.1: an unknown client or redirect URI is told on a page, letter by letter compared."""
    answer = okta.page(**changed)
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    assert answer.content_type.startswith("text/html")
    assert TEXTS["en"]["error"] in answer.text


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"scope": "org:admin"}, "invalid_scope"),
        ({"scope": 'é"\\'}, "invalid_scope"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": [CHALLENGE, CHALLENGE]}, "invalid_request"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_to_the_client(okta: Okta, changed: dict[str, Any], error: str) -> None:
    """By the redirect, with state and issuer (RFC 9207); PKCE is S256 alone."""
    answer = okta.page(**changed)
    assert answer.status_code == 302, answer.text
    assert returned(answer)["error"] == error


def test_a_parameter_that_is_sent_twice_is_refused(okta: Okta) -> None:
    """RFC 6749 §3.1; which of the two was meant is not guessed."""
    assert okta.page(scope=["scim", "scim:read"]).status_code == 400


def test_a_client_with_one_redirect_uri_need_not_repeat_it(okta: Okta) -> None:
    """RFC 6749 §3.1.2.3; what was left out there is left out at the token endpoint, too."""
    code = okta.code(redirect_uri=None)
    assert okta.exchange(code, redirect_uri=None).status_code == 200


def test_okta_sends_no_code_challenge(own_app: Flask, clock: list[datetime]) -> None:
    """A connection of the profile okta may leave PKCE out; its client proves itself by its secret."""
    organization = new_organization(site_of(own_app).store)
    with begin(organization.store, organization.operator, write=True) as tenant:
        create_connection(tenant, "idp", "okta")
    client = register(organization, connection_name="idp", grant_types=GRANTS, redirect_uris=(REDIRECT_URI,))
    okta = Okta(own_app.test_client(), organization, client, clock)
    code = okta.code(code_challenge=None, code_challenge_method=None)
    assert refusal(okta.exchange(code), 400) == "invalid_request", "a verifier without a challenge (RFC 9700 §4.8)"
    code = okta.code(code_challenge=None, code_challenge_method=None)
    assert okta.exchange(code, code_verifier=None).status_code == 200
    plain = okta.page(code_challenge=VERIFIER, code_challenge_method="plain")
    assert returned(plain)["error"] == "invalid_request"


@pytest.mark.parametrize(
    "changed",
    [
        {"code": "x"},
        {"code": 'é"\0'},
        {"redirect_uri": "https://attacker.example"},
        {"redirect_uri": None},
        {"code_verifier": "w" * 64},
    ],
    ids=str,
)
def test_a_code_is_worth_nothing_to_others(okta: Okta, changed: dict[str, Any]) -> None:
    """Without the verifier and the redirect URI of the request it answers, there is no token."""
    code = okta.code()
    assert refusal(okta.exchange(**{"code": code, **changed}), 400) == "invalid_grant"
    assert okta.exchange(code).status_code == 200


def test_a_code_of_another_client_is_unknown(okta: Okta) -> None:
    """Of another organization, and of the same one."""
    code, rightful = okta.code(), okta.client
    for organization in (okta.organization, new_organization(okta.organization.store)):
        okta.client = register(organization, grant_types=GRANTS, redirect_uris=(REDIRECT_URI,))
        assert refusal(okta.exchange(code), 400) == "invalid_grant"
    okta.client = rightful
    assert okta.exchange(code).status_code == 200


def test_a_code_lives_for_a_minute(okta: Okta) -> None:
    """And not at its end."""
    codes = [okta.code(), okta.code()]
    okta.now[0] += timedelta(seconds=59)
    assert okta.exchange(codes[0]).status_code == 200
    okta.now[0] += timedelta(seconds=1)
    assert refusal(okta.exchange(codes[1]), 400) == "invalid_grant"


def test_a_code_that_comes_back_revokes_what_it_gave(okta: Okta) -> None:
    """RFC 6749 §4.1.2: somebody else has it, and nobody knows who came first."""
    code = okta.code()
    tokens = okta.exchange(code).get_json()
    assert refusal(okta.exchange(code), 400) == "invalid_grant"
    assert reads(okta.http, tokens["access_token"]) == 401
    assert refusal(okta.refresh(tokens["refresh_token"]), 400) == "invalid_grant"


def test_a_refresh_token_is_rotated(okta: Okta) -> None:
    """Each gives new tokens once; the scope can be narrowed, never widened."""
    tokens = okta.exchange(okta.code()).get_json()
    answer = okta.refresh(tokens["refresh_token"], scope="scim:read")
    assert answer.status_code == 200, answer.text
    rotated = answer.get_json()
    assert rotated["scope"] == "scim:read"
    assert rotated["refresh_token"] != tokens["refresh_token"]
    assert reads(okta.http, rotated["access_token"]) == 200
    assert refusal(okta.refresh(rotated["refresh_token"], scope="scim:write"), 400) == "invalid_scope"
    assert okta.refresh(rotated["refresh_token"], scope="scim:read").status_code == 200


def test_a_refresh_token_that_comes_back_ends_the_family(okta: Okta) -> None:
    """RFC 9700 §4.14.2: all that followed from the consent is revoked, and no other consent."""
    other = okta.exchange(okta.code()).get_json()
    first = okta.exchange(okta.code()).get_json()
    second = okta.refresh(first["refresh_token"]).get_json()
    assert reads(okta.http, second["access_token"]) == 200
    assert refusal(okta.refresh(first["refresh_token"]), 400) == "invalid_grant"
    okta.organization.store.known_tokens._found.clear()
    assert reads(okta.http, first["access_token"]) == reads(okta.http, second["access_token"]) == 401
    assert refusal(okta.refresh(second["refresh_token"]), 400) == "invalid_grant"
    assert reads(okta.http, other["access_token"]) == 200


def test_a_refresh_token_ends_when_nobody_uses_it(okta: Okta) -> None:
    """After 90 days; another client cannot use it at all."""
    tokens = okta.exchange(okta.code()).get_json()
    rightful = okta.client
    okta.client = register(okta.organization, grant_types=GRANTS, redirect_uris=(REDIRECT_URI,))
    assert refusal(okta.refresh(tokens["refresh_token"]), 400) == "invalid_grant"
    okta.client = rightful
    for each in ("x", tokens["access_token"], 'é"\0'):
        assert refusal(okta.refresh(each), 400) == "invalid_grant"
    okta.now[0] += timedelta(days=90)
    assert refusal(okta.refresh(tokens["refresh_token"]), 400) == "invalid_grant"


def test_what_is_suspended_is_not_consented_to(okta: Okta) -> None:
    """Nor is a code or refresh token of before worth anything."""
    code, tokens = okta.code(), okta.exchange(okta.code()).get_json()
    with begin(okta.organization.store, okta.organization.operator, write=True) as tenant:
        change_connection(tenant, "default", {"enabled": False})
    assert okta.page().status_code == 400
    assert refusal(okta.exchange(code), 401) == "invalid_client"
    assert refusal(okta.refresh(tokens["refresh_token"]), 401) == "invalid_client"
