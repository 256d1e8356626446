"""The administrator's seat through the API: who has it, who stands in, and how it is handed over."""

import base64
import hashlib
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from scim_server.store.member_sessions import insert_session
from scim_server.store.session import begin
from tests.api import ApiClient, api_client, errors_of, problem_of
from tests.directory import KEY, NOBODY, Client, new_client, trail_of
from tests.portals import Portal, as_operator, portal

pytestmark = pytest.mark.usefixtures("tenant_guard")

ADMINISTRATOR = "delegated-administrator"
INVOICES = "invoice-management"
LETTER = b"%PDF-1.7 I agree."
EVIDENCE = {"name": "letter.pdf", "type": "application/pdf", "content": base64.b64encode(LETTER).decode()}


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app)


@pytest.fixture
def contacts(app: Flask) -> Portal:
    """An organization with one administrator, whom the operator validates."""
    return portal(app, "contacts")


def provider(on: Portal) -> Client:
    """Return the organization's identity provider."""
    return new_client(on.app, organization=on.organization)


def deprovision(on: Portal, member: str) -> None:
    """End the access of a member as an identity provider does."""
    answer = provider(on).patch(f"/Users/{member}", {"op": "replace", "path": "active", "value": False})
    assert answer.status_code == 200


def asked(client: ApiClient, to: str, **more: Any) -> str:
    """Ask for a hand-over with evidence and return its id."""
    body = {"to_member": to, "reason": "She leaves.\nHe stays.", "evidence": EVIDENCE, **more}
    return str(client.made("hand-overs", body)["id"])


def decided(on: Portal, hand_over: str, verb: str = "approve", **body: Any) -> TestResponse:
    """Let the operator decide."""
    return as_operator(on).post(f"hand-overs/{hand_over}/{verb}", body)


def seated(on: Portal) -> list[str]:
    """Return the ids of the administrators."""
    return [each["id"] for each in on.api.read("seat")["administrators"]]


def lost(on: Portal, *roles: str) -> str:
    """Let the organization lose its only administrator, and return the id of another member."""
    admin, ada = on.member("admin", ADMINISTRATOR), on.member("ada", *roles)
    deprovision(on, admin)
    return ada


def test_every_member_reads_the_seat(delegated: Portal) -> None:
    """With the administrators' addresses, or a mailbox in place of them; who has no access reads nothing."""
    admin, ada = delegated.member("admin", ADMINISTRATOR), delegated.member("ada")
    acting = delegated.acting(ada)
    (shown,) = acting.read("seat")["administrators"]
    assert shown["id"] == admin
    assert shown["email"].startswith("admin")
    assert delegated.api.patch("", {"contact_email": "it@example.com"}).status_code == 200
    seat = acting.read("seat")
    assert seat["contact_email"] == "it@example.com"
    assert [each["email"] for each in seat["administrators"]] == [None]
    assert "@example.com" not in str(seat["administrators"])
    assert delegated.api.patch("", {"contact_email": None}).get_json()["contact_email"] is None
    assert "/contact_email" in errors_of(delegated.api.patch("", {"contact_email": "nobody"}))
    delegated.api.post(f"members/{ada}/suspend")
    problem_of(acting.get("seat"), 403)


def test_the_seat_says_what_to_mind(app: Flask) -> None:
    """No administrator, no deputy, one where two are advised."""
    archive = portal(app, "archive")
    assert archive.api.read("seat")["warnings"] == ["there is no administrator yet"]
    assert not archive.api.read("seat")["in_recovery"]
    first = archive.member("first", "administration")
    warnings = archive.api.read("seat")["warnings"]
    assert [each.split(":")[0].split(",")[0] for each in warnings] == [
        "at least two administrators are advised",
        "there is no deputy",
    ]
    archive.member("second", "administration")
    assert archive.api.read("seat")["warnings"] == []
    assert len(seated(archive)) == 2
    deprovision(archive, first)
    assert len(archive.api.read("seat")["warnings"]) == 2


