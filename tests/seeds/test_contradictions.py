"""Where the five portals contradict each other: one test for each switch, with what it does on every side."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.api import problem_of
from tests.delivery.conftest import Clock
from tests.portals import Portal, as_operator, portal
from tests.seeds.letters import Letters, accept

SEATS = {
    "delegated": "delegated-administrator",
    "customer-groups": "administrator",
    "contacts": "administrator",
    "assigned-orders": "administrator",
    "archive": "administration",
}
"""The role that has the administrator's seat, by profile."""

BUSINESS = {
    "delegated": ("order-management", "quotation-management"),
    "customer-groups": ("technician", "administrator"),
    "contacts": ("buyer", "consultation"),
    "assigned-orders": ("poseur", "commercial"),
    "archive": ("comptabilite", "informatique"),
}
"""Two roles, by profile."""

ADDRESS = "ada@company.example"
PERSON: dict[str, Any] = {
    "userName": "ada",
    "name": {"givenName": "Ada", "familyName": "Lovelace", "honorificPrefix": "Dr"},
    "emails": [{"value": ADDRESS}],
    "phoneNumbers": [{"value": "+33 1 23 45 67 89"}],
}


def seated(on: Portal, profile: str, *names: str) -> list[str]:
    """Return new members whom the operator has given the administrator's seat."""
    members = [on.member(name) for name in names]
    for member in members:
        given = as_operator(on).send("PUT", f"members/{member}/roles", {"roles": [SEATS[profile]]})
        assert given.status_code == 200, given.text
    return members


@pytest.mark.parametrize(
    ("profile", "asked", "status"),
    [
        ("delegated", "", 204),
        ("contacts", "", 204),
        ("assigned-orders", "?confirm={}", 204),
        ("assigned-orders", "", 400),
        ("archive", "?confirm={}", 403),
    ],
)
def test_deletion(app: Flask, profile: str, asked: str, status: int) -> None:
    """1.19, 3.10, 4.8, 5.10: Removed, binned, deleted with the name typed, or never deleted."""
    on = portal(app, profile)
    ada = on.member("ada")
    name = on.api.read(f"members/{ada}")["attributes"]["userName"]
    assert on.api.delete(f"members/{ada}{asked.format(name)}").status_code == status
    assert on.api.get(f"members/{ada}").status_code == (404 if status == 204 else 200)


@pytest.mark.parametrize(
    ("profile", "second", "advised"),
    [("delegated", 200, False), ("contacts", 409, False), ("archive", 200, True)],
)
def test_administrators(app: Flask, profile: str, second: int, advised: bool) -> None:
    """1.2, 3.11, 5.9: Many, exactly one whom the operator validates, or two that are advised."""
    on = portal(app, profile)
    first, other = on.member("first"), on.member("other")
    by_hand = on.api.send("PUT", f"members/{first}/roles", {"roles": [SEATS[profile]]})
    assert by_hand.status_code == second
    if second == 409:
        assert "the operator validates who has the role" in problem_of(by_hand, 409)["detail"]
        assert as_operator(on).send("PUT", f"members/{first}/roles", {"roles": [SEATS[profile]]}).status_code == 200
    warnings = on.api.read("seat")["warnings"]
    assert any("at least two administrators are advised" in each for each in warnings) == advised
    given = as_operator(on).send("PUT", f"members/{other}/roles", {"roles": [SEATS[profile]]})
    assert given.status_code == second
    assert len(on.api.read("seat")["administrators"]) == (2 if second == 200 else 1)


@pytest.mark.parametrize(
    ("profile", "business"),
    [
        ("delegated", set()),
        ("customer-groups", {"devices:read", "alarms:read"}),
        ("contacts", {"orders:read", "orders:create", "invoices:read"}),
        ("assigned-orders", {"orders:read", "orders:create", "orders:assign", "prices:read", "invoices:read"}),
        ("archive", set()),
    ],
)
def test_business_rights_of_administrators(app: Flask, profile: str, business: set[str]) -> None:
    """1.8, 5.5: None but to distribute roles, or those of the business too."""
    on = portal(app, profile)
    base = on.permissions(on.member("ada"))
    (admin,) = seated(on, profile, "admin")
    held = on.permissions(admin).keys()
    assert held == {"members:manage", "members:read"} | base.keys() | business


@pytest.mark.parametrize(
    ("profile", "status"),
    [("delegated", 200), ("customer-groups", 409), ("contacts", 409), ("assigned-orders", 409), ("archive", 200)],
)
def test_roles_per_person(app: Flask, profile: str, status: int) -> None:
    """1.16, 2.5, 3.3, 4.4, 5.1: One, a profile, or several."""
    on = portal(app, profile)
    seated(on, profile, "admin")
    ada = on.member("ada", BUSINESS[profile][0])
    answer = on.api.send("PUT", f"members/{ada}/roles", {"roles": list(BUSINESS[profile])})
    assert answer.status_code == status
    held = [each["key"] for each in on.api.read(f"members/{ada}/roles")["roles"]]
    assert len(held) == (2 if status == 200 else 1)


