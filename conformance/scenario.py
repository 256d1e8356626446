"""Reads the scenario files; whatever this program would not understand is an error that names its place."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar, get_args

from conformance.json_types import Json
from conformance.matchers import MatcherError, check_expected
from conformance.paths import PathError, parse
from conformance.placeholders import GIVEN, macro_problem, names_in

SHIPPED = Path(__file__).parent / "clients"

Choice = TypeVar("Choice", bound=str)
Level: TypeAlias = Literal["must", "should", "may"]
LEVELS: tuple[Level, ...] = get_args(Level)
REQUIREMENTS = frozenset({"oauth", "bulk", "sort", "search"})
PAYLOADS = ("body", "raw_body", "form")


class ScenarioError(ValueError):
    """A scenario file does not say something this program understands."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends; `payload_kind` tells how `payload` becomes bytes, None that there is no body."""

    method: str
    path: str
    headers: dict[str, str | None]
    payload_kind: str | None
    payload: Json


@dataclass(frozen=True, slots=True)
class Expect:
    """What the answer has to be for the client to go on."""

    status: tuple[int, ...]
    headers: dict[str, str]
    json: dict[str, Json]
    body_contains: tuple[str, ...]
    body_not_contains: tuple[str, ...]
    empty_body: bool
    max_ms: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """One request, sent `repeat` times, and what must come back."""

    comment: str
    repeat: int
    request: Request
    expect: Expect
    save: dict[str, str]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A conversation one client has with a server."""

    client: str
    file: str
    name: str
    source: str
    level: Level
    notes: str
    tags: tuple[str, ...]
    requires: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def label(self) -> str:
        """The name used on the command line: `entra/01-test-connection`."""
        return f"{self.client}/{self.file}"


def load_all(directory: Path = SHIPPED) -> list[Scenario]:
    """Read every scenario below a directory, ordered by client and file name."""
    return [load(path) for path in sorted(directory.glob("*/*.json"))]


def load(path: Path) -> Scenario:
    """Read one scenario file."""
    place = f"{path.parent.name}/{path.name}"
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_duplicates)
    except ValueError as error:
        raise ScenarioError(f"{place}: {error}") from error
    return read(document, client=path.parent.name, file=path.stem, place=place)


def read(document: Json, client: str, file: str, place: str) -> Scenario:
    """Turn the JSON of a scenario into a Scenario."""
    keys = _object(document, place)
    _only(keys, {"client", "name", "source", "level", "notes", "tags", "requires", "steps"}, place)
    if keys.get("client") != client:
        raise ScenarioError(f"{place}: client is {keys.get('client')!r} but the directory is {client!r}")
    level = _choice(keys.get("level"), LEVELS, f"{place}: level")
    requires = _strings(keys.get("requires", []), f"{place}: requires")
    for requirement in requires:
        _choice(requirement, sorted(REQUIREMENTS), f"{place}: requires")
    raw_steps = keys.get("steps")
    if not isinstance(raw_steps, list) or not raw_steps:
        raise ScenarioError(f"{place}: steps must be a non-empty array")
    steps = tuple(_step(step, f"{place}: steps[{at}]") for at, step in enumerate(raw_steps))
    _check_names(steps, place)
    return Scenario(
        client=client,
        file=file,
        name=_string(keys.get("name"), f"{place}: name"),
        source=_string(keys.get("source"), f"{place}: source"),
        level=level,
        notes=_string(keys.get("notes", ""), f"{place}: notes"),
        tags=_strings(keys.get("tags", []), f"{place}: tags"),
        requires=requires,
        steps=steps,
    )


def _step(value: Json, place: str) -> Step:
    keys = _object(value, place)
    _only(keys, {"comment", "repeat", "request", "expect", "save"}, place)
    repeat = keys.get("repeat", 1)
    if isinstance(repeat, bool) or not isinstance(repeat, int) or repeat < 1:
        raise ScenarioError(f"{place}.repeat: a positive integer is needed, not {repeat!r}")
    save = _texts(keys.get("save", {}), f"{place}.save")
    for path in save.values():
        _check_path(path, f"{place}.save")
    return Step(
        comment=_string(keys.get("comment", ""), f"{place}.comment"),
        repeat=repeat,
        request=_request(keys.get("request"), f"{place}.request"),
        expect=_expect(keys.get("expect"), f"{place}.expect"),
        save=save,
    )


def _request(value: Json, place: str) -> Request:
    keys = _object(value, place)
    _only(keys, {"method", "path", "headers", *PAYLOADS}, place)
    kinds = [kind for kind in PAYLOADS if kind in keys]
    if len(kinds) > 1:
        raise ScenarioError(f"{place}: {' and '.join(kinds)} exclude each other")
    path = _string(keys.get("path"), f"{place}.path")
    if not re.fullmatch(r"[!-~]*", path):
        raise ScenarioError(f"{place}.path: {path!r} must be percent-encoded as the client sends it")
    kind = kinds[0] if kinds else None
    payload = keys[kind] if kind else None
    if kind == "raw_body":
        _string(payload, f"{place}.raw_body")
    if kind == "form":
        _texts(payload, f"{place}.form")
    problem = macro_problem(payload)
    if problem:
        raise ScenarioError(f"{place}.{kind}: {problem}")
    return Request(
        method=_string(keys.get("method"), f"{place}.method"),
        path=path,
        headers=_headers(keys.get("headers", {}), f"{place}.headers"),
        payload_kind=kind,
        payload=payload,
    )


def _expect(value: Json, place: str) -> Expect:
    keys = _object(value, place)
    _only(
        keys,
        {"status", "headers", "json", "body_contains", "body_not_contains", "empty_body", "max_ms"},
        place,
    )
    status = keys.get("status")
    if not isinstance(status, list) or not status or not all(type(code) is int for code in status):
        raise ScenarioError(f"{place}.status: a non-empty array of integers is needed, not {status!r}")
    headers = _texts(keys.get("headers", {}), f"{place}.headers")
    for name, pattern in headers.items():
        _check_expected({"$regex": pattern}, f"{place}.headers[{name!r}]")
    assertions = _object(keys.get("json", {}), f"{place}.json")
    for path, expected in assertions.items():
        _check_path(path, f"{place}.json")
        _check_expected(expected, f"{place}.json[{path!r}]")
    empty_body, max_ms = keys.get("empty_body", False), keys.get("max_ms")
    if not isinstance(empty_body, bool):
        raise ScenarioError(f"{place}.empty_body: true or false is needed, not {empty_body!r}")
    if max_ms is not None and type(max_ms) is not int:
        raise ScenarioError(f"{place}.max_ms: an integer is needed, not {max_ms!r}")
    return Expect(
        status=tuple(code for code in status if isinstance(code, int)),
        headers=headers,
        json=assertions,
        body_contains=_strings(keys.get("body_contains", []), f"{place}.body_contains"),
        body_not_contains=_strings(keys.get("body_not_contains", []), f"{place}.body_not_contains"),
        empty_body=empty_body,
        max_ms=max_ms if isinstance(max_ms, int) else None,
    )


def _check_names(steps: Sequence[Step], place: str) -> None:
    """Refuse a placeholder that no earlier step saves: it would only show when the scenario is replayed."""
    known = set(GIVEN)
    for at, step in enumerate(steps):
        request, expect = step.request, step.expect
        uses: list[Json] = [request.path, list(request.headers.values()), request.payload]
        uses += [expect.json, list(expect.json), list(expect.headers.values())]
        uses += [list(expect.body_contains), list(expect.body_not_contains), list(step.save.values())]
        for name in names_in(uses):
            if name not in known and not name.startswith(("uuid.", "env.")):
                raise ScenarioError(f"{place}: steps[{at}] uses ${{{name}}} before any step saves it")
        known |= {name.removesuffix("[]") for name in step.save}


def _check_path(path: str, place: str) -> None:
    try:
        parse(path)
    except PathError as error:
        raise ScenarioError(f"{place}: {error}") from error


def _check_expected(expected: Json, place: str) -> None:
    try:
        check_expected(expected)
    except MatcherError as error:
        raise ScenarioError(f"{place}: {error}") from error
    problem = macro_problem(expected)
    if problem:
        raise ScenarioError(f"{place}: {problem}")


def _without_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """Build an object; a key given twice would silently lose the first assertion made under it."""
    built = dict(pairs)
    if len(built) < len(pairs):
        twice = next(key for at, (key, _) in enumerate(pairs) if key in dict(pairs[:at]))
        raise ValueError(f"the key {twice!r} is given twice in one object")
    return built


def _only(keys: Iterable[str], allowed: set[str], place: str) -> None:
    unknown = sorted(set(keys) - allowed)
    if unknown:
        raise ScenarioError(f"{place}: unknown key {unknown[0]!r}")


def _object(value: Json, place: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ScenarioError(f"{place}: an object is needed, not {value!r}")
    return value


def _string(value: Json, place: str) -> str:
    if not isinstance(value, str):
        raise ScenarioError(f"{place}: a string is needed, not {value!r}")
    return value


def _strings(value: Json, place: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ScenarioError(f"{place}: an array of strings is needed, not {value!r}")
    return tuple(_string(one, place) for one in value)


def _texts(value: Json, place: str) -> dict[str, str]:
    return {key: _string(one, f"{place}[{key!r}]") for key, one in _object(value, place).items()}


def _headers(value: Json, place: str) -> dict[str, str | None]:
    headers = _object(value, place)
    return {key: None if one is None else _string(one, f"{place}[{key!r}]") for key, one in headers.items()}


def _choice(value: Json, choices: Sequence[Choice], place: str) -> Choice:
    for choice in choices:
        if value == choice:
            return choice
    raise ScenarioError(f"{place}: one of {', '.join(choices)} is needed, not {value!r}")
