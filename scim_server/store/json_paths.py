"""Values inside ``folded``, in the SQL of either database.

No expression here raises while it runs, whatever the document holds: a value stored under a former
schema, of another type than the present one says, is compared as the database has it.
"""

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import orjson
from sqlalchemy import (
    REAL,
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Integer,
    Numeric,
    Text,
    bindparam,
    case,
    cast,
    collate,
    column,
    func,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, JSONPATH
from sqlalchemy.types import TypeEngine

from scim_server.protocol.catalog import AttributeDefinition
from scim_server.protocol.comparison import fixed_width
from scim_server.store.session import Tenant

Path = tuple[str, ...]

_MAX_INTEGER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value in SQL, NULL when it is unassigned, and how what it is compared with is bound."""

    expression: ColumnElement[Any]
    bind: Callable[[Any], ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of an array as rows: ``element`` is one as JSON, ``position`` its place."""

    source: FromClause
    element: ColumnElement[Any]
    position: ColumnElement[int]


class JsonPaths(Protocol):
    """JSON and text as one database has them; ``root`` is JSON, ``path`` the keys that lead on from it."""

    def scalar(self, root: ColumnElement[Any], path: Path, attribute: AttributeDefinition) -> Scalar:
        """Return the plain value at a path, in the type of an attribute."""

    def plain_element(self, elements: Elements, attribute: AttributeDefinition) -> Scalar:
        """Return an element that is a plain value, in the type of an attribute."""

    def assigned(self, root: ColumnElement[Any], path: Path) -> ColumnElement[bool]:
        """Return whether there is anything at a path."""

    def elements(self, root: ColumnElement[Any], path: Path) -> Elements:
        """Return the elements of the array at a path, none where there is nothing."""

    def contains(self, text: ColumnElement[str], part: ColumnElement[str]) -> ColumnElement[bool]:
        """Return whether a text holds another; no character of it is a wildcard."""

    def starts_with(self, text: ColumnElement[str], part: ColumnElement[str]) -> ColumnElement[bool]:
        """Return whether a text starts with another."""

    def ends_with(self, text: ColumnElement[str], part: ColumnElement[str]) -> ColumnElement[bool]:
        """Return whether a text ends with another, which is not empty."""


def json_paths(tenant: Tenant) -> JsonPaths:
    """Return the JSON of the database at hand."""
    return PostgreSQLPaths() if tenant.db.dialect.name == "postgresql" else SQLitePaths()


def bind_text(value: Any) -> ColumnElement[Any]:
    """Bind what ``folded`` holds as a string: text, a dateTime or a binary value."""
    if isinstance(value, datetime):
        value = fixed_width(value)
    elif isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    return bindparam(None, value, Text)


class PostgreSQLPaths:
    """Paths into JSONB, whose texts are compared by code point under the collation C."""

    def scalar(self, root: ColumnElement[Any], path: Path, attribute: AttributeDefinition) -> Scalar:
        if attribute.type == "integer":
            return Scalar(_postgresql_integer(_at(root, path)), _bind_integer(Double))
        if attribute.type == "decimal":
            number = _if_number(_at(root, path), Double())
            return Scalar(number, lambda value: bindparam(None, value, Double))
        text: ColumnElement[str] = collate(root.op("#>>", return_type=Text())(_keys(path)), "C")
        if attribute.type == "boolean":
            return Scalar(text, lambda value: bind_text("true" if value else "false"))
        return Scalar(text, bind_text)

    def plain_element(self, elements: Elements, attribute: AttributeDefinition) -> Scalar:
        return self.scalar(elements.element, (), attribute)

    def assigned(self, root: ColumnElement[Any], path: Path) -> ColumnElement[bool]:
        return _at(root, path).is_not(None)

    def elements(self, root: ColumnElement[Any], path: Path) -> Elements:
        # A lax path yields nothing where jsonb_array_elements would raise.
        steps = "$" + "".join(f".{orjson.dumps(key).decode()}" for key in path) + "[*]"
        rows = (
            func.jsonb_path_query(root, cast(bindparam(None, steps, Text), JSONPATH))
            .table_valued(column("element", JSONB), with_ordinality="position")
            .render_derived()
        )
        return Elements(rows, rows.c.element, rows.c.position)

    def contains(self, text: ColumnElement[str], part: ColumnElement[str]) -> ColumnElement[bool]:
        return func.strpos(text, part) > 0

    def starts_with(self, text: ColumnElement[str], part: ColumnElement[str]) -> ColumnElement[bool]:
        # Served by an index of the text, being under the collation C.
        return func.starts_with(text, part)

    def ends_with(self, text: ColumnElement[str], part: ColumnElement[str]) -> ColumnElement[bool]:
        return func.right(text, func.length(part)) == part


def _if_number(value: ColumnElement[Any], kind: TypeEngine[Any]) -> ColumnElement[Any]:
    return case((func.jsonb_typeof(value) == "number", cast(value, kind)))


def _postgresql_integer(value: ColumnElement[Any]) -> ColumnElement[Any]:
    # The cast to 64 bits raises on what is beyond them.
    number = _if_number(value, Numeric())
    return case((number.between(_bound(-_MAX_INTEGER - 1), _bound(_MAX_INTEGER)), cast(number, BigInteger)))


def _bound(value: int) -> ColumnElement[Any]:
    return bindparam(None, Decimal(value), Numeric)


def _bind_integer(beyond: type[TypeEngine[Any]]) -> Callable[[int], ColumnElement[Any]]:
    """Bind an integer; one of more than 64 bits in a type where only the side it lies on matters."""

    def bind(value: int) -> ColumnElement[Any]:
        if -_MAX_INTEGER - 1 <= value <= _MAX_INTEGER:
            return bindparam(None, value, BigInteger)
        return bindparam(None, math.inf if value > 0 else -math.inf, beyond)

    return bind


def _keys(path: Path) -> ColumnElement[Any]:
    return bindparam(None, list(path), ARRAY(Text))


def _at(root: ColumnElement[Any], path: Path) -> ColumnElement[Any]:
    return root.op("#>", return_type=JSONB())(_keys(path)) if path else root


class SQLitePaths:
    """Paths into JSON text, whose texts SQLite compares by code point, as the bytes of UTF-8."""

    def scalar(self, root: ColumnElement[Any], path: Path, attribute: AttributeDefinition) -> Scalar:
        return _typed(func.json_extract(root, _json_path(path)), attribute)

    def plain_element(self, elements: Elements, attribute: AttributeDefinition) -> Scalar:
        return _typed(elements.source.c.value, attribute)

    def assigned(self, root: ColumnElement[Any], path: Path) -> ColumnElement[bool]:
        return func.json_type(root, _json_path(path)).is_not(None)

    def elements(self, root: ColumnElement[Any], path: Path) -> Elements:
        rows = func.json_each(root, _json_path(path)).table_valued("key", "value", "type")
        # json_extract raises on text that is no JSON, such as that of a plain value.
        document = case((rows.c.type == "object", rows.c.value))
        return Elements(rows, document, rows.c.key)

    def contains(self, text: ColumnElement[str], part: ColumnElement[str]) -> ColumnElement[bool]:
        return func.instr(text, part) > 0

    def starts_with(self, text: ColumnElement[str], part: ColumnElement[str]) -> ColumnElement[bool]:
        return func.substr(text, 1, func.length(part)) == part

    def ends_with(self, text: ColumnElement[str], part: ColumnElement[str]) -> ColumnElement[bool]:
        return func.substr(text, -func.length(part)) == part


def _json_path(path: Path) -> ColumnElement[str]:
    # NB: the names are those of schemas, never of a client; SQLite knows no escape inside the quotes.
    return bindparam(None, "$" + "".join(f'."{key}"' for key in path), Text)


def _typed(value: ColumnElement[Any], attribute: AttributeDefinition) -> Scalar:
    if attribute.type == "integer":
        return Scalar(type_coerce(value, BigInteger), _bind_integer(REAL))
    if attribute.type == "decimal":
        return Scalar(type_coerce(value, REAL), _bind_decimal)
    if attribute.type == "boolean":
        return Scalar(type_coerce(value, Integer), lambda operand: bindparam(None, int(operand), Integer))
    return Scalar(type_coerce(value, Text), bind_text)


def _bind_decimal(value: float) -> ColumnElement[Any]:
    if math.isinf(value):
        return bindparam(None, value, REAL)
    # Read from the same JSON as the stored value is: some builds of SQLite miss the nearest double.
    return func.json_extract(bindparam(None, orjson.dumps(value).decode(), Text), "$", type_=REAL())
