"""Members, teams and roles through the API: who may do what, through what, and who may give it."""

import pytest
from flask import Flask

from tests.api import errors_of, problem_of
from tests.directory import new_client
from tests.portals import Portal, portal

ADMINISTRATOR = "delegated-administrator"
INVOICES = "invoice-management"


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app)


def test_roles_reach_members_directly_through_teams_and_sub_teams(delegated: Portal) -> None:
    """A permission tells each step it came by, and goes when a step does."""
    ada = delegated.member()
    before = delegated.permissions(ada)
    assert "invoices:read" not in before
    upper, lower = delegated.group("Paris"), delegated.group("Paris, accounts")
    assert delegated.api.patch(f"groups/{lower}", {"parent": upper}).status_code == 200
    delegated.add(lower, ada)
    delegated.add(delegated.roles()[INVOICES], upper)
    rights = delegated.rights(ada)
    (reason,) = next(each for each in rights["permissions"] if each["permission"] == "invoices:read")["reasons"]
    assert [step["display"] for step in reason["path"]] == ["Paris, accounts", "Paris", "Invoice Management"]
    assert all(step["since"] and step["mapping"] is None for step in reason["path"])
    assert delegated.api.patch(f"groups/{lower}", {"parent": None}).status_code == 200
    assert delegated.permissions(ada) == before


def test_what_a_member_may_has_a_version(delegated: Portal) -> None:
    """The same rights answer 304, others do not."""
    ada = delegated.member()
    place = f"members/{ada}/permissions"
    etag = delegated.api.get(place).headers["ETag"]
    assert delegated.api.get(place, If_None_Match=etag).status_code == 304
    delegated.api.send("PUT", f"members/{ada}/roles", {"roles": [INVOICES]})
    assert delegated.api.get(place, If_None_Match=etag).status_code == 200


def test_who_has_no_access_may_nothing(delegated: Portal) -> None:
    """Roles stay for when access comes back."""
    delegated.member("admin", ADMINISTRATOR)
    ada = delegated.member("ada", INVOICES)
    assert delegated.may(ada, "invoices:read")
    assert delegated.api.post(f"members/{ada}/suspend").get_json()["state"] == "suspended"
    assert delegated.permissions(ada) == {}
    assert not delegated.may(ada, "invoices:read")
    assert delegated.api.post(f"members/{ada}/restore").get_json()["state"] == "active"
    assert delegated.may(ada, "invoices:read")


def test_teams_cannot_be_parts_of_each_other(delegated: Portal) -> None:
    """Neither directly nor at any depth; a sub-team leaves its team by being moved alone."""
    first, second, third = (delegated.group(name) for name in ("first", "second", "third"))
    for below, above in ((second, first), (third, second)):
        assert delegated.api.patch(f"groups/{below}", {"parent": above}).status_code == 200
    for above in (first, second, third):
        assert delegated.api.patch(f"groups/{first}", {"parent": above}).status_code == 409
    delegated.api.delete(f"groups/{first}/members/{second}")
    assert [each["id"] for each in delegated.api.read(f"groups/{first}/members")["items"]] == [second]
    assert delegated.api.delete(f"groups/{first}").status_code == 409
    assert delegated.api.delete(f"groups/{third}").status_code == 204


def test_names_are_unique_within_kind_and_parent(delegated: Portal) -> None:
    """Two teams of one name can be parts of different teams."""
    first, second = delegated.group("first"), delegated.group("second")
    delegated.group("accounts", parent=first)
    delegated.group("accounts", parent=second)
    delegated.group("accounts", "customerGroup")
    delegated.group("accounts")
    again = delegated.api.post("groups", {"attributes": {"displayName": "ACCOUNTS"}, "parent": first})
    assert again.status_code == 409


def test_roles_and_customer_groups_are_members_of_nothing(delegated: Portal) -> None:
    """They are what members and teams are given."""
    team = delegated.group("team")
    for kind in (delegated.roles()[INVOICES], delegated.group("customers", "customerGroup")):
        answer = delegated.api.post(f"groups/{team}/members", {"members": [kind]})
        assert "/members" in errors_of(answer)


def test_a_pushed_group_is_a_team_whatever_its_name(delegated: Portal) -> None:
    """An identity provider does not make a role by naming a group like one, nor sees those there are."""
    entra = new_client(delegated.app, organization=delegated.organization)
    ada = entra.new_user("ada@example.com")
    pushed = entra.new_group("Invoice Management", [ada])
    assert entra.read("/Groups")["totalResults"] == 1
    assert delegated.api.read(f"groups/{pushed}")["kind"] == "team"
    assert not delegated.may(ada, "invoices:read")


