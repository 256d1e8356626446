"""What a member may do, and why, in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import format_date, gettext

from scim_server.actions.access_review import held_since
from scim_server.actions.authority import holdings
from scim_server.actions.permissions import Rights, rights_of
from scim_server.protocol.permissions import (
    Edge,
    Holding,
    Reason,
    authority_of,
    effective,
    exceeding,
    holdings_of,
    reasons_of,
)
from scim_server.protocol.portals import Permissions, PortalProfile, Scope
from scim_server.store.assignments import Assignment, list_assignments
from scim_server.store.permissions import edges_of
from scim_server.store.session import Tenant
from scim_server.web.console.texts import in_language
from scim_server.web.console.visits import Visit

ASSIGNMENTS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Allowed:
    """One permission of a member, in words; ``reasons`` are sentences."""

    name: str
    scope: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenedApp:
    """An application of the portal, and whether it opens for a member."""

    name: str
    opens: bool
    is_available: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What a member has: ``edges`` are the steps to their groups, ``direct`` those that they are in themselves.

    ``further`` are the roles that come otherwise: their names, and the groups that they come through.
    Without access, ``allowed`` is what they would have with it.
    """

    rights: Rights
    edges: tuple[Edge, ...]
    direct: tuple[Edge, ...]
    further: tuple[tuple[str, str], ...]
    allowed: tuple[Allowed, ...]
    apps: tuple[OpenedApp, ...]


def standing_of(tenant: Tenant, visit: Visit, member_id: str) -> Standing:
    """Return what a member may do and through what.

    :raises NotFoundException: When the organization has no member of that id.
    """
    rights = rights_of(tenant, visit.organization, member_id)
    _, edges = edges_of(tenant, member_id) or (None, [])
    permissions, reasons, held = rights.permissions, rights.reasons, rights.roles
    if rights.state != "active":
        held = holdings_of(member_id, edges, visit.profile)
        permissions, reasons = effective(held, visit.profile), reasons_of(held, visit.profile)
    allowed = (
        Allowed(
            in_language(visit.profile.permissions.get(name, {"": name})),
            scope_name(permissions[name]),
            tuple(dict.fromkeys(reason_text(visit.profile, each) for each in found)),
        )
        for name, found in reasons.items()
    )
    direct = [each for each in edges if each.member_id == member_id and each.mapping_id is None]
    given = {each.group_id for each in direct}
    further = (
        (role_name(visit.profile, each.template, each.display), _groups(each))
        for each in held
        if each.kind == "role" and each.group_id not in given
    )
    apps = (OpenedApp(in_language(app.name), opens, app.available) for app, opens in rights.apps)
    return Standing(rights, tuple(edges), tuple(direct), tuple(further), tuple(allowed), tuple(apps))


def scope_name(scope: Scope) -> str:
    """Return how far a permission reaches, in words."""
    return {
        "organization": gettext("for the whole organization"),
        "customer_groups": gettext("for their customer groups"),
        "assigned": gettext("for what is assigned to them"),
    }[scope]


def role_name(profile: PortalProfile, template: str | None, display: str) -> str:
    """Return the name of a role in the language of the page, unless the organization calls it otherwise."""
    role = profile.roles.get(template or "")
    return in_language(role.name) if role is not None and display in role.name.values() else display


def reason_text(profile: PortalProfile, reason: Reason) -> str:
    """Return why a member has a permission, as a sentence."""
    holding = reason.holding
    if holding is None:
        return gettext("Every member has it.")
    role = role_name(profile, holding.template, holding.display)
    if any(edge.is_deputy for edge in holding.path):
        return gettext("Because of the role %(role)s, as the deputy while no administrator has access.", role=role)
    moment = held_since(holding)
    return _since(holding, role, moment) if moment is not None else _ever(holding, role)


def _since(holding: Holding, role: str, moment: datetime) -> str:
    day, groups = format_date(moment, "long"), _groups(holding)
    connection = _connection(holding)
    if connection is not None:
        return gettext(
            "Because of the role %(role)s, through the group %(groups)s, from the connection %(connection)s, "
            "since %(day)s.",
            role=role,
            groups=groups,
            connection=connection,
            day=day,
        )
    if groups:
        return gettext(
            "Because of the role %(role)s, through the team %(groups)s, since %(day)s.",
            role=role,
            groups=groups,
            day=day,
        )
    return gettext("Because of the role %(role)s, given since %(day)s.", role=role, day=day)


def _ever(holding: Holding, role: str) -> str:
    """Return the same where it is not known since when."""
    groups, connection = _groups(holding), _connection(holding)
    if connection is not None:
        return gettext(
            "Because of the role %(role)s, through the group %(groups)s, from the connection %(connection)s.",
            role=role,
            groups=groups,
            connection=connection,
        )
    if groups:
        return gettext("Because of the role %(role)s, through the team %(groups)s.", role=role, groups=groups)
    return gettext("Because of the role %(role)s.", role=role)


def _groups(holding: Holding) -> str:
    """Return the groups between a member and what they have, from the member on."""
    between = [edge.display for edge in holding.path[:-1]]
    mapped = [edge.mapped_from for edge in holding.path if edge.mapped_from and not between]
    return " › ".join((*between, *mapped))


def _connection(holding: Holding) -> str | None:
    return next((edge.connection_name for edge in holding.path if edge.connection_name), None)


def authority(tenant: Tenant, visit: Visit) -> Permissions:
    """Return what who is signed in may give to others."""
    return authority_of(holdings(tenant, visit.profile, visit.organization, visit.member.id), visit.profile)


def may_give(profile: PortalProfile, standing: Standing, member_id: str, given: Permissions) -> bool:
    """Return whether who has an authority may give a member the access that makes what they are in theirs."""
    return not exceeding(effective(holdings_of(member_id, standing.edges, profile), profile), given)


@dataclass(frozen=True, slots=True)
class AssignmentPage:
    """Open assignments of a member and of the groups they are in; ``following`` is the cursor of the next page."""

    items: Sequence[Assignment]
    following: str | None


def assignments_of(tenant: Tenant, member_id: str, edges: Sequence[Edge], after: str) -> AssignmentPage:
    """Return a page of what is assigned to a member, or to a group that they are in."""
    assignees = [member_id, *sorted({edge.group_id for edge in edges})]
    parts = after.split("\n")
    key = (parts[0], parts[1], parts[2]) if len(parts) == 3 else None
    found = list_assignments(tenant, assignee_ids=assignees, after=key, limit=ASSIGNMENTS_SHOWN + 1)
    shown = found[:ASSIGNMENTS_SHOWN]
    last = shown[-1] if len(found) > ASSIGNMENTS_SHOWN else None
    return AssignmentPage(shown, f"{last.object_type}\n{last.object_id}\n{last.assignee_id}" if last else None)
