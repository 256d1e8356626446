"""One-time links, kept as keyed digests: one of each purpose for each member, so that a new one ends the one before.

Who has lost access since a link was made opens nothing by it, even once they have access again.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from scim_server.store.access_tables import links
from scim_server.store.session import Tenant
from scim_server.store.tables import resources
from scim_server.store.tokens import DigestKey

Purpose = Literal["invitation", "password"]

_STATES: dict[Purpose, str] = {"invitation": "invited", "password": "active"}
"""The state in which a member can use a link."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link that opens something."""

    user_id: str
    expires_at: datetime


def make_link(tenant: Tenant, key: DigestKey, user_id: str, purpose: Purpose, expires_at: datetime) -> str:
    """Make a link of a member's, in place of the one before, and return its secret, which is kept nowhere."""
    secret = secrets.token_urlsafe(32)
    values = {"digest": key.digest(secret), "key_id": key.id, "created_at": tenant.now, "expires_at": expires_at}
    which = {"org_id": tenant.org_id, "user_id": user_id, "purpose": purpose}
    dialect = postgresql if tenant.db.dialect.name == "postgresql" else sqlite
    tenant.db.execute(
        dialect.insert(links).values({**which, **values}).on_conflict_do_update(index_elements=[*which], set_=values)
    )
    return secret


def find_link(tenant: Tenant, key: DigestKey, purpose: Purpose, secret: str) -> Link | None:
    """Return a link that opens something, or would if it had not expired; None for any other."""
    of_user = (resources.c.org_id == tenant.org_id) & (resources.c.id == links.c.user_id)
    row = tenant.db.execute(
        select(links.c.user_id, links.c.expires_at)
        .join(resources, of_user)
        .where(
            links.c.org_id == tenant.org_id,
            links.c.digest.in_(key.digests(secret)),
            links.c.purpose == purpose,
            resources.c.state == _STATES[purpose],
            or_(resources.c.access_ended_at.is_(None), links.c.created_at > resources.c.access_ended_at),
        )
    ).first()
    return None if row is None else Link(*row)


def end_links(tenant: Tenant, user_id: str, *purposes: Purpose) -> None:
    """Let a member's links of these purposes open nothing any more."""
    which = (links.c.org_id == tenant.org_id, links.c.user_id == user_id, links.c.purpose.in_(purposes))
    tenant.db.execute(delete(links).where(*which))