def test_the_deputy_stands_in_while_there_is_no_administrator(delegated: Portal) -> None:
    """From the moment the last one loses access until one has it again."""
    admin, ada = delegated.member("admin", ADMINISTRATOR), delegated.member("ada")
    named = delegated.acting(admin).send("PUT", "deputy", {"member": ada})
    assert named.get_json()["deputy_id"] == ada
    assert "members:manage" not in delegated.permissions(ada)
    assert delegated.api.read("seat")["deputy"]["id"] == ada
    deprovision(delegated, admin)
    assert "members:manage" in delegated.permissions(ada)
    seat = delegated.api.read("seat")
    assert (seat["in_recovery"], seat["administrators"]) == (False, [])
    assert "the deputy has the seat" in seat["warnings"][0]
    for method, place, body in (("PUT", "deputy", {"member": None}), ("POST", f"members/{ada}/suspend", None)):
        problem_of(delegated.api.send(method, place, body), 409)
    provider(delegated).patch(f"/Users/{admin}", {"op": "replace", "path": "active", "value": True})
    assert "members:manage" not in delegated.permissions(ada)
    assert delegated.api.send("PUT", "deputy", {"member": None}).get_json()["deputy_id"] is None


def test_a_deputy_has_access_and_is_no_administrator(delegated: Portal) -> None:
    """Nobody names themselves; who may not give what the seat gives names nobody."""
    admin = delegated.member("admin", ADMINISTRATOR)
    for member, status in ((admin, 409), (delegated.member(access="none"), 409), (NOBODY, 404)):
        problem_of(delegated.api.send("PUT", "deputy", {"member": member}), status)
    problem_of(delegated.acting(admin).send("PUT", "deputy", {"member": admin}), 403)
    acting = delegated.acting(delegated.member("ada", INVOICES))
    problem_of(acting.send("PUT", "deputy", {"member": delegated.member()}), 403)
    assert delegated.api.send("PUT", "deputy", {"member": None}, If_Match='W/"99"').status_code == 412


def test_access_and_the_seat_are_given_only_by_who_could_give_what_comes_with_them(app: Flask) -> None:
    """Who manages members and nothing else gives no role, no access back, and no deputy more than they have."""
    orders = portal(app, "assigned-orders")
    orders.member("admin", "administrator")
    orders.group("lesser", "role", permissions={"members:manage": "organization"})
    acting = orders.acting(orders.member("manager", orders.roles()["lesser"]))
    ada, ben = orders.member("ada"), orders.member("ben", "commercial")
    for client in (orders.api, acting):
        orders.api.post(f"members/{ben}/suspend")
        status = 200 if client is orders.api else 403
        assert client.post(f"members/{ben}/restore").status_code == status
    for method, place, body in (
        ("PATCH", f"members/{ben}", {"active": True}),
        ("PUT", f"members/{ada}/roles", {"roles": ["commercial"]}),
        ("PUT", "deputy", {"member": ada}),
    ):
        assert "you may not give" in problem_of(acting.send(method, place, body), 403)["detail"]


def test_a_hand_over_is_a_request_evidence_and_an_approval(contacts: Portal) -> None:
    """The seat goes from one to the other at once, and the trail knows the letter by its digest."""
    operator = as_operator(contacts)
    anna, ben = contacts.member("anna"), contacts.member("ben", "buyer")
    assert operator.send("PUT", f"members/{anna}/roles", {"roles": ["administrator"]}).status_code == 200
    hand_over = asked(contacts.acting(anna), ben, from_member=anna)
    pending = contacts.acting(ben).read("seat")["request"]
    assert (pending["id"], pending["kind"], pending["to_member"]) == (hand_over, "hand_over", ben)
    assert seated(contacts) == [anna]
    shown = contacts.acting(anna).read(f"hand-overs/{hand_over}")
    assert shown["requested_by"] == anna
    assert shown["evidence"]["sha256"] == hashlib.sha256(LETTER).hexdigest()
    approved = decided(contacts, hand_over, note="Welcome").get_json()
    assert (approved["status"], approved["note"]) == ("approved", "Welcome")
    assert seated(contacts) == [ben]
    assert [each["key"] for each in contacts.api.read(f"members/{ben}/roles")["roles"]] == ["administrator"]
    assert contacts.api.read(f"members/{anna}/roles")["roles"] == []
    assert contacts.api.read("seat")["request"] is None
    (entry,) = [each for each in trail_of(contacts.organization) if each.action == "hand_over.approve"]
    assert entry.changes["evidence"]["to"] == {"name": "letter.pdf", "sha256": hashlib.sha256(LETTER).hexdigest()}
    assert contacts.api.read(f"hand-overs/{hand_over}/evidence") == EVIDENCE
    assert [each["id"] for each in contacts.api.walk("hand-overs")] == [hand_over]


