"""Organizations and their connections, as an operator sets them up."""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from scim2_models import ConflictException, NotFoundException

from scim_server.actions.portals import ensure_roles, portal_named
from scim_server.protocol.portals import DEFAULT_PORTAL, LANGUAGES
from scim_server.protocol.profiles import PROFILES
from scim_server.protocol.provisioning import DEFAULT_PROVISIONING, Provisioning
from scim_server.protocol.replies import check_version
from scim_server.store.calendar import move_dates
from scim_server.store.connections import (
    ConnectionRecord,
    find_connection,
    insert_connection,
    list_connections,
    update_connection,
)
from scim_server.store.organizations import (
    Organization,
    SlugTakenError,
    find_organization,
    insert_organization,
    own_organization,
    update_organization,
)
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
from scim_server.store.trail import record

DEFAULT_CONNECTION = "default"
MAX_NAME_LENGTH = 200
DELETING = "the organization is being deleted; what is left to do is to go on with that"

_NAMES_SHOWN = 20

# NB: no UUID, so that an organization can be named by its slug or by its id.
SLUG = re.compile(r"(?![0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

RESERVED_SLUGS = frozenset({"operator", "static"})
"""What begins other addresses below ``/console`` than those of an organization."""

_MAILBOX = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")


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


def create_organization(
    platform: Platform,
    store: Store,
    slug: str,
    name: str,
    *,
    actor_id: str,
    time_zone: str = "UTC",
    language: str = "en",
    portal: str = DEFAULT_PORTAL,
) -> Organization:
    """Create an organization with the roles of its portal profile, and its lenient connection ``default``.

    :raises ValueError: When the slug is no slug, or taken, or another value is none that is accepted.
    """
    if not SLUG.fullmatch(slug):
        raise ValueError(
            f"{slug!r} is not a slug: 1 to 63 lower-case letters, digits and hyphens, with no hyphen at an end"
        )
    if slug in RESERVED_SLUGS:
        raise SlugTakenError(f"the slug {slug!r} is taken by the console; choose another")
    values = _checked({"name": name, "time_zone": time_zone, "language": language})
    organization = Organization(
        new_id(), slug, values["name"], "active", platform.now, values["time_zone"], values["language"], portal
    )
    tenant = enter(platform, store, Credentials(organization.id, Actor("operator", actor_id)))
    profile = portal_named(tenant, portal)
    insert_organization(platform, organization)
    changes = {key: {"to": value} for key, value in {"slug": slug, **values, "portal": portal}.items()}
    record(tenant, "organization.create", "Organization", organization.id, changes)
    create_connection(tenant, DEFAULT_CONNECTION, "lenient")
    ensure_roles(tenant, profile, language)
    write_end(tenant)
    return organization


def change_organization(tenant: Tenant, changes: Mapping[str, str | None], if_match: str | None = None) -> Organization:
    """Change the name, the time zone, the language or the mailbox to turn to of the organization.

    :raises ValueError: When a value is none that is accepted.
    """
    changed = _change(tenant, "organization.change", _checked(changes), if_match)
    if "time_zone" in changes:
        move_dates(tenant, changed.time_zone)
    return changed


def suspend_organization(tenant: Tenant, if_match: str | None = None) -> Organization:
    """Let no token of the organization be taken any more, within a second everywhere."""
    return _change(tenant, "organization.suspend", {"status": "suspended"}, if_match)


def resume_organization(tenant: Tenant, if_match: str | None = None) -> Organization:
    """Let the tokens of a suspended organization be taken again."""
    return _change(tenant, "organization.resume", {"status": "active"}, if_match)


def begin_deletion(tenant: Tenant, if_match: str | None = None) -> tuple[Organization, bool]:
    """Let the organization refuse every request from now on, so that it can be deleted; there is no way back.

    :return: Also whether that begins now.
    """
    organization = _locked(tenant)
    check_version(organization.version, if_match)
    deleting = _store(tenant, "organization.delete", organization, {"status": "deleting"})
    return deleting, deleting is not organization


def _change(tenant: Tenant, action: str, changes: Mapping[str, Any], if_match: str | None) -> Organization:
    organization = _locked(tenant)
    check_version(organization.version, if_match)
    if organization.status == "deleting":
        raise ConflictException(detail=DELETING)
    return _store(tenant, action, organization, changes)


def _locked(tenant: Tenant) -> Organization:
    organization = own_organization(tenant, lock=True)
    if organization is None:
        raise NotFoundException(detail="the organization was deleted")
    return organization


def _store(tenant: Tenant, action: str, before: Organization, changes: Mapping[str, Any]) -> Organization:
    changed = _changed(before, changes)
    if not changed:
        return before
    after = replace(before, **changes, version=before.version + 1)
    update_organization(tenant, after)
    record(tenant, action, "Organization", after.id, changed)
    return after


def _changed(before: Organization | ConnectionRecord, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the changes that change something, with the former and the present value."""
    return {
        key: {"from": getattr(before, key), "to": value}
        for key, value in changes.items()
        if getattr(before, key) != value
    }


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be written of an organization, its name without spaces around it.

    :raises ValueError: When a value is none that is accepted.
    """
    checked = dict(values)
    if "name" in checked:
        checked["name"] = checked["name"].strip()
        if not checked["name"] or len(checked["name"]) > MAX_NAME_LENGTH:
            raise ValueError(f"the name must have 1 to {MAX_NAME_LENGTH} characters")
    if "time_zone" in checked and not is_time_zone(checked["time_zone"]):
        raise ValueError(f"{checked['time_zone'][:100]!r} is no time zone of the IANA, such as Europe/Paris or UTC")
    contact = checked.get("contact_email")
    if contact is not None and not _MAILBOX.fullmatch(contact):
        raise ValueError(f"{contact[:100]!r} is no e-mail address, such as contact@example.com")
    if checked.get("language", "en") not in LANGUAGES:
        raise ValueError(f"{checked['language'][:100]!r} is not a language; accepted: {', '.join(LANGUAGES)}")
    return checked


def is_time_zone(name: str) -> bool:
    """Return whether a name is that of a time zone of the IANA."""
    return name in _time_zones()


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def create_connection(
    tenant: Tenant, name: str, profile: str, provisioning: Provisioning = DEFAULT_PROVISIONING
) -> ConnectionRecord:
    """Create a connection for an identity provider or HR system.

    :raises ValueError: When the profile is unknown, or the name is empty or taken.
    """
    if profile not in PROFILES:
        raise ValueError(f"{profile!r} is not a client profile; accepted: {', '.join(sorted(PROFILES))}")
    if not name.strip() or len(name) > MAX_NAME_LENGTH:
        raise ValueError(f"the name of a connection must have 1 to {MAX_NAME_LENGTH} characters")
    rules = asdict(provisioning)
    connection = ConnectionRecord(new_id(), name.strip(), profile, True, tenant.now, **rules)
    insert_connection(tenant, connection)
    changes = {key: {"to": value} for key, value in {"name": connection.name, "profile": profile, **rules}.items()}
    record(tenant, "connection.create", "Connection", connection.id, changes)
    return connection


def change_connection(
    tenant: Tenant, name_or_id: str, changes: Mapping[str, Any], if_match: str | None = None
) -> ConnectionRecord:
    """Change the profile, the rules or the state of a connection; it holds within a second everywhere.

    :param changes: New values of ``profile``, ``enabled``, ``on_inactive``, ``on_existing``, ``on_delete``.
    :raises UnknownError: When the organization has no such connection.
    :raises PreconditionFailedException: When ``if_match`` names another version.
    """
    before = get_connection(tenant, name_or_id, lock=True)
    check_version(before.version, if_match)
    changed = _changed(before, changes)
    if not changed:
        return before
    after = replace(before, **changes, version=before.version + 1)
    update_connection(tenant, after)
    record(tenant, "connection.change", "Connection", after.id, changed)
    return after


def get_connection(tenant: Tenant, name_or_id: str, *, lock: bool = False) -> ConnectionRecord:
    """Return a connection by its id or its name.

    :param lock: Whether its row is held until the transaction ends.
    :raises UnknownError: When the organization has none of that name.
    """
    connection = find_connection(tenant, name_or_id, lock=lock)
    if connection is None:
        names = ", ".join(each.name for each in list_connections(tenant, limit=_NAMES_SHOWN))
        raise UnknownError(f"there is no connection {name_or_id[:200]!r}; the organization has: {names}")
    return connection
