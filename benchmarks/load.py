"""The loader: fills a database with organizations, users and groups through the tables of the store.

``python -m benchmarks.load --database-url … --users 1000000 --organizations 100 --group-members 10000``
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import click
import orjson
from psycopg import Connection as PsycopgConnection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import Table, insert, literal, select

from benchmarks import bodies
from scim_server import load_catalog, load_portals
from scim_server.actions.organizations import create_connection, create_organization, operator_credentials
from scim_server.actions.tokens import issue_token
from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.comparison import attribute_key, comparison_key, fold_document
from scim_server.protocol.documents import display_of, read_resource, split
from scim_server.protocol.portals import DEFAULT_PORTAL
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.store.emails import email_rows
from scim_server.store.migrate import upgrade
from scim_server.store.resources import listed_names
from scim_server.store.session import (
    Actor,
    Connection,
    Credentials,
    Store,
    Tenant,
    begin,
    begin_platform,
    new_id,
    open_store,
)
from scim_server.store.tables import emails, memberships, resources
from scim_server.store.tokens import DigestKey
from scim_server.store.trail import count

PROFILE = "entra"
"""The profile of the connection that users and groups are loaded as, also its name."""
CHUNK = 10_000
SAMPLED = 1_000
SPARES = 200
STATEMENT_TIMEOUT_MS = 3_600_000

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Person:
    """A user that was loaded."""

    id: str
    user_name: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """An organization that was loaded, with a token of its connection.

    ``sample`` is spread over all users; ``spares`` are the last ones, at most half, whom no group should hold;
    ``groups`` are ids by size, ``group_name`` names them.
    """

    slug: str
    org_id: str
    token: str
    user_count: int
    sample: tuple[Person, ...]
    spares: tuple[Person, ...]
    groups: dict[int, str]


def group_name(size: int) -> str:
    """Return the displayName of the loaded group of a size."""
    return f"Group of {size}"


@contextmanager
def opened(database_url: str) -> Iterator[Store]:
    """Have a store whose statements may take as long as they need, as the owner, under no row-level security."""
    store = open_store(database_url, load_catalog(), load_portals(), statement_timeout_ms=STATEMENT_TIMEOUT_MS)
    try:
        _force_security(store, "NO FORCE")  # COPY works under none.
        yield store
        _force_security(store, "FORCE")
    finally:
        store.close()


def _force_security(store: Store, force: str) -> None:
    with begin_platform(store, write=False) as platform:
        if platform.db.dialect.name == "postgresql":
            for table in (resources, emails):
                platform.db.exec_driver_sql(f"ALTER TABLE {table.name} {force} ROW LEVEL SECURITY")


def load_organization(
    store: Store,
    key: DigestKey,
    slug: str,
    users: int,
    group_sizes: Sequence[int] = (),
    advance: Advance = lambda count: None,
    *,
    portal: str = DEFAULT_PORTAL,
) -> Loaded:
    """Make an organization with a connection, a token, users, and one group of each size.

    A group's members are the first users; ``advance`` is told how many users were added.
    """
    with begin_platform(store, write=True) as platform:
        name = f"The organization {slug}"
        org_id = create_organization(platform, store, slug, name, actor_id="loader", portal=portal).id
    with begin(store, operator_credentials(store, slug, actor_id="loader"), write=True) as tenant:
        connection_id = create_connection(tenant, PROFILE, PROFILE).id
        token = issue_token(tenant, key, PROFILE, "scim", None)[1]
    pusher = Actor("token", "loader", Connection(connection_id, PROFILE, PROFILES[PROFILE]))
    credentials = Credentials(org_id, pusher)
    sample, spares = _load_users(store, credentials, users, advance)
    groups = {size: _load_group(store, credentials, size) for size in group_sizes}
    return Loaded(slug, org_id, token, users, tuple(sample), tuple(spares), groups)


def _load_users(
    store: Store, credentials: Credentials, count: int, advance: Advance
) -> tuple[list[Person], list[Person]]:
    definition = store.catalog.by_name("User")
    sample: list[Person] = []
    spares: list[Person] = []
    step, first_spare = max(1, count // SAMPLED), count - min(SPARES, count // 2)
    numbers = iter(range(count))
    while chunk := list(islice(numbers, CHUNK)):
        with begin(store, credentials, write=True) as tenant:
            rows = []
            for number in chunk:
                person = Person(new_id(), bodies.user_name(number))
                rows.append(resource_row(tenant, definition, person.id, bodies.user(person.user_name, number)))
                if number % step == 0:
                    sample.append(person)
                if number >= first_spare:
                    spares.append(person)
            _insert(tenant, rows)
        advance(len(chunk))
    return sample, spares


def _load_group(store: Store, credentials: Credentials, size: int) -> str:
    group_id = new_id()
    with begin(store, credentials, write=True) as tenant:
        _insert(
            tenant,
            [resource_row(tenant, tenant.catalog.by_name("Group"), group_id, bodies.group(group_name(size)))],
        )
        first_users = (
            select(literal(tenant.org_id), literal(group_id), resources.c.id)
            .where(resources.c.org_id == tenant.org_id, resources.c.resource_type == "User")
            .order_by(resources.c.id)
            .limit(size)
        )
        tenant.db.execute(insert(memberships).from_select(["org_id", "group_id", "member_id"], first_users))
    return group_id


def resource_row(
    tenant: Tenant, definition: ResourceDefinition, resource_id: str, payload: dict[str, Any]
) -> dict[str, Any]:
    """Return the row of a resource as a POST of the payload by the tenant's connection leaves it."""
    parts = split(read_resource(payload, definition, Leniences(PROFILES[PROFILE])), definition)
    unique = definition.unique_attribute
    assert unique is not None
    unique_key, folded = attribute_key(parts.document[unique.name], unique), fold_document(parts.document, definition)
    names = listed_names(folded, unique_key) if definition.is_user else {"last_name": None, "first_name": None}
    return {
        "org_id": tenant.org_id,
        "id": resource_id,
        "resource_type": definition.name,
        "namespace": (tenant.connection_id or "") if definition.is_group else "",
        "unique_key": unique_key,
        "external_id": comparison_key(parts.document["externalId"], case_exact=True),
        "active": parts.active is not False if definition.has_active else None,
        "kind": "team" if definition.is_group else None,
        "state": ("active" if parts.active is not False else "contact") if definition.is_user else None,
        "display": display_of(parts.document, definition),
        "document": orjson.dumps(parts.document).decode(),
        "folded": folded,
        **names,
        "version": 1,
        "created_at": tenant.now,
        "modified_at": tenant.now,
        "created_by": tenant.author,
        "changed_by": tenant.author,
        "managed_by": tenant.connection_id,
    }


