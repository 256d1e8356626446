"""A professional customer's team, whose installers follow the orders assigned to them: the rows 4.1 to 4.18."""

from typing import Any

import pytest
from flask import Flask

from tests.api import problem_of
from tests.portals import Portal, portal
from tests.seeds.letters import (
    PASSWORD,
    Letters,
    accept,
    address_of,
    choose_password,
    is_signed_in,
    signed_in,
)

PERSON: dict[str, Any] = {
    "userName": "jean",
    "name": {"givenName": "Jean", "familyName": "Durand"},
    "emails": [{"value": "jean@toiture.example"}],
    "phoneNumbers": [{"value": "+33 6 12 34 56 78"}],
}
ORDERS = {"orders:read": "assigned"}


@pytest.fixture
def team(app: Flask) -> Portal:
    """A professional customer."""
    return portal(app, "assigned-orders")


def test_accounts_are_created_with_chosen_permissions(team: Portal) -> None:
    """4.1, 4.2: The account is one of a `Poseur`, may what that role allows, and is listed among the team."""
    boss = team.member("boss", "administrator")
    made = team.acting(boss).made("members", {"attributes": PERSON, "roles": ["poseur"], "access": "grant"})
    assert team.permissions(made["id"]) == ORDERS
    listed = team.acting(boss).read("members")
    assert [each["id"] for each in listed["items"]] == [boss, made["id"]]
    assert listed["items"][1]["attributes"]["name"]["familyName"] == "Durand"
    assert [each["id"] for each in team.api.read("members?search=durand")["items"]] == [made["id"]]


def test_the_form_asks_for_name_address_and_telephone(team: Portal) -> None:
    """4.3: Last name, first name, e-mail and telephone; the one that is missing is named."""
    for missing in ("givenName", "familyName", "emails", "phoneNumbers"):
        attributes = {**PERSON, "name": {key: value for key, value in PERSON["name"].items() if key != missing}}
        attributes.pop(missing, None)
        refused = team.api.post("members", {"attributes": attributes, "roles": ["poseur"]})
        assert missing in problem_of(refused, 400)["detail"]
    assert team.api.read("members")["total"] == 0


def test_a_role_is_chosen_or_made_on_the_way(team: Portal) -> None:
    """4.4: A role of the customer's own takes its permissions, with how far each reaches, and is given at once."""
    acting = team.acting(team.member("boss", "administrator"))
    wanted = {"orders:read": "assigned", "prices:read": "organization"}
    role = acting.made("groups", {"attributes": {"displayName": "Technicien"}, "kind": "role", "permissions": wanted})
    jean = acting.made("members", {"attributes": PERSON, "roles": [role["id"]], "access": "grant"})["id"]
    assert team.permissions(jean) == wanted
    assert acting.patch(f"groups/{role['id']}", {"permissions": ORDERS}).status_code == 200
    assert team.permissions(jean) == ORDERS
    unknown = acting.post(
        "groups", {"attributes": {"displayName": "x"}, "kind": "role", "permissions": {"roofs:climb": "assigned"}}
    )
    assert "'roofs:climb' is unknown; accepted: " in problem_of(unknown, 400)["detail"]


def test_the_invitation_lets_choose_a_password(team: Portal, letters: Letters) -> None:
    """4.5, 4.10: Its link leads to a password and so to access; sent again, the link before is dead at once."""
    jean = team.api.made("members", {"attributes": PERSON, "roles": ["poseur"]})
    assert jean["state"] == "invited"
    assert team.permissions(jean["id"]) == {}
    first = letters.link("jean@toiture.example")
    assert team.api.post(f"members/{jean['id']}/invitation").status_code == 200
    problem_of(accept(team, first), 404)
    second = letters.link("jean@toiture.example")
    assert accept(team, second).get_json() == {"id": jean["id"], "state": "active"}
    problem_of(accept(team, second), 404)
    assert is_signed_in(team, signed_in(team, "jean"))
    assert team.permissions(jean["id"]) == ORDERS


