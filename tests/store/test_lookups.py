"""The lists that are prepared are those of any search."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scim_server.protocol.projection import WHOLE
from scim_server.protocol.queries import Query
from scim_server.store.lookups import is_lookup
from scim_server.store.search import Found, search_any, search_resources
from scim_server.store.session import begin
from tests.directory import Client, new_client

EVERYTHING = Query(None, None, False, 1, 100, None, WHOLE)

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.sampled_from(["User", "Group"])),
        st.tuples(st.just("delete"), st.integers(0, 20)),
        st.tuples(st.just("page"), st.integers(1, 14), st.integers(0, 5)),
        st.tuples(st.just("walk"), st.integers(1, 4)),
    ),
    max_size=14,
)


def _both(client: Client, endpoint: str, query: Query) -> tuple[Found, Found]:
    """Return what the prepared list and any search find."""
    organization = client.organization
    with begin(organization.store, client.credentials, write=False) as tenant:
        definition = tenant.catalog.by_name(endpoint)
        assert is_lookup(query, definition)
        return (
            search_resources(tenant, (definition,), query, None),
            search_any(tenant, (definition,), query, None),
        )


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(_STEPS, st.sampled_from(["User", "Group"]))
def test_a_page_is_that_of_any_search(app: Flask, steps: list[tuple[Any, ...]], kind: str) -> None:
    """Wherever it starts and whatever came and went before, and so is each page of a walk."""
    client = new_client(app)
    ids = [client.new_user() if kind == "User" else client.new_group() for _ in range(6)]
    for step in steps:
        if step[0] == "create":
            made = client.new_user() if step[1] == "User" else client.new_group()
            ids += [made] if step[1] == kind else []
        elif step[0] == "delete" and ids:
            assert client.delete(f"/{kind}s/{ids.pop(step[1] % len(ids))}").status_code == 204
        elif step[0] == "page":
            found, expected = _both(client, kind, replace(EVERYTHING, start_index=step[1], count=step[2]))
            assert found == expected
        elif step[0] == "walk":
            walked = []
            for first in range(1, len(ids) + 2, step[1]):
                found, expected = _both(client, kind, replace(EVERYTHING, start_index=first, count=step[1]))
                assert found == expected
                walked += [stored.id for _, stored in found.resources]
            assert walked == sorted(ids)


@pytest.mark.parametrize("value", ["ann", "ANN", "nobody", "", "%", "ann' OR 1=1"])
@pytest.mark.parametrize("attribute", ["userName", "externalId", "id"])
@pytest.mark.parametrize(("first", "count"), [(1, 100), (1, 1), (2, 1), (1, 0), (4, 2)])
def test_a_look_up_is_that_of_any_search(client: Client, attribute: str, value: str, first: int, count: int) -> None:
    """By each attribute that has an index, also where several resources have the value."""
    ann = client.new_user("ann", externalId="ann")
    client.new_user("bob", externalId="ann")
    client.new_group("team", [ann], externalId="ann")
    sought = ann if attribute == "id" and value == "ann" else value
    query = replace(EVERYTHING, filter=f'{attribute} eq "{sought}"', start_index=first, count=count)
    found, expected = _both(client, "User", query)
    assert found == expected


def test_a_place_holds_until_something_was_deleted(client: Client) -> None:
    """Where a walk has left off is forgotten when somebody before it may have gone."""
    ids = [client.new_user() for _ in range(6)]
    for first in (1, 3, 5):
        found, expected = _both(client, "User", replace(EVERYTHING, start_index=first, count=2))
        assert found == expected
    assert client.delete(f"/Users/{ids[0]}").status_code == 204
    found, expected = _both(client, "User", replace(EVERYTHING, start_index=3, count=2))
    assert found == expected
    assert [stored.id for _, stored in found.resources] == ids[3:5]
