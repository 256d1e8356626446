"""Customer groups, and who has access to them."""

from collections.abc import Sequence

from flask import render_template

from scim_server.actions.permissions import rights_of
from scim_server.protocol.permissions import role_permissions
from scim_server.protocol.portals import MANAGE_MEMBERS, READ_MEMBERS
from scim_server.store.connections import list_connections
from scim_server.store.groups import GroupRecord, list_groups
from scim_server.store.members import MemberRecord
from scim_server.store.permissions import list_unassigned
from scim_server.store.roles import list_roles
from scim_server.store.session import Tenant
from scim_server.web.console.group_members import add_to, remove_from, show_group
from scim_server.web.console.groups import MAX_CHOICES, Grouping, show_change, show_deletion, show_new
from scim_server.web.console.reading import id_in_query, text_in_query
from scim_server.web.console.visits import Page, Visit, page

CUSTOMER_GROUPS = Grouping("customerGroup", "customer_group", "group")
GROUPS_SHOWN = 50
INCOMPLETE_SHOWN = 20
"""How many members without a customer group are named."""


@page("/customer-groups", permission=READ_MEMBERS)
def customer_groups_page(visit: Visit) -> Page:
    """Show the customer groups, and whose access is incomplete because they have none."""
    text, after = text_in_query("find"), id_in_query("after")

    def read(tenant: Tenant) -> tuple[list[GroupRecord], dict[str, str], Sequence[MemberRecord]]:
        found = list_groups(tenant, "customerGroup", text=text, after=after, limit=GROUPS_SHOWN + 1)
        names = {each.id: each.name for each in list_connections(tenant, limit=MAX_CHOICES)}
        filled_by = {each.id: names.get(each.connection_id, "") for each in found if each.connection_id}
        return found, filled_by, [] if text or after else _incomplete(tenant, visit)

    found, filled_by, incomplete = visit.read(read)
    groups = found[:GROUPS_SHOWN]
    following = None
    if len(found) > GROUPS_SHOWN:
        following = visit.url("customer_groups_page", find=text or None, after=groups[-1].id)
    return render_template(
        "console/customer_groups.html",
        visit=visit,
        grouping=CUSTOMER_GROUPS,
        words=CUSTOMER_GROUPS.words(),
        groups=groups,
        filled_by=filled_by,
        incomplete=incomplete,
        find=text,
        after=after,
        following=following,
    )


def _incomplete(tenant: Tenant, visit: Visit) -> list[MemberRecord]:
    """Return the first members with access whose permissions reach customer groups, and who have none."""
    if visit.profile.policy.data_scope != "customer_groups":
        return []
    reaching = [
        role.id
        for role in list_roles(tenant)
        if "customer_groups" in role_permissions(role.template, role.permissions, visit.profile).values()
    ]
    lacking = list_unassigned(tenant, reaching, limit=INCOMPLETE_SHOWN)
    # Another role may give them the whole organization.
    return [each for each in lacking if not rights_of(tenant, visit.organization, each.id).is_complete]


@page("/customer-groups/new", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def new_customer_group(visit: Visit) -> Page:
    """Show the form of a new customer group, or make it."""
    return show_new(visit, CUSTOMER_GROUPS)


@page("/customer-groups/<group>", permission=READ_MEMBERS)
def customer_group_page(visit: Visit, group: str) -> Page:
    """Show a customer group and who has access to it."""
    return show_group(visit, CUSTOMER_GROUPS, group)


@page("/customer-groups/<group>/change", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def change_customer_group(visit: Visit, group: str) -> Page:
    """Rename a customer group, or let a connection fill it."""
    return show_change(visit, CUSTOMER_GROUPS, group)


@page("/customer-groups/<group>/delete", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def delete_customer_group(visit: Visit, group: str) -> Page:
    """Ask whether a customer group is to be deleted, or delete it."""
    return show_deletion(visit, CUSTOMER_GROUPS, group)


@page("/customer-groups/<group>/add", permission=MANAGE_MEMBERS, methods=("POST",))
def add_to_customer_group(visit: Visit, group: str) -> Page:
    """Give members access to a customer group."""
    return add_to(visit, CUSTOMER_GROUPS, group)


@page("/customer-groups/<group>/remove", permission=MANAGE_MEMBERS, methods=("POST",))
def remove_from_customer_group(visit: Visit, group: str) -> Page:
    """Take a member's access to a customer group."""
    return remove_from(visit, CUSTOMER_GROUPS, group)
