"""OAuth clients as an operator or administrator sets them up: registered, their secrets rotated, disabled."""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from scim_server.actions.organizations import UnknownError, get_connection
from scim_server.actions.tokens import CredentialStateError, check_scope
from scim_server.protocol.assertions import check_https_url, check_redirect_uri, read_jwks
from scim_server.protocol.scopes import read_scope, write_scope
from scim_server.store.clients import OAuthClient, digested, find_client, insert_client, update_client, with_secret
from scim_server.store.session import Tenant, new_id
from scim_server.store.tokens import DigestKey, revoke_client_tokens
from scim_server.store.trail import record

AUTH_METHODS = ("client_secret", "private_key_jwt", "federated")
GRANT_TYPES = ("client_credentials", "authorization_code", "refresh_token")
MAX_REDIRECT_URIS = 20


@dataclass(frozen=True, slots=True)
class Registration:
    """What a client is registered with; see :class:`~scim_server.store.clients.OAuthClient`."""

    name: str
    connection_name: str | None
    scope: str
    auth_method: str = "client_secret"
    grant_types: tuple[str, ...] = ("client_credentials",)
    redirect_uris: tuple[str, ...] = ()
    jwks: Any = None
    jwks_uri: str | None = None
    issuer: str | None = None
    subject: str | None = None
    audience: str | None = None


def create_client(tenant: Tenant, key: DigestKey, asked: Registration) -> tuple[OAuthClient, str | None]:
    """Register a client; its secret, where it has one, is returned this once.

    :raises UnknownError: When the connection does not exist.
    :raises ValueError: When something of the registration is missing, unknown or too much.
    """
    check_registration(asked)
    connection = None if asked.connection_name is None else get_connection(tenant, asked.connection_name)
    client = OAuthClient(
        id=new_id(),
        org_id=tenant.org_id,
        connection_id=connection.id if connection else None,
        name=asked.name.strip(),
        auth_method=asked.auth_method,
        scope=write_scope(read_scope(asked.scope)),
        grant_types=" ".join(each for each in GRANT_TYPES if each in asked.grant_types),
        redirect_uris=list(asked.redirect_uris),
        created_at=tenant.now,
        jwks=asked.jwks,
        jwks_uri=asked.jwks_uri,
        issuer=asked.issuer,
        subject=asked.subject,
        audience=asked.audience,
    )
    secret = None
    if client.auth_method == "client_secret":
        secret = secrets.token_urlsafe(32)
        client = with_secret(client, digested(key, secret))
    insert_client(tenant, client)
    shown = {"name": client.name, "auth_method": client.auth_method, "scope": client.scope}
    changes = {**shown, "grant_types": client.grant_types, "connection": connection and connection.name}
    record(tenant, "client.create", "Client", client.id, {name: {"to": value} for name, value in changes.items()})
    return client, secret


def check_registration(asked: Registration) -> None:
    """Refuse what no client can be registered with.

    :raises ValueError: When something of it is missing, unknown or too much.
    """
    if not asked.name.strip() or len(asked.name) > 200:
        raise ValueError("the name of a client must have 1 to 200 characters")
    check_scope(asked.scope, asked.connection_name)
    unknown = [each for each in asked.grant_types if each not in GRANT_TYPES]
    if unknown or not asked.grant_types:
        raise ValueError(f"a client needs one or several grant types of: {', '.join(GRANT_TYPES)}")
    if "refresh_token" in asked.grant_types and "authorization_code" not in asked.grant_types:
        raise ValueError("refresh_token goes with authorization_code")
    if ("authorization_code" in asked.grant_types) != bool(asked.redirect_uris):
        raise ValueError("authorization_code needs a redirect URI, and no other grant type takes one")
    if len(asked.redirect_uris) > MAX_REDIRECT_URIS:
        raise ValueError(f"a client may have {MAX_REDIRECT_URIS} redirect URIs")
    for uri in asked.redirect_uris:
        check_redirect_uri(uri)
    _check_authentication(asked)


def _check_authentication(asked: Registration) -> None:
    if asked.auth_method not in AUTH_METHODS:
        raise ValueError(f"{asked.auth_method!r} is no way to authenticate; accepted: {', '.join(AUTH_METHODS)}")
    has_keys = (asked.jwks is not None) + (asked.jwks_uri is not None)
    if has_keys != (asked.auth_method != "client_secret"):
        raise ValueError("private_key_jwt and federated need either jwks or jwks_uri; client_secret takes none")
    if asked.jwks is not None:
        read_jwks(asked.jwks)
    if asked.jwks_uri is not None:
        check_https_url(asked.jwks_uri, "jwks_uri")
    named = [bool(each) for each in (asked.issuer, asked.subject, asked.audience)]
    if named != [asked.auth_method == "federated"] * 3:
        raise ValueError("federated needs issuer, subject and audience, which no other takes")
    if asked.issuer and asked.issuer == asked.subject:
        raise ValueError("a client that signs its own assertions, of one issuer and subject, is private_key_jwt")
    if any(len(each or "") > 1_000 for each in (asked.issuer, asked.subject, asked.audience)):
        raise ValueError("issuer, subject and audience have 1,000 characters at most")


def get_client(tenant: Tenant, client_id: str) -> OAuthClient:
    """Return a client of the organization.

    :raises UnknownError: When it has none of that id.
    """
    client = find_client(tenant, client_id)
    if client is None:
        raise UnknownError(f"there is no client {client_id!r}; `scim-server client list ORG` shows those there are")
    return client


def rotate_secret(tenant: Tenant, key: DigestKey, client_id: str, keep_for: timedelta) -> tuple[OAuthClient, str]:
    """Give a client a new secret, which is returned this once; the one it had is taken for a while longer.

    :raises UnknownError: When the organization has no such client.
    :raises CredentialStateError: When it has no secret, or is disabled.
    """
    client = get_client(tenant, client_id)
    if client.secret_digest is None or client.disabled_at is not None:
        why = "this client is disabled" if client.disabled_at else "this client has keys, and no secret"
        raise CredentialStateError(why)
    secret = secrets.token_urlsafe(32)
    kept = digested(key, secret)
    changed: dict[str, Any] = {
        "secret_digest": kept.digest,
        "secret_key_id": kept.key_id,
        "previous_secret_digest": client.secret_digest,
        "previous_secret_key_id": client.secret_key_id,
        "previous_secret_ends_at": tenant.now + keep_for,
    }
    update_client(tenant, client.id, **changed)
    ends = {"previous_secret_ends_at": {"to": changed["previous_secret_ends_at"].isoformat()}}
    record(tenant, "client.rotate_secret", "Client", client.id, ends)
    return replace(client, **changed), secret


def disable_client(tenant: Tenant, client_id: str) -> bool:
    """Disable a client and revoke its tokens; return whether it was enabled until now.

    :raises UnknownError: When the organization has no such client.
    """
    client = get_client(tenant, client_id)
    if client.disabled_at is not None:
        return False
    update_client(tenant, client.id, disabled_at=tenant.now)
    revoked = revoke_client_tokens(tenant, client.id)
    record(tenant, "client.disable", "Client", client.id, {"tokens_revoked": {"to": revoked}})
    return True
