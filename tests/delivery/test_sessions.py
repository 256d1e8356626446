"""Sessions are kept on the server, and end with the access of their member: at once, everywhere, and for good."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from scim2_models import UnauthorizedException
from sqlalchemy import select

from scim_server.actions.consents import give_all_consents
from scim_server.actions.organizations import suspend_organization
from scim_server.actions.portals import portal_of
from scim_server.actions.sessions import SignIn, sign_in
from scim_server.actions.tokens import issue_token
from scim_server.delivery.worker import Desk
from scim_server.store.access_tables import sessions
from scim_server.store.member_sessions import IDLE, LIFETIME, find_session
from scim_server.store.session import begin
from tests.delivery.conftest import Clock
from tests.delivery.people import AGREED, PASSWORD, Portal, new_portal
from tests.directory import KEY, Client, new_client, unique


@pytest.fixture
def portal(app: Flask, desk: Desk) -> Portal:
    """A portal whose people agree to two documents."""
    return new_portal(app, desk)


@pytest.fixture
def scim(app: Flask, portal: Portal) -> Client:
    """The identity provider of the organization."""
    return new_client(app, portal.organization)


def someone(scim: Client, **attributes: Any) -> tuple[str, str]:
    """Create a user with a password; return their id and userName."""
    name = unique("ada")
    return scim.new_user(name, password=PASSWORD, **attributes), name


def entered(portal: Portal, name: str, password: str = PASSWORD) -> SignIn:
    """Sign in."""
    return sign_in(portal.desk.store, portal.organization.operator, KEY, name, password, "Firefox", "192.0.2.7")


def is_open(portal: Portal, secret: str) -> bool:
    """Return whether a session is open, as a request of it finds."""
    with begin(portal.desk.store, portal.organization.operator, write=False) as tenant:
        return find_session(tenant, KEY, secret) is not None


def test_a_password_opens_a_session(portal: Portal, scim: Client) -> None:
    """Its secret finds it, and is kept nowhere; the last sign-in is shown."""
    member_id, name = someone(scim)
    session = entered(portal, name.upper())
    assert is_open(portal, session.secret)
    assert not is_open(portal, session.secret[:-1])
    shown = portal.api.read(f"members/{member_id}/sessions")
    assert [(each["agent"], each["address"]) for each in shown["items"]] == [("Firefox", "192.0.2.7")]
    assert shown["last_sign_in_at"] == shown["items"][0]["created_at"]
    with begin(portal.desk.store, portal.organization.operator, write=False) as tenant:
        row = tenant.db.execute(select(sessions).where(sessions.c.org_id == tenant.org_id)).one()
    assert session.secret not in str(row)


def test_an_address_signs_in_where_it_is_one_persons(portal: Portal, scim: Client) -> None:
    """Of two who share one, neither does."""
    address = f"{unique('team')}@example.com"
    someone(scim, emails=[{"value": address}])
    assert entered(portal, address.upper()).secret
    someone(scim, emails=[{"value": address}])
    with pytest.raises(UnauthorizedException):
        entered(portal, address)


def test_what_is_wrong_is_not_told(app: Flask, portal: Portal, scim: Client) -> None:
    """An unknown name, a wrong password, no password, no access, another organization: all the same."""
    member_id, name = someone(scim)
    _, suspended = someone(scim, active=False)
    without = unique("grace")
    scim.new_user(without)
    elsewhere = someone(new_client(app))[1]
    told = set()
    tried = ((name, "wrong"), (unique("nobody"), PASSWORD), (suspended, PASSWORD), (without, PASSWORD))
    for each, password in (*tried, (elsewhere, PASSWORD), (member_id, PASSWORD)):
        with pytest.raises(UnauthorizedException) as refused:
            entered(portal, each, password)
        told.add(str(refused.value.detail))
    assert told == {"the name or the password is wrong, or there is no access"}


@pytest.mark.parametrize("by", ["scim", "api", "deletion"])
def test_a_session_ends_with_access(portal: Portal, scim: Client, by: str) -> None:
    """At once, and for good: who has access again signs in again."""
    member_id, name = someone(scim)
    session = entered(portal, name)
    if by == "deletion":
        assert scim.delete(f"/Users/{member_id}").status_code == 204
        assert not is_open(portal, session.secret)
        return
    if by == "scim":
        scim.patch(f"/Users/{member_id}", {"op": "replace", "path": "active", "value": False})
    else:
        portal.post(f"members/{member_id}/suspend")
    assert not is_open(portal, session.secret)
    portal.post(f"members/{member_id}/restore")
    assert not is_open(portal, session.secret)
    assert portal.api.read(f"members/{member_id}/sessions")["items"] == []
    assert is_open(portal, entered(portal, name).secret)


def test_a_suspended_organization_has_no_sessions(portal: Portal, scim: Client) -> None:
    """Nobody is signed in, and nobody signs in."""
    _, name = someone(scim)
    session = entered(portal, name)
    with begin(portal.desk.store, portal.organization.operator, write=True) as tenant:
        suspend_organization(tenant)
    assert not is_open(portal, session.secret)
    with pytest.raises(UnauthorizedException):
        entered(portal, name)


def test_a_session_ends_when_nothing_is_done_in_it(portal: Portal, scim: Client, clock: Clock) -> None:
    """What is done in it keeps it open, up to its last day."""
    _, name = someone(scim)
    session = entered(portal, name)
    while clock.later < LIFETIME - IDLE:
        clock.later += IDLE - timedelta(minutes=5)
        assert is_open(portal, session.secret)
    clock.later = LIFETIME + timedelta(seconds=1)
    assert not is_open(portal, session.secret)
    session = entered(portal, name)
    clock.later += IDLE + timedelta(seconds=1)
    assert not is_open(portal, session.secret)


def test_sessions_are_ended_one_by_one_and_all_together(portal: Portal, scim: Client) -> None:
    """Those of others stay."""
    (member_id, name), (_, other_name) = someone(scim), someone(scim)
    first, second, third, other = (entered(portal, each) for each in (name, name, name, other_name))
    assert portal.api.delete(f"members/{member_id}/sessions/{first.session.id}").status_code == 204
    assert portal.api.delete(f"members/{member_id}/sessions/{first.session.id}").status_code == 404
    assert portal.api.delete(f"members/{member_id}/sessions/{other.session.id}").status_code == 404
    assert [is_open(portal, each.secret) for each in (first, second, third, other)] == [False, True, True, True]
    assert portal.api.delete(f"members/{member_id}/sessions").status_code == 204
    assert [is_open(portal, each.secret) for each in (second, third, other)] == [False, False, True]


def test_a_session_is_of_its_organization_alone(app: Flask, desk: Desk, portal: Portal, scim: Client) -> None:
    """Its secret finds nothing elsewhere."""
    session = entered(portal, someone(scim)[1])
    assert not is_open(new_portal(app, desk), session.secret)
    assert is_open(portal, session.secret)


def test_consent_is_asked_at_the_first_sign_in(portal: Portal, scim: Client) -> None:
    """Of who comes by SCIM and was never invited; once it is given, with version and time, it is asked no more."""
    member_id, name = someone(scim)
    first = entered(portal, name)
    assert {each.key: each.version for each in first.missing} == AGREED
    with begin(portal.desk.store, portal.organization.operator, write=True) as tenant:
        give_all_consents(tenant, portal_of(tenant), member_id, AGREED, "sign_in")
    assert entered(portal, name).missing == []
    shown = portal.api.read(f"members/{member_id}/consents")
    assert {each["document"]: each["version"] for each in shown["items"]} == AGREED
    assert all(each["through"] == "sign_in" and each["given_at"] for each in shown["items"])


def test_a_portal_can_ask_on_a_page_of_its_own(portal: Portal, scim: Client) -> None:
    """One document at a time; what it does not ask for is refused, and the first time stays."""
    member_id, _ = someone(scim)
    once = portal.post(f"members/{member_id}/consents", {"consents": {"terms": "1"}})
    assert [each["key"] for each in once["missing"]] == ["privacy"]
    again = portal.post(f"members/{member_id}/consents", {"consents": AGREED})
    assert again["missing"] == []
    assert [each for each in again["items"] if each["document"] == "terms"] == once["items"]
    assert portal.api.post(f"members/{member_id}/consents", {"consents": {"terms": "2"}}).status_code == 400


def test_the_token_of_a_person_ends_with_their_access(app: Flask, portal: Portal, scim: Client) -> None:
    """For good: who has access again is issued another one."""
    member_id, name = someone(scim)

    def issued() -> str:
        with begin(portal.desk.store, portal.organization.operator, write=True) as tenant:
            return issue_token(tenant, KEY, "default", "me", None, name)[1]

    def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return app.test_client().get("/scim/v2/Me", headers=headers).status_code

    token = issued()
    assert status(token) == 200
    for active in (False, True):
        scim.patch(f"/Users/{member_id}", {"op": "replace", "path": "active", "value": active})
        assert status(token) == 401
    assert status(issued()) == 200
