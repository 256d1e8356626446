"""Users, groups and further resources as rows of one table: a document and its indexed shadows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, NoReturn

import orjson
from scim2_models import InvalidValueException, NotFoundException, UniquenessException
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Update,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from scim_server.protocol.catalog import ResourceDefinition
from scim_server.protocol.comparison import attribute_key, comparison_key, fold_document
from scim_server.protocol.documents import Document, display_of
from scim_server.protocol.member_dates import MEMBER_USER_URN, NO_DATES, dates_of
from scim_server.protocol.projection import Projection
from scim_server.protocol.replies import StoredResource
from scim_server.protocol.role_values import role_keys
from scim_server.store.calendar import keep_dates
from scim_server.store.columns import MAX_KEY_BYTES, MAX_NAME_LENGTH, Moment, computed
from scim_server.store.emails import email_keys
from scim_server.store.id_sets import id_list, is_listed
from scim_server.store.memberships import MEMBERS_AT_ONCE, groups_column, groups_of, members_of, read_groups
from scim_server.store.prepared import Prepared
from scim_server.store.role_values import keep_role_values
from scim_server.store.session import Tenant
from scim_server.store.tables import memberships, resources, tombstones
from scim_server.store.trail import count, keep_emails, write_with
from scim_server.store.visibility import seen_groups, visibility, visible_groups

SHOWN = (
    resources.c.id,
    resources.c.document,
    resources.c.active,
    resources.c.version,
    resources.c.created_at,
    resources.c.modified_at,
)


COMPUTED_TYPE = computed(resources.c.resource_type)
"""The resource type where a row is looked up by a key of its own: no index by type is ever preferred."""


COMPUTED_ID = computed(resources.c.id)
"""The id in the order of what is looked up by another key: the order alone would choose the index by id."""


@dataclass(frozen=True, slots=True)
class LockedResource:
    """A row held until the transaction ends."""

    id: str
    document: str
    active: bool | None
    version: int
    created_at: datetime
    modified_at: datetime


def in_scope(
    tenant: Tenant, definition: ResourceDefinition, *, by_key: bool = False
) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which the tenant sees resources of a type.

    :param by_key: Whether the resources are looked up by a key of their own: see ``COMPUTED_TYPE``.
    """
    of_type = (COMPUTED_TYPE if by_key else resources.c.resource_type) == definition.name
    conditions = (resources.c.org_id == tenant.org_id, of_type)
    return (*conditions, visible_groups(tenant, resources)) if definition.is_group else conditions


def is_limited(tenant: Tenant, definition: ResourceDefinition) -> bool:
    """Return whether the tenant sees some resources of a type alone."""
    return definition.is_group and tenant.connection_id is not None


