"""The sessions of members, kept as keyed digests, and when each of them last signed in.

A session ends with the access of its member: whoever ends that, and however often they get it back.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from scim_server.store.access_tables import sessions, sign_ins
from scim_server.store.session import Tenant, impatient, new_id
from scim_server.store.tables import organizations, resources
from scim_server.store.tokens import DigestKey

LIFETIME = timedelta(days=7)
"""How long a session lives, whatever is done in it."""

IDLE = timedelta(hours=8)
"""How long a session lives in which nothing is done."""

SEEN_INTERVAL = timedelta(minutes=1)
"""How old the time must be at which a session was last seen, before it is written again."""

_MAX_AGENT_LENGTH = 300


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as it is kept; ``agent`` is the browser, ``address`` where it was opened from."""

    id: str
    user_id: str
    agent: str | None
    address: str | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


_COLUMNS = tuple(sessions.c[name] for name in SessionRecord.__slots__)


def insert_session(
    tenant: Tenant, key: DigestKey, user_id: str, agent: str | None, address: str | None
) -> tuple[SessionRecord, str]:
    """Open a session and return it with its secret, which is kept nowhere; those of the member that ended go."""
    ended = or_(sessions.c.expires_at <= tenant.now, sessions.c.last_seen_at <= tenant.now - IDLE)
    tenant.db.execute(delete(sessions).where(*_of(tenant, user_id), ended))
    secret = secrets.token_urlsafe(32)
    agent = None if agent is None else "".join(each for each in agent if each.isprintable())[:_MAX_AGENT_LENGTH]
    opened = SessionRecord(new_id(), user_id, agent, address, tenant.now, tenant.now, tenant.now + LIFETIME)
    values = {name: getattr(opened, name) for name in SessionRecord.__slots__}
    digest = {"digest": key.digest(secret), "key_id": key.id}
    tenant.db.execute(insert(sessions).values(org_id=tenant.org_id, **values, **digest))
    dialect = postgresql if tenant.db.dialect.name == "postgresql" else sqlite
    signed_in = dialect.insert(sign_ins).values(org_id=tenant.org_id, user_id=user_id, at=tenant.now)
    tenant.db.execute(signed_in.on_conflict_do_update(index_elements=["org_id", "user_id"], set_={"at": tenant.now}))
    return opened, secret


def find_session(tenant: Tenant, key: DigestKey, secret: str) -> SessionRecord | None:
    """Return an open session, and keep that it was seen."""
    found = _open(tenant).where(sessions.c.digest.in_(key.digests(secret)))
    row = tenant.db.execute(found).first()
    if row is None:
        return None
    session = SessionRecord(*row)
    if session.last_seen_at <= tenant.now - SEEN_INTERVAL:
        _touch(tenant, session.id)
    return session


def list_sessions(tenant: Tenant, user_id: str) -> list[SessionRecord]:
    """Return the open sessions of a member, oldest first."""
    rows = tenant.db.execute(_open(tenant).where(sessions.c.user_id == user_id).order_by(sessions.c.id))
    return [SessionRecord(*row) for row in rows]


def delete_sessions(tenant: Tenant, user_id: str, session_id: str | None = None, *, besides: str | None = None) -> int:
    """End a session of a member, or all of them, but for one where it is named; return how many rows there were."""
    which = [] if session_id is None else [sessions.c.id == session_id]
    if besides is not None:
        which.append(sessions.c.id != besides)
    return tenant.db.execute(delete(sessions).where(*_of(tenant, user_id), *which)).rowcount


def find_sign_in(tenant: Tenant, user_id: str) -> datetime | None:
    """Return when a member last signed in."""
    found = select(sign_ins.c.at).where(sign_ins.c.org_id == tenant.org_id, sign_ins.c.user_id == user_id)
    at: datetime | None = tenant.db.scalar(found)
    return at


def last_sign_ins(tenant: Tenant, user_ids: Sequence[str]) -> dict[str, datetime]:
    """Return when each of these members last signed in who has."""
    own = (sign_ins.c.org_id == tenant.org_id, sign_ins.c.user_id.in_(user_ids))
    return {row.user_id: row.at for row in tenant.db.execute(select(sign_ins.c.user_id, sign_ins.c.at).where(*own))}


def _of(tenant: Tenant, user_id: str) -> tuple[Any, ...]:
    return sessions.c.org_id == tenant.org_id, sessions.c.user_id == user_id


def _open(tenant: Tenant) -> Any:
    """Return the statement that finds open sessions of the organization."""
    of_user = (resources.c.org_id == tenant.org_id) & (resources.c.id == sessions.c.user_id)
    return (
        select(*_COLUMNS)
        .join(resources, of_user)
        .join(organizations, organizations.c.id == sessions.c.org_id)
        .where(
            sessions.c.org_id == tenant.org_id,
            sessions.c.expires_at > tenant.now,
            sessions.c.last_seen_at > tenant.now - IDLE,
            resources.c.active.is_(True),
            or_(resources.c.access_ended_at.is_(None), sessions.c.created_at > resources.c.access_ended_at),
            organizations.c.status == "active",
        )
    )


def _touch(tenant: Tenant, session_id: str) -> None:
    """Write when a session was last seen, unless another request did or the database is busy."""
    due = (
        select(sessions.c.id)
        .where(
            sessions.c.org_id == tenant.org_id,
            sessions.c.id == session_id,
            sessions.c.last_seen_at <= tenant.now - SEEN_INTERVAL,
        )
        .with_for_update(skip_locked=True)
    )
    seen = update(sessions).where(sessions.c.org_id == tenant.org_id, sessions.c.id.in_(due))
    try:
        with impatient(tenant.db):
            tenant.db.execute(seen.values(last_seen_at=tenant.now))
    except DBAPIError:
        return  # The next request will do as well.
