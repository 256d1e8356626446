"""Joiners and leavers: access begins and ends at midnight of the day, where the organization is."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from scim_server.delivery.worker import Desk
from scim_server.protocol.member_dates import MEMBER_USER_URN
from scim_server.store.calendar import midnight
from scim_server.store.deliveries import list_deliveries
from scim_server.store.session import begin, utc_now
from tests.delivery.conftest import Clock
from tests.delivery.people import NAME, Portal, new_portal
from tests.directory import Client, new_client, unique, user_body
from tests.mail import Postbox


@pytest.fixture
def portal(app: Flask, desk: Desk) -> Portal:
    """A portal whose organization is in UTC."""
    return new_portal(app, desk, "archive")


@pytest.fixture
def scim(app: Flask, portal: Portal) -> Client:
    """The HR system of the organization."""
    return new_client(app, portal.organization)


def day(days: int) -> str:
    """Return the date in so many days."""
    return (utc_now().date() + timedelta(days=days)).isoformat()


def dated(start: str | None = None, end: str | None = None) -> dict[str, Any]:
    """Return the extension with these dates."""
    dates = (("startDate", start), ("endDate", end))
    return {MEMBER_USER_URN: {name: f"{value}T00:00:00Z" for name, value in dates if value}}


def due(portal: Portal) -> dict[str, datetime]:
    """Return when each kind of thing is due."""
    with begin(portal.desk.store, portal.organization.operator, write=False) as tenant:
        return {each.kind: each.due_at for each in list_deliveries(tenant)}


@pytest.mark.parametrize(
    ("zone", "of", "moment"),
    [
        ("UTC", "2026-01-31", "2026-01-31T00:00"),
        ("Europe/Paris", "2026-01-31", "2026-01-30T23:00"),
        # The day of either change of the clock begins before it.
        ("Europe/Paris", "2026-03-29", "2026-03-28T23:00"),
        ("Europe/Paris", "2026-03-30", "2026-03-29T22:00"),
        ("Europe/Paris", "2026-10-25", "2026-10-24T22:00"),
        ("Europe/Paris", "2026-10-26", "2026-10-25T23:00"),
        ("Pacific/Auckland", "2026-01-31", "2026-01-30T11:00"),
        ("Pacific/Auckland", "2026-07-31", "2026-07-30T12:00"),
        ("America/Los_Angeles", "2026-01-31", "2026-01-31T08:00"),
        # The clock goes from 00:00 to 01:00: the day begins there.
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00"),
        # It goes from 01:00 back to 00:00: the day begins at the first of both.
        ("Atlantic/Azores", "2026-10-25", "2026-10-25T00:00"),
    ],
)
def test_a_day_begins_at_its_midnight(zone: str, of: str, moment: str) -> None:
    """In the time zone, whatever the clock does on that day."""
    assert midnight(date.fromisoformat(of), ZoneInfo(zone)) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


def test_a_joiner_has_access_from_the_first_day_on(portal: Portal, scim: Client, clock: Clock) -> None:
    """Nobody pushes anything on that day."""
    member_id = scim.new_user(**dated(day(3), day(10)))
    assert portal.state_of(member_id) == "contact"
    assert portal.work() == 0
    clock.later = timedelta(days=3)
    portal.work()
    assert portal.state_of(member_id) == "active"
    assert scim.read(f"/Users/{member_id}")["active"] is True
    clock.later = timedelta(days=10)
    portal.work()
    assert portal.state_of(member_id) == "suspended"
    actions = [each["action"] for each in portal.api.walk(f"trail?resource={member_id}", limit=50)]
    assert [each for each in actions if each in ("user.start", "user.end")] == ["user.end", "user.start"]
    assert due(portal) == {}


@pytest.mark.parametrize(
    ("active", "start", "state"),
    [(None, 3, "contact"), (True, 3, "active"), (False, 3, "contact"), (None, 0, "active"), (None, -3, "active")],
)
def test_what_is_sent_as_active_holds(
    portal: Portal, scim: Client, active: bool | None, start: int, state: str
) -> None:
    """Only who is sent without, and starts on a later day, waits for it."""
    sent: dict[str, Any] = {} if active is None else {"active": active}
    assert portal.state_of(scim.new_user(**sent, **dated(day(start)))) == state


def test_a_day_that_is_past_is_done_at_once(portal: Portal, scim: Client) -> None:
    """By the next pass of the worker, and once: who is restored after that stays."""
    member_id = scim.new_user(**dated(end=day(-1)))
    portal.work()
    assert portal.state_of(member_id) == "suspended"
    portal.post(f"members/{member_id}/restore")
    contact = {"op": "add", "path": f"{MEMBER_USER_URN}:contactRoles", "value": ["invoices"]}
    assert scim.patch(f"/Users/{member_id}", contact).status_code == 200
    portal.work()
    assert portal.state_of(member_id) == "active"


@pytest.mark.parametrize("by", ["put", "patch", "bulk", "api"])
def test_dates_follow_the_document(portal: Portal, scim: Client, by: str) -> None:
    """However it is written: moved, kept where it is the same, and called off where it is taken away."""
    name = unique("ada")
    person: dict[str, Any] = {"name": NAME, "emails": [{"value": "ada@example.com"}]}
    member_id = scim.new_user(name, **person, **dated(day(3), day(10)))

    def write(dates: dict[str, Any]) -> None:
        path = f"/Users/{member_id}"
        if by == "put":
            answer = scim.put(path, user_body(name, **person, **dates))
        elif by == "patch":
            value = dates[MEMBER_USER_URN] or None
            answer = scim.patch(
                path,
                {"op": "remove", "path": MEMBER_USER_URN},
                *([{"op": "add", "value": {MEMBER_USER_URN: value}}] if value else []),
            )
        elif by == "bulk":
            operation = {"method": "PUT", "path": path, "data": user_body(name, **person, **dates)}
            urn = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
            answer = scim.post("/Bulk", {"schemas": [urn], "Operations": [operation]})
            assert answer.get_json()["Operations"][0]["status"] == "200", answer.text
        else:
            answer = portal.api.patch(
                f"members/{member_id}",
                {"attributes": {MEMBER_USER_URN: {"startDate": None, "endDate": None, **dates[MEMBER_USER_URN]}}},
            )
        assert answer.status_code == 200, answer.text

    def midnight_of(days: int) -> datetime:
        return datetime.fromisoformat(day(days)).replace(tzinfo=UTC)

    assert due(portal) == {"start": midnight_of(3), "end": midnight_of(10)}
    write(dated(day(4), day(10)))
    assert due(portal) == {"start": midnight_of(4), "end": midnight_of(10)}
    write(dated(end=day(12)))
    assert due(portal) == {"end": midnight_of(12)}
    write(dated())
    assert due(portal) == {}


def test_another_time_zone_moves_what_is_due(portal: Portal, scim: Client) -> None:
    """All that is due on a day of the organization."""
    scim.new_user(**dated("2031-01-31", "2031-07-31"))
    assert portal.api.patch("", {"time_zone": "Pacific/Auckland"}).status_code == 200
    assert due(portal) == {
        "start": datetime(2031, 1, 30, 11, tzinfo=UTC),
        "end": datetime(2031, 7, 30, 12, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    "text",
    ["31/01/2026", "2026-02-30T00:00:00Z", "20260131", "2026-01-31", "2026-W05-6", "soon", "", "0001-01-01T00:00:00Z"],
)
@pytest.mark.parametrize("name", ["startDate", "endDate"])
def test_what_is_no_date_is_refused(portal: Portal, scim: Client, name: str, text: str) -> None:
    """With the attribute, and what is taken."""
    dates = {MEMBER_USER_URN: {name: text}}
    answer = scim.post("/Users", user_body(unique("ada"), **dates))
    assert answer.status_code == 400, answer.text
    assert name in answer.get_json()["detail"]
    member_id = scim.new_user()
    refused = scim.patch(f"/Users/{member_id}", {"op": "add", "path": f"{MEMBER_USER_URN}:{name}", "value": text})
    assert refused.status_code == 400
    assert due(portal) == {}


def test_whom_the_portal_itself_creates_waits_for_the_first_day(portal: Portal, clock: Clock, box: Postbox) -> None:
    """And is sent the link for a password on it."""
    address = f"{unique('ada')}@example.com"
    attributes = {"userName": address, "emails": [{"value": address}], "name": {"givenName": "A", "familyName": "L"}}
    made = portal.api.made("members", {"attributes": {**attributes, **dated(day(3))}})
    assert portal.state_of(made["id"]) == "contact"
    assert (portal.work(), box.messages) == (0, [])
    clock.later = timedelta(days=3)
    portal.work()
    assert portal.state_of(made["id"]) == "active"
    assert box.recipients == [address]


def test_who_has_left_is_not_brought_back_by_a_first_day(portal: Portal, scim: Client, clock: Clock) -> None:
    """Who was archived, deleted or suspended meanwhile stays so."""
    archived, deleted, given = (scim.new_user(**dated(day(3))) for _ in range(3))
    portal.post(f"members/{archived}/archive")
    assert scim.delete(f"/Users/{deleted}").status_code == 204
    for active in (True, False):
        scim.patch(f"/Users/{given}", {"op": "replace", "path": "active", "value": active})
    clock.later = timedelta(days=3)
    portal.work()
    assert [portal.state_of(each) for each in (archived, given)] == ["archived", "suspended"]
    assert due(portal) == {}
