"""Members as sets in SQL, and the groups of a user through any nesting."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scim2_models import InvalidValueException, NoTargetException, SCIMException
from sqlalchemy import insert, select, text
from sqlalchemy.dialects import postgresql

from scim_server.protocol.patch import read_patch
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.store.driver import run_by_driver
from scim_server.store.memberships import apply_step, candidates, following, groups_of
from scim_server.store.resources import lock_by_ids
from scim_server.store.session import Tenant, begin
from scim_server.store.tables import memberships
from tests.databases import Database, only_postgresql, only_sqlite
from tests.directory import NOBODY, Client, add_members, new_client, patch_body, remove_member, running_app
from tests.statements import recorded

MANY = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class _UndoneError(Exception):
    """Ends a transaction without keeping it."""


@contextmanager
def undone(client: Client) -> Iterator[Tenant]:
    """Have a transaction of the client's connection, of which nothing stays."""
    with suppress(_UndoneError), begin(client.organization.store, client.credentials, write=True) as tenant:
        yield tenant
        raise _UndoneError


@dataclass(frozen=True, slots=True)
class Population:
    """A group, and those who may become its members."""

    client: Client
    group: str
    users: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def everyone(self) -> tuple[str, ...]:
        return (*self.users, *self.groups)


@pytest.fixture(scope="module")
def population(app: Flask) -> Population:
    """Four users and two groups beside the group at hand, which may be a member of itself."""
    client = new_client(app)
    users = tuple(client.new_user() for _ in range(4))
    groups = tuple(client.new_group() for _ in range(2))
    group = client.new_group()
    return Population(client, group, users, (*groups, group))


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a PATCH, and what it does to a set: ``change`` gets the set and the population."""

    wire: Callable[[Population], dict[str, Any]]
    change: Callable[[set[str], Population], set[str]]
    needs: Callable[[Population], set[str]] = lambda _: set()
    """The ids it makes members, which must exist."""
    needs_match: bool = False


def _ids(population: Population, places: list[int]) -> list[str]:
    everyone = (*population.everyone, NOBODY, f"{NOBODY[:-1]}1")
    return [everyone[place] for place in places]


def _add(places: list[int]) -> Operation:
    return Operation(
        lambda p: add_members(*_ids(p, places)),
        lambda members, p: members | set(_ids(p, places)),
        lambda p: set(_ids(p, places)),
    )


def _replace(places: list[int]) -> Operation:
    return Operation(
        lambda p: {**add_members(*_ids(p, places)), "op": "replace"},
        lambda _, p: set(_ids(p, places)),
        lambda p: set(_ids(p, places)),
    )


def _remove_listed(places: list[int]) -> Operation:
    return Operation(
        lambda p: {**add_members(*_ids(p, places)), "op": "remove"},
        lambda members, p: members - set(_ids(p, places)),
    )


def _remove_one(places: list[int]) -> Operation:
    return Operation(
        lambda p: remove_member(_ids(p, places[:1] or [0])[0]),
        lambda members, p: members - {_ids(p, places[:1] or [0])[0]},
    )


def _remove_all(_places: list[int]) -> Operation:
    return Operation(lambda _: {"op": "remove", "path": "members"}, lambda _members, _: set())


def _require(places: list[int]) -> Operation:
    path = {"op": "replace", "path": 'members[type eq "Group"]', "value": {"display": "x"}}
    return Operation(lambda _: path, lambda members, _: members, needs_match=True)


_FILTERS: tuple[tuple[str, Callable[[str, bool, str], bool]], ...] = (
    ('type eq "User"', lambda _, is_user, __: is_user),
    ('type eq "group"', lambda _, is_user, __: not is_user),
    ('type ne "User"', lambda _, is_user, __: not is_user),
    ('not (type eq "User")', lambda _, is_user, __: not is_user),
    ('type eq "Device"', lambda _, __, ___: False),
    ('value eq "{0}"', lambda member, _, named: member == named),
    ('value ne "{0}"', lambda member, _, named: member != named),
    ('value gt "{0}"', lambda member, _, named: member > named),
    ('value le "{0}" and type eq "User"', lambda member, is_user, named: member <= named and is_user),
    ('value eq "{0}" or type eq "Group"', lambda member, is_user, named: member == named or not is_user),
    ('value ew "{1}"', lambda member, _, named: member.endswith(named[-6:])),
    ("value pr", lambda _, __, ___: True),
    ("not (value pr)", lambda _, __, ___: False),
    (f'value eq "{NOBODY}"', lambda _, __, ___: False),
    (f'value eq "{NOBODY}" or value eq "{{0}}"', lambda member, _, named: member == named),
)


def _remove_matching(number: int, place: int) -> Operation:
    text, selects = _FILTERS[number]

    def path(p: Population) -> str:
        named = p.everyone[place]
        return f"members[{text.format(named, named[-6:])}]"

    return Operation(
        lambda p: {"op": "remove", "path": path(p)},
        lambda members, p: {each for each in members if not selects(each, each in p.users, p.everyone[place])},
    )


# Of nine places, the last two are ids that nobody has.
_places = st.lists(st.integers(0, 6) | st.integers(0, 8), max_size=6)
operations = st.one_of(
    *(st.builds(make, _places) for make in (_add, _add, _replace, _remove_listed, _remove_one, _remove_all, _require)),
    st.builds(_remove_matching, st.integers(0, len(_FILTERS) - 1), st.integers(0, 6)),
)


def _apply(tenant: Tenant, population: Population, operation: Operation) -> list[tuple[list[str], list[str]]]:
    """Read an operation as a client sends it, and apply its step; return whom that added and removed."""
    definition = tenant.catalog.by_name("Group")
    body = patch_body(operation.wire(population))
    steps = read_patch(body, definition, population.group, Leniences(PROFILES["lenient"])).member_steps
    return [apply_step(tenant, population.group, step) for step in steps]


def _stored(tenant: Tenant, group_id: str) -> set[str]:
    rows = tenant.db.scalars(
        select(memberships.c.member_id).where(memberships.c.org_id == tenant.org_id, memberships.c.group_id == group_id)
    ).all()
    assert len(set(rows)) == len(rows)
    return set(rows)


@MANY
@given(st.lists(operations, min_size=1, max_size=6))
@example([_add([0, 0, 1, 4]), _add([1, 4]), _remove_matching(9, 2), _require([])])
@example([_add([0, 7])])
@example([_require([])])
def test_steps_in_sql_are_those_on_a_set(population: Population, both_paths: None, sequence: list[Operation]) -> None:
    """Whatever the operations, the rows are the set they lead to, and each step says what it added and removed."""
    everyone = set(population.everyone)
    with undone(population.client) as tenant:
        members: set[str] = set()
        for operation in sequence:
            refused: type[SCIMException] | None = None
            if not operation.needs(population) <= everyone:
                refused = InvalidValueException
            elif operation.needs_match and not members - set(population.users):
                refused = NoTargetException
            if refused is not None:
                with pytest.raises(refused):
                    _apply(tenant, population, operation)
                return
            before, members = members, operation.change(members, population)
            for moved in _apply(tenant, population, operation):
                assert moved == (sorted(members - before), sorted(before - members))
            assert _stored(tenant, population.group) == members


Edges = set[tuple[int, int]]
"""Who is a member of whom: a group by its place, and a member by its place among groups and users."""


@MANY
@given(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 6)), max_size=16))
@example({(0, 1), (1, 2), (2, 0), (0, 3)})  # A cycle.
@example({(0, 0), (0, 3)})  # A group within itself.
@example({(0, 3), (1, 0), (1, 3)})  # Both direct and indirect.
def test_the_groups_of_users_are_those_of_the_closure(population: Population, both_paths: None, edges: Edges) -> None:
    """Groups are direct where the user is a member, indirect where only a group of the user's is."""
    places = (*population.groups, *population.users)
    with undone(population.client) as tenant:
        if edges:
            rows = [
                {"org_id": tenant.org_id, "group_id": places[group], "member_id": places[member]}
                for group, member in edges
            ]
            tenant.db.execute(insert(memberships), rows)
        found = groups_of(tenant, population.users)
        for user in range(3, 7):
            direct = {group for group, member in edges if member == user}
            above = set(direct)
            while more := {group for group, member in edges if member in above} - above:
                above |= more
            groups = found.get(places[user], ())
            assert {group.id: group.direct for group in groups} == {places[each]: each in direct for each in above}
            assert len(groups) == len(above)


