"""What members do for themselves."""

import re

import pytest
from flask import Flask

from scim_server.web.console import member_rights
from tests.api import errors_of
from tests.databases import only_postgresql
from tests.directory import new_client
from tests.portals import Portal, portal
from tests.web.console.pages import PASSWORD, give_password, signed_in, visitor
from tests.web.console.test_member import attributes, shown_form, validated

# What a page shows depends on no database; tests/web/console/test_every_page.py opens each on either.
pytestmark = only_postgresql

CHOSEN = "a password that was chosen"


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose members change their name, telephone and language."""
    return portal(app)


def signs_in(on: Portal, member: str, password: str) -> bool:
    """Return whether a member signs in with a password."""
    form = {"name": attributes(on, member)["userName"], "password": password}
    return visitor(on).post("/sign-in", form).status_code == 303


def test_members_change_what_the_portal_leaves_to_them(delegated: Portal) -> None:
    """The form has these fields and no other; another that is sent is refused."""
    ada = delegated.member("ada")
    pages = signed_in(delegated, ada)
    form = shown_form(pages, "/profile")
    assert {"name.givenName", "phoneNumbers"} <= set(form)
    assert not {"emails", "title", "userName"} & set(form)
    text = pages.done("/profile", {**form, "name.familyName": "King", "preferredLanguage": "en"}, of="/profile")
    assert "Saved." in text
    now = attributes(delegated, ada)
    assert (now["name"]["familyName"], now["preferredLanguage"]) == ("King", "en")  # type: ignore[index]
    for sent in ({"title": "Countess"}, {"emails": "eve@example.com"}, {"userName": "eve"}):
        version = shown_form(pages, "/profile")["version"]
        assert pages.post("/profile", {"version": version, **sent}).status_code == 403
    assert attributes(delegated, ada)["title"] == "Engineer"


def test_contacts_ask_the_administrator(app: Flask) -> None:
    """3.15, 3.16: They change nothing of their own, and see who does; the administrator changes theirs (3.13)."""
    contacts = portal(app, "contacts")
    ada, admin = contacts.member("ada", "buyer"), validated(contacts)
    pages = signed_in(contacts, ada)
    text = pages.read("/profile")
    assert "What you can change" not in text
    assert "Your administrators" in text
    assert re.search(r"mailto:admin-\d+@example.com", text)
    assert "Place orders" in text
    assert "Because of the role" in text
    version = re.findall(r"\d+", contacts.api.get(f"members/{ada}").headers["ETag"])[0]
    refused = pages.post("/profile", {"title": "Countess", "version": version}, of="/profile")
    assert refused.status_code == 403
    assert "ask an administrator: " in refused.text
    assert attributes(contacts, ada)["title"] == "Engineer"
    form = shown_form(admin, "/profile")
    assert "name.givenName" not in form
    assert "Your administrators" not in admin.read("/profile")
    admin.done("/profile", {**form, "title": "Director"})


def test_a_provisioned_member_reads_their_profile(app: Flask, delegated: Portal) -> None:
    """It says who keeps the record; there is nothing to change here, nor a password, and none is taken."""
    entra = new_client(app, delegated.organization, connection="Entra ID")
    name, emails = {"givenName": "Ada", "familyName": "King"}, [{"value": "ada@example.com"}]
    ada = entra.new_user(name=name, emails=emails, phoneNumbers=[{"value": "+33 1"}])
    pages = signed_in(delegated, ada)
    text = pages.read("/profile")
    assert "Managed by Entra ID since" in text
    assert "What you can change" not in text
    assert "Change my password" not in text
    version = re.findall(r"\d+", delegated.api.get(f"members/{ada}").headers["ETag"])[0]
    refused = pages.post("/profile", {"phoneNumbers": "+33 2", "version": version}, of="/profile")
    assert refused.status_code == 409
    form = {"present": PASSWORD, "password": CHOSEN, "again": CHOSEN}
    assert pages.post("/profile/password", form).status_code == 409


def test_the_present_password_is_asked_for(delegated: Portal) -> None:
    """4.14: A wrong one, a short one, or one typed otherwise the second time changes nothing."""
    ada = delegated.member("ada")
    pages, other = signed_in(delegated, ada), signed_in(delegated, ada)
    right = {"present": PASSWORD, "password": CHOSEN, "again": CHOSEN}
    for wrong in ({"present": "no"}, {"password": "short", "again": "short"}, {"again": "typed otherwise"}):
        refused = pages.post("/profile/password", {**right, **wrong})
        assert refused.status_code == 400
        assert CHOSEN not in refused.text
    assert signs_in(delegated, ada, PASSWORD)
    assert "signed out everywhere else" in pages.done("/profile/password", right)
    assert signs_in(delegated, ada, CHOSEN)
    assert not signs_in(delegated, ada, PASSWORD)
    assert other.get("/profile").status_code == 303
    assert pages.get("/profile").status_code == 200


def test_a_password_is_not_guessed_in_an_open_session(delegated: Portal) -> None:
    """After ten tries of the present one, the right one waits too."""
    pages = signed_in(delegated, delegated.member("ada"))
    form = {"present": "a guess", "password": CHOSEN, "again": CHOSEN}
    for _ in range(10):
        assert pages.post("/profile/password", form).status_code == 400
    assert pages.post("/profile/password", {**form, "present": PASSWORD}).status_code == 429


def test_a_password_sent_for_a_member_is_long_enough(delegated: Portal) -> None:
    """Through the API too, where the portal acts for the member."""
    ada = delegated.member("ada")
    give_password(delegated, ada)
    acting = delegated.acting(ada)
    assert "12" in str(errors_of(acting.patch(f"members/{ada}", {"password": "p"})))
    assert signs_in(delegated, ada, PASSWORD)
    assert acting.patch(f"members/{ada}", {"password": CHOSEN}).status_code == 200
    assert signs_in(delegated, ada, CHOSEN)


def test_members_end_their_other_sessions(delegated: Portal) -> None:
    """Each with its browser, and this one named; those of others are not reached."""
    ada, ben = delegated.member("ada"), delegated.member("ben")
    pages, second, third = (signed_in(delegated, ada) for _ in range(3))
    other = signed_in(delegated, ben)
    text = pages.read("/sessions")
    assert text.count("this one") == 1
    own = re.findall(r"/sessions/([0-9a-f-]{36})/end", text)
    assert len(own) == 2
    assert other.post(f"/sessions/{own[0]}/end", of="/profile").status_code == 404
    pages.done(f"/sessions/{own[0]}/end", of="/sessions")
    assert sorted(each.get("/profile").status_code for each in (second, third)) == [200, 303]
    pages.done("/sessions/end-others", of="/sessions")
    assert [each.get("/profile").status_code for each in (second, third)] == [303, 303]
    assert pages.get("/profile").status_code == other.get("/profile").status_code == 200


def test_members_see_what_is_assigned_to_them(app: Flask) -> None:
    """4.12: Theirs, and that of their groups; not what others follow."""
    orders = portal(app, "assigned-orders")
    jean, paul, team = orders.member("jean", "poseur"), orders.member("paul", "poseur"), orders.group("North")
    orders.add(team, jean)
    for named, assignee in (("order:1", jean), ("order:2", team), ("order:3", paul)):
        orders.api.post("assignments", {"object": named, "assignees": [assignee]})
    pages = signed_in(orders, jean)
    text = pages.read("/profile")
    assert "order 1" in text
    assert "order 2" in text
    assert "order 3" not in text
    assert 'rel="next"' not in text


def test_many_assignments_are_paged(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page leads to the next one, and back to the first."""
    monkeypatch.setattr(member_rights, "ASSIGNMENTS_SHOWN", 2)
    orders = portal(app, "assigned-orders")
    jean = orders.member("jean", "poseur")
    for number in range(3):
        orders.api.post("assignments", {"object": f"order:{number}", "assignees": [jean]})
    pages = signed_in(orders, jean)
    first = pages.read("/profile")
    following = re.search(r'rel="next" href="[^"]*/profile([^"]+)"', first)
    assert following
    second = pages.read(f"/profile{following[1]}")
    assert ("order 2" in first, "order 2" in second, "order 1" in second) == (False, True, False)
    assert "First page" in second


def test_members_see_what_they_have_agreed_to(app: Flask) -> None:
    """2.9: Each document with its version and the time."""
    technicians = portal(app, "customer-groups")
    text = signed_in(technicians, technicians.member("ben", "technician")).read("/profile")
    assert "Consent declaration, version 1, on" in text
    assert "Not complete" in text
