"""What the OAuth grants keep for a while: authorization codes, and assertions that were taken."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from scim_server.store.session import Tenant
from scim_server.store.tables import oauth_assertions, oauth_codes

KEPT_CODES = timedelta(days=1)
"""How long a code is kept once it has expired: one that comes back revokes what it gave."""


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """An authorization code (RFC 6749 §4.1.2), kept by its digest; ``grant_id`` is shared by all it gives."""

    digest: str
    grant_id: str
    client_id: str
    granted_by: str
    redirect_uri: str | None
    scope: str
    code_challenge: str | None
    expires_at: datetime
    used_at: datetime | None = None


_COLUMNS = tuple(oauth_codes.c[name] for name in AuthorizationCode.__dataclass_fields__)


def insert_code(tenant: Tenant, code: AuthorizationCode) -> None:
    """Keep a new code, and no longer those that ended long ago."""
    old = oauth_codes.c.expires_at < tenant.now - KEPT_CODES
    tenant.db.execute(delete(oauth_codes).where(oauth_codes.c.org_id == tenant.org_id, old))
    values = {column.name: getattr(code, column.name) for column in _COLUMNS}
    tenant.db.execute(insert(oauth_codes).values(org_id=tenant.org_id, **values))


def find_code(tenant: Tenant, digests: tuple[str, ...]) -> AuthorizationCode | None:
    """Return a code by its digest, used or expired as it may be."""
    condition = (oauth_codes.c.org_id == tenant.org_id, oauth_codes.c.digest.in_(digests))
    row = tenant.db.execute(select(*_COLUMNS).where(*condition)).first()
    return None if row is None else AuthorizationCode(*row)


def use_code(tenant: Tenant, code: AuthorizationCode) -> bool:
    """Mark a code as used; return whether it was not until now."""
    condition = (oauth_codes.c.org_id == tenant.org_id, oauth_codes.c.digest == code.digest)
    unused = update(oauth_codes).where(*condition, oauth_codes.c.used_at.is_(None))
    return tenant.db.execute(unused.values(used_at=tenant.now)).rowcount > 0


def take_assertion(tenant: Tenant, client_id: str, jti_digest: str, expires_at: datetime) -> bool:
    """Keep an assertion until it expires; return whether it was not taken before."""
    of_client = (oauth_assertions.c.org_id == tenant.org_id, oauth_assertions.c.client_id == client_id)
    tenant.db.execute(delete(oauth_assertions).where(*of_client, oauth_assertions.c.expires_at < tenant.now))
    dialect: Any = postgresql if tenant.db.dialect.name == "postgresql" else sqlite
    values = {"client_id": client_id, "jti_digest": jti_digest, "expires_at": expires_at}
    statement = dialect.insert(oauth_assertions).values(org_id=tenant.org_id, **values).on_conflict_do_nothing()
    # NB: not rowcount, which is -1 for an INSERT.
    return tenant.db.execute(statement.returning(oauth_assertions.c.jti_digest)).first() is not None
