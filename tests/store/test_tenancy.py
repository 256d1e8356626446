"""No statement reaches beyond its organization, and no row can."""

import pytest
from flask import Flask
from sqlalchemy import ClauseElement, Dialect, delete, insert, literal, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.compiler import SQLCompiler

from scim_server.store.columns import metadata
from scim_server.store.session import begin
from scim_server.store.tables import TENANT_TABLES, memberships, organizations, resources, tokens
from tests.directory import new_client, site_of
from tests.statements import fault_of, guarded

_POSTGRESQL: type[Dialect] = postgresql.psycopg.dialect
_OF_A = resources.c.org_id == "A"
_MEMBER = resources.alias("member")
_ROW = {"org_id": "A", "group_id": "g", "member_id": "m"}

_GOOD: dict[str, ClauseElement] = {
    "select": select(resources.c.id).where(_OF_A, resources.c.id == "x"),
    "parameter first": select(resources.c.id).where(literal("A") == resources.c.org_id),
    "join": select(resources.c.id)
    .join(memberships, (memberships.c.org_id == "A") & (memberships.c.member_id == resources.c.id))
    .where(_OF_A),
    "outer join": select(resources.c.id)
    .outerjoin(memberships, (memberships.c.org_id == "A") & (memberships.c.member_id == resources.c.id))
    .where(_OF_A),
    "subquery": select(resources.c.id).where(
        _OF_A, resources.c.id.in_(select(memberships.c.member_id).where(memberships.c.org_id == "A"))
    ),
    "or beside": select(resources.c.id).where(_OF_A, (resources.c.id == "x") | (resources.c.id == "y")),
    "union": select(resources.c.id).where(_OF_A).union(select(_MEMBER.c.id).where(_MEMBER.c.org_id == "A")),
    "locked": select(resources.c.id).where(_OF_A).order_by(resources.c.id).with_for_update(key_share=True),
    "update": update(resources).where(_OF_A, resources.c.id == "x").values(version=resources.c.version + 1),
    "delete": delete(memberships).where(memberships.c.org_id == "A").returning(memberships.c.member_id),
    "insert": insert(memberships).values(_ROW),
    "insert from select": insert(memberships).from_select(
        ["org_id", "group_id", "member_id"],
        select(resources.c.org_id, literal("g"), resources.c.id).where(_OF_A),
    ),
    "insert from select with the organization": insert(memberships).from_select(
        ["org_id", "group_id", "member_id"], select(literal("A"), literal("g"), resources.c.id).where(_OF_A)
    ),
    "global": select(organizations.c.id, tokens.c.id).where(organizations.c.id == tokens.c.org_id),
}

_BAD: dict[str, ClauseElement] = {
    "select": select(resources.c.id).where(resources.c.id == "x"),
    "no condition": select(resources.c.id),
    "constant": select(resources.c.id).where(resources.c.org_id == literal("A", literal_execute=True)),
    "not equal": select(resources.c.id).where(resources.c.org_id != "A"),
    "greater": select(resources.c.id).where(resources.c.org_id >= "A"),
    "negated": select(resources.c.id).where(~(_OF_A & (resources.c.id == "x"))),
    "in": select(resources.c.id).where(resources.c.org_id.in_(["A", "B"])),
    "or": select(resources.c.id).where(_OF_A | (resources.c.id == "x")),
    "or within": select(resources.c.id).where(resources.c.id == "x", _OF_A | (resources.c.id == "y")),
    "only joined": select(resources.c.id)
    .join(memberships, memberships.c.member_id == resources.c.id)
    .where(memberships.c.org_id == "A"),
    "through another": select(resources.c.id)
    .join(memberships, memberships.c.org_id == resources.c.org_id)
    .where(_OF_A),
    "outer join": select(resources.c.id).outerjoin(memberships, _OF_A & (memberships.c.org_id == "A")),
    "cross join": select(resources.c.id, memberships.c.group_id).where(_OF_A),
    "alias": select(resources.c.id, _MEMBER.c.id).where(_OF_A),
    "subquery": select(resources.c.id).where(_OF_A, resources.c.id.in_(select(memberships.c.member_id))),
    "around": select(resources.c.id).where(
        resources.c.id.in_(select(memberships.c.member_id).where(memberships.c.org_id == "A"))
    ),
    "column": select(select(memberships.c.group_id).limit(1).scalar_subquery(), resources.c.id).where(_OF_A),
    "union": select(resources.c.id).where(_OF_A).union(select(_MEMBER.c.id)),
    "cte": select(select(resources.c.id).cte("all_of_them").c.id),
    "case": select(resources.c.id).where((_OF_A & (resources.c.id == "x")).is_(None)),
    "update": update(resources).where(resources.c.id == "x").values(version=2),
    "update from another": update(resources).where(_OF_A, memberships.c.member_id == resources.c.id).values(version=2),
    "update from another organization": update(resources)
    .where(_OF_A, memberships.c.org_id == "B", memberships.c.member_id == resources.c.id)
    .values(version=2),
    "update of the organization": update(resources).values(org_id="A"),
    "delete": delete(memberships).where(memberships.c.member_id == "m"),
    "insert without": text("INSERT INTO memberships (group_id, member_id) VALUES (:g, :m)").bindparams(g="g", m="m"),
    "text": text("SELECT id FROM public.resources r, (memberships m JOIN trail t ON m.org_id = t.org_id)"),
    "insert from select": insert(memberships).from_select(
        ["org_id", "group_id", "member_id"],
        select(literal("B"), literal("g"), resources.c.id).where(_OF_A),
    ),
    "join of two organizations": select(resources.c.id)
    .join(memberships, (memberships.c.org_id == "B") & (memberships.c.member_id == resources.c.id))
    .where(_OF_A),
    "two organizations": select(resources.c.id, memberships.c.group_id).where(_OF_A, memberships.c.org_id == "B"),
    "two rows": insert(memberships).values([_ROW, {**_ROW, "org_id": "B"}]),
}