def test_details_and_role_are_changed(team: Portal) -> None:
    """4.6: By who manages the team, at once."""
    acting, jean = team.acting(team.member("boss", "administrator")), team.member("jean", "poseur")
    changes = {"name": {"givenName": "Jean", "familyName": "Petit"}, "phoneNumbers": [{"value": "+33 6 00 00 00 00"}]}
    changed = acting.patch(f"members/{jean}", {"attributes": changes}).get_json()["attributes"]
    assert changed["name"]["familyName"] == "Petit"
    assert changed["phoneNumbers"][0]["value"] == "+33 6 00 00 00 00"
    assert acting.send("PUT", f"members/{jean}/roles", {"roles": ["commercial"]}).status_code == 200
    assert team.permissions(jean) == {
        "orders:read": "organization",
        "orders:create": "organization",
        "prices:read": "organization",
    }


def test_suspending_keeps_the_history_and_deleting_is_for_good(team: Portal, letters: Letters) -> None:
    """4.7, 4.8, 4.17: Suspending comes first, and can be undone; deleting takes the name, typed."""
    acting, jean = team.acting(team.member("boss", "administrator")), team.member("jean", "poseur")
    assert choose_password(team, letters.link(address_of(team, jean))) == 204
    assert acting.post("assignments", {"object": "order:1", "assignees": [jean]}).status_code == 204
    session = signed_in(team, address_of(team, jean))
    assert acting.post(f"members/{jean}/suspend").get_json()["state"] == "suspended"
    assert not is_signed_in(team, session)
    assert not team.may(jean, "orders:read", "order:1")
    assert acting.post(f"members/{jean}/restore").get_json()["state"] == "active"
    assert not is_signed_in(team, session)
    assert team.may(jean, "orders:read", "order:1")
    name = team.api.read(f"members/{jean}")["attributes"]["userName"]
    told = problem_of(acting.delete(f"members/{jean}"), 400)["detail"]
    assert name in told
    assert "suspending ends their access and keeps the record" in told
    assert acting.delete(f"members/{jean}?confirm=somebody").status_code == 400
    assert acting.delete(f"members/{jean}?confirm={name}").status_code == 204
    problem_of(team.api.get(f"members/{jean}"), 404)
    assert team.api.read("/portals")["items"][1]["policy"]["deletion"] == "suspend"


def test_a_new_link_to_choose_a_password(team: Portal, letters: Letters) -> None:
    """4.9: Sent by who manages the team; it works once, and ends what was open with the password before."""
    acting, jean = team.acting(team.member("boss", "administrator")), team.member("jean", "poseur")
    address = address_of(team, jean)
    assert choose_password(team, letters.link(address)) == 204
    session = signed_in(team, address)
    assert acting.post(f"members/{jean}/password-reset").status_code == 202
    link = letters.link(address)
    assert (choose_password(team, link, "another pass phrase"), choose_password(team, link)) == (204, 404)
    assert not is_signed_in(team, session)
    assert is_signed_in(team, signed_in(team, address, "another pass phrase"))


def test_an_order_is_assigned_and_its_assignee_told(team: Portal, letters: Letters) -> None:
    """4.11, 4.12: From an order to a member, who gets a letter, once, and finds the order in their own space."""
    acting, jean = team.acting(team.member("boss", "administrator")), team.member("jean", "poseur")
    for _ in range(2):
        assert acting.post("assignments", {"object": "order:4711", "assignees": [jean]}).status_code == 204
    told = [each["Subject"] for each in letters.to(address_of(team, jean))]
    assert told.count("order 4711 vous est attribué") == 1
    (own,) = team.acting(jean).read(f"members/{jean}/assignments")["items"]
    assert (own["object_type"], own["object_id"]) == ("order", "4711")
    (followed,) = team.api.read("assignments?object=order:4711")["items"]
    assert followed["assignee_id"] == jean


def test_an_assignee_follows_assigned_orders_alone(team: Portal) -> None:
    """4.13: Their own and those of their team, none of others, and none any more once it is closed."""
    jean, paul = team.member("jean", "poseur"), team.member("paul", "poseur")
    crew = team.group("Crew")
    team.add(crew, jean)
    for order, assignee in (("order:1", jean), ("order:2", paul), ("order:3", crew)):
        assert team.api.post("assignments", {"object": order, "assignees": [assignee]}).status_code == 204
    reached = {order: team.may(jean, "orders:read", order) for order in ("order:1", "order:2", "order:3", "order:4")}
    assert reached == {"order:1": True, "order:2": False, "order:3": True, "order:4": False}
    acting = team.acting(jean)
    assert [each["object_id"] for each in acting.read(f"members/{jean}/assignments")["items"]] == ["1", "3"]
    for place in ("assignments", f"members/{paul}/assignments"):
        problem_of(acting.get(place), 403)
    assert acting.post("assignments", {"object": "order:2", "assignees": [jean]}).status_code == 403
    assert team.api.post("assignments/close", {"object": "order:1"}).status_code == 204
    assert not team.may(jean, "orders:read", "order:1")


