"""P13: what the portal's back end asks before it does anything: what a member may do."""

import random
import time
from collections.abc import Iterator

from sqlalchemy import func, insert, literal, select

from benchmarks.databases import PostgreSQL
from benchmarks.intervals import median, ratio
from benchmarks.load import Loaded, load_organization, opened, progress_bar, settle
from benchmarks.options import RightsSizes
from benchmarks.rows import Row, shown, verdict
from benchmarks.stage import digest_key
from scim_server.actions.groups import change_group_members, create_group
from scim_server.actions.organizations import operator_credentials
from scim_server.actions.permissions import rights_of
from scim_server.actions.portal_changes import change_portal
from scim_server.actions.portals import organization_of
from scim_server.store.session import Credentials, Store, Tenant, begin
from scim_server.store.tables import memberships, resources

GOAL = 1.5
DEPTH = 5
_PORTAL = "assigned-orders"


def rows(postgresql: PostgreSQL, sizes: RightsSizes) -> Iterator[Row]:
    """Compare the permissions of a member of a large organization with those of a member of a small one."""
    database = postgresql.create("rights")
    with opened(database.owner_url) as store:
        seats = {}
        for users in (sizes.few, sizes.many):
            with progress_bar("Loading members", users) as advance:
                seat = load_organization(store, digest_key(), f"rights-{users}", users, (), advance)
            seats[users] = (operator_credentials(store, seat.slug, actor_id="loader"), _fill(store, seat, sizes.roles))
        settle(store)
        times: dict[int, list[float]] = {users: [] for users in seats}
        for _ in range(sizes.rounds):
            for users, (credentials, members) in seats.items():
                times[users].append(_asked_ms(store, credentials, random.choice(members)))  # no secret
    estimate = ratio(times[sizes.many], times[sizes.few])
    yield Row(
        "P13",
        f"permissions of a member of {sizes.many:,}, with {sizes.roles} roles and teams {DEPTH} deep",
        f"≤ {GOAL} times that of {sizes.few}",
        f"{shown(estimate, 'times')}, {shown(median(times[sizes.many]), 'ms')}",
        verdict(estimate.at_most(GOAL)),
        f"in-process, {sizes.rounds} members of each in turns, with why they have each permission",
    )


def _fill(store: Store, seat: Loaded, roles: int) -> list[str]:
    """Make roles, teams in each other that have them, and let every member be in one of the lowest teams."""
    credentials = operator_credentials(store, seat.slug, actor_id="loader")
    with begin(store, credentials, write=True) as tenant:
        change_portal(tenant, _PORTAL)
        role_ids = [
            create_group(tenant, {"displayName": f"Role {number}"}, "role", None, {"orders:read": "assigned"}).id
            for number in range(roles)
        ]
        lowest = [_chain(tenant, number, role_ids) for number in range(roles // DEPTH)]
        for number, team_id in enumerate(lowest):
            _join(tenant, team_id, number, len(lowest))
    return [person.id for person in seat.sample]


def _chain(tenant: Tenant, number: int, role_ids: list[str]) -> str:
    """Make a team within a team, and so on; each has a role. Return the lowest."""
    parent = None
    for level in range(DEPTH):
        parent = create_group(tenant, {"displayName": f"Team {number}.{level}"}, "team", parent).id
        change_group_members(tenant, role_ids[(number * DEPTH + level) % len(role_ids)], [parent])
    assert parent is not None
    return parent


def _join(tenant: Tenant, team_id: str, number: int, teams: int) -> None:
    """Let the share of a team of all users be in it."""
    users = (resources.c.org_id == tenant.org_id, resources.c.resource_type == "User")
    position = (func.row_number().over(order_by=resources.c.id) % teams).label("position")
    numbered = select(resources.c.id, position).where(*users).subquery()
    joining = select(literal(tenant.org_id), literal(team_id), numbered.c.id).where(numbered.c.position == number)
    tenant.db.execute(insert(memberships).from_select(["org_id", "group_id", "member_id"], joining))


def _asked_ms(store: Store, credentials: Credentials, member_id: str) -> float:
    with begin(store, credentials, write=False) as tenant:
        organization = organization_of(tenant)
        start = time.perf_counter()
        rights = rights_of(tenant, organization, member_id)
        taken = time.perf_counter() - start
    assert len(rights.roles) == DEPTH, rights.roles
    return taken * 1_000
