"""The SQL that reaches the databases: recorded, counted, and held to name its organization."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, event

from scim_server.store.tables import TENANT_TABLES

_TENANT_NAMES = frozenset(table.name for table in TENANT_TABLES)
_NO_STATEMENT = ("BEGIN", "COMMIT", "PRAGMA")
_ASIDE = r"\b(FROM|UPDATE) tokens\b|\bFROM connections LEFT OUTER JOIN resources\b|\bconnection_hours\b"
_DEFINING = ("CREATE ", "ALTER ", "DROP ", "PRAGMA ")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as the driver gets it."""

    sql: str
    parameters: Any

    @property
    def is_of_tokens(self) -> bool:
        """Whether it belongs to the look-up of a token, or to the counts of requests, not to the request itself."""
        return re.search(_ASIDE, self.sql) is not None


@contextmanager
def recorded(*, tokens: bool = False) -> Iterator[list[Statement]]:
    """Record what any engine of this process executes, without BEGIN, COMMIT and the look-up of tokens.

    :param tokens: Whether the look-up of tokens is recorded too.
    """
    statements: list[Statement] = []

    def record(_db: Connection, _cursor: Any, sql: str, parameters: Any, _context: Any, _many: bool) -> None:
        statement = Statement(sql, parameters)
        if not sql.startswith(_NO_STATEMENT) and (tokens or not statement.is_of_tokens):
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", record)


_TOKEN = re.compile(
    r"""
    (?P<string>'(?:[^']|'')*')
  | (?P<bind>%\((?P<name>\w+)\)s|\?)(?:::\w+(?:\ WITH\ TIME\ ZONE|\ PRECISION|\[\])?)?(?:\ COLLATE\ "C")?
  | (?P<word>"(?:[^"]|"")+"|[A-Za-z_]\w*)
  | (?P<other>[^\s\w]|\d[\w.]*)
    """,
    re.VERBOSE,
)
_VERBS = frozenset({"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"})
_NAMING = frozenset({"FROM", "JOIN", "UPDATE", "USING"})
_CLAUSES = _NAMING | _VERBS | frozenset(
    {"INTO", "WHERE", "ON", "CONFLICT", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "GROUP", "HAVING", "ORDER", "LIMIT",
     "OFFSET", "SET", "VALUES", "RETURNING", "FOR", "DO"}
)  # fmt: skip
_NO_CLAUSES = frozenset({("DISTINCT", "FROM"), ("KEY", "UPDATE"), ("FOR", "UPDATE")})
_OUTER = frozenset({"LEFT", "RIGHT", "FULL"})


@dataclass(frozen=True, slots=True)
class _Word:
    """One token of SQL; ``place`` is the name or number of a parameter."""

    text: str
    is_bind: bool = False
    place: str | int = ""


_Group = list["_Word | _Group"]


class _Unbound(Exception):
    """A tenant table without the organization."""


def fault_of(sql: str, parameters: Any) -> str | None:
    """Return why a statement may reach into another organization, None when it cannot.

    Each occurrence of a tenant table needs ``org_id = <bound parameter>`` among the conditions that hold
    together in its own SELECT, UPDATE or DELETE, a new row needs one, and all of them must be the same
    organization.
    """
    fault, places = _read(sql)
    if fault is not None:
        return fault
    for values in parameters if isinstance(parameters, list) else [parameters]:
        if len({values[place] for place in places}) > 1:
            return "names several organizations"
    return None


@lru_cache(maxsize=20_000)
def _read(sql: str) -> tuple[str | None, frozenset[str | int]]:
    """Return why no values can make a statement safe; where that is nothing, which parameters are its organization."""
    flat = " ".join(sql.split())
    places: set[str | int] = set()
    if flat.startswith(_DEFINING):
        return None, frozenset()
    statement = _grouped(flat)
    try:
        read = _check(statement, places)
    except _Unbound as fault:
        return str(fault), frozenset()
    if read != _count_tables(statement):
        return "has a tenant table where this guard does not read it", frozenset()
    return None, frozenset(places)


