"""The operator's pages: every organization, how it does, and what it asks about its administrator's seat."""

import base64
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scim_server.actions.organizations import RESERVED_SLUGS, create_organization
from scim_server.store.session import begin_platform
from scim_server.store.tokens import find_token, revoke_token
from scim_server.web.limits import GUESSES
from tests.api import api_client, errors_of
from tests.databases import Database
from tests.directory import KEY, NOBODY, new_client, running_app, site_of, unique
from tests.portals import Portal, as_operator, portal

pytestmark = pytest.mark.usefixtures("tenant_guard")

LETTER = b"<script>alert(1)</script>"
EVIDENCE = {"name": "letter.html", "type": "text/html", "content": base64.b64encode(LETTER).decode()}


@dataclass(frozen=True, slots=True)
class OperatorPages:
    """The operator's pages in one browser."""

    http: FlaskClient

    def get(self, path: str = "") -> TestResponse:
        """Return the answer to a page below the operator's."""
        return self.http.get(f"/console/operator{path}")

    def read(self, path: str = "") -> str:
        """Return the text of a page, which must answer 200."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:2_000])
        return unescape(answer.text)

    def post(self, path: str, form: dict[str, Any] | None = None, of: str | None = None) -> TestResponse:
        """Send a form, with the token of the page that shows it."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path if of is None else of).text)
        assert found, path
        return self.http.post(f"/console/operator{path}", data={"csrf_token": found[1], **(form or {})})

    def done(self, path: str, form: dict[str, Any] | None = None) -> str:
        """Send a form that must be taken, and return the page that it leads to."""
        answer = self.post(path, form)
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return unescape(self.http.get(answer.headers["Location"], follow_redirects=True).text)


def visitor(app: Flask) -> OperatorPages:
    """Return the pages of somebody who is not signed in, in English, from an address of their own."""
    pages = OperatorPages(app.test_client())
    # What an address has guessed is counted on the machine, for all tests that run on it.
    pages.http.environ_base["REMOTE_ADDR"] = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
    pages.get("/sign-in?language=en")
    return pages


@pytest.fixture
def app(fresh_database: Database) -> Iterator[Flask]:
    """An app whose organizations are those of the test: these pages list all there are."""
    with running_app(fresh_database) as running:
        yield running


@pytest.fixture
def pages(app: Flask) -> OperatorPages:
    """The pages of an operator."""
    pages = visitor(app)
    assert pages.post("/sign-in", {"token": api_client(app, "operator").token}).status_code == 303
    return pages


@pytest.fixture
def contacts(app: Flask) -> Portal:
    """An organization with one administrator, whom the operator validates."""
    return portal(app, "contacts")


def asked(on: Portal, to: str, **more: Any) -> str:
    """Ask for a hand-over and return the path of its page."""
    made = on.api.made("hand-overs", {"to_member": to, "reason": "She leaves.", **more})
    return f"/organizations/{on.organization.slug}/hand-overs/{made['id']}"


def test_the_token_stays_in_a_cookie_of_these_pages(app: Flask) -> None:
    """Out of reach of scripts and of other sites; signing out forgets it."""
    pages = visitor(app)
    first = pages.get("/hand-overs")
    assert first.status_code == 303
    assert first.headers["Location"] == "/console/operator/sign-in?next=/console/operator/hand-overs"
    token = api_client(app, "operator").token
    answer = pages.post("/sign-in", {"token": f" {token} ", "next": "/console/operator/hand-overs"})
    assert answer.headers["Location"] == "/console/operator/hand-overs"
    (cookie,) = (each for each in answer.headers.getlist("Set-Cookie") if each.startswith("scim_operator"))
    assert {"HttpOnly", "SameSite=Strict", "Path=/console/operator"} <= {each.strip() for each in cookie.split(";")}
    pages.read("")
    assert pages.post("/sign-out", of="").status_code == 303
    assert pages.get("").status_code == 303


def test_a_sign_in_leads_to_these_pages_alone(app: Flask) -> None:
    """Whatever is asked for."""
    token = api_client(app, "operator").token
    for path in ("https://evil.example/", "//evil.example", "/console/operator/\\evil.example", "/console/acme"):
        answer = visitor(app).post("/sign-in", {"token": token, "next": path})
        assert answer.headers["Location"] == "/console/operator"