def _insert(tenant: Tenant, rows: Sequence[dict[str, Any]]) -> None:
    """Add resources with their e-mail addresses: by COPY on PostgreSQL, by prepared statements on SQLite."""
    for row in rows:
        count(tenant, row["resource_type"], row["namespace"], created=1)
    addresses = [address for row in rows for address in email_rows(row)]
    for table, added in ((resources, rows), (emails, addresses)):
        if added:
            _insert_rows(tenant, table, added)


def _insert_rows(tenant: Tenant, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    driver = tenant.db.connection.driver_connection
    if not isinstance(driver, PsycopgConnection):
        tenant.db.execute(insert(table), rows)
        return
    names = tuple(rows[0])
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([orjson.dumps(value).decode() if name == "folded" else value for name, value in row.items()])


def settle(store: Store) -> None:
    """Let PostgreSQL's planner know what was loaded, as autovacuum does in time; on SQLite nobody does."""
    with begin_platform(store, write=False) as platform:
        if platform.db.dialect.name == "postgresql":
            platform.db.exec_driver_sql(
                "VACUUM (ANALYZE) resources, memberships, emails, organizations, connections, tokens"
            )


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Advance]:
    """Show on standard error how far loading has come, where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda count: progress.advance(task, count)


@click.command()
@click.option("--database-url", required=True, help="As the owner of its tables; migrated if need be.")
@click.option("--users", type=click.IntRange(1), default=10_000, show_default=True, help="Users of each organization.")
@click.option("--organizations", type=click.IntRange(1), default=1, show_default=True)
@click.option("--group-members", type=click.IntRange(1), multiple=True, help="Make a group of so many; repeatable.")
@click.option("--slug", default="loaded", show_default=True, help="Of the organizations, numbered from the second on.")
def main(database_url: str, users: int, organizations: int, group_members: tuple[int, ...], slug: str) -> None:
    """Fill a database; SCIM_SERVER_SECRET_KEY must be that of the server, whose tokens are printed."""
    secret_key = os.environ.get("SCIM_SERVER_SECRET_KEY")
    if not secret_key:
        raise click.UsageError("SCIM_SERVER_SECRET_KEY must be set: tokens hold under the secret key of the server")
    if group_members and max(group_members) > users:
        raise click.UsageError(f"a group cannot have {max(group_members)} members where there are {users} users")
    upgrade(database_url)
    key = DigestKey.derive(secret_key)
    with opened(database_url) as store, progress_bar("Loading users", users * organizations) as advance:
        for number in range(1, organizations + 1):
            name = slug if number == 1 else f"{slug}-{number}"
            made = load_organization(store, key, name, users, group_members, advance)
            click.echo(f"{made.slug}\t{made.token}")
        settle(store)


if __name__ == "__main__":
    main()
