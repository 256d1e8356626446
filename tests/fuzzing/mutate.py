"""Sends mutated requests to the application and holds every answer to what the product promises.

``python -m tests.fuzzing.mutate --help`` runs as many as it is asked to. A run is made of rounds:
each has an organization of its own, filled the same way, and the requests its number and the seed
draw, so a failure comes again under the same seed.
"""

import io
import os
import re
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote_to_bytes

import click
import orjson
import structlog
from flask import Flask
from sqlalchemy import Integer, bindparam, cast, func, select

from scim_server.actions.tokens import issue_token
from scim_server.protocol.errors import ERROR_URN
from scim_server.store.migrate import upgrade
from scim_server.store.session import begin
from scim_server.store.tables import TENANT_TABLES, connection_hours, resources, tokens
from scim_server.web.requests import SCIM_MEDIA_TYPE, SCIM_PREFIX, on_bug
from tests.databases import Database, DatabaseServer, SQLiteServer, running_postgresql
from tests.directory import KEY, new_client, running_app, site_of
from tests.fuzzing.corpus import CURSOR, GROUPS, PERSON, READER, STRANGER, TOKEN, USERS, Request, corpus
from tests.fuzzing.mutations import mutated, simpler

PER_ROUND = 250
MAX_SECONDS = 1.0
MAX_GROWTH_BYTES = 256 * 1024 * 1024
"""How far the memory of the process may grow once it is warm: bodies of some 256 KB leave nothing behind."""

_EMPTY = (204, 304)
_SLOWER = "slower than"
_URL = re.compile(rf"https?://[^/\s]+{SCIM_PREFIX}/")
_LEAKS = ("Traceback", "sqlalchemy", "psycopg", "sqlite3", "SELECT ", "INSERT ", "scim_server/")


def _counts() -> Iterator[Any]:
    for table in {*TENANT_TABLES, tokens} - {connection_hours}:  # How many requests there were is counted aside.
        yield select(func.count()).where(table.c.org_id == bindparam("org_id")).scalar_subquery()
    sizes = (resources.c.version, func.length(resources.c.document), cast(resources.c.active, Integer))
    for measure in (*(func.sum(each) for each in sizes), func.max(resources.c.modified_at)):
        yield select(measure).where(resources.c.org_id == bindparam("org_id")).scalar_subquery()