def test_only_an_operators_token_opens_these_pages(app: Flask) -> None:
    """No other scope does, however wide; nor does a token once it is revoked."""
    pages = visitor(app)
    refused = pages.post("/sign-in", {"token": api_client(app, "org:admin").token})
    assert refused.status_code == 403
    assert "this token is not an operator's" in unescape(refused.text)
    for token, status in (("", 401), ("scimsrv_none", 401), (api_client(app, "members:read").token, 403)):
        assert pages.post("/sign-in", {"token": token}).status_code == status
    pages.http.set_cookie("scim_operator", api_client(app, "org:admin").token, path="/console/operator")
    assert pages.get("").status_code == 303
    token = api_client(app, "operator").token
    assert pages.post("/sign-in", {"token": token}).status_code == 303
    pages.read("")
    store = site_of(app).store
    with begin_platform(store, write=True) as platform:
        found = find_token(platform, KEY, token)
        assert found
        assert revoke_token(platform, found[1].id)
    store.known_tokens.forget(KEY.digest(token))
    assert pages.get("").status_code == 303


def test_tokens_are_not_guessed(app: Flask) -> None:
    """An address that has tried too many waits."""
    pages = visitor(app)
    token = re.search(r'name="csrf_token" value="([^"]+)"', pages.get("/sign-in").text)
    assert token
    form = {"csrf_token": token[1], "token": "scimsrv_none"}
    answers = [pages.http.post("/console/operator/sign-in", data=form) for _ in range(GUESSES.amount + 1)]
    assert [each.status_code for each in answers] == [401] * GUESSES.amount + [429]
    assert "came from this address" in answers[-1].text


def test_no_form_is_taken_that_was_not_made_here(pages: OperatorPages, contacts: Portal) -> None:
    """Without its token nothing is done."""
    path = f"/console/operator/organizations/{contacts.organization.slug}/suspend"
    assert pages.http.post(path).status_code == 400
    assert contacts.api.read("")["status"] == "active"


def test_organizations_are_listed_and_found_by_what_they_begin_with(pages: OperatorPages, contacts: Portal) -> None:
    """By their short name or their name, in capitals or not; with their members, their profile and what to mind."""
    contacts.member("ada")
    assert contacts.api.patch("", {"name": "Zébulon 100%_"}).status_code == 200
    slug = contacts.organization.slug
    for beginning in (slug, slug.upper(), "zébu", "Zébulon 100%_"):
        page = pages.read(f"?q={beginning.replace('%', '%25')}")
        assert "Zébulon" in page
        assert page.count("<tr>") == 2 or beginning.lower() == slug
    row = next(row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if slug in row)
    assert 'data-label="Members">1<' in row
    assert 'data-label="Portal profile">contacts<' in row
    assert "No organization begins with that" in pages.read("?q=%25")
    assert pages.get("?q=%00").status_code == 400


def test_organizations_are_paged(app: Flask, pages: OperatorPages) -> None:
    """Twenty on a page; the links lead through all of them that are looked for."""
    beginning = unique("paged")
    with begin_platform(site_of(app).store, write=True) as platform:
        for number in range(41):
            name = f"{beginning} {number}"
            create_organization(platform, site_of(app).store, f"{beginning}-{number}", name, actor_id="the tests")
    path, shown = f"?q={beginning}", []
    while path:
        page = pages.read(path)
        shown.append(page.partition("<tbody>")[2].count("<tr>"))
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = unescape(found[1]).removeprefix("/console/operator") if found else ""
    assert shown == [20, 20, 1]


def test_one_organization_is_shown_with_its_seat_and_connections(pages: OperatorPages, contacts: Portal) -> None:
    """Who administers it, how its connections do, whether it is in recovery."""
    admin = contacts.member("admin")
    client = new_client(contacts.app, organization=contacts.organization)
    assert client.get(f"/Users/{NOBODY}").status_code == 404
    site_of(contacts.app).counts.write(site_of(contacts.app).store, patiently=True)
    page = pages.read(f"/organizations/{contacts.organization.slug}")
    assert "default" in page
    assert "404" in page
    assert "Nothing was asked of you" in page
    assert admin not in page
    assert pages.get("/organizations/there-is-none").status_code == 404
    assert pages.get("/organizations/%00").status_code == 404


def test_suspending_is_confirmed_and_can_be_taken_back(pages: OperatorPages, contacts: Portal) -> None:
    """The page before says what happens; nothing happens before it is sent."""
    place = f"/organizations/{contacts.organization.slug}"
    assert "Every token of the organization is refused" in pages.read(f"{place}/suspend")
    status = as_operator(contacts)
    assert status.read("")["status"] == "active"
    assert "is suspended" in pages.done(f"{place}/suspend")
    assert status.read("")["status"] == "suspended"
    assert "Resume the organization" in pages.read(place)
    assert "is active again" in pages.done(f"{place}/resume")
    assert status.read("")["status"] == "active"