def test_a_designation_replaces_whoever_has_the_only_seat(contacts: Portal) -> None:
    """Where a portal has one administrator, a second one is refused, and approval takes it from the first."""
    operator = as_operator(contacts)
    anna, ben = contacts.member("anna"), contacts.member("ben")
    problem_of(contacts.api.send("PUT", f"members/{anna}/roles", {"roles": ["administrator"]}), 409)
    first = asked(contacts.acting(ben), anna)
    assert contacts.api.read(f"hand-overs/{first}")["kind"] == "designation"
    assert decided(contacts, first).status_code == 200
    second = operator.send("PUT", f"members/{ben}/roles", {"roles": ["administrator"]})
    assert "have it handed over first" in problem_of(second, 409)["detail"]
    assert decided(contacts, asked(contacts.api, ben)).status_code == 200
    assert seated(contacts) == [ben]


def test_only_the_operator_decides_and_once(delegated: Portal) -> None:
    """An open request can be withdrawn, and what is decided stays so; one is open at a time."""
    admin, ada = delegated.member("admin", ADMINISTRATOR), delegated.member("ada")
    hand_over = asked(delegated.acting(admin), ada)
    problem_of(delegated.api.post("hand-overs", {"to_member": ada, "reason": "again"}), 409)
    for verb in ("approve", "reject"):
        problem_of(delegated.api.post(f"hand-overs/{hand_over}/{verb}", {}), 403)
        problem_of(as_operator(delegated).post(f"hand-overs/{hand_over}/{verb}", {}, On_Behalf_Of=admin), 403)
    problem_of(delegated.acting(ada).post(f"hand-overs/{hand_over}/withdraw"), 403)
    assert delegated.acting(admin).post(f"hand-overs/{hand_over}/withdraw").get_json()["status"] == "withdrawn"
    for verb in ("approve", "reject"):
        assert "withdrawn already" in problem_of(decided(delegated, hand_over, verb), 409)["detail"]
    again = asked(delegated.api, ada)
    assert decided(delegated, again, "reject", note="Unsigned").get_json()["note"] == "Unsigned"
    assert seated(delegated) == [admin]
    problem_of(delegated.api.send("PUT", f"hand-overs/{again}/evidence", EVIDENCE), 409)
    problem_of(delegated.acting(ada).get("hand-overs"), 403)


def test_nothing_is_approved_without_evidence_or_access(delegated: Portal) -> None:
    """Evidence can come later, and another in its place."""
    delegated.member("admin", ADMINISTRATOR)
    ada = delegated.member("ada", access="none")
    hand_over = delegated.api.made("hand-overs", {"to_member": ada, "reason": "He asked."})["id"]
    assert "no evidence" in problem_of(decided(delegated, hand_over), 409)["detail"]
    problem_of(delegated.api.get(f"hand-overs/{hand_over}/evidence"), 404)
    for content in (b"a draft", LETTER):
        sent = {**EVIDENCE, "content": base64.b64encode(content).decode()}
        shown = delegated.api.send("PUT", f"hand-overs/{hand_over}/evidence", sent).get_json()
        assert shown["evidence"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert "contact" in problem_of(decided(delegated, hand_over), 409)["detail"]
    delegated.api.patch(f"members/{ada}", {"active": True})
    assert decided(delegated, hand_over).status_code == 200
    assert ada in seated(delegated)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"to_member": NOBODY}, "/to_member"),
        ({"from_member": NOBODY}, "/from_member"),
        ({"reason": " "}, "/reason"),
        ({"evidence": {**EVIDENCE, "content": "no base64"}}, "/evidence/content"),
        ({"evidence": {**EVIDENCE, "content": base64.b64encode(bytes(2_000_001)).decode()}}, "/evidence/content"),
        ({"evidence": {**EVIDENCE, "type": "pdf"}}, "/evidence/type"),
    ],
)
def test_a_request_says_what_is_wrong_with_it(delegated: Portal, body: dict[str, Any], pointer: str) -> None:
    """Each field is named; so large a file is no letter."""
    whole = {"to_member": delegated.member(), "reason": "He asked.", **body}
    assert pointer in errors_of(delegated.api.post("hand-overs", whole))


def test_a_request_that_changes_nothing_is_refused(delegated: Portal) -> None:
    """Who hands over has the seat, and who gets it has it not."""
    admin, ada = delegated.member("admin", ADMINISTRATOR), delegated.member("ada")
    for body in (
        {"to_member": admin},
        {"to_member": ada, "from_member": delegated.member()},
        {"to_member": admin, "from_member": admin},
    ):
        problem_of(delegated.api.post("hand-overs", {**body, "reason": "x"}), 409)
    unknown = delegated.api.post("hand-overs", {"to_member": ada, "reason": "x", "role": INVOICES})
    assert ADMINISTRATOR in problem_of(unknown, 400)["detail"]


