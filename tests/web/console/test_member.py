"""One member's page, and what administrators do with a member there."""

import re
from dataclasses import replace
from html import unescape

import pytest
from flask import Flask

from scim_server.store.deliveries import list_deliveries
from scim_server.store.session import begin
from scim_server.web.console import member_forms
from tests.databases import only_postgresql
from tests.directory import NOBODY, new_client
from tests.portals import Portal, as_operator, portal
from tests.web.console.pages import Pages, administrator, administrator_role, give_password, signed_in

# What a page shows depends on no database; tests/web/console/test_every_page.py opens each on either.
pytestmark = only_postgresql

INVOICES, ORDERS = "invoice-management", "order-management"


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app)


@pytest.fixture
def pages(delegated: Portal) -> Pages:
    """The pages of an administrator of it."""
    return administrator(delegated)


def validated(contacts: Portal) -> Pages:
    """Return the pages of an administrator whom the operator has validated."""
    return signed_in(contacts, replace(contacts, api=as_operator(contacts)).member("admin", "administrator"))


def shown_form(pages: Pages, path: str) -> dict[str, str]:
    """Return the text fields of the form of a page, as they are shown."""
    found = re.findall(r'<input[^>]*name="([^"]+)" value="([^"]*)"', pages.read(path))
    return {name: unescape(value) for name, value in found if name != "csrf_token"}


def deliveries(on: Portal) -> list[tuple[str, str]]:
    """Return what is to be sent, and to whom."""
    with begin(on.organization.store, on.organization.operator, write=False) as tenant:
        return [(each.kind, each.subject) for each in list_deliveries(tenant, after="", limit=100)]


def attributes(on: Portal, member: str) -> dict[str, object]:
    """Return the attributes of a member."""
    found = on.api.read(f"members/{member}")["attributes"]
    assert isinstance(found, dict)
    return found


def test_the_page_says_who_they_are_and_why_they_may(delegated: Portal, pages: Pages) -> None:
    """Each permission is a sentence with the role it came by, the team between, and since when."""
    ada = delegated.member("ada", ORDERS)
    team = delegated.group("FIN-FR")
    delegated.add(team, ada)
    delegated.add(delegated.roles()[INVOICES], team)
    text = pages.read(f"/members/{ada}")
    assert "Dr" in text
    assert "+33 1 23 45 67 89" in text
    assert "Because of the role Order Management, given since" in text
    assert "Because of the role Invoice Management, through the team FIN-FR, since" in text
    assert "Every member has it." in text
    assert "Invoice Management, through FIN-FR" in text
    assert "See invoices" in text
    assert re.search(r"Report builder: not yet available", text)
    assert re.search(r"E-shop: opens", text)
    assert f"/history?resource={ada}" in text


def test_a_provisioned_member_is_changed_where_they_come_from(app: Flask, delegated: Portal, pages: Pages) -> None:
    """The page says who manages the record and since when, and what came by a mapping; no form changes them."""
    entra = new_client(app, delegated.organization, connection="Entra ID")
    ada = entra.new_user(name={"givenName": "Ada"}, emails=[{"value": "ada@example.com"}])
    group = entra.new_group("FIN-FR", members=[ada])
    wanted = {"connection": "Entra ID", "source": "group", "value": group, "group": delegated.roles()[INVOICES]}
    delegated.api.made("mappings", wanted)
    text = pages.read(f"/members/{ada}")
    assert "Managed by Entra ID since" in text
    assert "through the group FIN-FR, from the connection Entra ID, since" in text
    assert f"/members/{ada}/edit" not in text
    assert pages.get(f"/members/{ada}/edit").status_code == 403
    assert pages.post(f"/members/{ada}/edit", {"title": "x", "version": "1"}, of="/profile").status_code == 403
    assert "title" not in attributes(delegated, ada)


def test_an_administrator_edits_a_member(delegated: Portal, pages: Pages) -> None:
    """What repeats the name follows it, other values stay, and an empty field unassigns."""
    emails = [{"value": "ada@home.example", "type": "home"}, {"value": "ada@work.example", "primary": True}]
    ada = delegated.member("ada", emails=emails, displayName="Ada Lovelace")
    form = shown_form(pages, f"/members/{ada}/edit")
    form |= {"name.familyName": "King", "emails": "king@work.example", "title": "", "addresses.locality": "London"}
    assert "Saved." in pages.done(f"/members/{ada}/edit", form)
    now = attributes(delegated, ada)
    assert now["name"]["familyName"] == "King"  # type: ignore[index]
    assert "title" not in now
    assert [each["value"] for each in now["emails"]] == ["ada@home.example", "king@work.example"]  # type: ignore[attr-defined]
    assert now["addresses"] == [{"primary": True, "locality": "London"}]


