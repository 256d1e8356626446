"""S2, Digital Service Manager: administrators and technicians, who reach the customers that are shared with them."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.api import errors_of, problem_of
from tests.delivery.conftest import Clock
from tests.directory import unique
from tests.portals import ActingClient, Portal, portal
from tests.seeds.letters import PASSWORD, Letters, accept, is_signed_in, signed_in

AGREED = {"privacy": "1", "terms": "1"}
TO_DEVICES = ("devices:read", "alarms:read")


@pytest.fixture
def service(app: Flask, letters: Letters) -> Portal:
    """A company of administrators and technicians."""
    del letters  # Letters begin with those of the test.
    return portal(app, "customer-groups")


@pytest.fixture
def admin(service: Portal) -> ActingClient:
    """What its administrator does."""
    return service.acting(service.member("admin", "administrator"))


def colleague(name: str = "ada", **more: Any) -> dict[str, Any]:
    """Return the attributes of a colleague, as the form has them."""
    address = f"{unique(name)}@example.com"
    whole = {"honorificPrefix": "Ms", "givenName": name.title(), "familyName": "Byron"}
    return {"userName": address, "emails": [{"value": address}], "name": whole, **more}


def test_a_colleague_joins_by_invitation_without_registering(
    service: Portal, admin: ActingClient, letters: Letters
) -> None:
    """2.1, 2.10: The link alone leads into the company's account; then they sign in, and the trail tells how."""
    whole = colleague()
    made = admin.made("members", {"attributes": whole, "roles": ["technician"]})
    assert made["state"] == "invited"
    assert accept(service, letters.link(whole["userName"]), consents=AGREED).get_json()["id"] == made["id"]
    assert service.state(made["id"]) == "active"
    assert is_signed_in(service, signed_in(service, whole["userName"]))
    assert made["id"] in [each["id"] for each in admin.read("members?state=active")["items"]]
    actions = [each["action"] for each in service.api.read(f"trail?resource={made['id']}")["items"]]
    assert {"user.create", "user.invite", "user.accept", "user.sign_in"} <= set(actions)


def test_only_administrators_invite(service: Portal, admin: ActingClient) -> None:
    """2.2: A technician is told which administrators to turn to."""
    technician = service.member("tom", "technician")
    acting = service.acting(technician)
    names = [service.api.read(f"members/{admin.member}")["attributes"]["userName"]]
    refused = acting.post("members", {"attributes": colleague(), "roles": ["technician"]})
    assert f"ask an administrator: {names[0]}" in problem_of(refused, 403)["detail"]
    assert acting.post(f"members/{technician}/invitation").status_code == 403
    assert service.api.read("members")["total"] == 2
    assert [each["id"] for each in acting.read("seat")["administrators"]] == [admin.member]


def test_the_overview_shows_all_users_with_their_role(service: Portal, admin: ActingClient) -> None:
    """2.3: Those who are invited only, too."""
    tom = service.member("tom", "technician")
    ada = admin.made("members", {"attributes": colleague(), "roles": ["administrator"]})["id"]
    names = {role: identifier for identifier, role in service.roles().items()}
    shown = {
        each["id"]: (each["state"], [names.get(group["id"]) for group in each["groups"]])
        for each in admin.read("members")["items"]
    }
    assert shown == {
        admin.member: ("active", ["administrator"]),
        tom: ("active", ["technician"]),
        ada: ("invited", ["administrator"]),
    }


def test_the_form_asks_for_salutation_names_and_address(service: Portal, admin: ActingClient) -> None:
    """2.4: Each one that is missing is named, and nobody is made."""
    whole = colleague()
    for part in ("honorificPrefix", "givenName", "familyName"):
        name = {key: value for key, value in whole["name"].items() if key != part}
        errors = errors_of(admin.post("members", {"attributes": {**whole, "name": name}}))
        assert list(errors) == [f"/attributes/name/{part}"]
    without = {key: value for key, value in whole.items() if key != "emails"}
    assert list(errors_of(admin.post("members", {"attributes": without}))) == ["/attributes/emails"]
    assert service.api.read("members")["total"] == 1
    made = admin.made("members", {"attributes": whole})
    assert made["attributes"]["name"] == whole["name"]


