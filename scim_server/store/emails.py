"""E-mail addresses as rows beside the documents that hold them, so that an index finds who has one.

The documents stay what a filter is answered from; the rows say which of them to look at.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, any_, bindparam, cast, delete, exists, func, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.dml import Delete
from sqlalchemy.sql.selectable import TableValuedAlias

from scim_server.protocol.documents import Document
from scim_server.store.columns import MAX_KEY_BYTES
from scim_server.store.json_paths import bind_text
from scim_server.store.prepared import Prepared
from scim_server.store.session import Tenant
from scim_server.store.tables import emails, resources


class Emails(NamedTuple):
    """The addresses a resource has from now on, as keys; ``is_new`` where it has no rows yet."""

    resource_id: str
    keys: tuple[str, ...]
    is_new: bool


def email_keys(folded: Document) -> tuple[str, ...]:
    """Return what has a row: each text that is the ``value`` of an element of ``emails``, in its folded form."""
    elements = folded.get("emails")
    if not isinstance(elements, list):
        return ()
    values = [element.get("value") for element in elements if isinstance(element, dict)]
    return tuple(sorted({value for value in values if isinstance(value, str) and is_indexed(value)}))


def email_rows(resource: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the rows of e-mail addresses that belong to a row of ``resources``, for who writes many at once."""
    keys = email_keys(resource["folded"])
    return [{"org_id": resource["org_id"], "value": key, "resource_id": resource["id"]} for key in keys]


def is_indexed(key: str) -> bool:
    """Return whether an address is short enough to have a row; one that is longer is looked for in every document."""
    return len(key.encode()) <= MAX_KEY_BYTES


def may_have_email(tenant: Tenant, key: str) -> ColumnElement[bool]:
    """Return the condition that holds, by index, for each resource with an address, whatever else is said of it.

    :param key: One that :func:`is_indexed`.
    """
    found = select(emails.c.resource_id).where(emails.c.org_id == tenant.org_id, emails.c.value == bind_text(key))
    return resources.c.id.in_(found)


def write_each(tenant: Tenant, changed: Sequence[Emails]) -> None:
    """Write the rows of each resource, on SQLite."""
    for each in changed:
        if not each.is_new:
            _FORGET.run(tenant.db, org_id=tenant.org_id, resource_id=each.resource_id)
        for key in each.keys:
            _KEEP.run(tenant.db, org_id=tenant.org_id, resource_id=each.resource_id, value=key)


_FORGET = Prepared(
    delete(emails).where(emails.c.org_id == bindparam("org_id"), emails.c.resource_id == bindparam("resource_id"))
)
_KEEP = Prepared(insert(emails).values({each.name: bindparam(each.name) for each in emails.c}))


def email_values(changed: Sequence[Emails]) -> dict[str, list[str]]:
    """Return what :func:`keeping` and :func:`forgetting` bind."""
    pairs = [(key, each.resource_id) for each in changed for key in each.keys]
    values = {"email_keys": [key for key, _ in pairs], "email_owners": [owner for _, owner in pairs]}
    readdressed = [each.resource_id for each in changed if not each.is_new]
    return {**values, "readdressed": readdressed} if readdressed else values


def keeping(org_id: ColumnElement[str], condition: ColumnElement[bool]) -> Any:
    """Return the statement for PostgreSQL that adds the rows there are not yet."""
    kept = _pairs()
    source = select(org_id, kept.c.value, kept.c.resource_id).where(condition)
    return postgresql.insert(emails).from_select(["org_id", "value", "resource_id"], source).on_conflict_do_nothing()


def forgetting(org_id: ColumnElement[str], condition: ColumnElement[bool]) -> Delete:
    """Return the statement for PostgreSQL that removes the rows there should not be."""
    kept = _pairs()
    owners = cast(bindparam("readdressed"), ARRAY(Text))
    stays = exists().where(kept.c.resource_id == emails.c.resource_id, kept.c.value == emails.c.value)
    return delete(emails).where(emails.c.org_id == org_id, emails.c.resource_id == any_(owners), ~stays, condition)


def _pairs() -> TableValuedAlias:
    keys, owners = (cast(bindparam(name), ARRAY(Text)) for name in ("email_keys", "email_owners"))
    return func.unnest(keys, owners).table_valued("value", "resource_id").render_derived()
