"""The tables can be spread over several databases by ``org_id``, as Citus does; docs/scaling.md says how."""

import ast
import re
from collections.abc import Iterator

from sqlalchemy import (
    Column,
    Dialect,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import AddConstraint, DropConstraint

from scim_server.store.columns import metadata
from scim_server.store.tables import GLOBAL_TABLES, TENANT_TABLES
from tests.serving import ROOT

PAGE = (ROOT / "docs" / "scaling.md").read_text()

_POSTGRESQL: type[Dialect] = postgresql.psycopg.dialect
_REFERENCE = re.compile(r"SELECT create_reference_table\('(\w+)'\);")
_DISTRIBUTED = re.compile(
    r"SELECT create_distributed_table\('(?P<table>\w+)', '(?P<column>\w+)'"
    r"(?:, colocate_with => '(?P<beside>\w+)')?\);"
)


def faults_of(tables: MetaData, tenant_tables: set[str]) -> list[str]:
    """Return what keeps tables from being distributed by ``org_id``, all but the tenant tables being on every node."""
    faults: list[str] = []
    for table in tables.sorted_tables:
        faults += (fault for key in table.foreign_key_constraints for fault in _faults_of_key(key, tenant_tables))
        if table.name in tenant_tables:
            faults += _faults_of_rows(table)
    return faults


def _faults_of_key(key: ForeignKeyConstraint, tenant_tables: set[str]) -> Iterator[str]:
    pairs = {(each.parent.name, each.column.name) for each in key.elements}
    if key.referred_table.name in tenant_tables:
        if key.table.name not in tenant_tables:
            yield f"{key.name}: a global table refers to a tenant table"
        elif ("org_id", "org_id") not in pairs:
            yield f"{key.name} does not pair org_id with org_id"
    if key.ondelete not in (None, "CASCADE") or key.onupdate or key.deferrable:
        yield f"{key.name} writes org_id, or waits for the end of the transaction"


def _faults_of_rows(table: Table) -> Iterator[str]:
    if "org_id" not in table.c or table.c.org_id.nullable or not table.primary_key.columns:
        yield f"{table.name} has a row of no organization, or no primary key"
    if any(isinstance(column.server_default, Identity | Sequence) for column in table.c):
        yield f"{table.name} numbers its rows across organizations"
    unique = (each for each in table.constraints if isinstance(each, PrimaryKeyConstraint | UniqueConstraint))
    for key in (*unique, *(index for index in table.indexes if index.unique)):
        if len(key.columns) and "org_id" not in key.columns:
            yield f"{key.name} is unique across organizations"


def test_the_tables_can_be_distributed() -> None:
    """Each key, unique index and foreign key of a tenant table holds org_id, and no global table refers to one."""
    assert faults_of(metadata, {table.name for table in TENANT_TABLES}) == []
    assert {*TENANT_TABLES, *GLOBAL_TABLES} == set(metadata.sorted_tables)


def test_what_cannot_be_distributed_is_seen() -> None:
    """Each thing that Citus refuses is a fault of the tables that have it."""
    tables = MetaData()
    for table in metadata.sorted_tables:
        table.to_metadata(tables)
    resources = tables.tables["resources"]
    Index("planted_index", resources.c.unique_key, unique=True)
    resources.append_constraint(UniqueConstraint("unique_key", name="planted_key"))
    tables.tables["memberships"].append_constraint(
        ForeignKeyConstraint(["member_id"], ["resources.id"], name="planted_unpaired")
    )
    tables.tables["memberships"].append_constraint(
        ForeignKeyConstraint(
            ["org_id", "member_id"], ["resources.org_id", "resources.id"], name="planted_action", ondelete="SET NULL"
        )
    )
    tables.tables["tokens"].append_constraint(
        ForeignKeyConstraint(
            ["org_id", "connection_id"], ["connections.org_id", "connections.id"], name="planted_global"
        )
    )
    org_id = Column("org_id", Text, primary_key=True)
    Table("planted_numbers", tables, org_id, Column("number", Integer, Identity()))
    Table("planted_orphans", tables, Column("org_id", Text))
    found = faults_of(tables, {*(table.name for table in TENANT_TABLES), "planted_numbers", "planted_orphans"})
    assert sorted(fault.split()[0].strip(":") for fault in found) == [
        "planted_action",
        "planted_global",
        "planted_index",
        "planted_key",
        "planted_numbers",
        "planted_orphans",
        "planted_unpaired",
    ]


def _statements() -> list[str]:
    """Return the statements that move a database, each on one line, in their order."""
    section = PAGE.partition("### Move a database")[2].partition("\n### ")[0]
    (block,) = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    lines = " ".join(line.strip() for line in block.splitlines() if not line.strip().startswith("--"))
    return [f"{' '.join(statement.split())};" for statement in lines.split(";") if statement.strip()]


def test_the_page_distributes_each_table_once() -> None:
    """Each global table becomes a reference table; each tenant table is spread by org_id, all of them together."""
    statements = [each for each in _statements() if each.startswith("SELECT")]
    reference = [match[1] for each in statements if (match := _REFERENCE.fullmatch(each))]
    distributed = [match.groupdict() for each in statements if (match := _DISTRIBUTED.fullmatch(each))]
    assert len(reference) + len(distributed) == len(statements)
    assert sorted(reference) == sorted(table.name for table in GLOBAL_TABLES)
    assert sorted(each["table"] for each in distributed) == sorted(table.name for table in TENANT_TABLES)
    assert {each["column"] for each in distributed} == {"org_id"}
    first, *others = distributed
    assert first["beside"] == "none"
    assert {each["beside"] for each in others} == {first["table"]}


def test_the_page_takes_the_foreign_keys_off_and_puts_them_back() -> None:
    """All of them go before the first table is spread, and come back as they were after the last."""
    statements = _statements()
    places = [index for index, each in enumerate(statements) if each.startswith("SELECT")]
    before, after = statements[: places[0]], statements[places[-1] + 1 :]
    assert len(before) + len(places) + len(after) == len(statements)
    dialect = _POSTGRESQL()
    foreign_keys = [each for table in metadata.sorted_tables for each in table.foreign_key_constraints]
    assert sorted(before) == sorted(_flat(DropConstraint(each).compile(dialect=dialect)) for each in foreign_keys)
    assert sorted(each.replace("FOREIGN KEY (", "FOREIGN KEY(") for each in after) == sorted(
        _flat(AddConstraint(each, isolate_from_table=False).compile(dialect=dialect)) for each in foreign_keys
    )


def _flat(statement: object) -> str:
    return f"{' '.join(str(statement).split())};"


def test_the_page_lists_what_reaches_more_than_one_organization() -> None:
    """Its table names each function of `store` that uses a global table, or the database for all organizations."""
    shared = {"begin_platform", "Platform", *(table.name for table in GLOBAL_TABLES)}
    found = set()
    for path in (ROOT / "scim_server" / "store").glob("*.py"):
        for function in ast.parse(path.read_text()).body:
            named = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
            if isinstance(function, ast.FunctionDef) and named & shared and function.name != "begin_platform":
                found.add(f"{path.stem}.{function.name}")
    section = PAGE.partition("### Which statements reach")[2]
    assert set(re.findall(r"^\| `([\w.]+)` \|", section, re.MULTILINE)) == found
