"""The trail, who did what to what, and what follows from it: written at the end of the change's own transaction.

That is the counts of resources, and the rows of their e-mail addresses.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    column,
    exists,
    func,
    insert,
    literal,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate
from sqlalchemy.sql.selectable import TableValuedAlias

from scim_server.store.columns import Key
from scim_server.store.emails import Emails, email_values, forgetting, keeping, write_each
from scim_server.store.prepared import Prepared
from scim_server.store.session import Tenant, new_id
from scim_server.store.tables import resource_counts, trail

MEMBERS_PER_ROW = 1_000
"""How many ids one row of the trail holds; a change of more members is several rows."""

SHARDS = 16
"""How many rows of ``resource_counts`` the backends of PostgreSQL share."""


_Change = ReturningInsert[Any] | ReturningUpdate[Any]


class _Entry(NamedTuple):
    """What one row of the trail has of its own."""

    id: str
    action: str
    resource_type: str
    resource_id: str
    changes: Mapping[str, Any]


class _Count(NamedTuple):
    """How many more resources of a type were created, and deleted."""

    resource_type: str
    namespace: str
    created: int
    deleted: int


_Row = _Entry | _Count | Emails


def record(
    tenant: Tenant,
    action: str,
    resource_type: str,
    resource_id: str,
    changes: Mapping[str, Any],
    *,
    added: Sequence[str] = (),
    removed: Sequence[str] = (),
) -> None:
    """Write what an actor did, with the changed attributes; the caller leaves secrets out.

    :param action: The verb on the kind of resource, such as ``user.create``.
    :param added: Ids that became members, ``removed`` those that ceased to be.
    """
    tenant.at_end.setdefault(_write, []).extend(
        _Entry(new_id(), action, resource_type, resource_id, part) for part in _parts(changes, added, removed)
    )


def count(tenant: Tenant, resource_type: str, namespace: str, *, created: int = 0, deleted: int = 0) -> None:
    """Write that there are more resources of a type, or fewer."""
    tenant.at_end.setdefault(_write, []).append(_Count(resource_type, namespace, created, deleted))


def keep_emails(tenant: Tenant, resource_id: str, keys: tuple[str, ...], *, is_new: bool = False) -> None:
    """Write which e-mail addresses a resource has, in place of those it had.

    :param is_new: Whether it had none.
    """
    tenant.at_end.setdefault(_write, []).append(Emails(resource_id, keys, is_new))


def _parts(changes: Mapping[str, Any], added: Sequence[str], removed: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    if not added and not removed:
        yield changes
        return
    moves = [("added", each) for each in added] + [("removed", each) for each in removed]
    for first in range(0, len(moves), MEMBERS_PER_ROW):
        members: dict[str, list[str]] = {}
        for name, member_id in moves[first : first + MEMBERS_PER_ROW]:
            members.setdefault(name, []).append(member_id)
        yield {**(changes if first == 0 else {}), "members": members}


def _write(tenant: Tenant, rows: list[_Row]) -> None:
    """Write all rows in one statement, or one for each where a statement has no round trip."""
    entries, counts, addresses = _sorted_out(rows)
    if tenant.db.dialect.name == "postgresql":
        _writing(None, counts, addresses).run(tenant.db, **_values(tenant, entries, counts, addresses))
        return
    for entry in entries:
        _INSERT.run(tenant.db, org_id=tenant.org_id, **_common(tenant), **entry._asdict())
    for each in counts:
        _COUNT.run(tenant.db, org_id=tenant.org_id, shard=0, **each._asdict())
    write_each(tenant, addresses)


def write_with(tenant: Tenant, change: _Change, values: dict[str, Any]) -> bool:
    """Change a row and write what was left for the end, all in one statement of PostgreSQL.

    Outside of a transaction, the statement is its own; nothing is written when the change finds no row.

    :param change: A statement that returns a column of the row.
    :return: Whether it found one.
    """
    entries, counts, addresses = _sorted_out(tenant.at_end.pop(_write, []))
    statement = _writing(change, counts, addresses)
    return bool(statement.all(tenant.db, **{**values, **_values(tenant, entries, counts, addresses)}))


def _sorted_out(rows: list[_Row]) -> tuple[list[_Entry], list[_Count], list[Emails]]:
    entries = [row for row in rows if isinstance(row, _Entry)]
    # What was left last for a resource is what it has.
    addresses = {row.resource_id: row for row in rows if isinstance(row, Emails)}
    return entries, _sums([row for row in rows if isinstance(row, _Count)]), list(addresses.values())


def _values(tenant: Tenant, entries: list[_Entry], counts: list[_Count], addresses: list[Emails]) -> dict[str, Any]:
    values = {"of_org": tenant.org_id, **_common(tenant), "entries": _as_json(entries)}
    if counts:
        values["counts"] = _as_json(counts)
    return {**values, **email_values(addresses)} if addresses else values


def _common(tenant: Tenant) -> dict[str, Any]:
    """Return what every entry of a transaction has in common."""
    return {
        "at": tenant.now,
        "actor_kind": tenant.actor.kind,
        "actor_id": tenant.actor.id,
        "connection_id": tenant.connection_id,
        "request_id": tenant.request_id or None,
    }


def _sums(counts: list[_Count]) -> list[_Count]:
    """Return one count for each type and namespace: in order, so that nobody waits for each other."""
    if len(counts) < 2:
        return counts
    ordered = sorted(counts)
    return [
        _Count(*key, *(sum(numbers) for numbers in zip(*((each.created, each.deleted) for each in group), strict=True)))
        for key, group in groupby(ordered, key=lambda each: (each.resource_type, each.namespace))
    ]


def _as_json(rows: Sequence[_Entry | _Count]) -> str:
    return orjson.dumps([row._asdict() for row in rows]).decode()


_INSERT = Prepared(insert(trail).values({each.name: bindparam(each.name) for each in trail.c}))


def _counting(dialect: Any, source: Any = None) -> Any:
    """Return the statement that adds counts to those there are; ON CONFLICT is an extension of both databases."""
    statement = dialect.insert(resource_counts)
    names = [each.name for each in resource_counts.c]
    if source is None:
        statement = statement.values({name: bindparam(name) for name in names})
    else:
        statement = statement.from_select(names, source)
    return statement.on_conflict_do_update(
        index_elements=["org_id", "resource_type", "namespace", "shard"],
        set_={name: resource_counts.c[name] + statement.excluded[name] for name in ("created", "deleted")},
    )


_COUNT = Prepared(_counting(sqlite))


def _writing(change: _Change | None, counts: list[_Count], addresses: list[Emails]) -> Prepared:
    """Return the statement for PostgreSQL that writes what there is to write."""
    return _insertion(
        change, bool(counts), any(each.keys for each in addresses), not all(each.is_new for each in addresses)
    )


@cache
def _insertion(change: _Change | None, counts: bool, addressed: bool, readdressed: bool) -> Prepared:
    """Return the statement that writes all entries, and with them all counts, e-mail addresses and a change."""
    common = ("at", "actor_kind", "actor_id", "connection_id", "request_id")
    # NB: not "org_id": beside an UPDATE, SQLAlchemy reserves the names of its columns for the values written.
    org_id: BindParameter[str] = bindparam("of_org", type_=Key)
    found = true() if change is None else exists(select(change.cte("changed")))
    entry = _rows_of("entries", **dict.fromkeys(_Entry._fields[:-1], Key), changes=JSONB)
    entries = select(org_id, *(bindparam(name, type_=trail.c[name].type) for name in common), *entry.c).where(found)
    statement: Any = insert(trail).from_select(["org_id", *common, *_Entry._fields], entries)
    if change is not None:
        statement = statement.returning(trail.c.id)
    if counts:
        each = _rows_of("counts", resource_type=Key, namespace=Key, created=BigInteger, deleted=BigInteger)
        shard = func.mod(func.pg_backend_pid(), SHARDS, type_=Integer)
        kept = (each.c.resource_type, each.c.namespace, shard, each.c.created, each.c.deleted)
        source = select(org_id, *kept)
        statement = statement.add_cte(_counting(postgresql, source).cte("counted"))
    if addressed:
        statement = statement.add_cte(keeping(org_id, found).cte("addressed"))
    if readdressed:
        statement = statement.add_cte(forgetting(org_id, found).cte("readdressed"))
    return Prepared(statement)


def _rows_of(name: str, **columns: Any) -> TableValuedAlias:
    """Return a JSON array of objects, bound under a name, as rows."""
    bound = cast(bindparam(name, type_=Text), JSONB)
    rows = func.jsonb_to_recordset(bound).table_valued(*(column(key, kind) for key, kind in columns.items()))
    return rows.render_derived(with_types=True)


def totals_of(tenant: Tenant, resource_type: str, namespace: str | None) -> tuple[int, int]:
    """Return how many resources of a type were created and deleted, in one namespace or in all."""
    values = {"namespace": namespace} if namespace is not None else {}
    row = _totals(namespace is not None).first(tenant.db, org_id=tenant.org_id, resource_type=resource_type, **values)
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


@cache
def _totals(limited: bool) -> Prepared:
    sums: list[ColumnElement[Any]] = [
        func.coalesce(cast(func.sum(each), BigInteger), literal(0))
        for each in (resource_counts.c.created, resource_counts.c.deleted)
    ]
    statement: Select[Any] = select(*sums).where(
        resource_counts.c.org_id == bindparam("org_id"), resource_counts.c.resource_type == bindparam("resource_type")
    )
    return Prepared(statement.where(resource_counts.c.namespace == bindparam("namespace")) if limited else statement)
