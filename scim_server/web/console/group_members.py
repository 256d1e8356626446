"""The page of one team or customer group: what it gives, and who is in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import flash, render_template, request
from flask_babel import gettext, ngettext

from scim_server.actions.groups import change_group_members, reachable
from scim_server.protocol.permissions import Edge
from scim_server.protocol.portals import Permissions
from scim_server.protocol.replies import Member
from scim_server.store.connections import ConnectionRecord, find_connection
from scim_server.store.groups import GroupRecord, find_group, get_group, list_sub_teams
from scim_server.store.history import Facts, facts_of
from scim_server.store.memberships import list_members
from scim_server.store.permissions import edges_of
from scim_server.store.session import Tenant
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.groups import Grouping
from scim_server.web.console.member_names import members_named
from scim_server.web.console.reading import check_id, chosen_id, id_in_query, typed_lines
from scim_server.web.console.visits import Page, Visit

MEMBERS_SHOWN = 50
SUB_TEAMS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class GroupShown:
    """A group, the connection that fills it, the groups that it is in, and a page of who is in it.

    ``gives`` are the permissions that being in it gives.
    """

    group: GroupRecord
    parent: GroupRecord | None
    filled_by: ConnectionRecord | None
    above: Sequence[Edge]
    gives: Permissions
    sub_teams: Sequence[GroupRecord]
    members: Sequence[tuple[Member, Facts | None]]
    following: str | None


def show_group(
    visit: Visit, grouping: Grouping, group_id: str, problem: Exception | None = None, names: str = ""
) -> str:
    """Return the page of a group.

    :param names: What was typed into the form of new members.
    """
    check_id(grouping.noun.replace("_", " "), group_id)
    after = id_in_query("after")
    found = visit.read(lambda tenant: _read(tenant, visit, grouping, group_id, after))
    following = grouping.url(visit, "{}_page", group_id, after=found.following) if found.following else None
    return render_template(
        "console/group.html",
        visit=visit,
        grouping=grouping,
        words=grouping.words(),
        found=found,
        after=after,
        following=following,
        names=names,
        sub_teams_shown=SUB_TEAMS_SHOWN,
        problem=in_their_language(problem) if problem else None,
    )


def _read(tenant: Tenant, visit: Visit, grouping: Grouping, group_id: str, after: str) -> GroupShown:
    group = get_group(tenant, group_id, kind=grouping.kind)
    members = list_members(tenant, group_id, after=after, limit=MEMBERS_SHOWN + 1)
    shown = members[:MEMBERS_SHOWN]
    facts = facts_of(tenant, [each.id for each in shown])
    found = edges_of(tenant, group_id)
    edges = {edge.group_id: edge for edge in (found[1] if found else ())}
    return GroupShown(
        group,
        find_group(tenant, group.parent_id) if group.parent_id else None,
        find_connection(tenant, group.connection_id) if group.connection_id else None,
        sorted(edges.values(), key=lambda edge: (edge.kind, edge.display)),
        reachable(tenant, visit.profile, group_id),
        list_sub_teams(tenant, [group_id], limit=SUB_TEAMS_SHOWN) if grouping.kind == "team" else [],
        [(each, facts.get(each.id)) for each in shown],
        shown[-1].id if len(members) > MEMBERS_SHOWN else None,
    )


def add_to(visit: Visit, grouping: Grouping, group_id: str) -> Page:
    """Add the members whom a form names to a group."""
    names = typed_lines("names")
    lines = [line.strip() for line in names.splitlines() if line.strip()]

    def action(tenant: Tenant) -> int:
        get_group(tenant, group_id, kind=grouping.kind)
        joining = members_named(tenant, lines)
        change_group_members(tenant, group_id, joining)
        return len(joining)

    return _changed(visit, grouping, group_id, action, names)


def remove_from(visit: Visit, grouping: Grouping, group_id: str) -> Page:
    """Remove a member from a group."""

    def action(tenant: Tenant) -> int:
        get_group(tenant, group_id, kind=grouping.kind)
        change_group_members(tenant, group_id, (), (chosen_id("member"),))
        return 0

    return _changed(visit, grouping, group_id, action)


def _changed(visit: Visit, grouping: Grouping, group_id: str, action: Any, names: str = "") -> Page:
    check_id(grouping.noun.replace("_", " "), group_id)
    try:
        added = visit.write(action)
    except Refusal as exc:
        return show_group(visit, grouping, group_id, exc, names), getattr(exc, "status", 409)
    if request.endpoint == f"console.add_to_{grouping.noun}":
        flash(ngettext("%(num)d member is added.", "%(num)d members are added.", added), "success")
    else:
        flash(gettext("The member is removed."), "success")
    return grouping.redirect(visit, group_id)
