"""The list of members: looked through, edited in place, changed by several at once, and added to."""

import re
from typing import Any

import pytest
from flask import Flask

from scim_server.actions import member_rows
from scim_server.web.console import members as members_module
from tests.databases import only_postgresql
from tests.directory import NOBODY, new_client, unique
from tests.portals import Portal, portal
from tests.web.console.pages import Pages, administrator, administrator_role, signed_in

# What a page shows depends on no database; tests/web/console/test_every_page.py opens each on either.
pytestmark = only_postgresql


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose members may have several roles."""
    return portal(app)


@pytest.fixture
def contacts(app: Flask) -> tuple[Portal, Pages]:
    """An organization with a table of contacts, and the pages of its one administrator."""
    made = portal(app, "contacts", scope="operator")
    return made, signed_in(made, made.member("admin", "administrator"))


def _row(page: str, member: str) -> str:
    """Return a row of the list."""
    found = re.search(rf'<tr id="member-{member}".*?</tr>', page, re.DOTALL)
    assert found, page
    return found[0]


def _named(on: Portal, first: str, last: str, *roles: str, access: str = "grant", **more: Any) -> str:
    user_name = unique(first.lower())
    whole = {"userName": user_name, "name": {"givenName": first, "familyName": last}}
    attributes = {**whole, "emails": [{"value": f"{user_name}@example.com"}], **more}
    return str(on.api.made("members", {"attributes": attributes, "roles": list(roles), "access": access})["id"])


def _shown(page: str, **members: str) -> set[str]:
    return {name for name, member in members.items() if f'id="member-{member}"' in page}


def test_a_list_is_searched_narrowed_and_sorted_by_its_address(delegated: Portal) -> None:
    """By the beginnings of names and addresses, by role, team, state and origin."""
    ada = _named(delegated, "Ada", "Lovelace", "order-management")
    grace = _named(delegated, "Grace", "Hopper", access="none")
    team = delegated.group("Sales")
    delegated.add(team, grace)
    people = {"ada": ada, "grace": grace}
    role = delegated.roles()["order-management"]
    pages = administrator(delegated)
    for query, found in {
        "": {"ada", "grace"},
        "?search=LOVE": {"ada"},
        "?search=love+ad": {"ada"},
        "?search=love+gra": set(),
        "?search=hop&role=": {"grace"},
        f"?role={role}": {"ada"},
        f"?team={team}": {"grace"},
        f"?team={team}&search=ada": set(),
        "?state=contact": {"grace"},
        "?origin=local": {"ada", "grace"},
        f"?origin={NOBODY}": set(),
        "?state=nonsense&sort=nonsense&after=nonsense": {"ada", "grace"},
    }.items():
        assert _shown(pages.read(f"/members{query}"), **people) == found, query
    page = pages.read("/members")
    assert page.index(grace) < page.index(ada)  # Hopper before Lovelace.
    assert "No member is found by this." in pages.read("/members?search=nobody")
    assert "Contact: 1" in page
    assert "Order Management" in _row(page, ada) or "Order management" in _row(page, ada)


def test_pages_of_the_list_have_everybody_once(delegated: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link to the next page leads on, with the filters that there are; the first page is one link away."""
    monkeypatch.setattr(members_module, "LIMIT", 2)
    pages = administrator(delegated)
    people = {_named(delegated, "Ada", f"Name{number}") for number in range(5)}
    seen: list[str] = []
    path = "/members?search=name"
    for _ in range(3):
        page = pages.read(path)
        seen += re.findall(r'<tr id="member-([^"]+)"', page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        if found is None:
            break
        path = found[1].removeprefix(pages.base)
    assert len(seen) == len(set(seen)) == 5
    assert set(seen) == people
    assert "First page" in page


def test_the_list_is_for_who_may_read_members(delegated: Portal, contacts: tuple[Portal, Pages]) -> None:
    """Who may not is told whom to ask; who may read them and no more gets no form."""
    on, pages = contacts
    plain = signed_in(on, on.member("ben"))
    assert plain.get("/members").status_code == 403
    ada = delegated.member("ada")
    for path in ("/members/new", "/members/bulk", f"/members/{ada}/row"):
        assert signed_in(delegated, ada).get(path).status_code == 403
    assert 'form="selected"' in pages.read("/members")


def test_nothing_of_another_organization_is_reached(app: Flask, delegated: Portal) -> None:
    """Neither by a filter nor by an id in a form."""
    other = portal(app)
    stranger, team = other.member("eve"), other.group("Spies")
    other.add(team, stranger)
    pages = administrator(delegated)
    for query in (f"?team={team}", f"?edit={stranger}", "?search=eve"):
        page = pages.read(f"/members{query}")
        assert "Spies" not in page
        assert f"member-{stranger}" not in page
    answer = pages.post(f"/members/{stranger}/row", {"version": "1", "title": "Spy"}, of="/members")
    assert answer.status_code == 404
    answer = pages.post("/members/bulk", {"member": stranger, "change": "suspend", "confirm": "yes"}, of="/members")
    assert answer.status_code == 303
    assert other.state(stranger) == "active"
    assert pages.post("/members/bulk", {"member": stranger, "change": f"team:{team}"}, of="/members").status_code == 404


def test_a_row_is_edited_in_place(contacts: tuple[Portal, Pages]) -> None:
    """Contact details, function, web profile and contact roles; the name is frozen, and cancelling changes nothing."""
    on, pages = contacts
    ada = _named(on, "Ada", "Lovelace", "consultation", emails=[{"value": "a@example.com", "type": "work"}])
    page = pages.read(f"/members?edit={ada}&search=love")
    row = _row(page, ada)
    assert 'name="familyName"' not in row
    assert 'data-cancel="row-cancel"' in row
    assert "search=love" in row
    version = re.search(r'name="version" value="(\d+)"', row)
    assert version
    buyer = on.roles()["buyer"]
    form = {
        "version": version[1],
        "email": "ada@example.com",
        "phone": "1 23",
        "title": "Countess",
        "hasRole": "1",
        "role": buyer,
        "hasContactRoles": "1",
        "contactRoles": ["invoice-contact"],
    }
    done = pages.done(f"/members/{ada}/row?search=love", form, of=f"/members?edit={ada}")
    assert "The changes are saved." in done
    assert "Invoice contact" in _row(done, ada)
    assert "Buyer" in _row(done, ada)
    kept = on.api.read(f"members/{ada}")["attributes"]
    assert kept["emails"] == [{"value": "ada@example.com", "type": "work"}]
    assert kept["phoneNumbers"] == [{"value": "1 23"}]
    assert kept["title"] == "Countess"
    assert kept["name"]["familyName"] == "Lovelace"


def test_two_who_edit_a_row_do_not_overwrite_each_other(contacts: tuple[Portal, Pages]) -> None:
    """The one who saves last is told, and nothing is written."""
    on, pages = contacts
    ada = on.member("ada")
    page = f"/members?edit={ada}"
    version = re.search(r'name="version" value="(\d+)"', pages.read(page))
    assert version
    form = {"version": version[1], "email": "ada@example.com", "phone": "1", "title": "First"}
    pages.done(f"/members/{ada}/row", form, of=page)
    answer = pages.post(f"/members/{ada}/row", {**form, "title": "Second"}, of=page)
    assert answer.status_code == 412
    assert "Somebody else has changed this member" in answer.text
    assert on.api.read(f"members/{ada}")["attributes"]["title"] == "First"


def test_what_is_missing_in_a_row_is_said(contacts: tuple[Portal, Pages]) -> None:
    """What was typed stays in the form, and a frozen name is refused however it is sent."""
    on, pages = contacts
    ada = on.member("ada")
    page = f"/members?edit={ada}"
    answer = pages.post(f"/members/{ada}/row", {"version": "1", "email": "", "title": "Typed"}, of=page)
    assert answer.status_code == 400
    assert "Fill in: E-mail address." in answer.text
    assert 'value="Typed"' in answer.text
    version = re.search(r'name="version" value="(\d+)"', pages.read(page))
    assert version
    answer = pages.post(f"/members/{ada}/row", {"version": version[1], "familyName": "Byron"}, of=page)
    assert answer.status_code == 400
    assert "name cannot be changed" in answer.text


def test_whom_an_identity_provider_manages_has_no_edit_link(delegated: Portal, app: Flask) -> None:
    """It says who manages them, and since when; a form that is sent anyway is refused."""
    client = new_client(app, delegated.organization, "Entra ID", "entra")
    ada = client.new_user(
        unique("ada"), name={"familyName": "Byron", "givenName": "Ada"}, emails=[{"value": "a@b.example"}]
    )
    pages = administrator(delegated)
    row = _row(pages.read(f"/members?edit={ada}"), ada)
    assert "Managed by Entra ID since" in row
    assert "Edit" not in row
    assert pages.post(f"/members/{ada}/row", {"version": "1", "title": "X"}, of="/members").status_code == 409
    assert _shown(pages.read(f"/members?origin={client.connection.id}"), ada=ada) == {"ada"}
    assert not _shown(pages.read("/members?origin=local"), ada=ada)


def test_a_change_of_several_is_shown_person_by_person_first(delegated: Portal) -> None:
    """The preview changes nothing; the confirmation changes those who can be, and counts the others."""
    ada, ben = delegated.member("ada"), delegated.member("ben", access="none")
    pages = administrator(delegated)
    form = {"member": [ada, ben, NOBODY], "change": "suspend"}
    preview = pages.post("/members/bulk", form, of="/members")
    assert preview.status_code == 200
    assert "Active becomes Suspended" in preview.text
    assert preview.text.count("Cannot be changed:") == 2
    assert f'name="member" value="{ben}"' not in preview.text
    assert delegated.state(ada) == "active"
    done = pages.done("/members/bulk", {**form, "confirm": "yes"}, of="/members")
    assert "1 member is changed." in done
    assert "2 members stay as they were." in done
    assert delegated.state(ada) == "suspended"
    assert delegated.state(ben) == "contact"


def test_several_join_a_team_and_get_a_role(delegated: Portal) -> None:
    """Roles that they have already stay."""
    ada, ben = delegated.member("ada", "order-management"), delegated.member("ben")
    team, role = delegated.group("Sales"), delegated.roles()["quotation-management"]
    pages = administrator(delegated)
    form = {"member": [ada, ben], "confirm": "yes"}
    pages.done("/members/bulk", {**form, "change": f"team:{team}"}, of="/members")
    pages.done("/members/bulk", {**form, "change": f"role:{role}"}, of="/members")
    assert {each["id"] for each in delegated.api.read(f"groups/{team}/members")["items"]} == {ada, ben}
    assert {each["key"] for each in delegated.api.read(f"members/{ada}/roles")["roles"]} == {
        "order-management",
        "quotation-management",
    }


def test_no_change_of_several_goes_round_the_rules(
    delegated: Portal, contacts: tuple[Portal, Pages], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody suspends themselves, what the portal has not is not done, and only so many are changed at once."""
    pages = administrator(delegated)
    me = re.search(r'<tr id="member-([^"]+)"', pages.read("/members?search=admin"))
    assert me
    preview = pages.post("/members/bulk", {"member": me[1], "change": "suspend"}, of="/members")
    assert "nobody changes their own access" in preview.text
    for change in ("archive", "nonsense", ""):
        done = pages.done("/members/bulk", {"member": me[1], "change": change, "confirm": "yes"}, of="/members")
        assert "This cannot be done to several members at once here." in done
    assert "Nobody is selected." in pages.done("/members/bulk", {"change": "suspend"}, of="/members")
    assert 'value="archive"' not in pages.read("/members")
    _, contact_pages = contacts
    assert "role:" not in contact_pages.read("/members")
    assert member_rows.MAX_AT_ONCE <= 100


def test_a_new_member_has_what_the_portal_asks_for(delegated: Portal) -> None:
    """What is missing is said with what was typed; who is added is invited as the form says."""
    pages = administrator(delegated)
    page = pages.read("/members/new")
    assert "SMS" not in page
    assert "Invite by e-mail" in page
    mail = f"{unique('grace')}@example.com"
    answer = pages.post("/members/new", {"givenName": "Grace", "email": mail})
    assert answer.status_code == 400
    assert "Fill in: Last name." in answer.text
    assert f'value="{mail}"' in answer.text
    role = delegated.roles()["order-management"]
    form = {"givenName": "Grace", "familyName": "Hopper", "email": mail, "phone": "1", "role": role, "access": "invite"}
    answer = pages.post("/members/new", form)
    assert answer.status_code == 303
    grace = answer.headers["Location"].rpartition("/")[2]
    kept = delegated.api.read(f"members/{grace}")
    assert (kept["state"], kept["attributes"]["userName"], kept["managed_by"]) == ("invited", mail, None)
    assert kept["attributes"]["displayName"] == "Grace Hopper"
    assert [each["key"] for each in delegated.api.read(f"members/{grace}/roles")["roles"]] == ["order-management"]
    again = pages.post("/members/new", form)
    assert again.status_code == 409
    assert f"There is a member with the user name {mail} already." in again.text


def test_a_new_member_gets_access_as_the_portal_has_it(app: Flask) -> None:
    """Automatic, separate or by invitation, where nothing else is chosen; no role of the seat that is validated."""
    for name, access, state in (("contacts", "grant", "active"), ("archive", "none", "contact")):
        on = portal(app, name, scope="operator")
        pages = signed_in(on, on.member("admin", administrator_role(on)))
        page = pages.read("/members/new")
        assert re.search(rf'value="{access}" checked', page)
        form = {"givenName": "Ada", "familyName": "Byron", "email": f"{unique('a')}@example.com"}
        made = pages.post("/members/new", form)
        assert on.state(made.headers["Location"].rpartition("/")[2]) == state
        if name == "contacts":
            assert on.roles()["administrator"] not in page
            assert 'type="radio" id="role-' in page


def test_an_address_of_elsewhere_is_advised_against(app: Flask) -> None:
    """The form says which addresses are the company's, and so does the page after it; nothing is refused."""
    on = portal(app, "assigned-orders")
    pages = administrator(on)
    assert "Prefer an address of the company (example.com)" in pages.read("/members/new")
    form = {"givenName": "A", "familyName": "B", "email": f"{unique('a')}@mail.example", "phone": "1"}
    assert "Prefer an address of the company" in pages.done("/members/new", form)


def test_a_role_is_made_with_the_member_or_not_at_all(app: Flask) -> None:
    """Where the portal lets organizations make their own; of a member who is refused, no role is left."""
    on = portal(app, "assigned-orders")
    pages = administrator(on)
    mail = f"{unique('a')}@example.com"
    who = {"givenName": "A", "familyName": "B", "email": mail, "phone": "1", "role": "new"}
    form = {**who, "permission": "orders:read", "scope.orders:read": "assigned"}
    assert "Fill in: Name of the role." in pages.post("/members/new", form).text
    name = on.api.read("members")["items"][0]["attributes"]["userName"]
    taken = pages.post("/members/new", {**form, "roleName": "Fitter", "userName": name})
    assert taken.status_code == 409
    assert 'value="Fitter"' in taken.text
    assert "Fitter" not in on.roles()
    made = pages.post("/members/new", {**form, "roleName": "Fitter"})
    member = made.headers["Location"].rpartition("/")[2]
    assert [each["display"] for each in on.api.read(f"members/{member}/roles")["roles"]] == ["Fitter"]
    again = pages.post("/members/new", {**form, "roleName": "Fitter", "email": f"{unique('b')}@example.com"})
    assert again.status_code == 409
    assert "Another one has this name already." in again.text
    everything = list(on.organization.store.portals["assigned-orders"].permissions)
    broad = {**form, "email": f"{unique('c')}@example.com", "roleName": "All", "permission": everything}
    assert "a role for what its holders do is safer" in pages.done("/members/new", broad)
    delegated = portal(app)
    refused = administrator(delegated).post("/members/new", {**form, "roleName": "Fitter"})
    assert refused.status_code == 409
    assert "Fitter" not in delegated.roles()
