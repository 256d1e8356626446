"""PostgreSQL's own lock: whatever a statement says, it reaches the organization that its connection has named."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.exc import ProgrammingError

from scim_server.actions.assignments import assign
from scim_server.actions.grants import accept_assertion, consent
from scim_server.actions.hand_overs import request_hand_over
from scim_server.actions.mappings import Wanted, create_mapping
from scim_server.actions.organizations import create_connection
from scim_server.protocol.catalog import Catalog
from scim_server.store.columns import metadata
from scim_server.store.health import RequestCounts
from scim_server.store.roles import list_roles
from scim_server.store.session import Store, begin, begin_platform, begin_snapshot
from scim_server.store.tables import TENANT_TABLES, connections
from tests.databases import Database, only_postgresql
from tests.directory import KEY, Client, Organization, new_client, new_organization, opened, running_app, unique
from tests.member_files import filled_import
from tests.rows import fill_access, fill_roles
from tests.statements import guarded
from tests.web.oauth.clients import register

pytestmark = only_postgresql

TABLES = [table.name for table in TENANT_TABLES]


@pytest.fixture(autouse=True)
def without_the_first_lock(tenant_guard: None) -> Iterator[None]:
    """Let statements here leave out their organization, which the guard of all others does not."""
    with guarded():
        yield


@pytest.fixture(scope="module")
def store(database: Database, catalog: Catalog) -> Iterator[Store]:
    """A store with one connection, which every request shares."""
    with opened(database, catalog, pool_size=1) as store:
        yield store


@pytest.fixture(scope="module")
def clients(database: Database) -> Iterator[tuple[Client, Client]]:
    """Two organizations, each with a row in every tenant table."""
    with running_app(database) as app:
        yield _filled(new_client(app)), _filled(new_client(app))


def _filled(client: Client) -> Client:
    user = client.new_user(password="a good password", emails=[{"value": "somebody@example.com"}])
    group = client.new_group(members=[user])
    emails = [{"value": "somebody@example.com"}]
    user = client.new_user(password="a good password", emails=emails, roles=[{"value": "one"}])
    client.new_group(members=[user])
    client.delete(f"/Users/{client.new_user()}")
    counts = RequestCounts()
    counts.count(client.organization.id, client.connection.id, 1_700_000_000.0, 200, None)
    counts.write(client.organization.store)
    of_oauth = register(client.organization).client
    filled_import(client.organization)
    with begin(client.organization.store, client.organization.operator, write=True) as tenant:
        consent(tenant, KEY, of_oauth, unique("code"), redirect_uri=None, scope="scim", code_challenge=None)
        accept_assertion(tenant, of_oauth, unique("jti"), tenant.now + timedelta(hours=1))
        fill_access(tenant, user)
        fill_roles(tenant, user, group, client.connection.id)
        row = {"id": "gone", "resource_type": "User", "document": "{}", "created_at": tenant.now}
        tenant.db.execute(
            insert(metadata.tables["tombstones"]).values(org_id=tenant.org_id, deleted_at=tenant.now, **row)
        )
        request_hand_over(tenant, user, None, "agreed")
        assign(tenant, "order", "1", [user])
        role = list_roles(tenant)[0].id
        create_mapping(tenant, Wanted(client.connection.id, "role", "another", role))
        for table in TENANT_TABLES:
            own = select(func.count()).select_from(table).where(table.c.org_id == tenant.org_id)
            # A table that is new needs a row here, else the tests below would hold for nothing.
            assert tenant.db.execute(own).scalar_one() >= 1, f"{table.name} has no row to hide"
    return client


def _organizations(db: Connection, table: str) -> set[str]:
    """Return whose rows a statement sees that names no organization."""
    return set(db.scalars(text(f"SELECT org_id FROM {table}")))


def test_each_tenant_table_is_secured(database: Database) -> None:
    """It has the one policy, enabled, and forced upon its owner too."""
    with psycopg.connect(database.owner_url.replace("+psycopg", "")) as db:
        secured = db.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relkind = 'r'"
        ).fetchall()
        policies = db.execute("SELECT tablename, policyname, qual, with_check FROM pg_policies").fetchall()
    own = "(org_id = current_setting('app.org'::text, true))"
    assert sorted(name for (name,) in secured) == sorted(TABLES)
    assert sorted(policies) == sorted((name, "organization", own, own) for name in TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_statement_without_its_condition_reaches_nothing_of_another(
    store: Store, clients: tuple[Client, Client], name: str
) -> None:
    """SELECT, UPDATE and DELETE that name no organization, or another, find the rows of the connection's own alone."""
    table, (mine, theirs) = metadata.tables[name], clients
    with begin(store, mine.organization.operator, write=False) as tenant:
        assert _organizations(tenant.db, name) == {tenant.org_id}
    with begin(store, theirs.organization.operator, write=False) as tenant:
        before = tenant.db.execute(select(func.count()).select_from(table)).scalar_one()
        assert before >= 1
    for write in (False, True):
        with begin(store, mine.organization.operator, write=write) as tenant:
            other = table.c.org_id == theirs.organization.id
            assert tenant.db.execute(select(table).where(other)).all() == []
            assert tenant.db.execute(update(table).where(other).values(org_id=table.c.org_id)).rowcount == 0
            assert tenant.db.execute(delete(table).where(other)).rowcount == 0
    with begin(store, theirs.organization.operator, write=False) as tenant:
        assert tenant.db.execute(select(func.count()).select_from(table)).scalar_one() == before


