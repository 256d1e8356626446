"""S1, my.daikin.be: delegated administrators give each employee their rights, and have none to the business."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from scim2_models import UnauthorizedException

from tests.api import errors_of, problem_of
from tests.directory import new_client, unique
from tests.portals import ActingClient, Portal, as_operator, portal
from tests.seeds.letters import Letters, accept, address_of, is_signed_in, signed_in

ADMINISTRATOR = "delegated-administrator"
INVOICES = "invoice-management"
QUOTATIONS = {"quotations:read"}
ORDERS = QUOTATIONS | {"orders:read"}
TO_INVOICES = ORDERS | {"invoices:read"}
BUSINESS = TO_INVOICES | {"balance:read", "reports:read"}
BASIC = {"documentation:read", "software:use", "support:create"}


@pytest.fixture
def delegated(app: Flask, letters: Letters) -> Portal:
    """An organization whose administrators are delegated."""
    del letters  # Letters begin with those of the test.
    return portal(app, "delegated")


def administered(on: Portal) -> tuple[str, ActingClient]:
    """Make an administrator; return their id, and what they do."""
    member = on.member("admin", ADMINISTRATOR)
    return member, on.acting(member)


def set_roles(acting: Any, member: str, *roles: str, **headers: str) -> Any:
    """Give a member these roles alone, and return the answer."""
    return acting.send("PUT", f"members/{member}/roles", {"roles": list(roles)}, **headers)


def employee(name: str, **more: Any) -> dict[str, Any]:
    """Return the attributes of an employee to invite."""
    address = f"{unique(name)}@example.com"
    whole = {"givenName": name.title(), "familyName": "Lovelace"}
    return {"userName": address, "emails": [{"value": address}], "name": whole, **more}


def test_a_company_manages_its_own_employees_alone(delegated: Portal) -> None:
    """1.1: Nobody of another company is there for its administrator, whoever asks for them."""
    admin, acting = administered(delegated)
    other = portal(delegated.app, "delegated")
    stranger = other.member()
    assert {each["id"] for each in acting.read("members")["items"]} == {admin}
    assert acting.get(f"members/{stranger}").status_code == 404
    assert set_roles(acting, stranger, INVOICES).status_code == 404
    elsewhere = replace(as_operator(other), http=delegated.app.test_client())
    assert elsewhere.get("members").status_code == 200
    assert elsewhere.get("members", On_Behalf_Of=admin).status_code in (403, 404)
    assert other.permissions(stranger).keys() == BASIC


def test_administrators_are_designated_and_change_profiles(delegated: Portal) -> None:
    """1.2, 1.4: One makes another, who changes an employee's name, address and profile, and sees it changed."""
    _, acting = administered(delegated)
    second, ada = delegated.member("second"), delegated.member("ada")
    changes = {
        "attributes": {
            "name": {"givenName": "Augusta", "familyName": "King", "honorificPrefix": "Lady"},
            "emails": [{"value": "augusta@example.com", "primary": True}],
            "title": "Countess",
        }
    }
    assert delegated.acting(second).patch(f"members/{ada}", changes).status_code == 403
    assert set_roles(acting, second, ADMINISTRATOR).status_code == 200
    assert delegated.acting(second).patch(f"members/{ada}", changes).status_code == 200
    attributes = acting.read(f"members/{ada}")["attributes"]
    assert {name: attributes[name] for name in changes["attributes"]} == changes["attributes"]


def test_an_employee_is_given_access(delegated: Portal, letters: Letters) -> None:
    """1.3: By an invitation, once it is accepted; or by the company's identity provider, at once."""
    _, acting = administered(delegated)
    attributes = employee("ada")
    made = acting.made("members", {"attributes": attributes})
    assert made["state"] == "invited"
    assert delegated.permissions(made["id"]) == {}
    assert accept(delegated, letters.link(attributes["userName"])).status_code == 200
    assert delegated.permissions(made["id"]).keys() == BASIC
    assert signed_in(delegated, attributes["userName"])
    scim = new_client(delegated.app, delegated.organization)
    assert delegated.permissions(scim.new_user("grace@example.com", active=True)).keys() == BASIC


