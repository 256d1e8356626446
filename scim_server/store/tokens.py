"""Bearer tokens: issued once, kept as keyed digests, looked up by digest with their organization."""

import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from scim2_models import UnauthorizedException
from sqlalchemy import bindparam, insert, or_, select, update

from scim_server.protocol.errors import UnavailableException, UnknownCredentialsException
from scim_server.protocol.profiles import PROFILES
from scim_server.protocol.provisioning import OnDelete, OnExisting, OnInactive, Provisioning
from scim_server.protocol.tokens import ALPHABET, RANDOM_LENGTH, is_well_formed, make_token
from scim_server.store.prepared import Prepared
from scim_server.store.session import (
    Actor,
    Connection,
    Credentials,
    Platform,
    Store,
    Tenant,
    begin,
    begin_platform,
    impatient,
    new_id,
)
from scim_server.store.tables import connections, organizations, resources, tokens

LAST_USED_INTERVAL = timedelta(minutes=1)
"""How old a token's last-used time must be before it is written again."""


@dataclass(frozen=True, slots=True)
class DigestKey:
    """The key of the digests of tokens; ``id`` is stored beside each, so that keys can be changed."""

    id: str
    secret: bytes

    @classmethod
    def derive(cls, secret_key: str) -> "DigestKey":
        """Return the key for the digests of tokens under the server's secret key."""
        secret = hmac.digest(secret_key.encode(), b"scim-server token digest", "sha256")
        return cls(id=hashlib.sha256(secret).hexdigest()[:8], secret=secret)

    def digest(self, token: str) -> str:
        """Return the keyed SHA-256 digest of a token."""
        return hmac.digest(self.secret, token.encode(), "sha256").hex()


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What is known of a token once it was shown."""

    id: str
    connection_id: str
    user_id: str | None
    scope: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


_COLUMNS = (
    tokens.c.id,
    tokens.c.connection_id,
    tokens.c.user_id,
    tokens.c.scope,
    tokens.c.created_at,
    tokens.c.expires_at,
    tokens.c.last_used_at,
    tokens.c.revoked_at,
)


def insert_token(
    tenant: Tenant,
    key: DigestKey,
    connection_id: str,
    scope: str,
    expires_at: datetime | None,
    user_id: str | None = None,
) -> tuple[TokenRecord, str]:
    """Issue a token for a connection, or for a user; return its record and the token itself, which is kept nowhere."""
    token = make_token("".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH)))
    record = TokenRecord(new_id(), connection_id, user_id, scope, tenant.now, expires_at, None, None)
    values = {column.name: getattr(record, column.name) for column in _COLUMNS}
    tenant.db.execute(insert(tokens).values(digest=key.digest(token), key_id=key.id, org_id=tenant.org_id, **values))
    return record, token


def list_tokens(tenant: Tenant) -> list[TokenRecord]:
    """Return the tokens of the organization, oldest first."""
    rows = tenant.db.execute(select(*_COLUMNS).where(tokens.c.org_id == tenant.org_id).order_by(tokens.c.id))
    return [TokenRecord(*row) for row in rows]


def find_token(platform: Platform, key: DigestKey, token_or_id: str) -> tuple[str, TokenRecord] | None:
    """Return a token's organization and record, by the token or by its id."""
    digest = key.digest(token_or_id)
    row = platform.db.execute(
        select(tokens.c.org_id, *_COLUMNS).where(or_(tokens.c.id == token_or_id, tokens.c.digest == digest))
    ).first()
    return None if row is None else (row.org_id, TokenRecord(*row[1:]))


