"""The order of lists (RFC 7644 §3.4.2.3) as SQL, on both databases, held to the sort of scim2-models."""

from collections.abc import Iterator
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scim2_models import InvalidPathException, SearchRequest
from sqlalchemy import Connection, select

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.store.session import Tenant, open_store
from scim_server.store.sorting import sort_value
from scim_server.store.tables import resources
from tests.databases import Database
from tests.store.resource_strategies import (
    CATALOG,
    DEVICES,
    EXTENSION,
    GROUP,
    LONG,
    POLICY,
    USER,
    Directory,
    Entry,
    paths_of,
    random_directory,
    tenant_of,
    undone,
)


@pytest.fixture(scope="module")
def connection(database: Database) -> Iterator[Connection]:
    """A connection whose transactions the tests roll back."""
    store = open_store(database.app_url, CATALOG)
    with store.pool.open() as db:
        yield db
    store.close()


@pytest.fixture
def db(connection: Connection) -> Iterator[Connection]:
    """A connection in a transaction that is rolled back."""
    with undone(connection):
        yield connection


def ordered(tenant: Tenant, sort_by: str, descending: bool, definition: ResourceDefinition) -> list[str]:
    """Return the ids of all resources of a type in an order, ties by id."""
    value = sort_value(tenant, sort_by, definition)
    order = value.desc().nulls_first() if descending else value.asc().nulls_last()
    rows = tenant.db.execute(
        select(resources.c.id, value.label("sorted_by"))
        .where(resources.c.org_id == tenant.org_id, resources.c.resource_type == definition.name)
        .order_by(order, resources.c.id)
    ).all()
    # A cursor carries the value of the last resource of a page.
    orjson.dumps([row.sorted_by for row in rows])
    return [row.id for row in rows]


def search_request(definition: ResourceDefinition, path: str, order: str = "ascending") -> SearchRequest[Any]:
    model: type[SearchRequest[Any]] = SearchRequest[definition.model]  # type: ignore[name-defined]
    return model.model_validate({"sortBy": path, "sortOrder": order})


def _sorts(path: str, definition: ResourceDefinition) -> bool:
    try:
        search_request(definition, path)
    except ValidationError:
        return False
    return True


# NB: scim2-models orders by whole lists where a sub-attribute has several values, which we refuse;
# members and groups are the same reference for all, so $ref orders nothing here.
_OURS_ALONE = ("profile.tags", "places.tags", "members.$ref", "groups.$ref")
SORTED = {
    definition.name: [
        path
        for path, *_ in [*paths_of(definition), ("meta.location", None, None)]
        if _sorts(path, definition) and not path.endswith(_OURS_ALONE)
    ]
    for definition in (USER, GROUP, DEVICES)
}


@given(random=st.randoms(use_true_random=True), connection_id=st.sampled_from([None, "c1"]))
@settings(
    max_examples=500 if LONG else 15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # See test_filters.py.
)
def test_sql_orders_as_scim2_models_does(connection: Connection, random: Random, connection_id: str | None) -> None:
    """Every attribute orders as SearchRequest.sort has it, in both directions, ties by id."""
    directory = random_directory(random, 14)
    with undone(connection):
        directory.store(connection, "random")
        tenant = tenant_of(connection, "random", connection_id)
        for definition in (USER, GROUP, DEVICES):
            entries = sorted(directory.of(definition), key=lambda each: each.id)
            models = [definition.model.model_validate(each.full(directory, tenant)) for each in entries]
            for path in random.sample(SORTED[definition.name], 10) if entries else ():
                for order in ("ascending", "descending"):
                    request = search_request(definition, path, order)
                    with POLICY:
                        expected = [each.id for each in request.sort(models)]
                    assert ordered(tenant, path, order == "descending", definition) == expected, (path, order)


def test_what_cannot_order_is_what_scim2_models_refuses(db: Connection) -> None:
    """An attribute orders here where SearchRequest takes it as sortBy, but for a few lists of lists."""
    tenant = tenant_of(db, "o")
    for definition in (USER, GROUP, DEVICES):
        paths = [path for path, *_ in paths_of(definition)]
        for path in [*paths, "password", "meta.location", "unknown", "name.unknown", "", 'emails[type eq "x"]']:
            if path.endswith(_OURS_ALONE):
                continue
            if _sorts(path, definition):
                sort_value(tenant, path, definition)
            else:
                with pytest.raises(InvalidPathException):
                    sort_value(tenant, path, definition)


@pytest.mark.parametrize(
    ("sort_by", "detail"),
    [
        ("unknown", "'unknown' is not an attribute of User"),
        ("manager", "'manager' is not an attribute of User"),
        (USER.urn, "is not an attribute of User"),
        ("name", "'name' is complex"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "is complex"),
        ("addresses", "'addresses' is complex"),
        ("password", "'password' is write-only"),
        ("x509Certificates", "is binary"),
        ("groups.$ref", "'groups.\\$ref' cannot be sorted on"),
        (f"{EXTENSION}:profile.tags", "holds several values"),
        ('emails[type eq "work"]', "selects values"),
        ("", "selects values"),
        ("user name", "cannot|nexpected|nvalid"),
    ],
)
def test_an_order_that_cannot_be_says_why(db: Connection, sort_by: str, detail: str) -> None:
    """Sorting by what no schema declares, or by what has no order, is 400 invalidPath."""
    with pytest.raises(InvalidPathException, match=detail):
        sort_value(tenant_of(db, "o"), sort_by, USER)


def test_the_primary_value_orders_before_the_first(db: Connection) -> None:
    """The primary element counts even without a value; a resource without one is last, first when descending."""
    emails = {
        1: [{"value": "c"}, {"value": "a"}],
        2: [{"value": "z"}, {"value": "B", "primary": True}],
        3: [{"value": "a", "primary": False}, {"value": "0"}],
        4: [{"value": "0"}, {"type": "work", "primary": True}],
        5: [],
    }
    entries = [
        Entry(
            f"user-{number:02}",
            USER,
            {"schemas": [USER.urn], "userName": f"user{number}", **({"emails": values} if values else {})},
        )
        for number, values in emails.items()
    ]
    Directory(entries).store(db, "o")
    tenant = tenant_of(db, "o")
    for path in ("emails", "emails.value", "EMAILS"):
        assert ordered(tenant, path, False, USER) == ["user-03", "user-02", "user-01", "user-04", "user-05"]
        assert ordered(tenant, path, True, USER) == ["user-04", "user-05", "user-01", "user-02", "user-03"]
