"""The main flows in English; and those that are forms alone a second time without JavaScript."""

from collections.abc import Callable

import httpx
import pytest
from flask import Flask
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.api import api_client
from tests.browser.chromium import Window, follow, press
from tests.databases import only_postgresql
from tests.mail import LINK
from tests.portals import Portal, portal
from tests.seeds.letters import PASSWORD, Letters
from tests.web.console import pages

pytestmark = only_postgresql
Opener = Callable[..., Window]

with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
TOKEN_BEGINS = "scimsrv_"
ROWS = b"userName,email,givenName,familyName\r\ngrace,grace@acme.example,Grace,Hopper\r\n"
FILE: FilePayload = {"name": "members.csv", "mimeType": "text/csv", "buffer": ROWS}
LETTER: FilePayload = {"name": "letter.pdf", "mimeType": "application/pdf", "buffer": b"We agree."}


@pytest.fixture
def acme(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app)


@pytest.fixture
def admin(acme: Portal) -> str:
    """The administrator, who reads English."""
    return acme.member("admin", "delegated-administrator", preferredLanguage="en")


@pytest.fixture
def window(acme: Portal, admin: str, open_console: Opener) -> Window:
    """The window of the administrator, in English."""
    return open_console(acme, language="en").sign_in(admin)


def enter(page: Page, name: str) -> None:
    """Go to a page by the navigation."""
    with page.expect_navigation(wait_until="domcontentloaded"):
        page.get_by_role("navigation", name="Pages", exact=True).get_by_role("link", name=name, exact=True).click()


def part(page: Page, name: str) -> Locator:
    """Return the section under a heading."""
    return page.get_by_role("region", name=name, exact=True)


def name_of(on: Portal, member: str) -> str:
    """Return the name that a member signs in with."""
    return str(on.api.read(f"members/{member}")["attributes"]["userName"])


@with_and_without_scripts
def test_signing_in_and_out(acme: Portal, admin: str, open_console: Opener, scripts: bool) -> None:
    """A wrong password is told of, the right one leads to the page that was asked for, and signing out ends it."""
    window = open_console(acme, language="en", scripts=scripts)
    page = window.page
    pages.give_password(acme, admin)
    page.goto(f"{window.base}/settings")
    for password in ("a wrong one", pages.PASSWORD):
        page.get_by_label("E-mail address or user name").fill(name_of(acme, admin))
        page.get_by_label("Password").fill(password)
        press(page, "Sign in")
        if password != pages.PASSWORD:
            expect(page.get_by_role("alert")).to_contain_text("is wrong, or there is no access")
    expect(page).to_have_url(f"{window.base}/settings")
    # What would do nothing without JavaScript is not offered.
    expect(page.get_by_role("button", name="Light or dark")).to_have_count(int(scripts))
    page.locator("details.menu summary").click()
    press(page, "Sign out")
    page.goto(f"{window.base}/settings")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@with_and_without_scripts
def test_a_member_from_the_first_day_to_the_last(acme: Portal, admin: str, open_console: Opener, scripts: bool) -> None:
    """Added, found by the filters, edited in the row, given a role with Confirm, archived, restored, removed."""
    window = open_console(acme, language="en", scripts=scripts).sign_in(admin)
    page = window.page
    role = acme.roles()["invoice-management"]
    enter(page, "Members")
    follow(page, "Add a member")
    page.get_by_label("First name").fill("Grace")
    page.get_by_label("Last name").fill("Hopper")
    page.get_by_label("E-mail address").fill("grace@acme.example")
    page.get_by_label("Access at once").check()
    press(page, "Save")
    assert "The member is added and has access" in window.text()
    grace = page.url.rpartition("/")[2]

    enter(page, "Members")
    page.get_by_label("Search").fill("hopp")
    press(page, "Show")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(1)
    follow(page, "Show all")
    expect(rows).to_have_count(2)
    page.get_by_label("Role").select_option("Delegated administrator")
    press(page, "Show")
    expect(rows).to_have_count(1)
    expect(rows).not_to_contain_text("Hopper")

    window.go("/members?search=hopper")
    follow(page, "Edit Grace Hopper")
    rows.get_by_label("Function").fill("Nobody")
    rows.get_by_role("link", name="Cancel").click()
    expect(rows).not_to_contain_text("Nobody")
    follow(page, "Edit Grace Hopper")
    rows.get_by_label("Last name").fill("Hopper-Murray")
    rows.get_by_label("Function").fill("Rear admiral")
    press(page, "OK")
    expect(rows).to_contain_text("Grace Hopper-Murray")
    expect(rows).to_contain_text("Rear admiral")

    follow(page, "Grace Hopper-Murray")
    for button in ("Cancel", "Confirm"):
        follow(page, "Change the roles")
        page.get_by_role("checkbox", name="Invoice Management").check()
        assert not acme.may(grace, "invoices:read")
        page.get_by_text(button, exact=True).click()
        expect(part(page, "Roles").get_by_role("listitem")).to_have_count(int(button == "Confirm"))
    assert acme.may(grace, "invoices:read")
    assert [each["id"] for each in acme.api.read(f"members/{grace}/roles")["roles"]] == [role]

    follow(page, "Archive…")
    expect(page.get_by_role("heading", level=1)).to_have_text("Archive Grace Hopper-Murray")
    assert acme.state(grace) == "active"
    press(page, "Archive")
    assert "Archived: the access has ended, and the record is kept." in window.text()
    press(page, "Take out of the archive")
    follow(page, "Remove from the organization…")
    follow(page, "Cancel")
    follow(page, "Remove from the organization…")
    assert "This cannot be undone." in window.text()
    press(page, "Delete for good")
    assert "Deleted. Nothing of the record is left." in window.text()
    assert acme.api.get(f"members/{grace}").status_code == 404


