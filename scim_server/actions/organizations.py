"""Organizations, their connections, and the tokens of those, as an operator sets them up."""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from scim_server.protocol.profiles import PROFILES
from scim_server.protocol.provisioning import DEFAULT_PROVISIONING, Provisioning
from scim_server.store.connections import (
    ConnectionRecord,
    find_connection,
    insert_connection,
    list_connections,
    update_connection,
)
from scim_server.store.organizations import Organization, find_organization, insert_organization
from scim_server.store.resources import find_namesake
from scim_server.store.session import (
    Actor,
    Credentials,
    Platform,
    Store,
    Tenant,
    begin_platform,
    enter,
    new_id,
    write_end,
)
from scim_server.store.tokens import DigestKey, TokenRecord, insert_token, revoke_token
from scim_server.store.trail import record

DEFAULT_CONNECTION = "default"
SCOPES = ("scim", "scim:read", "scim:write")

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class UnknownError(LookupError):
    """What was named does not exist; the message says what does."""


def operator_credentials(store: Store, slug: str, *, actor_id: str) -> Credentials:
    """Return the credentials of an operator in an organization.

    :raises UnknownError: When no organization has that slug.
    """
    with begin_platform(store, write=False) as platform:
        organization = find_organization(platform, slug)
    if organization is None:
        raise UnknownError(f"there is no organization {slug!r}; `scim-server org list` shows those there are")
    return Credentials(organization.id, Actor("operator", actor_id))


def create_organization(platform: Platform, store: Store, slug: str, name: str, *, actor_id: str) -> Organization:
    """Create an organization with its ``default`` connection, which has the lenient profile.

    :raises ValueError: When the slug is no slug, or taken.
    """
    if not _SLUG.fullmatch(slug):
        raise ValueError(
            f"{slug!r} is not a slug: 1 to 63 lower-case letters, digits and hyphens, with no hyphen at an end"
        )
    if not name.strip() or len(name) > 200:
        raise ValueError("the name must have 1 to 200 characters")
    organization = Organization(new_id(), slug, name.strip(), "active", platform.now)
    insert_organization(platform, organization)
    tenant = enter(platform, store, Credentials(organization.id, Actor("operator", actor_id)))
    record(tenant, "organization.create", "Organization", organization.id, {"slug": {"to": slug}})
    create_connection(tenant, DEFAULT_CONNECTION, "lenient")
    write_end(tenant)
    return organization


def create_connection(
    tenant: Tenant, name: str, profile: str, provisioning: Provisioning = DEFAULT_PROVISIONING
) -> ConnectionRecord:
    """Create a connection for an identity provider or HR system.

    :raises ValueError: When the profile is unknown, or the name is empty or taken.
    """
    if profile not in PROFILES:
        raise ValueError(f"{profile!r} is not a client profile; accepted: {', '.join(sorted(PROFILES))}")
    if not name.strip() or len(name) > 200:
        raise ValueError("the name of a connection must have 1 to 200 characters")
    rules = asdict(provisioning)
    connection = ConnectionRecord(new_id(), name.strip(), profile, True, tenant.now, **rules)
    insert_connection(tenant, connection)
    changes = {key: {"to": value} for key, value in {"name": connection.name, "profile": profile, **rules}.items()}
    record(tenant, "connection.create", "Connection", connection.id, changes)
    return connection


def change_connection(tenant: Tenant, name: str, changes: Mapping[str, Any]) -> ConnectionRecord:
    """Change the profile, the rules or the state of a connection; it holds for the next request.

    :param changes: New values of ``profile``, ``enabled``, ``on_inactive``, ``on_existing``, ``on_delete``.
    :raises UnknownError: When the organization has no connection of that name.
    """
    before = get_connection(tenant, name)
    after = replace(before, **changes)
    update_connection(tenant, after)
    changed = {
        key: {"from": getattr(before, key), "to": value}
        for key, value in changes.items()
        if getattr(before, key) != value
    }
    if changed:
        record(tenant, "connection.change", "Connection", after.id, changed)
    return after


def get_connection(tenant: Tenant, name: str) -> ConnectionRecord:
    """Return a connection by its name.

    :raises UnknownError: When the organization has none of that name.
    """
    connection = find_connection(tenant, name)
    if connection is None:
        names = ", ".join(each.name for each in list_connections(tenant))
        raise UnknownError(f"there is no connection {name!r}; the organization has: {names}")
    return connection


def issue_token(
    tenant: Tenant,
    key: DigestKey,
    connection_name: str,
    scope: str,
    lifetime: timedelta | None,
    user_name: str | None = None,
) -> tuple[TokenRecord, str]:
    """Issue a bearer token for a connection; the token itself is returned this once.

    :param user_name: The userName of the person the token stands for; it then has the scope ``me`` alone.
    :raises UnknownError: When the connection or the user does not exist.
    :raises ValueError: When a scope is unknown.
    """
    user_id = None
    if user_name is not None:
        scope, user_id = "me", _user_id(tenant, user_name)
    scopes = scope.split()
    unknown = [each for each in scopes if each not in SCOPES and user_id is None]
    if unknown or not scopes:
        raise ValueError(f"{scope!r} is not a scope; accepted: {', '.join(SCOPES)}")
    connection = get_connection(tenant, connection_name)
    expires_at = None if lifetime is None else tenant.now + lifetime
    issued, token = insert_token(tenant, key, connection.id, " ".join(scopes), expires_at, user_id)
    changes = {"connection": {"to": connection.name}, "scope": {"to": issued.scope}, "user": {"to": user_id}}
    record(tenant, "token.issue", "Token", issued.id, changes)
    return issued, token


def _user_id(tenant: Tenant, user_name: str) -> str:
    found = find_namesake(tenant, tenant.catalog.by_name("User"), {"userName": user_name})
    if found is None:
        raise UnknownError(f"there is no user {user_name!r} in this organization")
    return found[0].id


def revoke(tenant: Tenant, token_id: str) -> bool:
    """Revoke a token; return whether it was live until now."""
    revoked = revoke_token(tenant, token_id)
    if revoked:
        record(tenant, "token.revoke", "Token", token_id, {})
    return revoked
