"""S3, Espace Client > Contacts: a table of contacts, kept by one administrator whom the operator has validated."""

import base64
from typing import Any

import pytest
from flask import Flask

from tests.api import errors_of, problem_of
from tests.directory import unique
from tests.portals import ActingClient, Portal, as_operator, portal
from tests.seeds.letters import Letters, address_of, choose_password, is_signed_in, signed_in

MEMBER_URN = "urn:scim-server:params:scim:schemas:extension:member:1.0:User"
LETTER = {"name": "accord.pdf", "type": "application/pdf", "content": base64.b64encode(b"%PDF-1.7 D'accord.").decode()}


@pytest.fixture
def contacts(app: Flask, letters: Letters) -> Portal:
    """A company without an administrator yet."""
    del letters  # Letters begin with those of the test.
    return portal(app, "contacts")


@pytest.fixture
def admin(contacts: Portal) -> ActingClient:
    """What its administrator does, whom the operator has validated."""
    anna = contacts.member("anna")
    validate(contacts, ask(contacts.api, anna))
    return contacts.acting(anna)


def ask(client: Any, to: str, **more: Any) -> str:
    """Ask that a member becomes the administrator, with a letter; return the id of the request."""
    body = {"to_member": to, "reason": "Signed by both.", "evidence": LETTER, **more}
    return str(client.made("hand-overs", body)["id"])


def validate(on: Portal, hand_over: str) -> None:
    """Have the operator approve a request."""
    answer = as_operator(on).post(f"hand-overs/{hand_over}/approve", {})
    assert answer.status_code == 200, answer.text


