"""The list of members is what it says it is, and takes no more where there are more of them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert, select, text

from scim_server.protocol.catalog import USER_URN
from scim_server.protocol.members import AddMembers
from scim_server.store import member_lists
from scim_server.store.member_facts import count_states
from scim_server.store.member_lists import LOCAL, SORTS, ListedMember, Wanted, list_members
from scim_server.store.members import get_member, set_state
from scim_server.store.memberships import apply_step
from scim_server.store.migrate import upgrade
from scim_server.store.resources import listed_names
from scim_server.store.session import Tenant, begin
from scim_server.store.tables import organizations, resources
from tests.databases import Database
from tests.directory import Client, new_client, running_app, unique
from tests.statements import recorded

_NAMES = ("Ada", "Adam", "ADELE", "Béa", "bob", "Ångström", "")
_WORDS = ("a", "AD", "ada", "b", "å", "zoe", "user")
_STATES = ("contact", "active", "suspended")

_PEOPLE = st.lists(
    st.tuples(st.sampled_from(_NAMES), st.sampled_from(_NAMES), st.sampled_from(_STATES), st.booleans()),
    min_size=1,
    max_size=9,
)
_WANTED = st.tuples(
    st.lists(st.sampled_from(_WORDS), max_size=2),
    st.booleans(),
    st.sampled_from([None, *_STATES]),
    st.sampled_from([None, LOCAL, "own"]),
    st.sampled_from(SORTS),
)


def _listed(tenant: Tenant, wanted: Wanted, limit: int) -> list[ListedMember]:
    """Return all members of a list, page by page."""
    found, after = [], None
    for _ in range(100):
        page = list_members(tenant, wanted, after=after, limit=limit)
        found += page.members
        after = page.following
        if after is None:
            return found
    raise AssertionError("the list has no end")


def _meets(member: ListedMember, wanted: Wanted, in_group: set[str], own: str) -> bool:
    document = orjson.loads(member.document)
    name = document.get("name", {})
    texts = (name.get("familyName") or document["userName"], name.get("givenName", ""), document["userName"])
    texts += tuple(each["value"] for each in document.get("emails", ()))
    managed_by = LOCAL if member.managed_by is None else own
    return (
        all(any(each.lower().startswith(word.lower()) for each in texts) for word in wanted.words)
        and (not wanted.groups or member.id in in_group)
        and wanted.state in (None, member.state)
        and wanted.origin in (None, member.managed_by if wanted.origin != LOCAL else managed_by)
    )


def _key(member: ListedMember, wanted: Wanted) -> tuple[str, ...]:
    document = orjson.loads(member.document)
    name, user_name = document.get("name", {}), document["userName"].lower()
    last, first = (name.get("familyName") or user_name).lower(), name.get("givenName", "").lower()
    if wanted.words:
        word = wanted.words[0].lower()
        addresses = [each["value"] for each in document.get("emails", ()) if each["value"].startswith(word)]
        courses = ((last, (last, first, member.id)), (first, (first, member.id)), (user_name, (user_name,)))
        for number, (begun, key) in enumerate(courses):
            if begun.startswith(word):
                return (str(number), *key)
        return "3", min(addresses), member.id
    if wanted.sort == "name":
        return last, first, member.id
    return (user_name,) if wanted.sort == "user_name" else (member.id,)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(_PEOPLE, st.lists(_WANTED, min_size=1, max_size=4), st.integers(1, 4), st.sampled_from([0, 1, 3, 1_000]))
def test_a_list_has_who_meets_its_conditions_in_its_order(
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    people: list[tuple[str, str, str, bool]],
    lists: list[tuple[list[str], bool, str | None, str | None, str]],
    limit: int,
    most: int,
) -> None:
    """By whichever way it is read: those of the narrowest condition, or all of them in their order."""
    monkeypatch.setattr(member_lists, "MAX_FOUND", most)
    monkeypatch.setattr(member_lists, "MAX_WALKED", max(1, most))
    client = new_client(app)
    store, organization = client.organization.store, client.organization
    connection = client.connection.id
    ids = []
    for first, last, _, has_mail in people:
        names = {key: value for key, value in (("familyName", last), ("givenName", first)) if value}
        addresses = [{"value": f"{unique(stem)}@b.example"} for stem in ("user", "user", "zoe")]
        more: dict[str, Any] = {"emails": addresses} if has_mail else {}
        ids.append(client.new_user(unique("a"), **({"name": names} if names else {}), **more))
    group = client.new_group()
    with begin(store, organization.operator, write=True) as tenant:
        for user_id, (*_, state, _) in zip(ids, people, strict=True):
            set_state(tenant, get_member(tenant, user_id), state)  # type: ignore[arg-type]
        apply_step(tenant, group, AddMembers(tuple(ids[::2])))
    with begin(store, organization.operator, write=False) as tenant:
        everybody = _listed(tenant, Wanted(), 100)
        assert sorted(each.id for each in everybody) == sorted(ids)
        for words, in_group, asked_state, origin, sort in lists:
            own = connection if origin == "own" else origin
            wanted = Wanted(tuple(words), (group,) if in_group else (), asked_state, own, sort)  # type: ignore[arg-type]
            found = _listed(tenant, wanted, limit)
            expected = [each for each in everybody if _meets(each, wanted, set(ids[::2]), connection)]
            expected.sort(key=lambda each: _key(each, wanted), reverse=sort == "created" and not words)
            assert [each.id for each in found] == [each.id for each in expected]
        counts = count_states(tenant, most)
        for each_state in _STATES:
            assert counts[each_state] == min(most + 1, sum(each[2] == each_state for each in people))  # type: ignore[index]


def test_a_list_is_of_one_organization(app: Flask) -> None:
    """Neither its members nor its groups are found from another."""
    own, other = new_client(app), new_client(app)
    user, group = other.new_user("ada"), None
    group = other.new_group(members=[user])
    with begin(own.organization.store, own.organization.operator, write=False) as tenant:
        for wanted in (Wanted(), Wanted(words=("ada",)), Wanted(groups=(group,)), Wanted(state="active")):
            assert not list_members(tenant, wanted, after=None, limit=10).members


def test_members_of_before_are_listed_after_a_change_of_their_names(client: Client) -> None:
    """A new last name is found, and the former one is not."""
    user = client.new_user("ada", name={"familyName": "Byron"})
    body = {"schemas": [USER_URN], "userName": "ada", "name": {"familyName": "Lovelace"}}
    assert client.put(f"/Users/{user}", body).status_code == 200
    with begin(client.organization.store, client.organization.operator, write=False) as tenant:
        assert [each.id for each in _listed(tenant, Wanted(words=("LOVE",)), 10)] == [user]
        assert not _listed(tenant, Wanted(words=("byron",)), 10)


_MANY = 3_000
_MOMENT = {"postgresql": "timestamptz", "sqlite": "text"}
_FILL = {
    "postgresql": "FROM generate_series(1, :many) AS n",
    "sqlite": "FROM (WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :many) SELECT n FROM s)",
}


@pytest.fixture
def filled(fresh_database: Database) -> Iterator[tuple[Tenant, str, str]]:
    """An organization with many members whose names all begin alike; with a group of few, and one of all of them."""
    with running_app(fresh_database) as app:
        client = new_client(app)
        few, all_of_them = client.new_group(), client.new_group()
        with begin(client.organization.store, client.organization.operator, write=True) as tenant:
            source, moment = _FILL[fresh_database.dialect], _MOMENT[fresh_database.dialect]
            values = {"org_id": tenant.org_id, "many": _MANY, "now": tenant.now.isoformat()}
            people = (
                "INSERT INTO resources (org_id, id, resource_type, namespace, unique_key, document, folded, version,"
                " state, active, last_name, first_name, created_at, modified_at)"
                " SELECT :org_id, 'id-' || (n + 10000), 'User', '', 'user-' || n, '{}', '{}', 1,"
                " CASE WHEN n < 4 THEN 'archived' ELSE 'active' END, n >= 4, 'smith' || n, 'ann',"
            )
            tenant.db.execute(text(f"{people} CAST(:now AS {moment}), CAST(:now AS {moment}) {source}"), values)
            addresses = "SELECT :org_id, 'smith' || n || '@example.com', 'id-' || (n + 10000)"
            tenant.db.execute(text(f"INSERT INTO emails (org_id, value, resource_id) {addresses} {source}"), values)
            for group, share in ((few, 1_000), (all_of_them, 1)):
                tenant.db.execute(
                    text(
                        "INSERT INTO memberships (org_id, group_id, member_id)"
                        f" SELECT :org_id, :group, 'id-' || (n + 10000) {source} WHERE n % :share = 0"
                    ),
                    {**values, "group": group, "share": share},
                )
        _analyze(fresh_database)
        with begin(client.organization.store, client.organization.operator, write=False) as tenant:
            yield tenant, few, all_of_them


def _analyze(database: Database) -> None:
    """Let the planner know what there is, as its owner."""
    if database.dialect == "sqlite":
        with closing(sqlite3.connect(database.owner_url.removeprefix("sqlite:///"))) as db:
            db.execute("ANALYZE")
    else:
        with psycopg.connect(database.owner_url.replace("+psycopg", ""), autocommit=True) as db:
            db.execute("VACUUM ANALYZE")


def test_a_page_reads_few_of_many(filled: tuple[Tenant, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for, by indexes: neither all members are read, nor all of them sorted."""
    monkeypatch.setattr(member_lists, "MAX_FOUND", 50)
    monkeypatch.setattr(member_lists, "MAX_WALKED", 300)
    tenant, few, all_of_them = filled
    asked = [
        *(Wanted(sort=sort) for sort in SORTS),
        *(Wanted(state="active", sort=sort) for sort in SORTS),
        *(Wanted(state="archived", sort=sort) for sort in SORTS),
        Wanted(words=("smith",)),
        Wanted(words=("smith", "ann")),
        Wanted(words=("smith2999",)),
        Wanted(words=("smith",), groups=(few,)),
        Wanted(words=("smith2000",), groups=(all_of_them,)),
        Wanted(groups=(all_of_them,), state="archived"),
        Wanted(groups=(all_of_them,), origin=LOCAL, words=("user",)),
        Wanted(origin="nobody"),
    ]
    for wanted in asked:
        first = list_members(tenant, wanted, after=None, limit=10)
        with recorded() as statements:
            list_members(tenant, wanted, after=first.following, limit=10)
            count_states(tenant, 50)
        for statement in statements:
            _check_plan(tenant, statement.sql, statement.parameters)


