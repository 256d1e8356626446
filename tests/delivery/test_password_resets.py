"""A new password takes a link that was sent, works once, and tells nobody who is known here."""

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from scim_server import load_portals
from scim_server.actions.sessions import sign_in
from scim_server.delivery.worker import Desk
from scim_server.web.limits import open_limits
from scim_server.web.site import extension_key
from tests.delivery.conftest import BASE_URL, Clock
from tests.delivery.people import PASSWORD, Portal, new_portal, secret_of
from tests.directory import KEY, SECRET_KEY, new_client, site_of, unique
from tests.mail import Postbox

NEW_PASSWORD = "an entirely different pass phrase"


@pytest.fixture
def portal(app: Flask, desk: Desk) -> Portal:
    """A portal in which nobody has to agree to anything."""
    return new_portal(app, desk, "archive")


def with_access(portal: Portal, box: Postbox, **attributes: object) -> tuple[str, str]:
    """Give a new member access, and have them choose a password; return their id and address."""
    address = f"{unique('ada')}@example.com"
    member_id = portal.new_member(address, **attributes)
    assert portal.post(f"members/{member_id}/access") == {"id": member_id, "state": "active"}
    portal.work()
    choose(portal, box, PASSWORD)
    box.messages.clear()
    return member_id, address


def choose(portal: Portal, box: Postbox, password: str, status: int = 204) -> None:
    """Choose a password by the link that was sent last."""
    body = {"link": secret_of(box.links()[-1]), "password": password}
    portal.post("password-resets/complete", body, status)


def can_sign_in(portal: Portal, name: str, password: str) -> bool:
    """Return whether a name and a password open a session."""
    try:
        sign_in(portal.desk.store, portal.organization.operator, KEY, name, password)
    except Exception as exc:
        assert "the name or the password is wrong" in str(exc)
        return False
    return True


def test_who_is_given_access_chooses_a_password(portal: Portal, box: Postbox) -> None:
    """Giving access is an act of its own, which sends the link; who has a password is sent none."""
    member_id, address = with_access(portal, box)
    assert can_sign_in(portal, address, PASSWORD)
    portal.post(f"members/{member_id}/access")
    assert (portal.work(), box.messages) == (0, [])


def test_the_letter_for_a_first_password_is_another(portal: Portal, box: Postbox) -> None:
    """It says that there is access now, and its link works as long as an invitation."""
    member_id = portal.new_member(preferredLanguage="fr")
    portal.post(f"members/{member_id}/access")
    portal.work()
    assert "Votre accès au portail" in box.messages[-1]["Subject"]
    assert box.links()[-1].startswith(f"{BASE_URL}/console/{portal.organization.slug}/password/")
    assert f"{load_portals()['archive'].policy.invitation_days} jours" in box.texts()[-1]
    portal.post(f"members/{member_id}/password-reset", status=202)
    portal.work()
    choose(portal, box, PASSWORD)
    portal.post(f"members/{member_id}/password-reset", status=202)
    portal.work()
    assert "Un nouveau mot de passe" in box.messages[-1]["Subject"]
    assert "4 heures" in box.texts()[-1]


def test_a_new_password_takes_the_place_of_the_old_one(portal: Portal, box: Postbox) -> None:
    """The link works once, and every session that was open ends."""
    member_id, address = with_access(portal, box)
    assert can_sign_in(portal, address, PASSWORD)
    assert len(portal.api.read(f"members/{member_id}/sessions")["items"]) == 1
    portal.post("password-resets", {"address": address}, 202)
    assert portal.work() == 2
    assert can_sign_in(portal, address, PASSWORD)
    choose(portal, box, NEW_PASSWORD)
    assert portal.api.read(f"members/{member_id}/sessions")["items"] == []
    assert not can_sign_in(portal, address, PASSWORD)
    assert can_sign_in(portal, address, NEW_PASSWORD)
    choose(portal, box, PASSWORD, 404)


def test_the_answer_is_the_same_for_everybody(app: Flask, portal: Portal, box: Postbox) -> None:
    """Known, unknown, without access, or of an identity provider: the same is answered, and the same is written."""
    _, known = with_access(portal, box)
    contact = f"{unique('contact')}@example.com"
    portal.new_member(contact)
    provisioned = f"{unique('grace')}@example.com"
    new_client(app, portal.organization).new_user(provisioned, emails=[{"value": provisioned}])
    answers, written = set(), set()
    for address in (known, contact, provisioned, f"{unique('nobody')}@example.com", "ada\u00e9 <x>"):
        answer = portal.api.post("password-resets", {"address": address})
        headers = {name: value for name, value in answer.headers if name != "X-Request-ID"}
        answers.add((answer.status_code, answer.data, str(headers)))
        (waiting,) = portal.api.walk("deliveries")
        written.add((waiting["kind"], len(waiting["subject"])))
        portal.work()
    assert len(answers) == len(written) == 1
    assert [each["To"].addresses[0].addr_spec for each in box.messages] == [known]


