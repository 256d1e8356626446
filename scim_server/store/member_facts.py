"""What a list of members shows beside them, each in one statement for the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, literal_column, select

from scim_server.protocol.lifecycle import STATES, State
from scim_server.store.id_sets import is_one_of
from scim_server.store.session import Tenant
from scim_server.store.tables import connections, memberships, resources, roles

_MAX_NEWEST = 1_000
"""Among how many groups those of a kind are looked for."""


def count_states(tenant: Tenant, most: int) -> dict[State, int]:
    """Return how many members are in each state, counting each no further than one beyond ``most``.

    NB: exact numbers would be read from all rows of a state, or kept in a row that every change of a state waits for.
    """
    counts = [
        select(func.count())
        .select_from(
            select(resources.c.id)
            .where(resources.c.org_id == tenant.org_id, resources.c.state == state)
            .order_by(resources.c.last_name)  # By the index, whatever share of all they are.
            .limit(literal_column(str(most + 1)))
            .subquery()
        )
        .scalar_subquery()
        for state in STATES
    ]
    return dict(zip(STATES, tenant.db.execute(select(*counts)).one(), strict=True))


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A role that a member was given itself; ``template`` is its key in the portal profile."""

    id: str
    display: str
    template: str | None


def roles_of_each(tenant: Tenant, member_ids: Sequence[str]) -> dict[str, list[HeldRole]]:
    """Return the roles that each of these members was given itself, in the order of their names."""
    own = (roles.c.org_id == tenant.org_id, resources.c.org_id == tenant.org_id, memberships.c.org_id == tenant.org_id)
    held = (
        select(memberships.c.member_id, roles.c.group_id, resources.c.display, roles.c.template)
        .join(roles, memberships.c.group_id == roles.c.group_id)
        .join(resources, resources.c.id == roles.c.group_id)
        .where(*own, is_one_of(tenant, memberships.c.member_id, member_ids))
    )
    found: dict[str, list[HeldRole]] = {}
    for member_id, *role in tenant.db.execute(held.order_by(resources.c.display)):
        found.setdefault(member_id, []).append(HeldRole(*role))
    return found


def connection_names(tenant: Tenant, ids: Sequence[str]) -> dict[str, str]:
    """Return the names of connections by their ids."""
    own = (connections.c.org_id == tenant.org_id, is_one_of(tenant, connections.c.id, ids))
    rows = tenant.db.execute(select(connections.c.id, connections.c.name).where(*own))
    return {row.id: row.name for row in rows}


def newest_groups(tenant: Tenant, kind: str) -> list[tuple[str, str]]:
    """Return ids and names of the groups of a kind among those made last, in the order of their names."""
    own = (resources.c.org_id == tenant.org_id, resources.c.resource_type == "Group")
    found = select(resources.c.id, resources.c.display, resources.c.kind).where(*own)
    newest = found.order_by(resources.c.id.desc()).limit(_MAX_NEWEST).subquery()
    rows = tenant.db.execute(select(newest.c.id, newest.c.display).where(newest.c.kind == kind))
    return sorted(((group_id, display or group_id) for group_id, display in rows), key=lambda each: each[1].lower())
