"""An organization is deleted with everything in it, and with nothing else."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from scim_server.actions.clients import Registration, create_client
from scim_server.actions.organizations import change_connection
from scim_server.actions.removal import delete_organization
from scim_server.store import removal
from scim_server.store.columns import metadata
from scim_server.store.grants import AuthorizationCode, insert_code, take_assertion
from scim_server.store.session import Actor, Credentials, Store, Tenant, begin
from scim_server.store.tables import organizations
from tests.api import api_client
from tests.directory import KEY, Client, contents, new_client, new_organization, site_of, unique
from tests.member_files import filled_import
from tests.rows import fill_access


@pytest.fixture
def store(app: Flask) -> Store:
    """The store of the app."""
    return site_of(app).store


def rows_of(store: Store, org_id: str) -> dict[str, int]:
    """Return how many rows of each table belong to an organization."""
    with begin(store, Credentials(org_id, Actor("operator", "the tests")), write=False) as tenant:
        counts = {
            table.name: tenant.db.scalar(select(func.count()).select_from(table).where(table.c.org_id == org_id))
            for table in metadata.sorted_tables
            if "org_id" in table.c
        }
        own = select(func.count()).select_from(organizations).where(organizations.c.id == org_id)
        counts["organizations"] = tenant.db.scalar(own)
    return {name: count or 0 for name, count in counts.items()}


def fill(app: Flask, client: Client) -> None:
    """Store something of every kind: nested groups, a tombstone, a kept answer, what OAuth keeps ..."""
    store, organization = client.organization.store, client.organization
    soft = new_client(app, organization, connection="soft")
    with begin(store, organization.operator, write=True) as tenant:
        change_connection(tenant, "soft", {"on_delete": "soft"})
    store.known_tokens._found.clear()
    user = soft.new_user(password="a password of theirs", emails=[{"value": "somebody@example.com"}])
    assert soft.delete(f"/Users/{soft.new_user()}").status_code == 204
    soft.new_group(members=[soft.new_group(members=[user])])
    api = api_client(app, "org:admin", organization=organization)
    team = api.made("groups", {"attributes": {"displayName": "whole"}})["id"]
    # A team is made before its part, and has to go after it.
    api.post("groups", {"attributes": {"displayName": "part"}, "parent": team}, Idempotency_Key="one")
    role = api.read("roles")["items"][0]["id"]
    wanted = {"connection": "default", "source": "role", "value": "fin", "group": role}
    assert api.post("mappings", wanted).status_code == 201
    soft.new_user(roles=[{"value": "fin"}])
    assert api.post("assignments", {"object": "order:1", "assignees": [user, team]}).status_code == 204
    asked = {
        "to_member": user,
        "reason": "the first",
        "evidence": {"name": "a", "type": "text/plain", "content": "eg=="},
    }
    assert api.post("hand-overs", asked).status_code == 201
    with begin(store, organization.operator, write=True) as tenant:
        _fill_oauth(tenant)
        fill_access(tenant, user)
    filled_import(organization)
    site_of(app).counts.write(store, patiently=True)


def _fill_oauth(tenant: Tenant) -> None:
    registered, _ = create_client(tenant, KEY, Registration("a client", "default", "scim"))
    soon, digest = tenant.now + timedelta(hours=1), unique("digest")
    insert_code(tenant, AuthorizationCode(digest, digest, registered.id, "a token", None, "scim", None, soon))
    assert take_assertion(tenant, registered.id, digest, soon)


@pytest.mark.parametrize("batch", [1, 7, 1_000])
def test_nothing_is_left_whatever_the_batch(
    app: Flask, client: Client, store: Store, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row of any table; another organization keeps all of its rows."""
    other = new_client(app)
    fill(app, client)
    fill(app, other)
    before = contents(other)
    filled = rows_of(store, client.organization.id)
    assert [name for name, count in filled.items() if not count] == []
    monkeypatch.setattr("scim_server.actions.removal.BATCH", batch)
    assert delete_organization(store, client.organization.operator) is None
    assert set(rows_of(store, client.organization.id).values()) == {0}
    assert contents(other) == before


def test_a_crash_between_two_batches_loses_nothing(
    app: Flask, client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The organization stays refused, and the next one goes on from there to the end."""
    fill(app, client)
    monkeypatch.setattr("scim_server.actions.removal.BATCH", 2)
    left, delete_some = [3], removal.delete_some

    def crash_later(tenant: Tenant, most: int, place: removal.Place) -> removal.Place | None:
        left[0] -= 1
        if left[0] < 0:
            raise SystemExit
        return delete_some(tenant, most, place)

    with monkeypatch.context() as patched:
        patched.setattr("scim_server.actions.removal.delete_some", crash_later)
        with pytest.raises(SystemExit):
            delete_organization(store, client.organization.operator)
    remaining = sum(rows_of(store, client.organization.id).values())
    store.known_tokens._found.clear()
    assert client.get("/Users").status_code == 401
    assert remaining > 0
    assert delete_organization(store, client.organization.operator) is None
    assert set(rows_of(store, client.organization.id).values()) == {0}


def test_what_is_stored_meanwhile_goes_too(app: Flask, client: Client, store: Store) -> None:
    """A request that was allowed before the deletion began does not keep the organization alive."""
    client.new_user()
    refused = threading.Event()

    def push() -> None:
        while not refused.is_set():
            # After the organization is gone, its rows are refused: the answer is not looked at.
            if client.post("/Users", {"userName": f"user {threading.get_ident()}"}).status_code == 401:
                refused.set()

    thread = threading.Thread(target=push)
    thread.start()
    try:
        assert delete_organization(store, client.organization.operator) is None
    finally:
        store.known_tokens._found.clear()
        refused.wait(5)
        refused.set()
        thread.join()
    assert set(rows_of(store, client.organization.id).values()) == {0}


def test_two_deletions_at_once_are_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both end, and nothing is left."""
    organization = new_organization(store)
    monkeypatch.setattr("scim_server.actions.removal.BATCH", 1)
    errors: list[BaseException] = []

    def end() -> None:
        try:
            delete_organization(store, organization.operator)
        except Exception as exc:
            errors.append(exc)

    threads = [threading.Thread(target=end) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [str(each) for each in errors if "was deleted" not in str(each)] == []
    assert set(rows_of(store, organization.id).values()) == {0}