def _count_tables(group: _Group) -> int:
    return sum(
        _count_tables(item)
        if isinstance(item, list)
        else item.text.lower() in _TENANT_NAMES and _word(group, index + 1) != "."
        for index, item in enumerate(group)
    )


def _grouped(sql: str) -> _Group:
    """Return the tokens of a statement; what stands between parentheses is a list of its own."""
    stack: list[_Group] = [[]]
    position = 0
    for match in _TOKEN.finditer(sql):
        if match["name"]:
            stack[-1].append(_Word("?", True, match["name"]))
        elif match["bind"]:
            stack[-1].append(_Word("?", True, position))
            position += 1
        elif match[0] == "(":
            stack.append([])
        elif match[0] == ")":
            group = stack.pop()
            stack[-1].append(group)
        else:
            stack[-1].append(_Word(match[0].strip('"')))
    (statement,) = stack
    return statement


def _check(group: _Group, places: set[str | int]) -> int:
    """Check each part of a statement, and those between its parentheses; return how many tables it has read.

    :raises _Unbound: When a tenant table is used without the organization.
    """
    read = 0
    for part in _split(group, "UNION", "INTERSECT", "EXCEPT"):
        clauses = _clauses(_flattened(part))
        held = _held(clauses, places)
        if any(keyword == "INSERT" for keyword, _ in clauses):  # Not the first word where a WITH comes before it.
            read += _check_rows(clauses, held, places)
        for table, alias in _tables(clauses):
            read += 1
            if alias not in held:
                raise _Unbound(f"{table} as {alias} is used without org_id equal to a parameter")
        read += _check_inside(part, places)
    return read


def _check_inside(group: _Group, places: set[str | int]) -> int:
    inner = (item for item in group if isinstance(item, list))
    return sum((_check if _word(item, 0) in _VERBS else _check_inside)(item, places) for item in inner)


def _flattened(part: _Group) -> _Group:
    """Return a part without the parentheses around its joins."""
    flat: _Group = []
    for index, item in enumerate(part):
        if isinstance(item, list) and _word(part, index - 1) in ("FROM", "JOIN") and _word(item, 0) not in _VERBS:
            flat += _flattened([_Word("FROM"), *item])[1:]
        else:
            flat.append(item)
    return flat


def _clauses(part: _Group) -> list[tuple[str, _Group]]:
    """Return the clauses of a SELECT, UPDATE, DELETE or INSERT, each under its keyword."""
    clauses: list[tuple[str, _Group]] = [("", [])]
    for index, item in enumerate(part):
        before, word, after = (_word(part, index + step) for step in (-1, 0, 1))
        if word in _CLAUSES and before != "." and (before, word) not in _NO_CLAUSES and after != "ORDINALITY":
            clauses.append((word, []))
        else:
            clauses[-1][1].append(item)
    return clauses


def _tables(clauses: list[tuple[str, _Group]]) -> Iterator[tuple[str, str]]:
    """Yield each occurrence of a tenant table whose rows are read or changed, with the name it has there."""
    for keyword, content in clauses:
        if keyword in _NAMING:
            for source in _split(content, ","):
                if _word(source, 0).lower() in _TENANT_NAMES:
                    yield _word(source, 0).lower(), _name(source)


def _name(source: _Group) -> str:
    named = source[2:3] if _word(source, 1) == "AS" else source[1:2]
    word = named[0] if named else source[0]
    return word.text if isinstance(word, _Word) else _word(source, 0).lower()


def _held(clauses: list[tuple[str, _Group]], places: set[str | int]) -> set[str]:
    """Return the names for which ``org_id = <parameter>`` holds in every row of a part."""
    held: set[str] = set()
    outer, joined = False, ""
    for index, (keyword, content) in enumerate(clauses):
        if keyword == "JOIN":
            outer, joined = bool(index) and clauses[index - 1][0] in _OUTER, _name(content)
        elif keyword in ("WHERE", "ON"):
            names = dict(_equalities(content))
            if keyword == "ON" and outer:  # An outer join keeps the rows of the other side whatever its condition.
                names = {name: value for name, value in names.items() if name == joined}
            held |= names.keys()
            places.update(names.values())
    return held


