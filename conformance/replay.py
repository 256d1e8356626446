"""Replays scenarios, one after another, and judges the answers."""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlencode

import orjson

from conformance.exchange import ExchangeError, Received, Sent, Wire
from conformance.json_types import Json
from conformance.matchers import holds
from conformance.paths import Selection, select
from conformance.placeholders import Placeholders
from conformance.scenario import Expect, Request, Scenario, Step

Outcome: TypeAlias = Literal["passed", "failed", "not announced"]
NO_CONTENT, UNAUTHORIZED = 204, 401
NOT_OFFERED = (404, 405, 501)


@dataclass(frozen=True, slots=True)
class Server:
    """The server under test, as given on the command line; `base` has no trailing slash."""

    base: str
    token: str
    token_endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One expectation that did not hold."""

    what: str
    expected: Json
    got: str


@dataclass(frozen=True, slots=True)
class StepFailure:
    """A step that failed; without `received` no answer came, without `sent` nothing could be sent."""

    step: int
    turn: int
    comment: str
    sent: Sent | None
    received: Received | None
    mismatches: tuple[Mismatch, ...]


@dataclass(frozen=True, slots=True)
class Slow:
    """An answer that took longer than the scenario's `max_ms`; reported, never a failure."""

    step: int
    max_ms: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one scenario."""

    scenario: Scenario
    outcome: Outcome
    failures: tuple[StepFailure, ...] = ()
    slow: tuple[Slow, ...] = ()
    requests: int = 0
    seconds: float = 0.0
    secrets: frozenset[str] = frozenset()


def replay_all(scenarios: Iterable[Scenario], server: Server, wire: Wire) -> Iterator[Result]:
    """Replay scenarios in order; one whose requirements the server does not announce is not replayed."""
    announced = announced_features(server, wire)
    for scenario in scenarios:
        if announced.issuperset(scenario.requires):
            yield replay(scenario, server, wire)
        else:
            yield Result(scenario, "not announced")


def announced_features(server: Server, wire: Wire) -> frozenset[str]:
    """Ask the server which optional features it offers; an ExchangeError means it cannot be reached."""
    features = {"oauth"} if server.token_endpoint else set()
    config = wire.send(_probe(server, "GET", "/ServiceProviderConfig", None))
    if config.status == UNAUTHORIZED:
        raise ExchangeError("the token is refused: 401 to GET /ServiceProviderConfig")
    features |= {name for name in ("bulk", "sort") if holds(_selected(config, f"$.{name}.supported"), True)}
    search = b'{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"count":1}'
    if wire.send(_probe(server, "POST", "/.search", search)).status not in NOT_OFFERED:
        features.add("search")
    return frozenset(features)


def _probe(server: Server, method: str, path: str, body: bytes | None) -> Sent:
    headers = [("Authorization", f"Bearer {server.token}"), ("Accept", "application/scim+json")]
    if body is not None:
        headers.append(("Content-Type", "application/scim+json"))
    return Sent(method, server.base + path, tuple(headers), body)


def _selected(received: Received, path: str) -> Selection:
    try:
        return select(orjson.loads(received.body), path)
    except orjson.JSONDecodeError:
        return Selection((), many=False)


def replay(scenario: Scenario, server: Server, wire: Wire) -> Result:
    """Replay one scenario; a failing step that should have saved something ends it."""
    names = Placeholders(server.token, server.base, server.token_endpoint)
    failures: list[StepFailure] = []
    slow: list[Slow] = []
    requests = 0
    start = time.perf_counter()
    for at, step in enumerate(scenario.steps):
        failure = None
        for turn in range(step.repeat):
            requests += 1
            failure, milliseconds = _take(step, at, turn, names, server, wire)
            if step.expect.max_ms is not None and milliseconds > step.expect.max_ms:
                slow.append(Slow(at, step.expect.max_ms, milliseconds))
            if failure:
                failures.append(failure)
                break
        if failure and step.save:
            break
    return Result(
        scenario=scenario,
        outcome="failed" if failures else "passed",
        failures=tuple(failures),
        slow=tuple(slow),
        requests=requests,
        seconds=time.perf_counter() - start,
        secrets=frozenset(names.secret_values),
    )


def _take(
    step: Step, at: int, turn: int, names: Placeholders, server: Server, wire: Wire
) -> tuple[StepFailure | None, float]:
    """Send one step once, judge the answer and save from it; also say how many milliseconds it took."""
    local: dict[str, Json] = {"i": str(turn)}
    sent: Sent | None = None
    received: Received | None = None
    try:
        sent = prepare(step.request, names, local, server)
        received = wire.send(sent)
        mismatches = judge(received, step.expect, names, local)
        if not mismatches:
            mismatches = _save(received, step.save, names, local)
    except ExchangeError as error:
        mismatches = [Mismatch("the exchange", "an answer", str(error))]
    except (ValueError, TypeError, re.error) as error:
        mismatches = [Mismatch("the scenario", "values that can be filled in", str(error))]
    milliseconds = received.milliseconds if received else 0.0
    if not mismatches:
        return None, milliseconds
    return StepFailure(at, turn, step.comment, sent, received, tuple(mismatches)), milliseconds


def prepare(request: Request, names: Placeholders, local: dict[str, Json], server: Server) -> Sent:
    """Fill a request; a path that fills to a whole URL, such as the token endpoint, stands for itself."""
    path = names.text(request.path, local)
    headers = tuple((name, names.text(value, local)) for name, value in request.headers.items() if value is not None)
    url = path if path.startswith(("http://", "https://")) else server.base + path
    return Sent(request.method, url, headers, _payload(request, names, local))


def _payload(request: Request, names: Placeholders, local: dict[str, Json]) -> bytes | None:
    match request.payload_kind:
        case "body":
            return orjson.dumps(names.fill(request.payload, local))
        case "raw_body":
            return names.text(str(request.payload), local).encode()
        case "form":
            form = names.fill(request.payload, local)
            return urlencode(form if isinstance(form, dict) else {}).encode()
    return None


def judge(received: Received, expect: Expect, names: Placeholders, local: dict[str, Json]) -> list[Mismatch]:
    """Compare an answer with what was expected; after a wrong status nothing else is looked at."""
    if received.status not in expect.status:
        return [Mismatch("status", list(expect.status), str(received.status))]
    mismatches = []
    for name, pattern in expect.headers.items():
        wanted, value = names.text(pattern, local), received.header(name)
        if value is None or not re.search(wanted, value):
            mismatches.append(Mismatch(f"header {name}", {"$regex": wanted}, _shown_text(value)))
    for template in expect.body_contains:
        text = names.text(template, local)
        if text not in received.text:
            mismatches.append(Mismatch("body_contains", text, "a body without it"))
    for template in expect.body_not_contains:
        text = names.text(template, local)
        if text in received.text:
            mismatches.append(Mismatch("body_not_contains", text, "a body with it"))
    if expect.empty_body and received.body:
        mismatches.append(Mismatch("empty_body", True, f"{len(received.body)} bytes"))
    # An answer without content says nothing a JSON assertion could look at; the GET that follows does.
    if expect.json and received.status != NO_CONTENT:
        mismatches += _judge_json(received, expect.json, names, local)
    return mismatches


def _judge_json(
    received: Received, assertions: dict[str, Json], names: Placeholders, local: dict[str, Json]
) -> list[Mismatch]:
    try:
        document = orjson.loads(received.body)
    except orjson.JSONDecodeError as error:
        return [Mismatch("body", "JSON", f"no JSON: {error}")]
    mismatches = []
    for template, expectation in assertions.items():
        path, expected = names.text(template, local), names.fill(expectation, local)
        found = select(document, path)
        if not holds(found, expected):
            mismatches.append(Mismatch(path, expected, _shown(found)))
    return mismatches


def _save(received: Received, save: dict[str, str], names: Placeholders, local: dict[str, Json]) -> list[Mismatch]:
    mismatches = []
    for name, template in save.items():
        found = _selected(received, names.text(template, local))
        if found.present:
            names.save(name, found.value)
        else:
            mismatches.append(Mismatch(template, f"a value to save as {name}", "absent"))
    return mismatches


def _shown(found: Selection) -> str:
    if not found.present:
        return "nothing" if found.many else "absent"
    if isinstance(found.value, list):
        return f"{len(found.value)} of them: {orjson.dumps(found.value).decode()}"
    return orjson.dumps(found.value).decode()


def _shown_text(value: str | None) -> str:
    return "absent" if value is None else value
