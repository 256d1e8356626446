"""Transactions: kept or undone as a whole, tried again after a deadlock, and honest about what is down."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from scim_server.protocol.catalog import Catalog
from scim_server.protocol.errors import UnavailableException
from scim_server.store.session import Tenant, begin, begin_platform, is_ready, new_id, transact
from scim_server.store.tables import organizations, resources
from tests.databases import Database, only_postgresql, only_sqlite
from tests.directory import Client, new_client, new_organization, opened, site_of


def _version(client: Client, resource_id: str) -> int:
    organization = client.organization
    with begin(organization.store, organization.operator, write=False) as tenant:
        statement = select(resources.c.version).where(
            resources.c.org_id == tenant.org_id, resources.c.id == resource_id
        )
        return int(tenant.db.execute(statement).scalar_one())


def _raise_version(tenant: Tenant, resource_id: str) -> None:
    tenant.db.execute(
        update(resources)
        .where(resources.c.org_id == tenant.org_id, resources.c.id == resource_id)
        .values(version=resources.c.version + 1)
    )


def test_returning_commits_and_raising_rolls_back(client: Client) -> None:
    """What a block wrote stays when it returns, and is undone when anything is raised in it."""
    user, organization = client.new_user(), client.organization
    with begin(organization.store, client.credentials, write=True) as tenant:
        _raise_version(tenant, user)
    assert _version(client, user) == 2
    for error in (ValueError, KeyboardInterrupt, UnavailableException):
        with (  # noqa: PT012  # the raise is the end of what is tested
            pytest.raises(error),
            begin(organization.store, client.credentials, write=True) as tenant,
        ):
            _raise_version(tenant, user)
            raise error
    assert _version(client, user) == 2


@only_postgresql
def test_a_deadlock_is_tried_again(app: Flask) -> None:
    """Of two actions that wait for each other, the one the database ends runs again, and neither is lost."""
    client = new_client(app)
    users = [client.new_user(), client.new_user()]
    both_hold_one, tries, failures = threading.Barrier(2), [0, 0], []

    def run(number: int) -> None:
        def action(tenant: Tenant) -> None:
            tries[number] += 1
            first, second = users if number else reversed(users)
            _raise_version(tenant, first)
            if tries[number] == 1:
                both_hold_one.wait(10)
            _raise_version(tenant, second)

        try:
            transact(client.organization.store, client.credentials, action)
        except Exception as exc:
            failures.append(exc)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == []
    assert sorted(tries) == [1, 2]
    assert [_version(client, user) for user in users] == [3, 3]


def _raising(state: str) -> Callable[[Tenant], None]:
    def action(tenant: Tenant) -> None:
        tenant.db.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = '{state}'; END $$"))

    return action


@only_postgresql
@pytest.mark.parametrize(
    ("state", "tries", "error"),
    [
        ("40001", 4, UnavailableException),  # Serialization failure.
        ("40P01", 4, UnavailableException),  # Deadlock.
        ("55P03", 1, UnavailableException),  # Lock not available.
        ("57014", 1, UnavailableException),  # The statement took too long.
        ("53300", 1, UnavailableException),  # Too many connections.
        ("25006", 1, UnavailableException),  # The database is read-only, being a standby.
        ("57P01", 1, UnavailableException),  # The database is shutting down.
        ("54001", 1, OperationalError),  # The statement is too complex.
        ("23505", 1, IntegrityError),
        ("22P02", 1, DBAPIError),  # The text is no value of the type.
        ("42P01", 1, DBAPIError),  # There is no such table.
        ("P0001", 1, DBAPIError),
    ],
)
def test_only_what_may_succeed_is_tried_again(app: Flask, state: str, tries: int, error: type[Exception]) -> None:
    """Deadlocks and serialization failures have 3 more tries; what is down is 503; the rest is a bug."""
    client, calls = new_client(app), 0

    def action(tenant: Tenant) -> None:
        nonlocal calls
        calls += 1
        _raising(state)(tenant)

    with pytest.raises(error) as caught:
        transact(client.organization.store, client.credentials, action)
    assert calls == tries
    assert isinstance(caught.value, UnavailableException) == (error is UnavailableException)
    assert (
        transact(client.organization.store, client.credentials, lambda tenant: tenant.org_id) == client.organization.id
    )


@only_sqlite
def test_a_bug_in_a_statement_is_not_called_a_busy_database(app: Flask) -> None:
    """SQLite gives one class of error for a locked database and for a wrong statement, which are told apart."""
    client, calls = new_client(app), 0

    def action(tenant: Tenant) -> None:
        nonlocal calls
        calls += 1
        tenant.db.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(OperationalError, match="no such table"):
        transact(client.organization.store, client.credentials, action)
    assert calls == 1


@only_postgresql
def test_a_statement_that_takes_too_long_is_ended(database: Database, catalog: Catalog) -> None:
    """No statement holds a worker for longer than the setting says."""
    with opened(database, catalog, statement_timeout_ms=100) as store:
        with pytest.raises(UnavailableException), begin_platform(store, write=False) as platform:
            platform.db.execute(text("SELECT pg_sleep(5)"))
        assert is_ready(store)


def test_no_parameter_shows_in_an_error(app: Flask) -> None:
    """The text of a database error, which goes to the log, holds no bound value."""
    organization = new_organization(site_of(app).store)
    values = {"id": organization.id, "slug": "marked-slug", "name": "marked name", "created_at": None}
    with pytest.raises(IntegrityError) as caught, begin_platform(organization.store, write=True) as platform:
        platform.db.execute(organizations.insert().values(values))
    assert "marked name" not in str(caught.value).replace(str(caught.value.orig), "")


def test_ids_are_in_the_order_they_were_made() -> None:
    """Ids are UUIDs of version 7, each greater than the one before, whatever the clock does."""
    ids = [new_id() for _ in range(5_000)]
    assert ids == sorted(set(ids))
    assert {each[14] for each in ids} == {"7"}
    assert {each[19] for each in ids} <= set("89ab")
