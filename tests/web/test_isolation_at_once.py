"""Two organizations that act at once on one server: no byte of one is in an answer to the other."""

import http.client
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
from flask import Flask

from scim_server.actions.tokens import issue_token
from scim_server.store.session import begin
from tests.directory import KEY, SCIM_PREFIX, add_members, group_body, new_client, patch_body, unique, user_body
from tests.serving import Served

THREADS = 8
REQUESTS = 10_000
AREAS = ("/scim", "/api", "/oauth")

_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"

Sent = tuple[str, str, Any]


@dataclass
class Side:
    """An organization: its tokens, its mark, which is in each of its values, and the ids it has been shown."""

    token: str
    mark: str
    users: list[str]
    groups: list[str]
    person: str = ""
    seen: set[bytes] = field(default_factory=set)
    statuses: Counter[str] = field(default_factory=Counter)

    def name(self) -> str:
        return unique(f"{self.mark}-name")

    def user(self) -> dict[str, Any]:
        """Return a user with a value wherever a client puts one."""
        name = self.name()
        return user_body(
            name,
            externalId=name,
            displayName=name,
            title=name,
            name={"givenName": name, "familyName": name},
            emails=[{"value": f"{name}@{self.mark}.example", "type": "work"}],
        )

    def group(self) -> dict[str, Any]:
        return group_body(self.name(), random.sample(self.users, 2), externalId=self.name())


def _one(own: Side, other: Side) -> tuple[str, str]:
    """Return the path of a resource and its id: now and then, that of the other organization."""
    side = other if random.random() < 0.2 else own
    endpoint = random.choice(["Users", "Groups"])
    chosen = random.choice(side.users if endpoint == "Users" else side.groups)
    return f"/{endpoint}/{chosen}", chosen


def _filter(text: str) -> str:
    return f"count=5&filter={quote(text)}"


def _list(own: Side, other: Side) -> Sent:
    wanted = random.choice(
        [
            "count=5",
            "count=5&startIndex=3",
            "sortBy=id&count=3",
            _filter(f'externalId sw "{own.mark}"'),
            _filter(f'externalId co "{other.mark}" or displayName pr'),
            _filter(f'id eq "{random.choice(other.users)}"'),
        ]
    )
    return "GET", f"/{random.choice(['Users', 'Groups'])}?{wanted}", None


def _search(own: Side, other: Side) -> Sent:
    wanted = random.choice([f'externalId sw "{other.mark}"', "externalId pr", f'userName sw "{own.mark}"'])
    return "POST", random.choice(["", "/Users", "/Groups"]) + "/.search", {"filter": wanted, "count": 5}


def _create(own: Side, _: Side) -> Sent:
    return ("POST", "/Users", own.user()) if random.random() < 0.7 else ("POST", "/Groups", own.group())


def _put(own: Side, other: Side) -> Sent:
    path, _ = _one(own, other)
    return "PUT", path, own.user() if "Users" in path else own.group()


def _patch(own: Side, other: Side) -> Sent:
    path, _ = _one(own, other)
    value = {"op": "replace", "path": "externalId", "value": own.name()}
    members = add_members(random.choice(random.choice([own, own, other]).users))
    return "PATCH", path, patch_body(members if "Groups" in path and random.random() < 0.5 else value)


def _delete(own: Side, other: Side) -> Sent:
    return "DELETE", _one(other, other)[0], None


def _bulk(own: Side, other: Side) -> Sent:
    path, _ = _one(other, other)
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": "1", "data": own.user()},
        {"method": "DELETE", "path": path},
    ]
    return "POST", "/Bulk", {"schemas": [_BULK], "Operations": operations}


def _refused(path: str, *methods: str) -> Callable[[Side, Side], Sent]:
    return lambda own, _: (random.choice(methods), path, own.user())


