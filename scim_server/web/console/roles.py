"""Roles: what each allows, to whom it may be given, and who has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import render_template
from flask_babel import gettext

from scim_server.actions.groups import too_broad
from scim_server.actions.seat import Seat, seat_of
from scim_server.protocol.lifecycle import State
from scim_server.protocol.permissions import role_permissions
from scim_server.protocol.portals import (
    READ_MEMBERS,
    Permissions,
    PortalProfile,
    Role,
    Scope,
    widest,
)
from scim_server.store.connections import find_connection
from scim_server.store.hand_overs import HandOver, list_hand_overs
from scim_server.store.permissions import count_holders, list_holders
from scim_server.store.roles import RoleRecord, get_role, list_roles
from scim_server.store.session import Tenant
from scim_server.web.console.answers import in_their_language
from scim_server.web.console.reading import check_id, id_in_query
from scim_server.web.console.texts import in_language
from scim_server.web.console.visits import Page, Visit, page

HOLDERS_SHOWN = 50
OWN_ROLES_SHOWN = 50
"""How many roles that the organization made itself a page shows, beside those of its portal."""

MAX_COUNTED = 100
"""Beyond so many holders, a list says that there are more."""


@dataclass(frozen=True, slots=True)
class RoleShown:
    """A role as pages show it.

    ``permissions`` are those of a holder, the base included; ``grants`` are the names of the roles that a holder may
    give, None for every role; ``holders`` are counted up to one more than ``MAX_COUNTED``.
    """

    record: RoleRecord
    name: str
    description: str
    template: Role | None
    permissions: Permissions
    grants: Sequence[str] | None
    warnings: Sequence[str]
    holders: int

    @property
    def is_own(self) -> bool:
        """Whether the organization made it itself."""
        return self.record.template is None


def scope_name(scope: Scope) -> str:
    """Return how far a permission reaches, in words."""
    names = {
        "organization": gettext("The whole organization"),
        "customer_groups": gettext("Their customer groups"),
        "assigned": gettext("What is assigned to them"),
    }
    return names[scope]


def role_name(role: RoleRecord, profile: PortalProfile) -> str:
    """Return the name of a role in the language of the page, unless the organization has given it another."""
    template = profile.roles.get(role.template or "")
    return in_language(template.name) if template and role.display in template.name.values() else role.display


def shown_role(tenant: Tenant, profile: PortalProfile, role: RoleRecord) -> RoleShown:
    """Return a role as pages show it."""
    template = profile.roles.get(role.template or "")
    own = role_permissions(role.template, role.permissions, profile)
    return RoleShown(
        role,
        role_name(role, profile),
        in_language(template.description) if template else gettext("A role that your organization has made."),
        template,
        widest(profile.base, own),
        _grants(profile, template),
        too_broad(profile, own) if template is None else (),
        count_holders(tenant, [role.id], most=MAX_COUNTED + 1),
    )


def _grants(profile: PortalProfile, template: Role | None) -> list[str] | None:
    if template is None:
        return []
    if "*" in template.grants:
        return None
    return [in_language(role.name) for key, role in profile.roles.items() if key in template.grants]


@page("/roles", permission=READ_MEMBERS)
def roles_page(visit: Visit) -> Page:
    """Show what each role allows: an overview for who chooses one."""

    after = id_in_query("after")

    def read(tenant: Tenant) -> tuple[list[RoleShown], str | None]:
        order = {key: number for number, key in enumerate(visit.profile.roles)}
        everyone = sorted(list_roles(tenant), key=lambda role: order.get(role.template or "", len(order)))
        ids = [role.id for role in everyone]
        first = ids.index(after) + 1 if after in ids else 0
        last = first + OWN_ROLES_SHOWN + (0 if first else len(order))
        shown = [shown_role(tenant, visit.profile, role) for role in everyone[first:last]]
        return shown, ids[last - 1] if len(ids) > last else None

    roles, following = visit.read(read)
    return render_template(
        "console/roles.html",
        visit=visit,
        roles=roles,
        after=after,
        following=visit.url("roles_page", after=following) if following else None,
        permissions=visit.profile.permissions,
        base=visit.profile.base,
        scope_name=scope_name,
        max_counted=MAX_COUNTED,
    )


@dataclass(frozen=True, slots=True)
class SeatShown:
    """The administrator's seat as its role's page shows it; ``decided`` is the last hand-over that was decided."""

    seat: Seat
    decided: HandOver | None


@page("/roles/<role>", permission=READ_MEMBERS)
def role_page(visit: Visit, role: str) -> Page:
    """Show a role and who has it; that of the administrator with what concerns the seat."""
    return show_role(visit, role)


def show_role(
    visit: Visit, role_id: str, problem: Exception | None = None, typed: Mapping[str, str] | None = None
) -> str:
    """Return the page of a role.

    :param typed: What was typed into its forms.
    """
    check_id("role", role_id)
    after = id_in_query("after")

    def read(tenant: Tenant) -> tuple[RoleShown, list[tuple[str, str | None, State]], str | None, SeatShown | None]:
        role = shown_role(tenant, visit.profile, get_role(tenant, role_id))
        holders = list_holders(tenant, [role_id], after=after, limit=HOLDERS_SHOWN + 1)
        connection = find_connection(tenant, role.record.connection_id) if role.record.connection_id else None
        is_seat = role.template is not None and role.template.administrator
        return role, holders, connection.name if connection else None, _seat(tenant, visit) if is_seat else None

    role, holders, filled_by, seat = visit.read(read)
    following = None
    if len(holders) > HOLDERS_SHOWN:
        following = visit.url("role_page", role=role_id, after=holders[HOLDERS_SHOWN - 1][0])
    return render_template(
        "console/role.html",
        visit=visit,
        role=role,
        holders=holders[:HOLDERS_SHOWN],
        after=after,
        following=following,
        filled_by=filled_by,
        seat=seat,
        typed=typed or {},
        permissions=visit.profile.permissions,
        scope_name=scope_name,
        max_counted=MAX_COUNTED,
        problem=in_their_language(problem) if problem else None,
    )


def _seat(tenant: Tenant, visit: Visit) -> SeatShown:
    recent = list_hand_overs(tenant, before=None, limit=2)
    return SeatShown(
        seat_of(tenant, visit.organization), next((each for each in recent if each.status != "requested"), None)
    )
