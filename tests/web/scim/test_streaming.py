"""Groups of more members than are held at once: streamed, and the same as if they were not."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
from flask import Flask
from sqlalchemy import ColumnElement, func, insert, literal, select
from werkzeug.test import TestResponse

from scim_server.protocol.projection import WHOLE, read_projection
from scim_server.protocol.replies import resource_reply
from scim_server.store.memberships import MEMBERS_AT_ONCE
from scim_server.store.resources import get_resource, related
from scim_server.store.session import begin
from scim_server.store.tables import memberships, resources
from scim_server.web.requests import SCIM_PREFIX
from tests.databases import Database
from tests.directory import SECRET_KEY, Client, new_client, running_app, site_of
from tests.serving import Served, gunicorn

LARGE = 2 * MEMBERS_AT_ONCE + 300
HUGE = 100_000
MAX_MORE_BYTES = 20 * 1024 * 1024
"""How much more memory a worker may take to answer a group of ``HUGE`` members."""


def member_ids(count: int) -> list[str]:
    """Return the ids of the users that :func:`fill` makes."""
    return [f"00000000-0000-7000-8000-{number:012x}" for number in range(count)]


def fill(client: Client, group_id: str, count: int) -> list[str]:
    """Give a group users as members without asking the server, which would take its time."""
    numbers = select(literal(0).label("n")).cte(recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < count - 1))
    with begin(client.organization.store, client.organization.operator, write=True) as tenant:
        is_sqlite = tenant.db.dialect.name == "sqlite"
        hexed = func.printf("%012x", numbers.c.n) if is_sqlite else func.lpad(func.to_hex(numbers.c.n), 12, "0")
        identifier = literal("00000000-0000-7000-8000-") + hexed
        user: dict[str, ColumnElement[Any]] = {
            "org_id": literal(tenant.org_id),
            "id": identifier,
            "resource_type": literal("User"),
            "active": literal(True),
            "display": literal("User ") + func.substr(hexed, 7),
            "document": literal("{}"),
            "folded": literal({}, resources.c.folded.type),
            "version": literal(1),
            "created_at": literal(tenant.now, resources.c.created_at.type),
            "modified_at": literal(tenant.now, resources.c.modified_at.type),
        }
        member: dict[str, ColumnElement[Any]] = {
            "org_id": literal(tenant.org_id),
            "group_id": literal(group_id),
            "member_id": identifier,
        }
        tenant.db.execute(insert(resources).from_select(list(user), select(*user.values()).select_from(numbers)))
        tenant.db.execute(insert(memberships).from_select(list(member), select(*member.values())))
    return member_ids(count)


@pytest.fixture
def large(client: Client) -> tuple[Client, str]:
    """A client and the id of its large group."""
    group_id = client.new_group("everyone", externalId="e")
    fill(client, group_id, LARGE)
    return client, group_id


def as_if_small(client: Client, group_id: str, parameters: dict[str, str], base_url: str) -> Any:
    """Return the group as it would be answered if its members were held at once."""
    store = client.organization.store
    definition = store.catalog.by_name("Group")
    projection = read_projection(parameters.get("attributes"), parameters.get("excludedAttributes"), (definition,))
    with begin(store, client.credentials, write=False) as tenant:
        stored = related(tenant, definition, get_resource(tenant, definition, group_id, projection), WHOLE)
    return orjson.loads(resource_reply(stored, definition, base_url, projection))


PROJECTIONS: list[dict[str, str]] = [
    {},
    {"attributes": "members"},
    {"attributes": "members.value"},
    {"attributes": "displayName,members.display"},
    {"attributes": "members.value,members.$ref"},
    {"attributes": "urn:ietf:params:scim:schemas:core:2.0:Group:members.type"},
    {"attributes": "MEMBERS.VALUE"},
    {"attributes": "members.colour"},
    {"excludedAttributes": "displayName"},
    {"excludedAttributes": "meta,externalId"},
    {"excludedAttributes": "members.display,members.$ref"},
    {"excludedAttributes": "members.value,members.display,members.$ref,members.type"},
    {"excludedAttributes": "members.colour"},
    # Not streamed at all.
    {"attributes": "displayName"},
    {"excludedAttributes": "members"},
]


@pytest.mark.parametrize("count", [MEMBERS_AT_ONCE, MEMBERS_AT_ONCE + 1, LARGE])
def test_a_large_group_is_answered_as_a_small_one(client: Client, count: int) -> None:
    """Every projection answers the same as it would without streaming, in the same media type, with its version."""
    group_id = client.new_group("everyone", externalId="e")
    fill(client, group_id, count)
    path = f"/Groups/{group_id}"
    for parameters in PROJECTIONS:
        response = client.get(path + "".join(f"?{name}={value}" for name, value in parameters.items()))
        answer = orjson.loads(response.data)
        place = client.read(f"{path}?attributes=meta.location")["meta"]["location"]
        assert answer == as_if_small(client, group_id, parameters, place.removesuffix(path)), parameters
        assert response.mimetype == "application/scim+json"
        assert response.headers["Content-Location"] == place
        if "meta" in answer:
            assert response.headers["ETag"] == answer["meta"]["version"]
    assert [each["value"] for each in client.read(path)["members"]] == member_ids(count)


def test_a_list_streams_its_large_groups(large: tuple[Client, str]) -> None:
    """A list and a root search hold them between others, whole, in their order."""
    client, group_id = large
    user_id = client.new_user()
    small = client.new_group("small", [user_id])
    parent = client.new_group("parent", [group_id])
    expected = [client.read(f"/Groups/{each}") for each in (group_id, small, parent)]
    for query in ("/Groups", "?filter=displayName%20pr", "/Groups?cursor="):
        answer = client.read(query)
        assert answer["Resources"] == expected
        assert (answer["totalResults"], answer["itemsPerPage"]) == (3, 3)
    by_value = client.read("/Groups?attributes=members.value&sortBy=displayName&sortOrder=descending")["Resources"]
    assert [each["id"] for each in by_value] == [small, parent, group_id]
    assert [len(each["members"]) for each in by_value] == [1, 1, LARGE]
    without = client.read("/Groups?excludedAttributes=members")["Resources"]
    assert not any("members" in each for each in without)


def test_small_groups_that_are_many_are_streamed(client: Client) -> None:
    """What counts is how many members the page has, not each of its groups."""
    users = [client.new_user() for _ in range(30)]
    count = MEMBERS_AT_ONCE // len(users) + 2
    groups = [client.new_group(members=users) for _ in range(count)]
    listed = client.read("/Groups?count=1000")["Resources"]
    assert [each["id"] for each in listed] == groups
    assert all({member["value"] for member in each["members"]} == set(users) for each in listed)


def test_a_304_of_a_large_group_is_empty(large: tuple[Client, str]) -> None:
    """A client that has this version is told so, without the members."""
    client, group_id = large
    tag = client.get(f"/Groups/{group_id}").headers["ETag"]
    response = client.get(f"/Groups/{group_id}", If_None_Match=tag)
    assert (response.status_code, response.data) == (304, b"")


def test_a_change_of_a_large_group_is_seen(large: tuple[Client, str]) -> None:
    """The streamed answer is of now: one removed, one added, another name."""
    client, group_id = large
    first, fresh = member_ids(1)[0], client.new_user()
    operations: list[dict[str, Any]] = [
        {"op": "remove", "path": f'members[value eq "{first}"]'},
        {"op": "add", "path": "members", "value": [{"value": fresh}]},
        {"op": "replace", "path": "displayName", "value": "renamed"},
    ]
    assert client.patch(f"/Groups/{group_id}", *operations).status_code == 204
    answer = client.read(f"/Groups/{group_id}")
    assert answer["displayName"] == "renamed"
    assert {each["value"] for each in answer["members"]} == {*member_ids(LARGE), fresh} - {first}


def started(client: Client, path: str) -> tuple[TestResponse, Iterator[bytes], bytes]:
    """Return an answer of which the first part has come, the rest of it, and that part."""
    response = client.http.open(
        f"{SCIM_PREFIX}{path}", headers={"Authorization": f"Bearer {client.token}"}, buffered=False
    )
    assert response.status_code == 200
    rest: Iterator[Any] = iter(response.response)
    first = next(rest)
    assert b'"value"' not in first, "no member has come yet"
    return response, rest, first


@pytest.mark.parametrize("path", ["/Groups/{}", "/Groups"])
def test_an_answer_is_of_one_moment(app: Flask, large: tuple[Client, str], path: str) -> None:
    """What another client changes while the answer goes out is not in it, in part or in whole."""
    client, group_id = large
    path = path.format(group_id)
    before = client.read(path)
    response, rest, first = started(client, path)
    writer = new_client(app, client.organization)
    everyone = {"op": "remove", "path": "members"}
    assert writer.patch(
        f"/Groups/{group_id}", everyone, {"op": "replace", "path": "displayName", "value": "x"}
    ).status_code in (200, 204)
    assert writer.delete(f"/Users/{member_ids(LARGE)[-1]}").status_code == 204
    assert orjson.loads(first + b"".join(rest)) == before
    response.close()
    after = client.read(f"/Groups/{group_id}")
    assert (after["displayName"], "members" in after) == ("x", False)


@pytest.mark.parametrize("read_on", [False, True])
def test_a_connection_comes_back_when_the_answer_ends(database: Database, read_on: bool) -> None:
    """It serves others once the answer went out, or its client has gone in the middle of it."""
    with running_app(database, pool_size="1", busy_timeout_ms="300") as app:
        client = new_client(app)
        group_id = client.new_group()
        fill(client, group_id, LARGE)
        idle = site_of(app).store.pool.idle
        response, rest, _ = started(client, f"/Groups/{group_id}")
        assert idle == []
        assert new_client_of(app, client).get("/Users?count=1").status_code == 503
        if read_on:
            assert b"".join(rest).endswith(b"]}")
        response.close()
        assert len(idle) == 1
        assert client.get("/Users?count=1").status_code == 200


def new_client_of(app: Flask, client: Client) -> Client:
    """Return another HTTP client with the same token: the first is busy with its answer."""
    return Client(app.test_client(), client.organization, client.credentials, client.token)


def test_a_connection_comes_back_when_the_answer_cannot_start(large: tuple[Client, str], app: Flask) -> None:
    """A refusal found out behind the snapshot gives the connection back as well."""
    client, group_id = large
    idle = site_of(app).store.pool.idle
    before = len(idle)
    assert client.get("/Groups?sortBy=colour").status_code == 400
    assert client.delete(f"/Groups/{group_id}").status_code == 204
    assert client.get(f"/Groups/{group_id}").status_code == 404
    assert len(idle) == before


@pytest.fixture(scope="module")
def huge(database: Database) -> Iterator[tuple[Served, Client, str]]:
    """One worker of gunicorn, with one connection to a database that holds a group of ``HUGE`` members."""
    with running_app(database) as app:
        client = new_client(app)
        group_id = client.new_group("huge")
        fill(client, group_id, HUGE)
        settings = {"SCIM_SERVER_SECRET_KEY": SECRET_KEY, "SCIM_SERVER_POOL_SIZE": "1", "SCIM_SERVER_THREADS": "4"}
        with gunicorn(database.app_url, workers=1, env=settings) as server:
            yield server, client, group_id


def worker_status(server: Served) -> Path:
    """Return where Linux says how much memory the worker has."""
    booted = re.findall(r"Booting worker with pid: (\d+)", server.log.read_text())
    return Path("/proc", booted[-1], "status")


def resident_bytes(status: Path, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", status.read_text())
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of a process")
def test_a_huge_group_takes_little_memory(huge: tuple[Served, Client, str]) -> None:
    """A worker answers 100,000 members within 20 MB more than it has, however slow its client reads."""
    server, client, group_id = huge
    status = worker_status(server)
    headers = {"Authorization": f"Bearer {client.token}"}
    with httpx.Client(base_url=f"{server.url}{SCIM_PREFIX}", headers=headers, trust_env=False, timeout=60) as http:
        for path in ("/Groups?excludedAttributes=members", "/Users?count=1000"):
            assert http.get(path).status_code == 200  # What every worker has once it has served.
        status.with_name("clear_refs").write_text("5")  # The peak counts from here.
        before = resident_bytes(status, "VmRSS")
        with http.stream("GET", f"/Groups/{group_id}") as response:
            assert response.status_code == 200
            members = size = 0
            for chunk in response.iter_bytes():
                members += chunk.count(b'"type"')
                size += len(chunk)
        assert members in range(HUGE - 200, HUGE + 1)  # A name may be cut by the end of a chunk.
        assert size > HUGE * 150
    assert resident_bytes(status, "VmHWM") - before <= MAX_MORE_BYTES


def test_clients_that_go_away_leave_the_connections(huge: tuple[Served, Client, str]) -> None:
    """After several have hung up in the middle of a huge answer, the one connection of the worker serves the next."""
    server, client, group_id = huge
    address = urlsplit(server.url)
    asked = f"GET {SCIM_PREFIX}/Groups/{group_id} HTTP/1.1\r\nHost: {address.netloc}\r\n"
    request = f"{asked}Authorization: Bearer {client.token}\r\n\r\n".encode()
    assert address.hostname is not None
    for _ in range(3):
        with socket.create_connection((address.hostname, address.port or 80), timeout=30) as connection:
            connection.sendall(request)
            received = b""
            while len(received) < 20_000:
                part = connection.recv(65_536)
                assert part, received
                received += part
            assert received.startswith(b"HTTP/1.1 200")
    answer = httpx.get(
        f"{server.url}{SCIM_PREFIX}/Users?count=1",
        headers={"Authorization": f"Bearer {client.token}"},
        trust_env=False,
        timeout=30,
    )
    assert answer.status_code == 200, answer.text


def test_others_are_served_while_a_huge_group_goes_out(huge: tuple[Served, Client, str], database: Database) -> None:
    """A slow reader of a large answer holds one connection, and no other client waits for it."""
    _, client, group_id = huge
    settings = {"SCIM_SERVER_SECRET_KEY": SECRET_KEY, "SCIM_SERVER_POOL_SIZE": "2", "SCIM_SERVER_THREADS": "4"}
    headers = {"Authorization": f"Bearer {client.token}"}
    with gunicorn(database.app_url, workers=1, env=settings) as server:
        url, reading, over = f"{server.url}{SCIM_PREFIX}", threading.Event(), threading.Event()

        def read_slowly() -> None:
            with httpx.stream("GET", f"{url}/Groups/{group_id}", headers=headers, trust_env=False) as response:
                for _ in response.iter_bytes(4096):
                    reading.set()
                    if over.is_set():
                        break
                    time.sleep(0.01)

        thread = threading.Thread(target=read_slowly)
        thread.start()
        try:
            assert reading.wait(30)
            for _ in range(5):
                assert (
                    httpx.get(f"{url}/Users?count=1", headers=headers, trust_env=False, timeout=10).status_code == 200
                )
        finally:
            over.set()
            thread.join()