PLACES: dict[str, Callable[[Side, Side], Sent]] = {
    "discovery.get_service_provider_config": lambda *_: ("GET", "/ServiceProviderConfig", None),
    "discovery.list_schemas": lambda *_: ("GET", "/Schemas", None),
    "discovery.get_schema": lambda *_: ("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group", None),
    "discovery.list_resource_types": lambda *_: ("GET", "/ResourceTypes", None),
    "discovery.get_resource_type": lambda *_: ("GET", "/ResourceTypes/User", None),
    "discovery.refuse_change": _refused("/Schemas", "POST", "PUT", "PATCH", "DELETE"),
    "search.list_all": lambda own, _: ("GET", "?" + _filter(f'externalId sw "{own.mark}"'), None),
    "search.list_resources": _list,
    "search.search_all": _search,
    "search.search_one": _search,
    "search.refuse_search": _refused("/Users/.search", "PUT", "DELETE"),
    "bulk.bulk": _bulk,
    "bulk.refuse_bulk": _refused("/Bulk", "PUT", "DELETE"),
    "me.read_me": lambda *_: ("GET", "/Me", None),
    "me.change_me": lambda own, _: (
        "PATCH",
        "/Me",
        patch_body({"op": "replace", "path": "title", "value": own.name()}),
    ),
    "me.refuse_me": _refused("/Me", "POST", "PUT", "DELETE"),
    "resources.read_resource": lambda own, other: ("GET", _one(own, other)[0], None),
    "resources.create_resource": _create,
    "resources.put_resource": _put,
    "resources.change_resource": _patch,
    "resources.remove_resource": _delete,
}
"""For each view, a request of it as one organization makes it, while the other acts too."""


def _side(app: Flask) -> Side:
    client = new_client(app)
    mark = unique("zz").replace("-", "") + random.randbytes(4).hex()
    side = Side(client.token, mark, [], [])
    side.users = [client._created("/Users", side.user()) for _ in range(8)]
    side.groups = [client._created("/Groups", side.group()) for _ in range(4)]
    with begin(client.organization.store, client.organization.operator, write=True) as tenant:
        name = client.read(f"/Users/{side.users[0]}")["userName"]
        side.person = issue_token(tenant, KEY, "default", "", None, name)[1]
    return side


def _act(url: str, own: Side, other: Side, views: Sequence[str]) -> None:
    """Send a request of each view, and hold every byte of its answer against the other organization."""
    address = urlsplit(url)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    for view in views:
        method, path, body = PLACES[view](own, other)
        content = b"" if body is None else orjson.dumps(body)
        token = own.person if view.startswith("me.") else own.token
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
        connection.request(method, f"{SCIM_PREFIX}{path}", content, headers)
        answer = connection.getresponse()
        told = str(answer.getheaders()).encode() + answer.read()
        assert other.mark.encode() not in told, (method, path, told)
        # A refusal may repeat what was asked for.
        own.seen.update(set(_UUID.findall(told)) - set(_UUID.findall(path.encode() + content)))
        assert answer.status < 500, (method, path, told)
        own.statuses[f"{view} {answer.status}"] += 1
    connection.close()


def test_every_view_has_its_place(app: Flask) -> None:
    """A view that is added anywhere in these areas is made part of the requests below."""
    views = {rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.startswith(AREAS)}
    assert views == PLACES.keys()


def test_two_organizations_at_once_see_nothing_of_each_other(app: Flask, served: Served) -> None:
    """In 10,000 answers to both, each through connections of its own, there is no value and no id of the other."""
    random.seed(7643)
    sides = [_side(app), _side(app)]
    failures: list[BaseException] = []

    def run(number: int) -> None:
        views = [view for _ in range(REQUESTS // THREADS // len(PLACES) + 1) for view in PLACES]
        random.shuffle(views)
        try:
            _act(served.url, sides[number % 2], sides[1 - number % 2], views)
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(side.statuses.total() for side in sides) >= REQUESTS
    assert sides[0].seen & sides[1].seen == set()
    for side in sides:
        assert len(side.seen) > 100
        for view in ("resources.read_resource", "resources.change_resource"):
            assert side.statuses[f"{view} 200"] > side.statuses[f"{view} 404"] > 10, side.statuses
        assert side.statuses["resources.remove_resource 404"] >= REQUESTS // THREADS // len(PLACES)
        assert side.statuses["resources.create_resource 201"] > 100
