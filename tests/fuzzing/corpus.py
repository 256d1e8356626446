"""Valid requests of every route and method: our own, and those of the transcripts of clients.

They name stand-ins, :data:`USERS` and the like, which are exchanged for what a directory really has
when a request is sent. So a request reads the same in every run.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

import orjson

from conformance.placeholders import PlaceholderError, Placeholders
from conformance.replay import Server, prepare
from conformance.scenario import Scenario, Step, load_all
from scim_server.protocol.bulk import BULK_REQUEST_URN
from scim_server.protocol.catalog import USER_URN
from scim_server.protocol.queries import SEARCH_REQUEST_URN
from scim_server.web.requests import SCIM_PREFIX
from tests.directory import group_body, patch_body, user_body

ENTERPRISE_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

USERS = tuple(f"0000000{number}-aaaa-7000-8000-000000000001" for number in range(6))
GROUPS = tuple(f"0000000{number}-bbbb-7000-8000-000000000002" for number in range(4))
STRANGER = "00000000-cccc-7000-8000-000000000003"
"""A user of another organization."""
TOKEN, READER, PERSON = "token-of-the-connection", "token-that-only-reads", "token-of-a-person"
CURSOR = "cursor-of-the-second-page"

_SHOWN_BYTES = 1_500
_BASE = "https://scim.example"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it goes on the wire; ``target`` is its path with its query, percent-encoded."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None

    def __str__(self) -> str:
        """Return the request as text, its body cut short."""
        lines = [f"{self.method} {self.target}", *(f"{name}: {value}" for name, value in self.headers)]
        body = self.body or b""
        cut = f" … of {len(body)} bytes" if len(body) > _SHOWN_BYTES else ""
        return "\n".join([*lines, "", repr(body[:_SHOWN_BYTES]) + cut])

    @property
    def size(self) -> int:
        """How long the request is, roughly in bytes."""
        headers = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.method) + len(self.target) + headers + len(self.body or b"")


def request(method: str, path: str, body: Any = None, token: str = TOKEN, **headers: str) -> Request:
    """Return a request to a path below the SCIM base URL; an underscore in a header's name is a hyphen."""
    sent = {"Authorization": f"Bearer {token}", "Accept": "application/scim+json"}
    if body is not None:
        sent["Content-Type"] = "application/scim+json"
    sent.update((name.replace("_", "-"), value) for name, value in headers.items())
    data = None if body is None else orjson.dumps(body)
    return Request(method, SCIM_PREFIX + path, tuple(sent.items()), data)


@cache
def corpus() -> tuple[Request, ...]:
    """Return every valid request, each once, in an order of its own that never changes."""
    return tuple(dict.fromkeys((*_ours(), *_of_clients())))


def _ours() -> Iterator[Request]:
    """Yield requests that use what the server offers: each route, method, parameter and kind of path."""
    yield from _discovery()
    yield from _reads()
    yield from _searches()
    yield from _user_changes()
    yield from _group_changes()
    yield from _bulks()
    yield from _of_people()
    for path in ("/Bulk", "/.search", "/Users/.search"):
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
            yield request(method, path)


def _discovery() -> Iterator[Request]:
    for path in ("/ServiceProviderConfig", "/Schemas", "/ResourceTypes", f"/Schemas/{USER_URN}", "/ResourceTypes/User"):
        yield request("GET", path)
        yield request("HEAD", path)
        yield request("OPTIONS", path)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            yield request(method, path, {"schemas": [USER_URN]})
    yield request("GET", "/Schemas?startIndex=2&count=1")
    yield request("GET", "/ResourceTypes?filter=name%20eq%20%22User%22")


_FILTERS = (
    'userName eq "ada@example.com"',
    'userName sw "a" and not (active eq false or title pr)',
    'emails[type eq "work" and value co "@example"]',
    'emails.value ew ".com" or name.familyName gt "B"',
    f'{ENTERPRISE_URN}:manager.value eq "{USERS[0]}"',
    f"{USER_URN}:userName ne null",
    'meta.lastModified ge "2026-01-31T08:00:00.000Z"',
    f'groups.value eq "{GROUPS[0]}" or groups[type eq "indirect"]',
    'x509Certificates.value eq "AAEC"',
    f'id eq "{USERS[1]}" or externalId le "b"',
)
_GROUP_FILTERS = (
    'displayName eq "Engineering"',
    f'members.value eq "{USERS[0]}"',
    'members[type eq "User" and display co "a"]',
    "members pr and not (externalId pr)",
)