@with_and_without_scripts
def test_a_file_is_verified_and_imported(
    acme: Portal, admin: str, open_console: Opener, letters: Letters, scripts: bool
) -> None:
    """The page shows by itself that the worker is done; without JavaScript, by its link."""
    window = open_console(acme, language="en", scripts=scripts)
    window.page.clock.install()
    page = window.sign_in(admin).page
    enter(page, "Import and export")
    page.get_by_label("CSV file").set_input_files(FILE)

    def done(button: str, waiting: str, told: str) -> None:
        press(page, button)
        expect(page.locator("#import-state")).to_contain_text(waiting)
        letters.to("nobody")
        if scripts:
            page.clock.fast_forward(3_000)
        else:
            follow(page, "Read again how far it has come")
        expect(page.locator("#import-state")).to_contain_text(told)

    done("Verify", "Waiting to be verified", "Verified, ready to be imported")
    expect(page.get_by_role("table", name="New members")).to_contain_text("grace")
    assert acme.api.read("members")["total"] == 1
    done("Import", "Being imported", "Imported")
    assert acme.api.read("members")["total"] == 2


def test_who_is_invited_accepts_by_the_link(
    acme: Portal, window: Window, open_console: Opener, letters: Letters
) -> None:
    """In a window of their own they choose a password, sign in, and see who administers; they are active then."""
    page = window.go("/members/new")
    page.get_by_label("First name").fill("Grace")
    page.get_by_label("Last name").fill("Hopper")
    page.get_by_label("E-mail address").fill("grace@invited.example")
    page.get_by_label("Language", exact=True).select_option("en")
    page.get_by_role("checkbox", name="Order Management").check()
    expect(page.get_by_label("Invite by e-mail")).to_be_checked()
    press(page, "Save")
    assert "an invitation is on its way" in window.text()
    grace = page.url.rpartition("/")[2]
    (letter,) = letters.to("grace@invited.example")
    (link,) = LINK.findall(letter.get_content())
    enter(page, "Invitations")
    assert "Grace Hopper" in window.text()

    theirs = open_console(acme, language="en")
    theirs.page.goto(link)
    expect(theirs.page.get_by_label("E-mail address")).not_to_be_editable()
    theirs.page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    theirs.page.get_by_label("The same password again").fill(PASSWORD)
    press(theirs.page, "Accept the invitation")
    assert "Welcome. Sign in to go on." in theirs.text()
    theirs.page.get_by_label("E-mail address or user name").fill("grace@invited.example")
    theirs.page.get_by_label("Password").fill(PASSWORD)
    press(theirs.page, "Sign in")
    expect(theirs.page.get_by_role("heading", level=1)).to_have_text("My profile")
    assert acme.state(grace) == "active"
    assert acme.may(grace, "orders:read")
    refused = theirs.page.goto(f"{theirs.base}/members")
    assert refused is not None
    assert refused.status == 403
    expect(part(theirs.page, "Your administrators")).to_contain_text("@example.com")
    theirs.page.goto(link)
    expect(theirs.page.get_by_role("button", name="Accept the invitation")).to_have_count(0)