def contact(name: str = "ben", contact_roles: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """Return the attributes of a contact."""
    if contact_roles:
        more[MEMBER_URN] = {"contactRoles": list(contact_roles)}
    address = f"{unique(name)}@example.com"
    whole = {"givenName": name.title(), "familyName": "Dupont"}
    return {"userName": address, "emails": [{"value": address}], "name": whole, **more}


def test_the_table_shows_all_contacts(contacts: Portal, admin: ActingClient) -> None:
    """3.1: With access or without, each with details, function, profile and what they are a contact for."""
    attributes = contact("ben", ("invoice-contact",), title="Comptable")
    ben = admin.made("members", {"attributes": attributes, "roles": ["buyer"], "access": "none"})["id"]
    shown = {each["id"]: each for each in admin.read("members")["items"]}
    assert shown.keys() == {admin.member, ben}
    assert shown[ben]["state"] == "contact"
    assert shown[ben]["attributes"].items() >= {"title": "Comptable", MEMBER_URN: attributes[MEMBER_URN]}.items()
    assert [each["id"] for each in shown[ben]["groups"]] == [contacts.roles()["buyer"]]


def test_a_row_is_edited_in_place(contacts: Portal, admin: ActingClient) -> None:
    """3.2, 3.3: Details, function, web profile, and contact roles of the portal, of which one can have several."""
    ben = contacts.member("ben", "consultation")
    changes = {
        "emails": [{"value": "ben@example.com"}],
        "phoneNumbers": [{"value": "+33 6 12 34 56 78"}],
        "title": "Acheteur",
        MEMBER_URN: {"contactRoles": ["invoice-contact", "order-contact"]},
    }
    assert admin.patch(f"members/{ben}", {"attributes": changes}).status_code == 200
    assert admin.send("PUT", f"members/{ben}/roles", {"roles": ["buyer"]}).status_code == 200
    assert admin.read(f"members/{ben}")["attributes"].items() >= changes.items()
    assert contacts.permissions(ben).keys() == {"orders:read", "orders:create", "invoices:read"}
    assert admin.send("PUT", f"members/{ben}/roles", {"roles": ["buyer", "consultation"]}).status_code == 409
    unknown = {"attributes": {MEMBER_URN: {"contactRoles": ["invoice-contact", "tea"]}}}
    (detail,) = errors_of(admin.patch(f"members/{ben}", unknown)).values()
    assert "accepted: invoice-contact, order-contact, delivery-contact" in detail
    assert admin.read(f"members/{ben}")["attributes"].items() >= changes.items()


def test_contact_roles_give_no_rights(contacts: Portal, admin: ActingClient) -> None:
    """3.3: Who is a contact for invoices does not see them by that."""
    attributes = contact("ben", ("invoice-contact",))
    ben = admin.made("members", {"attributes": attributes})["id"]
    assert contacts.state(ben) == "active"
    assert contacts.permissions(ben) == {}


def test_a_name_is_frozen_once_it_is_made(contacts: Portal, admin: ActingClient) -> None:
    """3.4: For the administrator and the portal alike; who is deleted and created again has the other name."""
    attributes = contact()
    ben = admin.made("members", {"attributes": attributes, "access": "none"})["id"]
    married = {**attributes, "name": {"givenName": "Ben", "familyName": "Durand"}}
    for client in (admin, contacts.api):
        refused = client.patch(f"members/{ben}", {"attributes": {"name": married["name"]}})
        assert "delete the member and create another" in errors_of(refused)["/attributes/name"]
    assert admin.patch(f"members/{ben}", {"attributes": {"name": attributes["name"]}}).status_code == 200
    assert admin.read(f"members/{ben}")["attributes"]["name"] == attributes["name"]
    assert admin.delete(f"members/{ben}").status_code == 204
    assert admin.made("members", {"attributes": married})["attributes"]["name"] == married["name"]


def test_a_row_that_was_left_or_changed_meanwhile_stays(contacts: Portal, admin: ActingClient) -> None:
    """3.5: OK saves what was opened; nothing is kept of what was not saved, nor over what another has saved."""
    ben = contacts.member("ben")
    opened = admin.get(f"members/{ben}")
    assert admin.get(f"members/{ben}").get_json() == opened.get_json()
    etag = opened.headers["ETag"]
    saved = admin.patch(f"members/{ben}", {"attributes": {"title": "Acheteur"}}, If_Match=etag)
    assert saved.status_code == 200
    other = admin.patch(f"members/{ben}", {"attributes": {"title": "Comptable"}}, If_Match=etag)
    assert other.status_code == 412
    assert admin.read(f"members/{ben}")["attributes"]["title"] == "Acheteur"


def test_the_envelope_gives_access_to_who_has_none(contacts: Portal, admin: ActingClient, letters: Letters) -> None:
    """3.6: They are sent the link to choose a password, and sign in."""
    attributes = contact()
    ben = admin.made("members", {"attributes": attributes, "access": "none"})["id"]
    assert contacts.state(ben) == "contact"
    assert letters.to(attributes["userName"]) == []
    assert admin.post(f"members/{ben}/access").get_json() == {"id": ben, "state": "active"}
    assert choose_password(contacts, letters.link(attributes["userName"])) == 204
    assert is_signed_in(contacts, signed_in(contacts, attributes["userName"]))


def test_the_arrows_send_a_link_for_a_lost_password(contacts: Portal, admin: ActingClient, letters: Letters) -> None:
    """3.7: At once, to the contact alone; it works once, pressing again kills the one before, and asking is limited."""
    ben = contacts.member("ben")
    address = address_of(contacts, ben)
    assert choose_password(contacts, letters.link(address)) == 204
    links = []
    for _ in range(2):
        assert admin.post(f"members/{ben}/password-reset").status_code == 202
        links.append(letters.link(address))
    chosen = "another horse battery staple"
    assert choose_password(contacts, links[0], chosen) == 404
    assert choose_password(contacts, links[1], chosen) == 204
    assert choose_password(contacts, links[1], chosen) == 404
    assert is_signed_in(contacts, signed_in(contacts, address, chosen))
    asked = [contacts.api.post("password-resets", {"address": address}).status_code for _ in range(7)]
    assert asked[0] == 202
    assert asked[-1] == 429
    pressed = [admin.post(f"members/{ben}/password-reset").status_code for _ in range(4)]
    assert pressed == [202, 202, 202, 429]
    assert contacts.acting(ben).post(f"members/{admin.member}/password-reset").status_code == 403


def test_fields_with_an_asterisk_are_mandatory(contacts: Portal, admin: ActingClient) -> None:
    """3.8: The profile says which those are, and each that is missing is named."""
    (profile,) = [each for each in contacts.api.read("/portals")["items"] if each["name"] == "contacts"]
    whole = contact()
    for path in profile["policy"]["required"]:
        name, _, part = path.partition(".")
        value = {key: value for key, value in whole[name].items() if key != part} if part else []
        refused = admin.post("members", {"attributes": {**whole, name: value}})
        assert list(errors_of(refused)) == [f"/attributes/{path.replace('.', '/')}"]
    assert contacts.api.read("members")["total"] == 1
    assert admin.made("members", {"attributes": whole})


def test_a_new_contact_has_access_without_more(contacts: Portal, admin: ActingClient, letters: Letters) -> None:
    """3.9: Their link goes out as they are made; what they see comes with the web profile alone."""
    with_profile, without = contact("ben"), contact("eve")
    ben = admin.made("members", {"attributes": with_profile, "roles": ["consultation"]})
    eve = admin.made("members", {"attributes": without})
    assert ben["state"] == eve["state"] == "active"
    assert len(letters.to(with_profile["userName"])) == len(letters.to(without["userName"])) == 1
    assert choose_password(contacts, letters.link(with_profile["userName"])) == 204
    assert is_signed_in(contacts, signed_in(contacts, with_profile["userName"]))
    assert contacts.permissions(ben["id"]).keys() == {"orders:read", "invoices:read"}
    assert contacts.permissions(eve["id"]) == {}


def test_contacts_are_saved_and_binned(contacts: Portal, admin: ActingClient) -> None:
    """3.10: Who is in the bin is out of the table, for good."""
    ben = admin.made("members", {"attributes": contact()})["id"]
    assert ben in [each["id"] for each in admin.read("members")["items"]]
    assert admin.delete(f"members/{ben}").status_code == 204
    assert [each["id"] for each in admin.read("members")["items"]] == [admin.member]
    assert admin.get(f"members/{ben}").status_code == 404
    assert admin.walk("tombstones") == []


def test_a_company_has_one_administrator(contacts: Portal, admin: ActingClient) -> None:
    """3.11: A second one is refused by every way there is, even to the portal and its operator."""
    ben, team = contacts.member("ben"), contacts.group("Team")
    contacts.add(team, ben)
    role = contacts.roles()["administrator"]
    for client in (admin, contacts.api, as_operator(contacts)):
        for method, place, body in (
            ("PUT", f"members/{ben}/roles", {"roles": ["administrator"]}),
            ("POST", f"groups/{role}/members", {"members": [ben]}),
            ("POST", f"groups/{role}/members", {"members": [team]}),
            ("POST", "members", {"attributes": contact(), "roles": ["administrator"]}),
        ):
            assert client.send(method, place, body).status_code in (403, 409), (method, place)
    (seated,) = contacts.api.read("seat")["administrators"]
    assert seated["id"] == admin.member


def test_the_portal_cannot_designate_an_administrator_by_itself(contacts: Portal) -> None:
    """3.12, 3.17: While there is none, either: by no way but a request that the operator approves."""
    ben, team = contacts.member("ben"), contacts.group("Team")
    contacts.add(team, ben)
    role = contacts.roles()["administrator"]
    for method, place, body in (
        ("PUT", f"members/{ben}/roles", {"roles": ["administrator"]}),
        ("POST", f"groups/{role}/members", {"members": [ben]}),
        ("POST", f"groups/{role}/members", {"members": [team]}),
        ("POST", "members", {"attributes": contact(), "roles": ["administrator"]}),
    ):
        assert "the operator validates" in problem_of(contacts.api.send(method, place, body), 409)["detail"]
    assert contacts.api.read("seat")["administrators"] == []


def test_the_seat_changes_hands_with_a_signed_letter(contacts: Portal, admin: ActingClient) -> None:
    """3.12: Asked for by the one who leaves, with their agreement, and done by the operator, who can say no."""
    ben = contacts.member("ben", "buyer")
    without = {"to_member": ben, "from_member": admin.member, "reason": "I leave."}
    bare = str(admin.made("hand-overs", without)["id"])
    assert "no evidence" in problem_of(as_operator(contacts).post(f"hand-overs/{bare}/approve", {}), 409)["detail"]
    assert contacts.api.post(f"hand-overs/{bare}/approve", {}).status_code == 403
    assert as_operator(contacts).post(f"hand-overs/{bare}/reject", {"note": "Unsigned."}).status_code == 200
    hand_over = ask(admin, ben, from_member=admin.member)
    assert not contacts.may(ben, "members:manage")
    validate(contacts, hand_over)
    assert contacts.may(ben, "members:manage")
    assert not contacts.may(admin.member, "members:manage")
    assert [each["key"] for each in contacts.rights(ben)["roles"]] == ["administrator"]
    approved = contacts.api.read(f"hand-overs/{hand_over}")
    assert (approved["status"], approved["evidence"]["name"]) == ("approved", "accord.pdf")
    assert contacts.api.read(f"hand-overs/{hand_over}/evidence")["content"] == LETTER["content"]
    actions = {each["action"] for each in contacts.api.read("trail")["items"]}
    assert {"hand_over.request", "hand_over.evidence", "hand_over.approve", "hand_over.reject"} <= actions


def test_the_administrator_edits_their_own_details(contacts: Portal, admin: ActingClient) -> None:
    """3.13: Such as the address; the name stays theirs, and so does the seat."""
    me = f"members/{admin.member}"
    changes = {"emails": [{"value": "anna@example.com"}], "phoneNumbers": [{"value": "+33 1 11 11 11 11"}]}
    assert admin.patch(me, {"attributes": changes}).status_code == 200
    assert admin.read(me)["attributes"].items() >= changes.items()
    assert admin.patch(me, {"attributes": {"name": {"givenName": "Anne"}}}).status_code == 400
    assert admin.send("PUT", f"{me}/roles", {"roles": []}).status_code == 403


def test_changes_are_seen_at_once(contacts: Portal, admin: ActingClient) -> None:
    """3.14: By everybody who reads next, and under another version; an address that changes is signed in with."""
    ben = contacts.member("ben")
    before = contacts.api.get(f"members/{ben}").headers["ETag"]
    address = f"{unique('new')}@example.com"
    changed = admin.patch(f"members/{ben}", {"attributes": {"emails": [{"value": address}]}})
    assert changed.headers["ETag"] != before
    read = contacts.api.get(f"members/{ben}", If_None_Match=before)
    assert (read.status_code, read.headers["ETag"]) == (200, changed.headers["ETag"])
    assert address_of(contacts, ben) == address
    assert [each["id"] for each in admin.read(f"members?search={address}")["items"]] == [ben]


@pytest.mark.parametrize("profile", ["buyer", None])
def test_others_than_the_administrator_change_nothing(
    contacts: Portal, admin: ActingClient, profile: str | None
) -> None:
    """3.15: Neither of themselves nor of colleagues, whose details they do not even see."""
    ben, eve = contacts.member("ben", *filter(None, [profile])), contacts.member("eve")
    acting = contacts.acting(ben)
    own = acting.read(f"members/{ben}")
    changes: tuple[dict[str, Any], ...] = (
        {"emails": [{"value": "other@example.com"}]},
        {"phoneNumbers": []},
        {"title": "Directeur"},
        {"preferredLanguage": "en"},
        {MEMBER_URN: {"contactRoles": ["order-contact"]}},
    )
    for change in changes:
        for member in (ben, eve):
            assert acting.patch(f"members/{member}", {"attributes": change}).status_code == 403
    assert acting.read(f"members/{ben}") == own
    assert acting.send("PUT", f"members/{ben}/roles", {"roles": ["buyer"]}).status_code == 403
    assert acting.delete(f"members/{eve}").status_code == 403
    for place in ("members", f"members/{eve}", f"members/{admin.member}"):
        assert acting.get(place).status_code == 403


def test_others_see_the_administrators_details_to_ask_for_changes(contacts: Portal) -> None:
    """3.16, 3.17: Once the operator has validated who was designated; before, they can do nothing."""
    anna, ben = contacts.member("anna"), contacts.member("ben")
    acting = contacts.acting(ben)
    hand_over = ask(contacts.api, anna)
    seat = acting.read("seat")
    assert seat["administrators"] == []
    assert (seat["request"]["kind"], seat["request"]["to_member"]) == ("designation", anna)
    assert contacts.acting(anna).get("members").status_code == 403
    validate(contacts, hand_over)
    (shown,) = acting.read("seat")["administrators"]
    assert (shown["id"], shown["email"]) == (anna, address_of(contacts, anna))
    assert acting.read("seat")["request"] is None
    name = contacts.api.read(f"members/{anna}")["attributes"]["userName"]
    refused = acting.patch(f"members/{ben}", {"attributes": {"title": "Directeur"}})
    assert f"ask an administrator: {name}" in problem_of(refused, 403)["detail"]


def test_a_mailbox_can_stand_for_the_administrators_details(contacts: Portal, admin: ActingClient) -> None:
    """3.16: Where the person's own address is not to be shown to everybody."""
    ben = contacts.acting(contacts.member("ben"))
    assert contacts.api.patch("", {"contact_email": "contacts@example.com"}).status_code == 200
    seat = ben.read("seat")
    assert (seat["contact_email"], seat["administrators"][0]["email"]) == ("contacts@example.com", None)
    assert address_of(contacts, admin.member) not in str(seat)
