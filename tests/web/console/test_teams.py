"""The pages of teams and of customer groups."""

import re

import pytest
from flask import Flask

from tests.databases import only_postgresql
from tests.directory import new_client
from tests.portals import Portal, portal
from tests.web.console.pages import Pages, administrator, signed_in

# What a page shows depends on no database; tests/web/console/test_every_page.py opens each on either.
pytestmark = only_postgresql


@pytest.fixture
def archive(app: Flask) -> Portal:
    """An organization with teams, whose members are never deleted."""
    return portal(app, "archive")


@pytest.fixture
def customers(app: Flask) -> Portal:
    """An organization whose technicians look after customer groups."""
    return portal(app, "customer-groups")


def name_of(on: Portal, member: str) -> str:
    """Return the user name of a member."""
    return str(on.api.read(f"members/{member}")["attributes"]["userName"])


def members_of(on: Portal, group: str) -> set[str]:
    """Return the ids of who is in a group."""
    return {each["id"] for each in on.api.read(f"groups/{group}/members")["items"]}


def made(pages: Pages, path: str, **form: str) -> str:
    """Make a group by its form and return its id."""
    answer = pages.post(f"/{path}/new", form)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"].rsplit("/", 1)[1])


def test_teams_are_shown_with_their_sub_teams(archive: Portal) -> None:
    """As nested lists, in the order of their names."""
    pages = administrator(archive)
    assert "There is no team yet." in pages.read("/teams")
    support = made(pages, "teams", name="Support")
    made(pages, "teams", name="Accounts")
    night = made(pages, "teams", name="Night", parent=support)
    made(pages, "teams", name="Late night", parent=night)
    page = pages.read("/teams")
    places = [page.index(f">{name}</a>") for name in ("Accounts", "Support", "Night", "Late night")]
    assert places == sorted(places)
    assert page[places[1] : places[3]].count("<ul>") == 2
    assert archive.api.read(f"groups/{night}")["parent"] == support
    assert "Support" in pages.read(f"/teams/{night}")
    assert ">Night</a>" in pages.read("/teams?find=nIgH")
    assert "Nothing is found." in pages.read("/teams?find=100%25")


