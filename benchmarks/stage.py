"""What stands while a run measures: a database, loaded organizations, and servers."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

import orjson

from benchmarks import bodies, workloads
from benchmarks.cells import BenchmarkError, Server
from benchmarks.connection import Connection
from benchmarks.databases import Database
from benchmarks.load import Loaded, Person, group_name
from benchmarks.servers import Kind, serve
from benchmarks.workloads import Seat, Step
from scim_server.store.tokens import DigestKey
from scim_server.web.requests import SCIM_PREFIX

SECRET_KEY = secrets.token_urlsafe(48)
"""Of this run alone."""

PEER_TOKEN = secrets.token_urlsafe(24)
PEER_USERS = 1_000
_BULK = 100


def digest_key() -> DigestKey:
    """Return the key that tokens of this run are kept under."""
    return DigestKey.derive(SECRET_KEY)


@contextmanager
def our_server(kind: Kind, database: Database, seat: Seat, *, rate_limit_per_s: int = 0) -> Iterator[Server]:
    """Serve the project as it is deployed; it has started when it answers a request for a user.

    :param rate_limit_per_s: 0 for none: measured is what it can, not what one client may.
    """
    probe = f"/Users/{seat.sample[0].id}"
    environ = {
        "SCIM_SERVER_DATABASE_URL": database.app_url,
        "SCIM_SERVER_SECRET_KEY": SECRET_KEY,
        "SCIM_SERVER_RATE_LIMIT_PER_S": str(rate_limit_per_s),
    }
    with serve(kind, "wsgi", environ, probe=probe, token=seat.token, prefix=SCIM_PREFIX, database=database) as server:
        yield server


@contextmanager
def limit_server(kind: Kind, database: Database, seat: Seat) -> Iterator[Server]:
    """Serve the limit of the stack on the same database."""
    probe = workloads.limit_read(seat).steps[0].path
    environ = {"SCIM_SERVER_DATABASE_URL": database.app_url, "SCIM_SERVER_SECRET_KEY": SECRET_KEY}
    with serve(kind, "benchmarks.limit_app", environ, probe=probe, database=database) as server:
        yield server


@dataclass(frozen=True, slots=True)
class PeerSeat:
    """What a peer was filled with; see :class:`benchmarks.load.Loaded`."""

    token: str
    user_count: int
    sample: tuple[Person, ...]
    spares: tuple[Person, ...]
    groups: dict[int, str]


@contextmanager
def peer_server(group_size: int) -> Iterator[tuple[Server, PeerSeat]]:
    """Serve scim2-server on gunicorn, in the one process its memory allows, with 1,000 users and a group.

    It has fewer users than ours, which is to its advantage. On granian it fails at each request without a
    body: it reads one of size -1, which granian does not take.
    """
    # The secret is for gunicorn.conf.py, which wants our settings to be in order.
    environ = {"BENCH_PEER_TOKEN": PEER_TOKEN, "SCIM_SERVER_SECRET_KEY": SECRET_KEY}
    with serve(
        "gunicorn", "benchmarks.peer_app", environ, probe="/ServiceProviderConfig", token=PEER_TOKEN, workers=1
    ) as server:
        with closing(Connection(server)) as connection:
            people = _fill(connection)
            body = bodies.group(group_name(group_size))
            body["members"] = [{"value": person.id} for person in people[:group_size]]
            group = orjson.loads(connection.expect(Step("POST", "/Groups", PEER_TOKEN, bodies.as_json(body))))
        everybody = tuple(people)
        yield server, PeerSeat(PEER_TOKEN, len(people), everybody, everybody[-100:], {group_size: group["id"]})


def _fill(connection: Connection) -> list[Person]:
    people: list[Person] = []
    for first in range(0, PEER_USERS, _BULK):
        names = [bodies.user_name(number) for number in range(first, first + _BULK)]
        step = Step("POST", "/Bulk", PEER_TOKEN, bodies.as_json(bodies.bulk(names)))
        for name, operation in zip(names, orjson.loads(connection.expect(step))["Operations"], strict=True):
            if "location" not in operation:
                raise BenchmarkError(f"the peer refused a user: {operation}")
            people.append(Person(operation["location"].rsplit("/", 1)[1], name))
    return people


@dataclass(slots=True)
class Stage:
    """The servers by name, and the organizations that requests are made in.

    ``reading`` keeps its size; ``writing`` grows while users are created in it.
    """

    database: Database
    reading: Loaded
    writing: Loaded
    servers: dict[str, Server] = field(default_factory=dict)
    peer: PeerSeat | None = None


def start(
    stack: ExitStack, stage: Stage, kinds: tuple[Kind, ...], *, limits: bool, peer: bool, suffix: str = ""
) -> None:
    """Start servers, which stop with the stack: ours by kind, the limits as ``limit-KIND``, the ``peer``."""
    for kind in kinds:
        stage.servers[f"{kind}{suffix}"] = stack.enter_context(our_server(kind, stage.database, stage.reading))
        if limits:
            stage.servers[f"limit-{kind}{suffix}"] = stack.enter_context(
                limit_server(kind, stage.database, stage.reading)
            )
    if peer:
        smallest = min(stage.writing.groups)
        stage.servers["peer"], stage.peer = stack.enter_context(peer_server(smallest))


def start_times_s(kind: Kind, database: Database, seat: Seat, times: int) -> list[float]:
    """Return how long a server took from its start to its first answer, each time."""
    found = []
    for _ in range(times):
        with our_server(kind, database, seat) as server:
            found.append(server.started_s)
    return found