def scope(limited: bool) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of :func:`in_scope` for a prepared statement."""
    conditions = (resources.c.org_id == bindparam("org_id"), resources.c.resource_type == bindparam("resource_type"))
    return (*conditions, seen_groups(limited, resources)) if limited else conditions


def scope_values(tenant: Tenant, definition: ResourceDefinition) -> dict[str, Any]:
    """Return what a prepared statement with the conditions of :func:`scope` binds."""
    values = {"org_id": tenant.org_id, "resource_type": definition.name}
    return {**values, **visibility(tenant)} if definition.is_group else values


@cache
def _by_id(limited: bool, lock: bool) -> Prepared:
    found = select(*SHOWN).where(*scope(limited), resources.c.id == bindparam("resource_id"))
    return Prepared(found.with_for_update(key_share=True) if lock else found)


@cache
def lock_by_ids(dialect: str, limited: bool) -> Prepared:
    """Return the statement that reads resources of a type by their ids and holds them, in the order of their ids."""
    found = select(*SHOWN).where(
        resources.c.org_id == bindparam("org_id"),
        is_listed(dialect, resources.c.id, "ids"),
        bindparam("resource_type") == COMPUTED_TYPE,
        seen_groups(limited, resources, by_key=True),
    )
    return Prepared(found.order_by(resources.c.id).with_for_update(key_share=True))


def _not_found(definition: ResourceDefinition, resource_id: str) -> NoReturn:
    raise NotFoundException(detail=f"there is no {definition.name} {resource_id[:100]!r}")


def get_resource(
    tenant: Tenant, definition: ResourceDefinition, resource_id: str, projection: Projection
) -> StoredResource:
    """Return a resource, with its groups or members where the projection keeps them.

    :raises NotFoundException: When there is none that the tenant sees.
    """
    values = scope_values(tenant, definition)
    if definition.is_user and projection.keeps("groups"):
        limits = visibility(tenant)
        statement = _user_by_id(tenant.db.dialect.name, bool(limits))
        row = statement.first(tenant.db, resource_id=resource_id, **values, **limits)
        if row is None:
            _not_found(definition, resource_id)
        return stored_user(row)
    row = _by_id(is_limited(tenant, definition), lock=False).first(tenant.db, resource_id=resource_id, **values)
    if row is None:
        _not_found(definition, resource_id)
    return with_related(tenant, definition, [stored_resource(row)], projection)[0]


@cache
def _user_by_id(dialect: str, limited: bool) -> Prepared:
    groups = groups_column(dialect, resources.c.id, limited)
    return Prepared(select(*SHOWN, groups).where(*scope(False), resources.c.id == bindparam("resource_id")))


def stored_resource(row: Sequence[Any]) -> StoredResource:
    """Return the resource of a row of the columns ``SHOWN``."""
    return StoredResource(*row)


def stored_user(row: Sequence[Any]) -> StoredResource:
    """Return the user of a row of the columns ``SHOWN`` and that of :func:`groups_column`."""
    identifier, document, active, version, created_at, modified_at, edges = row
    groups = read_groups(identifier, edges)
    return StoredResource(identifier, document, active, version, created_at, modified_at, groups)


def with_related(
    tenant: Tenant,
    definition: ResourceDefinition,
    found: list[StoredResource],
    projection: Projection,
    at_once: int | None = MEMBERS_AT_ONCE,
) -> list[StoredResource]:
    """Read the groups or members of the resources of a page, in one statement.

    :param at_once: How many members to read at most; with more, they are left to be streamed.
    """
    ids = [stored.id for stored in found]
    if ids and definition.is_user and projection.keeps("groups"):
        groups = groups_of(tenant, ids)
        return [replace(stored, groups=groups.get(stored.id, ())) for stored in found]
    if ids and definition.is_group and projection.keeps("members"):
        members = members_of(tenant, ids, limit=None if at_once is None else at_once + 1)
        if at_once is not None and sum(map(len, members.values())) > at_once:
            return [replace(stored, streams_members=True) for stored in found]
        return [replace(stored, members=members.get(stored.id, ())) for stored in found]
    return found


def lock_resource(
    tenant: Tenant, definition: ResourceDefinition, resource_id: str, beside: Sequence[str] = ()
) -> LockedResource:
    """Return a resource and hold its row until the transaction ends.

    :param beside: Ids to become members: the groups among them are held too, all in the order of
        their ids, so that groups that are nested crosswise at once do not wait for each other.
    :raises NotFoundException: When there is none that the tenant sees.
    """
    limited, values = is_limited(tenant, definition), scope_values(tenant, definition)
    row: Sequence[Any] | None
    if beside:
        ids = id_list(tenant, (resource_id, *beside))
        rows = lock_by_ids(tenant.db.dialect.name, limited).all(tenant.db, ids=ids, **values)
        row = next((each for each in rows if each[0] == resource_id), None)
    else:
        row = _by_id(limited, lock=True).first(tenant.db, resource_id=resource_id, **values)
    if row is None:
        _not_found(definition, resource_id)
    return LockedResource(*row)


def find_namesake(
    tenant: Tenant, definition: ResourceDefinition, document: Document
) -> tuple[LockedResource, str | None] | None:
    """Return the resource that has the unique value of a document, its row held, and who manages it."""
    row = tenant.db.execute(
        select(*SHOWN, resources.c.managed_by)
        .where(
            resources.c.org_id == tenant.org_id,
            resources.c.unique_key == _unique_key(document, definition),
            bindparam(None, definition.name) == COMPUTED_TYPE,
            *((visible_groups(tenant, resources),) if definition.is_group else ()),
        )
        .with_for_update(key_share=True)
    ).first()
    return None if row is None else (LockedResource(*row[:-1]), row.managed_by)


@dataclass(frozen=True, slots=True)
class GroupPlace:
    """What a group is to the organization, and among which groups its name is unique.

    ``namespace`` is the connection that sees the group; of those that none sees, it is the kind, or the parent.
    """

    kind: str | None
    namespace: str = ""
    parent_id: str | None = None


def _place(tenant: Tenant, definition: ResourceDefinition) -> GroupPlace:
    if not definition.is_group:
        return GroupPlace(None)
    # What a connection pushes is a team, whatever its name: only the organization itself makes it more.
    return GroupPlace("team", tenant.connection_id or "")


def insert_resource(
    tenant: Tenant,
    definition: ResourceDefinition,
    resource_id: str,
    document: Document,
    active: bool | None,
    *,
    at_once: bool = False,
    place: GroupPlace | None = None,
) -> StoredResource:
    """Store a new resource.

    :param at_once: Whether it is all there is to write, its entry in the trail included: see :func:`write_with`.
    :param place: What a group is to the organization; without, it is a team of who creates it.
    :raises UniquenessException: When its unique attribute has a value that is taken.
    :raises InvalidValueException: When an indexed value is too long, or a date is none.
    """
    place = place or _place(tenant, definition)
    values = {
        "org_id": tenant.org_id,
        "id": resource_id,
        "resource_type": definition.name,
        **_content(document, definition, active),
        "kind": place.kind,
        "namespace": place.namespace,
        "parent_id": place.parent_id,
        # Who has no access from the beginning has had none.
        "state": ("active" if active else "contact") if definition.is_user else None,
        "version": 1,
        "created_at": tenant.now,
        "modified_at": tenant.now,
        "created_by": tenant.author,
        "changed_by": tenant.author,
        "managed_by": tenant.connection_id,
    }
    count(tenant, definition.name, values["namespace"], created=1)
    if addresses := email_keys(values["folded"]):
        keep_emails(tenant, resource_id, addresses, is_new=True)
    if definition.is_user and document.get("roles"):
        keep_role_values(tenant, resource_id, role_keys(document))
    if definition.is_user and MEMBER_USER_URN in document:
        keep_dates(tenant, resource_id, NO_DATES, dates_of(document))
    with _unique(definition, document):
        if at_once:
            write_with(tenant, _INSERT_AT_ONCE, values)
        else:
            _INSERT.run(tenant.db, **values)
    return StoredResource(resource_id, values["document"], active, 1, tenant.now, tenant.now)


def update_resource(
    tenant: Tenant,
    definition: ResourceDefinition,
    locked: LockedResource,
    document: Document,
    active: bool | None,
    *,
    adopt: bool = False,
) -> StoredResource:
    """Store the new state of a resource whose row is locked.

    :param adopt: Whether the connection that acts provisions the resource from now on.

    :raises UniquenessException: When its unique attribute has a value that is taken.
    :raises InvalidValueException: When an indexed value is too long, or a date is none.
    """
    values = _state_values(tenant, definition, locked, document, active)
    if adopt:
        values["managed_by"] = tenant.connection_id
    with _unique(definition, document):
        (_ADOPT if adopt else _UPDATE).run(tenant.db, **values)
    return StoredResource(locked.id, values["document"], active, locked.version + 1, locked.created_at, tenant.now)


def update_unlocked(
    tenant: Tenant, definition: ResourceDefinition, read: StoredResource, document: Document, active: bool | None
) -> StoredResource | None:
    """Store the new state of a resource that was read without a lock, all at once: see :func:`write_with`.

    :return: None where somebody has changed the resource in between; nothing is written then.
    :raises UniquenessException: When its unique attribute has a value that is taken.
    :raises InvalidValueException: When an indexed value is too long, or a date is none.
    """
    values = _state_values(tenant, definition, read, document, active)
    with _unique(definition, document):
        if not write_with(tenant, _UPDATE_AT_ONCE, {**values, "read_version": read.version}):
            return None
    changed = replace(read, document=values["document"], active=active)
    return replace(changed, version=read.version + 1, modified_at=tenant.now)


def _state_values(
    tenant: Tenant,
    definition: ResourceDefinition,
    old: LockedResource | StoredResource,
    document: Document,
    active: bool | None,
) -> dict[str, Any]:
    """Return what is written of a new state; the e-mail addresses, where they differ, are left for the end."""
    content = _content(document, definition, active)
    former = orjson.loads(old.document)
    if former.get("emails") != document.get("emails"):
        keep_emails(tenant, old.id, email_keys(content["folded"]))
    if definition.is_user and former.get("roles") != document.get("roles"):
        keep_role_values(tenant, old.id, role_keys(document))
    if definition.is_user and former.get(MEMBER_USER_URN) != document.get(MEMBER_USER_URN):
        keep_dates(tenant, old.id, dates_of(former), dates_of(document))
    stamps = {"version": old.version + 1, "modified_at": tenant.now, "changed_by": tenant.author}
    return {"of_org": tenant.org_id, "of_id": old.id, **content, **stamps}


def touch_resource(tenant: Tenant, locked: LockedResource, *, at_once: bool) -> StoredResource:
    """Give a locked resource a new version, where only its members changed.

    :param at_once: Whether its entry in the trail is all that was left for the end: see :func:`write_with`.
    """
    values = {"of_org": tenant.org_id, "of_id": locked.id, "version": locked.version + 1}
    values |= {"modified_at": tenant.now, "changed_by": tenant.author}
    if at_once and tenant.db.dialect.name == "postgresql":
        write_with(tenant, _TOUCH_AT_ONCE, values)
    else:
        _TOUCH.run(tenant.db, **values)
    return StoredResource(locked.id, locked.document, locked.active, locked.version + 1, locked.created_at, tenant.now)


def as_stored(locked: LockedResource) -> StoredResource:
    """Return a locked resource as it is, where a request changed nothing."""
    return StoredResource(
        locked.id, locked.document, locked.active, locked.version, locked.created_at, locked.modified_at
    )


def insert_tombstone(tenant: Tenant, definition: ResourceDefinition, deleted: LockedResource) -> None:
    """Keep the record of a deleted resource where no request finds it."""
    tenant.db.execute(
        insert(tombstones).values(
            org_id=tenant.org_id,
            id=deleted.id,
            resource_type=definition.name,
            document=deleted.document,
            created_at=deleted.created_at,
            deleted_at=tenant.now,
            deleted_by=tenant.author,
        )
    )


def delete_resource(tenant: Tenant, definition: ResourceDefinition, resource_id: str) -> LockedResource:
    """Delete a resource, its memberships with it; the groups it leaves get a new version.

    The groups are locked before the resource, in the order of their ids, as every writer does.

    :raises NotFoundException: When there is none that the tenant sees.
    """
    values = {"of_org": tenant.org_id, "resource_id": resource_id}
    _LOCK_GROUPS.all(tenant.db, **values)
    row = _removable(is_limited(tenant, definition)).first(
        tenant.db, resource_id=resource_id, **scope_values(tenant, definition)
    )
    if row is None:
        _not_found(definition, resource_id)
    _TOUCH_GROUPS.run(tenant.db, modified_at=tenant.now, changed_by=tenant.author, **values)
    _DELETE.run(tenant.db, **values)
    *shown, namespace = row
    if tenant.at_end:  # In a bulk, an operation before this one may have left e-mail addresses of the resource.
        keep_emails(tenant, resource_id, ())
    count(tenant, definition.name, namespace, deleted=1)
    return LockedResource(*shown)


# NB: not "org_id": in an UPDATE, SQLAlchemy reserves the names of the columns for the values written.
_GROUPS_ABOVE = (
    resources.c.org_id == bindparam("of_org"),
    resources.c.id.in_(
        select(memberships.c.group_id).where(
            memberships.c.org_id == bindparam("of_org"), memberships.c.member_id == bindparam("resource_id")
        )
    ),
)
_LOCK_GROUPS = Prepared(
    select(resources.c.id).where(*_GROUPS_ABOVE).order_by(resources.c.id).with_for_update(key_share=True)
)
_TOUCH_GROUPS = Prepared(
    update(resources)
    .where(*_GROUPS_ABOVE, resources.c.id != bindparam("resource_id"))
    .values(version=resources.c.version + 1, modified_at=bindparam("modified_at"), changed_by=bindparam("changed_by"))
)
_DELETE = Prepared(
    delete(resources).where(resources.c.org_id == bindparam("of_org"), resources.c.id == bindparam("resource_id"))
)


@cache
def _removable(limited: bool) -> Prepared:
    found = select(*SHOWN, resources.c.namespace).where(*scope(limited), resources.c.id == bindparam("resource_id"))
    return Prepared(found.with_for_update())


_ACTIVE = bindparam("active", type_=Boolean)
_STATE = case(
    (resources.c.state.is_(None), resources.c.state),
    (_ACTIVE.is_(True), literal_column("'active'")),
    (resources.c.state == literal_column("'active'"), literal_column("'suspended'")),
    else_=resources.c.state,
)
"""The state of a member whose ``active`` is written."""
_ACCESS_ENDED_AT = case(
    (resources.c.active.is_(True) & _ACTIVE.is_(False), bindparam("modified_at", type_=Moment)),
    else_=resources.c.access_ended_at,
)


def _writing(*names: str) -> Update:
    """Return the statement that writes these columns of one resource, and what follows from its ``active``."""
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    if "active" in names:
        values |= {"state": _STATE, "access_ended_at": _ACCESS_ENDED_AT}
    return (
        update(resources)
        .where(resources.c.org_id == bindparam("of_org"), resources.c.id == bindparam("of_id"))
        .values(values)
    )


_STAMPS = ("version", "modified_at", "changed_by")
_NAMES = ("last_name", "first_name")
_CONTENT = ("document", "folded", "active", "display", *_NAMES, "unique_key", "external_id")
_INSERTED = (
    *("org_id", "id", "resource_type", "namespace", "kind", "parent_id", "state", *_CONTENT),
    *("version", "created_at", "modified_at", "created_by", "changed_by", "managed_by"),
)
_INSERTION = insert(resources).values({name: bindparam(name) for name in _INSERTED})
_INSERT_AT_ONCE = _INSERTION.returning(resources.c.id)
_INSERT = Prepared(_INSERTION)
_UPDATE = Prepared(_writing(*_CONTENT, *_STAMPS))
_UPDATE_AT_ONCE = (
    _writing(*_CONTENT, *_STAMPS).where(resources.c.version == bindparam("read_version")).returning(resources.c.id)
)
_ADOPT = Prepared(_writing(*_CONTENT, *_STAMPS, "managed_by"))
_TOUCH_AT_ONCE = _writing(*_STAMPS).returning(resources.c.id)
_TOUCH = Prepared(_writing(*_STAMPS))


def _content(document: Document, definition: ResourceDefinition, active: bool | None) -> dict[str, Any]:
    """Return the columns that follow from a document: its bytes, its folded form, its shadows."""
    folded, unique_key = fold_document(document, definition), _unique_key(document, definition)
    return {
        "document": orjson.dumps(document).decode(),
        "folded": folded,
        "active": active,
        "display": display_of(document, definition),
        **(listed_names(folded, unique_key) if definition.is_user else dict.fromkeys(_NAMES)),
        "unique_key": unique_key,
        "external_id": None
        if document.get("externalId") is None
        else _bounded(comparison_key(document["externalId"], case_exact=True), "externalId"),
    }


def listed_names(folded: Document, unique_key: str | None) -> dict[str, str]:
    """Return what a user is listed under: who has no last name, under the ``displayName``, else the ``userName``."""
    name = folded.get("name")
    name = name if isinstance(name, dict) else {}
    lasts = (name.get("familyName"), folded.get("displayName"), unique_key)
    last = next((each for each in lasts if isinstance(each, str) and each), "")
    first = name.get("givenName")
    return {
        "last_name": last[:MAX_NAME_LENGTH],
        "first_name": first[:MAX_NAME_LENGTH] if isinstance(first, str) else "",
    }


def _unique_key(document: Document, definition: ResourceDefinition) -> str | None:
    unique = definition.unique_attribute
    value = document.get(unique.name) if unique else None
    if unique is None or value is None:
        return None
    return _bounded(attribute_key(value, unique), unique.name)


def _bounded(key: str, name: str) -> str:
    if len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidValueException(detail=f"{name} is longer than {MAX_KEY_BYTES} bytes")
    return key


@contextmanager
def _unique(definition: ResourceDefinition, document: Document) -> Iterator[None]:
    """Tell of a write inside that the database refuses, because the unique value of a document is taken."""
    try:
        yield
    except IntegrityError as exc:
        # PostgreSQL names the constraint, by its columns where the table is a partition; SQLite names the columns.
        if "unique_key" not in str(exc.orig):
            raise
        unique = definition.unique_attribute
        assert unique is not None
        value = document.get(unique.name)
        raise UniquenessException(
            attribute=unique.name,
            detail=f"{unique.name} {str(value)[:200]!r} is taken by another {definition.name} "
            "(compared without case); match that one, or send another value",
        ) from None


def count_members(tenant: Tenant, group_id: str, *, limit: int) -> int:
    """Return how many members a group has, counting no further than ``limit``."""
    row = _COUNT_MEMBERS.first(tenant.db, org_id=tenant.org_id, group_id=group_id, most=limit)
    return 0 if row is None else int(row[0])


_COUNT_MEMBERS = Prepared(
    select(func.count()).select_from(
        select(memberships.c.member_id)
        .where(memberships.c.org_id == bindparam("org_id"), memberships.c.group_id == bindparam("group_id"))
        .limit(bindparam("most", type_=Integer))
        .subquery()
    )
)


def related(
    tenant: Tenant, definition: ResourceDefinition, stored: StoredResource, projection: Projection
) -> StoredResource:
    """Return a resource with the groups or members its answer carries, all of them."""
    return with_related(tenant, definition, [stored], projection, at_once=None)[0]