def test_teams_come_page_by_page(archive: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their names, each one once."""
    monkeypatch.setattr("scim_server.web.console.teams.TEAMS_SHOWN", 2)
    pages = administrator(archive)
    names = ["Échanges", "alpha", "Beta", "gamma", "Delta"]
    for name in names:
        archive.group(name)
    shown, url = [], "/teams"
    while url:
        page = pages.read(url)
        shown += re.findall(r'/teams/[0-9a-f-]{36}">([^<]+)</a>', page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        url = found[1].removeprefix(pages.base) if found else ""
    assert shown == ["alpha", "Beta", "Delta", "gamma", "Échanges"]


def test_a_team_is_renamed_and_moved(archive: Portal) -> None:
    """Under another, but not under itself or one below; a name that is taken is told on the form."""
    pages = administrator(archive)
    one, two = made(pages, "teams", name="One"), made(pages, "teams", name="Two")
    below = made(pages, "teams", name="Below", parent=one)
    page = pages.done(f"/teams/{below}/change", {"name": "Moved", "parent": two})
    assert "Moved" in page
    assert archive.api.read(f"groups/{below}")["parent"] == two
    refused = pages.post(f"/teams/{two}/change", {"name": "Two", "parent": below})
    assert refused.status_code == 409
    assert "a team cannot be part of itself" in refused.text
    taken = pages.post(f"/teams/{two}/change", {"name": "one", "parent": ""})
    assert taken.status_code == 409
    assert "Another one has this name already." in taken.text
    assert 'value="one"' in taken.text
    assert pages.post(f"/teams/{two}/change", {"name": "", "parent": ""}).status_code == 400
    assert pages.post("/teams/new", {"name": "TWO"}).status_code == 409


def test_members_are_added_by_address_or_user_name(archive: Portal) -> None:
    """One for each line; who is unknown is named, and then nobody is added."""
    pages = administrator(archive)
    team = made(pages, "teams", name="Sales")
    ada, ben = archive.member("ada"), archive.member("ben")
    names = f"{name_of(archive, ada)}@example.com\r\n\r\n {name_of(archive, ben)} \r\n"
    refused = pages.post(f"/teams/{team}/add", {"names": f"{names}stranger@example.com"}, of=f"/teams/{team}")
    assert refused.status_code == 400
    assert "nobody here has the address or user name stranger@example.com" in refused.text
    assert name_of(archive, ben) in refused.text
    assert members_of(archive, team) == set()
    page = pages.done(f"/teams/{team}/add", {"names": names}, of=f"/teams/{team}")
    assert "2 members are added." in page
    assert members_of(archive, team) == {ada, ben}
    page = pages.done(f"/teams/{team}/remove", {"member": ada}, of=f"/teams/{team}")
    assert "The member is removed." in page
    assert members_of(archive, team) == {ben}
    for names in ("", "\n".join(f"m{number}" for number in range(101))):
        assert pages.post(f"/teams/{team}/add", {"names": names}, of=f"/teams/{team}").status_code == 400


def test_the_members_of_a_team_come_page_by_page(archive: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the state of each, and the sub-teams among them, which stay until they are moved."""
    monkeypatch.setattr("scim_server.web.console.group_members.MEMBERS_SHOWN", 2)
    pages = administrator(archive)
    team = made(pages, "teams", name="Sales")
    made(pages, "teams", name="Night", parent=team)
    archive.add(team, archive.member("ada"), archive.member("ben", access="none"))
    page = pages.read(f"/teams/{team}")
    assert "Sub-team, with everybody in it" in page
    assert "Active" in page
    found = re.search(r'rel="next" href="([^"]+)"', page)
    assert found
    assert "Contact" in pages.http.get(found[1]).text
    assert "Sub-team, with everybody in it" not in pages.http.get(found[1]).text


def test_a_team_is_deleted_after_a_page_that_asks(archive: Portal) -> None:
    """Its members stay; one with sub-teams stays too."""
    pages = administrator(archive)
    team = made(pages, "teams", name="Sales")
    below = made(pages, "teams", name="Night", parent=team)
    assert "Delete Sales?" in pages.read(f"/teams/{team}/delete")
    refused = pages.post(f"/teams/{team}/delete", {})
    assert refused.status_code == 409
    assert "the team has sub-teams" in refused.text
    assert "The team is deleted" in pages.done(f"/teams/{below}/delete", {})
    pages.done(f"/teams/{team}/delete", {})
    assert "There is no team yet." in pages.read("/teams")


def test_an_identity_provider_fills_a_team(archive: Portal) -> None:
    """It is lent to a connection and taken back; meanwhile nobody adds members by hand."""
    pages = administrator(archive)
    made_one = archive.api.made("connections", {"name": "Entra ID", "profile": "entra"})
    team, ada = made(pages, "teams", name="Sales"), archive.member("ada")
    form = {"name": "Sales", "parent": "", "connection": made_one["id"]}
    page = pages.done(f"/teams/{team}/change", form)
    assert "Filled by Entra ID." in page
    assert 'name="names"' not in page
    assert "Delete the team" not in page
    assert "Filled by Entra ID" in pages.read("/teams")
    refused = pages.post(f"/teams/{team}/add", {"names": name_of(archive, ada)}, of=f"/teams/{team}")
    assert refused.status_code == 409
    assert members_of(archive, team) == set()
    assert 'name="name"' not in pages.read(f"/teams/{team}/change")
    pages.done(f"/teams/{team}/change", {"connection": ""})
    pages.done(f"/teams/{team}/add", {"names": name_of(archive, ada)}, of=f"/teams/{team}")


def test_a_group_that_was_pushed_is_read_only(archive: Portal) -> None:
    """Neither renamed nor filled by hand."""
    pages = administrator(archive)
    provider = new_client(archive.app, organization=archive.organization)
    pushed = provider.new_group("Pushed")
    page = pages.read(f"/teams/{pushed}")
    assert "Filled by default." in page
    assert "Change the team" not in page
    for path, form in (("change", {"connection": ""}), ("change", {"name": "Mine"}), ("delete", {})):
        assert pages.post(f"/teams/{pushed}/{path}", form).status_code == 409


def test_nobody_gives_by_a_group_what_is_not_theirs(app: Flask) -> None:
    """Neither by a team that is in a role; the refusal stands on the page."""
    installers = portal(app, "assigned-orders")
    administrator(installers)
    manager_role = installers.group("Managers", "role", permissions={"members:manage": "organization"})
    team = installers.group("Sales")
    installers.add(installers.roles()["commercial"], team)
    pages = signed_in(installers, installers.member("mia", manager_role))
    ada = installers.member("ada")
    # Who manages alone does not read the lists; the action itself refuses.
    answer = pages.post(f"/teams/{team}/add", {"names": name_of(installers, ada)}, of="/teams/new")
    assert answer.status_code == 403
    assert "you may not give orders:create, orders:read, prices:read" in answer.text
    assert members_of(installers, team) == set()


def test_who_does_not_manage_sees_no_forms_and_changes_nothing(app: Flask) -> None:
    """Lists alone; the addresses of forms lead to the administrators."""
    installers = portal(app, "assigned-orders")
    administrator(installers)
    reader_role = installers.group("Readers", "role", permissions={"members:read": "organization"})
    reader = signed_in(installers, installers.member("ben", reader_role))
    team = installers.group("Sales")
    page = reader.read("/teams")
    assert ">Sales</a>" in page
    assert "New team" not in page
    assert 'action="' not in reader.read(f"/teams/{team}").split("</header>")[1].replace('role="search"', "")
    for path in ("/teams/new", f"/teams/{team}/change", f"/teams/{team}/delete", f"/teams/{team}/add"):
        assert reader.post(path, {"name": "Mine", "names": "ben"}, of="/teams").status_code == 403
    plain = signed_in(installers, installers.member("ada"))
    assert plain.get("/teams").status_code == 403


def test_nothing_of_another_organization_is_reached(archive: Portal, customers: Portal) -> None:
    """Nor a group of another kind; an id of another shape is none."""
    pages = administrator(archive)
    foreign, own = customers.group("Secret"), archive.group("Clients", "customerGroup")
    for team in (foreign, own, "none", "%00"):
        for path in (f"/teams/{team}", f"/teams/{team}/change", f"/teams/{team}/delete"):
            assert pages.get(path).status_code == 404
        for path in (f"/teams/{team}/add", f"/teams/{team}/remove", f"/teams/{team}/delete"):
            assert pages.post(path, {"names": "x"}, of="/teams").status_code == 404
    assert pages.post("/teams/new", {"name": "Mine", "parent": foreign}).status_code == 404
    stranger = customers.member("stranger")
    team = archive.group("Sales")
    refused = pages.post(f"/teams/{team}/add", {"names": name_of(customers, stranger)}, of="/teams")
    assert refused.status_code == 400
    assert customers.api.get(f"groups/{foreign}").status_code == 200


def test_customer_groups_give_access_and_take_it(customers: Portal) -> None:
    """At once; a technician without one is shown as incomplete until then."""
    pages = administrator(customers)
    technician = customers.member("tom", "technician")
    name = name_of(customers, technician)
    page = pages.read("/customer-groups")
    assert "Access is incomplete" in page
    assert f"/members/{technician}" in page
    group = made(pages, "customer-groups", name="Clinics")
    pages.done(f"/customer-groups/{group}/add", {"names": name}, of=f"/customer-groups/{group}")
    assert customers.may(technician, "devices:read", f"customerGroup:{group}")
    assert "Access is incomplete" not in pages.read("/customer-groups")
    assert technician in pages.read(f"/customer-groups/{group}")
    pages.done(f"/customer-groups/{group}/remove", {"member": technician}, of=f"/customer-groups/{group}")
    assert not customers.may(technician, "devices:read", f"customerGroup:{group}")
    assert "Clinic" in pages.done(f"/customer-groups/{group}/change", {"name": "Clinic"})
    pages.done(f"/customer-groups/{group}/delete", {})
    assert "There is no customer group yet." in pages.read("/customer-groups")