def _equalities(condition: _Group) -> Iterator[tuple[str, str | int]]:
    """Yield the names whose org_id a condition makes equal to a parameter, whatever else holds."""
    words = [_word(condition, index) for index in range(len(condition))]
    if "OR" in words:
        return
    for term in _split(condition, "AND"):
        inner = term[0] if len(term) == 1 else None
        if isinstance(inner, list) and _word(inner, 0) not in _VERBS:
            yield from _equalities(inner)
        flat = [item for item in term if isinstance(item, _Word)]
        texts = [item.text for item in flat]
        if len(flat) == len(term) == 5:
            if texts[1:] == [".", "org_id", "=", "?"]:
                yield texts[0], flat[4].place
            elif texts[:2] == ["?", "="] and texts[3:] == [".", "org_id"]:
                yield texts[2], flat[0].place


def _check_rows(clauses: list[tuple[str, _Group]], held: set[str], places: set[str | int]) -> int:
    """Check that the rows of an INSERT get a bound org_id, or that of the rows they are selected from.

    Return 1 when they are rows of a tenant table, else 0.
    """
    content = next(content for keyword, content in clauses if keyword == "INTO")
    table, columns = _word(content, 0).lower(), content[1]
    if table not in _TENANT_NAMES:
        return 0
    assert isinstance(columns, list)
    names = [_word(name, 0) for name in _split(columns, ",")]
    if "ORG_ID" not in names:
        raise _Unbound(f"a row of {table} has no org_id")
    place = names.index("ORG_ID")
    for keyword, content in clauses:
        if keyword == "SELECT":
            value = _split(content, ",")[place]
            texts = [item.text for item in value if isinstance(item, _Word)]
            if isinstance(value[0], _Word) and value[0].is_bind and texts[1:2] in ([], ["AS"]):
                places.add(value[0].place)
            elif not (texts[1:3] == [".", "org_id"] and texts[0] in held):
                raise _Unbound(f"rows of {table} get an org_id of elsewhere")
        elif keyword == "VALUES":
            for row in content:
                if isinstance(row, list):
                    value = _split(row, ",")[place]
                    if not (isinstance(value[0], _Word) and value[0].is_bind):
                        raise _Unbound(f"a row of {table} gets an org_id that is no parameter")
                    places.add(value[0].place)
    return 1


def _split(group: _Group, *separators: str) -> list[_Group]:
    parts: list[_Group] = [[]]
    for index, item in enumerate(group):
        if _word(group, index) in separators:
            parts.append([])
        else:
            parts[-1].append(item)
    return [part for part in parts if part]


def _word(group: _Group, index: int) -> str:
    """Return the word at a place in upper case, nothing where there is none."""
    item = group[index] if 0 <= index < len(group) else None
    return item.text.upper() if isinstance(item, _Word) else ""


_guards: list[list[str]] = []


def _check_execution(_db: Connection, _cursor: Any, sql: str, parameters: Any, _context: Any, _many: bool) -> None:
    if sql.startswith("INSERT INTO _alembic_tmp_"):
        return  # SQLite's table is made anew, with all that is in it.
    fault = fault_of(sql, parameters)
    if fault is not None and (found := f"{fault}: {' '.join(sql.split())}") not in _guards[-1]:
        _guards[-1].append(found)


@contextmanager
def guarded() -> Iterator[list[str]]:
    """Hold every statement of every engine of this process to name its organization; return the faults.

    Of two guards, one within the other, the inner one alone gets the faults.
    """
    faults: list[str] = []
    _guards.append(faults)
    if len(_guards) == 1:
        event.listen(Engine, "before_cursor_execute", _check_execution)
    try:
        yield faults
    finally:
        _guards.pop()
        if not _guards:
            event.remove(Engine, "before_cursor_execute", _check_execution)
