"""Fills `${...}` placeholders and the `$each` and `$text` macros of a scenario."""

import json
import os
import re
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from conformance.json_types import Json

PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
GIVEN = frozenset({"run", "token", "base", "token_endpoint", "i"})
EACH_KEYS = frozenset({"$each", "from", "to", "item"})
TEXT_KEYS = frozenset({"char", "times", "prefix"})


class PlaceholderError(ValueError):
    """A placeholder or macro names something that is not there."""


@dataclass(frozen=True, slots=True)
class Placeholders:
    """The values one scenario can name: what was given, what was drawn for this run, and what it saved."""

    token: str
    base: str
    token_endpoint: str | None = None
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    saved: dict[str, Json] = field(default_factory=dict)
    secret_values: set[str] = field(default_factory=set)
    """The token and each environment value that was used: never to be printed."""

    def __post_init__(self) -> None:
        self.secret_values.add(self.token)

    def save(self, name: str, value: Json) -> None:
        """Keep a value under a name; a name ending in `[]` is a list that grows."""
        if not name.endswith("[]"):
            self.saved[name] = value
            return
        kept = self.saved.setdefault(name.removesuffix("[]"), [])
        if not isinstance(kept, list):
            raise PlaceholderError(f"${{{name.removesuffix('[]')}}} is saved both as a value and as a list")
        kept.append(value)

    def text(self, template: str, local: dict[str, Json] | None = None) -> str:
        """Fill the placeholders of a string into text, as for a path or a header."""
        return PLACEHOLDER.sub(lambda found: _as_text(self._value(found[1], local or {})), template)

    def fill(self, value: Json, local: dict[str, Json] | None = None) -> Json:
        """Fill a JSON value; a string that is just one placeholder keeps the type of what was saved."""
        local = local or {}
        if isinstance(value, str):
            alone = PLACEHOLDER.fullmatch(value)
            return self._value(alone[1], local) if alone else self.text(value, local)
        if isinstance(value, list):
            return [filled for element in value for filled in self._elements(element, local)]
        if isinstance(value, dict):
            if set(value) == {"$text"}:
                return self._long_text(value["$text"], local)
            return {key: self.fill(below, local) for key, below in value.items()}
        return value

    def _elements(self, element: Json, local: dict[str, Json]) -> Iterator[Json]:
        """Yield one element of an array, or for `$each` one for each saved value of the named slice."""
        if not isinstance(element, dict) or "$each" not in element:
            yield self.fill(element, local)
            return
        values = self._value(str(element["$each"]), local)
        if not isinstance(values, list):
            raise PlaceholderError(f"$each needs a list, ${{{element['$each']}}} is none")
        start, end = element.get("from"), element.get("to")
        for value in values[_position(start) : _position(end)]:
            yield self.fill(element["item"], {**local, "item": value})

    def _long_text(self, spec: Json, local: dict[str, Json]) -> str:
        if not isinstance(spec, dict) or not isinstance(spec.get("times"), int):
            raise PlaceholderError("$text needs an object with char and times")
        prefix = self.text(str(spec.get("prefix", "")), local)
        return prefix + str(spec["char"]) * int(str(spec["times"]))

    def _value(self, name: str, local: dict[str, Json]) -> Json:
        if name in local:
            return local[name]
        if name in self.saved:
            return self.saved[name]
        if name.startswith("uuid."):
            return self.saved.setdefault(name, str(uuid.uuid4()))
        if name.startswith("env."):
            return self._environment(name.removeprefix("env."))
        given = {
            "run": self.run,
            "token": self.token,
            "base": self.base,
            "token_endpoint": self.token_endpoint,
        }
        if given.get(name) is None:
            raise PlaceholderError(f"nothing is known as ${{{name}}}")
        return given[name]

    def _environment(self, variable: str) -> str:
        value = os.environ.get(variable)
        if value is None:
            raise PlaceholderError(f"the environment variable {variable} is not set")
        if value:
            self.secret_values.add(value)
        return value


def names_in(value: Json, local: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield each name that a value would ask for when filled, without `${item}` inside its `$each`."""
    if isinstance(value, str):
        yield from (name for name in PLACEHOLDER.findall(value) if name not in local)
    elif isinstance(value, list):
        for element in value:
            yield from names_in(element, local)
    elif isinstance(value, dict):
        if "$each" in value:
            yield str(value["$each"])
            local = local | {"item"}
        for below in value.values():
            yield from names_in(below, local)


def macro_problem(value: Json) -> str | None:
    """What is wrong with the macros inside a value, if anything."""
    if isinstance(value, list):
        return next(filter(None, map(macro_problem, value)), None)
    if not isinstance(value, dict):
        return None
    if "$each" in value and (not value.keys() <= EACH_KEYS or "item" not in value):
        return f"$each takes from, to and item, not {', '.join(sorted(value))}"
    text = value.get("$text")
    if "$text" in value and (
        len(value) > 1
        or not isinstance(text, dict)
        or not text.keys() <= TEXT_KEYS
        or not {"char", "times"} <= text.keys()
    ):
        return "$text takes char, times and prefix, and stands alone"
    return next(filter(None, map(macro_problem, value.values())), None)


def _position(value: Json) -> int | None:
    return value if isinstance(value, int) else None


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