def test_teams_suspension_history_and_settings(acme: Portal, window: Window) -> None:
    """A team with a sub-team, a member put there and suspended; the history tells of it, and settings are saved."""
    ada = acme.member("ada", "order-management")
    page = window.page
    enter(page, "Teams")
    page.get_by_role("link", name="New team").first.click()
    page.get_by_label("Name").fill("Paris")
    press(page, "New team")
    follow(page, "New sub-team")
    page.get_by_label("Name").fill("Accounts")
    press(page, "New team")
    page.get_by_label("E-mail addresses or user names").fill(name_of(acme, ada))
    press(page, "Add members")
    assert "1 member is added." in window.text()
    enter(page, "Teams")
    expect(page.locator("main li", has_text="Paris").first.locator("li")).to_have_text("Accounts")

    window.go(f"/members/{ada}")
    expect(part(page, "Teams and customer groups")).to_contain_text("Accounts")
    press(page, "Suspend")
    assert "Suspended: the access and all sessions have ended." in window.text()
    assert not acme.may(ada, "orders:read")
    press(page, "Restore the access")
    assert acme.may(ada, "orders:read")

    follow(page, "Whole history of this member")
    done = page.get_by_role("rowheader")
    assert {"Suspended a member", "Restored a member", "Created a member"} <= set(done.all_inner_texts())
    page.get_by_label("What was done").select_option("Suspended a member")
    press(page, "Show")
    expect(done).to_have_text(["Suspended a member"])

    enter(page, "Settings")
    page.get_by_label("Name").fill("Acme and sons")
    page.get_by_label("Contact mailbox").fill("help@acme.example")
    page.get_by_label("Time zone").select_option("Europe/Paris")
    press(page, "Save")
    assert "The settings are saved." in window.text()
    expect(page.get_by_role("link", name="Acme and sons")).to_be_visible()
    whole = acme.api.read("")
    assert (whole["name"], whole["time_zone"]) == ("Acme and sons", "Europe/Paris")


def test_an_identity_provider_is_connected(acme: Portal, window: Window) -> None:
    """The wizard makes the connection, its token is shown once, and the check turns green with the first request."""
    page = window.page
    page.clock.install()
    enter(page, "Identity providers")
    follow(page, "Connect another")
    page.get_by_role("radio", name="Microsoft Entra ID").check()
    page.get_by_label("Name of the connection").fill("Our people")
    press(page, "Make the connection")
    expect(page.get_by_role("heading", level=1)).to_have_text("Set up Our people")
    press(page, "Issue the token")
    token, address = page.locator("#token").inner_text(), page.locator("#scim-url").inner_text()
    assert token.startswith(TOKEN_BEGINS)
    check = part(page, "Does it call?")
    expect(check).to_contain_text("No request has come yet.")

    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False) as provider:
        assert provider.get(f"{address}/Users?count=1").status_code == 200
    page.clock.fast_forward(5_000)
    expect(check).to_contain_text("It works: the identity provider has called")
    expect(page.locator("#token")).to_have_text(token)
    window.page.goto(page.url)
    expect(check).to_contain_text("It works")
    assert token not in page.content()
    follow(page, "See its requests and errors")
    expect(page.get_by_role("table", name="Tokens that work").locator("tbody tr")).to_have_count(1)
    assert token not in page.content()


def test_the_operator_approves_a_hand_over(
    app: Flask, acme: Portal, admin: str, window: Window, open_console: Opener
) -> None:
    """The administrator asks with a signed letter; the operator signs in by a token, reads it and approves."""
    ada = acme.member("ada")
    page = window.page
    window.go("/hand-over")
    page.get_by_label("E-mail address or user name of who gets the seat").fill(name_of(acme, ada))
    page.get_by_label("Reason, for the operator to read").fill("I leave.")
    page.get_by_label("Evidence, such as a signed letter").set_input_files(LETTER)
    press(page, "Ask for the hand-over")
    assert "The hand-over is asked for." in window.text()
    assert [each["id"] for each in acme.api.read("seat")["administrators"]] == [admin]

    operator = open_console(acme, language="en")
    theirs = operator.page
    slug = acme.organization.slug
    theirs.goto(f"{operator.url}/console/operator")
    theirs.get_by_label("Token").fill(api_client(app, "operator").token)
    press(theirs, "Sign in")
    theirs.get_by_label("Name or short name begins with").fill(slug)
    press(theirs, "Search")
    theirs.get_by_role("row", name=slug).get_by_role("link", name="A hand-over waits").click()
    expect(theirs.locator("main")).to_contain_text("I leave.")
    with theirs.expect_download() as download:
        theirs.get_by_role("link", name="Download letter.pdf").click()
    assert download.value.path().read_bytes() == LETTER["buffer"]
    theirs.get_by_label("Note to the organization").fill("Seen, and believed.")
    press(theirs, "Approve")
    assert "The hand-over is approved." in operator.text()
    assert [each["id"] for each in acme.api.read("seat")["administrators"]] == [ada]
    press(theirs, "Sign out")
    theirs.goto(f"{operator.url}/console/operator/hand-overs")
    expect(theirs.get_by_role("heading", name="Sign in as operator")).to_be_visible()
    refused = page.goto(f"{window.base}/settings")
    assert refused is not None
    assert refused.status == 403