_STORED = select(*_counts())


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and how long it took; ``bug`` is the exception behind a 500."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float
    bug: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that breaks a promise, and where in the run it came."""

    reason: str
    request: Request
    seed: int
    round: int
    place: int
    bug: BaseException | None = None
    alone: bool = False
    """Whether the request fails by itself, in an organization where nothing else was sent."""

    def __str__(self) -> str:
        needs = "by itself" if self.alone else "after the requests before it in its round"
        trace = "".join(traceback.format_exception(self.bug)) if self.bug else ""
        return (
            f"{self.reason}\nseed {self.seed}, round {self.round}, request {self.place}; fails {needs}:\n\n"
            f"{self.request}\n{trace}"
        )


class Round:
    """An organization with six users, four groups and three tokens, and what it takes to send requests to it."""

    def __init__(self, app: Flask, bugs: list[BaseException]) -> None:
        self.app = app
        self._bugs = bugs
        self.client = new_client(app)
        self._stand_ins = self._fill()
        self.statuses: Counter[int] = Counter()
        self._filled_as = self._known = self._stored()

    def _fill(self) -> list[tuple[bytes, bytes]]:
        client = self.client
        users = [client.new_user(f"user{number}", **_person(number)) for number in range(len(USERS))]
        groups = [client.new_group(f"Group {number}", users[number : number + 3]) for number in range(len(GROUPS))]
        client.patch(f"/Groups/{groups[1]}", {"op": "add", "path": "members", "value": [{"value": groups[2]}]})
        client.patch(f"/Groups/{groups[2]}", {"op": "add", "path": "members", "value": [{"value": groups[1]}]})
        stranger = new_client(self.app).new_user("stranger")
        site = site_of(self.app)
        with begin(site.store, client.organization.operator, write=True) as tenant:
            reader = issue_token(tenant, KEY, "default", "scim:read", None)[1]
            person = issue_token(tenant, KEY, "default", "me", None, "user3")[1]
        cursor = client.read("/Users?cursor=&count=2")["nextCursor"]
        named = [*zip(USERS, users, strict=True), *zip(GROUPS, groups, strict=True), (STRANGER, stranger)]
        named += [(TOKEN, client.token), (READER, reader), (PERSON, person), (CURSOR, cursor)]
        return [(stand_in.encode(), real.encode()) for stand_in, real in named]

    def _filled(self, value: bytes) -> bytes:
        for stand_in, real in self._stand_ins:
            value = value.replace(stand_in, real)
        return value

    def send(self, request: Request) -> Answer:
        """Send a request as gunicorn hands it on."""
        environ = self._environ(request)
        self._bugs.clear()
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: object = None) -> None:
            started.append((status, headers))

        start = time.perf_counter()
        application: Any = self.app.wsgi_app
        chunks = application(environ, start_response)
        try:
            body = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        seconds = time.perf_counter() - start
        status, headers = started[-1]
        fields = {name.lower(): value for name, value in headers}
        return Answer(int(status.split()[0]), fields, body, seconds, self._bugs[-1] if self._bugs else None)

    def _environ(self, request: Request) -> dict[str, Any]:
        path, _, query = self._filled(request.target.encode()).partition(b"?")
        body = self._filled(request.body or b"")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query.decode("latin-1"),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "HTTP_HOST": "scim.example",
            "CONTENT_LENGTH": str(len(body)),
        }
        for name, value in request.headers:
            key = name.upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            environ[key] = self._filled(value.encode("latin-1")).decode("latin-1")
        return environ

    def fault(self, request: Request) -> tuple[str, BaseException | None] | None:
        """Send a request and return what is wrong with its answer, with the exception behind it."""
        if self._known is None:
            self._known = self._stored()
        try:
            answer = self.send(request)
        except Exception as error:  # The application answers whatever comes; nothing may fall through it.
            return f"{type(error).__name__} instead of an answer", error
        self.statuses[answer.status] += 1
        reason = fault_of(request, answer)
        if answer.status >= 400:
            if self._stored() != self._known:
                self._known, reason = None, reason or f"{answer.status}, and yet something was stored"
        elif request.method not in ("GET", "HEAD", "OPTIONS") and not request.target.endswith("/.search"):
            self._known = None
        return (reason, answer.bug) if reason else None

    @property
    def is_untouched(self) -> bool:
        """Whether all requests so far have left the organization as it was filled."""
        return bool(self._known == self._filled_as)

    def _stored(self) -> Any:
        """Return numbers that change with whatever is stored in the organization."""
        with begin(site_of(self.app).store, self.client.credentials, write=False) as tenant:
            return tenant.db.execute(_STORED, {"org_id": self.client.organization.id}).one()


def _person(number: int) -> dict[str, Any]:
    return {
        "displayName": f"User {number}",
        "externalId": f"u{number}",
        "name": {"givenName": "User", "familyName": f"N{number}"},
        "emails": [{"value": f"u{number}@example.com", "type": "work", "primary": True}, {"value": f"{number}@home"}],
    }


def fault_of(request: Request, answer: Answer) -> str | None:
    """Return what is wrong with an answer, None when it keeps every promise."""
    status, kind = answer.status, answer.headers.get("content-type", "")
    if status >= 500 and not (status == 501 and answer.bug is None):
        return f"{status} for {request.method}"
    if answer.seconds > MAX_SECONDS:
        return f"{_SLOWER} {MAX_SECONDS:g} s"
    if not answer.headers.get("x-request-id"):
        return "no X-Request-ID"
    if status in _EMPTY or request.method == "HEAD" or (request.method == "OPTIONS" and status == 200):
        return "a body where there is none" if answer.body else None
    if not _is_scim(request):
        return None
    place = answer.headers.get("location") or answer.headers.get("content-location")
    if place is not None and not _URL.match(place):
        return f"the location {place!r}"
    if kind != SCIM_MEDIA_TYPE:
        return f"{status} with the media type {kind!r}"
    return _body_fault(answer)


def _is_scim(request: Request) -> bool:
    path = unquote_to_bytes(request.target.partition("?")[0]).decode("latin-1")
    return path == "/scim" or path.startswith("/scim/")


def _body_fault(answer: Answer) -> str | None:
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        return f"{answer.status} with a body that is no JSON: {error}"
    if not isinstance(body, dict) or not isinstance(body.get("schemas"), list):
        return f"{answer.status} with a body that is no SCIM message"
    if answer.status < 400:
        return "an error body with a status of success" if ERROR_URN in body["schemas"] else None
    if body["schemas"] != [ERROR_URN] or body.get("status") != str(answer.status) or not body.get("detail"):
        return f"{answer.status} with a body that is no SCIM error"
    leaks = [each for each in _LEAKS if each in body["detail"]]
    return f"the detail of {answer.status} tells of the inside: {leaks[0]!r}" if leaks else None


def drawn(seed: int, number: int) -> Iterator[Request]:
    """Yield the requests of a round."""
    random, valid = Random(f"{seed}/{number}"), corpus()
    for _ in range(PER_ROUND):
        yield mutated(random.choice(valid), random)


@dataclass
class Outcome:
    """What came of a run: its failure, if any, and how many answers of each status it got."""

    failure: Failure | None = None
    statuses: Counter[int] = field(default_factory=Counter)
    requests: int = 0
    growth_bytes: int = 0


class Fuzzer:
    """Runs rounds against one app, whose database it fills with organizations."""

    def __init__(self, app: Flask, seed: int) -> None:
        self.app = app
        self.seed = seed
        self._bugs: list[BaseException] = []
        self._spare: Round | None = None

        def keep_bug(error: Exception) -> Any:
            self._bugs.append(error)
            return on_bug(error)

        app.register_error_handler(Exception, keep_bug)

    def new_round(self) -> Round:
        """Return a round in a new organization."""
        return Round(self.app, self._bugs)

    def run(self, requests: int, first_round: int = 0, report: Callable[[Outcome], None] | None = None) -> Outcome:
        """Send so many mutated requests, or up to the first failure."""
        outcome, warm = Outcome(), 0
        for number in range(first_round, first_round + -(-requests // PER_ROUND)):
            failed = self._run_round(number, requests - outcome.requests, outcome)
            if failed is not None:
                outcome.failure = failed
                break
            warm = warm or _peak_bytes()
            outcome.growth_bytes = _peak_bytes() - warm
            if report is not None:
                report(outcome)
        return outcome

    def _run_round(self, number: int, requests: int, outcome: Outcome) -> Failure | None:
        current = self.new_round()
        current.statuses = outcome.statuses
        for place, request in zip(range(requests), drawn(self.seed, number), strict=False):
            fault = self.fault(current, request)
            outcome.requests += 1
            if fault is not None:
                return self._failure(fault, request, number, place)
        return None

    def fault(self, current: Round, request: Request) -> tuple[str, BaseException | None] | None:
        """Send a request in a round and return what is wrong with its answer; slow on a busy machine is not."""
        fault = current.fault(request)
        return None if fault and fault[0].startswith(_SLOWER) and self._was_noise(request) else fault

    def _was_noise(self, request: Request) -> bool:
        """Return whether a slow request is fast once when it is sent alone: then the machine was busy."""
        return any(self._seconds_alone(request) <= MAX_SECONDS * _crowding() for _ in range(5))

    def _seconds_alone(self, request: Request) -> float:
        return self.new_round().send(request).seconds

    def _alone(self, request: Request) -> tuple[str, BaseException | None] | None:
        """Return what is wrong with the answer in an organization where nothing else was sent."""
        spare = self._spare if self._spare is not None and self._spare.is_untouched else self.new_round()
        self._spare = spare
        return spare.fault(request)

    def _failure(self, fault: tuple[str, BaseException | None], request: Request, number: int, place: int) -> Failure:
        alone = self._alone(request)
        if alone is None or alone[0] != fault[0]:
            return Failure(fault[0], request, self.seed, number, place, fault[1])
        # A slow one takes its time each time.
        shortest = self._shortest(request, alone, tries=30 if alone[0].startswith(_SLOWER) else 400)
        found = self._alone(shortest)
        return Failure(fault[0], shortest, self.seed, number, place, found[1] if found else None, alone=True)

    def _shortest(self, request: Request, fault: tuple[str, BaseException | None], tries: int) -> Request:
        """Return the shortest request found that fails in the same way by itself."""
        shorter = True
        while shorter:
            shorter = False
            for candidate in simpler(request):
                tries -= 1
                if tries < 0:
                    return request
                found = self._alone(candidate)
                if candidate.size < request.size and found and (found[0], type(found[1])) == (fault[0], type(fault[1])):
                    request, shorter = candidate, True
                    break
        return request


def _crowding() -> float:
    """Return how many programs each processor of the machine has to run now, 1 at least."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def _peak_bytes() -> int:
    """Return the most memory this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextmanager
def _database_server(dialect: str) -> Iterator[DatabaseServer]:
    if dialect == "postgresql":
        with running_postgresql() as server:
            yield server
        return
    with tempfile.TemporaryDirectory(prefix="scim-fuzz-") as directory:
        yield SQLiteServer(Path(directory))


@contextmanager
def _migrated(dialect: str) -> Iterator[Database]:
    with _database_server(dialect) as server:
        database = server.create()
        upgrade(database.owner_url)
        yield database


def _drop_requests(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent


@click.command()
@click.option("--requests", default=100_000, show_default=True, help="How many requests to send.")
@click.option("--database", "dialect", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option("--seed", default=0, show_default=True, help="What the mutations are drawn from.")
@click.option("--round", "first_round", default=0, show_default=True, help="The round to begin with.")
def main(requests: int, dialect: str, seed: int, first_round: int) -> None:
    """Send mutated requests and stop at the first answer that breaks a promise."""
    with _migrated(dialect) as database, running_app(database) as app:
        structlog.configure(processors=[_drop_requests])
        start = time.perf_counter()

        def report(outcome: Outcome) -> None:
            if outcome.requests % (PER_ROUND * 20) == 0:
                click.echo(f"{outcome.requests} requests, {time.perf_counter() - start:.0f} s", err=True)

        click.echo(f"seed {seed} on {dialect}")
        outcome = Fuzzer(app, seed).run(requests, first_round, report)
    if outcome.failure is not None:
        raise click.ClickException(str(outcome.failure))
    click.echo(f"{outcome.requests} requests kept every promise in {time.perf_counter() - start:.0f} s")
    click.echo("statuses: " + ", ".join(f"{status} ×{times}" for status, times in sorted(outcome.statuses.items())))
    click.echo(f"memory grew by {outcome.growth_bytes / 1024 / 1024:.0f} MB after the first round")
    if outcome.growth_bytes > MAX_GROWTH_BYTES:
        raise click.ClickException(f"that is more than {MAX_GROWTH_BYTES // 1024 // 1024} MB")


if __name__ == "__main__":
    main()
