"""Bearer tokens: their form, what is kept of them, and when their use is noted."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from flask import Flask
from scim2_models import UnauthorizedException

from scim_server.protocol.catalog import Catalog
from scim_server.protocol.tokens import ALPHABET, is_well_formed, make_token
from scim_server.store.columns import metadata
from scim_server.store.session import begin, begin_platform
from scim_server.store.tokens import DigestKey, authenticate, find_token, list_tokens
from tests.databases import Database
from tests.directory import KEY, Organization, new_organization, opened, site_of
from tests.statements import guarded, recorded


@pytest.fixture
def organization(app: Flask) -> Organization:
    """An organization of the test's own."""
    return new_organization(site_of(app).store)


def test_a_token_has_the_form_that_secret_scanners_know(organization: Organization) -> None:
    """A token is the prefix, 30 base62 characters, and the 6 digits of their CRC-32."""
    token = organization.token()
    assert token.startswith("scimsrv_")
    assert len(token) == len("scimsrv_") + 36
    assert set(token.removeprefix("scimsrv_")) <= set(ALPHABET)
    assert is_well_formed(token)
    # Kept here as data, so that tokens issued today are known tomorrow.
    assert make_token("0" * 30) == "scimsrv_" + "0" * 30 + "2C8GjS"


def test_the_checksum_finds_every_single_mistake(organization: Organization) -> None:
    """No character of a token can be changed, left out or doubled without that showing."""
    token = organization.token()
    for index, character in enumerate(token):
        other = "x" if character != "x" else "y"
        assert not is_well_formed(token[:index] + other + token[index + 1 :])
        assert not is_well_formed(token[:index] + token[index + 1 :])
        assert not is_well_formed(token[:index] + character + token[index:])
    assert not is_well_formed(f"{token}\n")


def test_nothing_of_a_token_is_kept_but_its_keyed_digest(organization: Organization) -> None:
    """No table holds the token, its random part, or a digest that can be made without the key."""
    token = organization.token()
    organization.revoke(organization.token())
    with guarded(), begin(organization.store, organization.operator, write=False) as tenant:
        rows = [
            str(tuple(row))
            for table in metadata.sorted_tables
            for row in tenant.db.exec_driver_sql(f"SELECT * FROM {table.name}")
        ]
    assert sum(KEY.digest(token) in row and KEY.id in row for row in rows) == 1
    assert not any(part in row for row in rows for part in (token, token[8:38], token[-20:]))
    assert KEY.secret.hex() not in str(rows)
    assert DigestKey.derive("another key").digest(token) not in str(rows)


def test_a_token_is_unknown_under_another_key(organization: Organization) -> None:
    """Whoever copies the database can prove nothing without the secret key."""
    token = organization.token()
    with pytest.raises(UnauthorizedException, match="unknown"):
        authenticate(organization.store, DigestKey.derive("another key"), token, "")


def test_two_tokens_of_a_connection_live_at_once(organization: Organization) -> None:
    """A token can be rotated: the new one works before the old one is revoked, and after."""
    old, new = organization.token(), organization.token()
    assert organization.prove(old).actor.connection == organization.prove(new).actor.connection
    organization.revoke(old)
    with pytest.raises(UnauthorizedException, match="revoked"):
        organization.prove(old)
    assert organization.prove(new).org_id == organization.id


def test_a_token_is_found_by_itself_or_its_id(organization: Organization) -> None:
    """An operator who has a token, or its id, finds what is known of it."""
    token = organization.token(lifetime=timedelta(days=1))
    with begin(organization.store, organization.operator, write=False) as tenant:
        (record,) = list_tokens(tenant)
    with begin_platform(organization.store, write=False) as platform:
        assert find_token(platform, KEY, token) == find_token(platform, KEY, record.id) == (organization.id, record)
        assert find_token(platform, KEY, "scimsrv_") is None
    assert record.expires_at == record.created_at + timedelta(days=1)


def _last_used(organization: Organization) -> datetime | None:
    with begin(organization.store, organization.operator, write=False) as tenant:
        (record,) = list_tokens(tenant)
    return record.last_used_at


def test_the_last_use_is_written_at_most_once_a_minute(database: Database, catalog: Catalog) -> None:
    """A token in constant use costs one write a minute."""
    start = datetime(2030, 1, 1, tzinfo=UTC)
    now = [start]
    with opened(database, catalog, lambda: now[0]) as store:
        organization = new_organization(store)
        token = organization.token()
        assert _last_used(organization) is None
        for after_s, written_s, writes in (
            (0, 0, 1),
            (1, 0, 0),
            (59.999, 0, 0),
            (60, 60, 1),
            (60, 60, 0),
            (500, 500, 1),
        ):
            now[0] = start + timedelta(seconds=after_s)
            with recorded(tokens=True) as statements:
                organization.prove(token)
            assert sum(each.sql.startswith("UPDATE") for each in statements) == writes
            assert len(statements) <= 2 + writes
            assert _last_used(organization) == start + timedelta(seconds=written_s)


def test_an_expired_token_proves_nothing(database: Database, catalog: Catalog) -> None:
    """A token holds until its last millisecond and not at its end."""
    now = [datetime(2030, 1, 1, tzinfo=UTC)]
    with opened(database, catalog, lambda: now[0]) as store:
        organization = new_organization(store)
        token = organization.token(lifetime=timedelta(hours=1))
        now[0] += timedelta(hours=1) - timedelta(milliseconds=1)
        assert organization.prove(token).org_id == organization.id
        now[0] += timedelta(milliseconds=1)
        with pytest.raises(UnauthorizedException, match="expired"):
            organization.prove(token)


@contextmanager
def _locked(database: Database, org_id: str) -> Iterator[None]:
    """Hold SQLite's one lock, or the rows of an organization's tokens."""
    if database.dialect == "sqlite":
        with closing(sqlite3.connect(database.app_url.removeprefix("sqlite:///"), isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield
    else:
        with psycopg.connect(database.app_url.replace("+psycopg", "")) as connection:
            connection.execute("SELECT 1 FROM tokens WHERE org_id = %s FOR UPDATE", [org_id])
            yield


def test_noting_a_use_waits_for_nobody(organization: Organization, database: Database) -> None:
    """While another holds the lock a token is proved at once, and its use is noted the next time."""
    token = organization.token()
    with _locked(database, organization.id):
        started = time.monotonic()
        organization.prove(token)
        assert time.monotonic() - started < 4  # Of the 5 s that the store waits for a lock.
        assert _last_used(organization) is None
    organization.prove(token)
    assert _last_used(organization) is not None
