"""Paths into a JSON answer: `$.emails[?type=work].value`, `$['urn:x'].a`, `$.Resources[*].id`."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from conformance.json_types import Json


class PathError(ValueError):
    """A path is not written in the form this module reads."""


@dataclass(frozen=True, slots=True)
class Name:
    """One member of an object, by its exact name."""

    key: str


@dataclass(frozen=True, slots=True)
class Index:
    """One element of an array, counted from 0."""

    position: int


@dataclass(frozen=True, slots=True)
class Where:
    """The elements of an array whose member `key` reads as `text`."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Every:
    """All elements of an array."""


Segment: TypeAlias = Name | Index | Where | Every


@dataclass(frozen=True, slots=True)
class Selection:
    """What a path found: every value for a path with `[*]` (`many`), else the first one or none."""

    values: tuple[Json, ...]
    many: bool

    @property
    def present(self) -> bool:
        """Whether the path found anything."""
        return bool(self.values)

    @property
    def value(self) -> Json:
        """The value a matcher looks at; None also stands for absent, so ask `present` first."""
        if self.many:
            return list(self.values)
        return self.values[0] if self.values else None


_SEGMENT = re.compile(
    r"""  \.(?P<name>[^.\[\]]+)
        | \['(?P<quoted>[^']+)'\]
        | \[(?P<index>[0-9]+)\]
        | \[\?(?P<key>[^=\]]+)=(?P<text>[^\]]*)\]
        | \[(?P<every>\*)\]""",
    re.VERBOSE,
)


@lru_cache(maxsize=4096)
def parse(path: str) -> tuple[Segment, ...]:
    """Split a path into its segments."""
    if not path.startswith("$"):
        raise PathError(f"path {path!r} does not start with $")
    segments: list[Segment] = []
    at = 1
    while at < len(path):
        found = _SEGMENT.match(path, at)
        if found is None:
            raise PathError(f"path {path!r} cannot be read from {path[at:]!r} on")
        segments.append(_segment(found))
        at = found.end()
    return tuple(segments)


def _segment(found: re.Match[str]) -> Segment:
    name = found["name"] or found["quoted"]
    if name is not None:
        return Name(name)
    if found["index"] is not None:
        return Index(int(found["index"]))
    if found["key"] is not None:
        return Where(found["key"], found["text"])
    return Every()


def select(document: Json, path: str) -> Selection:
    """Find what a path points at; a path with `[*]` keeps all values, any other the first."""
    segments = parse(path)
    values: list[Json] = [document]
    for segment in segments:
        values = [below for value in values for below in _step(value, segment)]
    many = any(isinstance(segment, Every) for segment in segments)
    return Selection(tuple(values if many else values[:1]), many)


def _step(value: Json, segment: Segment) -> list[Json]:
    match segment:
        case Name(key):
            return [value[key]] if isinstance(value, dict) and key in value else []
        case Index(position):
            return [value[position]] if isinstance(value, list) and position < len(value) else []
        case Where(key, text):
            elements = value if isinstance(value, list) else []
            return [e for e in elements if isinstance(e, dict) and key in e and _reads(e[key]) == text]
        case Every():
            return list(value) if isinstance(value, list) else []


def _reads(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)
