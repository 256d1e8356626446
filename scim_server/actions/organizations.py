"""Organizations and their connections, as an operator sets them up."""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
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
from scim_server.store.session import Actor, Credentials, Platform, Store, Tenant, begin_platform, new_id, write_end
from scim_server.store.trail import record

DEFAULT_CONNECTION = "default"

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
    tenant = Tenant(
        db=platform.db,
        org_id=organization.id,
        actor=Actor("operator", actor_id),
        now=platform.now,
        catalog=store.catalog,
    )
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
