"""Totals are known without counting, and exact."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from scim_server.protocol.bulk import BULK_REQUEST_URN
from scim_server.store.session import begin
from scim_server.store.tables import resource_counts, resources
from tests.directory import Client, group_body, new_client, user_body

_KINDS = st.sampled_from(["user", "group", "taken", "user with a stranger", "delete user", "delete group"])


def _operation(kind: str, number: int, ids: dict[str, list[str]]) -> dict[str, Any]:
    if kind.startswith("delete"):
        endpoint = {"delete user": "Users", "delete group": "Groups"}[kind]
        return {"method": "DELETE", "path": f"/{endpoint}/{ids[endpoint].pop() if ids[endpoint] else 'gone'}"}
    data: dict[str, dict[str, Any]] = {
        "user": user_body(f"user-{number}"),
        "group": group_body(f"group-{number}"),
        "taken": user_body("taken"),
        "user with a stranger": group_body(f"strange-{number}", ["00000000-0000-7000-8000-000000000000"]),
    }
    path = "/Users" if kind in ("user", "taken") else "/Groups"
    return {"method": "POST", "path": path, "bulkId": str(number), "data": data[kind]}


def _check(client: Client) -> None:
    """Compare what is known with what is counted, by type and namespace, and with what a list says."""
    organization = client.organization
    with begin(organization.store, organization.operator, write=False) as tenant:
        kinds = (resources.c.resource_type, resources.c.namespace)
        counted = {
            (kind, namespace): number
            for kind, namespace, number in tenant.db.execute(
                select(*kinds, func.count()).where(resources.c.org_id == tenant.org_id).group_by(*kinds)
            )
        }
        kept = (resource_counts.c.resource_type, resource_counts.c.namespace)
        total = func.sum(resource_counts.c.created - resource_counts.c.deleted)
        known = {
            (kind, namespace): int(number)
            for kind, namespace, number in tenant.db.execute(
                select(*kept, total).where(resource_counts.c.org_id == tenant.org_id).group_by(*kept)
            )
        }
    assert {key: number for key, number in known.items() if number} == counted
    users = sum(number for (kind, _), number in counted.items() if kind == "User")
    for query in ("count=0", "count=1", "count=1&cursor="):
        assert client.read(f"/Users?{query}")["totalResults"] == users
    assert client.read("?count=0")["totalResults"] == sum(counted.values()) - counted.get(("Group", "role"), 0)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(st.booleans(), st.lists(_KINDS, min_size=1, max_size=6)), max_size=6))
def test_a_total_is_the_number_of_resources(app: Flask, batches: list[tuple[bool, list[str]]]) -> None:
    """Whatever is created, deleted and refused, one by one and in bulks, some operations of which fail."""
    client = new_client(app)
    ids: dict[str, list[str]] = {"Users": [client.new_user("taken")], "Groups": []}
    number = 0
    for in_bulk, kinds in batches:
        operations = []
        for kind in kinds:
            number += 1
            operations.append(_operation(kind, number, ids))
        requests = [operations] if in_bulk else [[each] for each in operations]
        for request in requests:
            answer = client.post("/Bulk", {"schemas": [BULK_REQUEST_URN], "Operations": request}).get_json()
            for each in answer["Operations"]:
                if each["method"] == "POST" and each["status"] == "201":
                    endpoint, identifier = each["location"].split("/")[-2:]
                    ids[endpoint].append(identifier)
    _check(client)


def test_a_total_is_exact_after_creations_and_deletions_at_once(app: Flask) -> None:
    """Eight clients that create and delete at once leave the right total."""
    client = new_client(app)

    def work(worker: int) -> None:
        mine = Client(app.test_client(), client.organization, client.credentials, client.token)
        for number in range(12):
            made = mine.post("/Users", user_body(f"user-{worker}-{number}")).get_json()
            if number % 3 == 0:
                assert mine.delete(f"/Users/{made['id']}").status_code == 204

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert client.read("/Users?count=0")["totalResults"] == 64
    _check(client)