def test_a_designated_administrator_is_validated_with_evidence(pages: OperatorPages, contacts: Portal) -> None:
    """Rules 3.11, 3.12 and 3.17: without evidence nobody is; with it the seat is theirs, and it is recorded."""
    ada = contacts.member("ada")
    path = asked(contacts, ada)
    assert path in pages.read("/hand-overs")
    assert "Validation of a designated administrator" in pages.read(path)
    refused = pages.post(path, {"do": "approve", "note": "Seen."})
    assert refused.status_code == 409
    assert "has no evidence" in refused.text
    assert "Seen." in refused.text
    assert pages.post(path, {"do": "nothing"}).status_code == 400
    attached = contacts.api.send("PUT", f"{path.rpartition('/organizations/')[2].partition('/')[2]}/evidence", EVIDENCE)
    assert attached.status_code == 200, attached.text
    page = pages.done(path, {"do": "approve", "note": "Seen.\r\nAnd believed."})
    assert "The hand-over is approved" in page
    seat = contacts.api.read("seat")
    assert [each["id"] for each in seat["administrators"]] == [ada]
    decided = pages.read(path)
    assert "Seen.\nAnd believed." in decided
    assert 'value="approve"' not in decided
    again = pages.post(path, {"do": "reject"}, of="")
    assert again.status_code == 409
    assert "is approved already" in again.text
    assert path not in pages.read("/hand-overs")


def test_the_seat_goes_from_one_administrator_to_another(app: Flask, pages: OperatorPages) -> None:
    """Who gives it up is named before, and no longer has it afterwards."""
    delegated = portal(app)
    admin, ada = delegated.member("admin", "delegated-administrator"), delegated.member("ada")
    path = asked(delegated, ada, from_member=admin, evidence=EVIDENCE)
    page = pages.read(path)
    assert re.search(r"Ada-\d+ Lovelace gets the administrator’s seat, and Admin-\d+ Lovelace no longer has it", page)
    pages.done(path, {"do": "approve"})
    assert [each["id"] for each in delegated.api.read("seat")["administrators"]] == [ada]


def test_an_organization_that_lost_its_administrator_is_in_recovery(app: Flask, pages: OperatorPages) -> None:
    """The list and its page say so."""
    delegated = portal(app)
    admin = delegated.member("admin", "delegated-administrator")
    provider = new_client(app, organization=delegated.organization)
    ended = provider.patch(f"/Users/{admin}", {"op": "replace", "path": "active", "value": False})
    assert ended.status_code == 200
    slug = delegated.organization.slug
    assert "In recovery" in pages.read(f"?q={slug}")
    assert "has lost its administrator, and is in recovery" in pages.read(f"/organizations/{slug}")


def test_evidence_is_handed_out_and_never_run(pages: OperatorPages, contacts: Portal) -> None:
    """As a file to keep, whatever it says that it is."""
    path = asked(contacts, contacts.member("ada"), evidence={**EVIDENCE, "name": 'lettre "signée"/.html'})
    answer = pages.get(f"{path}/evidence")
    assert answer.data == LETTER
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="lettre _sign')
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_request_is_rejected_with_a_note(pages: OperatorPages, contacts: Portal) -> None:
    """The organization reads why; a note that is no text is refused."""
    path = asked(contacts, contacts.member("ada"))
    assert pages.post(path, {"do": "reject", "note": "\x00"}).status_code == 400
    assert pages.post(path, {"do": "reject", "note": "x" * 2_001}).status_code == 400
    assert "The hand-over is rejected" in pages.done(path, {"do": "reject", "note": "Who is Ada?"})
    (found,) = contacts.api.read("hand-overs")["items"]
    assert (found["status"], found["note"]) == ("rejected", "Who is Ada?")


def test_a_request_is_found_in_its_own_organization_alone(app: Flask, pages: OperatorPages, contacts: Portal) -> None:
    """Under another's address it does not exist, nor does its evidence."""
    path = asked(contacts, contacts.member("ada"), evidence=EVIDENCE)
    other = portal(app).organization.slug
    elsewhere = path.replace(contacts.organization.slug, other)
    for place in (elsewhere, f"{elsewhere}/evidence", f"/organizations/{other}/hand-overs/none"):
        assert pages.get(place).status_code == 404
    assert pages.post(elsewhere, {"do": "approve"}, of="").status_code == 404


def test_no_organization_takes_the_place_of_these_pages(app: Flask) -> None:
    """Its short name would be theirs in every address."""
    operator = api_client(app, "operator")
    for slug in RESERVED_SLUGS:
        errors = errors_of(operator.post("/organizations", {"slug": slug, "name": "Acme"}), 409)
        assert "taken by the console" in errors["/slug"]
