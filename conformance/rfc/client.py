"""The SCIM client of the checks: keeps every exchange and deletes whatever it created."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

import orjson

from conformance.exchange import ExchangeError, Received, Sent
from conformance.rfc.answers import Answer, Body, CheckFailed, NotApplicable, pick
from conformance.rfc.capabilities import GROUP, USER, Capabilities, Target, Transport
from conformance.rfc.samples import required_members
from conformance.transcript import Exchange

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MEDIA_TYPE = "application/scim+json"
PAUSE_S = 1.1
Headers: TypeAlias = Mapping[str, str | None]
Query: TypeAlias = Mapping[str, object]
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is yet to be sent, for those that race."""

    method: str
    path: str
    body: Body | None = None
    headers: Headers | None = None


@dataclass(slots=True)
class Stage:
    """What the checks of one section share, made when the first of them asks and deleted after the last."""

    scim: "Scim"
    made: dict[str, Any] = field(default_factory=dict)

    def once(self, key: str, make: Callable[["Scim"], Made]) -> Made:
        """Make something for the first check that asks; a failure is made again for the next."""
        if key not in self.made:
            self.made[key] = make(self.scim)
        made: Made = self.made[key]
        return made


class Scim:
    """One check's session with the server."""

    def __init__(
        self, target: Target, can: Capabilities, transport: Transport | None = None, stage: Stage | None = None
    ) -> None:
        """Start with nothing sent; `transport` is kept open between checks."""
        self.target = target
        self.can = can
        self.users = can.endpoint(USER, "/Users")
        self.groups = can.endpoint(GROUP, "/Groups")
        self.exchanges: list[Exchange] = []
        self.run = secrets.token_hex(5)
        self._transport = transport or target.open()
        self._stage = stage
        self._made: list[str] = []
        self._named = 0

    @property
    def stage(self) -> Stage:
        """What the section shares; a session without one has its own."""
        if self._stage is None:
            self._stage = Stage(self)
        return self._stage

    # Requests

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Body | bytes | None = None,
        headers: Headers | None = None,
    ) -> Answer:
        """Send one request; headers given here replace the usual ones, None leaves one out."""
        sent = self._prepared(method, path, query, body, headers)
        return self._kept(sent, self._transport)

    def get(self, path: str, query: Query | None = None, headers: Headers | None = None) -> Answer:
        """Send a GET."""
        return self.send("GET", path, query=query, headers=headers)

    def post(self, path: str, body: Body | bytes, query: Query | None = None, headers: Headers | None = None) -> Answer:
        """Send a POST."""
        return self.send("POST", path, query=query, body=body, headers=headers)

    def put(self, path: str, body: Body, query: Query | None = None, headers: Headers | None = None) -> Answer:
        """Send a PUT."""
        return self.send("PUT", path, query=query, body=body, headers=headers)

    def patch(self, path: str, *operations: Body, query: Query | None = None, headers: Headers | None = None) -> Answer:
        """Send these operations as one PATCH."""
        body = {"schemas": [PATCH_OP], "Operations": list(operations)}
        return self.send("PATCH", path, query=query, body=body, headers=headers)

    def delete(self, path: str, headers: Headers | None = None) -> Answer:
        """Send a DELETE."""
        return self.send("DELETE", path, headers=headers)

    def race(self, asked: Sequence[Asked]) -> list[Answer]:
        """Send requests at the same moment, each on its own connection."""
        start = Barrier(len(asked))

        def run(one: Asked) -> Answer:
            sent = self._prepared(one.method, one.path, None, one.body, one.headers)
            transport = self.target.open()
            start.wait(timeout=30)
            return self._kept(sent, transport)

        with ThreadPoolExecutor(len(asked)) as pool:
            return list(pool.map(run, asked))

    def _prepared(
        self, method: str, path: str, query: Query | None, body: Body | bytes | None, headers: Headers | None
    ) -> Sent:
        usual: dict[str, str | None] = {"Authorization": f"Bearer {self.target.token}", "Accept": MEDIA_TYPE}
        if body is not None:
            usual["Content-Type"] = MEDIA_TYPE
        given = tuple((name, value) for name, value in {**usual, **(headers or {})}.items() if value is not None)
        asked = "?" + urlencode({key: str(value) for key, value in query.items()}, quote_via=quote) if query else ""
        payload = orjson.dumps(body) if isinstance(body, dict) else body
        return Sent(method, self.target.base + path + asked, given, payload)

    def _kept(self, sent: Sent, transport: Transport) -> Answer:
        try:
            received = transport.send(sent)
        except ExchangeError as error:
            exchange = Exchange(sent, None)
            self.exchanges.append(exchange)
            raise CheckFailed(f"no answer: {error}", exchange) from error
        exchange = Exchange(sent, received)
        self.exchanges.append(exchange)
        if sent.method == "POST" and received.status in (200, 201):
            self._made += _created(sent.url.split("?")[0], received)
        return Answer(exchange, received.status)

    # Resources

    def unique(self, label: str = "x") -> str:
        """A name no other check uses."""
        self._named += 1
        return f"conf-{self.run}-{self._named}-{label}"

    def user_body(self, **members: Any) -> Body:
        """A user to be created: a unique userName, what the schema requires, and these members."""
        body: Body = {"schemas": [USER], "userName": f"{self.unique('u')}@example.com", **members}
        return {**required_members(self.can, USER, self.unique("r"), body), **body}

    def group_body(self, **members: Any) -> Body:
        """A group to be created."""
        body: Body = {"schemas": [GROUP], "displayName": self.unique("g"), **members}
        return {**required_members(self.can, GROUP, self.unique("r"), body), **body}

    def user(self, **members: Any) -> Answer:
        """Create a user."""
        return self._create(self.users, self.user_body(**members))

    def group(self, **members: Any) -> Answer:
        """Create a group; a server without groups ends the check as not announced."""
        if "groups" not in self.can.features:
            raise NotApplicable("no resource type for groups")
        return self._create(self.groups, self.group_body(**members))

    def _create(self, endpoint: str, body: Body) -> Answer:
        answer = self.post(endpoint, body)
        answer.holds(answer.status == 201, f"cannot be looked at: POST {endpoint} answers {answer.status}, not 201")
        return answer

    def at(self, resource: Answer | str, endpoint: str | None = None) -> str:
        """The path of a resource by its creation, or of a user by its id."""
        if isinstance(resource, str):
            return f"{endpoint or self.users}/{quote(resource, safe='')}"
        group = str(pick(resource.body, "meta.resourceType")) == "Group" or self._is_group(resource)
        return f"{self.groups if group else self.users}/{quote(resource.id, safe='')}"

    def _is_group(self, resource: Answer) -> bool:
        schemas = resource.get("schemas")
        return isinstance(schemas, list) and GROUP in schemas

    def read(self, resource: Answer | str) -> Answer:
        """GET a resource again."""
        return self.get(self.at(resource)).expect(200)

    def pause(self) -> None:
        """Wait until a server that counts whole seconds writes another time."""
        time.sleep(PAUSE_S)

    def close(self) -> None:
        """Delete what was created, last first; a server that cannot delete is judged elsewhere."""
        for location in reversed(self._made):
            sent = self._prepared("DELETE", location, None, None, None)
            try:
                self._transport.send(sent)
            except ExchangeError:
                continue
        self._made.clear()


def _created(url: str, received: Received) -> list[str]:
    """The paths of what a POST, also a bulk one, created; a search creates nothing.

    A projection may have left out `meta`, so the header and the id say it too.
    """
    try:
        document = orjson.loads(received.body)
    except orjson.JSONDecodeError:
        document = None
    operations = pick(document, "Operations")
    if isinstance(operations, list):
        made = [pick(one, "location") for one in operations if str(pick(one, "method")).upper() == "POST"]
    elif received.status == 201:
        id = pick(document, "id")
        made = [received.header("Location") or pick(document, "meta.location") or (f"{url}/{id}" if id else None)]
    else:
        made = []
    return ["/" + "/".join(one.split("?")[0].split("/")[-2:]) for one in made if isinstance(one, str)]