def _reads() -> Iterator[Request]:
    for place in (f"/Users/{USERS[0]}", f"/Groups/{GROUPS[0]}"):
        yield request("GET", place)
        yield request("HEAD", place)
        yield request("OPTIONS", place)
        yield request("GET", place, If_None_Match='W/"1"')
        yield request("GET", f"{place}?attributes=userName,displayName,members.value,name.familyName,emails.value")
        yield request("GET", f"{place}?excludedAttributes=members,groups,meta,emails.type")
    yield request("GET", f"/Users/{STRANGER}")
    for text in _FILTERS:
        yield request("GET", f"/Users?filter={quote(text)}")
        yield request("GET", f"?filter={quote(text)}&count=3")
    for text in _GROUP_FILTERS:
        yield request("GET", f"/Groups?filter={quote(text)}&excludedAttributes=members")
    for path in ("", "/Users", "/Groups"):
        yield request("GET", path)
        yield request("HEAD", path)
        yield request("OPTIONS", path)
        yield request("GET", f"{path}?startIndex=2&count=2&sortBy=meta.created&sortOrder=descending")
        yield request("GET", f"{path}?cursor=&count=2&sortBy=displayName")
    yield request("GET", f"/Users?cursor={CURSOR}&count=2")
    for name in ("userName", "emails", "emails.value", "name.familyName", f"{ENTERPRISE_URN}:division"):
        yield request("GET", f"/Users?sortBy={quote(name)}&count=5")
    yield request("GET", "/Users", X_Request_ID="a-request.1", User_Agent="fuzz")


def _searches() -> Iterator[Request]:
    for path, texts in (("/.search", _FILTERS[:3]), ("/Users/.search", _FILTERS), ("/Groups/.search", _GROUP_FILTERS)):
        for text in texts:
            search = {"schemas": [SEARCH_REQUEST_URN], "filter": text, "startIndex": 1, "count": 5}
            yield request("POST", path, {**search, "sortBy": "id", "sortOrder": "ascending"})
        yield request("POST", path, {"schemas": [SEARCH_REQUEST_URN], "attributes": ["displayName"], "cursor": ""})
        yield request("POST", path, {"schemas": [SEARCH_REQUEST_URN], "excludedAttributes": ["meta"], "count": 2})
    cursor = {"schemas": [SEARCH_REQUEST_URN], "cursor": CURSOR, "count": 2}
    yield request("POST", "/Users/.search", cursor)


_PERSON = user_body(
    "grace@example.com",
    externalId="g1",
    name={"formatted": "Grace Hopper", "familyName": "Hopper", "givenName": "Grace"},
    displayName="Grace",
    active=True,
    title="Rear admiral",
    profileUrl="https://example.com/grace",
    emails=[{"value": "grace@example.com", "type": "work", "primary": True}, {"value": "g@example.org"}],
    phoneNumbers=[{"value": "tel:+1-201-555-0123", "type": "work"}],
    addresses=[{"locality": "Arlington", "country": "US", "type": "home"}],
    x509Certificates=[{"value": "AAEC"}],
    roles=[{"value": "admin", "primary": False}],
)
_PERSON["schemas"] = [USER_URN, ENTERPRISE_URN]
_PERSON[ENTERPRISE_URN] = {"employeeNumber": "701984", "manager": {"value": USERS[1]}}

_USER_PATCHES: tuple[dict[str, Any], ...] = (
    {"op": "replace", "path": "active", "value": False},
    {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "new@example.com"},
    {"op": "add", "path": "emails", "value": [{"value": "second@example.com", "primary": True}]},
    {"op": "remove", "path": 'emails[value eq "g@example.org" or not (type pr)]'},
    {"op": "add", "value": {"name.givenName": "Ada", "title": "Countess", f"{ENTERPRISE_URN}:division": "D"}},
    {"op": "replace", "path": f"{ENTERPRISE_URN}:manager", "value": {"value": USERS[2]}},
    {"op": "remove", "path": ENTERPRISE_URN},
    {"op": "replace", "value": {"userName": "renamed@example.com", ENTERPRISE_URN: {"costCenter": "1"}, "title": None}},
    {"op": "add", "path": 'addresses[type eq "work"].country', "value": "GB"},
    {"op": "remove", "path": "phoneNumbers", "value": [{"value": "1"}]},
    {"op": "replace", "path": "name", "value": {"familyName": "L"}},
    {"op": "remove", "path": "password"},
)


def _user_changes() -> Iterator[Request]:
    place = f"/Users/{USERS[0]}"
    yield request("POST", "/Users", _PERSON)
    yield request("POST", "/Users?attributes=userName", {"userName": "bare", "schemas": [USER_URN]})
    yield request("POST", "/Users", {**_PERSON, "password": "correct horse"})
    yield request("PUT", place, _PERSON)
    yield request("PUT", place, _PERSON, If_Match='W/"1"')
    for operation in _USER_PATCHES:
        yield request("PATCH", place, patch_body(operation))
    yield request("PATCH", place, patch_body(*_USER_PATCHES), If_Match="*")
    yield request("DELETE", f"/Users/{USERS[5]}")
    yield request("DELETE", f"/Users/{USERS[4]}", If_Match='W/"1", W/"2"')
    yield request("GET", "/Users", token=READER)
    yield request("DELETE", place, token=READER)