@pytest.mark.parametrize(
    ("profile", "status"),
    [("delegated", 409), ("customer-groups", 409), ("contacts", 409), ("assigned-orders", 201), ("archive", 409)],
)
def test_custom_roles(app: Flask, profile: str, status: int) -> None:
    """4.4: Roles of the organization's own, or none but the portal's; for its administrator too."""
    on = portal(app, profile)
    (admin,) = seated(on, profile, "admin")
    body = {"attributes": {"displayName": "Own"}, "kind": "role", "permissions": {"members:read": "organization"}}
    for client in (on.acting(admin), on.api):
        answer = client.post("groups", body)
        assert answer.status_code == status, answer.text
        body["attributes"] = {"displayName": "Another"}
    own = [each for each in on.api.read("roles")["items"] if each["key"] is None]
    assert len(own) == (2 if status == 201 else 0)


@pytest.mark.parametrize(
    ("profile", "attribute", "member", "administrator"),
    [
        ("assigned-orders", "title", 200, 200),
        ("contacts", "phoneNumbers", 403, 200),
        ("contacts", "preferredLanguage", 403, 200),
        ("archive", "phoneNumbers", 200, 200),
        ("archive", "name", 403, 200),
        ("customer-groups", "name", 200, 200),
        ("customer-groups", "emails", 403, 200),
    ],
)
def test_self_edit(app: Flask, profile: str, attribute: str, member: int, administrator: int) -> None:
    """3.15, 4.14, 2.7: Everything of one's own, some of it, or nothing; who manages members may always."""
    value: Any = {
        "title": "Fitter",
        "phoneNumbers": [{"value": "+33 6 00 00 00 00"}],
        "preferredLanguage": "en",
        "name": {"givenName": "Grace", "familyName": "Hopper", "honorificPrefix": "Dr"},
        "emails": [{"value": "other@company.example"}],
    }[attribute]
    on = portal(app, profile)
    (admin,) = seated(on, profile, "admin")
    for who, status in ((on.member("ada", BUSINESS[profile][0]), member), (admin, administrator)):
        answer = on.acting(who).patch(f"members/{who}", {"attributes": {attribute: value}})
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("profile", "status"),
    [("delegated", 200), ("customer-groups", 200), ("contacts", 400), ("assigned-orders", 200), ("archive", 200)],
)
def test_the_name_after_creation(app: Flask, profile: str, status: int) -> None:
    """1.4, 3.4: A name is changed, or frozen: then the person is deleted and created again."""
    on = portal(app, profile)
    ada = on.member("ada")
    renamed = {"givenName": "Ada", "familyName": "Byron", "honorificPrefix": "Dr"}
    answer = on.api.patch(f"members/{ada}", {"attributes": {"name": renamed}})
    assert answer.status_code == status
    kept = on.api.read(f"members/{ada}")["attributes"]["name"]["familyName"]
    assert kept == ("Byron" if status == 200 else "Lovelace")
    if status == 400:
        assert "delete the member and create another" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("profile", "state", "page"),
    [
        ("delegated", "invited", "invitation"),
        ("customer-groups", "invited", "invitation"),
        ("contacts", "active", "password"),
        ("assigned-orders", "invited", "invitation"),
        ("archive", "contact", None),
    ],
)
def test_access_on_creation(app: Flask, letters: Letters, profile: str, state: str, page: str | None) -> None:
    """1.3, 2.1, 3.9, 4.5, 5.3: By invitation, at once, or by an act of its own, as nothing else is asked for."""
    on = portal(app, profile)
    made = on.api.made("members", {"attributes": {**PERSON, "userName": profile}})
    assert made["state"] == state
    sent = letters.to(ADDRESS)
    assert len(sent) == (1 if page else 0)
    if page:
        assert f"/{on.organization.slug}/{page}/" in sent[0].get_content()


@pytest.mark.parametrize(("profile", "days"), [("customer-groups", 30), ("assigned-orders", 7)])
def test_the_life_of_an_invitation(app: Flask, letters: Letters, clock: Clock, profile: str, days: int) -> None:
    """2.6: 30 days, or fewer; then the link is refused, and says whom to ask."""
    on = portal(app, profile)
    on.api.made("members", {"attributes": PERSON})
    link = letters.link(ADDRESS)
    clock.later = timedelta(days=days) - timedelta(hours=1)
    assert on.api.post("invitations/read", {"link": link}).status_code == 200
    clock.later = timedelta(days=days) + timedelta(hours=1)
    assert "ask an administrator" in problem_of(accept(on, link), 410)["detail"]


@pytest.mark.parametrize(
    ("profile", "role", "permission", "scope"),
    [
        ("delegated", "order-management", "orders:read", "organization"),
        ("customer-groups", "technician", "devices:read", "customer_groups"),
        ("contacts", "consultation", "orders:read", "organization"),
        ("assigned-orders", "poseur", "orders:read", "assigned"),
        ("archive", "comptabilite", "orders:read", "organization"),
    ],
)
def test_the_scope_of_permissions(app: Flask, profile: str, role: str, permission: str, scope: str) -> None:
    """2.14, 4.13, 5.6: The customer groups shared with a person, what is assigned to them, or all there is."""
    on = portal(app, profile)
    ada = on.member("ada", role)
    assert on.permissions(ada)[permission] == scope
    customers = on.group("Customers", "customerGroup")
    assert on.api.post("assignments", {"object": "order:1", "assignees": [ada]}).status_code == 204
    assert on.api.post("assignments", {"object": "order:2", "assignees": [customers]}).status_code == 204
    on.add(customers, ada)
    reached = [order for order in ("order:1", "order:2", "order:3") if on.may(ada, permission, order)]
    assert (
        reached
        == {
            "organization": ["order:1", "order:2", "order:3"],
            "customer_groups": ["order:2"],
            "assigned": ["order:1", "order:2"],
        }[scope]
    )
