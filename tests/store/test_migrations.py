"""Migrations lead to the tables of `tables.py`, which the databases themselves are asked about."""

import multiprocessing
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Text,
    create_engine,
    insert,
    select,
    text,
)

from scim_server.protocol.catalog import Catalog
from scim_server.store import migrate
from scim_server.store.columns import metadata
from scim_server.store.emails import email_keys
from scim_server.store.migrate import upgrade
from scim_server.store.revision import NEWEST, is_current
from scim_server.store.tables import emails, organizations, resources
from tests.databases import Database, DatabaseServer, only_postgresql
from tests.directory import opened

CatalogOfTables = set[tuple[Any, ...]]

_POSTGRESQL_CATALOG = """
    SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, l.collname,
           pg_get_expr(d.adbin, d.adrelid), a.attidentity::text || a.attgenerated::text
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      LEFT JOIN pg_collation l ON l.oid = a.attcollation
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
 UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated, '', '', ''
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
 UNION ALL
    SELECT 'index', indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid,
           '', '', ''
      FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE c.relnamespace = 'public'::regnamespace
 UNION ALL
    SELECT 'relation', relname, relkind::text, '', relrowsecurity, '', '', '' FROM pg_class
     WHERE relnamespace = 'public'::regnamespace
 UNION ALL
    SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), true, '', '', ''
      FROM pg_trigger WHERE NOT tgisinternal
 UNION ALL
    SELECT 'policy', tablename, policyname, concat(cmd, roles::text, qual, with_check), true, '', '', ''
      FROM pg_policies
"""


def catalog_of(database: Database) -> CatalogOfTables:
    """Return what a database says of its tables, Alembic's own aside; the order of columns does not count."""
    rows: CatalogOfTables
    if database.dialect == "sqlite":
        with closing(sqlite3.connect(database.owner_url.removeprefix("sqlite:///"))) as db:
            rows = {
                (kind, name, *_parts(sql))
                for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master")
            }
    else:
        with psycopg.connect(database.owner_url.replace("+psycopg", "")) as db:
            rows = set(db.execute(_POSTGRESQL_CATALOG))
    return {row for row in rows if not any("alembic_version" in str(part) for part in row)}


def _parts(sql: str | None) -> list[str]:
    """Return a CREATE statement as its parts between commas, sorted: a migration may write them in another order."""
    flat = re.sub(r"\s+", " ", sql or "").replace('"', "")
    head, bracket, body = flat.partition("(")
    depth, parts = 0, [""]
    for character in body.rpartition(")")[0] if "CREATE TABLE" in head else body:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth and "CREATE TABLE" in head:
            parts.append("")
        else:
            parts[-1] += character
    return [head + bracket, *sorted(part.strip() for part in parts)]


def _created(server: DatabaseServer, tables: MetaData) -> CatalogOfTables:
    """Return the catalog of a database whose tables are made at once."""
    database = server.create()
    try:
        engine = create_engine(database.owner_url)
        tables.create_all(engine)
        engine.dispose()
        return catalog_of(database)
    finally:
        server.drop(database)


def _copy() -> MetaData:
    copy = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        table.to_metadata(copy)
    return copy


def _index(tables: MetaData, name: str) -> Index:
    return next(index for table in tables.tables.values() for index in table.indexes if index.name == name)


def _change_predicate(tables: MetaData) -> None:
    for dialect in ("sqlite", "postgresql"):
        _index(tables, "ix_resources_external_id").dialect_options[dialect]["where"] = text("external_id <> ''")


def _drop_predicate(tables: MetaData) -> None:
    for dialect in ("sqlite", "postgresql"):
        _index(tables, "ix_resources_external_id").dialect_options[dialect]["where"] = None


def _drop_index(tables: MetaData) -> None:
    index = _index(tables, "ix_memberships_member")
    tables.tables["memberships"].indexes.discard(index)


def _change_check(tables: MetaData) -> None:
    constraints = tables.tables["resources"].constraints
    check = next(each for each in constraints if isinstance(each, CheckConstraint) and "kind" in str(each.sqltext))
    constraints.discard(check)
    tables.tables["resources"].append_constraint(CheckConstraint("kind IN ('role', 'team')", name="kind"))


def _change_cascade(tables: MetaData) -> None:
    foreign_keys = [each for each in tables.tables["memberships"].constraints if isinstance(each, ForeignKeyConstraint)]
    foreign_keys[0].ondelete = None


def _change_type(tables: MetaData) -> None:
    tables.tables["resources"].c.version.type = Text()


def _change_nullability(tables: MetaData) -> None:
    tables.tables["resources"].c.display.nullable = False


def _change_default(tables: MetaData) -> None:
    tables.tables["resources"].c.namespace.server_default = None


def _change_collation(tables: MetaData) -> None:
    tables.tables["resources"].c.unique_key.type = Text()