def test_two_who_edit_at_once_do_not_overwrite_each_other(delegated: Portal, pages: Pages) -> None:
    """The second is told, keeps what was typed, and may save it again."""
    ada = delegated.member("ada")
    form = shown_form(pages, f"/members/{ada}/edit")
    delegated.api.patch(f"members/{ada}", {"attributes": {"title": "Countess"}})
    refused = pages.post(f"/members/{ada}/edit", {**form, "nickName": "Enchantress"})
    assert refused.status_code == 412
    assert "Somebody else has changed this member" in refused.text
    assert 'value="Enchantress"' in refused.text
    assert attributes(delegated, ada)["title"] == "Countess"
    assert pages.post(f"/members/{ada}/edit", {"nickName": "x"}).status_code == 412


def test_a_frozen_name_is_neither_offered_nor_taken(app: Flask) -> None:
    """Where the portal freezes it, the form has no field for it, and one that is sent is refused."""
    contacts = portal(app, "contacts")
    ada = contacts.member("ada")
    pages = validated(contacts)
    form = shown_form(pages, f"/members/{ada}/edit")
    assert "name.givenName" not in form
    refused = pages.post(f"/members/{ada}/edit", {**form, "name.givenName": "Eve"})
    assert refused.status_code == 400
    assert "frozen" in refused.text
    contact_roles = "urn:scim-server:params:scim:schemas:extension:member:1.0:User.contactRoles"
    pages.done(f"/members/{ada}/edit", {**form, contact_roles: "order-contact"})
    assert "Contact for" in pages.read(f"/members/{ada}")
    assert "Order contact" in pages.read(f"/members/{ada}")


def test_roles_change_on_confirm_alone(delegated: Portal, pages: Pages) -> None:
    """1.16: Looking at the form changes nothing; what somebody else has given meanwhile stays."""
    ada = delegated.member("ada", ORDERS)
    roles = delegated.roles()
    form = pages.read(f"/members/{ada}/roles")
    assert form.count('type="checkbox"') == len(roles)
    assert f'name="was" value="{roles[ORDERS]}"' in form
    delegated.api.send("PUT", f"members/{ada}/roles", {"roles": [ORDERS, "quotation-management"]})
    sent = {"was": [roles[ORDERS]], "role": [roles[INVOICES]]}
    pages.done(f"/members/{ada}/roles", sent)
    held = {each["key"] for each in delegated.api.read(f"members/{ada}/roles")["roles"]}
    assert held == {INVOICES, "quotation-management"}


def test_one_role_each_is_a_choice_of_one(app: Flask) -> None:
    """Where the portal gives one role each, "no role" is one of the choices, and two are refused."""
    orders = portal(app, "assigned-orders")
    pages, jean = administrator(orders), orders.member("jean", "poseur")
    roles = orders.roles()
    assert 'type="radio"' in pages.read(f"/members/{jean}/roles")
    assert pages.post(f"/members/{jean}/roles", {"role": [roles["poseur"], roles["commercial"]]}).status_code == 409
    pages.done(f"/members/{jean}/roles", {"role": roles["commercial"]})
    assert [each["key"] for each in orders.api.read(f"members/{jean}/roles")["roles"]] == ["commercial"]
    pages.done(f"/members/{jean}/roles", {"role": ""})
    assert orders.api.read(f"members/{jean}/roles")["roles"] == []


def test_the_seat_of_one_administrator_is_not_given_by_a_form(app: Flask) -> None:
    """3.11: The operator validates who has it: it is not offered, and refused when sent."""
    contacts = portal(app, "contacts")
    pages, ben = validated(contacts), contacts.member("ben")
    role = contacts.roles()[administrator_role(contacts)]
    assert role not in pages.read(f"/members/{ben}/roles")
    assert pages.post(f"/members/{ben}/roles", {"role": role}).status_code == 409


