"""What a client of one organization is told of another's tokens, codes and consents: nothing, and it ends none."""

import pytest
from flask import Flask

from tests.directory import Organization, a_second_later, new_organization, site_of, trail_of
from tests.web.oauth.clients import REDIRECT_URI, register
from tests.web.oauth.test_authorize import GRANTS, Okta, administrator_token
from tests.web.oauth.test_endpoints import access_token, introspect
from tests.web.oauth.test_token import reads, refusal

MARK = "zzmarkofanother"


def _okta(app: Flask, name: str) -> Okta:
    organization = new_organization(site_of(app).store)
    grants = ("client_credentials", *GRANTS)
    client = register(organization, name=name, grant_types=grants, redirect_uris=(REDIRECT_URI,))
    return Okta(app.test_client(), organization, client, [])


@pytest.fixture
def own(app: Flask) -> Okta:
    """A client with each grant, and the administrator of its organization."""
    return _okta(app, "own")


@pytest.fixture
def other(app: Flask) -> Okta:
    """The same in another organization, whose client is marked."""
    return _okta(app, MARK)


def _tokens(okta: Okta) -> dict[str, str]:
    """Return a token of each kind there is."""
    given = okta.exchange(okta.code()).get_json()
    return {
        "code": given["access_token"],
        "refresh": given["refresh_token"],
        "client": access_token(okta.http, okta.client),
        "static": okta.organization.token(),
        "portal": administrator_token(okta.organization),
    }


def test_no_token_of_another_organization_is_told_of_or_ended(own: Okta, other: Okta) -> None:
    """Introspection says as of one that does not exist, revocation does nothing, whatever kind of token it is."""
    tokens = _tokens(other)
    for name, token in tokens.items():
        assert introspect(own.http, own.client, token) == {"active": False}, name
        for hint in ("access_token", "refresh_token"):
            form = {"token": token, "token_type_hint": hint}
            answer = own.http.post("/oauth/revoke", data=form, auth=own.client.basic)
            assert (answer.status_code, answer.get_json()) == (200, {}), name
    a_second_later(other.organization.store)
    for name, token in tokens.items():
        assert introspect(other.http, other.client, token)["active"], name
    assert other.refresh(tokens["refresh"]).status_code == 200


def test_a_refresh_token_of_another_organization_gives_nothing(own: Okta, other: Okta) -> None:
    """Nor is it used up, or its family ended, even where it was used before."""
    used = _tokens(other)["refresh"]
    kept = other.refresh(used).get_json()
    for token in (used, kept["refresh_token"]):
        answer = own.refresh(token)
        assert refusal(answer, 400) == "invalid_grant"
        assert MARK not in answer.text
    assert reads(other.http, kept["access_token"]) == 200
    assert other.refresh(kept["refresh_token"]).status_code == 200


def test_a_code_of_another_organization_gives_nothing(own: Okta, other: Okta) -> None:
    """It stays good for the client it is for; one that was used ends nothing when another organization sends it."""
    code = other.code()
    for _ in range(2):
        assert refusal(own.exchange(code), 400) == "invalid_grant"
    given = other.exchange(code)
    assert given.status_code == 200
    assert refusal(own.exchange(code), 400) == "invalid_grant"
    assert reads(other.http, given.get_json()["access_token"]) == 200


def test_the_secret_of_another_client_proves_nothing(own: Okta, other: Okta) -> None:
    """Neither with the own id, nor with both ids in one request."""
    form = {"grant_type": "client_credentials"}
    mixed = own.http.post("/oauth/token", data=form, auth=(own.client.id, other.client.secret))
    crossed = own.http.post("/oauth/token", data=form, auth=(other.client.id, own.client.secret))
    both = own.http.post("/oauth/token", data={**form, "client_id": other.client.id}, auth=own.client.basic)
    assert {refusal(each, 401) for each in (mixed, crossed, both)} == {"invalid_client"}
    assert not any(MARK in each.text for each in (mixed, crossed, both))


def test_no_administrator_consents_for_another_organization(own: Okta, other: Okta) -> None:
    """With the page of a client, only the token of its own organization gives a code, and the other stays unused."""
    before = _consents(other.organization), _consents(own.organization)
    for okta, stranger in ((own, other), (other, own)):
        answer = okta.decide(token=administrator_token(stranger.organization))
        assert answer.status_code == 403
        assert "Location" not in answer.headers
    assert (_consents(other.organization), _consents(own.organization)) == before


def _consents(organization: Organization) -> int:
    return sum(entry.action == "client.consent" for entry in trail_of(organization))


def test_what_a_client_gets_reaches_its_own_organization(own: Okta, other: Okta) -> None:
    """The tokens of either client find the users of its own organization, and none of the other."""
    for okta, stranger in ((own, other), (other, own)):
        for token in (access_token(okta.http, okta.client), okta.exchange(okta.code()).get_json()["access_token"]):
            proved = okta.organization.prove(token)
            assert proved.org_id == okta.organization.id != stranger.organization.id
