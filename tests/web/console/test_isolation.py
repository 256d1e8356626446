"""No page of the console shows or changes anything of another organization, nor anything to who is not signed in."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask

from scim_server.web.console.visits import SESSION_COOKIE
from tests.directory import NOBODY, new_client, trail_of, unique
from tests.member_files import filled_import
from tests.portals import Portal, portal
from tests.web.console.pages import Pages, administrator, signed_in, visitor
from tests.web.oauth.clients import register

OPEN = {"sign_in_page", "invitation_page", "forgotten_password", "new_password"}
"""The pages of who is not signed in."""


def rules(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Return each page of an organization: its endpoint, a method of it, and its path below the organization's."""
    for rule in app.url_map.iter_rules():
        endpoint = rule.endpoint.removeprefix("console.")
        if rule.rule.startswith("/console/<organization>"):
            for method in sorted({"GET", "POST"} & (rule.methods or set())):
                yield endpoint, method, rule.rule.removeprefix("/console/<organization>")


@pytest.fixture
def own(app: Flask) -> Portal:
    """The organization of who acts."""
    return portal(app)


@pytest.fixture
def other(app: Flask) -> tuple[Portal, dict[str, str]]:
    """Another organization, and for each parameter of an address something of it; its names hold ``foreign``."""
    foreign = portal(app)
    organization = foreign.organization
    ben = foreign.member(unique("foreign"), "delegated-administrator")
    pages = signed_in(foreign, ben)
    group = foreign.group("foreign customers", kind="customerGroup")
    scim = new_client(app, organization=organization)
    (session,) = foreign.api.read(f"members/{ben}/sessions")["items"]
    wanted = {"connection": "default", "source": "role", "value": "foreign", "group": group}
    hand_over = {"to_member": foreign.member("foreign"), "from_member": ben, "reason": "foreign"}
    del pages
    return foreign, {
        "member": ben,
        "role": foreign.roles()["order-management"],
        "team": foreign.group("foreign team"),
        "group": group,
        "connection": scim.connection.id,
        "token": scim.credentials.actor.id,
        "client": register(organization, name="foreign").id,
        "mapping": foreign.api.made("mappings", wanted)["id"],
        "import_id": filled_import(organization, "foreign"),
        "session": session["id"],
        "hand_over": foreign.api.made("hand-overs", hand_over)["id"],
        "secret": NOBODY,
    }


def filled(path: str, values: dict[str, str]) -> str:
    """Return a path with its parameters; each must be known here."""
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], path)


def ask(pages: Pages, method: str, path: str, base: str | None = None) -> tuple[int, str, str]:
    """Send a request with a good token of a form, and return its status, where it leads, and what it says."""
    form = None
    if method == "POST":
        # Its token is that of any form in this browser.
        token = re.search(r'name="csrf_token" value="([^"]+)"', pages.get("/password").text)
        assert token
        form = {"csrf_token": token[1], "confirm": "yes"}
    answer = pages.http.open(f"{base or pages.base}{path}", method=method, data=form)
    return answer.status_code, answer.headers.get("Location", ""), answer.text


def test_nothing_of_another_organization_is_reached_by_its_ids(
    app: Flask, own: Portal, other: tuple[Portal, dict[str, str]]
) -> None:
    """Whatever an address names of it is not there, for pages and for forms; nothing is written there."""
    foreign, values = other
    faults = []
    pages, before = administrator(own), len(trail_of(foreign.organization))
    for endpoint, method, path in rules(app):
        if endpoint in OPEN or "<" not in path:
            continue
        status, place, text = ask(pages, method, filled(path, values))
        if method == "GET" and status == 303 and place.startswith(pages.base):
            # What only takes a form leads to the page that has it, which shows nothing of the sort.
            status, text = 404, pages.http.get(place).text
        if status not in (400, 404) or "foreign" in text:
            faults.append((endpoint, method, status, text[:500]))
    assert faults == []
    assert len(trail_of(foreign.organization)) == before


def test_a_session_is_good_for_its_organization_alone(
    app: Flask, own: Portal, other: tuple[Portal, dict[str, str]]
) -> None:
    """Its cookie, sent to the pages of another, leads to the sign-in there."""
    foreign, values = other
    pages = administrator(own)
    cookie = pages.http.get_cookie(SESSION_COOKIE, path=pages.base)
    assert cookie is not None
    base, before = f"/console/{foreign.organization.slug}", len(trail_of(foreign.organization))
    pages.http.set_cookie(SESSION_COOKIE, cookie.value, path=base)
    for endpoint, method, path in rules(app):
        if endpoint not in OPEN:
            status, place, text = ask(pages, method, filled(path, values), base)
            assert (status, place.partition("?")[0]) == (303, f"{base}/sign-in"), (endpoint, method, text[:500])
            assert "foreign" not in text
    assert len(trail_of(foreign.organization)) == before


def test_who_is_not_signed_in_is_led_to_the_sign_in(app: Flask, other: tuple[Portal, dict[str, str]]) -> None:
    """Every page but those of everybody."""
    foreign, values = other
    pages = visitor(foreign)
    for endpoint, method, path in rules(app):
        if endpoint not in OPEN:
            status, place, _ = ask(pages, method, filled(path, values))
            assert (status, place.partition("?")[0]) == (303, f"{pages.base}/sign-in"), (endpoint, method)


def test_a_member_without_rights_is_shown_nobody_else(app: Flask, other: tuple[Portal, dict[str, str]]) -> None:
    """Pages of administrators are refused, with those to ask; forms change nothing."""
    foreign, values = other
    faults = []
    pages = signed_in(foreign, foreign.member("ada"))
    before = len(trail_of(foreign.organization))
    for endpoint, method, path in rules(app):
        if endpoint in OPEN or endpoint in ("home", "consents_page", "sign_out") or endpoint.startswith("my_"):
            continue
        status, _, text = ask(pages, method, filled(path, values))
        if status not in (400, 403, 404):
            faults.append((endpoint, method, status, text[:500]))
    assert faults == []
    assert len(trail_of(foreign.organization)) == before