def _add_column(tables: MetaData) -> None:
    tables.tables["resources"].append_column(Column("planted", Integer))


_PLANTED: tuple[Callable[[MetaData], None], ...] = (
    _change_predicate,
    _drop_predicate,
    _drop_index,
    _change_check,
    _change_cascade,
    _change_type,
    _change_nullability,
    _change_default,
    _add_column,
)


def test_an_upgraded_database_is_as_the_tables_say(database_server: DatabaseServer, empty_database: Database) -> None:
    """The catalog that migrations lead to is the one that `tables.py` describes."""
    upgrade(empty_database.owner_url)
    assert catalog_of(empty_database) == _created(database_server, metadata)


@pytest.mark.parametrize("plant", _PLANTED, ids=lambda plant: plant.__name__.strip("_"))
def test_the_comparison_of_catalogs_sees_a_difference(
    database_server: DatabaseServer, database: Database, plant: Callable[[MetaData], None]
) -> None:
    """Each kind of difference between the migrations and `tables.py` shows in the comparison."""
    tables = _copy()
    plant(tables)
    assert catalog_of(database) != _created(database_server, tables)


@only_postgresql  # SQLite compares all text by code point.
def test_the_comparison_of_catalogs_sees_a_collation(database_server: DatabaseServer, database: Database) -> None:
    """A column compared in another way shows in the comparison too."""
    tables = _copy()
    _change_collation(tables)
    assert catalog_of(database) != _created(database_server, tables)


def test_a_copy_of_the_tables_is_no_difference(database_server: DatabaseServer, database: Database) -> None:
    """What the planted differences start from shows none."""
    assert catalog_of(database) == _created(database_server, _copy())


def test_the_server_knows_the_newest_migration() -> None:
    """Without Alembic, by the name of the last one."""
    assert ScriptDirectory(str(Path(migrate.__file__).with_name("migrations"))).get_current_head() == NEWEST


def test_upgrading_twice_is_harmless(empty_database: Database, catalog: Catalog) -> None:
    """A second upgrade changes nothing, and the server knows whether there was a first."""
    with opened(empty_database, catalog) as store:
        assert not is_current(store)
        upgrade(empty_database.owner_url)
        assert is_current(store)
    before = catalog_of(empty_database)
    upgrade(empty_database.owner_url)
    assert catalog_of(empty_database) == before


def _upgrade_together(barrier: Barrier, url: str) -> None:
    barrier.wait(10)
    upgrade(url)


def test_two_upgrades_at_once_do_not_collide(empty_database: Database, database: Database) -> None:
    """Servers that start at the same moment migrate one after the other."""
    forked = multiprocessing.get_context("fork")
    barrier = forked.Barrier(2)
    processes = [forked.Process(target=_upgrade_together, args=(barrier, empty_database.owner_url)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert catalog_of(empty_database) == catalog_of(database)


_DOCUMENTS: dict[str, Any] = {
    "one": {"emails": [{"value": "one@example.com"}, {"value": "shared@example.com", "type": "work"}]},
    "two": {"emails": [{"value": "shared@example.com"}, {"value": "shared@example.com"}, {"type": "work"}]},
    "none": {"displayName": "x"},
    "long": {"emails": [{"value": "é" * 500}, {"value": "é" * 501}]},
    # What a former schema may have left.
    "number": {"emails": 5},
    "object": {"emails": {"value": "x"}},
    "others": {"emails": ["{", "x", None, 5, [], {"value": 5}, {"value": None}, {"value": {"value": "x"}}]},
}


def test_the_addresses_there_are_have_rows_after_an_upgrade(empty_database: Database) -> None:
    """Each resource of each organization that has e-mail addresses is found by them afterwards."""
    upgrade(empty_database.owner_url, "0001")
    organization = {"slug": "o", "name": "o", "status": "active", "created_at": datetime.now(UTC)}
    row = {"resource_type": "User", "document": "{}", "version": 1, "display": None}
    moments = {"created_at": datetime.now(UTC), "modified_at": datetime.now(UTC)}
    engine = create_engine(empty_database.owner_url)
    with engine.begin() as db:
        for org_id in ("a", "b"):
            db.execute(insert(organizations).values({**organization, "id": org_id, "slug": org_id}))
            for name, folded in _DOCUMENTS.items():
                db.execute(insert(resources).values({**row, **moments, "org_id": org_id, "id": name, "folded": folded}))
    upgrade(empty_database.owner_url, "0005")
    for org_id in ("a", "b"):
        with engine.begin() as db:
            kept = select(emails.c.resource_id, emails.c.value).where(emails.c.org_id == org_id)
            found = {tuple(each) for each in db.execute(kept)}
        assert found == {(name, key) for name, folded in _DOCUMENTS.items() for key in email_keys(folded)}
        assert len(found) == 4
    engine.dispose()
