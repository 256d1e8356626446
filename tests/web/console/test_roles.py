"""The pages of roles, and of the administrator's seat."""

import io
import re

import pytest
from flask import Flask

from tests.databases import only_postgresql
from tests.directory import new_client
from tests.portals import Portal, as_operator, portal
from tests.web.console.pages import Pages, administrator, signed_in

# What a page shows depends on no database; tests/web/console/test_every_page.py opens each on either.
pytestmark = only_postgresql

SEAT = "delegated-administrator"


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app)


@pytest.fixture
def installers(app: Flask) -> Portal:
    """An organization that makes roles of its own."""
    return portal(app, "assigned-orders")


@pytest.fixture
def contacts(app: Flask) -> Portal:
    """An organization with one administrator, whom the operator validates."""
    return portal(app, "contacts")


def seated(contacts: Portal) -> str:
    """Give an organization its one administrator, as the operator."""
    admin = contacts.member("admin")
    role = contacts.roles()["administrator"]
    answer = as_operator(contacts).post(f"groups/{role}/members", {"members": [admin]})
    assert answer.status_code == 204, answer.text
    return admin


def name_of(on: Portal, member: str) -> str:
    """Return the user name of a member."""
    return str(on.api.read(f"members/{member}")["attributes"]["userName"])


def new_role(pages: Pages, name: str, *permissions: str, **scopes: str) -> str:
    """Make a role and return its id."""
    form = {"name": name, "permission": list(permissions), **scopes}
    page = pages.done("/roles/new", form)
    assert name in page
    return pages.portal.roles()[name]


def test_the_matrix_says_what_each_role_allows_and_how_far(installers: Portal) -> None:
    """In words, beside what who has no role may do, and who may give what."""
    page = administrator(installers).read("/roles")
    assert "(no role)" in page
    assert "Who has no role may do nothing but sign in." in page
    row = re.search(r">Installer</a></th>(.*?)</tr>", page, re.DOTALL)
    assert row
    assert "What is assigned to them" in row[1]
    assert "The whole organization" not in row[1]
    assert "Who has it may give every role to others." in page
    assert "Follows only the orders assigned to them" in page
    assert "1 member" in page


def test_the_base_is_part_of_every_role(delegated: Portal) -> None:
    """So the matrix shows what a holder may do, not what the role adds."""
    page = administrator(delegated).read("/roles")
    row = re.search(r">Quotation Management</a></th>(.*?)</tr>", page, re.DOTALL)
    assert row
    assert row[1].count("The whole organization") == 4


def test_who_reads_members_sees_roles_without_forms(app: Flask, delegated: Portal) -> None:
    """Who may not even read the members is sent to an administrator."""
    administrator(delegated)
    assert signed_in(delegated, delegated.member("ada")).get("/roles").status_code == 403
    archive = portal(app, "assigned-orders")
    boss = administrator(archive)
    new_role(boss, "Reader", "members:read")
    reader = signed_in(archive, archive.member("ben", archive.roles()["Reader"]))
    page = reader.read("/roles")
    assert "New role" not in page
    role = archive.roles()["Reader"]
    assert "Change the role" not in reader.read(f"/roles/{role}")
    assert "administrator's seat" not in reader.read(f"/roles/{archive.roles()['administrator']}")
    for path in ("/roles/new", f"/roles/{role}/change", f"/roles/{role}/delete"):
        assert reader.post(path, {"name": "Mine", "permission": "orders:read"}, of="/roles").status_code == 403


def test_where_a_portal_has_no_own_roles_none_is_made(delegated: Portal) -> None:
    """Neither shown nor taken; nor are the portal's own roles changed or deleted."""
    pages = administrator(delegated)
    assert "/roles/new" not in pages.read("/roles")
    assert pages.get("/roles/new").status_code == 409
    refused = pages.post("/roles/new", {"name": "Mine", "permission": "orders:read"}, of="/roles")
    assert refused.status_code == 409
    assert "Mine" not in delegated.roles()
    role = delegated.roles()["order-management"]
    for path in (f"/roles/{role}/change", f"/roles/{role}/delete"):
        assert pages.get(path).status_code == 409
        assert pages.post(path, {"name": "Mine", "confirmed": "1"}, of="/roles").status_code == 409


def test_a_role_of_ones_own_has_what_was_ticked(installers: Portal) -> None:
    """With the scope that was chosen; a name that is taken is told on the form, which keeps what was typed."""
    pages = administrator(installers)
    assert "scope.orders:read" in pages.read("/roles/new")
    assert "scope.members:manage" not in pages.read("/roles/new")
    new_role(pages, "Fitter", "orders:read", "prices:read", **{"scope.orders:read": "assigned"})
    ben = installers.member("ben", installers.roles()["Fitter"])
    assert installers.permissions(ben) == {"orders:read": "assigned", "prices:read": "organization"}
    again = pages.post("/roles/new", {"name": "Fitter", "permission": "invoices:read"})
    assert again.status_code == 409
    assert "Another one has this name already." in again.text
    assert re.search(r'value="invoices:read" checked', again.text)
    assert pages.post("/roles/new", {"name": " ", "permission": "invoices:read"}).status_code == 400
    assert pages.post("/roles/new", {"name": "Other", "permission": "no:such"}).status_code == 400