def test_a_poseur_changes_their_own_details_and_password(team: Portal, letters: Letters) -> None:
    """4.14: All of their own, and nothing that gives them more, nor anything of others."""
    jean, paul = team.member("jean", "poseur"), team.member("paul", "poseur")
    acting = team.acting(jean)
    own = {"name": {"givenName": "Jean", "familyName": "Petit"}, "title": "Couvreur"}
    assert acting.patch(f"members/{jean}", {"attributes": own}).status_code == 200
    assert acting.read(f"members/{jean}")["attributes"]["title"] == "Couvreur"
    assert acting.patch(f"members/{jean}", {"password": PASSWORD}).status_code == 200
    assert is_signed_in(team, signed_in(team, address_of(team, jean)))
    problem_of(acting.patch(f"members/{paul}", {"attributes": own}), 403)
    boss = team.acting(team.member("boss", "administrator"))
    for client in (acting, boss):
        problem_of(client.patch(f"members/{paul}", {"password": PASSWORD}), 403)
    problem_of(acting.send("PUT", f"members/{jean}/roles", {"roles": ["administrator"]}), 403)
    problem_of(acting.patch(f"members/{jean}", {"active": False}), 403)


def test_a_role_that_gives_everything_is_advised_against(team: Portal) -> None:
    """4.15: Roles are for what their holders do; one with every permission is made, and says so."""
    everything = dict.fromkeys(team.api.read("/portals")["items"][1]["permissions"], "organization")
    team.group("Tout", "role", permissions=everything)
    team.group("Technicien", "role", permissions=ORDERS)
    warnings = {each["display"]: each["warnings"] for each in team.api.read("roles")["items"]}
    assert "a role for what its holders do is safer" in warnings["Tout"][0]
    assert warnings["Technicien"] == warnings["Installer"] == []


def test_addresses_of_the_company_are_preferred(app: Flask, team: Portal) -> None:
    """4.16: Another address is taken, with a warning; one of the company, which its administrators have, has none."""
    team.member("boss", "administrator", emails=[{"value": "boss@toiture.example"}])
    told = []
    for address in ("jean@Toiture.example", "jean@post.example"):
        attributes = {**PERSON, "userName": address, "emails": [{"value": address}]}
        told.append(team.api.made("members", {"attributes": attributes})["warnings"])
    assert told[0] == []
    assert "not of the company (toiture.example)" in told[1][0]
    assert [each["warnings"] for each in team.api.read("members?state=invited")["items"]] == told
    other = portal(app, "archive")
    other.member("boss", "administration")
    assert other.api.made("members", {"attributes": PERSON})["warnings"] == []


def test_the_access_review_tells_who_holds_what(team: Portal, letters: Letters) -> None:
    """4.18: A report of who holds what, since when, through what, and when they last signed in."""
    acting, jean = team.acting(team.member("boss", "administrator")), team.member("jean", "poseur")
    suspended = team.member("paul")
    crew = team.group("Crew")
    team.add(crew, suspended)
    team.add(team.roles()["commercial"], crew)
    team.api.post(f"members/{suspended}/suspend")
    address = address_of(team, jean)
    choose_password(team, letters.link(address))
    before = {each["id"]: each for each in acting.read("access-review")["items"]}
    assert before[jean]["last_sign_in_at"] is None
    signed_in(team, address)
    review = {each["id"]: each for each in acting.read("access-review")["items"]}
    assert review[jean]["last_sign_in_at"] is not None
    (held,) = review[jean]["access"]
    assert (held["key"], held["kind"]) == ("poseur", "role")
    assert held["since"] is not None
    assert review[suspended]["state"] == "suspended"
    (held,) = review[suspended]["access"]
    assert [step["display"] for step in held["path"]] == ["Crew", "Sales"]
    problem_of(team.acting(jean).get("access-review"), 403)
    # What was found is put right at once.
    assert acting.send("PUT", f"members/{jean}/roles", {"roles": []}).status_code == 200
    assert jean not in {each["id"] for each in acting.read("access-review")["items"]}