def test_a_seat_held_through_a_team_is_not_handed_over(delegated: Portal) -> None:
    """It is said what to end first; nothing was changed."""
    admin, ada = delegated.member("admin"), delegated.member("ada")
    team = delegated.group("team")
    delegated.add(team, admin)
    delegated.add(delegated.roles()[ADMINISTRATOR], team)
    hand_over = asked(delegated.api, ada, from_member=admin)
    assert "through a team" in problem_of(decided(delegated, hand_over), 409)["detail"]
    assert seated(delegated) == [admin]


def test_recovery_ends_by_the_operator_alone(delegated: Portal) -> None:
    """Nobody gives the seat by the API: no role, no team, no mapping, no deputy; an approved hand-over does."""
    ada = lost(delegated, INVOICES)
    assert delegated.api.read("seat")["in_recovery"]
    role, team = delegated.roles()[ADMINISTRATOR], delegated.group("team")
    delegated.add(team, ada)
    entra = provider(delegated)
    entra.new_group("Admins", [ada])
    mapping = {"connection": entra.connection.id, "source": "group", "value": "Admins", "group": role}
    for client in (delegated.api, as_operator(delegated)):
        for method, place, body in (
            ("PUT", f"members/{ada}/roles", {"roles": [ADMINISTRATOR]}),
            ("POST", f"groups/{role}/members", {"members": [team]}),
            ("POST", "mappings", mapping),
            ("PUT", "deputy", {"member": ada}),
        ):
            assert "is in recovery" in problem_of(client.send(method, place, body), 409)["detail"]
    hand_over = asked(delegated.api, ada)
    assert delegated.api.read(f"hand-overs/{hand_over}")["kind"] == "recovery"
    assert decided(delegated, hand_over).status_code == 200
    assert seated(delegated) == [ada]
    assert not delegated.api.read("seat")["in_recovery"]


def test_nobody_is_given_the_seat_for_later_while_it_is_lost(delegated: Portal) -> None:
    """Neither who is invited or a contact now, nor who had it: recovery would end without the operator."""
    invited = delegated.member("invited", access="invite")
    lost(delegated)
    role = {"roles": [ADMINISTRATOR]}
    later = {"userName": "later", "name": {"givenName": "L", "familyName": "L"}, "preferredLanguage": "fr"}
    body = {"attributes": {**later, "emails": [{"value": "later@example.com"}]}, **role}
    for access in ("invite", "none"):
        answer = delegated.api.post("members", {**body, "access": access})
        assert "is in recovery" in problem_of(answer, 409)["detail"]
    for member in (invited, delegated.member("contact", access="none")):
        problem_of(delegated.api.send("PUT", f"members/{member}/roles", role), 409)


def test_access_given_back_ends_recovery(delegated: Portal) -> None:
    """By the identity provider, or by the operator; not by the organization itself."""
    admin = delegated.member("admin", ADMINISTRATOR)
    for client, status in ((delegated.api, 409), (as_operator(delegated), 200)):
        deprovision(delegated, admin)
        assert client.post(f"members/{admin}/restore").status_code == status
    assert not delegated.api.read("seat")["in_recovery"]


def test_an_organization_that_the_provider_alone_has_filled_can_be_in_recovery(delegated: Portal) -> None:
    """Although no action has seen its administrator."""
    entra = provider(delegated)
    value = {"connection": entra.connection.id, "source": "role", "value": "adm"}
    delegated.api.made("mappings", {**value, "group": delegated.roles()[ADMINISTRATOR]})
    ada = entra.new_user("ada@example.com", roles=[{"value": "adm"}])
    assert seated(delegated) == [ada]
    deprovision(delegated, ada)
    assert delegated.api.read("seat")["in_recovery"]


def test_members_ask_for_an_administrator_where_nobody_can_manage(contacts: Portal) -> None:
    """One alone could, who is gone; while somebody has the seat, that is who asks."""
    anna, ben = contacts.member("anna"), contacts.member("ben")
    assert decided(contacts, asked(contacts.acting(ben), anna)).status_code == 200
    problem_of(contacts.acting(ben).post("hand-overs", {"to_member": ben, "reason": "I could."}), 403)
    deprovision(contacts, anna)
    hand_over = asked(contacts.acting(ben), ben)
    assert contacts.acting(ben).read("seat")["in_recovery"]
    assert decided(contacts, hand_over).status_code == 200
    assert seated(contacts) == [ben]


