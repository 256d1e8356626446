"""What is to be done later: the outbox, whose rows are due at once, and the calendar.

A row is written in the transaction of what asks for it. A worker leases it, which puts off the moment that another one
would look at it, and removes it in the transaction that does it: so each is done at least once.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from scim_server.store.access_tables import deliveries
from scim_server.store.session import Platform, Tenant, new_id
from scim_server.store.tables import organizations


class LeaseLostError(Exception):
    """Another worker has leased the delivery since, or something else takes its place."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something to be done for an organization.

    ``subject`` is the id of who or what it is about; ``about`` tells it from others of its kind for the same subject.
    ``day`` is the date it is due on in the organization's time zone, None where it is due at once. ``next_at`` is when
    a worker looks at it next, None once it is given up; ``failure`` is why the last attempt failed.
    """

    id: str
    org_id: str
    kind: str
    subject: str
    about: str
    payload: Any
    day: str | None
    due_at: datetime
    next_at: datetime | None
    attempts: int
    failure: str | None
    created_at: datetime


_COLUMNS = tuple(deliveries.c[name] for name in Delivery.__slots__)


def schedule(
    tenant: Tenant,
    kind: str,
    subject: str,
    *,
    about: str = "",
    payload: Any = None,
    day: str | None = None,
    due_at: datetime | None = None,
) -> None:
    """Have something done by a worker, at once or at a moment, in place of the same that is not done yet."""
    moment = due_at or tenant.now
    values = {"id": new_id(), "payload": payload, "day": day, "due_at": moment, "next_at": moment}
    values |= {"attempts": 0, "failure": None, "created_at": tenant.now}
    key = {"org_id": tenant.org_id, "subject": subject, "kind": kind, "about": about}
    dialect = postgresql if tenant.db.dialect.name == "postgresql" else sqlite
    # NB: with a new id, so that a worker which is at the former one does not remove this one.
    tenant.db.execute(
        dialect.insert(deliveries).values({**key, **values}).on_conflict_do_update(index_elements=[*key], set_=values)
    )


def cancel(tenant: Tenant, kind: str, subject: str, *, about: str = "") -> None:
    """Have something not done that was not done yet."""
    named = (deliveries.c.subject == subject, deliveries.c.kind == kind, deliveries.c.about == about)
    tenant.db.execute(delete(deliveries).where(deliveries.c.org_id == tenant.org_id, *named))


def is_due(platform: Platform, kinds: Collection[str]) -> bool:
    """Return whether there is something to do, of any organization."""
    return platform.db.execute(select(deliveries.c.id).where(*_due(platform, kinds)).limit(1)).first() is not None


def lease(platform: Platform, kinds: Collection[str], until: datetime) -> Delivery | None:
    """Return what has been due for longest, of any organization, and let no other worker have it until a moment."""
    first = select(deliveries.c.id).where(*_due(platform, kinds)).order_by(deliveries.c.next_at, deliveries.c.id)
    row = platform.db.execute(
        update(deliveries)
        .where(deliveries.c.id == first.limit(1).with_for_update(skip_locked=True).scalar_subquery())
        .values(next_at=until, attempts=deliveries.c.attempts + 1)
        .returning(*_COLUMNS)
    ).first()
    return None if row is None else Delivery(*row)


def _due(platform: Platform, kinds: Collection[str]) -> tuple[Any, ...]:
    # What is due in an organization that is suspended waits until it is not.
    active = select(organizations.c.id).where(organizations.c.status == "active")
    return deliveries.c.next_at <= platform.now, deliveries.c.kind.in_(kinds), deliveries.c.org_id.in_(active)


def finish(tenant: Tenant, delivery: Delivery) -> None:
    """Remove a delivery, in the transaction that does it.

    :raises LeaseLostError: When it is no longer this worker's.
    """
    if not tenant.db.execute(delete(deliveries).where(*_leased(tenant, delivery))).rowcount:
        raise LeaseLostError


def put_off(tenant: Tenant, delivery: Delivery, next_at: datetime | None, failure: str | None) -> None:
    """Let a delivery be looked at again at a moment, or never again, and keep why.

    :raises LeaseLostError: When it is no longer this worker's.
    """
    values = {"next_at": next_at, "failure": failure}
    if not tenant.db.execute(update(deliveries).where(*_leased(tenant, delivery)).values(values)).rowcount:
        raise LeaseLostError


def _leased(tenant: Tenant, delivery: Delivery) -> tuple[Any, ...]:
    return (
        deliveries.c.org_id == tenant.org_id,
        deliveries.c.id == delivery.id,
        deliveries.c.attempts == delivery.attempts,
    )


def list_deliveries(tenant: Tenant, *, after: str = "", limit: int | None = None) -> list[Delivery]:
    """Return what is not done yet in the organization, oldest first: what comes after an id, at most so many."""
    following = (deliveries.c.org_id == tenant.org_id, deliveries.c.id > after)
    rows = tenant.db.execute(select(*_COLUMNS).where(*following).order_by(deliveries.c.id).limit(limit))
    return [Delivery(*row) for row in rows]