def test_an_address_is_known_in_any_case_and_by_its_user_name(portal: Portal, box: Postbox) -> None:
    """What is sent goes to the address that is kept."""
    member_id, address = with_access(portal, box)
    assert portal.api.patch(f"members/{member_id}", {"attributes": {"userName": "countess"}}).status_code == 200
    for typed in (address.upper(), "Countess"):
        portal.post("password-resets", {"address": typed}, 202)
        portal.work()
    assert [each["To"].addresses[0].addr_spec for each in box.messages] == [address, address]


def test_asking_often_is_refused_alike(
    app: Flask, portal: Portal, box: Postbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For somebody's address and for nobody's; and from one place, whatever the address."""
    # What is counted elsewhere on this machine is left out: another test may begin its counts anew.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    limits = open_limits(SECRET_KEY, 0, ())
    monkeypatch.setitem(app.extensions, extension_key(), replace(site_of(app), limits=limits))
    _, known = with_access(portal, box)
    for address in (known, f"{unique('nobody')}@example.com"):
        statuses = [portal.api.post("password-resets", {"address": address}).status_code for _ in range(7)]
        assert statuses == [202] * 5 + [429] * 2
    statuses = []
    for number in range(31):
        body = {"address": f"{unique('nobody')}@example.com", "client_address": f"2001:db8::{number}"}
        statuses.append(portal.api.post("password-resets", body).status_code)
    assert statuses == [202] * 30 + [429]


def test_a_link_ends_with_its_time(portal: Portal, box: Postbox, clock: Clock) -> None:
    """After four hours it is told to ask for another one."""
    member_id, _ = with_access(portal, box)
    portal.post(f"members/{member_id}/password-reset", status=202)
    portal.work()
    clock.later = timedelta(hours=4, seconds=5)
    choose(portal, box, NEW_PASSWORD, 410)


def test_a_link_ends_with_the_access_of_its_member(app: Flask, portal: Portal, box: Postbox) -> None:
    """For good: who has access again has to ask again."""
    member_id, address = with_access(portal, box)
    portal.post(f"members/{member_id}/password-reset", status=202)
    portal.work()
    scim = new_client(app, portal.organization)
    for active in (False, True):
        scim.patch(f"/Users/{member_id}", {"op": "replace", "path": "active", "value": active})
        choose(portal, box, NEW_PASSWORD, 404)
    assert can_sign_in(portal, address, PASSWORD)


def test_who_has_no_password_here_is_sent_none(app: Flask, portal: Portal, box: Postbox) -> None:
    """An administrator is told why; a password that the identity provider pushed can be replaced."""
    scim = new_client(app, portal.organization)
    address = f"{unique('grace')}@example.com"
    member_id = scim.new_user(address, emails=[{"value": address}])
    refused = portal.api.post(f"members/{member_id}/password-reset")
    assert (refused.status_code, "identity provider signs this member in" in refused.text) == (409, True)
    portal.post(f"members/{member_id}/access")
    assert portal.work() == 0
    scim.patch(f"/Users/{member_id}", {"op": "replace", "path": "password", "value": PASSWORD})
    portal.post("password-resets", {"address": address}, 202)
    portal.work()
    assert len(box.messages) == 1


@pytest.mark.parametrize("password", ["", "eleven char", "x" * 1_001])
def test_a_password_has_a_length(portal: Portal, box: Postbox, password: str) -> None:
    """Of 12 to 1,000 characters; the link stays good."""
    member_id = portal.new_member()
    portal.post(f"members/{member_id}/access")
    portal.work()
    choose(portal, box, password, 400)
    choose(portal, box, PASSWORD)


def test_a_reset_is_of_its_organization_alone(app: Flask, desk: Desk, portal: Portal, box: Postbox) -> None:
    """The same address elsewhere is sent nothing, and the link opens nothing there."""
    member_id, address = with_access(portal, box)
    elsewhere = new_portal(app, desk, "archive")
    elsewhere.post("password-resets", {"address": address}, 202)
    elsewhere.work()
    assert box.messages == []
    portal.post(f"members/{member_id}/password-reset", status=202)
    portal.work()
    choose(elsewhere, box, NEW_PASSWORD, 404)
    choose(portal, box, NEW_PASSWORD)