def test_functions_nest_and_administration_is_beside_them(delegated: Portal) -> None:
    """1.8, 1.9, 1.10, 1.11, 1.12, 1.13: What each role gives beside basic access, which no role takes away."""
    given: dict[str, set[str]] = {
        ADMINISTRATOR: {"members:manage", "members:read"},
        "account-balance": BUSINESS,
        INVOICES: TO_INVOICES,
        "order-management": ORDERS,
        "quotation-management": QUOTATIONS,
    }
    assert delegated.roles().keys() == given.keys()
    for role, permissions in given.items():
        assert delegated.permissions(delegated.member("ada", role)).keys() == BASIC | permissions, role
    empty = delegated.member("empty")
    assert delegated.api.read(f"members/{empty}/roles")["roles"] == []
    assert delegated.permissions(empty).keys() == BASIC
    # All but the Admin Console, which alone is beside the others.
    (profile,) = [each for each in delegated.api.read("/portals")["items"] if each["name"] == "delegated"]
    assert profile["permissions"].keys() - BASIC - BUSINESS == given[ADMINISTRATOR]


def test_an_administrator_may_see_no_invoice(delegated: Portal) -> None:
    """1.8: Nor gains it by what administrators can do, although they give it to others."""
    admin, acting = administered(delegated)
    ada = delegated.member("ada")
    assert set_roles(acting, ada, INVOICES).status_code == 200
    assert set_roles(acting, admin, ADMINISTRATOR, INVOICES).status_code == 403
    joined = acting.post(f"groups/{delegated.roles()[INVOICES]}/members", {"members": [admin]})
    assert joined.status_code == 403
    assert not any(delegated.may(admin, each) for each in BUSINESS)
    assert delegated.may(ada, "invoices:read")


def test_one_function_is_given_to_one_employee(delegated: Portal) -> None:
    """1.5: Invoices to one of accounting, and to nobody beside them."""
    _, acting = administered(delegated)
    accountant, colleague = delegated.member("accountant"), delegated.member("colleague")
    assert set_roles(acting, accountant, INVOICES).status_code == 200
    assert delegated.may(accountant, "invoices:read")
    assert not delegated.may(colleague, "invoices:read")
    assert not delegated.may(accountant, "balance:read")
    assert [each["id"] for each in acting.walk(f"members?group={delegated.roles()[INVOICES]}")] == [accountant]


def test_a_change_holds_at_the_next_request(delegated: Portal, letters: Letters) -> None:
    """1.6: Rights that are given or taken, by hand or by an identity provider, and the end of access."""
    _, acting = administered(delegated)
    second = delegated.member("second", ADMINISTRATOR)
    assert delegated.acting(second).get("members").status_code == 200
    assert set_roles(acting, second, INVOICES).status_code == 200
    assert delegated.acting(second).get("members").status_code == 403
    assert delegated.may(second, "invoices:read")
    assert set_roles(acting, second).status_code == 200
    assert not delegated.may(second, "invoices:read")
    scim = new_client(delegated.app, delegated.organization)
    address = f"{unique('grace')}@example.com"
    grace = scim.new_user(address, password="correct horse battery staple")
    session = signed_in(delegated, address)
    assert is_signed_in(delegated, session)
    scim.patch(f"/Users/{grace}", {"op": "replace", "path": "active", "value": False})
    assert not is_signed_in(delegated, session)
    assert delegated.permissions(grace) == {}
    assert letters.to(address) == []


