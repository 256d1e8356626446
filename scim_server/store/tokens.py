"""Bearer tokens: issued once, kept as keyed digests, looked up by digest with their organization."""

import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from scim2_models import UnauthorizedException
from sqlalchemy import bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import DBAPIError

from scim_server.protocol.errors import UnavailableException, UnknownCredentialsException
from scim_server.protocol.profiles import PROFILES
from scim_server.protocol.provisioning import Provisioning
from scim_server.protocol.scopes import OPERATOR, SCIM_SCOPES
from scim_server.protocol.tokens import ALPHABET, RANDOM_LENGTH, is_well_formed, make_token, warning_days
from scim_server.store.prepared import Prepared
from scim_server.store.session import (
    Actor,
    Connection,
    Credentials,
    Platform,
    Store,
    Tenant,
    begin_platform,
    impatient,
    show_rows,
)
from scim_server.store.tables import connections, oauth_clients, organizations, resources, tokens

LAST_USED_INTERVAL = timedelta(minutes=1)
"""How old a token's last-used time must be before it is written again."""

KEPT_EXPIRED = timedelta(days=1)
"""How long a client's tokens are kept once they have expired."""

log = structlog.get_logger("scim_server")


@dataclass(frozen=True, slots=True)
class DigestKey:
    """The key of the digests of tokens, codes and secrets; ``id`` is stored beside each.

    While keys are rotated, what was issued under ``previous`` is still known.
    """

    id: str
    secret: bytes
    previous: "DigestKey | None" = None

    @classmethod
    def derive(cls, secret_key: str, previous_secret_key: str | None = None) -> "DigestKey":
        """Return the key for the digests of tokens under the server's secret key."""
        secret = hmac.digest(secret_key.encode(), b"scim-server token digest", "sha256")
        previous = cls.derive(previous_secret_key) if previous_secret_key else None
        return cls(id=hashlib.sha256(secret).hexdigest()[:8], secret=secret, previous=previous)

    def digest(self, token: str) -> str:
        """Return the keyed SHA-256 digest of a token."""
        return hmac.digest(self.secret, token.encode(), "sha256").hex()

    def digests(self, token: str) -> tuple[str, ...]:
        """Return the digests that a token may be kept under, the newest first."""
        return (self.digest(token), *(self.previous.digests(token) if self.previous else ()))


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What is known of a token once it was shown.

    ``kind`` is ``static``, or ``access`` or ``refresh`` of an OAuth client. ``grant_id`` is what all tokens of one
    consent have in common. ``replaces_id`` is the token whose place this one takes in a rotation.
    """

    id: str
    kind: str
    connection_id: str | None
    user_id: str | None
    client_id: str | None
    grant_id: str | None
    scope: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    replaces_id: str | None = None
    replaced_expires_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Return whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def expires_in_days(self, now: datetime) -> int | None:
        """Return how many whole days it has left, None where it has no end."""
        return None if self.expires_at is None else (self.expires_at - now).days


_COLUMNS = tuple(tokens.c[name] for name in TokenRecord.__dataclass_fields__)


def new_token() -> str:
    """Return a token that nobody has."""
    return make_token("".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH)))


def insert_token(within: Tenant | Platform, key: DigestKey, record: TokenRecord, token: str) -> None:
    """Keep what is known of a token of an organization, or of an operator."""
    values = {column.name: getattr(record, column.name) for column in _COLUMNS}
    org_id = within.org_id if isinstance(within, Tenant) else None
    within.db.execute(insert(tokens).values(digest=key.digest(token), key_id=key.id, org_id=org_id, **values))


def list_tokens(within: Tenant | Platform, *, after: str = "", limit: int | None = None) -> list[TokenRecord]:
    """Return static tokens of the organization, or those of operators, oldest first: those after an id, so many."""
    following = (_of(within), tokens.c.kind == "static", tokens.c.id > after)
    statement = select(*_COLUMNS).where(*following).order_by(tokens.c.id).limit(limit)
    return [TokenRecord(*row) for row in within.db.execute(statement)]


def _of(within: Tenant | Platform) -> Any:
    return tokens.c.org_id == within.org_id if isinstance(within, Tenant) else tokens.c.org_id.is_(None)


def get_token(tenant: Tenant, token_id: str) -> TokenRecord | None:
    """Return a token of the organization by its id."""
    row = tenant.db.execute(select(*_COLUMNS).where(_of(tenant), tokens.c.id == token_id)).first()
    return None if row is None else TokenRecord(*row)


def list_of_connections(
    tenant: Tenant, connection_ids: Sequence[str], *, only_live: bool = False, after: str = "", limit: int | None = None
) -> list[TokenRecord]:
    """Return static tokens of connections, oldest first: those after an id, at most so many."""
    listed = [_of(tenant), tokens.c.connection_id.in_(connection_ids), tokens.c.kind == "static", tokens.c.id > after]
    if only_live:
        listed += [tokens.c.revoked_at.is_(None), or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > tenant.now)]
    statement = select(*_COLUMNS).where(*listed).order_by(tokens.c.id).limit(limit)
    return [TokenRecord(*row) for row in tenant.db.execute(statement)]


def last_use(tenant: Tenant, connection_id: str) -> datetime | None:
    """Return when a token of a connection was last used, to the minute, whatever its kind; None for never."""
    of_connection = (_of(tenant), tokens.c.connection_id == connection_id)
    used_at: datetime | None = tenant.db.scalar(select(func.max(tokens.c.last_used_at)).where(*of_connection))
    return used_at


def find_token(platform: Platform, key: DigestKey, token_or_id: str) -> tuple[str, TokenRecord] | None:
    """Return a token's organization, "" where it has none, and record, by the token or by its id."""
    digests = key.digests(token_or_id)
    row = platform.db.execute(
        select(tokens.c.org_id, *_COLUMNS).where(or_(tokens.c.id == token_or_id, tokens.c.digest.in_(digests)))
    ).first()
    return None if row is None else (row.org_id or "", TokenRecord(*row[1:]))