_TABLES = ("resources", "memberships", "emails")


def _check_plan(tenant: Tenant, sql: str, parameters: Any) -> None:
    """Check that a statement reads a bounded number of rows, by indexes."""
    db = tenant.db
    if db.dialect.name == "sqlite":
        plan = [str(row[3]) for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)]
        for table in _TABLES:
            assert not any(step.startswith(f"SCAN {table}") for step in plan), (sql, plan)
        for step in plan:
            if step.startswith("SEARCH resources"):
                assert "(org_id=?)" not in step or "ix_resources_type" not in step, (sql, plan)
        return
    (row,) = db.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
    for node in _nodes(row[0][0]["Plan"]):
        read = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        assert node["Node Type"] != "Seq Scan" or node["Relation Name"] not in _TABLES, (sql, node)
        assert read < _MANY / 2, (sql, node["Node Type"], read)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


_FOLDED: dict[str, Any] = {
    "whole": {"name": {"familyName": "byron", "givenName": "ada"}, "displayName": "ada byron"},
    "shown": {"displayName": "ada byron"},
    "named": {"userName": "named"},
    "empty": {"name": {"familyName": "", "givenName": ""}, "displayName": ""},
    "long": {"name": {"familyName": "é" * 300, "givenName": "\U0001f600" * 300}},
    # What a former schema may have left.
    "text": {"name": "ada"},
    "numbers": {"name": {"familyName": 5, "givenName": None}, "displayName": ["x"]},
}


