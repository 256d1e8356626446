"""An invitation is sent in the member's language, ends when it should, and is accepted once."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from scim_server.actions.invitations import prepare_invitation
from scim_server.delivery.worker import LEASE, Desk
from scim_server.store.access_tables import links
from scim_server.store.deliveries import lease
from scim_server.store.session import begin, begin_platform
from scim_server.store.tables import passwords
from tests.api import api_client
from tests.delivery.conftest import BASE_URL, Clock, without_mail
from tests.delivery.people import AGREED, PASSWORD, Portal, new_portal, secret_of
from tests.directory import KEY, new_client, unique
from tests.mail import Postbox

ACCEPTED = {"password": PASSWORD, "consents": AGREED}


@pytest.fixture
def portal(app: Flask, desk: Desk) -> Portal:
    """A portal whose invitations are valid for 30 days, and whose people agree to two documents."""
    return new_portal(app, desk)


def invited(portal: Portal, box: Postbox, **attributes: Any) -> tuple[str, str]:
    """Invite a new member; return their id, and the secret of the link that they were sent."""
    member_id = portal.new_member(**attributes)
    assert portal.post(f"members/{member_id}/invitation")["status"] == "pending"
    assert portal.work() >= 1
    assert portal.invitation(member_id)["status"] == "sent"
    return member_id, secret_of(box.links()[-1])


def accept(portal: Portal, link: str, **sent: Any) -> Any:
    """Send an acceptance and return the answer."""
    return portal.api.post("invitations/accept", {"link": link, **ACCEPTED, **sent})


def test_an_invitation_is_sent_read_and_accepted(portal: Portal, box: Postbox) -> None:
    """The person sees who invites them and what is asked; once they accept, they have access."""
    member_id, link = invited(portal, box, address="ada@example.com")
    (sent,) = box.messages
    assert (box.recipients, sent["To"]) == (["ada@example.com"], "Ada Lovelace <ada@example.com>")
    assert box.links() == [f"{BASE_URL}/console/{portal.organization.slug}/invitation/{link}"]
    assert "30 days" in sent.get_content()
    assert portal.state_of(member_id) == "invited"

    welcome = portal.post("invitations/read", {"link": link})
    assert welcome["organization"]["slug"] == portal.organization.slug
    assert (welcome["email"], welcome["name"]["givenName"]) == ("ada@example.com", "Ada")
    assert (welcome["may_rename"], welcome["asks_password"]) == (True, True)
    assert {each["key"]: each["version"] for each in welcome["consents"]} == AGREED

    assert accept(portal, link).get_json() == {"id": member_id, "state": "active"}
    assert portal.invitation(member_id)["status"] == "accepted"
    assert {"user.invite", "user.consent", "user.accept"} <= set(trail_actions_of(portal, member_id))


def trail_actions_of(portal: Portal, member_id: str) -> list[str]:
    """Return what the trail says was done to a member."""
    return [each["action"] for each in portal.api.walk(f"trail?resource={member_id}", limit=50)]


@pytest.mark.parametrize(
    ("preferred", "language", "subject"),
    [
        ("fr-CA", "en", "vous invite sur son portail"),
        ("en-US, fr;q=0.5", "fr", "invites you to its portal"),
        ("de, fr;q=0.5", "en", "vous invite"),
        ("de", "fr", "vous invite"),
        (None, "en", "invites you"),
    ],
)
def test_a_letter_is_in_the_language_of_the_member(
    portal: Portal, box: Postbox, preferred: str | None, language: str, subject: str
) -> None:
    """Else in that of the organization."""
    assert portal.api.patch("", {"language": language}).status_code == 200
    invited(portal, box, **({"preferredLanguage": preferred} if preferred else {}))
    assert subject in box.messages[-1]["Subject"]
    assert ("jours" in box.texts()[-1]) == ("vous invite" in subject)


def test_the_name_is_prefilled_and_can_be_corrected(portal: Portal, box: Postbox) -> None:
    """What repeats the name follows; the address stays."""
    name = {"honorificPrefix": "Ms", "givenName": "Ada", "familyName": "Byron", "formatted": "Ada Byron"}
    member_id, link = invited(portal, box, name=name, displayName="Ada Byron")
    assert accept(portal, link, name={"familyName": "Lovelace"}).status_code == 200
    attributes = portal.api.read(f"members/{member_id}")["attributes"]
    assert attributes["name"] == {**name, "familyName": "Lovelace", "formatted": "Ada Lovelace"}
    assert attributes["displayName"] == "Ada Lovelace"
    assert portal.api.post("invitations/accept", {"link": link, "email": "x@example.com"}).status_code == 400


def test_a_portal_can_freeze_the_name(app: Flask, desk: Desk, box: Postbox) -> None:
    """Then it is not taken, and the link stays good."""
    portal = new_portal(app, desk, "contacts")
    member_id, link = invited(portal, box)
    assert portal.post("invitations/read", {"link": link})["may_rename"] is False
    refused = accept(portal, link, name={"givenName": "Grace"}, consents={})
    assert (refused.status_code, "leave it out" in refused.get_json()["detail"]) == (400, True)
    assert accept(portal, link, consents={}).status_code == 200
    assert portal.state_of(member_id) == "active"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"password": None}, "password is required"),
        ({"password": "too short"}, "password must have 12 to 1000 characters"),
        ({"consents": {"privacy": "1"}}, "must agree to terms (version 1)"),
        ({"consents": {**AGREED, "terms": "0"}}, "the version of terms is '1', not '0'"),
        ({"consents": {**AGREED, "cookies": "1"}}, "'cookies' is nothing to agree to; accepted: privacy, terms"),
    ],
)
def test_what_is_asked_for_has_to_be_sent(portal: Portal, box: Postbox, sent: dict[str, Any], told: str) -> None:
    """A refusal says what is missing, changes nothing, and leaves the link good."""
    member_id, link = invited(portal, box)
    body = {key: value for key, value in {"link": link, **ACCEPTED, **sent}.items() if value is not None}
    refused = portal.api.post("invitations/accept", body)
    assert (refused.status_code, told in refused.get_json()["detail"]) == (400, True), refused.text
    assert portal.state_of(member_id) == "invited"
    assert accept(portal, link).status_code == 200


def test_a_link_works_once_whoever_is_first(portal: Portal, box: Postbox) -> None:
    """Of two who accept at once, one has it; the other is told, and nothing of theirs is kept."""
    member_id, link = invited(portal, box)
    answers: list[int] = []
    barrier = threading.Barrier(4)

    def run() -> None:
        barrier.wait()
        answers.append(accept(portal, link).status_code)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 404, 404, 404]
    assert portal.state_of(member_id) == "active"
    assert trail_actions_of(portal, member_id).count("user.accept") == 1


def test_an_invitation_ends_when_the_profile_says(portal: Portal, box: Postbox, clock: Clock) -> None:
    """On the last day it is good; then its page says whom to ask, and sending it again makes another."""
    member_id, link = invited(portal, box)
    clock.later = timedelta(days=30, minutes=-5)
    assert portal.post("invitations/read", {"link": link})["member_id"] == member_id
    clock.later = timedelta(days=30, minutes=5)
    for answer in (portal.api.post("invitations/read", {"link": link}), accept(portal, link)):
        assert answer.status_code == 410
        assert "ask an administrator of the organization to send the invitation again" in answer.get_json()["detail"]
    assert portal.invitation(member_id)["status"] == "expired"
    portal.post(f"members/{member_id}/invitation")
    portal.work()
    assert accept(portal, secret_of(box.links()[-1])).status_code == 200


def test_an_invitation_that_is_sent_again_ends_the_one_before(portal: Portal, box: Postbox) -> None:
    """From the moment it is asked for."""
    member_id, first = invited(portal, box)
    portal.post(f"members/{member_id}/invitation")
    assert accept(portal, first).status_code == 404
    portal.work()
    second = secret_of(box.links()[-1])
    assert first != second
    assert accept(portal, first).status_code == 404
    assert accept(portal, second).status_code == 200
    refused = portal.api.post(f"members/{member_id}/invitation")
    assert (refused.status_code, "the member is active" in refused.get_json()["detail"]) == (409, True)


def test_an_invitation_that_is_withdrawn_opens_nothing(portal: Portal, box: Postbox) -> None:
    """One that was not sent yet is not sent."""
    member_id, link = invited(portal, box)
    revoked = portal.api.delete(f"members/{member_id}/invitation")
    assert (revoked.status_code, revoked.get_json()["status"]) == (200, "revoked")
    assert accept(portal, link).status_code == 404
    assert portal.state_of(member_id) == "contact"
    portal.post(f"members/{member_id}/invitation")
    portal.api.delete(f"members/{member_id}/invitation")
    assert portal.work() == 0
    assert len(box.messages) == 1


@pytest.mark.parametrize("ended_by", ["suspended", "scim", "deleted"])
def test_an_invitation_ends_with_what_it_was_for(app: Flask, portal: Portal, box: Postbox, ended_by: str) -> None:
    """Whoever ends it: the link opens nothing, and a letter that waits is not sent."""
    member_id, link = invited(portal, box)
    scim = new_client(app, portal.organization)
    if ended_by == "deleted":
        assert portal.api.delete(f"members/{member_id}").status_code == 204
    else:
        scim.patch(f"/Users/{member_id}", {"op": "replace", "path": "active", "value": True})
        if ended_by == "suspended":
            scim.patch(f"/Users/{member_id}", {"op": "replace", "path": "active", "value": False})
    assert accept(portal, link).status_code == 404


def test_a_letter_that_nobody_waits_for_is_not_sent(app: Flask, portal: Portal, box: Postbox) -> None:
    """Who was given access or deleted meanwhile gets no invitation."""
    scim = new_client(app, portal.organization)
    given, deleted = portal.new_member(), portal.new_member()
    for member_id in (given, deleted):
        portal.post(f"members/{member_id}/invitation")
    scim.patch(f"/Users/{given}", {"op": "replace", "path": "active", "value": True})
    assert portal.api.delete(f"members/{deleted}").status_code == 204
    assert portal.work() == 2
    assert (box.messages, portal.api.walk("deliveries")) == ([], [])


def test_a_link_is_of_its_organization_alone(app: Flask, desk: Desk, portal: Portal, box: Postbox) -> None:
    """Elsewhere it opens nothing, and it stays good at home."""
    _, link = invited(portal, box)
    elsewhere = new_portal(app, desk)
    for path in ("invitations/read", "invitations/accept"):
        assert elsewhere.api.post(path, {"link": link}).status_code == 404
    assert accept(portal, link).status_code == 200


def test_who_has_no_address_is_not_invited(app: Flask, portal: Portal) -> None:
    """The refusal says what to add."""
    member_id = new_client(app, portal.organization).new_user(active=False)
    refused = portal.api.post(f"members/{member_id}/invitation")
    assert (refused.status_code, "add one to emails" in refused.get_json()["detail"]) == (409, True)
    assert portal.state_of(member_id) == "contact"


def test_an_address_that_is_none_fails_with_its_reason(portal: Portal, box: Postbox) -> None:
    """An identity provider may push any text; nothing is sent for it, and it is not tried again."""
    hostile = "ada@example.com>\r\nBcc: everyone@example.com"
    member_id = portal.new_member(unique("ada"), emails=[{"value": hostile}])
    portal.post(f"members/{member_id}/invitation")
    portal.work()
    failed = portal.invitation(member_id)
    assert (failed["status"], "e-mail address of the member is none" in failed["failure"]) == ("failed", True)
    assert box.messages == []
    assert [each["status"] for each in portal.api.walk("deliveries")] == ["failed"]


def test_an_address_that_is_refused_fails_with_what_the_server_said(portal: Portal, box: Postbox) -> None:
    """Once it is corrected, the invitation is sent again."""
    member_id = portal.new_member()
    portal.post(f"members/{member_id}/invitation")
    box.refusals.append("550 5.1.1 no such user here")
    portal.work()
    assert portal.invitation(member_id)["failure"] == "the mail server refuses the address: 550 5.1.1 no such user here"
    portal.post(f"members/{member_id}/invitation")
    portal.work()
    assert portal.invitation(member_id)["status"] == "sent"


def test_a_server_that_is_down_is_tried_again(portal: Portal, box: Postbox, clock: Clock) -> None:
    """The link in the message that arrives is the one that is good."""
    member_id = portal.new_member()
    portal.post(f"members/{member_id}/invitation")
    box.refusals.append("451 try again later")
    portal.work()
    (waiting,) = portal.api.walk("deliveries")
    assert (waiting["status"], waiting["attempts"], waiting["subject"]) == ("pending", 1, member_id)
    assert portal.invitation(member_id)["status"] == "pending"
    clock.later = timedelta(minutes=2)
    portal.work()
    assert accept(portal, secret_of(box.links()[-1])).status_code == 200


def test_what_is_not_set_is_told_in_the_deliveries(portal: Portal) -> None:
    """Without a mail server nothing is lost: the letter waits, with the reason."""
    member_id = portal.new_member()
    portal.post(f"members/{member_id}/invitation")
    Portal(portal.api, without_mail(portal.desk)).work()
    (waiting,) = portal.api.walk("deliveries")
    assert "set SCIM_SERVER_SMTP_URL" in waiting["failure"]


def test_a_worker_that_dies_after_sending_sends_again(portal: Portal, box: Postbox, clock: Clock) -> None:
    """With a new link: the one in the first message opens nothing then."""
    member_id = portal.new_member()
    portal.post(f"members/{member_id}/invitation")
    with begin_platform(portal.desk.store, write=True) as platform:
        dead = lease(platform, ("invitation",), platform.now + LEASE)
    assert dead is not None
    letter = portal.desk.transact(dead, lambda tenant: prepare_invitation(tenant, KEY, dead))
    assert letter is not None
    assert portal.post("invitations/read", {"link": letter.secret})["member_id"] == member_id
    clock.later = LEASE + timedelta(seconds=1)
    portal.work()
    assert accept(portal, letter.secret).status_code == 404
    assert accept(portal, secret_of(box.links()[-1])).status_code == 200


def test_who_comes_by_scim_gets_no_password_by_mail(app: Flask, portal: Portal, box: Postbox) -> None:
    """They agree to what the portal asks, and sign in where their identity provider says."""
    address = f"{unique('grace')}@example.com"
    member_id = new_client(app, portal.organization).new_user(address, active=False, emails=[{"value": address}])
    portal.post(f"members/{member_id}/invitation")
    portal.work()
    link = secret_of(box.links()[-1])
    welcome = portal.post("invitations/read", {"link": link})
    assert (welcome["asks_password"], welcome["may_rename"]) == (False, False)
    assert accept(portal, link).status_code == 400
    answer = portal.api.post("invitations/accept", {"link": link, "consents": AGREED})
    assert (answer.status_code, portal.state_of(member_id)) == (200, "active")


def test_a_link_is_kept_as_a_digest_alone(portal: Portal, box: Postbox) -> None:
    """And a password as Argon2id."""
    member_id, link = invited(portal, box)
    with begin(portal.organization.store, portal.organization.operator, write=False) as tenant:
        row = tenant.db.execute(select(links).where(links.c.org_id == tenant.org_id)).one()
        assert row.digest == KEY.digest(link)
        assert link not in str(row)
    accept(portal, link)
    with begin(portal.organization.store, portal.organization.operator, write=False) as tenant:
        assert tenant.db.execute(select(links).where(links.c.org_id == tenant.org_id)).all() == []
        kept = select(passwords.c.digest).where(passwords.c.org_id == tenant.org_id, passwords.c.user_id == member_id)
        assert str(tenant.db.scalar(kept)).startswith("$argon2id$")


def test_only_a_token_of_members_invites(app: Flask, portal: Portal) -> None:
    """Reading takes members:read, and no more."""
    reader = api_client(app, "members:read", organization=portal.organization)
    member_id = portal.new_member()
    assert reader.post(f"members/{member_id}/invitation").status_code == 403
    assert reader.get(f"members/{member_id}/invitation").status_code == 404
