"""The tokens and OAuth clients of a connection."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.directory import a_second_later, site_of
from tests.portals import Portal, portal
from tests.web.console.pages import Pages, administrator
from tests.web.console.test_connections import TOKEN, calling, connected, tokens_of


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app)


@pytest.fixture
def pages(delegated: Portal) -> Pages:
    """The pages of its administrator."""
    return administrator(delegated)


def issued(pages: Pages, connection: str, lifetime: str = "365") -> str:
    """Issue a token and return it."""
    answer = pages.post(f"/connections/{connection}/tokens/new", {"lifetime": lifetime})
    assert answer.status_code == 200, answer.text
    return str(TOKEN.findall(answer.text)[0])


def test_a_connection_has_two_live_tokens_at_most(delegated: Portal, pages: Pages) -> None:
    """The third is refused in words; neither is it offered any more."""
    connection = connected(delegated)
    assert issued(pages, connection) != issued(pages, connection, "")
    refused = pages.post(f"/connections/{connection}/tokens/new", {"lifetime": "365"})
    assert refused.status_code == 409
    assert "live tokens" in refused.text
    assert f"/connections/{connection}/tokens/new" not in pages.read(f"/connections/{connection}")
    assert pages.post(f"/connections/{connection}/tokens/new", {"lifetime": "9999"}).status_code == 400
    assert len(tokens_of(delegated, connection)) == 2


def test_no_form_makes_a_token_of_another_scope(delegated: Portal, pages: Pages) -> None:
    """Whatever is sent besides, it is scim, of the connection and of nobody."""
    connection = connected(delegated)
    sent = {"lifetime": "", "scope": "org:admin", "user_name": "admin", "connection": ""}
    assert pages.post(f"/connections/{connection}/tokens/new", sent).status_code == 200
    assert pages.post(f"/connections/{connection}/clients/new", {"name": "entra", **sent}).status_code == 200
    (token,) = tokens_of(delegated, connection)
    assert (token.scope, token.user_id, token.connection_id) == ("scim", None, connection)
    (client,) = delegated.api.read("clients")["items"]
    assert (client["scope"], client["connection_id"]) == ("scim:read scim:write", connection)


def test_what_the_api_issued_with_more_is_not_issued_again(delegated: Portal, pages: Pages) -> None:
    """A token or client of another scope can be revoked here, and not rotated: that would hand it out."""
    connection = connected(delegated)
    token = delegated.api.made("tokens", {"connection": connection, "scope": "org:admin"})["id"]
    client = delegated.api.made("clients", {"name": "back end", "connection": connection, "scope": "org:admin"})["id"]
    for place in (f"tokens/{token}", f"clients/{client}"):
        assert pages.get(f"/connections/{connection}/{place}/rotate").status_code == 404
        assert pages.post(f"/connections/{connection}/{place}/rotate", of="/connections/new").status_code == 404
    assert "/rotate" not in pages.read(f"/connections/{connection}")
    reading = delegated.api.made("tokens", {"connection": connection, "scope": "scim:read"})["id"]
    assert pages.get(f"/connections/{connection}/tokens/{reading}/rotate").status_code == 200
    pages.done(f"/connections/{connection}/tokens/{token}/revoke")
    assert delegated.api.read(f"tokens/{token}")["revoked_at"]


def test_a_token_is_rotated_in_steps(delegated: Portal, pages: Pages) -> None:
    """Both are taken until the rotation is completed, which is confirmed; then the new one alone."""
    connection = connected(delegated)
    old = issued(pages, connection)
    (record,) = tokens_of(delegated, connection)
    place = f"/connections/{connection}/tokens/{record.id}"
    answer = pages.post(f"{place}/rotate", {"lifetime": "90", "overlap": "7"})
    assert answer.headers["Cache-Control"] == "no-store"
    (new,) = set(TOKEN.findall(answer.text))
    assert [calling(delegated, each).get("/Users").status_code for each in (old, new)] == [200, 200]
    assert "Being rotated: the old one" in pages.read(f"/connections/{connection}")
    again = pages.post(f"{place}/rotate", {"lifetime": "90", "overlap": ""})
    assert again.status_code == 409
    assert "Complete the rotation?" in pages.read(f"{place}/complete")
    former, client = calling(delegated, old), calling(delegated, new)
    pages.done(f"{place}/complete")
    a_second_later(site_of(delegated.app).store)
    assert (former.get("/Users").status_code, client.get("/Users").status_code) == (401, 200)
    late = pages.post(f"{place}/cancel")
    assert late.status_code == 409
    assert "no rotation of this token is under way" in late.text
    assert "`" not in late.text


def test_a_rotation_is_cancelled_and_a_token_revoked(delegated: Portal, pages: Pages) -> None:
    """The old token stays until it is revoked itself; ended ones are listed."""
    connection = connected(delegated)
    old = calling(delegated, issued(pages, connection))
    (record,) = tokens_of(delegated, connection)
    pages.post(f"/connections/{connection}/tokens/{record.id}/rotate", {"lifetime": "", "overlap": ""})
    new = tokens_of(delegated, connection)[1].id
    pages.done(f"/connections/{connection}/tokens/{new}/cancel")
    a_second_later(site_of(delegated.app).store)
    assert old.get("/Users").status_code == 200
    assert "refused within a second" in pages.read(f"/connections/{connection}/tokens/{record.id}/revoke")
    pages.done(f"/connections/{connection}/tokens/{record.id}/revoke")
    a_second_later(site_of(delegated.app).store)
    assert old.get("/Users").status_code == 401
    assert pages.read(f"/connections/{connection}/tokens").count("Revoked on") == 2


def secrets_of(page: str) -> tuple[str, str]:
    """Return the id and the secret of a client that a page shows."""
    found = dict(re.findall(r'<code id="(client-id|client-secret)"[^>]*>([^<]+)<', page))
    return found["client-id"], found["client-secret"]


def access(http: FlaskClient, client: str, secret: str) -> int:
    """Return how a client that asks for a token is answered."""
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    return http.post("/oauth/token", data=form).status_code


def test_a_client_gets_tokens_by_its_secret_until_it_is_disabled(delegated: Portal, pages: Pages) -> None:
    """The secret is shown once, rotated with a while of both, and of no use once the client is disabled."""
    connection, http = connected(delegated), delegated.app.test_client()
    answer = pages.post(f"/connections/{connection}/clients/new", {"name": "Entra ID"})
    assert answer.headers["Cache-Control"] == "no-store"
    client, secret = secrets_of(answer.text)
    assert access(http, client, secret) == 200
    page = pages.read(f"/connections/{connection}")
    assert client in page
    assert secret not in page
    place = f"/connections/{connection}/clients/{client}"
    _, newer = secrets_of(pages.post(f"{place}/rotate", {"keep": "7"}).text)
    assert [access(http, client, each) for each in (secret, newer)] == [200, 200]
    _, newest = secrets_of(pages.post(f"{place}/rotate", {"keep": "0"}).text)
    assert [access(http, client, each) for each in (newer, newest)] == [401, 200]
    pages.done(f"{place}/disable")
    assert access(http, client, newest) == 401
    assert pages.post(f"{place}/rotate", {"keep": "7"}).status_code == 409
    assert pages.post(f"/connections/{connection}/clients/new", {"name": " "}).status_code == 400