def test_the_members_there_are_have_names_after_an_upgrade(empty_database: Database) -> None:
    """They are listed as if they had been written now; groups have none."""
    upgrade(empty_database.owner_url, "0011")
    engine, now = create_engine(empty_database.owner_url), datetime.now(UTC)
    row = {"document": "{}", "version": 1, "created_at": now, "modified_at": now}
    with engine.begin() as db:
        for org_id in ("a", "b"):
            if db.dialect.name == "postgresql":
                db.execute(text("SELECT set_config('app.org', :org_id, true)"), {"org_id": org_id})
            db.execute(insert(organizations).values(id=org_id, slug=org_id, name=org_id, created_at=now))
            for name, folded in _FOLDED.items():
                for kind in ("User", "Group"):
                    values = {"id": f"{kind}-{name}", "unique_key": name, "resource_type": kind, "folded": folded}
                    db.execute(insert(resources).values({**row, **values, "org_id": org_id}))
    upgrade(empty_database.owner_url)
    for org_id in ("a", "b"):
        with engine.begin() as db:
            columns = (resources.c.id, resources.c.last_name, resources.c.first_name)
            if db.dialect.name == "postgresql":
                db.execute(text("SELECT set_config('app.org', :org_id, true)"), {"org_id": org_id})
            found = {row[0]: tuple(row[1:]) for row in db.execute(select(*columns).where(resources.c.org_id == org_id))}
        for name, folded in _FOLDED.items():
            assert found[f"User-{name}"] == tuple(listed_names(folded, name).values())
            assert found[f"Group-{name}"] == (None, None)
    engine.dispose()
