"""Members with the groups that the organization itself put them in, as an export shows and an import finds them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, bindparam, select

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.comparison import attribute_key
from scim_server.protocol.documents import Document
from scim_server.protocol.member_csv import GROUP_COLUMNS, path_of
from scim_server.store.id_sets import is_one_of
from scim_server.store.resources import COMPUTED_ID, COMPUTED_TYPE
from scim_server.store.session import Tenant
from scim_server.store.tables import connections, memberships, resources

_KINDS = tuple(GROUP_COLUMNS.values())


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A user; ``managed_by`` is the connection that provisions them."""

    id: str
    document: Document
    active: bool | None
    unique_key: str | None
    external_id: str | None
    managed_by: str | None


_MEMBER = (
    resources.c.id,
    resources.c.document,
    resources.c.active,
    resources.c.unique_key,
    resources.c.external_id,
    resources.c.managed_by,
)


def _member(row: Sequence[Any]) -> MemberRow:
    identifier, document, *others = row
    return MemberRow(identifier, orjson.loads(document), *others)


def match_members(tenant: Tenant, unique_keys: Sequence[str], external_ids: Sequence[str]) -> list[MemberRow]:
    """Return the users who have one of these userNames or externalIds, their rows held until the transaction ends."""
    found: dict[str, MemberRow] = {}
    for column, values in ((resources.c.unique_key, unique_keys), (resources.c.external_id, external_ids)):
        of_type = (resources.c.org_id == tenant.org_id, bindparam(None, "User") == COMPUTED_TYPE)
        named = select(*_MEMBER).where(*of_type, is_one_of(tenant, column, values)).order_by(COMPUTED_ID)
        rows = tenant.db.execute(named.with_for_update(key_share=True))
        found.update((row[0], _member(row)) for row in rows)
    return list(found.values())


def list_rows_after(tenant: Tenant, after: str, limit: int) -> list[MemberRow]:
    """Return users in the order of their ids: those after an id, at most so many."""
    following = (resources.c.org_id == tenant.org_id, resources.c.resource_type == "User", resources.c.id > after)
    page = select(*_MEMBER).where(*following).order_by(resources.c.id).limit(limit)
    return [_member(row) for row in tenant.db.execute(page)]


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group; ``connection`` is the name of the one that fills it, None where the organization does."""

    id: str
    kind: str
    display: str
    unique_key: str
    parent_id: str | None
    connection: str | None


class GroupPaths:
    """The groups of an organization that were asked for, with those above them, for one transaction."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._rows: dict[str, GroupRow] = {}
        self._named: dict[str, list[GroupRow]] = {}
        self._examples: dict[str, list[str]] = {}

    def of_members(self, user_ids: Sequence[str]) -> dict[str, dict[str, list[GroupRow]]]:
        """Return the groups that users are in directly by the organization's own hand, by kind."""
        tenant = self._tenant
        rows = tenant.db.execute(
            select(memberships.c.member_id, memberships.c.group_id)
            .join(resources, (resources.c.org_id == tenant.org_id) & (resources.c.id == memberships.c.group_id))
            .where(
                memberships.c.org_id == tenant.org_id,
                is_one_of(tenant, memberships.c.member_id, user_ids),
                resources.c.kind.in_(_KINDS),
            )
        ).all()
        self._read_by_id({group_id for _, group_id in rows})
        found: dict[str, dict[str, list[GroupRow]]] = {user_id: {} for user_id in user_ids}
        for user_id, group_id in rows:
            group = self._rows[group_id]
            if group.connection is None:
                found[user_id].setdefault(group.kind, []).append(group)
        return found

    def read_named(self, keys: Iterable[str]) -> None:
        """Read the groups with these names, as keys."""
        unread = sorted(set(keys) - self._named.keys())
        if not unread:
            return
        self._named.update((key, []) for key in unread)
        rows = self._read(is_one_of(self._tenant, resources.c.unique_key, unread))
        for row in rows:
            self._named[row.unique_key].append(row)
        self._read_by_id({row.parent_id for row in rows if row.parent_id})

    def named(self, kind: str, steps: Sequence[str]) -> list[GroupRow]:
        """Return the groups of a kind that a path of keys names: those at its very end, or else any below others."""
        found = [row for row in self._named.get(steps[-1], ()) if row.kind == kind]
        ways = [(row, [each.unique_key for each in self._way(row)]) for row in found]
        exact = [row for row, way in ways if way == list(steps)]
        return exact or [row for row, way in ways if way[-len(steps) :] == list(steps)]

    def path(self, row: GroupRow) -> str:
        """Return the name of a group with those above it."""
        return path_of(each.display for each in self._way(row))

    def examples(self, kind: str, most: int) -> list[str]:
        """Return the names of some groups of a kind that the organization fills itself."""
        if kind not in self._examples:
            of_kind = (resources.c.resource_type == "Group") & (resources.c.kind == kind)
            rows = [row for row in self._read(of_kind, limit=most + 50) if row.connection is None]
            self._read_by_id({row.parent_id for row in rows if row.parent_id})
            self._examples[kind] = sorted(self.path(row) for row in rows[:most])
        return self._examples[kind]

    def _way(self, row: GroupRow) -> list[GroupRow]:
        """Return the groups from the top down to a group."""
        way = [row]
        while (above := self._rows.get(way[-1].parent_id or "")) is not None and above not in way:
            way.append(above)
        return way[::-1]

    def _read_by_id(self, ids: set[str]) -> None:
        """Read groups and those above them, level by level."""
        while unread := sorted(ids - self._rows.keys()):
            rows = self._read(is_one_of(self._tenant, resources.c.id, unread))
            if not rows:
                return
            ids = {row.parent_id for row in rows if row.parent_id}

    def _read(self, condition: ColumnElement[bool], *, limit: int | None = None) -> list[GroupRow]:
        tenant = self._tenant
        shown = ("id", "kind", "display", "unique_key", "parent_id")
        # A group that a connection pushed, or was granted, has the id of the connection for its namespace.
        filled = (connections.c.org_id == tenant.org_id) & (connections.c.id == resources.c.namespace)
        rows = tenant.db.execute(
            select(*(resources.c[name] for name in shown), connections.c.name)
            .outerjoin(connections, filled)
            .where(
                resources.c.org_id == tenant.org_id,
                bindparam(None, "Group") == COMPUTED_TYPE,
                resources.c.kind.in_(_KINDS),
                condition,
            )
            .order_by(COMPUTED_ID)
            .limit(limit)
        )
        read = [GroupRow(row[0], row[1], row[2] or "", row[3] or "", row[4], row[5]) for row in rows]
        self._rows.update((row.id, row) for row in read)
        return read


def keys_of(definition: ResourceDefinition, names: Iterable[str]) -> list[str]:
    """Return the names of resources of a type as they are compared."""
    unique = definition.unique_attribute
    assert unique is not None
    return [attribute_key(name, unique) for name in names]


def group_names(paths: GroupPaths, groups: Mapping[str, Iterable[GroupRow]]) -> dict[str, list[str]]:
    """Return the names of groups by column of a CSV file, from those by kind."""
    return {column: [paths.path(row) for row in groups.get(kind, ())] for column, kind in GROUP_COLUMNS.items()}
