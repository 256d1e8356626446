"""Teams and their sub-teams."""

from dataclasses import dataclass

from flask import render_template

from scim_server.protocol.portals import MANAGE_MEMBERS, READ_MEMBERS
from scim_server.store.connections import list_connections
from scim_server.store.groups import GroupRecord, list_groups, list_sub_teams
from scim_server.store.session import Tenant
from scim_server.web.console.group_members import add_to, remove_from, show_group
from scim_server.web.console.groups import MAX_CHOICES, Grouping, show_change, show_deletion, show_new
from scim_server.web.console.reading import id_in_query, text_in_query
from scim_server.web.console.visits import Page, Visit, page

TEAMS = Grouping("team", "team", "team")
TEAMS_SHOWN = 50
SUB_TEAMS_SHOWN = 500
"""How many sub-teams a page shows in all."""

LEVELS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Tree:
    """A page of teams with those below them, by the id of the team above; ``following`` is where the next starts."""

    teams: list[GroupRecord]
    below: dict[str, list[GroupRecord]]
    is_whole: bool
    filled_by: dict[str, str]
    following: str | None


@page("/teams", permission=READ_MEMBERS)
def teams_page(visit: Visit) -> Page:
    """Show the teams and their sub-teams; or those whose name has a text, wherever they are."""
    text, after = text_in_query("find"), id_in_query("after")
    tree = visit.read(lambda tenant: _tree(tenant, text, after))
    following = visit.url("teams_page", find=text or None, after=tree.following) if tree.following else None
    return render_template(
        "console/teams.html",
        visit=visit,
        grouping=TEAMS,
        words=TEAMS.words(),
        tree=tree,
        find=text,
        after=after,
        following=following,
    )


def _tree(tenant: Tenant, text: str, after: str) -> Tree:
    found = list_groups(tenant, "team", text=text, is_top=not text, after=after, limit=TEAMS_SHOWN + 1)
    teams, below, left = found[:TEAMS_SHOWN], dict[str, list[GroupRecord]](), SUB_TEAMS_SHOWN
    level, levels = ([] if text else teams), LEVELS_SHOWN
    # One statement for each level.
    while level and left > 0 and levels > 0:
        level = list_sub_teams(tenant, [each.id for each in level], limit=left + 1)
        for each in level[:left]:
            below.setdefault(each.parent_id or "", []).append(each)
        left, levels = left - len(level), levels - 1
    names = {each.id: each.name for each in list_connections(tenant, limit=MAX_CHOICES)}
    filled_by = {each.id: names.get(each.connection_id, "") for each in teams if each.connection_id}
    return Tree(teams, below, left >= 0 and not level, filled_by, teams[-1].id if len(found) > TEAMS_SHOWN else None)


@page("/teams/new", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def new_team(visit: Visit) -> Page:
    """Show the form of a new team, or make it."""
    return show_new(visit, TEAMS)


@page("/teams/<team>", permission=READ_MEMBERS)
def team_page(visit: Visit, team: str) -> Page:
    """Show a team and who is in it."""
    return show_group(visit, TEAMS, team)


@page("/teams/<team>/change", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def change_team(visit: Visit, team: str) -> Page:
    """Rename a team, put it under another, or let a connection fill it."""
    return show_change(visit, TEAMS, team)


@page("/teams/<team>/delete", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def delete_team(visit: Visit, team: str) -> Page:
    """Ask whether a team is to be deleted, or delete it."""
    return show_deletion(visit, TEAMS, team)


@page("/teams/<team>/add", permission=MANAGE_MEMBERS, methods=("POST",))
def add_to_team(visit: Visit, team: str) -> Page:
    """Add members to a team."""
    return add_to(visit, TEAMS, team)


@page("/teams/<team>/remove", permission=MANAGE_MEMBERS, methods=("POST",))
def remove_from_team(visit: Visit, team: str) -> Page:
    """Remove a member from a team."""
    return remove_from(visit, TEAMS, team)