def test_a_user_has_exactly_one_of_the_two_roles(service: Portal, admin: ActingClient) -> None:
    """2.5: A second one is refused by every way it could be given; an overview says what each may do."""
    roles = service.roles()
    assert roles.keys() == {"administrator", "technician"}
    assert admin.post("members", {"attributes": colleague(), "roles": [*roles]}).status_code == 409
    tom = service.member("tom", "technician")
    assert admin.send("PUT", f"members/{tom}/roles", {"roles": [*roles]}).status_code == 409
    joined = admin.post(f"groups/{roles['administrator']}/members", {"members": [tom]})
    assert joined.status_code == 409
    assert [each["key"] for each in service.rights(tom)["roles"]] == ["technician"]
    assert admin.send("PUT", f"members/{tom}/roles", {"roles": ["administrator"]}).status_code == 200
    assert [each["key"] for each in service.rights(tom)["roles"]] == ["administrator"]
    for each in admin.read("roles")["items"]:
        assert each["description"].keys() == {"fr", "en"}
        assert each["permissions"]


def test_an_invitation_is_valid_for_30_days(
    service: Portal, admin: ActingClient, letters: Letters, clock: Clock
) -> None:
    """2.6: On the last of them it is still good, then it is gone, until it is sent again; the old link stays dead."""
    late, early = colleague("late"), colleague("early")
    member = admin.made("members", {"attributes": late})["id"]
    admin.made("members", {"attributes": early})
    old, other = letters.link(late["userName"]), letters.link(early["userName"])
    clock.later = timedelta(days=30) - timedelta(minutes=1)
    assert accept(service, other, consents=AGREED).status_code == 200
    clock.later = timedelta(days=30, minutes=1)
    refused = problem_of(accept(service, old, consents=AGREED), 410)
    assert "ask" in refused["detail"]
    assert admin.read(f"members/{member}/invitation")["status"] == "expired"
    assert admin.post(f"members/{member}/invitation").status_code == 200
    new = letters.link(late["userName"])
    assert accept(service, old, consents=AGREED).status_code == 404
    assert accept(service, new, consents=AGREED).status_code == 200


def test_name_and_address_are_prefilled_and_the_name_can_change(
    service: Portal, admin: ActingClient, letters: Letters
) -> None:
    """2.7: The address cannot, not even by who sends it along; later neither."""
    whole = colleague()
    member = admin.made("members", {"attributes": whole, "roles": ["technician"]})["id"]
    link = letters.link(whole["userName"])
    welcome = service.api.post("invitations/read", {"link": link}).get_json()
    assert (welcome["name"], welcome["email"], welcome["may_rename"]) == (whole["name"], whole["userName"], True)
    assert accept(service, link, consents=AGREED, email="eve@example.com").status_code == 400
    assert accept(service, link, consents=AGREED, emails=[{"value": "eve@example.com"}]).status_code == 400
    assert service.state(member) == "invited"
    assert accept(service, link, consents=AGREED, name={"familyName": "Lovelace"}).status_code == 200
    attributes = service.api.read(f"members/{member}")["attributes"]
    assert attributes["name"] == {**whole["name"], "familyName": "Lovelace"}
    assert attributes["emails"] == whole["emails"]
    acting = service.acting(member)
    assert acting.patch(f"members/{member}", {"attributes": {"name": whole["name"]}}).status_code == 200
    other = {"attributes": {"emails": [{"value": "eve@example.com"}]}}
    assert acting.patch(f"members/{member}", other).status_code == 403


def test_a_password_has_to_be_chosen(service: Portal, admin: ActingClient, letters: Letters) -> None:
    """2.8: Without one nobody comes in."""
    whole = colleague()
    member = admin.made("members", {"attributes": whole})["id"]
    link = letters.link(whole["userName"])
    body = {"link": link, "consents": AGREED}
    assert "password is required" in problem_of(service.api.post("invitations/accept", body), 400)["detail"]
    assert accept(service, link, consents=AGREED, password="short").status_code == 400
    assert service.state(member) == "invited"
    assert accept(service, link, consents=AGREED).status_code == 200
    assert is_signed_in(service, signed_in(service, whole["userName"], PASSWORD))


def test_consent_and_terms_have_to_be_accepted(service: Portal, admin: ActingClient, letters: Letters) -> None:
    """2.9: Both, in the version that is shown; version and time are kept."""
    whole = colleague()
    member = admin.made("members", {"attributes": whole})["id"]
    link = letters.link(whole["userName"])
    welcome = service.api.post("invitations/read", {"link": link}).get_json()
    assert {each["key"]: each["version"] for each in welcome["consents"]} == AGREED
    for given in ({}, {"privacy": "1"}, {"terms": "1"}, {"privacy": "1", "terms": "0"}):
        assert accept(service, link, consents=given).status_code == 400
    assert service.state(member) == "invited"
    assert accept(service, link, consents=AGREED).status_code == 200
    kept = service.api.read(f"members/{member}/consents")
    assert kept["missing"] == []
    assert {each["document"]: each["version"] for each in kept["items"]} == AGREED
    assert all(each["given_at"] and each["through"] == "invitation" for each in kept["items"])


