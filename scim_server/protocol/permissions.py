"""What a member may do, and through what: the roles that reach them, and the permissions of these.

Teams nest; roles and customer groups are given to members and to teams, and are members of nothing.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scim_server.protocol.portals import SCOPES, Permissions, PortalProfile, Scope, widest


@dataclass(frozen=True, slots=True)
class Edge:
    """One step from a member or a group to a group above: a membership, or what a mapping makes of it.

    ``mapping_id`` is None for a membership; ``mapped_from`` is what the connection says, as it was given.
    ``template`` and ``own_permissions`` are those of a group that is a role. ``is_deputy`` says that the member has it
    in place of an administrator.
    """

    member_id: str
    group_id: str
    since: datetime | None
    kind: str
    display: str
    external_id: str | None
    template: str | None = None
    own_permissions: Mapping[str, Any] | None = None
    mapping_id: str | None = None
    mapped_from: str | None = None
    connection_name: str | None = None
    is_deputy: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """A role or customer group that a member has, and the steps that lead to it, from the member on."""

    group_id: str
    kind: str
    display: str
    external_id: str | None
    template: str | None
    permissions: Permissions
    path: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """One of the ways a permission came; ``holding`` is None for the base permissions of every member."""

    scope: Scope
    holding: Holding | None


def holdings_of(member_id: str, edges: Iterable[Edge], profile: PortalProfile) -> tuple[Holding, ...]:
    """Return what a member has, in the order of the groups' ids; each by the shortest way that leads to it."""
    above: dict[str, list[Edge]] = {}
    for edge in sorted(edges, key=lambda each: (each.group_id, each.mapping_id or "")):
        above.setdefault(edge.member_id, []).append(edge)
    paths: dict[str, tuple[Edge, ...]] = {member_id: ()}
    waiting = deque([member_id])
    while waiting:
        reached = waiting.popleft()
        for edge in above.get(reached, ()):
            if edge.group_id not in paths:
                paths[edge.group_id] = (*paths[reached], edge)
                waiting.append(edge.group_id)
    return tuple(
        Holding(
            group_id,
            path[-1].kind,
            path[-1].display,
            path[-1].external_id,
            path[-1].template,
            role_permissions(path[-1].template, path[-1].own_permissions, profile),
            path,
        )
        for group_id, path in sorted(paths.items())
        if path and path[-1].kind in ("role", "customerGroup")
    )


def role_permissions(template: str | None, own: Mapping[str, Any] | None, profile: PortalProfile) -> Permissions:
    """Return the permissions of a role: those of its template, or its own as far as the portal has them still."""
    if template is not None:
        role = profile.roles.get(template)
        return role.permissions if role is not None else {}
    return {name: scope for name, scope in (own or {}).items() if name in profile.permissions}


def reasons_of(holdings: Sequence[Holding], profile: PortalProfile) -> dict[str, list[Reason]]:
    """Return why a member has each permission, in the order of its name."""
    reasons: dict[str, list[Reason]] = {name: [Reason(scope, None)] for name, scope in profile.base.items()}
    for holding in holdings:
        for name, scope in holding.permissions.items():
            reasons.setdefault(name, []).append(Reason(scope, holding))
    return dict(sorted(reasons.items()))


def effective(holdings: Sequence[Holding], profile: PortalProfile) -> Permissions:
    """Return the permissions of a member, each with the widest scope it came with."""
    return widest(profile.base, *(holding.permissions for holding in holdings))


def exceeding(asked: Permissions, held: Permissions) -> list[str]:
    """Return which of the permissions asked for go beyond those held."""
    return sorted(name for name, scope in asked.items() if name not in held or not reaches(held[name], scope))


def reaches(scope: Scope, other: Scope) -> bool:
    """Return whether a scope reaches at least as far as another."""
    return SCOPES.index(scope) >= SCOPES.index(other)


def authority_of(holdings: Sequence[Holding], profile: PortalProfile) -> Permissions:
    """Return what a member may give to others: what they hold, and the roles that theirs let them give."""
    templates = [holding.template for holding in holdings if holding.template in profile.roles]
    grantable = {key for template in templates if template for key in profile.grantable(template)}
    given = [profile.roles[key].permissions for key in sorted(grantable)]
    if any("*" in profile.roles[template].grants for template in templates if template):
        # Every role, those that the organization made itself included.
        given.append(dict.fromkeys(profile.permissions, "organization"))
    return widest(effective(holdings, profile), *given)
