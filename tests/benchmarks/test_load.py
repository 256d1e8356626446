"""A loaded user is what a POST of the same user leaves, in every row and every answer."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from benchmarks import bodies
from benchmarks.load import PROFILE, Loaded, load_organization, opened
from scim_server.store.session import begin_platform
from scim_server.store.tables import resources
from scim_server.web.requests import SCIM_PREFIX
from tests.databases import Database
from tests.directory import KEY, new_client, unique

USERS, GROUP = 12, 5
OWN = {"org_id", "id", "created_at", "modified_at", "created_by", "changed_by", "managed_by", "namespace"}
"""Columns that name the resource, its organization, its connection or the moment."""


def loaded(database: Database) -> Loaded:
    """Load a small organization with a group."""
    with opened(database.owner_url) as store:
        return load_organization(store, KEY, unique("loaded"), USERS, (GROUP,))


def answer(http: FlaskClient, path: str, token: str, **sent: Any) -> Any:
    """Return the JSON of a request that succeeds."""
    method = "POST" if sent else "GET"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
    response = http.open(SCIM_PREFIX + path, method=method, headers=headers, **sent)
    assert response.status_code in (200, 201), response.text
    return response.json


def without_identity(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a resource without what names it or the moment it was made."""
    meta = {name: resource["meta"][name] for name in resource["meta"].keys() - {"location", "created", "lastModified"}}
    return {**{name: value for name, value in resource.items() if name not in ("id", "groups")}, "meta": meta}


def rows(database: Database, org_id: str, name: str) -> list[dict[str, Any]]:
    """Return what is stored of the user or group of a unique name."""
    with opened(database.owner_url) as store, begin_platform(store, write=False) as platform:
        found = platform.db.execute(
            select(resources).where(resources.c.org_id == org_id, resources.c.unique_key == name)
        ).mappings()
        return [dict(row) for row in found]


def test_a_loaded_user_answers_as_one_that_was_posted(app: Flask, database: Database) -> None:
    """GET and a filter give for a loaded user what they give for the same user sent by a client."""
    http, made, number = app.test_client(), loaded(database), 7
    name = bodies.user_name(number)
    client = new_client(app, connection=PROFILE, profile=PROFILE)
    posted = answer(http, "/Users", client.token, data=bodies.as_json(bodies.user(name, number)))
    person = next(each for each in made.sample if each.user_name == name)

    read = answer(http, f"/Users/{person.id}", made.token)
    found = answer(http, f'/Users?filter=userName eq "{name.upper()}"', made.token)

    assert without_identity(read) == without_identity(posted)
    assert found["Resources"] == [read]


def test_a_loaded_row_is_the_row_of_a_post(app: Flask, database: Database) -> None:
    """Every column of a loaded user and group has what the store writes, shadows and folded form included."""
    http, made = app.test_client(), loaded(database)
    client = new_client(app, connection=PROFILE, profile=PROFILE)
    name, group = bodies.user_name(3), f"Group of {GROUP}"
    answer(http, "/Users", client.token, data=bodies.as_json(bodies.user(name, 3)))
    answer(http, "/Groups", client.token, data=bodies.as_json(bodies.group(group)))

    for key in (name, group.lower()):
        (by_loader,), (by_post,) = (rows(database, org, key) for org in (made.org_id, client.organization.id))
        assert {column for column in by_post if by_loader[column] != by_post[column]} <= OWN
        assert {column: by_loader[column] is None for column in OWN} == {
            column: by_post[column] is None for column in OWN
        }
        for column in ("created_by", "changed_by", "managed_by"):
            assert by_loader[column] != by_post[column], "another connection of another organization"


def test_a_loaded_organization_is_complete(app: Flask, database: Database) -> None:
    """Totals count what was loaded, the group has its members, and its members say so."""
    http, made = app.test_client(), loaded(database)

    users, groups = (answer(http, f"/{endpoint}", made.token) for endpoint in ("Users", "Groups"))
    group = answer(http, f"/Groups/{made.groups[GROUP]}", made.token)

    assert (users["totalResults"], groups["totalResults"]) == (USERS, 1)
    assert [user["userName"] for user in users["Resources"]] == [bodies.user_name(number) for number in range(USERS)]
    assert {member["value"] for member in group["members"]} == {user["id"] for user in users["Resources"][:GROUP]}
    assert [each["value"] for each in users["Resources"][0]["groups"]] == [group["id"]]
    assert "groups" not in users["Resources"][GROUP]
    assert {each.id for each in made.sample} == {user["id"] for user in users["Resources"]}
    assert [each.id for each in made.spares] == [user["id"] for user in users["Resources"][USERS // 2 :]]


def test_a_loaded_user_can_be_changed(app: Flask, database: Database) -> None:
    """The connection that users were loaded as manages them from then on."""
    http, made = app.test_client(), loaded(database)
    path = f"{SCIM_PREFIX}/Users/{made.spares[0].id}"

    response = http.patch(path, json=bodies.set_active(False), headers={"Authorization": f"Bearer {made.token}"})

    assert response.json is not None
    assert response.json["active"] is False