def test_the_profiles_are_listed(delegated: Portal, app: Flask) -> None:
    """With what a builder of a portal needs of each."""
    items = api_client(app, "members:read").read("/portals")["items"]
    named = {each["name"]: each for each in items}
    assert set(named) >= {"archive", "assigned-orders", "contacts", "customer-groups", "delegated"}
    assert named["contacts"]["policy"]["administrators"] == "one"
    (role,) = [each for each in named["contacts"]["roles"] if each["administrator"]]
    assert (role["key"], role["max_holders"]) == ("administrator", 1)
    assert set(named["delegated"]["permissions"]["members:manage"]) == {"fr", "en"}


def test_a_preview_tells_what_would_hold_no_longer(delegated: Portal) -> None:
    """And changes nothing; only the operator moves an organization, whose administrators keep their seat."""
    first, second = (delegated.member("admin", ADMINISTRATOR) for _ in range(2))
    delegated.member("ada", INVOICES, "order-management")
    items = delegated.api.post("portal/preview", {"portal": "contacts"}).get_json()["items"]
    told = "\n".join(each["what"] for each in items)
    assert f"({ADMINISTRATOR}) becomes administrator" in told
    assert "2 members have the role" in told
    assert "(invoice-management) does not exist in contacts" in told
    assert "1 members have several roles, where contacts gives one" in told
    assert sorted([first, second]) in [each["members"] for each in items]
    assert delegated.api.read("")["portal"] == "delegated"
    problem_of(delegated.api.send("PUT", "portal", {"portal": "contacts"}), 403)
    assert "/portal" in errors_of(delegated.api.post("portal/preview", {"portal": "nothing"}))
    operator = as_operator(delegated)
    assert "/portal" in errors_of(operator.send("PUT", "portal", {"portal": "nothing"}))
    assert operator.send("PUT", "portal", {"portal": "contacts"}, If_Match='W/"9"').status_code == 412
    assert operator.send("PUT", "portal", {"portal": "contacts"}).get_json()["portal"] == "contacts"
    assert sorted(seated(delegated)) == sorted([first, second])
    assert operator.send("PUT", "portal", {"portal": "delegated"}).status_code == 200
    assert sorted(seated(delegated)) == sorted([first, second])
    assert set(delegated.roles()) >= {ADMINISTRATOR, INVOICES, "buyer"}


def test_the_review_tells_who_has_what_through_what(delegated: Portal) -> None:
    """Who is suspended too, page by page; who has nothing is not in it."""
    admin, ada, grace = (delegated.member("admin", ADMINISTRATOR), delegated.member("ada"), delegated.member("grace"))
    delegated.member("nobody")
    team, customers = delegated.group("Accounts"), delegated.group("Paris", "customerGroup")
    delegated.add(team, ada)
    delegated.add(delegated.roles()[INVOICES], team)
    delegated.add(customers, grace)
    delegated.api.post(f"members/{grace}/suspend")
    found = delegated.api.walk("access-review")
    assert [each["id"] for each in found] == sorted([admin, ada, grace])
    by_id = {each["id"]: each for each in found}
    (held,) = by_id[ada]["access"]
    assert (held["key"], [step["display"] for step in held["path"]]) == (INVOICES, ["Accounts", "Invoice Management"])
    assert held["since"] == max(step["since"] for step in held["path"])
    assert by_id[grace]["state"] == "suspended"
    assert [each["kind"] for each in by_id[grace]["access"]] == ["customerGroup"]
    assert by_id[admin]["last_sign_in_at"] is None
    with begin(delegated.organization.store, delegated.organization.operator, write=True) as tenant:
        insert_session(tenant, KEY, ada, "a browser", None)
    assert {each["id"]: each["last_sign_in_at"] is None for each in delegated.api.walk("access-review")} == {
        admin: True,
        ada: False,
        grace: True,
    }
    problem_of(delegated.acting(ada).get("access-review"), 403)
    assert delegated.acting(admin).get("access-review").status_code == 200


def test_the_review_tells_of_the_deputy_who_stands_in(delegated: Portal) -> None:
    """While they do, and only then."""
    admin, ada = delegated.member("admin", ADMINISTRATOR), delegated.member("ada")
    delegated.api.send("PUT", "deputy", {"member": ada})
    assert [each["id"] for each in delegated.api.walk("access-review")] == [admin]
    deprovision(delegated, admin)
    found = {each["id"]: each for each in delegated.api.walk("access-review")}
    assert set(found) == {admin, ada}
    assert found[ada]["access"][0]["path"][0]["deputy"]
