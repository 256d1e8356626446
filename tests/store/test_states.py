"""The state of a member follows ``active`` wherever SCIM writes it."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from scim_server.protocol.catalog import USER_URN
from scim_server.store.members import get_member, set_state
from scim_server.store.session import begin
from scim_server.store.tables import resources
from tests.directory import Client, unique

pytestmark = pytest.mark.usefixtures("both_paths")


def state_of(client: Client, user_id: str) -> tuple[str, bool, datetime | None]:
    """Return the state of a member, their ``active``, and when access ended."""
    with begin(client.organization.store, client.organization.operator, write=False) as tenant:
        found = select(resources.c.state, resources.c.active, resources.c.access_ended_at)
        row = tenant.db.execute(found.where(resources.c.org_id == tenant.org_id, resources.c.id == user_id)).one()
        return row.state, row.active, row.access_ended_at


def test_who_is_created_without_access_is_a_contact(client: Client) -> None:
    """Nobody has had access by that record; who is created with access is active."""
    assert state_of(client, client.new_user(active=False)) == ("contact", False, None)
    assert state_of(client, client.new_user()) == ("active", True, None)


@pytest.mark.parametrize("by_put", [False, True], ids=["patch", "put"])
def test_who_loses_access_is_suspended_and_what_was_open_is_closed(client: Client, by_put: bool) -> None:
    """Giving access again opens nothing that was closed: the moment it ended stays."""
    name = unique("grace")
    user_id = client.new_user(name)

    def give(active: bool) -> None:
        body = {"schemas": [USER_URN], "userName": name, "active": active}
        answer = (
            client.put(f"/Users/{user_id}", body)
            if by_put
            else client.patch(f"/Users/{user_id}", {"op": "replace", "path": "active", "value": active})
        )
        assert answer.status_code == 200, answer.text

    give(active=False)
    state, active, ended_at = state_of(client, user_id)
    assert (state, active) == ("suspended", False)
    assert ended_at is not None
    give(active=False)
    assert state_of(client, user_id) == (state, active, ended_at)
    give(active=True)
    assert state_of(client, user_id) == ("active", True, ended_at)


@pytest.mark.parametrize("state", ["contact", "invited", "suspended", "archived"])
def test_no_access_by_scim_leaves_who_has_none_as_they_are(client: Client, state: Any) -> None:
    """Only who is active becomes suspended; access makes anyone active."""
    user_id = client.new_user()
    with begin(client.organization.store, client.organization.operator, write=True) as tenant:
        set_state(tenant, get_member(tenant, user_id, lock=True), state)
    assert client.get(f"/Users/{user_id}").get_json()["active"] is False
    client.patch(f"/Users/{user_id}", {"op": "replace", "path": "active", "value": False})
    client.patch(f"/Users/{user_id}", {"op": "replace", "path": "title", "value": "Engineer"})
    assert state_of(client, user_id)[:2] == (state, False)
    client.patch(f"/Users/{user_id}", {"op": "replace", "path": "active", "value": True})
    assert state_of(client, user_id)[:2] == ("active", True)


def test_the_database_keeps_state_and_active_together(client: Client) -> None:
    """No statement can store one without the other."""
    user_id = client.new_user()
    with (
        pytest.raises(IntegrityError),
        begin(client.organization.store, client.organization.operator, write=True) as tenant,
    ):
        tenant.db.execute(
            update(resources)
            .where(resources.c.org_id == tenant.org_id, resources.c.id == user_id)
            .values(state="archived")
        )