@pytest.mark.parametrize("name", TABLES)
def test_no_row_is_written_into_another_organization(store: Store, clients: tuple[Client, Client], name: str) -> None:
    """Neither an INSERT nor an UPDATE leaves a row where its connection does not belong."""
    table, (mine, theirs) = metadata.tables[name], clients
    with begin(store, theirs.organization.operator, write=False) as tenant:
        row: dict[str, Any] = dict(tenant.db.execute(select(table).limit(1)).mappings().one())
    key = {column.name: f"{row[column.name]}x" for column in table.primary_key if column.name == "id"}
    for statement in (insert(table).values({**row, **key}), update(table).values(org_id=theirs.organization.id)):
        with (
            pytest.raises(ProgrammingError, match="row-level security"),
            begin(store, mine.organization.operator, write=True) as tenant,
        ):
            tenant.db.execute(statement)


@pytest.mark.parametrize("name", TABLES)
def test_the_owner_has_the_same_lock(database: Database, clients: tuple[Client, Client], name: str) -> None:
    """Who migrates sees no row without naming an organization, and is told so where a migration would miss some."""
    with psycopg.connect(database.owner_url.replace("+psycopg", "")) as owner:
        assert owner.execute(f"SELECT * FROM {name}".encode()).fetchall() == []
        owner.execute("SET LOCAL row_security = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            owner.execute(f"UPDATE {name} SET org_id = org_id".encode())


def test_a_pooled_connection_goes_from_one_organization_to_the_next(
    store: Store, clients: tuple[Client, Client]
) -> None:
    """Reads, writes, snapshots, and what fails or is rolled back: the next request sees its own rows, and no other."""
    mine, theirs = (client.organization for client in clients)

    def look(organization: Organization, *, write: bool = False) -> None:
        with begin(store, organization.operator, write=write) as tenant:
            assert _organizations(tenant.db, "resources") == {organization.id}

    def snapshot(organization: Organization) -> None:
        with begin_snapshot(store, organization.operator) as tenant:
            assert _organizations(tenant.db, "resources") == {organization.id}

    def fail(organization: Organization, *, write: bool) -> None:
        with pytest.raises(ProgrammingError), begin(store, organization.operator, write=write) as tenant:
            tenant.db.execute(text("SELECT nothing FROM nowhere"))

    for organization in (mine, theirs, theirs, mine):
        look(organization)
    for first, then in ((mine, theirs), (theirs, mine)):
        for write in (True, False):
            look(first, write=write)
            look(then)
            fail(first, write=write)
            look(then, write=True)
            look(first)
            snapshot(then)
            look(first)
            look(then)
    store.close()  # As after a connection that was lost.
    look(theirs)


def test_what_spans_organizations_sees_no_rows(database: Database, catalog: Catalog, clients: Any) -> None:
    """A new connection that has named no organization finds none, and a new organization begins with its own rows."""
    with opened(database, catalog) as store:
        with begin_platform(store, write=False) as platform:
            assert {name for name in TABLES if _organizations(platform.db, name)} == set()
        made = new_organization(store)
        with begin(store, made.operator, write=False) as tenant:
            assert _organizations(tenant.db, "connections") == {made.id}


def test_many_at_once_see_their_own(database: Database, catalog: Catalog) -> None:
    """Threads that share a few connections, each with organizations in turn, never see a row of another."""
    with opened(database, catalog, pool_size=3) as store:
        organizations = [new_organization(store) for _ in range(8)]
        failures: list[str] = []

        def run(number: int) -> None:
            for turn in range(60):
                organization = organizations[(number + turn) % 8]
                with begin(store, organization.operator, write=turn % 3 == 0) as tenant:
                    if turn % 6 == 0:
                        create_connection(tenant, f"{number}-{turn}", "lenient")
                    seen = set(tenant.db.scalars(select(connections.c.org_id)))
                    if seen != {organization.id}:
                        failures.append(f"{organization.id} saw {seen}")

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
