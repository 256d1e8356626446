"""The trail of an organization as a CSV file, the newest entry first."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from scim_server.actions.member_export import BOM, delimiter_for
from scim_server.actions.portals import organization_of
from scim_server.protocol.csv_records import write_record
from scim_server.store.history import Entry, TrailFilter, list_entries
from scim_server.store.names import Named, connection_names, names_of
from scim_server.store.session import Credentials, Store, Tenant, begin, transact
from scim_server.store.trail import record

ENTRIES_AT_ONCE = 500

COLUMNS = (
    "at",
    "action",
    "actorKind",
    "actorId",
    "actorName",
    "resourceType",
    "resourceId",
    "resourceName",
    "changes",
    "requestId",
)


def export_history(store: Store, credentials: Credentials, wanted: TrailFilter) -> Iterator[bytes]:
    """Yield the file piece by piece; the trail says that it was asked for, and for which entries.

    Each piece is a statement of its own: no connection to the database waits for a slow reader. Times are those of the
    organization, with their distance to UTC.
    """
    zone, delimiter = transact(store, credentials, partial(_begin, wanted))
    return _pieces(store, credentials, wanted, ZoneInfo(zone), delimiter)


def _begin(wanted: TrailFilter, tenant: Tenant) -> tuple[str, str]:
    narrowed = {name: str(value) for name, value in asdict(wanted).items() if value is not None}
    record(
        tenant, "history.export", "Organization", tenant.org_id, {name: {"to": each} for name, each in narrowed.items()}
    )
    return organization_of(tenant).time_zone, delimiter_for(tenant)


def _pieces(
    store: Store, credentials: Credentials, wanted: TrailFilter, zone: ZoneInfo, delimiter: str
) -> Iterator[bytes]:
    yield BOM + write_record(COLUMNS, delimiter).encode()
    before: str | None = None
    while True:
        with begin(store, credentials, write=False) as tenant:
            entries = list_entries(tenant, wanted, before=before, limit=ENTRIES_AT_ONCE)
            names = names_of(tenant, sorted({each for entry in entries for each in about(entry)}))
            connections = connection_names(
                tenant, sorted({each.connection_id for each in entries if each.connection_id})
            )
        lines = (write_record(_cells(each, names, connections, zone), delimiter) for each in entries)
        yield "".join(lines).encode()
        if len(entries) < ENTRIES_AT_ONCE:
            return
        before = entries[-1].id


def about(entry: Entry) -> list[str]:
    """Return the ids of who acted and of what they acted on."""
    return [each for each in (entry.actor_id, entry.resource_id) if each]


def _cells(entry: Entry, names: Mapping[str, Named], connections: Mapping[str, str], zone: ZoneInfo) -> list[str]:
    actor, resource = (names.get(each or "") for each in (entry.actor_id, entry.resource_id))
    values: list[Any] = [
        entry.at.astimezone(zone).isoformat(),
        entry.action,
        entry.actor_kind,
        entry.actor_id,
        actor.display if actor else connections.get(entry.connection_id or ""),
        entry.resource_type,
        entry.resource_id,
        resource.display if resource else connections.get(entry.resource_id or ""),
        orjson.dumps(entry.changes).decode(),
        entry.request_id,
    ]
    return [value or "" for value in values]
