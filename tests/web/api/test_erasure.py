"""What is left of who leaves a portal that never deletes, and of who asks to be forgotten."""

import pytest
from flask import Flask
from sqlalchemy import select

from scim_server.store.session import begin
from scim_server.store.tables import TENANT_TABLES
from tests.api import problem_of
from tests.directory import new_client
from tests.portals import Portal, portal


@pytest.fixture
def archive(app: Flask) -> Portal:
    """An organization whose portal never deletes."""
    return portal(app, "archive")


def _kept(on: Portal) -> str:
    """Return all that the database keeps of the organization, as text."""
    with begin(on.organization.store, on.organization.operator, write=False) as tenant:
        rows = [
            tenant.db.execute(select(table).where(table.c.org_id == tenant.org_id)).all() for table in TENANT_TABLES
        ]
    return str(rows)


def test_nothing_is_left_of_who_they_were(archive: Portal) -> None:
    """Neither in the record nor in the trail, which still says what was done; only an archived member is erased."""
    ada = archive.member("hypatia")
    archive.api.patch(f"members/{ada}", {"attributes": {"title": "Astronomer of Hypatia"}})
    assert "archive them first" in problem_of(archive.api.post(f"members/{ada}/erase"), 409)["detail"]
    archive.api.post(f"members/{ada}/archive")
    assert "hypatia" in _kept(archive).lower()
    erased = archive.api.post(f"members/{ada}/erase").get_json()
    assert (erased["state"], erased["attributes"]) == ("archived", {"userName": f"erased-{ada}"})
    assert "hypatia" not in _kept(archive).lower()
    actions = [each["action"] for each in archive.api.read(f"trail?resource={ada}")["items"]]
    assert actions[0] == "user.erase"
    assert "user.create" in actions


def test_who_is_deleted_by_scim_leaves_a_tombstone(archive: Portal) -> None:
    """It answers 204, then 404; names are free; the record can be read, restored without access, and erased."""
    entra = new_client(archive.app, organization=archive.organization)
    ada = entra.new_user("hypatia@example.com", externalId="hypatia")
    assert entra.delete(f"/Users/{ada}").status_code == 204
    assert entra.get(f"/Users/{ada}").status_code == entra.delete(f"/Users/{ada}").status_code == 404
    again = entra.new_user("hypatia@example.com", externalId="hypatia")
    (found,) = archive.api.walk("tombstones")
    assert (found["id"], found["attributes"]["userName"]) == (ada, "hypatia@example.com")
    assert archive.api.post(f"tombstones/{ada}/restore").status_code == 409
    entra.patch(f"/Users/{again}", {"op": "replace", "path": "userName", "value": "other@example.com"})
    restored = archive.api.post(f"tombstones/{ada}/restore")
    assert (restored.status_code, restored.get_json()["state"]) == (201, "archived")
    assert archive.api.walk("tombstones") == []
    for each in (ada, again):
        entra.delete(f"/Users/{each}")
        assert archive.api.post(f"tombstones/{each}/erase").get_json()["attributes"] == {"userName": f"erased-{each}"}
    assert "hypatia" not in _kept(archive).lower()


def test_a_portal_that_deletes_keeps_nothing(app: Flask) -> None:
    """A DELETE by SCIM is for good there."""
    delegated = portal(app)
    entra = new_client(app, organization=delegated.organization)
    entra.delete(f"/Users/{entra.new_user('hypatia@example.com')}")
    assert delegated.api.walk("tombstones") == []
