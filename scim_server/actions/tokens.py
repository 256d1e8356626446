"""Bearer tokens as an operator or administrator sets them up: issued, rotated, revoked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from scim_server.actions.organizations import UnknownError, get_connection
from scim_server.protocol.scopes import OPERATOR, SCIM_SCOPES, read_scope
from scim_server.protocol.tokens import warning_days
from scim_server.store.resources import find_namesake
from scim_server.store.session import Platform, Tenant, new_id
from scim_server.store.tokens import (
    DigestKey,
    TokenRecord,
    change_end,
    get_token,
    insert_token,
    list_live,
    list_tokens,
    new_token,
    revoke_grant,
    revoke_token,
)
from scim_server.store.trail import record

MAX_LIVE = 2
"""How many tokens of a connection live at once, which is what a rotation needs."""


class CredentialStateError(ValueError):
    """A token or client is in a state that allows no such change; the message says which."""


class TooManyTokensError(CredentialStateError):
    """A connection has as many live tokens as it may."""


@dataclass(frozen=True, slots=True)
class ListedToken:
    """A token as lists show it: ``warning`` is the smallest of 15, 30, 60, 90 days that its end is within."""

    token: TokenRecord
    expires_in_days: int | None
    warning: int | None


def issue_token(
    tenant: Tenant,
    key: DigestKey,
    connection_name: str | None,
    scope: str,
    lifetime: timedelta | None,
    user_name: str | None = None,
) -> tuple[TokenRecord, str]:
    """Issue a bearer token for a connection, or for the portal itself; the token itself is returned this once.

    :param connection_name: None for a token of the portal's back end, which has no scope of SCIM.
    :param user_name: The userName of the person the token stands for; it then has the scope ``me`` alone.
    :raises UnknownError: When the connection or the user does not exist.
    :raises ValueError: When a scope is unknown, or cannot be had by such a token.
    :raises TooManyTokensError: When the connection has two live tokens.
    """
    user_id = None if user_name is None else _user_id(tenant, user_name)
    if user_id is None:
        check_scope(scope, connection_name)
    connection = None if connection_name is None else get_connection(tenant, connection_name)
    if connection is not None and user_id is None:
        _check_room(tenant, connection.id, connection.name)
    issued = TokenRecord(
        id=new_id(),
        kind="static",
        connection_id=connection.id if connection else None,
        user_id=user_id,
        client_id=None,
        grant_id=None,
        scope=" ".join(scope.split()) if user_id is None else "me",
        created_at=tenant.now,
        expires_at=None if lifetime is None else tenant.now + lifetime,
    )
    token = new_token()
    insert_token(tenant, key, issued, token)
    name = connection.name if connection else None
    changes = {"connection": {"to": name}, "scope": {"to": issued.scope}, "user": {"to": user_id}}
    record(tenant, "token.issue", "Token", issued.id, changes)
    return issued, token


def check_scope(scope: str, connection_name: str | None) -> None:
    """Refuse a scope that a token or client cannot have.

    :raises ValueError: When it is unknown, an operator's, or of SCIM without a connection.
    """
    scopes = read_scope(scope)
    if OPERATOR in scopes:
        raise ValueError("the scope operator belongs to no organization: `scim-server token issue --operator`")
    if connection_name is None and scopes & set(SCIM_SCOPES):
        raise ValueError("a token without a connection has no scope of SCIM; accepted: members:read, ... org:admin")


def _check_room(tenant: Tenant, connection_id: str, name: str) -> None:
    live = list_live(tenant, connection_id)
    if len(live) >= MAX_LIVE:
        ids = " and ".join(token.id for token in live)
        raise TooManyTokensError(
            f"the connection {name!r} has {len(live)} live tokens, which is what a rotation needs; "
            f"revoke one of them first: {ids}"
        )


def _user_id(tenant: Tenant, user_name: str) -> str:
    found = find_namesake(tenant, tenant.catalog.by_name("User"), {"userName": user_name})
    if found is None:
        raise UnknownError(f"there is no user {user_name!r} in this organization")
    return found[0].id


def issue_operator_token(platform: Platform, key: DigestKey, lifetime: timedelta | None) -> tuple[TokenRecord, str]:
    """Issue a token that acts in every organization, by the API alone; it belongs to none, and so to no trail."""
    expires_at = None if lifetime is None else platform.now + lifetime
    issued = TokenRecord(new_id(), "static", None, None, None, None, OPERATOR, platform.now, expires_at)
    token = new_token()
    insert_token(platform, key, issued, token)
    return issued, token


def list_issued(within: Tenant | Platform, *, after: str = "", limit: int | None = None) -> list[ListedToken]:
    """Return the static tokens of the organization, or those of operators, each with the warning that is due.

    :param after: The id that those returned come after, at most so many as ``limit`` says.
    """
    return [listed(token, within.now) for token in list_tokens(within, after=after, limit=limit)]


def listed(token: TokenRecord, now: datetime) -> ListedToken:
    """Return a token as lists show it."""
    warning = warning_days(token.expires_at, now) if token.is_live(now) else None
    return ListedToken(token, token.expires_in_days(now), warning)


def get_issued(tenant: Tenant, token_id: str) -> ListedToken:
    """Return a token of the organization, whatever its kind, as lists show it.

    :raises UnknownError: When it has none of that id.
    """
    token = get_token(tenant, token_id)
    if token is None:
        raise UnknownError(f"there is no token {token_id!r}; `scim-server token list ORG` shows those there are")
    return listed(token, tenant.now)


def revoke(tenant: Tenant, token_id: str) -> bool:
    """Revoke a token; return whether it was live until now."""
    revoked = revoke_token(tenant, token_id)
    if revoked:
        record(tenant, "token.revoke", "Token", token_id, {})
    return revoked


def revoke_leaked(tenant: Tenant, token_id: str) -> bool:
    """Revoke a token that somebody found, and all that follows from the same consent; whether it was live until now."""
    token = get_token(tenant, token_id)
    revoked = revoke_token(tenant, token_id)
    if token is not None and token.grant_id is not None:
        revoked = bool(revoke_grant(tenant, token.grant_id)) or revoked
    if revoked:
        record(tenant, "token.leak", "Token", token_id, {})
    return revoked


def start_rotation(
    tenant: Tenant, key: DigestKey, token_id: str, lifetime: timedelta | None, old_ends_in: timedelta | None
) -> tuple[TokenRecord, str]:
    """Issue the token that takes the place of another, with the same connection and scope.

    :param old_ends_in: When the old one ends by itself; None where it stays until the rotation is completed.
    :raises UnknownError: When the organization has no live static token of that id.
    :raises CredentialStateError: When it is being rotated already, or the connection has two live tokens.
    """
    old = get_token(tenant, token_id)
    if old is None or old.kind != "static" or not old.is_live(tenant.now):
        raise UnknownError(f"there is no live token {token_id!r}; `scim-server token list ORG` shows those there are")
    if old.connection_id is not None and old.user_id is None:
        _check_room(tenant, old.connection_id, "of this token")
    if _replacement(tenant, old.id) is not None:
        raise CredentialStateError("this token is being rotated already; complete or cancel that first")
    expires_at = None if lifetime is None else tenant.now + lifetime
    issued = TokenRecord(
        id=new_id(),
        kind="static",
        connection_id=old.connection_id,
        user_id=old.user_id,
        client_id=None,
        grant_id=None,
        scope=old.scope,
        created_at=tenant.now,
        expires_at=expires_at,
        replaces_id=old.id,
        replaced_expires_at=old.expires_at,
    )
    token = new_token()
    insert_token(tenant, key, issued, token)
    if old_ends_in is not None:
        change_end(tenant, old.id, _sooner(old.expires_at, tenant.now + old_ends_in))
    changes = {"replaced_by": {"to": issued.id}, "ends_in_s": {"to": old_ends_in and old_ends_in.total_seconds()}}
    record(tenant, "token.rotate.start", "Token", old.id, changes)
    return issued, token


def _sooner(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)


def complete_rotation(tenant: Tenant, token_id: str) -> TokenRecord:
    """Revoke the old token of a rotation, named by either of the two; return the new one.

    :raises UnknownError: When no rotation of that token is under way.
    """
    new = _rotation(tenant, token_id)
    assert new.replaces_id is not None
    revoke_token(tenant, new.replaces_id)
    record(tenant, "token.rotate.complete", "Token", new.replaces_id, {"replaced_by": {"to": new.id}})
    return new


def cancel_rotation(tenant: Tenant, token_id: str) -> TokenRecord:
    """Revoke the new token of a rotation, named by either of the two; the old one ends when it would have before.

    :raises UnknownError: When no rotation of that token is under way.
    """
    new = _rotation(tenant, token_id)
    assert new.replaces_id is not None
    revoke_token(tenant, new.id)
    change_end(tenant, new.replaces_id, new.replaced_expires_at)
    record(tenant, "token.rotate.cancel", "Token", new.replaces_id, {"replaced_by": {"from": new.id}})
    return new


def _rotation(tenant: Tenant, token_id: str) -> TokenRecord:
    named = get_token(tenant, token_id)
    new = named if named is not None and named.replaces_id is not None else _replacement(tenant, token_id)
    old = get_token(tenant, new.replaces_id) if new is not None and new.replaces_id is not None else None
    if new is None or old is None or new.revoked_at is not None or old.revoked_at is not None:
        raise UnknownError(
            f"no rotation of the token {token_id!r} is under way; start one with `scim-server token rotate start`"
        )
    return new


def _replacement(tenant: Tenant, token_id: str) -> TokenRecord | None:
    return next((each for each in list_tokens(tenant) if each.replaces_id == token_id and not each.revoked_at), None)