@pytest.mark.parametrize("role", ["account-balance", None])
def test_only_administrators_add_and_remove_members(delegated: Portal, role: str | None) -> None:
    """1.14: Whatever else somebody may; they are told whom to ask, and nothing is changed."""
    admin, _ = administered(delegated)
    ada, bob = delegated.member("ada", *filter(None, [role])), delegated.member("bob")
    acting = delegated.acting(ada)
    name = delegated.api.read(f"members/{admin}")["attributes"]["userName"]
    before = delegated.api.read(f"members/{bob}")
    for method, place, body in (
        ("POST", "members", {"attributes": employee("eve"), "roles": []}),
        ("PATCH", f"members/{bob}", {"attributes": {"title": "Gone"}}),
        ("PATCH", f"members/{bob}", {"active": False}),
        ("DELETE", f"members/{bob}", None),
        ("POST", f"members/{bob}/suspend", None),
        ("POST", f"members/{bob}/invitation", None),
        ("PUT", f"members/{bob}/roles", {"roles": [INVOICES]}),
        ("POST", f"groups/{delegated.roles()[INVOICES]}/members", {"members": [bob]}),
    ):
        assert f"ask an administrator: {name}" in problem_of(acting.send(method, place, body), 403)["detail"]
    assert delegated.api.read(f"members/{bob}") == before
    assert delegated.api.read("members")["total"] == 3


def test_the_list_finds_an_employee_and_opens_the_details(delegated: Portal) -> None:
    """1.15: By a part of a name or address, or a filter; with what they may do and through what."""
    _, acting = administered(delegated)
    ada, _ = delegated.member("ada", INVOICES), delegated.member("grace")
    name = delegated.api.read(f"members/{ada}")["attributes"]["userName"]
    for place in (f"members?search={name[:-1].upper()}", f'members?filter=emails.value eq "{name}@example.com"'):
        assert ada in [each["id"] for each in acting.read(place)["items"]]
        assert len(acting.read(place)["items"]) == 1
    assert acting.read(f"members/{ada}")["attributes"]["emails"][0]["value"] == f"{name}@example.com"
    assert [each["key"] for each in acting.read(f"members/{ada}/roles")["roles"]] == [INVOICES]
    assert {each["permission"] for each in acting.read(f"members/{ada}/permissions")["permissions"]} >= TO_INVOICES


def test_roles_are_confirmed_all_together_or_not_at_all(delegated: Portal) -> None:
    """1.16: What is ticked holds once it is confirmed; where the details have changed since, nothing does."""
    _, acting = administered(delegated)
    ada = delegated.member("ada", INVOICES)
    opened = acting.get(f"members/{ada}")
    assert opened.status_code == acting.get(f"members/{ada}/roles").status_code == 200
    assert [each["key"] for each in acting.read(f"members/{ada}/roles")["roles"]] == [INVOICES]
    assert "/roles/1" in errors_of(set_roles(acting, ada, "order-management", "no-such-role"))
    acting.patch(f"members/{ada}", {"attributes": {"title": "Countess"}})
    assert set_roles(acting, ada, "order-management", If_Match=opened.headers["ETag"]).status_code == 412
    assert [each["key"] for each in acting.read(f"members/{ada}/roles")["roles"]] == [INVOICES]
    present = acting.get(f"members/{ada}").headers["ETag"]
    assert set_roles(acting, ada, "order-management", "quotation-management", If_Match=present).status_code == 200
    assert delegated.permissions(ada).keys() == BASIC | ORDERS


@pytest.mark.parametrize(("language", "subject"), [("fr", "vous invite"), ("en", "invites you")])
def test_an_invitation_takes_what_is_mandatory(
    delegated: Portal, letters: Letters, language: str, subject: str
) -> None:
    """1.17: Details, role and language; each mandatory field that is missing is named, and nobody is invited."""
    _, acting = administered(delegated)
    whole = employee("ada", preferredLanguage=language)
    for missing, pointer in (("userName", "userName"), ("emails", "emails"), ("name", "name/givenName")):
        body = {"attributes": {name: value for name, value in whole.items() if name != missing}}
        assert f"/attributes/{pointer}" in errors_of(acting.post("members", body))
    only = {**whole, "name": {"givenName": "Ada"}}
    assert "/attributes/name/familyName" in errors_of(acting.post("members", {"attributes": only}))
    assert letters.to("ada") == []
    made = acting.made("members", {"attributes": whole, "roles": [INVOICES]})
    (letter,) = letters.to(whole["userName"])
    assert subject in letter["Subject"]
    assert accept(delegated, letters.link(whole["userName"])).status_code == 200
    assert delegated.may(made["id"], "invoices:read")