def revoke_token(tenant: Tenant, token_id: str) -> bool:
    """Revoke a token; return whether it was live until now."""
    result = tenant.db.execute(
        update(tokens)
        .where(tokens.c.org_id == tenant.org_id, tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
        .values(revoked_at=tenant.now)
    )
    return result.rowcount > 0


class _Issued(NamedTuple):
    """What a look-up finds of a token and its organization."""

    id: str
    org_id: str
    connection_id: str
    user_id: str | None
    scope: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    status: str


class _Bearer(NamedTuple):
    """What a look-up finds of the connection of a token, and of its person."""

    name: str
    profile: str
    enabled: bool
    on_inactive: OnInactive
    on_existing: OnExisting
    on_delete: OnDelete
    user_active: bool | None


# NB: two look-ups, since only the first tells the organization whose rows row-level security lets the second see.
_ISSUED = Prepared(
    select(*(tokens.c[name] for name in _Issued._fields[:8]), organizations.c.status)
    .join(organizations, organizations.c.id == tokens.c.org_id)
    .where(tokens.c.digest == bindparam("digest"))
)
_BEARER = Prepared(
    select(*(connections.c[name] for name in _Bearer._fields[:6]), resources.c.active)
    .outerjoin(resources, (resources.c.org_id == bindparam("org_id")) & (resources.c.id == bindparam("user_id")))
    .where(connections.c.org_id == bindparam("org_id"), connections.c.id == bindparam("connection_id"))
)


def _look_up(store: Store, digest: str) -> tuple[_Issued, _Bearer] | None:
    with begin_platform(store, write=False) as platform:
        found = _ISSUED.first(platform.db, digest=digest)
    if found is None:
        return None
    issued = _Issued(*found)
    with begin(store, Credentials(issued.org_id, Actor("token", issued.id)), write=False) as tenant:
        row = _BEARER.first(tenant.db, org_id=tenant.org_id, user_id=issued.user_id, connection_id=issued.connection_id)
    return None if row is None else (issued, _Bearer(*row))


def authenticate(
    store: Store, key: DigestKey, token: str, request_id: str, *, before_guess: Callable[[], None] = lambda: None
) -> Credentials:
    """Return what a bearer token proves, in two indexed look-ups, or by those of less than a second ago.

    :param before_guess: What is done before a token is looked up that this process never found; it may refuse.
    :raises UnknownCredentialsException: When the token is malformed or unknown.
    :raises UnauthorizedException: When it is expired or revoked, or its organization or connection is not active.
    """
    digest = key.digest(token)
    known, now = store.known_tokens.get(digest), store.clock()
    if known is None:
        if not is_well_formed(token):
            raise UnknownCredentialsException(detail="the bearer token is malformed; paste it whole, as it was shown")
        if not store.known_tokens.has_found(digest):
            before_guess()
        asked_at = time.monotonic()
        found = _look_up(store, digest)
        if found is None:
            raise UnknownCredentialsException(detail="the bearer token is unknown; issue a new one for this connection")
        known = (*found, _actor(*found))
        # The access of a person ends with the request that ends it.
        store.known_tokens.put(digest, known, asked_at if found[0].user_id is None else -math.inf)
    row, bearer, actor = known
    if row.revoked_at is not None:
        raise UnauthorizedException(detail="the bearer token was revoked; issue a new one for this connection")
    if row.expires_at is not None and row.expires_at <= now:
        raise UnauthorizedException(detail="the bearer token has expired; issue a new one for this connection")
    if row.status != "active" or not bearer.enabled:
        raise UnauthorizedException(detail="this organization or connection is suspended")
    if row.user_id is not None and bearer.user_active is not True:
        raise UnauthorizedException(detail="the person this token stands for has no access any more")
    if row.last_used_at is None or row.last_used_at <= now - LAST_USED_INTERVAL:
        _touch(store, digest, now)
    return Credentials(row.org_id, actor, request_id)


def _actor(row: _Issued, bearer: _Bearer) -> Actor:
    provisioning = Provisioning(bearer.on_inactive, bearer.on_existing, bearer.on_delete)
    connection = Connection(row.connection_id, bearer.name, PROFILES[bearer.profile], provisioning)
    kind, actor_id = ("token", row.id) if row.user_id is None else ("user", row.user_id)
    return Actor(kind, actor_id, connection, _scopes(row.scope))


def _scopes(scope: str) -> frozenset[str]:
    """Return the scopes of a token; ``scim`` stands for both of its halves."""
    scopes = set(scope.split())
    return frozenset(scopes | {"scim:read", "scim:write"} if "scim" in scopes else scopes)


def _touch(store: Store, digest: str, now: datetime) -> None:
    """Write when a token was last used, unless another worker did or the database is busy."""
    store.known_tokens.forget(digest)  # The next look-up sees the time written here.
    # NB: waits for no lock, so that a read is not held up by a writer: SQLite has one lock, PostgreSQL skips.
    due = (
        select(tokens.c.digest)
        .where(
            tokens.c.digest == digest,
            or_(tokens.c.last_used_at.is_(None), tokens.c.last_used_at <= now - LAST_USED_INTERVAL),
        )
        .with_for_update(skip_locked=True)
    )
    try:
        # One statement, which is its own transaction.
        with begin_platform(store, write=False) as platform, impatient(platform.db):
            platform.db.execute(update(tokens).where(tokens.c.digest.in_(due)).values(last_used_at=now))
    except UnavailableException:
        return  # A time of use is worth no request.