def test_a_connection_fills_what_it_was_granted(delegated: Portal) -> None:
    """It finds the role by name, fills it, and gives it back by deleting it; the role stays, empty."""
    entra = new_client(delegated.app, organization=delegated.organization)
    role = delegated.roles()[INVOICES]
    ada = entra.new_user("ada@example.com")
    assert entra.read('/Groups?filter=displayName eq "invoice management"')["totalResults"] == 0
    assert delegated.api.patch(f"groups/{role}", {"connection": entra.connection.id}).status_code == 200
    (found,) = entra.read('/Groups?filter=displayName eq "invoice management"')["Resources"]
    assert found["id"] == role
    assert entra.patch(f"/Groups/{role}", {"op": "add", "path": "members", "value": [{"value": ada}]}).status_code < 300
    assert delegated.may(ada, "invoices:read")
    by_hand = delegated.api.send("PUT", f"members/{ada}/roles", {"roles": []})
    assert "a connection fills the role" in problem_of(by_hand, 409)["detail"]
    assert entra.delete(f"/Groups/{role}").status_code == 204
    assert entra.get(f"/Groups/{role}").status_code == 404
    assert not delegated.may(ada, "invoices:read")
    assert delegated.roles()[INVOICES] == role
    assert delegated.api.send("PUT", f"members/{ada}/roles", {"roles": [INVOICES]}).status_code == 200


@pytest.mark.parametrize("source", ["id", "name", "role", "role in JSON"])
def test_a_mapping_gives_what_a_connection_says(delegated: Portal, source: str) -> None:
    """By the id or the name of a pushed group, or by a value of roles; the preview says so before, and to take it."""
    entra = new_client(delegated.app, organization=delegated.organization)
    value = '{"id":"1","value":"FIN-FR","displayName":"Finance"}' if source == "role in JSON" else "FIN-FR"
    ada = entra.new_user("ada@example.com", roles=[{"value": value}] if "role" in source else [])
    pushed = entra.new_group("FIN-FR", [ada] if "role" not in source else [])
    wanted = {
        "connection": entra.connection.name,
        "source": "role" if "role" in source else "group",
        "value": pushed if source == "id" else "FIN-FR",
        "group": delegated.roles()[INVOICES],
    }
    preview = delegated.api.post("mappings/preview", {"create": wanted}).get_json()["items"]
    given = ["invoices:read@organization", "orders:read@organization", "quotations:read@organization"]
    assert [(each["member_id"], each["gives"], each["takes"]) for each in preview] == [(ada, given, [])]
    assert not delegated.may(ada, "invoices:read")
    made = delegated.api.made("mappings", wanted)
    assert delegated.may(ada, "invoices:read")
    (reason,) = next(each for each in delegated.rights(ada)["permissions"] if each["permission"] == "invoices:read")[
        "reasons"
    ]
    last = reason["path"][-1]
    assert (last["mapping"], last["mapped_from"], last["connection"]) == (made["id"], "FIN-FR", entra.connection.name)
    taken = delegated.api.post("mappings/preview", {"remove": made["id"]}).get_json()["items"]
    assert [(each["member_id"], each["gives"], each["takes"]) for each in taken] == [(ada, [], given)]
    assert delegated.api.delete(f"mappings/{made['id']}").status_code == 204
    assert not delegated.may(ada, "invoices:read")


def test_a_mapping_follows_what_the_connection_changes(delegated: Portal) -> None:
    """A value taken away, a group renamed or a person removed gives nothing any more."""
    entra = new_client(delegated.app, organization=delegated.organization)
    grace, ada = entra.new_user("grace@example.com", roles=[{"value": "fin"}]), entra.new_user("ada@example.com")
    pushed = entra.new_group("Finance", [ada])
    for source, value in (("role", "FIN"), ("group", "finance")):
        body = {
            "connection": entra.connection.id,
            "source": source,
            "value": value,
            "group": delegated.roles()[INVOICES],
        }
        delegated.api.made("mappings", body)
    assert delegated.may(grace, "invoices:read")
    assert delegated.may(ada, "invoices:read")
    entra.patch(f"/Users/{grace}", {"op": "remove", "path": "roles"})
    assert not delegated.may(grace, "invoices:read")
    entra.patch(f"/Groups/{pushed}", {"op": "replace", "path": "displayName", "value": "Others"})
    assert not delegated.may(ada, "invoices:read")


def test_values_that_no_connection_says_give_nothing(delegated: Portal) -> None:
    """Who may write attributes through the API does not give roles by them."""
    entra = new_client(delegated.app, organization=delegated.organization)
    body = {"connection": entra.connection.id, "source": "role", "value": "fin", "group": delegated.roles()[INVOICES]}
    delegated.api.made("mappings", body)
    ada = entra.new_user("ada@example.com")
    delegated.api.patch(f"members/{ada}", {"attributes": {"roles": [{"value": "fin"}]}})
    assert not delegated.may(ada, "invoices:read")