def revoke_token(within: Tenant | Platform, token_id: str) -> bool:
    """Revoke a token; return whether it was live until now."""
    return _revoke(within, tokens.c.id == token_id) > 0


def revoke_grant(tenant: Tenant, grant_id: str) -> int:
    """Revoke all that follows from one consent; return how many tokens it were."""
    return _revoke(tenant, tokens.c.grant_id == grant_id)


def revoke_client_tokens(tenant: Tenant, client_id: str) -> int:
    """Revoke all tokens of an OAuth client; return how many it were."""
    return _revoke(tenant, tokens.c.client_id == client_id)


def _revoke(within: Tenant | Platform, which: Any) -> int:
    condition = (_of(within), which, tokens.c.revoked_at.is_(None))
    return within.db.execute(update(tokens).where(*condition).values(revoked_at=within.now)).rowcount


def change_end(tenant: Tenant, token_id: str, expires_at: datetime | None) -> None:
    """Let a token end at another time."""
    tenant.db.execute(
        update(tokens).where(_of(tenant), tokens.c.id == token_id).values(expires_at=expires_at, warned_days=None)
    )


def list_live(tenant: Tenant, connection_id: str) -> list[TokenRecord]:
    """Return the live static tokens that stand for a connection, whose row is locked: nobody issues one meanwhile."""
    tenant.db.execute(
        select(connections.c.id)
        .where(connections.c.org_id == tenant.org_id, connections.c.id == connection_id)
        .with_for_update(key_share=True)
    )
    of_connection = (tokens.c.connection_id == connection_id, tokens.c.user_id.is_(None), tokens.c.kind == "static")
    rows = tenant.db.execute(select(*_COLUMNS).where(_of(tenant), *of_connection).order_by(tokens.c.id))
    return [token for token in (TokenRecord(*row) for row in rows) if token.is_live(tenant.now)]


def delete_expired(tenant: Tenant, client_id: str) -> None:
    """Delete what an OAuth client was given and has expired a while ago."""
    old = tokens.c.expires_at < tenant.now - KEPT_EXPIRED
    tenant.db.execute(delete(tokens).where(_of(tenant), tokens.c.client_id == client_id, old))


