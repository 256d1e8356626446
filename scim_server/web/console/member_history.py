"""The last entries of a member's history, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext

from scim_server.store.connections import find_connection
from scim_server.store.history import Entry, TrailFilter, list_entries
from scim_server.store.members import MemberRecord, find_member
from scim_server.store.session import Tenant
from scim_server.web.console.member_identity import label_of

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Told:
    """An entry as a page tells it; ``details`` are the attributes that changed."""

    at: datetime
    who: str
    what: str
    details: str


def last_entries(tenant: Tenant, member_id: str) -> list[Told]:
    """Return the last entries of the trail about a member, newest first."""
    found = list_entries(tenant, TrailFilter(resource=member_id), before=None, limit=SHOWN)
    names = _names(tenant, found)
    return [
        Told(each.at, names[each.actor_kind, each.actor_id], action_name(each.action), _details(each)) for each in found
    ]


def _names(tenant: Tenant, entries: Sequence[Entry]) -> dict[tuple[str, str], str]:
    names = {}
    for each in entries:
        if (each.actor_kind, each.actor_id) not in names:
            names[each.actor_kind, each.actor_id] = _name(tenant, each)
    return names


def _name(tenant: Tenant, entry: Entry) -> str:
    if entry.actor_kind == "member":
        member = find_member(tenant, entry.actor_id)
        return (member.display if member else None) or gettext("a former member")
    connection = find_connection(tenant, entry.connection_id) if entry.connection_id else None
    if connection is not None:
        return connection.name
    kinds = {
        "operator": gettext("the operator"),
        "worker": gettext("the server"),
        "server": gettext("the server"),
        # Who signs in, or has the link in a letter, is known by it alone.
        "visitor": gettext("the person"),
    }
    return kinds.get(entry.actor_kind, gettext("the portal"))


def _details(entry: Entry) -> str:
    if entry.action not in ("user.patch", "user.replace"):
        return ""
    return ", ".join(label_of(name) for name in entry.changes if not name.startswith("urn:"))


def action_name(action: str) -> str:
    """Return what was done, in words; what has none is named as the trail does."""
    names = {
        "user.create": gettext("Created"),
        "user.adopt": gettext("Taken over by the identity provider"),
        "user.reactivate": gettext("Given access again by the identity provider"),
        "user.replace": gettext("Changed"),
        "user.patch": gettext("Changed"),
        "user.invite": gettext("Invited"),
        "user.revoke": gettext("Invitation revoked"),
        "user.accept": gettext("Invitation accepted"),
        "user.grant_access": gettext("Access given"),
        "user.start": gettext("Access begun on the first day"),
        "user.end": gettext("Access ended on the last day"),
        "user.suspend": gettext("Suspended"),
        "user.restore": gettext("Restored"),
        "user.archive": gettext("Archived"),
        "user.erase": gettext("Identity erased"),
        "user.password_reset": gettext("Password link sent"),
        "user.password": gettext("Password changed"),
        "user.sign_in": gettext("Signed in"),
        "user.sign_out": gettext("Signed out"),
        "user.consent": gettext("Agreed to documents"),
        "assignment.create": gettext("Assigned something to follow"),
        "assignment.close": gettext("Assignment closed"),
    }
    return names.get(action, action)


def managed_since(tenant: Tenant, member: MemberRecord) -> datetime | None:
    """Return since when the connection that provisions a member does."""
    if member.created_by == member.managed_by:
        return member.created_at
    adopted = list_entries(tenant, TrailFilter(resource=member.id, action="user.adopt"), before=None, limit=1)
    return adopted[0].at if adopted else None
