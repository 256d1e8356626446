"""The settings of the organization."""

import re
from typing import Any

import pytest
from flask import Flask

from tests.databases import only_postgresql
from tests.portals import Portal, portal
from tests.web.api.test_seat import asked, decided
from tests.web.console.pages import Pages, administrator, signed_in

# What a page shows depends on no database; tests/web/console/test_every_page.py opens each on either.
pytestmark = only_postgresql


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app)


def only_administrator(contacts: Portal) -> Pages:
    """Return the pages of the one administrator, whom the operator has validated."""
    admin = contacts.member("admin")
    assert decided(contacts, asked(contacts.api, admin)).status_code == 200
    return signed_in(contacts, admin)


def form_of(pages: Pages, **changes: Any) -> dict[str, Any]:
    """Return what the form of the settings sends, with changes."""
    page = pages.read("/settings")
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version
    sent = {"name": "Acme", "time_zone": "UTC", "language": "fr", "contact_email": "", "version": version[1]}
    return {**sent, **changes}


def test_settings_are_changed(delegated: Portal) -> None:
    """The name, the time zone, the default language, and the mailbox, which is left empty again."""
    pages = administrator(delegated)
    changes = {"time_zone": "Europe/Paris", "contact_email": "portal@example.com"}
    assert "The settings are saved." in pages.done("/settings", form_of(pages, **changes))
    read = delegated.api.read("")
    assert (read["name"], read["time_zone"], read["language"]) == ("Acme", "Europe/Paris", "fr")
    assert read["contact_email"] == "portal@example.com"
    pages.done("/settings", form_of(pages))
    assert delegated.api.read("")["contact_email"] is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": " "}, "the name must have 1 to 200 characters"),
        ({"name": "a\x07b"}, "no control characters"),
        ({"time_zone": "Mars/Olympus"}, "choose one of what is offered"),
        ({"language": "de"}, "choose one of what is offered"),
        ({"contact_email": "nobody"}, "is no e-mail address"),
        ({"version": ""}, "open the page again"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(delegated: Portal, wrong: dict[str, str], said: str) -> None:
    """Nothing is changed of it."""
    pages = administrator(delegated)
    before = delegated.api.read("")
    answer = pages.post("/settings", form_of(pages, **{"name": "Typed here", **wrong}))
    assert answer.status_code == 400
    assert said in answer.text
    assert "name" in wrong or 'value="Typed here"' in answer.text
    assert delegated.api.read("") == before


def test_nobody_undoes_what_they_did_not_see(delegated: Portal) -> None:
    """A form from before another's change is refused."""
    pages = administrator(delegated)
    form = form_of(pages)
    delegated.api.patch("", {"name": "Changed meanwhile"})
    assert pages.post("/settings", form).status_code == 412
    assert delegated.api.read("")["name"] == "Changed meanwhile"


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("delegated", "There can be as many as you like."),
        ("customer-groups", "A permission can be limited to the customer groups"),
        ("contacts", "The name of a person does not change"),
        ("assigned-orders", "you can make roles of your own"),
        ("archive", "Nobody is ever deleted"),
    ],
)
def test_the_rules_of_the_portal_are_said_in_words(app: Flask, profile: str, said: str) -> None:
    """They are shown and not changed here."""
    on = portal(app, profile)
    pages = only_administrator(on) if profile == "contacts" else administrator(on)
    page = pages.read("/settings")
    assert said in page
    assert 'name="portal"' not in page


def test_administrators_and_warnings_of_the_seat_are_shown(app: Flask) -> None:
    """With links to who has it and to the role; what is to be minded is said."""
    archive = portal(app, "archive")
    pages = administrator(archive)
    page = pages.read("/settings")
    assert "at least two administrators are advised" in page
    assert "there is no deputy" in page
    (admin,) = archive.api.read("seat")["administrators"]
    assert f"/members/{admin['id']}" in page
    assert any(f"/roles/{role}" in page for role in archive.roles().values())