_GROUP_PATCHES: tuple[dict[str, Any], ...] = (
    {"op": "add", "path": "members", "value": [{"value": USERS[2]}, {"value": GROUPS[1], "type": "Group"}]},
    {"op": "remove", "path": f'members[value eq "{USERS[0]}"]'},
    {"op": "remove", "path": "members", "value": [{"value": USERS[1]}]},
    {"op": "add", "path": f'members[value eq "{USERS[3]}"]', "value": {"display": "x"}},
    {"op": "remove", "path": 'members[type eq "Group" and display sw "E"]'},
    {"op": "replace", "path": "members", "value": [{"$ref": f"{_BASE}{SCIM_PREFIX}/Users/{USERS[3]}"}]},
    {"op": "replace", "value": {"displayName": "Renamed", "externalId": "r1", "members": [{"value": USERS[1]}]}},
    {"op": "replace", "path": 'members[type eq "User"].display', "value": "x"},
    {"op": "remove", "path": "members"},
)


def _group_changes() -> Iterator[Request]:
    place = f"/Groups/{GROUPS[0]}"
    yield request("POST", "/Groups", group_body("Engineering", USERS[:3], externalId="e1"))
    yield request("PUT", place, group_body("Engineering", [USERS[0], GROUPS[1]]), If_Match='W/"1"')
    for operation in _GROUP_PATCHES:
        yield request("PATCH", place, patch_body(operation))
    yield request("PATCH", f"{place}?excludedAttributes=members", patch_body(*_GROUP_PATCHES))
    yield request("DELETE", f"/Groups/{GROUPS[3]}")


def _bulks() -> Iterator[Request]:
    operations: list[dict[str, Any]] = [
        {"method": "POST", "path": "/Users", "bulkId": "u", "data": {**_PERSON, "userName": "by bulk"}},
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": group_body("By bulk", ["bulkId:u", "bulkId:h"])},
        {"method": "POST", "path": "/Groups", "bulkId": "h", "data": group_body("In a circle", ["bulkId:g"])},
        {"method": "PATCH", "path": "/Groups/bulkId:g", "data": patch_body(_GROUP_PATCHES[0])},
        {"method": "PATCH", "path": f"/Users/{USERS[0]}", "version": 'W/"1"', "data": patch_body(_USER_PATCHES[0])},
        {"method": "PUT", "path": f"/Users/{USERS[1]}", "data": _PERSON},
        {"method": "DELETE", "path": f"/Users/{USERS[2]}"},
        {"method": "PATCH", "path": f"/Groups/{GROUPS[0]}", "data": patch_body(
            {"op": "remove", "path": 'members[value eq "bulkId:u"]'})},
    ]  # fmt: skip
    bulk = {"schemas": [BULK_REQUEST_URN], "failOnErrors": 3, "Operations": operations}
    yield request("POST", "/Bulk", bulk)
    for operation in operations:
        yield request("POST", "/Bulk", {"schemas": [BULK_REQUEST_URN], "Operations": [operation]})


def _of_people() -> Iterator[Request]:
    for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"):
        yield request(method, "/Me", token=PERSON)
    change = {"op": "replace", "path": "password", "value": "a new one"}
    yield request("PATCH", "/Me", patch_body(change), token=PERSON)
    yield request("PATCH", "/Me", patch_body(*_USER_PATCHES[:2]), token=PERSON)
    yield request("GET", "/Me")
    yield request("GET", "/Users", token=PERSON)


def _of_clients() -> Iterator[Request]:
    server = Server(_BASE + SCIM_PREFIX, TOKEN)
    for scenario in load_all():
        yield from _of_scenario(scenario, server)


def _of_scenario(scenario: Scenario, server: Server) -> Iterator[Request]:
    """Yield the requests of a transcript, with stand-ins where it would go on with what it was answered."""
    names = Placeholders(server.token, server.base, run="5eed")
    counts: dict[str, int] = defaultdict(int)
    for step in scenario.steps:
        try:
            sent = prepare(step.request, names, {"i": "0"}, server)
        except PlaceholderError:
            return  # It needs a variable of the environment, or a token endpoint.
        # Clients delete what they have made, which here would soon leave nothing to change.
        if sent.url.startswith(_BASE + SCIM_PREFIX) and sent.method != "DELETE":
            yield Request(sent.method, sent.url.removeprefix(_BASE), sent.headers, sent.body)
        for name, path in step.save.items():
            names.save(name, _answered(step, path, counts))


def _answered(step: Step, path: str, counts: dict[str, int]) -> str:
    """Return what a step might have saved from its answer."""
    if path.endswith(".id"):
        kind = "Groups" if step.request.path.startswith("/Groups") else "Users"
        stand_ins = GROUPS if kind == "Groups" else USERS
        counts[kind] += 1
        return stand_ins[(counts[kind] - 1) % len(stand_ins)]
    return {"$.meta.version": 'W/"1"', "$.access_token": TOKEN}.get(path, "2026-01-31T08:00:00.000Z")