def test_nobody_changes_their_own_roles_or_access(delegated: Portal) -> None:
    """Their own page has no form for it, and what is sent is refused."""
    ada = delegated.member("ada", administrator_role(delegated))
    delegated.member("ben", administrator_role(delegated))
    pages = signed_in(delegated, ada)
    text = pages.read(f"/members/{ada}")
    assert "This is you." in text
    assert "/suspend" not in text
    assert pages.get(f"/members/{ada}/roles").status_code == 403
    for path in ("suspend", "archive", "delete", "access"):
        assert pages.post(f"/members/{ada}/{path}", of="/profile").status_code == 403, path
    assert pages.post(f"/members/{ada}/roles", {"role": ""}, of="/profile").status_code == 403


def test_who_only_reads_sees_no_form(app: Flask) -> None:
    """With members:read there are lists and no buttons; without it, the administrators to ask."""
    orders = portal(app, "assigned-orders")
    orders.group("Lecteur", "role", permissions={"members:read": "organization"})
    reader = orders.member("reader", orders.roles()["Lecteur"])
    jean = orders.member("jean", "poseur")
    pages = signed_in(orders, reader)
    text = pages.read(f"/members/{jean}")
    assert text.count("<form") == 1  # The sign-out.
    assert "Last changes" not in text
    for path in ("suspend", "archive", "delete", "edit", "roles", "groups", "password-link", "sign-out", "hand-over"):
        assert pages.post(f"/members/{jean}/{path}", of="/profile").status_code == 403, path
    assert orders.state(jean) == "active"
    assert signed_in(orders, jean).get(f"/members/{reader}").status_code == 403


def test_teams_and_customer_groups_are_ticked(app: Flask) -> None:
    """2.13: The boxes are what they are in; a role is given as one, and not by this form."""
    technicians = portal(app, "customer-groups")
    pages, ben = administrator(technicians), technicians.member("ben", "technician")
    north, south = (technicians.group(name, "customerGroup") for name in ("North", "South"))
    team = technicians.group("Night shift")
    technicians.add(south, ben)
    pages.done(f"/members/{ben}/groups", {"was": [south], "group": [north, team]})
    direct = {each["display"] for each in technicians.api.read(f"members/{ben}/permissions")["customer_groups"]}
    assert direct == {"North"}
    assert "Night shift" in pages.read(f"/members/{ben}")
    role = technicians.roles()["administrator"]
    assert pages.post(f"/members/{ben}/groups", {"group": [role]}).status_code == 404
    assert "South" in pages.read(f"/members/{ben}/groups?q=sou")
    assert "Night shift" not in pages.read(f"/members/{ben}/groups?q=sou")


