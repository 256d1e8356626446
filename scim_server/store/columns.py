"""What every table is made of: the metadata they share, and the types of their columns."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Dialect, MetaData, Text, TypeDecorator, literal_column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeEngine

from scim_server.protocol.comparison import read_date_time

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Key = Text().with_variant(Text(collation="C"), "postgresql")
"""Text compared by code point on both databases; SQLite does so by default."""

MAX_KEY_BYTES = 1_000
"""The longest indexed value; PostgreSQL's B-tree takes 2,700 bytes with the rest of the key."""

MAX_NAME_LENGTH = 100
"""How many characters of a name members are listed and searched by."""

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, to the millisecond: ``timestamptz`` on PostgreSQL, fixed-width text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        # NB: microseconds in the text, so that a filter's operand keeps its own precision.
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else read_date_time(value)


def computed(column: ColumnElement[str]) -> ColumnElement[str]:
    """Return a column as a value that is in no index, for a row that is looked up by a key of its own.

    A table that has grown faster than its statistics would otherwise be read from its first row on, by an index that
    only its other columns lead to.
    """
    return column.concat(literal_column("''"))
