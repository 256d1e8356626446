"""The page of invitations."""

import re
from datetime import timedelta

import pytest
from flask import Flask

from scim_server.store.invitations import change_invitation
from scim_server.store.session import begin
from tests.databases import only_postgresql
from tests.portals import Portal, portal
from tests.web.console.pages import administrator, signed_in

# What a page shows depends on no database; tests/web/console/test_every_page.py opens each on either.
pytestmark = only_postgresql


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app)


def become(on: Portal, member: str, status: str, days: float | None = None, failure: str | None = None) -> None:
    """Let an invitation have been sent, or have failed, as the worker does."""
    with begin(on.organization.store, on.organization.operator, write=True) as tenant:
        ends = {} if days is None else {"sent_at": tenant.now, "expires_at": tenant.now + timedelta(days=days)}
        change_invitation(tenant, member, status=status, failure=failure, **ends)


def test_invitations_are_shown_by_what_has_become_of_them(delegated: Portal) -> None:
    """Waiting, expired, or not sent, with the reason; who has access is in none of them."""
    pages = administrator(delegated)
    assert "No invitation waits to be accepted." in pages.read("/invitations")
    waiting, sent, expired, failed = (delegated.member(f"m{number}", access="invite") for number in range(4))
    become(delegated, sent, "sent", 3)
    become(delegated, expired, "sent", -1)
    become(delegated, failed, "failed", failure="550 no such mailbox")
    pending = pages.read("/invitations")
    assert waiting in pending
    assert sent in pending
    assert "On its way since" in pending
    assert expired not in pending
    assert failed not in pending
    assert expired in pages.read("/invitations?tab=expired")
    page = pages.read("/invitations?tab=failed")
    assert failed in page
    assert "550 no such mailbox" in page
    assert waiting not in page
    assert delegated.api.post(f"members/{sent}/access").status_code in (200, 204)
    assert sent not in pages.read("/invitations")


def test_an_invitation_is_sent_again_or_withdrawn(delegated: Portal) -> None:
    """What was expired waits again; who is withdrawn is a contact."""
    pages = administrator(delegated)
    one, two = delegated.member("one", access="invite"), delegated.member("two", access="invite")
    become(delegated, one, "sent", -1)
    page = pages.done(f"/invitations/{one}/resend", {"tab": "expired"}, of="/invitations?tab=expired")
    assert "The link sent before opens nothing any more." in page
    assert one not in page
    assert one in pages.read("/invitations")
    assert delegated.api.read(f"members/{one}/invitation")["status"] == "pending"
    pages.done(f"/invitations/{two}/revoke", of="/invitations")
    assert delegated.state(two) == "contact"
    again = pages.post(f"/invitations/{two}/revoke", of="/invitations")
    assert again.status_code == 409


def test_invitations_come_page_by_page(delegated: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the newest members first."""
    monkeypatch.setattr("scim_server.web.console.invitations.INVITATIONS_SHOWN", 2)
    pages = administrator(delegated)
    invited = [delegated.member(f"m{number}", access="invite") for number in range(3)]
    page = pages.read("/invitations")
    assert [each in page for each in invited] == [False, True, True]
    found = re.search(r'rel="next" href="([^"]+)"', page)
    assert found
    following = pages.http.get(found[1]).text
    assert [each in following for each in invited] == [True, False, False]


def test_who_manages_alone_sees_invitations(delegated: Portal) -> None:
    """And of their own organization alone."""
    pages = administrator(delegated)
    other = portal(delegated.app)
    stranger = other.member("stranger", access="invite")
    assert stranger not in pages.read("/invitations")
    for verb in ("resend", "revoke"):
        assert pages.post(f"/invitations/{stranger}/{verb}", of="/invitations").status_code == 404
        assert pages.post(f"/invitations/none/{verb}", of="/invitations").status_code == 404
    assert other.state(stranger) == "invited"
    plain = signed_in(delegated, delegated.member("ada"))
    own = delegated.member("own", access="invite")
    assert plain.get("/invitations").status_code == 403
    assert plain.post(f"/invitations/{own}/revoke", of="/invitations").status_code == 403
    assert delegated.state(own) == "invited"
