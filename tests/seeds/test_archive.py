"""Several roles each, access as an act of its own, and nobody is ever deleted: the rows 5.1 to 5.15."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from scim_server.actions.imports import import_some, in_the_name_of, verify_some
from scim_server.store.imports import ImportRecord, get_import
from scim_server.store.session import Credentials, Store, begin
from tests.api import ApiClient, problem_of
from tests.directory import new_client, trail_of
from tests.portals import Portal, portal
from tests.seeds.letters import Letters, address_of, choose_password, is_signed_in, signed_in

BASE = {"support:create": "organization", "team:contact": "organization"}
DISTRIBUTION = {"members:manage": "organization", "members:read": "organization"}
PERSON: dict[str, Any] = {
    "userName": "ada",
    "name": {"givenName": "Ada", "familyName": "Lovelace"},
    "emails": [{"value": "ada@coop.example"}],
}
FILE = (
    "userName;email;givenName;familyName;roles;active\r\n"
    "ada;ada@coop.example;Ada;Lovelace;{accounting};oui\r\n"
    "grace;grace@coop.example;Grace;Hopper;;non\r\n"
)


@pytest.fixture
def coop(app: Flask) -> Portal:
    """An organization that manages its users and the roles they have."""
    return portal(app, "archive")


@pytest.fixture
def manager(coop: Portal) -> ApiClient:
    """The API as somebody uses it who distributes roles."""
    return coop.acting(coop.member("manager", "administration"))


def test_a_user_is_created_with_as_many_roles_as_needed(coop: Portal, manager: ApiClient) -> None:
    """5.1, 5.2: None, one or several; without any, they open support requests and contact the team."""
    held: list[dict[str, str]] = []
    for roles in ([], ["comptabilite"], ["comptabilite", "informatique"]):
        attributes = {**PERSON, "userName": f"ada{len(roles)}"}
        made = manager.made("members", {"attributes": attributes, "roles": roles, "access": "grant"})
        assert [each["key"] for each in coop.api.read(f"members/{made['id']}/roles")["roles"]] == roles
        held.append(coop.permissions(made["id"]))
    assert held[0] == BASE
    assert {"invoices:read", "orders:read"} == held[1].keys() - BASE.keys()
    assert {"invoices:read", "orders:read", "support:read"} == held[2].keys() - BASE.keys()


def test_access_is_an_act_of_its_own(coop: Portal, manager: ApiClient, letters: Letters) -> None:
    """5.3: Who is created has none and is sent nothing; authorising it sends the link to choose a password."""
    ada = manager.made("members", {"attributes": PERSON, "roles": ["comptabilite"]})
    assert ada["state"] == "contact"
    assert coop.permissions(ada["id"]) == {}
    assert letters.to("ada@coop.example") == []
    assert manager.post(f"members/{ada['id']}/access").get_json()["state"] == "active"
    (sent,) = letters.to("ada@coop.example")
    assert "votre accès au portail" in sent["Subject"].lower() or "your access to the portal" in sent["Subject"].lower()
    assert choose_password(coop, letters.link("ada@coop.example")) == 204
    assert is_signed_in(coop, signed_in(coop, "ada"))
    assert coop.may(ada["id"], "invoices:read")


def test_access_is_revoked_at_any_time(coop: Portal, manager: ApiClient, letters: Letters) -> None:
    """5.4: At once, with the sessions; the record stays, with its roles, for when access is authorised again."""
    ada = coop.member("ada", "comptabilite")
    address = address_of(coop, ada)
    assert choose_password(coop, letters.link(address)) == 204
    session = signed_in(coop, address)
    assert manager.post(f"members/{ada}/suspend").get_json()["state"] == "suspended"
    assert not is_signed_in(coop, session)
    assert coop.permissions(ada) == {}
    assert manager.post(f"members/{ada}/access").get_json()["state"] == "active"
    assert coop.may(ada, "invoices:read")
    assert not is_signed_in(coop, session)


def test_roles_are_distributed_within_ones_own_organization(app: Flask, coop: Portal, manager: ApiClient) -> None:
    """5.5: Who has `Administration` gives every role and gains none of its rights; elsewhere they do nothing."""
    (me, *_) = [each["id"] for each in coop.api.read("seat")["administrators"]]
    assert coop.permissions(me) == BASE | DISTRIBUTION
    ada = coop.member("ada")
    everything = ["administration", "comptabilite", "gestion-flotte", "informatique"]
    assert manager.send("PUT", f"members/{ada}/roles", {"roles": everything}).status_code == 200
    problem_of(manager.send("PUT", f"members/{me}/roles", {"roles": everything}), 403)
    problem_of(coop.acting(coop.member("eve", "comptabilite")).send("PUT", f"members/{ada}/roles", {"roles": []}), 403)

    other = portal(app, "archive")
    bob = other.member("bob", "comptabilite")
    there = f"/organizations/{other.organization.slug}/members/{bob}"
    for method, place in (("PUT", f"{there}/roles"), ("PUT", f"members/{bob}/roles")):
        assert manager.send(method, place, {"roles": []}).status_code in (403, 404)
    assert manager.post(f"groups/{coop.roles()['comptabilite']}/members", {"members": [bob]}).status_code == 400
    assert other.may(bob, "invoices:read")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("comptabilite", {"invoices:read", "orders:read"}),
        ("gestion-flotte", {"orders:create", "contracts:terminate", "devices:assign"}),
        ("informatique", {"support:create", "support:read"}),
    ],
)
def test_each_role_gives_what_it_says(coop: Portal, role: str, allowed: set[str]) -> None:
    """5.6, 5.7, 5.8: Over all of the organization, and nothing else than what everybody has."""
    assert coop.permissions(coop.member("ada", role)) == BASE | dict.fromkeys(allowed, "organization")


def test_a_trusted_person_stands_in(coop: Portal, manager: ApiClient) -> None:
    """5.9: With one administrator it is said that two are advised; another gets the same rights, or is the deputy."""
    assert "at least two administrators are advised" in manager.read("seat")["warnings"][0]
    trusted = coop.member("trusted")
    assert manager.send("PUT", "deputy", {"member": trusted}).status_code == 200
    assert coop.permissions(trusted) == BASE
    (me,) = [each["id"] for each in manager.read("seat")["administrators"]]
    entra = new_client(coop.app, organization=coop.organization)
    entra.patch(f"/Users/{me}", {"op": "replace", "path": "active", "value": False})
    assert coop.permissions(trusted) == BASE | DISTRIBUTION
    entra.patch(f"/Users/{me}", {"op": "replace", "path": "active", "value": True})
    assert coop.permissions(trusted) == BASE
    assert manager.send("PUT", "deputy", {"member": None}).status_code == 200
    assert manager.send("PUT", f"members/{trusted}/roles", {"roles": ["administration"]}).status_code == 200
    assert coop.permissions(trusted) == coop.permissions(me)
    assert manager.read("seat")["warnings"] == []


def test_nobody_is_ever_deleted(coop: Portal, manager: ApiClient) -> None:
    """5.10: Neither by hand, nor by the portal, nor by an identity provider, whose DELETE leaves a tombstone."""
    ada = coop.member("ada")
    for client in (manager, coop.api):
        refused = client.delete(f"members/{ada}")
        assert "members are never deleted here; archive them" in problem_of(refused, 403)["detail"]
    entra = new_client(coop.app, organization=coop.organization)
    pushed = entra.new_user("grace@coop.example")
    assert entra.delete(f"/Users/{pushed}").status_code == 204
    assert entra.get(f"/Users/{pushed}").status_code == 404
    assert [each["id"] for each in coop.api.read("tombstones")["items"]] == [pushed]
    assert manager.post(f"tombstones/{pushed}/restore").get_json()["state"] == "archived"
    # NB: who was archived can still ask to be forgotten: the record stays, and nobody knows whose it was.
    assert manager.post(f"members/{pushed}/erase").get_json()["attributes"] == {"userName": f"erased-{pushed}"}


def test_who_leaves_loses_access_first_and_is_archived_then(coop: Portal, manager: ApiClient) -> None:
    """5.11: One act does both, in that order; and nothing of theirs is left without somebody."""
    ada, heir = coop.member("ada", "gestion-flotte"), coop.member("heir")
    assert coop.api.post("assignments", {"object": "device:7", "assignees": [ada]}).status_code == 204
    assert "hand_over_to" in problem_of(manager.post(f"members/{ada}/archive"), 409)["detail"]
    assert coop.state(ada) == "active"
    gone = manager.post(f"members/{ada}/archive?hand_over_to={heir}").get_json()
    assert (gone["state"], gone["active"]) == ("archived", False)
    steps = [each.changes["state"] for each in trail_of(coop.organization) if each.changes.get("state")]
    assert steps[-2:] == [{"from": "active", "to": "suspended"}, {"from": "suspended", "to": "archived"}]
    assert [each["object_id"] for each in coop.api.read(f"members/{heir}/assignments")["items"]] == ["7"]
    assert coop.permissions(ada) == {}
    problem_of(manager.post(f"members/{ada}/access"), 409)
    assert manager.post(f"members/{ada}/restore").get_json()["state"] == "suspended"
    assert [each["id"] for each in coop.api.read("members?state=suspended")["items"]] == [ada]


def test_the_list_of_users_is_exported(coop: Portal, manager: ApiClient) -> None:
    """5.12: Everybody, with their roles and teams, for who may see the list."""
    accounting = next(each["display"] for each in coop.api.read("roles")["items"] if each["key"] == "comptabilite")
    ada = coop.member("ada", "comptabilite")
    coop.add(coop.group("Paris"), ada)
    exported = manager.get("members.csv")
    assert exported.content_type == "text/csv; charset=utf-8"
    header, *rows = exported.data.decode("utf-8-sig").splitlines()
    assert header.startswith("userName,externalId,email,givenName,familyName,")
    assert len(rows) == 2
    (row,) = [each for each in rows if address_of(coop, ada) in each]
    assert {accounting, "Paris", "true"} <= set(row.split(","))
    problem_of(coop.acting(ada).get("members.csv"), 403)


def worked(on: Portal, import_id: str, step: Callable[[Store, Credentials, str], ImportRecord]) -> Any:
    """Let a worker verify or import, and return what the API says of it."""
    store, operator = on.organization.store, on.organization.operator
    with begin(store, operator, write=False) as tenant:
        found = get_import(tenant, import_id)
    step(store, in_the_name_of(found, on.organization.id), import_id)
    return on.api.read(f"imports/{import_id}")


def test_an_import_is_verified_before_it_is_done(coop: Portal, manager: ApiClient) -> None:
    """5.13: Template, filled, chosen, verified, imported: what is wrong is told by row, and nobody is there before."""
    template = manager.get("members-template.csv").data.decode("utf-8-sig").strip()
    accounting = next(each["display"] for each in coop.api.read("roles")["items"] if each["key"] == "comptabilite")
    file = FILE.format(accounting=accounting)
    assert set(file.splitlines()[0].split(";")) <= set(template.split(","))

    def chosen(content: str) -> str:
        answer = manager.send("POST", "imports", content.encode(), Content_Type="text/csv; charset=utf-8")
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["id"])

    wrong = chosen(file + "eve;none;Eve;;;\r\n")
    assert worked(coop, wrong, verify_some)["status"] == "faulty"
    faults = {(each["row"], each["column"]) for each in coop.api.read(f"imports/{wrong}/faults")["items"]}
    assert (4, "email") in faults
    problem_of(manager.post(f"imports/{wrong}/import"), 409)

    right = chosen(file)
    verified = worked(coop, right, verify_some)
    assert (verified["status"], verified["created"]) == ("verified", 2)
    assert coop.api.read("members")["total"] == 1
    assert manager.post(f"imports/{right}/import").status_code == 202
    assert worked(coop, right, import_some)["status"] == "imported"
    people = {each["attributes"]["userName"]: each for each in coop.api.read("members")["items"]}
    assert (people["ada"]["state"], people["grace"]["state"]) == ("active", "contact")
    assert coop.may(people["ada"]["id"], "invoices:read")


def test_teams_have_users_and_sub_teams(coop: Portal, manager: ApiClient) -> None:
    """5.14, 5.15: Who is in a sub-team is in its team too, and has what it has; no team is part of itself."""
    ada, grace = coop.member("ada"), coop.member("grace")
    paris = manager.made("groups", {"attributes": {"displayName": "Paris"}, "kind": "team"})["id"]
    accounts = manager.made("groups", {"attributes": {"displayName": "Accounts"}, "kind": "team", "parent": paris})[
        "id"
    ]
    assert manager.post(f"groups/{paris}/members", {"members": [grace]}).status_code == 204
    assert manager.post(f"groups/{accounts}/members", {"members": [ada]}).status_code == 204
    assert {each["id"] for each in coop.api.read(f"groups/{paris}/members")["items"]} == {grace, accounts}
    assert {each["id"] for each in coop.api.read(f"members?group={paris}")["items"]} == {ada, grace}
    assert manager.post(f"groups/{coop.roles()['comptabilite']}/members", {"members": [paris]}).status_code == 204
    assert coop.may(ada, "invoices:read")
    assert coop.may(grace, "invoices:read")
    for parent in (paris, accounts):
        problem_of(manager.patch(f"groups/{paris}", {"parent": parent}), 409)
    shown = new_client(coop.app, organization=coop.organization)
    assert shown.get(f"/Groups/{paris}").status_code == 404
    assert manager.patch(f"groups/{accounts}", {"parent": None}).status_code == 200
    assert not coop.may(ada, "invoices:read")
    assert coop.may(grace, "invoices:read")