@only_sqlite  # PostgreSQL plans by what it knows of the tables, which in a test is nothing.
def test_the_groups_of_users_are_found_by_key(database: Database, client: Client) -> None:
    """No step of the walk upwards reads the memberships of the whole organization."""
    with (
        recorded() as statements,
        begin(client.organization.store, client.credentials, write=False) as tenant,
    ):
        groups_of(tenant, [NOBODY])
    with closing(sqlite3.connect(database.app_url.removeprefix("sqlite:///"))) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statements[0].sql}", statements[0].parameters)
        steps = [step for *_, step in rows if "ix_memberships" in step or "pk_memberships" in step]
    assert len(steps) == 2
    for step in steps:
        assert "(org_id=? AND member_id=?)" in step


@only_postgresql
def test_a_group_and_its_members_are_found_by_id_without_statistics(fresh_database: Database) -> None:
    """In a table that was filled a moment ago, a PATCH reads neither all groups of its connection nor all users."""
    statements = (lock_by_ids("postgresql", limited=True), candidates("postgresql", True, ("Group", "User")))
    with running_app(fresh_database) as app, undone(new_client(app)) as tenant:
        tenant.db.execute(
            text(
                "INSERT INTO resources (org_id, id, resource_type, namespace, unique_key, document, folded, version,"
                " created_at, modified_at) SELECT :org_id, 'id-' || n, 'Group', :connection_id, 'g-' || n, '{}', '{}',"
                " 1, now(), now() FROM generate_series(1, 3000) AS n"
            ),
            {"org_id": tenant.org_id, "connection_id": tenant.connection_id},
        )
        for statement in statements:
            dialect = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
            sql = statement.statement.compile(dialect=dialect)
            plan = run_by_driver(tenant.db, f"EXPLAIN (GENERIC_PLAN) {sql}")
            assert not any("uq_resources_unique_key" in step for (step,) in plan), plan


