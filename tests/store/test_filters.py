"""Filters (RFC 7644 §3.4.2.2) as SQL, on both databases, held to the evaluator of scim2-models."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scim2_models import InvalidFilterException, ScimFilter
from sqlalchemy import Connection, and_, select

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.store.filters import filter_condition, member_condition
from scim_server.store.session import Tenant, open_store
from scim_server.store.tables import resources
from tests.databases import Database
from tests.store.resource_strategies import (
    CATALOG,
    DEVICES,
    EXTENSION,
    GROUP,
    LONG,
    USER,
    Directory,
    Entry,
    directories,
    filters,
    tenant_of,
)

PER_ROUND = 24
"""How many filters each random directory of a property is asked."""


@pytest.fixture(scope="module")
def connection(database: Database) -> Iterator[Connection]:
    """A connection whose transactions the tests roll back."""
    store = open_store(database.app_url, CATALOG)
    with store.writer.connect() as db:
        yield db
    store.writer.dispose()


@pytest.fixture
def db(connection: Connection) -> Iterator[Connection]:
    """A connection in a transaction that is rolled back."""
    transaction = connection.begin()
    yield connection
    transaction.rollback()


def selected(tenant: Tenant, text: str, definition: ResourceDefinition) -> list[str]:
    """Return the ids a filter selects."""
    return list(
        tenant.db.scalars(
            select(resources.c.id)
            .where(
                resources.c.org_id == tenant.org_id,
                resources.c.resource_type == definition.name,
                filter_condition(tenant, text, definition),
            )
            .order_by(resources.c.id)
        )
    )


def selected_by_evaluator(
    tenant: Tenant, texts: list[str], definition: ResourceDefinition, directory: Directory
) -> list[list[str]]:
    entries = sorted(directory.of(definition), key=lambda each: each.id)
    models = [(each.id, definition.model.model_validate(each.full(directory, tenant))) for each in entries]
    return [
        [entry_id for entry_id, model in models if ScimFilter[definition.model](text).match(model, strict=True)]  # type: ignore[name-defined]
        for text in texts
    ]


@given(
    directory=directories(),
    texts=st.lists(filters(USER), min_size=PER_ROUND, max_size=PER_ROUND),
    group_texts=st.lists(filters(GROUP), min_size=PER_ROUND // 4, max_size=PER_ROUND // 4),
    device_texts=st.lists(filters(DEVICES), min_size=PER_ROUND // 4, max_size=PER_ROUND // 4),
    connection_id=st.sampled_from([None, "c1"]),
)
@settings(
    max_examples=1_500 if LONG else 40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_sql_selects_what_the_evaluator_selects(
    connection: Connection,
    directory: Directory,
    texts: list[str],
    group_texts: list[str],
    device_texts: list[str],
    connection_id: str | None,
) -> None:
    """Every condition is true where scim2-models matches and false, never NULL, elsewhere."""
    with connection.begin() as transaction:
        directory.store(connection, "random")
        tenant = tenant_of(connection, "random", connection_id)
        for definition, asked in ((USER, texts), (GROUP, group_texts), (DEVICES, device_texts)):
            if not directory.of(definition):
                continue
            expected = selected_by_evaluator(tenant, asked, definition, directory)
            conditions = [filter_condition(tenant, text, definition) for text in asked]
            rows = connection.execute(
                select(resources.c.id, *(each.label(f"f{number}") for number, each in enumerate(conditions)))
                .where(resources.c.org_id == "random", resources.c.resource_type == definition.name)
                .order_by(resources.c.id)
            ).all()
            for number, text in enumerate(asked):
                found = {row.id: row[number + 1] for row in rows}
                assert found == {entry_id: entry_id in expected[number] for entry_id in found}, text
            assert selected(tenant, asked[0], definition) == expected[0], asked[0]
        transaction.rollback()
