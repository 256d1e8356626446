"""P14: the members list of the console: search, filter, sort and page, in a large organization and a small one."""

import time
from collections.abc import Iterator, Mapping

from sqlalchemy import func, insert, literal, select, text

from benchmarks.databases import PostgreSQL
from benchmarks.intervals import median, ratio
from benchmarks.load import Loaded, load_organization, opened, progress_bar, settle
from benchmarks.options import MemberListSizes
from benchmarks.rows import Row, shown, verdict
from benchmarks.stage import digest_key
from scim_server.actions.groups import change_group_members, create_group
from scim_server.actions.organizations import operator_credentials
from scim_server.store.member_facts import count_states, roles_of_each
from scim_server.store.member_lists import MAX_FOUND, Key, Wanted, list_members
from scim_server.store.member_sessions import last_sign_ins
from scim_server.store.session import Credentials, Store, Tenant, begin
from scim_server.store.tables import memberships, resources

GOAL = 3
LIMIT = 50
FEW = 3

# Four last names in ten begin with S; every last and first name is held by several.
_NAMES = text(
    "UPDATE resources SET last_name = CASE WHEN n.number % 10 < 4 THEN 's' ELSE chr(97 + n.number % 26) END"
    " || substr(md5((n.number % 5000)::text), 1, 6), first_name = substr(md5((n.number % 300)::text), 1, 5)"
    " FROM (SELECT id, row_number() OVER (ORDER BY id)::integer AS number FROM resources"
    " WHERE org_id = :org_id AND resource_type = 'User') AS n WHERE resources.org_id = :org_id AND resources.id = n.id"
)
_STATES = text(
    "UPDATE resources SET state = 'archived', active = false WHERE org_id = :org_id AND id IN"
    " (SELECT id FROM resources WHERE org_id = :org_id AND state = 'active' ORDER BY id DESC LIMIT 3)"
)


def rows(postgresql: PostgreSQL, sizes: MemberListSizes) -> Iterator[Row]:
    """Compare each list of a large organization with the same of a small one."""
    database = postgresql.create("members")
    with opened(database.owner_url) as store:
        seats = {}
        for users in (sizes.few, sizes.many):
            with progress_bar("Loading members", users) as advance:
                seat = load_organization(store, digest_key(), f"members-{users}", users, (), advance)
            seats[users] = _fill(store, seat)
        settle(store)
        names = list(seats[sizes.few][1])
        times: dict[tuple[str, int], list[float]] = {(name, users): [] for name in names for users in seats}
        for _ in range(sizes.rounds):
            for name in names:
                for users, (credentials, lists) in seats.items():
                    times[name, users].append(_asked_ms(store, credentials, lists[name]))
    for name in names:
        estimate = ratio(times[name, sizes.many], times[name, sizes.few])
        yield Row(
            "P14",
            f"members list, {name}, at {sizes.many:,} members",
            f"≤ {GOAL} times that at {sizes.few:,}",
            f"{shown(estimate, 'times')}, {shown(median(times[name, sizes.many]), 'ms')}",
            verdict(estimate.at_most(GOAL)),
            f"in-process, {sizes.rounds} of each in turns: a page of {LIMIT}, its roles and sign-ins, counts by state",
        )


_Lists = Mapping[str, tuple[Wanted, bool]]
"""What is asked for by name, and whether it is the page after the first."""


def _fill(store: Store, seat: Loaded) -> tuple[Credentials, _Lists]:
    """Give the members names and states, a role that every other one has, and one of three."""
    credentials = operator_credentials(store, seat.slug, actor_id="loader")
    with begin(store, credentials, write=True) as tenant:
        for statement in (_NAMES, _STATES):
            tenant.db.execute(statement, {"org_id": tenant.org_id})
        half, few = (create_group(tenant, {"displayName": name}, "team", None).id for name in ("Half", "Few"))
        change_group_members(tenant, few, [person.id for person in seat.sample[:FEW]])
        _join_half(tenant, half)
    return credentials, {
        "all by name": (Wanted(), False),
        "all by name, the next page": (Wanted(), True),
        "all by user name": (Wanted(sort="user_name"), False),
        "all, newest first": (Wanted(sort="created"), False),
        "a search that four in ten meet": (Wanted(words=("s",)), False),
        "a search that few meet": (Wanted(words=("user0000007",)), False),
        "a search of two words": (Wanted(words=("s", "a")), False),
        "a search that nobody meets": (Wanted(words=("zzzz",)), False),
        "a group of three": (Wanted(groups=(few,)), False),
        "a group of half": (Wanted(groups=(half,)), False),
        "a search that many meet in a group of three": (Wanted(words=("s",), groups=(few,)), False),
        "a search that many meet in a group of half": (Wanted(words=("s",), groups=(half,)), False),
        "a state of three": (Wanted(state="archived"), False),
        "a state of nearly all, the next page": (Wanted(state="active"), True),
        "a state of three in a group of half": (Wanted(state="archived", groups=(half,)), False),
        "a local member among provisioned ones": (Wanted(origin="local"), False),
    }


def _join_half(tenant: Tenant, group_id: str) -> None:
    users = (resources.c.org_id == tenant.org_id, resources.c.resource_type == "User")
    position = (func.row_number().over(order_by=resources.c.id) % 2).label("position")
    numbered = select(resources.c.id, position).where(*users).subquery()
    joining = select(literal(tenant.org_id), literal(group_id), numbered.c.id).where(numbered.c.position == 0)
    tenant.db.execute(insert(memberships).from_select(["org_id", "group_id", "member_id"], joining))


def _asked_ms(store: Store, credentials: Credentials, asked: tuple[Wanted, bool]) -> float:
    wanted, is_next = asked
    with begin(store, credentials, write=False) as tenant:
        after = list_members(tenant, wanted, after=None, limit=LIMIT).following if is_next else None
        start = time.perf_counter()
        _read(tenant, wanted, after)
        return (time.perf_counter() - start) * 1_000


def _read(tenant: Tenant, wanted: Wanted, after: Key | None) -> None:
    """Read what the page shows."""
    found = list_members(tenant, wanted, after=after, limit=LIMIT)
    ids = [each.id for each in found.members]
    roles_of_each(tenant, ids)
    last_sign_ins(tenant, ids)
    count_states(tenant, MAX_FOUND)