@only_postgresql
def test_a_chunk_of_members_is_read_along_the_index(fresh_database: Database) -> None:
    """A plan that is kept sorts nothing: it would look up all that is left of a large group, for each chunk of it."""
    with running_app(fresh_database) as app:
        client = new_client(app)
        people = [client.new_user() for _ in range(40)]
        for number in range(12):
            client.new_group(f"group {number}", people[: 3 + number])
        with closing(psycopg.connect(fresh_database.owner_url.replace("+psycopg", ""), autocommit=True)) as owner:
            owner.execute("VACUUM (ANALYZE) memberships, resources")
        dialect = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        sql = following("postgresql").statement.compile(dialect=dialect)
        with undone(client) as tenant:
            plan = [step for (step,) in run_by_driver(tenant.db, f"EXPLAIN (GENERIC_PLAN) {sql}")]
    assert not any("Sort" in step for step in plan), plan


def test_a_member_that_does_not_exist_undoes_the_whole_patch(client: Client) -> None:
    """A PATCH with one unknown id is 400, and none of its operations is kept."""
    users = [client.new_user() for _ in range(3)]
    group = client.new_group(members=users[:1])
    for unknown in (NOBODY, "no uuid", "x" * 300, "é\U0001f600"):
        answer = client.patch(
            f"/Groups/{group}",
            add_members(users[1]),
            {"op": "replace", "path": "displayName", "value": "renamed"},
            remove_member(users[0]),
            add_members(users[2], unknown),
        )
        assert answer.status_code == 400
        assert answer.get_json()["scimType"] == "invalidValue"
        assert client.members(group) == {users[0]}
        assert client.read(f"/Groups/{group}")["displayName"] != "renamed"


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_group_with_an_unknown_member_is_not_stored(client: Client, method: str) -> None:
    """Neither a POST nor a PUT keeps anything of a group one of whose members does not exist."""
    user, group = client.new_user(), client.new_group("kept")
    body = {"displayName": "lost", "members": [{"value": user}, {"value": NOBODY}]}
    answer = client.send(method, "/Groups" if method == "POST" else f"/Groups/{group}", body)
    assert answer.status_code == 400
    assert [each["displayName"] for each in client.read("/Groups")["Resources"]] == ["kept"]
    assert client.members(group) == set()
