"""The server on tables that are hash-partitioned by ``org_id``, which hold the constraints that Citus demands."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from alembic import command
from sqlalchemy import MetaData, create_engine, text

from scim_server.store.columns import metadata
from scim_server.store.migrate import _config
from scim_server.store.tables import TENANT_TABLES
from tests.databases import Database, DatabaseServer, only_postgresql
from tests.directory import SECRET_KEY, Client, new_client, new_organization, running_app, site_of, unique, user_body
from tests.serving import Served, gunicorn
from tests.test_transcripts import run_conformance
from tests.web.oauth.clients import register

pytestmark = only_postgresql

PARTITIONS = 4


def partitioned_tables() -> MetaData:
    """Return the tables as they are, but that each tenant table is partitioned by the hash of its ``org_id``."""
    tables = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        table.to_metadata(tables)
    for table in TENANT_TABLES:
        tables.tables[table.name].dialect_options["postgresql"]["partition_by"] = "HASH (org_id)"
    return tables


def partition(database: Database) -> None:
    """Make the tables in an empty database, and have it pass for one that was migrated."""
    engine = create_engine(database.owner_url)
    with engine.begin() as db:
        partitioned_tables().create_all(db)
        for table in TENANT_TABLES:
            for number in range(PARTITIONS):
                part = f"{table.name}_{number} PARTITION OF {table.name}"
                db.execute(text(f"CREATE TABLE {part} FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"))
    engine.dispose()
    command.stamp(_config(database.owner_url), "head")


@pytest.fixture(scope="module")
def partitioned(database_server: DatabaseServer) -> Iterator[Database]:
    """A database whose tenant tables are partitioned."""
    database = database_server.create()
    partition(database)
    yield database
    database_server.drop(database)


@pytest.fixture(scope="module")
def clients(partitioned: Database) -> Iterator[tuple[Client, Client]]:
    """A client of the lenient profile, and one of the profile `rfc` in an organization of its own."""
    with running_app(partitioned) as app:
        # The last of the portal profiles that tests/test_transcripts.py walks through.
        archive = new_organization(site_of(app).store, "archive")
        yield new_client(app, archive), new_client(app, connection="strict", profile="rfc")


@pytest.fixture(scope="module")
def served(partitioned: Database) -> Iterator[Served]:
    """Two workers of gunicorn on the partitioned database."""
    with gunicorn(partitioned.app_url, env={"SCIM_SERVER_SECRET_KEY": SECRET_KEY}) as running:
        yield running


def test_the_server_is_ready(served: Served) -> None:
    """Partitioned tables are no reason to ask for a migration."""
    assert httpx.get(f"{served.url}/readyz", trust_env=False).text == "ready\n"


def test_every_client_is_understood(served: Served, clients: tuple[Client, Client], tmp_path: Path) -> None:
    """The transcripts of identity providers, and the checks of the RFCs, have the answers they have elsewhere."""
    client, strict = clients
    arguments = ("--token", strict.token, "--client-token", client.token)
    findings = run_conformance(served, register(client.organization), tmp_path, *arguments)
    assert not [each["id"] for each in findings if each["outcome"] == "failed"]
    assert not [each["id"] for each in findings if each["outcome"] == "not announced" and each["part"] == "clients"]


def test_the_rows_are_spread(partitioned: Database, clients: tuple[Client, Client]) -> None:
    """Each organization lies in one partition of each table, and several organizations lie in several."""
    with running_app(partitioned) as app:
        for _ in range(2 * PARTITIONS):
            new_client(app).new_user()
    with psycopg.connect(partitioned.owner_url.replace("+psycopg", "").replace("scim_owner@", "postgres@")) as db:
        found = db.execute("SELECT org_id, array_agg(DISTINCT tableoid::regclass::text) FROM resources GROUP BY org_id")
        parts = [part for _, part in found]
    assert all(len(part) == 1 for part in parts)
    assert len({part[0] for part in parts}) > 1


def test_constraints_hold_across_the_partitions_of_an_organization(clients: tuple[Client, Client]) -> None:
    """A userName is taken in its organization alone, a member must exist in it, and a deletion ends memberships."""
    client, other = clients
    name = unique("ada")
    user = client.new_user(name)
    assert client.post("/Users", user_body(name.upper())).status_code == 409
    elsewhere = other.new_user(name)
    group = client.new_group(members=[user])
    refused = client.patch(f"/Groups/{group}", {"op": "add", "path": "members", "value": [{"value": elsewhere}]})
    assert (refused.status_code, client.members(group)) == (400, {user})
    assert client.delete(f"/Users/{user}").status_code == 204
    assert client.members(group) == set()
