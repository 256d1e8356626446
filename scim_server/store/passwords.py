"""Passwords as Argon2id digests, apart from the resource they belong to (RFC 7643 §4.1.1)."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from scim_server.store.session import Tenant
from scim_server.store.tables import passwords

# NB: the first choice of OWASP for a server: 19 MiB, 2 passes; a worker hashes a few at once.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def digest_password(password: str) -> str:
    """Return the Argon2id digest of a password; takes some 20 ms, so it is made before a transaction."""
    return _HASHER.hash(password)


def is_password(digest: str | None, password: str) -> bool:
    """Return whether a password is the one of a digest; takes as long where there is no digest."""
    try:
        _HASHER.verify(digest or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return digest is not None


@cache
def _nobodys() -> str:
    return digest_password("nobody's password")


def find_digest(tenant: Tenant, user_id: str) -> str | None:
    """Return the digest of a user's password, None where they have none."""
    found = select(passwords.c.digest).where(passwords.c.org_id == tenant.org_id, passwords.c.user_id == user_id)
    digest: str | None = tenant.db.scalar(found)
    return digest


def set_password(tenant: Tenant, user_id: str, digest: str) -> None:
    """Store the digest of a user's password in place of any former one."""
    dialect = postgresql if tenant.db.dialect.name == "postgresql" else sqlite
    values = {"org_id": tenant.org_id, "user_id": user_id, "digest": digest, "changed_at": tenant.now}
    statement = dialect.insert(passwords).values(values)
    tenant.db.execute(
        statement.on_conflict_do_update(
            index_elements=["org_id", "user_id"],
            set_={"digest": statement.excluded.digest, "changed_at": statement.excluded.changed_at},
        )
    )


def clear_password(tenant: Tenant, user_id: str) -> None:
    """Forget a user's password."""
    tenant.db.execute(delete(passwords).where(passwords.c.org_id == tenant.org_id, passwords.c.user_id == user_id))
