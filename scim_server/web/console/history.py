"""History: who did what in the organization, when, and what changed by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Response, render_template, request
from flask_babel import gettext

from scim_server.actions.history_export import about, export_history
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.store.history import Entry, TrailFilter, list_entries
from scim_server.store.names import Named, connection_names, names_of
from scim_server.store.session import Tenant
from scim_server.web.console.deeds import Change, changes_in_words, deed, deeds_in_order, named_ids
from scim_server.web.console.reading import id_in_query, text_in_query
from scim_server.web.console.visits import Page, Visit, page
from scim_server.web.site import current_site

ENTRIES_SHOWN = 50

_NARROWED_BY = ("resource", "actor", "action", "since", "until")
"""The names in the address: of a resource and an actor the id, of a time the first and the last day."""

_YEARS = range(1970, 9000)


@dataclass(frozen=True, slots=True)
class Row:
    """An entry of the trail as people read it; ``url`` leads to what it is about, None where there is no page of it."""

    entry: Entry
    done: str
    by: str
    about: str | None
    url: str | None
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class _Names:
    """What stands in the entries of a page is called."""

    resources: Mapping[str, Named]
    connections: Mapping[str, str]

    def of(self, identifier: str) -> str:
        """Return what a resource or connection is called, its id where it is gone."""
        found = self.resources.get(identifier)
        return (found.display if found else None) or self.connections.get(identifier, identifier)


@page("/history", permission=MANAGE_MEMBERS)
def history_page(visit: Visit) -> Page:
    """Show what happened, newest first, narrowed as the address says."""
    narrowed = {name: value for name in _NARROWED_BY if (value := text_in_query(name))}
    try:
        wanted = _filter(visit, narrowed)
    except ValueError:
        return _rendered(visit, narrowed, [], problem=gettext("This is no day, such as 2026-01-31.")), 400
    before = id_in_query("before")

    def read(tenant: Tenant) -> tuple[list[Entry], _Names]:
        entries = list_entries(tenant, wanted, before=before or None, limit=ENTRIES_SHOWN + 1)
        return entries, _names(tenant, entries[:ENTRIES_SHOWN], narrowed)

    entries, names = visit.read(read)
    shown = [_row(visit, each, names) for each in entries[:ENTRIES_SHOWN]]
    following = shown[-1].entry.id if len(entries) > ENTRIES_SHOWN else None
    return _rendered(visit, narrowed, shown, following=following, names=names)


def _rendered(
    visit: Visit,
    narrowed: Mapping[str, str],
    rows: Sequence[Row],
    *,
    following: str | None = None,
    names: _Names | None = None,
    problem: str | None = None,
) -> str:
    names = names or _Names({}, {})
    chosen = [
        (title, names.of(narrowed[name]), visit.url("history_page", **{**narrowed, name: None}))
        for name, title in (("resource", gettext("About")), ("actor", gettext("By")))
        if name in narrowed
    ]
    return render_template(
        "console/history.html",
        visit=visit,
        problem=problem,
        rows=rows,
        narrowed=narrowed,
        chosen=chosen,
        actions=deeds_in_order(),
        following=visit.url("history_page", **narrowed, before=following) if following else "",
        first=visit.url("history_page", **narrowed) if request.args.get("before") else "",
    )


def _filter(visit: Visit, narrowed: Mapping[str, str]) -> TrailFilter:
    """Return which entries are asked for; the days are those of the organization.

    :raises ValueError: When a day is none.
    """
    zone = ZoneInfo(visit.organization.time_zone)
    return TrailFilter(
        narrowed.get("resource"),
        narrowed.get("actor"),
        narrowed.get("action"),
        _begin_of(narrowed.get("since"), zone, 0),
        _begin_of(narrowed.get("until"), zone, 1),
    )


def _begin_of(day: str | None, zone: ZoneInfo, days_later: int) -> datetime | None:
    if day is None:
        return None
    named = date.fromisoformat(day)
    if named.year not in _YEARS:
        raise ValueError(day)
    return datetime.combine(named + timedelta(days=days_later), time.min, zone).astimezone(UTC)


def _names(tenant: Tenant, entries: Sequence[Entry], narrowed: Mapping[str, str]) -> _Names:
    """Read what the members, groups and connections are called that stand in entries."""
    ids = {each for entry in entries for each in (*about(entry), *named_ids(entry.changes))}
    ids.update(narrowed[name] for name in ("resource", "actor") if name in narrowed)
    connections = ids | {entry.connection_id for entry in entries if entry.connection_id}
    return _Names(names_of(tenant, sorted(ids)), connection_names(tenant, sorted(connections)))


def _row(visit: Visit, entry: Entry, names: _Names) -> Row:
    changes = tuple(changes_in_words(entry.changes, names.of))
    return Row(entry, deed(entry.action), _actor(entry, names), *_subject(visit, entry, names), changes)


def _actor(entry: Entry, names: _Names) -> str:
    """Return who did something, in words."""
    if entry.connection_id is not None:
        called = names.connections.get(entry.connection_id, entry.connection_id)
        return gettext("Connection %(name)s", name=called)
    if entry.actor_kind in ("member", "user"):
        return names.of(entry.actor_id)
    if entry.action == "user.sign_in" and entry.resource_id is not None:
        return names.of(entry.resource_id)  # Nobody is, until they are signed in.
    kinds = {
        "operator": gettext("The operator of the portal"),
        "token": gettext("The portal"),
        "client": gettext("An OAuth client"),
        "visitor": gettext("Somebody who was not signed in"),
        "worker": gettext("The server"),
        "server": gettext("The server"),
    }
    return kinds.get(entry.actor_kind, entry.actor_kind)


_PAGES = {
    ("User", None): ("member_page", "member"),
    ("Group", "role"): ("role_page", "role"),
    ("Group", "team"): ("team_page", "team"),
    ("Group", "customerGroup"): ("customer_group_page", "group"),
}


def _subject(visit: Visit, entry: Entry, names: _Names) -> tuple[str | None, str | None]:
    """Return what an entry is about, and the page of it."""
    identifier = entry.resource_id
    if identifier is None or entry.resource_type == "Organization":
        return None, None
    if identifier in names.connections:
        return names.connections[identifier], visit.url("connection_page", connection=identifier)
    if entry.resource_type == "Import":
        return gettext("A file of members"), visit.url("import_page", import_id=identifier)
    found = names.resources.get(identifier)
    if found is None:
        return identifier, None
    endpoint, argument = _PAGES.get((found.resource_type, found.kind), (None, ""))
    return found.display or identifier, visit.url(endpoint, **{argument: identifier}) if endpoint else None


@page("/history/export.csv", permission=MANAGE_MEMBERS)
def export_history_file(visit: Visit) -> Page:
    """Hand out the entries that the address asks for as a file, piece by piece."""
    narrowed = {name: value for name in _NARROWED_BY if (value := text_in_query(name))}
    try:
        wanted = _filter(visit, narrowed)
    except ValueError:
        return _rendered(visit, narrowed, [], problem=gettext("This is no day, such as 2026-01-31.")), 400
    pieces = export_history(current_site().store, visit.credentials, wanted)
    headers = {"Content-Disposition": 'attachment; filename="history.csv"'}
    return Response(pieces, headers=headers, content_type="text/csv; charset=utf-8")