def test_consent_is_asked_of_who_was_never_invited(service: Portal) -> None:
    """2.9: Who was given access by hand or comes by an identity provider still has to accept both."""
    member = service.member("tom", "technician")
    assert {each["key"] for each in service.api.read(f"members/{member}/consents")["missing"]} == AGREED.keys()


def test_an_invited_administrator_needs_nothing_more(service: Portal, admin: ActingClient, letters: Letters) -> None:
    """2.11: They are ready, reach all devices, and invite others."""
    whole = colleague()
    member = admin.made("members", {"attributes": whole, "roles": ["administrator"]})["id"]
    accept(service, letters.link(whole["userName"]), consents=AGREED)
    assert service.rights(member)["complete"] is True
    assert all(service.may(member, each, "device:77") for each in TO_DEVICES)
    made = service.acting(member).post("members", {"attributes": colleague("tom"), "roles": ["technician"]})
    assert made.status_code == 201


def test_a_technician_reaches_nothing_without_customers(service: Portal, admin: ActingClient, letters: Letters) -> None:
    """2.12: They are incomplete, and shown as such, until a customer group is shared with them."""
    whole = colleague()
    member = admin.made("members", {"attributes": whole, "roles": ["technician"]})["id"]
    accept(service, letters.link(whole["userName"]), consents=AGREED)
    group = service.group("Hotels", "customerGroup")
    assert admin.read(f"members/{member}/permissions")["complete"] is False
    for each in TO_DEVICES:
        assert not service.may(member, each)
        assert not service.may(member, each, f"customerGroup:{group}")
    service.add(group, member)
    assert admin.read(f"members/{member}/permissions")["complete"] is True


def test_shared_groups_lead_to_their_devices_and_alarms_alone(service: Portal, admin: ActingClient) -> None:
    """2.13, 2.14: Those of the customers that are chosen, and no others; who is to be alarmed is listed."""
    tom, eve = service.member("tom", "technician"), service.member("eve", "technician")
    hotels, bakeries = (service.group(name, "customerGroup") for name in ("Hotels", "Bakeries"))
    for device, group in (("1", hotels), ("2", bakeries)):
        assert admin.post("assignments", {"object": f"device:{device}", "assignees": [group]}).status_code == 204
    assert admin.post(f"groups/{hotels}/members", {"members": [tom]}).status_code == 204
    assert [each["id"] for each in admin.read(f"members/{tom}/permissions")["customer_groups"]] == [hotels]
    for permission in TO_DEVICES:
        assert service.may(tom, permission, "device:1")
        assert service.may(tom, permission, f"customerGroup:{hotels}")
        assert not service.may(tom, permission, "device:2")
        assert not service.may(tom, permission, f"customerGroup:{bakeries}")
        assert not service.may(eve, permission, "device:1")
    assert [each["id"] for each in admin.walk(f"members?group={hotels}")] == [tom]
    assert service.acting(tom).post(f"groups/{bakeries}/members", {"members": [tom]}).status_code == 403


def test_shared_groups_change_at_any_time(service: Portal, admin: ActingClient) -> None:
    """2.14, 2.15: Devices and alarms go and come at once, together."""
    tom = service.member("tom", "technician")
    hotels, bakeries = (service.group(name, "customerGroup") for name in ("Hotels", "Bakeries"))
    for device, group in (("1", hotels), ("2", bakeries)):
        service.api.post("assignments", {"object": f"device:{device}", "assignees": [group]})
    for added, removed, reached in ((hotels, bakeries, "device:1"), (bakeries, hotels, "device:2")):
        assert admin.post(f"groups/{added}/members", {"members": [tom]}).status_code == 204
        assert admin.delete(f"groups/{removed}/members/{tom}").status_code == 204
        for permission in TO_DEVICES:
            seen = [each for each in ("device:1", "device:2") if service.may(tom, permission, each)]
            assert seen == [reached]
    admin.delete(f"groups/{bakeries}/members/{tom}")
    assert not any(service.may(tom, permission, "device:2") for permission in TO_DEVICES)
    assert service.rights(tom)["complete"] is False
