"""OAuth clients (RFC 6749 §2): who asks for tokens of a connection, or of the portal's back end."""

import hmac
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from scim_server.protocol.profiles import PROFILES
from scim_server.store.session import Connection, Platform, Store, Tenant, begin_platform, impatient, show_rows
from scim_server.store.tables import connections, oauth_clients, organizations
from scim_server.store.tokens import DigestKey


class AssertionTakenError(ValueError):
    """Another client is registered for the same assertions."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of a client, as it is kept."""

    digest: str
    key_id: str


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A client as it is registered.

    ``auth_method`` is ``client_secret``, ``private_key_jwt`` (RFC 7523) or ``federated``, whose assertions another
    ``issuer`` signs. ``connection_id`` is None for the portal's back end.
    """

    id: str
    org_id: str
    connection_id: str | None
    name: str
    auth_method: str
    scope: str
    grant_types: str
    redirect_uris: list[str]
    created_at: datetime
    disabled_at: datetime | None = None
    jwks: Any = None
    jwks_uri: str | None = None
    issuer: str | None = None
    subject: str | None = None
    audience: str | None = None
    previous_secret_ends_at: datetime | None = None
    secret_digest: str | None = field(default=None, repr=False)
    secret_key_id: str | None = field(default=None, repr=False)
    previous_secret_digest: str | None = field(default=None, repr=False)
    previous_secret_key_id: str | None = field(default=None, repr=False)

    def secrets(self, now: datetime) -> dict[str, str]:
        """Return the digests of the secrets that are taken, each by the name of its column."""
        taken: dict[str, str | None] = {"secret_digest": self.secret_digest}
        if self.previous_secret_ends_at is not None and self.previous_secret_ends_at > now:
            taken["previous_secret_digest"] = self.previous_secret_digest
        return {name: digest for name, digest in taken.items() if digest is not None}


@dataclass(frozen=True, slots=True)
class KnownClient:
    """A client with its connection; ``closed`` says why it gets nothing now."""

    client: OAuthClient
    connection: Connection | None
    closed: str | None


_COLUMNS = tuple(oauth_clients.c[name] for name in OAuthClient.__dataclass_fields__)


def insert_client(tenant: Tenant, client: OAuthClient) -> None:
    """Register a client.

    :raises AssertionTakenError: When another one is registered for the same assertions.
    """
    values = {column.name: getattr(client, column.name) for column in _COLUMNS}
    try:
        tenant.db.execute(insert(oauth_clients).values(values))
    except IntegrityError as exc:
        raise AssertionTakenError("another client is registered for this issuer, subject and audience") from exc


def update_client(tenant: Tenant, client_id: str, **values: Any) -> None:
    """Change what is kept of a client."""
    condition = (oauth_clients.c.org_id == tenant.org_id, oauth_clients.c.id == client_id)
    tenant.db.execute(update(oauth_clients).where(*condition).values(values))


def list_clients(
    tenant: Tenant, *, connection_id: str | None = None, after: str = "", limit: int | None = None
) -> list[OAuthClient]:
    """Return clients of the organization, oldest first: those after an id, at most so many.

    :param connection_id: The only connection whose clients are asked for.
    """
    following = [oauth_clients.c.org_id == tenant.org_id, oauth_clients.c.id > after]
    if connection_id is not None:
        following.append(oauth_clients.c.connection_id == connection_id)
    rows = tenant.db.execute(select(*_COLUMNS).where(*following).order_by(oauth_clients.c.id).limit(limit))
    return [OAuthClient(*row) for row in rows]


def find_client(tenant: Tenant, client_id: str) -> OAuthClient | None:
    """Return a client of the organization."""
    condition = (oauth_clients.c.org_id == tenant.org_id, oauth_clients.c.id == client_id)
    row = tenant.db.execute(select(*_COLUMNS).where(*condition)).first()
    return None if row is None else OAuthClient(*row)


def look_up_client(store: Store, client_id: str) -> KnownClient | None:
    """Return a client of whichever organization by its id."""
    return _look_up(store, oauth_clients.c.id == client_id)


def look_up_federated(store: Store, issuer: str, subject: str, audience: str) -> KnownClient | None:
    """Return the client that is registered for the assertions of an issuer."""
    named = (oauth_clients.c.issuer == issuer) & (oauth_clients.c.subject == subject)
    return _look_up(store, named & (oauth_clients.c.audience == audience))


def _look_up(store: Store, condition: Any) -> KnownClient | None:
    of_organization = organizations.c.id == oauth_clients.c.org_id
    statement = select(*_COLUMNS, organizations.c.status).join(organizations, of_organization).where(condition)
    with begin_platform(store, write=False) as platform:
        row = platform.db.execute(statement).first()
        if row is None:
            return None
        client, status = OAuthClient(*row[:-1]), row[-1]
        connection, enabled = _connection(platform, client)
    suspended = None if status == "active" and enabled else "this organization or connection is suspended"
    closed = "this client is disabled" if client.disabled_at is not None else suspended
    return KnownClient(client, connection, closed)


def _connection(platform: Platform, client: OAuthClient) -> tuple[Connection | None, bool]:
    if client.connection_id is None:
        return None, True
    show_rows(platform.db, client.org_id)
    row = platform.db.execute(
        select(connections.c.name, connections.c.profile, connections.c.enabled).where(
            connections.c.org_id == client.org_id, connections.c.id == client.connection_id
        )
    ).first()
    if row is None:
        return None, False
    return Connection(client.connection_id, row.name, PROFILES[row.profile]), row.enabled


def digested(key: DigestKey, secret: str) -> Secret:
    """Return a secret as it is kept."""
    return Secret(key.digest(secret), key.id)


def proves(store: Store, key: DigestKey, client: OAuthClient, secret: str) -> bool:
    """Return whether a secret is one of the client's; one that is kept under the previous key is kept anew."""
    digests = key.digests(secret)
    found: tuple[str, bool] | None = None
    for name, kept in client.secrets(store.clock()).items():
        for index, digest in enumerate(digests):
            if hmac.compare_digest(digest, kept):
                found = name, index > 0
    if found is not None and found[1]:
        _digest_anew(store, client, found[0], digested(key, secret))
    return found is not None


def _digest_anew(store: Store, client: OAuthClient, name: str, secret: Secret) -> None:
    """Keep a secret under the newest key, unless the database is busy: the next use will do as well."""
    values = {name: secret.digest, name.replace("digest", "key_id"): secret.key_id}
    condition = (oauth_clients.c.id == client.id, oauth_clients.c[name] == getattr(client, name))
    with begin_platform(store, write=False) as platform:
        try:
            with impatient(platform.db):
                platform.db.execute(update(oauth_clients).where(*condition).values(values))
        except DBAPIError:
            return


def with_secret(client: OAuthClient, secret: Secret) -> OAuthClient:
    """Return a client whose secret is another one."""
    return replace(client, secret_digest=secret.digest, secret_key_id=secret.key_id)