def test_groups_that_are_not_shown_stay(delegated: Portal, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are more than a page holds, a search finds them, and the form changes those that it shows."""
    monkeypatch.setattr(member_forms, "GROUPS_SHOWN", 1)
    ada, (east, west) = delegated.member("ada"), (delegated.group(name) for name in ("East", "West"))
    delegated.add(west, ada)
    text = pages.read(f"/members/{ada}/groups")
    assert ("East" in text, "West" in text, "search by name" in text) == (True, False, True)
    pages.done(f"/members/{ada}/groups", {"group": [east]})
    assert {each["display"] for each in delegated.api.read(f"members/{ada}")["groups"]} == {"East", "West"}


def test_a_role_too_great_to_give_is_not_offered(app: Flask) -> None:
    """Who may manage members alone gives no more than they have: neither by the form, nor by giving access again."""
    orders = portal(app, "assigned-orders")
    orders.member("boss", "administrator")
    orders.group("Gestion", "role", permissions={"members:manage": "organization", "members:read": "organization"})
    roles = orders.roles()
    pages, jean = signed_in(orders, orders.member("eve", roles["Gestion"])), orders.member("jean")
    form = pages.read(f"/members/{jean}/roles")
    assert (roles["Gestion"] in form, roles["commercial"] in form) == (True, False)
    assert pages.post(f"/members/{jean}/roles", {"role": roles["commercial"]}).status_code == 403
    sales = orders.member("sales", "commercial")
    orders.api.post(f"members/{sales}/suspend")
    assert f"/members/{sales}/restore" not in pages.read(f"/members/{sales}")
    assert pages.post(f"/members/{sales}/restore", of="/profile").status_code == 403


def test_an_address_outside_the_company_is_marked(app: Flask) -> None:
    """4.16: A warning on the page, where the portal advises it."""
    orders = portal(app, "assigned-orders")
    pages = administrator(orders)
    jean = orders.member("jean", emails=[{"value": "jean@home.example"}])
    assert "the address is not of the company (example.com)" in pages.read(f"/members/{jean}")


def test_suspending_is_a_switch(delegated: Portal, pages: Pages) -> None:
    """1.20: One button, and the other one where it was."""
    ada = delegated.member("ada")
    text = pages.done(f"/members/{ada}/suspend", of=f"/members/{ada}")
    assert "Restore the access" in text
    assert delegated.state(ada) == "suspended"
    assert "Suspended</span>" in text
    pages.done(f"/members/{ada}/restore", of=f"/members/{ada}")
    assert delegated.state(ada) == "active"


def test_an_invitation_is_sent_again_and_revoked(delegated: Portal, pages: Pages) -> None:
    """4.10: What has become of it is shown; SMS is offered nowhere (1.18)."""
    ada = delegated.member("ada", access="none")
    text = pages.read(f"/members/{ada}")
    assert "Invite by e-mail" in text
    assert "Give access" not in text
    assert "SMS" not in text
    assert "about to be sent" in pages.done(f"/members/{ada}/invite", of=f"/members/{ada}")
    assert ("invitation", ada) in deliveries(delegated)
    pages.done(f"/members/{ada}/invite", of=f"/members/{ada}")
    assert "revoked" in pages.done(f"/members/{ada}/invitation/revoke", of=f"/members/{ada}")
    assert delegated.state(ada) == "contact"


def test_access_is_given_by_itself(app: Flask) -> None:
    """3.6, 5.3: To a contact who has none; the link for a password is sent."""
    archive = portal(app, "archive")
    pages, ada = administrator(archive), archive.member("ada", access="none")
    text = pages.read(f"/members/{ada}")
    assert "Give access" in text
    assert "Invite by e-mail" not in text
    pages.done(f"/members/{ada}/access", of=f"/members/{ada}")
    assert archive.state(ada) == "active"
    assert ("password_reset", ada) in deliveries(archive)


def test_a_password_link_is_sent_five_times_an_hour(delegated: Portal, pages: Pages) -> None:
    """3.7: The sixth waits, and says so."""
    ada = delegated.member("ada")
    give_password(delegated, ada)
    for _ in range(5):
        pages.done(f"/members/{ada}/password-link", of=f"/members/{ada}")
    refused = pages.post(f"/members/{ada}/password-link", of=f"/members/{ada}")
    assert refused.status_code == 429
    assert "5 times in an hour" in refused.text


def test_signing_out_everywhere_ends_the_sessions(delegated: Portal, pages: Pages) -> None:
    """The access stays."""
    ada = delegated.member("ada")
    other = signed_in(delegated, ada)
    assert "Sign out everywhere" in pages.read(f"/members/{ada}")
    pages.done(f"/members/{ada}/sign-out", of=f"/members/{ada}")
    assert other.get("/profile").status_code == 303
    assert delegated.state(ada) == "active"


def test_who_leaves_hands_over_first(app: Flask) -> None:
    """5.11: Archiving says how much is open, asks for who takes over, and does it all at once."""
    archive = portal(app, "archive")
    pages, ada, ben = administrator(archive), archive.member("ada"), archive.member("ben")
    archive.api.post("assignments", {"object": "order:4711", "assignees": [ada]})
    form = pages.read(f"/members/{ada}/archive")
    assert "1 open assignment goes" in form
    assert pages.post(f"/members/{ada}/archive", {"successor": ""}).status_code == 409
    assert pages.post(f"/members/{ada}/archive", {"successor": "nobody"}).status_code == 400
    assert archive.state(ada) == "active"
    pages.done(f"/members/{ada}/archive", {"successor": str(attributes(archive, ben)["userName"])})
    assert archive.state(ada) == "archived"
    assert "order 4711" in pages.read(f"/members/{ben}")


def test_assignments_are_handed_over(app: Flask) -> None:
    """4.11: All that is open goes to another member, who is named by their address."""
    orders = portal(app, "assigned-orders")
    pages, jean, paul = administrator(orders), orders.member("jean", "poseur"), orders.member("paul", "poseur")
    orders.api.post("assignments", {"object": "order:1", "assignees": [jean]})
    orders.api.post("assignments", {"object": "order:2", "assignees": [jean]})
    assert pages.post(f"/members/{jean}/hand-over", {"successor": ""}).status_code == 400
    address = attributes(orders, paul)["emails"][0]["value"]  # type: ignore[index]
    text = pages.done(f"/members/{jean}/hand-over", {"successor": address})
    assert "2 assignments are handed over." in text
    assert "order 2" in pages.read(f"/members/{paul}")


def test_nobody_is_deleted_where_the_portal_archives(app: Flask) -> None:
    """5.10: It is not offered and refused; who was archived is erased on request, with their name typed."""
    archive = portal(app, "archive")
    pages, ada = administrator(archive), archive.member("ada")
    assert f"/members/{ada}/delete" not in pages.read(f"/members/{ada}")
    assert pages.get(f"/members/{ada}/delete").status_code == 403
    assert pages.post(f"/members/{ada}/delete", of="/profile").status_code == 403
    assert pages.post(f"/members/{ada}/erase", of="/profile").status_code == 403
    pages.done(f"/members/{ada}/archive")
    name = str(attributes(archive, ada)["userName"])
    assert pages.post(f"/members/{ada}/erase", {"confirm": "ada"}).status_code == 400
    pages.done(f"/members/{ada}/erase", {"confirm": name})
    assert attributes(archive, ada) == {"userName": f"erased-{ada}"}


def test_deleting_for_good_takes_the_typed_name(app: Flask) -> None:
    """4.8, 4.17: Suspending is offered first; without the userName, nothing is deleted."""
    orders = portal(app, "assigned-orders")
    pages, jean = administrator(orders), orders.member("jean", "poseur")
    form = pages.read(f"/members/{jean}/delete")
    assert "Suspend instead" in form
    assert pages.post(f"/members/{jean}/delete", {"confirm": "jean"}).status_code == 400
    pages.done(f"/members/{jean}/delete", {"confirm": str(attributes(orders, jean)["userName"])})
    assert orders.api.get(f"members/{jean}").status_code == 404


def test_a_removal_is_confirmed(delegated: Portal, pages: Pages) -> None:
    """1.19: The page says what will happen; only its button does it."""
    ada = delegated.member("ada")
    other = signed_in(delegated, ada)
    assert "This cannot be undone." in pages.read(f"/members/{ada}/delete")
    assert delegated.state(ada) == "active"
    pages.done(f"/members/{ada}/delete")
    assert delegated.api.get(f"members/{ada}").status_code == 404
    assert other.get("/profile").status_code == 303


def test_the_last_administrator_stays(app: Flask) -> None:
    """The confirmation names the way out instead of a button, and what is sent is refused with it."""
    orders = portal(app, "assigned-orders")
    boss = orders.member("boss", "administrator")
    orders.group("Gestion", "role", permissions={"members:manage": "organization", "members:read": "organization"})
    pages = signed_in(orders, orders.member("eve", orders.roles()["Gestion"]))
    for path in ("archive", "delete"):
        text = pages.read(f"/members/{boss}/{path}")
        assert "is the last administrator with access" in text
        assert '<button class="btn btn-danger"' not in text
    confirm = {"confirm": str(attributes(orders, boss)["userName"])}
    for path in ("archive", "delete", "suspend"):
        refused = pages.post(f"/members/{boss}/{path}", confirm, of="/profile")
        assert refused.status_code == 409
        assert "name a deputy" in refused.text
    assert orders.state(boss) == "active"


def test_nothing_of_another_organization_is_reached(app: Flask, pages: Pages) -> None:
    """Its members are not found, by their id or by none that could be."""
    other = portal(app)
    ada, team = other.member("ada"), other.group("Sales")
    for member in (ada, NOBODY, "nobody", "%00"):
        for path in ("", "/edit", "/roles", "/groups", "/archive", "/delete", "/erase", "/hand-over"):
            assert pages.get(f"/members/{member}{path}").status_code == 404, (member, path)
    for path in ("suspend", "restore", "invite", "access", "password-link", "sign-out", "edit", "roles", "groups"):
        form = {"role": NOBODY, "group": team, "title": "Owned"}
        assert pages.post(f"/members/{ada}/{path}", form, of="/profile").status_code == 404, path
        for nobody in ("nobody", "%00"):
            assert pages.post(f"/members/{nobody}/{path}", {"title": "x"}, of="/profile").status_code == 404, path
    own = pages.portal.member("ben")
    assert pages.post(f"/members/{own}/roles", {"role": "\0"}).status_code == 400
    assert pages.post(f"/members/{own}/groups", {"group": team}).status_code == 404
    assert other.state(ada) == "active"
    assert replace(pages, portal=other).get(f"/members/{ada}").status_code == 303
