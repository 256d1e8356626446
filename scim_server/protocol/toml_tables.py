"""TOML that a person wrote: tables that are read key by key, and say the line of what is wrong."""

import re
import tomllib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

_Path = tuple[str | int, ...]
_Choice = TypeVar("_Choice", bound=str)

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ERROR_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class TomlError(ValueError):
    """The text is not the TOML that is expected; the message begins with the line."""


@dataclass(frozen=True, slots=True)
class TomlTable:
    """A table of a TOML text; ``path`` leads to it from the root, through names and positions in arrays."""

    content: dict[str, Any]
    path: _Path
    source: str

    def refusal(self, complaint: str, *keys: str | int) -> TomlError:
        """Return the error about what the keys lead to: its line, its dotted name, and the complaint."""
        path = (*self.path, *keys)
        # NB: lines are looked for when there is an error to tell; tomllib does not say where a value stood.
        return TomlError(f"line {_line_of(path, self.source)}: {_dotted(path)} {complaint}")

    def check_keys(self, accepted: Collection[str]) -> None:
        """Refuse keys that mean nothing; one that lacks is refused when it is read.

        :raises TomlError: When there is one.
        """
        for key in self.content:
            if key not in accepted:
                raise self.refusal(f"is unknown; accepted here: {', '.join(accepted)}", key)

    def text(self, key: str) -> str:
        """Return a text that is not empty.

        :raises TomlError: When it is none.
        """
        return str(self._value(key, "a text", lambda value: isinstance(value, str) and bool(value.strip())))

    def pattern(self, key: str, pattern: re.Pattern[str], expected: str) -> str:
        """Return a text of a certain form.

        :raises TomlError: When it has another.
        """
        return str(self._value(key, expected, lambda value: isinstance(value, str) and bool(pattern.fullmatch(value))))

    def choice(self, key: str, accepted: tuple[_Choice, ...]) -> _Choice:
        """Return one of the texts that are accepted.

        :raises TomlError: When it is none of them.
        """
        value = self._value(key, f"one of {', '.join(accepted)}", lambda value: value in accepted)
        return accepted[accepted.index(value)]

    def choices(self, key: str, accepted: tuple[_Choice, ...], *, least: int = 0) -> tuple[_Choice, ...]:
        """Return an array of texts that are accepted, each once, and at least so many of them.

        :raises TomlError: When it is none.
        """

        def accepts(value: Any) -> bool:
            return (
                isinstance(value, list)
                and len(value) >= least
                and all(each in accepted and value.count(each) == 1 for each in value)
            )

        amount = f"an array of at least {least}" if least else "an array"
        value = self._value(key, f"{amount} of {', '.join(accepted)}, each once", accepts)
        return tuple(accepted[accepted.index(each)] for each in value)

    def flag(self, key: str) -> bool:
        """Return a boolean.

        :raises TomlError: When it is none.
        """
        return bool(self._value(key, "true or false", lambda value: isinstance(value, bool)))

    def integer(self, key: str, minimum: int, maximum: int | None = None) -> int:
        """Return a whole number; the maximum is inclusive.

        :raises TomlError: When it is none, or out of its range.
        """
        expected = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

        def accepts(value: Any) -> bool:
            # A boolean is an int in Python, and none in TOML.
            return type(value) is int and value >= minimum and (maximum is None or value <= maximum)

        return int(self._value(key, f"a whole number {expected}", accepts))

    def table(self, key: str) -> "TomlTable":
        """Return the table under a key.

        :raises TomlError: When there is none.
        """
        value = self._value(key, "a table", lambda value: isinstance(value, dict))
        return TomlTable(value, (*self.path, key), self.source)

    def tables(self, key: str) -> tuple["TomlTable", ...]:
        """Return the tables of an array; none where the key is not there.

        :raises TomlError: When it is no array of tables.
        """
        if key not in self.content:
            return ()

        def accepts(value: Any) -> bool:
            return isinstance(value, list) and all(isinstance(each, dict) for each in value)

        value = self._value(key, f"an array of tables, each headed [[{key}]]", accepts)
        return tuple(TomlTable(each, (*self.path, key, index), self.source) for index, each in enumerate(value))

    def _value(self, key: str, expected: str, accepts: Callable[[Any], bool]) -> Any:
        if key not in self.content:
            raise self.refusal(f"is missing; it must be {expected}", key)
        value = self.content[key]
        if not accepts(value):
            raise self.refusal(f"must be {expected}, not {_shown(value)}", key)
        return value


def read_toml(text: str) -> TomlTable:
    """Return the root table of a text.

    :raises TomlError: When it is not TOML.
    """
    try:
        return TomlTable(tomllib.loads(text), (), text)
    except tomllib.TOMLDecodeError as exc:
        place = _ERROR_PLACE.search(str(exc))
        line = place[1] if place and place[1] else max(1, len(text.splitlines()))
        raise TomlError(f"line {line}: {_ERROR_PLACE.sub('', str(exc))} (the file is not TOML)") from exc


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)[:100]


def _dotted(path: _Path) -> str:
    names = (key for key in path if isinstance(key, str))
    return ".".join(name if _BARE_KEY.fullmatch(name) else f'"{name}"' for name in names)


def _line_of(path: _Path, source: str) -> int:
    """Return the line of what a path leads to, or of the nearest table around it that is written."""
    lines = _lines(source)
    while path not in lines:
        path = path[:-1]
    return lines[path]


def _lines(source: str) -> dict[_Path, int]:
    """Return the line that each statement begins in, by the paths of what it writes."""
    lines: dict[_Path, int] = {(): 1}
    positions: dict[_Path, int] = {}
    table: _Path = ()
    start, statement = 1, ""
    for number, line in enumerate(source.split("\n"), 1):
        statement += line + "\n"
        try:
            # A statement is TOML by itself, and no beginning of one is: tomllib knows where it ends.
            content = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            table, content = _header(content, positions), {}
            for length in range(1, len(table)):
                lines.setdefault(table[:length], start)
        _note(lines, table, content, start)
        start, statement = number + 1, ""
    return lines


def _header(content: Any, positions: dict[_Path, int]) -> _Path:
    """Return the path of a table from its header, read by itself; an array of tables grows by one."""
    path: _Path = ()
    while content:
        if isinstance(content, list):
            positions[path] = positions.get(path, -1) + 1
            return (*path, positions[path])
        if path in positions:
            path = (*path, positions[path])
        ((name, content),) = content.items()
        path = (*path, name)
    return path


def _note(lines: dict[_Path, int], path: _Path, content: Any, line: int) -> None:
    lines.setdefault(path, line)
    if isinstance(content, dict | list):
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            _note(lines, (*path, key), value, line)