def test_an_invitation_goes_by_email_alone(delegated: Portal, letters: Letters) -> None:
    """1.18: Text messages are a channel that the portal does not offer, and nothing asks for one."""
    _, acting = administered(delegated)
    (profile,) = [each for each in delegated.api.read("/portals")["items"] if each["name"] == "delegated"]
    assert profile["policy"]["channels"] == ["email"]
    whole = employee("ada", phoneNumbers=[{"value": "+32 470 12 34 56", "type": "mobile"}])
    assert acting.post("members", {"attributes": whole, "channel": "sms"}).status_code == 400
    acting.made("members", {"attributes": whole})
    assert len(letters.to(whole["userName"])) == 1
    assert [each["status"] for each in acting.walk("deliveries")] == []


def test_who_is_removed_is_out_at_once(delegated: Portal, letters: Letters) -> None:
    """1.19: Their session ends and their password opens nothing; what they are in another company stays."""
    admin, acting = administered(delegated)
    whole = employee("ada")
    ada = acting.made("members", {"attributes": whole, "roles": [INVOICES]})["id"]
    accept(delegated, letters.link(whole["userName"]))
    session = signed_in(delegated, whole["userName"])
    other = portal(delegated.app, "delegated")
    there = other.member("ada", INVOICES, userName=whole["userName"], emails=whole["emails"])
    assert acting.delete(f"members/{ada}").status_code == 204
    assert not is_signed_in(delegated, session)
    with pytest.raises(UnauthorizedException):
        signed_in(delegated, whole["userName"])
    assert acting.get(f"members/{ada}").status_code == 404
    assert [each["id"] for each in acting.read("members")["items"]] == [admin]
    assert other.may(there, "invoices:read")


def test_a_switch_ends_access_and_gives_it_back(delegated: Portal, letters: Letters) -> None:
    """1.20: Record, roles and password stay; an old session does not come back."""
    _, acting = administered(delegated)
    whole = employee("ada")
    ada = acting.made("members", {"attributes": whole, "roles": [INVOICES]})["id"]
    accept(delegated, letters.link(whole["userName"]))
    session = signed_in(delegated, whole["userName"])
    before = acting.read(f"members/{ada}")["attributes"]
    off, on = ("PATCH", "", {"active": False}), ("PATCH", "", {"active": True})
    for switches in ((off, on), (("POST", "/suspend", None), ("POST", "/restore", None))):
        ended, given = switches
        assert acting.send(ended[0], f"members/{ada}{ended[1]}", ended[2]).get_json()["state"] == "suspended"
        assert not is_signed_in(delegated, session)
        assert not delegated.may(ada, "invoices:read")
        assert acting.send(given[0], f"members/{ada}{given[1]}", given[2]).get_json()["state"] == "active"
        assert delegated.may(ada, "invoices:read")
        assert not is_signed_in(delegated, session)
    assert acting.read(f"members/{ada}")["attributes"] == before
    assert address_of(delegated, ada) == whole["userName"]
    assert is_signed_in(delegated, signed_in(delegated, whole["userName"]))


def test_apps_open_by_permission_and_one_is_only_announced(delegated: Portal) -> None:
    """1.21, 1.22: Where a member is led from one place; what is not available yet says so, and opens for nobody."""
    opened = {}
    for role in ("account-balance", None):
        member = delegated.member("ada", *filter(None, [role]))
        apps = delegated.rights(member)["apps"]
        opened[role] = {each["key"] for each in apps if each["open"]}
        assert [each["key"] for each in apps if not each["available"]] == ["report-builder"]
        assert {each["key"] for each in apps} == {*opened[role], "e-shop", "report-builder"}
        assert all({"fr", "en"} == each["name"].keys() for each in apps)
    assert opened[None] == {"business-portal", "selection-software", "stand-by-me"}
    assert opened["account-balance"] == opened[None] | {"e-shop"}
    suspended = delegated.member("bob", access="none")
    assert not any(each["open"] for each in delegated.rights(suspended)["apps"])
