"""A member is told what was assigned to them."""

from flask import Flask

from scim_server.delivery.worker import Desk
from tests.delivery.people import new_portal
from tests.directory import new_client
from tests.mail import Postbox


def test_a_member_is_told_what_is_theirs(app: Flask, desk: Desk, box: Postbox) -> None:
    """Each object once; what was taken back meanwhile is left out, and so is who has no access or no address."""
    portal = new_portal(app, desk)
    scim = new_client(app, portal.organization)
    emails = [{"value": "ada@example.com"}]
    told = scim.new_user(emails=emails, preferredLanguage="fr")
    others = scim.new_user(emails=emails, active=False), scim.new_user()
    team = scim.new_group(members=[told])
    for order in ("order:4711", "order:4711", "order:4712"):
        portal.post("assignments", {"object": order, "assignees": [told, *others, team]}, 204)
    portal.post("assignments/close", {"object": "order:4712", "assignee": told}, 204)
    portal.work()
    assert [each["Subject"] for each in box.messages] == ["order 4711 vous est attribué"]
    assert box.links() == []
    assert portal.api.walk("deliveries") == []