def _fault(statement: ClauseElement, dialect_name: str) -> str | None:
    dialect: Dialect = _POSTGRESQL() if dialect_name == "postgresql" else sqlite.dialect()
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    positions, parameters = compiled.positiontup, compiled.params
    return fault_of(str(compiled), tuple(parameters[name] for name in positions) if positions else parameters)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@pytest.mark.parametrize("name", _GOOD)
def test_the_guard_passes_what_names_the_organization(name: str, dialect: str) -> None:
    """A statement whose every tenant table is held to one organization is no fault."""
    assert _fault(_GOOD[name], dialect) is None


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@pytest.mark.parametrize("name", _BAD)
def test_the_guard_catches_what_does_not_name_the_organization(name: str, dialect: str) -> None:
    """A statement that could read or write the rows of another organization is a fault."""
    assert _fault(_BAD[name], dialect) is not None


def test_the_guard_sees_the_statements_of_every_engine(app: Flask) -> None:
    """A bad statement that runs through the app's own engines, with or without a transaction, is recorded."""
    client = new_client(app)
    planted = select(resources.c.id).where(resources.c.id == "x")
    with guarded() as faults:
        for write in (True, False):
            with begin(site_of(app).store, client.credentials, write=write) as tenant:
                assert tenant.db.execute(planted).all() == []
    assert len(faults) == 1
    assert "resources as resources is used without org_id" in faults[0]


def test_the_organization_leads_every_key_of_a_tenant_table() -> None:
    """Primary keys, unique constraints, indexes and foreign keys of a tenant table start with org_id."""
    for table in TENANT_TABLES:
        keys = [constraint.columns.keys() for constraint in table.constraints if len(constraint.columns)]  # type: ignore[attr-defined]
        keys += [index.columns.keys() for index in table.indexes]
        assert all(key[0] == "org_id" or key == ["kind"] for key in keys), table.name
    assert {table.name for table in metadata.sorted_tables if "org_id" in table.c} == {
        *(table.name for table in TENANT_TABLES),
        "tokens",
        "idempotency_keys",
        "oauth_clients",
        "deliveries",
    }


@pytest.mark.parametrize("crossed", ["group_id", "member_id"])
def test_a_membership_across_organizations_cannot_be_stored(app: Flask, crossed: str) -> None:
    """The composite foreign keys refuse a row whose group or member is of another organization."""
    here, there = new_client(app), new_client(app)
    row = {"group_id": here.new_group(), "member_id": here.new_user()}
    row[crossed] = there.new_group() if crossed == "group_id" else there.new_user()
    for client in (here, there):
        with (
            pytest.raises(IntegrityError),
            begin(client.organization.store, client.organization.operator, write=True) as tenant,
        ):
            tenant.db.execute(insert(memberships).values(org_id=tenant.org_id, **row))