def count_by_key(platform: Platform) -> Mapping[str, int]:
    """Return how many live tokens and secrets of clients depend on each digest key, by its id."""
    now = platform.now
    live = tokens.c.revoked_at.is_(None) & (tokens.c.expires_at.is_(None) | (tokens.c.expires_at > now))
    counts: dict[str, int] = {}
    for key_id, condition in (
        (tokens.c.key_id, live),
        (oauth_clients.c.secret_key_id, oauth_clients.c.disabled_at.is_(None)),
        (oauth_clients.c.previous_secret_key_id, oauth_clients.c.previous_secret_ends_at > now),
    ):
        rows = platform.db.execute(
            select(key_id, func.count()).where(condition, key_id.is_not(None)).group_by(key_id)
        ).all()
        for name, number in rows:
            counts[name] = counts.get(name, 0) + number
    return counts


class _Found(NamedTuple):
    """What the global tables say of a token, its organization and its client."""

    id: str
    org_id: str | None
    connection_id: str | None
    user_id: str | None
    client_id: str | None
    kind: str
    scope: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    warned_days: int | None
    grant_id: str | None
    status: str | None
    known_client_id: str | None
    client_disabled_at: datetime | None


_LOOK_UP = Prepared(
    select(
        *(tokens.c[name] for name in _Found._fields[:13]),
        organizations.c.status,
        oauth_clients.c.id.label("known_client_id"),
        oauth_clients.c.disabled_at,
        tokens.c.digest,
    )
    .outerjoin(organizations, organizations.c.id == tokens.c.org_id)
    .outerjoin(oauth_clients, oauth_clients.c.id == tokens.c.client_id)
    # NB: both at once: between two statements, another worker may keep the token under the newer key.
    .where(or_(tokens.c.digest == bindparam("digest"), tokens.c.digest == bindparam("previous_digest")))
)
# NB: a statement of its own, which names its organization: one shard, and no way round row-level security.
_CONNECTION = Prepared(
    select(
        *(connections.c[name] for name in ("name", "profile", "enabled", "on_inactive", "on_existing", "on_delete")),
        resources.c.active,
        resources.c.access_ended_at,
    )
    .outerjoin(resources, (resources.c.org_id == bindparam("org_id")) & (resources.c.id == bindparam("user_id")))
    .where(connections.c.org_id == bindparam("org_id"), connections.c.id == bindparam("connection_id"))
)


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token as it was found a moment ago; ``closed`` says why it proves nothing, whatever the time."""

    found: _Found
    actor: Actor
    closed: str | None

    def why_not(self, now: datetime) -> str | None:
        """Return why the token proves nothing at a moment, None where it does."""
        if self.closed is None and self.found.expires_at is not None and self.found.expires_at <= now:
            return "the bearer token has expired; issue a new one for this connection"
        return self.closed


def look_up(store: Store, key: DigestKey, token: str) -> KnownToken | None:
    """Return what the database says of a token, whatever its kind; None where it is unknown."""
    digests = key.digests(token)
    with begin_platform(store, write=False) as platform:
        row = _LOOK_UP.first(platform.db, digest=digests[0], previous_digest=digests[-1])
        if row is None:
            return None
        if row[-1] != digests[0]:
            _digest_anew(platform, key, row[-1], digests[0])
        return _known(platform, _Found(*row[:-1]))


def _digest_anew(platform: Platform, key: DigestKey, kept: str, digest: str) -> None:
    """Keep a token under the newest key, unless the database is busy: the next use will do as well."""
    try:
        with impatient(platform.db):
            values = {"digest": digest, "key_id": key.id}
            platform.db.execute(update(tokens).where(tokens.c.digest == kept).values(values))
    except DBAPIError:
        log.info("a token stays under the previous key for now")


def _known(platform: Platform, found: _Found) -> KnownToken:
    connection, closed = None, _closed(found)
    person_active = found.user_id is None
    if found.org_id is not None and found.connection_id is not None:
        show_rows(platform.db, found.org_id)
        row = _CONNECTION.first(
            platform.db, org_id=found.org_id, connection_id=found.connection_id, user_id=found.user_id
        )
        if row is None:
            closed = closed or "the connection of this token does not exist any more"
        else:
            connection = Connection(found.connection_id, row[0], PROFILES[row[1]], Provisioning(*row[3:6]))
            # Who has lost access since, and has it again, has it by other tokens.
            person_active = person_active or (row[6] is True and (row[7] is None or found.created_at > row[7]))
            closed = closed or (None if row[2] else "this organization or connection is suspended")
    if not person_active:
        closed = closed or "the person this token stands for has no access any more"
    scopes = _scopes(found.scope)
    if found.org_id is None:
        actor = Actor("operator", found.id, None, scopes)
    elif found.user_id is not None:
        actor = Actor("user", found.user_id, connection, scopes)
    else:
        actor = Actor("token", found.id, connection, scopes)
    return KnownToken(found, actor, closed)


def _closed(found: _Found) -> str | None:
    if found.revoked_at is not None:
        return "the bearer token was revoked; issue a new one for this connection"
    if found.org_id is not None and found.status != "active":
        return "this organization or connection is suspended"
    if found.client_id is not None and (found.known_client_id is None or found.client_disabled_at is not None):
        return "the OAuth client this token was given to is disabled"
    # NB: a token without an organization is an operator's by its scope, too: a lost org_id opens nothing.
    if found.org_id is None and found.scope != OPERATOR:
        return "the bearer token belongs to no organization"
    return None


def authenticate(
    store: Store, key: DigestKey, token: str, request_id: str, *, before_guess: Callable[[], None] = lambda: None
) -> Credentials:
    """Return what a bearer token proves, by an indexed look-up of less than a second ago.

    ``org_id`` is empty for an operator's token.

    :param before_guess: What is done before a token is looked up that this process never found; it may refuse.
    :raises UnknownCredentialsException: When the token is malformed or unknown.
    :raises UnauthorizedException: When it is expired, revoked, or a refresh token, or its organization, connection
        or client is not active.
    """
    digest = key.digest(token)
    known, now = store.known_tokens.get(digest), store.clock()
    if known is None:
        if not is_well_formed(token):
            raise UnknownCredentialsException(detail="the bearer token is malformed; paste it whole, as it was shown")
        if not store.known_tokens.has_found(digest):
            before_guess()
        asked_at = time.monotonic()
        known = look_up(store, key, token)
        if known is None:
            raise UnknownCredentialsException(detail="the bearer token is unknown; issue a new one for this connection")
        # The access of a person ends with the request that ends it.
        store.known_tokens.put(digest, known, asked_at if known.found.user_id is None else -math.inf)
    why_not = known.why_not(now)
    if why_not is not None:
        raise UnauthorizedException(detail=why_not)
    if known.found.kind == "refresh":
        raise UnauthorizedException(detail="this is a refresh token; send the access token that came with it")
    last_used_at = known.found.last_used_at
    if last_used_at is None or last_used_at <= now - LAST_USED_INTERVAL:
        _touch(store, digest, now, known.found)
    return Credentials(known.found.org_id or "", known.actor, request_id)


def _scopes(scope: str) -> frozenset[str]:
    """Return the scopes of a token; ``scim`` stands for both of its halves."""
    scopes = set(scope.split())
    return frozenset(scopes | set(SCIM_SCOPES) if "scim" in scopes else scopes)


def _touch(store: Store, digest: str, now: datetime, found: _Found) -> None:
    """Write when a token was last used, unless another worker did or the database is busy; warn of its end."""
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
    warned = warning_days(found.expires_at, now) if found.kind == "static" else None
    is_news = warned is not None and (found.warned_days is None or warned < found.warned_days)
    values = {"last_used_at": now, **({"warned_days": warned} if is_news else {})}
    try:
        # One statement, which is its own transaction.
        with begin_platform(store, write=False) as platform, impatient(platform.db):
            written = platform.db.execute(update(tokens).where(tokens.c.digest.in_(due)).values(values)).rowcount
    except UnavailableException:
        return  # A time of use is worth no request.
    if written and is_news:
        names = {"token": found.id, "organization": found.org_id, "connection": found.connection_id}
        log.warning("a token expires soon", **names, expires_at=str(found.expires_at), warning_days=warned)
