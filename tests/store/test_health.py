"""What is kept of the requests of a connection: sums by the hour, the last request and the last error."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select

from scim_server.protocol.catalog import Catalog
from scim_server.store.health import ConnectionHealth, Hour, RequestCounts, read_health
from scim_server.store.session import Store, begin
from scim_server.store.tables import connection_hours, connections
from tests.databases import Database
from tests.directory import Organization, new_organization, opened

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_S = NOON.timestamp()


@pytest.fixture
def store(database: Database, catalog: Catalog) -> Iterator[Store]:
    """A store on the database of the session."""
    with opened(database, catalog) as store:
        yield store


@pytest.fixture
def organization(store: Store) -> Organization:
    """An organization of the test's own."""
    return new_organization(store)


def _connection_id(organization: Organization) -> str:
    connection = organization.connection().actor.connection
    assert connection is not None
    return connection.id


def _health(organization: Organization, connection_id: str) -> ConnectionHealth:
    with begin(organization.store, organization.operator, write=False) as tenant:
        return read_health(tenant, connection_id)


def _minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def test_a_connection_that_sent_nothing_has_no_health(organization: Organization) -> None:
    """Everything is None, and no hour is named."""
    assert _health(organization, _connection_id(organization)) == ConnectionHealth(None, None, None, None, ())


def test_counts_are_summed_by_the_hour(organization: Organization) -> None:
    """What several processes write of one hour is one sum; the last error is the latest, whoever writes first."""
    connection, org = _connection_id(organization), organization.id
    first, second = RequestCounts(), RequestCounts()
    for minute, status, detail in ((1, 200, None), (2, 404, "early"), (9, 400, "latest")):
        first.count(org, connection, _minutes(minute).timestamp(), status, detail)
    for minute, status, detail in ((3, 409, "between"), (10, 201, None)):
        second.count(org, connection, _minutes(minute).timestamp(), status, detail)
    for counts in (first, second):
        counts.write(organization.store)
        counts.write(organization.store)
    assert _health(organization, connection) == ConnectionHealth(
        _minutes(10), _minutes(9), 400, "latest", (Hour(NOON, 5, 3),)
    )
    second.count(org, connection, _minutes(60).timestamp(), 200, None)
    second.write(organization.store)
    assert _health(organization, connection) == ConnectionHealth(
        _minutes(60), _minutes(9), 400, "latest", (Hour(_minutes(60), 1, 0), Hour(NOON, 5, 3))
    )


def test_another_connection_is_another_sum(organization: Organization, store: Store) -> None:
    """Neither a second connection nor another organization is counted in."""
    counts, connection = RequestCounts(), _connection_id(organization)
    other = new_organization(store)
    counts.count(organization.id, connection, NOON_S, 200, None)
    counts.count(other.id, _connection_id(other), NOON_S, 500, "it failed")
    counts.write(store)
    assert _health(organization, connection).hours == (Hour(NOON, 1, 0),)
    assert _health(other, _connection_id(other)).hours == (Hour(NOON, 1, 1),)
    assert _health(other, connection).hours == ()


def test_hours_end_after_thirty_days(organization: Organization) -> None:
    """The first request of an hour removes what is older; a connection that falls silent keeps its last hours."""
    connection, counts = _connection_id(organization), RequestCounts()
    for day in (0, 1, 31):
        counts.count(organization.id, connection, NOON_S + day * 86_400, 200, None)
        counts.write(organization.store)
    hours = [each.hour for each in _health(organization, connection).hours]
    assert hours == [NOON + timedelta(days=31), NOON + timedelta(days=1)]


def test_a_connection_that_is_gone_is_no_failure(organization: Organization) -> None:
    """What was counted of a connection that was deleted meanwhile is dropped, and what there was goes with it."""
    connection, counts = _connection_id(organization), RequestCounts()
    counts.count(organization.id, connection, NOON_S, 200, None)
    counts.write(organization.store)
    counts.count(organization.id, connection, NOON_S, 200, None)
    with begin(organization.store, organization.operator, write=True) as tenant:
        tenant.db.execute(
            delete(connections).where(connections.c.org_id == tenant.org_id, connections.c.id == connection)
        )
    counts.write(organization.store)
    with begin(organization.store, organization.operator, write=False) as tenant:
        of_this = connection_hours.c.org_id == tenant.org_id
        assert tenant.db.execute(select(connection_hours).where(of_this)).all() == []


def test_what_is_counted_is_bounded(organization: Organization) -> None:
    """A process keeps counts of so many connections, and no more; the sentence of an error is cut."""
    counts = RequestCounts()
    for number in range(RequestCounts.MAX_CONNECTIONS + 5):
        counts.count(organization.id, str(number), NOON_S, 200, None)
    assert len(counts._tallies) == RequestCounts.MAX_CONNECTIONS
    connection, counts = _connection_id(organization), RequestCounts()
    counts.count(organization.id, connection, NOON_S, 400, "x" * 10_000)
    counts.write(organization.store)
    assert _health(organization, connection).last_error_detail == "x" * 500


def test_it_is_due_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """One caller is told that it is time to write, and nobody else until the next time."""
    counts = RequestCounts()
    assert not counts.is_due()
    counts._written_at -= RequestCounts.INTERVAL_S
    assert [counts.is_due() for _ in range(3)] == [True, False, False]