def test_own_roles_come_page_by_page(installers: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """After those of the portal, which the first page has."""
    monkeypatch.setattr("scim_server.web.console.roles.OWN_ROLES_SHOWN", 2)
    pages = administrator(installers)
    for name in "abcd":
        installers.group(f"Own {name}", "role", permissions={"orders:read": "assigned"})
    page = pages.read("/roles")
    found = re.search(r'rel="next" href="([^"]+)"', page)
    assert found
    shown = [re.findall(r"#role-[^>]+>([^<]+)</a>", each) for each in (page, pages.http.get(found[1]).text)]
    assert shown == [["Account administrator", "Installer", "Sales", "Own a", "Own b"], ["Own c", "Own d"]]


def test_a_role_that_is_too_broad_is_made_once_that_was_read(installers: Portal) -> None:
    """The warning stands before the role does, and stays on its page."""
    pages = administrator(installers)
    every = ["members:manage", "members:read", "orders:read", "orders:create", "orders:assign", "prices:read"]
    form = {"name": "All", "permission": [*every, "invoices:read"]}
    asked = pages.post("/roles/new", form)
    assert asked.status_code == 200
    assert "this role has every permission of the portal" in asked.text
    assert "All" not in installers.roles()
    page = pages.done("/roles/new", {**form, "confirmed": "1"})
    assert "this role has every permission of the portal" in page


def test_a_change_of_a_role_is_shown_person_by_person_first(installers: Portal) -> None:
    """What it gives and takes; nothing has changed until it is confirmed."""
    pages = administrator(installers)
    role = new_role(pages, "Fitter", "orders:read")
    ada, ben = installers.member("ada", role), installers.member("ben", role, access="none")
    form = {"name": "Fitter", "permission": ["orders:read", "prices:read"], "scope.orders:read": "assigned"}
    review = pages.post(f"/roles/{role}/change", form)
    assert review.status_code == 200
    assert ada in review.text
    assert ben not in review.text
    for said in ("Follow orders (What is assigned to them)", "See prices (", "Follow orders (The whole organization)"):
        assert said in review.text
    assert installers.permissions(ada) == {"orders:read": "organization"}
    pages.done(f"/roles/{role}/change", {**form, "confirmed": "1"})
    assert installers.permissions(ada) == {"orders:read": "assigned", "prices:read": "organization"}
    # A new name gives nothing: it is written at once.
    assert "Fitters" in pages.done(f"/roles/{role}/change", {**form, "name": "Fitters"})


def test_a_change_that_breaks_a_rule_is_refused_before_it_is_shown(installers: Portal) -> None:
    """Nobody gains by a role that they change."""
    admin = installers.member("admin", "administrator")
    pages = signed_in(installers, admin)
    role = new_role(pages, "Managers", "members:manage", "members:read")
    manager = signed_in(installers, installers.member("ada", role))
    form = {"name": "Managers", "permission": ["members:manage", "members:read", "prices:read"]}
    for more in ({}, {"confirmed": "1"}):
        refused = manager.post(f"/roles/{role}/change", {**form, **more})
        assert refused.status_code == 403
        assert "you may not give prices:read" in refused.text


def test_the_end_of_a_role_is_shown_person_by_person_first(installers: Portal) -> None:
    """Who had it keeps nothing of it."""
    pages = administrator(installers)
    role = new_role(pages, "Fitter", "orders:read")
    ada = installers.member("ada", role)
    page = pages.read(f"/roles/{role}/delete")
    assert ada in page
    assert "Follow orders (The whole organization)" in page
    assert installers.permissions(ada) == {"orders:read": "organization"}
    assert "The role is deleted." in pages.done(f"/roles/{role}/delete", {})
    assert installers.permissions(ada) == {}


def test_the_page_of_a_role_lists_who_has_it(delegated: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a team too, page by page; of another organization it shows nothing."""
    monkeypatch.setattr("scim_server.web.console.roles.HOLDERS_SHOWN", 2)
    pages = administrator(delegated)
    role = delegated.roles()["order-management"]
    members = [delegated.member(f"m{number}", "order-management") for number in range(2)]
    team = delegated.group("Sales")
    delegated.add(role, team)
    members.append(delegated.member("through"))
    delegated.add(team, members[-1])
    page = pages.read(f"/roles/{role}")
    assert "3 members" in page
    found = re.search(r'rel="next" href="([^"]+)"', page)
    assert found
    following = pages.http.get(found[1]).text
    shown = [member for member in members if member in page]
    assert sorted(shown + [member for member in members if member in following]) == sorted(members)
    other = portal(delegated.app)
    assert pages.get(f"/roles/{other.roles()['order-management']}").status_code == 404
    assert pages.get("/roles/none").status_code == 404


def test_an_administrator_names_who_stands_in(delegated: Portal) -> None:
    """Not themselves, nor somebody without access; the warning goes with it."""
    admin = delegated.member("admin", SEAT)
    pages = signed_in(delegated, admin)
    role = delegated.roles()[SEAT]
    warning = "there is no deputy: the organization is in recovery"
    assert warning in pages.read(f"/roles/{role}")
    deputy, contact = delegated.member("dora"), delegated.member("carl", access="none")
    page = pages.done(f"/roles/{role}/deputy", {"deputy": name_of(delegated, deputy)}, of=f"/roles/{role}")
    assert warning not in page
    assert delegated.api.read("seat")["deputy"]["id"] == deputy
    for name, status in ((name_of(delegated, admin), 403), (name_of(delegated, contact), 409), ("nobody", 400)):
        refused = pages.post(f"/roles/{role}/deputy", {"deputy": name}, of=f"/roles/{role}")
        assert refused.status_code == status
        assert f'value="{name}"' in refused.text
    pages.done(f"/roles/{role}/deputy", {"deputy": ""}, of=f"/roles/{role}")
    assert delegated.api.read("seat")["deputy"] is None


def test_the_seat_is_handed_over_with_evidence(contacts: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator decides; until then it can be withdrawn, and given its evidence."""
    for module in ("actions.hand_overs", "web.console.seat"):
        monkeypatch.setattr(f"scim_server.{module}.MAX_EVIDENCE_BYTES", 1_000)
    admin = seated(contacts)
    pages = signed_in(contacts, admin)
    role, heir = contacts.roles()["administrator"], contacts.member("hera")
    assert "The operator of the portal validates who has it." in pages.read(f"/roles/{role}")
    form = {"to": name_of(contacts, heir), "from": admin, "reason": "She leaves.\r\nHe stays."}
    asked = pages.done("/hand-over", {**form, "evidence": (io.BytesIO(b"%PDF I agree"), "letter.pdf")})
    assert "letter.pdf" in asked
    assert "A hand-over is open" in pages.read(f"/roles/{role}")
    assert pages.post("/hand-over", form).status_code == 409
    first = contacts.api.read("seat")["request"]["id"]
    pages.done(f"/hand-over/{first}/withdraw", of="/hand-over")
    assert "was withdrawn on" in pages.read(f"/roles/{role}")
    pages.done("/hand-over", form)
    second = contacts.api.read("seat")["request"]["id"]
    assert pages.post(f"/hand-over/{second}/evidence", {}, of="/hand-over").status_code == 400
    large = (io.BytesIO(b"x" * 1_001), "large.pdf")
    assert pages.post(f"/hand-over/{second}/evidence", {"evidence": large}, of="/hand-over").status_code == 400
    letter = (io.BytesIO(b"%PDF I agree"), "letter.pdf")
    pages.done(f"/hand-over/{second}/evidence", {"evidence": letter}, of="/hand-over")
    assert as_operator(contacts).post(f"hand-overs/{second}/approve", {}).status_code == 200
    assert "members:manage" in contacts.permissions(heir)


def test_a_hand_over_says_what_is_wrong_with_it(contacts: Portal) -> None:
    """The form comes back with what was typed."""
    admin = seated(contacts)
    pages = signed_in(contacts, admin)
    heir = name_of(contacts, contacts.member("hera"))
    for form, status in (
        ({"to": "nobody@example.com", "from": admin, "reason": "Why"}, 400),
        ({"to": heir, "from": admin, "reason": " "}, 400),
        ({"to": name_of(contacts, admin), "from": admin, "reason": "Why"}, 409),
    ):
        refused = pages.post("/hand-over", form)
        assert refused.status_code == status
        assert f'value="{form["to"]}"' in refused.text


def test_who_may_ask_for_the_seat(contacts: Portal) -> None:
    """While somebody has it, they alone; once it is lost, every member with access."""
    admin, ben = seated(contacts), contacts.member("ben")
    pages = signed_in(contacts, ben)
    form = {"to": name_of(contacts, ben), "reason": "She left."}
    assert pages.get("/hand-over").status_code == 403
    assert "/hand-over" not in pages.get("/roles").text
    assert pages.post("/hand-over", form).status_code == 403
    provider = new_client(contacts.app, organization=contacts.organization)
    gone = provider.patch(f"/Users/{admin}", {"op": "replace", "path": "active", "value": False})
    assert gone.status_code == 200
    assert "/hand-over" in pages.get("/roles").text
    assert "A hand-over is open" in pages.done("/hand-over", form)
    other = portal(contacts.app, "contacts")
    foreign = signed_in(other, seated(other))
    request = contacts.api.read("seat")["request"]["id"]
    assert foreign.post(f"/hand-over/{request}/withdraw", of="/hand-over").status_code == 404
