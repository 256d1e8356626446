"""The history of an organization in the console: who did what, when, and what changed by it."""

import csv
import io
import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from scim_server.store.session import begin, utc_now
from scim_server.store.trail import record
from tests.directory import NOBODY, new_client
from tests.portals import Portal, portal
from tests.web.console.pages import Pages, administrator, signed_in

pytestmark = pytest.mark.usefixtures("tenant_guard")


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app)


@pytest.fixture
def pages(delegated: Portal) -> Pages:
    """The pages of an administrator."""
    return administrator(delegated)


def noted(on: Portal, action: str, changes: dict[str, Any], resource: str = NOBODY, times: int = 1) -> None:
    """Write entries into the trail."""
    with begin(on.organization.store, on.organization.operator, write=True) as tenant:
        for _ in range(times):
            record(tenant, action, "User", resource, changes)


def rows_of(page: str) -> list[str]:
    """Return the rows of the table."""
    return re.findall(r"<tr>.*?</tr>", page.partition("<tbody>")[2], re.DOTALL)


def test_what_was_done_is_said_in_words(pages: Pages) -> None:
    """Who did it by their name, what it is about with a link, and what changed from what to what."""
    member = pages.portal.member("ada", title="Countess")
    assert pages.portal.api.patch(f"members/{member}", {"attributes": {"title": "Analyst"}}).status_code == 200
    page = pages.read("/history")
    changed = next(row for row in rows_of(page) if "Changed a member" in row)
    assert "The portal" in changed
    assert f"/members/{member}" in changed
    assert re.search(r"Job title:\s+Countess\s.*→.*Analyst", changed, re.DOTALL)
    signed_in = next(row for row in rows_of(page) if "Signed in" in row)
    assert signed_in.count("Admin") >= 2
    assert "Somebody who was not signed in" not in signed_in
    assert re.search(r"Kind:\s+Role", pages.read("/history?action=group.create"))


def test_an_action_that_is_unknown_is_shown_as_it_is(pages: Pages) -> None:
    """So that nothing that happened is hidden."""
    noted(pages.portal, "user.teleport", {"place": {"from": "here", "to": ["there", {"value": "or elsewhere"}]}})
    page = pages.read("/history")
    assert "user.teleport" in page
    assert "there, or elsewhere" in page


def test_what_was_written_does_not_become_a_part_of_the_page(pages: Pages) -> None:
    """Names and values are text."""
    noted(pages.portal, "user.patch", {"title": {"to": "<script>alert(1)</script>"}})
    assert "<script>alert" not in pages.get("/history").text


def test_passwords_are_never_shown(pages: Pages) -> None:
    """Only that one was set."""
    provider = new_client(pages.portal.app, organization=pages.portal.organization)
    member = provider.new_user("ada", password="a secret that is long enough")
    page = pages.read(f"/history?resource={member}")
    assert "was set" in page
    assert "a secret that" not in page


def test_who_was_added_is_named(pages: Pages) -> None:
    """Members of a group by their names, the others counted."""
    team = pages.portal.group("Support")
    members = [pages.portal.member(f"m{number}") for number in range(12)]
    pages.portal.add(team, *members)
    page = pages.read(f"/history?resource={team}&action=group.patch")
    assert "Support" in page
    assert "and 2 others" in page


def test_entries_are_narrowed_by_what_the_address_says(pages: Pages) -> None:
    """By resource, actor, action and day; what the form shows is what is asked for."""
    ada, ben = pages.portal.member("ada"), pages.portal.member("ben")
    assert pages.portal.api.post(f"members/{ada}/suspend").status_code == 200
    about_ada = rows_of(pages.read(f"/history?resource={ada}"))
    assert len(about_ada) == 2
    assert not any(ben in row for row in about_ada)
    assert len(rows_of(pages.read(f"/history?resource={ada}&action=user.suspend"))) == 1
    assert '<option value="user.suspend" selected>' in pages.read("/history?action=user.suspend")
    assert "Nothing of this kind has happened" in pages.read(f"/history?actor={NOBODY}")


def test_days_are_those_of_the_organization(pages: Pages) -> None:
    """An entry of now is of today there, whatever day it is elsewhere."""
    assert pages.portal.api.patch("", {"time_zone": "Pacific/Kiritimati"}).status_code == 200
    today = utc_now().astimezone(ZoneInfo("Pacific/Kiritimati")).date()
    day, later = timedelta(days=1), "Nothing of this kind has happened"
    assert later not in pages.read(f"/history?since={today}&until={today}")
    assert later in pages.read(f"/history?since={today + day}")
    assert later in pages.read(f"/history?until={today - day}")
    for none in ("yesterday", "0001-01-01", "9999-12-31"):
        answer = pages.get(f"/history?since={none}")
        assert answer.status_code == 400
        assert "This is no day" in answer.text


def test_the_history_is_paged(pages: Pages) -> None:
    """Fifty entries on a page, and the narrowing goes along with the link to the next."""
    noted(pages.portal, "user.teleport", {}, times=60)
    page = pages.read("/history?action=user.teleport")
    assert len(rows_of(page)) == 50
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following
    assert "action=user.teleport" in following[1]
    last = pages.read(following[1].removeprefix(pages.base))
    assert len(rows_of(last)) == 10
    assert "First page" in last


def test_what_stands_in_the_address_does_no_harm(pages: Pages) -> None:
    """Whatever is no text, day or place is none."""
    for query in (
        "resource=%7F",
        "actor=%7Fx",
        "before=%7F",
        "before=nowhere",
        "action=%0d%0a",
        "resource=" + "x" * 999,
    ):
        assert pages.get(f"/history?{query}").status_code == 200


def test_the_export_has_all_entries_neutralized(pages: Pages) -> None:
    """Those that the address asks for, on all pages, with no cell that begins a formula; it is recorded itself."""
    noted(pages.portal, "user.teleport", {"title": {"to": "=1+1"}}, times=510)
    noted(pages.portal, "=1+1", {})
    answer = pages.get("/history/export.csv?action=user.teleport")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="history.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert len(rows) == 510
    assert {row["action"] for row in rows} == {"user.teleport"}
    whole = pages.get("/history/export.csv").data.decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(whole)) for cell in row]
    assert "'=1+1" in cells
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert "Exported the history" in pages.read("/history?action=history.export")
    assert pages.get("/history/export.csv?since=never").status_code == 400


def test_only_who_manages_members_reads_the_history(delegated: Portal) -> None:
    """Others are told whom to turn to."""
    delegated.member("admin", "delegated-administrator")
    reader = signed_in(delegated, delegated.member("ada"))
    for place in ("/history", "/history/export.csv"):
        assert reader.get(place).status_code == 403


def test_nothing_of_another_organization_is_shown(app: Flask, pages: Pages) -> None:
    """Neither its entries, nor the names behind ids that stand in an entry here."""
    other = portal(app)
    theirs = other.member("secretary")
    assert "Nothing of this kind has happened" in pages.read(f"/history?resource={theirs}")
    noted(pages.portal, "user.patch", {"from": {"to": theirs}}, theirs)
    page = pages.read(f"/history?resource={theirs}")
    assert theirs in page
    assert "Secretary" not in page
    assert "Secretary" not in pages.get("/history/export.csv").text