def test_an_administrator_without_business_rights_gives_them_and_gains_none(delegated: Portal) -> None:
    """They give roles to others, by hand and by teams, and nothing to themselves by any way."""
    admin, ada = delegated.member("admin", ADMINISTRATOR), delegated.member("ada")
    acting = delegated.acting(admin)
    assert acting.send("PUT", f"members/{ada}/roles", {"roles": [INVOICES]}).status_code == 200
    assert delegated.may(ada, "invoices:read")
    assert acting.send("PUT", f"members/{admin}/roles", {"roles": [ADMINISTRATOR, INVOICES]}).status_code == 403
    team = delegated.group("team")
    delegated.add(team, admin)
    gained = acting.post(f"groups/{delegated.roles()[INVOICES]}/members", {"members": [team]})
    assert "you would gain invoices:read" in problem_of(gained, 403)["detail"]
    joined = acting.post(f"groups/{delegated.roles()[INVOICES]}/members", {"members": [admin]})
    assert joined.status_code == 403
    assert "invoices:read" not in delegated.permissions(admin)
    assert acting.post(f"members/{admin}/suspend").status_code == 403
    assert acting.delete(f"members/{admin}").status_code == 403


def test_who_does_not_manage_members_is_told_whom_to_ask(delegated: Portal) -> None:
    """They change nobody, and read nothing but what is theirs."""
    admin, ada = delegated.member("admin", ADMINISTRATOR), delegated.member("ada", INVOICES)
    acting = delegated.acting(ada)
    refused = acting.post(f"members/{admin}/suspend")
    name = delegated.api.read(f"members/{admin}")["attributes"]["userName"]
    assert f"ask an administrator: {name}" in problem_of(refused, 403)["detail"]
    for method, place in (("GET", "members"), ("POST", "members"), ("GET", f"members/{admin}"), ("GET", "groups")):
        assert acting.send(method, place, {"attributes": {}} if method == "POST" else None).status_code == 403
    assert acting.get(f"members/{ada}").status_code == 200
    assert acting.get(f"members/{ada}/permissions").status_code == 200
    assert acting.get("connections").status_code == 403


def test_nobody_acts_for_who_has_no_access(delegated: Portal) -> None:
    """A member who is suspended or unknown does nothing any more."""
    delegated.member("first", ADMINISTRATOR)
    admin = delegated.member("admin", ADMINISTRATOR)
    acting = delegated.acting(admin)
    assert acting.get("members").status_code == 200
    delegated.api.post(f"members/{admin}/suspend")
    assert acting.get("members").status_code == 403
    assert acting.get(f"members/{admin}").status_code == 403


def test_the_last_administrator_keeps_the_seat(delegated: Portal) -> None:
    """Whatever would leave nobody is refused with the way out; with another administrator it is not."""
    admin = delegated.member("admin", ADMINISTRATOR)
    role = delegated.roles()[ADMINISTRATOR]
    attempts: tuple[tuple[str, str, object], ...] = (
        ("POST", f"members/{admin}/suspend", None),
        ("POST", f"members/{admin}/archive", None),
        ("PATCH", f"members/{admin}", {"active": False}),
        ("PUT", f"members/{admin}/roles", {"roles": []}),
        ("DELETE", f"groups/{role}/members/{admin}", None),
        ("DELETE", f"members/{admin}", None),
    )
    for method, place, body in attempts:
        assert "name a deputy" in problem_of(delegated.api.send(method, place, body), 409)["detail"]
    assert delegated.state(admin) == "active"
    delegated.member("second", ADMINISTRATOR)
    assert delegated.api.post(f"members/{admin}/suspend").status_code == 200


def test_the_identity_provider_is_never_refused_for_the_seat(delegated: Portal) -> None:
    """Access ends at once, and the provider gets its 200."""
    entra = new_client(delegated.app, organization=delegated.organization)
    admin = entra.new_user("admin@example.com")
    delegated.api.send("PUT", f"members/{admin}/roles", {"roles": [ADMINISTRATOR]})
    answer = entra.patch(f"/Users/{admin}", {"op": "replace", "path": "active", "value": False})
    assert answer.status_code == 200
    assert delegated.permissions(admin) == {}


def test_lists_are_narrowed_by_state_group_and_kind(delegated: Portal) -> None:
    """What SCIM's filters do not know is a parameter of its own."""
    delegated.member("admin", ADMINISTRATOR)
    contact, ada = delegated.member("contact", access="none"), delegated.member("ada", INVOICES)
    assert [each["id"] for each in delegated.api.walk("members?state=contact")] == [contact]
    assert [each["id"] for each in delegated.api.walk(f"members?group={delegated.roles()[INVOICES]}")] == [ada]
    assert delegated.api.read("members?state=active")["total"] == 2
    assert {each["kind"] for each in delegated.api.walk("groups?kind=role", limit=3)} == {"role"}


@pytest.mark.parametrize(
    ("place", "field"),
    [
        ("members/{ada}/check?permission=nothing:much", "permission"),
        ("members/{ada}/check", "permission"),
        ("members/{ada}/check?permission=orders:read&object=4711", "object"),
        ("members?state=gone", "state"),
        ("members?group=nobody", "group"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(delegated: Portal, place: str, field: str) -> None:
    """The error says what is accepted."""
    assert field in errors_of(delegated.api.get(place.format(ada=delegated.member())))
