"""Signing in to the console, and the links that lead to it."""

import re

import pytest
from flask import Flask

from tests.portals import Portal, portal
from tests.web.console.pages import PASSWORD, Pages, administrator, give_password, signed_in, visitor


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app)


def test_who_signs_in_comes_to_the_page_that_was_asked_for(delegated: Portal) -> None:
    """It is a page of this organization; any other address leads to the first one."""
    ada = delegated.member("ada", "delegated-administrator")
    give_password(delegated, ada)
    name = delegated.api.read(f"members/{ada}")["attributes"]["userName"]
    asked = visitor(delegated).get("/roles")
    assert asked.status_code == 303
    for sent, reached in {
        "/console/{}/roles": "/console/{}/roles",
        "https://evil.example/": "/console/{}",
        "//evil.example": "/console/{}",
        "/console/{}/\\evil.example": "/console/{}",
        "/console/other/roles": "/console/{}",
    }.items():
        sent, reached = (each.format(delegated.organization.slug) for each in (sent, reached))
        form = {"name": name, "password": PASSWORD, "next": sent}
        answer = visitor(delegated).post("/sign-in", form)
        assert (answer.status_code, answer.headers["Location"]) == (303, reached)


def test_the_cookie_is_for_one_organization_and_out_of_reach_of_scripts(delegated: Portal) -> None:
    """It is HttpOnly, SameSite, Secure where the server is reached by HTTPS, and good for one path."""
    ada = delegated.member("ada")
    give_password(delegated, ada)
    pages = visitor(delegated)
    name = delegated.api.read(f"members/{ada}")["attributes"]["userName"]
    answer = pages.post("/sign-in", {"name": name, "password": PASSWORD})
    (cookie,) = (each for each in answer.headers.getlist("Set-Cookie") if each.startswith("scim_session"))
    assert {"HttpOnly", "SameSite=Lax", f"Path={pages.base}"} <= {each.strip() for each in cookie.split(";")}


def test_a_wrong_password_says_nothing_of_who_exists(delegated: Portal) -> None:
    """The answer is the same for a name that nobody has."""
    ada = delegated.member("ada")
    give_password(delegated, ada)
    name = delegated.api.read(f"members/{ada}")["attributes"]["userName"]
    told = []
    for tried in (name, "nobody-at-all"):
        answer = visitor(delegated).post("/sign-in", {"name": tried, "password": "not this one at all"})
        assert answer.status_code == 401
        told.append(re.sub(r'value="[^"]*"', "", answer.text))
    assert told[0] == told[1]


def test_a_password_is_tried_ten_times_for_a_name(delegated: Portal) -> None:
    """The eleventh try waits, also with the right password; others sign in."""
    ada, ben = delegated.member("ada"), delegated.member("ben")
    give_password(delegated, ada)
    pages = visitor(delegated)
    name = delegated.api.read(f"members/{ada}")["attributes"]["userName"]
    for _ in range(10):
        assert pages.post("/sign-in", {"name": name, "password": "a wrong password"}).status_code == 401
    refused = pages.post("/sign-in", {"name": name.upper(), "password": PASSWORD})
    assert refused.status_code == 429
    signed_in(delegated, ben)


def test_no_form_is_taken_that_was_not_made_here(delegated: Portal) -> None:
    """Without its token, or with that of another browser, nothing happens."""
    pages = administrator(delegated)
    assert pages.http.post(f"{pages.base}/sign-out").status_code == 400
    other = re.search(r'name="csrf_token" value="([^"]+)"', visitor(delegated).get("/sign-in").text)
    assert other
    assert pages.http.post(f"{pages.base}/sign-out", data={"csrf_token": other[1]}).status_code == 400
    assert pages.get("/members").status_code == 200


def test_a_session_ends_with_the_access(delegated: Portal) -> None:
    """The next request of who is suspended leads to the sign-in; so does that of who signs out."""
    ada = delegated.member("ada", "delegated-administrator")
    delegated.member("ben", "delegated-administrator")
    pages = signed_in(delegated, ada)
    assert delegated.api.post(f"members/{ada}/suspend").status_code == 200
    assert pages.get("/members").status_code == 303
    assert delegated.api.post(f"members/{ada}/restore").status_code == 200
    assert pages.get("/members").status_code == 303
    again = signed_in(delegated, ada)
    again.done("/sign-out", of="/members")
    assert again.get("/members").status_code == 303


def test_every_page_has_its_headers(delegated: Portal) -> None:
    """Nothing inline runs, nobody frames a page, and no page is kept."""
    for answer in (visitor(delegated).get("/sign-in"), administrator(delegated).get("/members")):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "<style" not in answer.text
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", answer.text)


def test_pages_speak_the_language_of_who_reads_them(delegated: Portal) -> None:
    """French where nothing else is asked for; a language that is chosen holds for all pages after it."""
    pages: Pages = visitor(delegated)
    assert '<html lang="fr"' in pages.get("/sign-in").text
    assert '<html lang="en"' in pages.get("/sign-in", **{"Accept-Language": "en-GB"}).text
    assert '<html lang="en"' in pages.get("/sign-in?language=en").text
    assert '<html lang="en"' in pages.get("/password").text


def test_a_character_that_no_text_has_is_refused(delegated: Portal) -> None:
    """In a form and in an address, on every page, before a database would fail over it."""
    pages = administrator(delegated)
    assert pages.get("/members?search=a%00").status_code == 400
    assert pages.get("/members?%00=a").status_code == 400
    assert pages.post("/profile", {"title": "a\0"}).status_code == 400
    assert visitor(delegated).post("/sign-in", {"name": "a\0", "password": PASSWORD}).status_code == 400
