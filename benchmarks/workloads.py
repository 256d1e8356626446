"""The workloads W1 to W9 as lists of requests, which any driver goes through again and again.

``@N@`` in a path or body stands for a name that nothing has; ``@ID@`` for the id of the resource that
the latest POST created.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from benchmarks import bodies
from benchmarks.load import Person, group_name

UNIQUE = "@N@"
CREATED = "@ID@"
PAGE = 100
_BLOCK = 64
"""How many users W4 shuts out before it lets them in again: two patches of one user never meet."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request; the path starts at the base URL of the server."""

    method: str
    path: str
    token: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests to go through; ``serial`` where each uses the answer of the one before it.

    A serial list is gone through by each connection for itself, any other by all connections together.
    ``stride`` is after how many requests the name changes.
    """

    name: str
    steps: tuple[Step, ...]
    serial: bool = False
    stride: int = 1


class Seat(Protocol):
    """An organization that requests are made in; see :class:`benchmarks.load.Loaded`."""

    @property
    def token(self) -> str: ...
    @property
    def user_count(self) -> int: ...
    @property
    def sample(self) -> tuple[Person, ...]: ...
    @property
    def spares(self) -> tuple[Person, ...]: ...
    @property
    def groups(self) -> dict[int, str]: ...


def w1_create(seats: Sequence[Seat]) -> Workload:
    """POST a user."""
    body = bodies.as_json(bodies.user(f"w1-{UNIQUE}@contoso.example"))
    return Workload("W1", tuple(Step("POST", "/Users", seat.token, body) for seat in seats))


def w2_read(seats: Sequence[Seat]) -> Workload:
    """GET a user by id."""
    return Workload("W2", tuple(Step("GET", f"/Users/{who.id}", seat.token) for seat, who in _people(seats)))


def w3_find(seats: Sequence[Seat]) -> Workload:
    """Find a user by userName."""
    return Workload("W3", tuple(Step("GET", _by_user_name(who.user_name), seat.token) for seat, who in _people(seats)))


def w3m_miss(seats: Sequence[Seat]) -> Workload:
    """Look for a userName that nobody has."""
    path = _by_user_name(f"missing-{UNIQUE}@contoso.example")
    return Workload("W3m", tuple(Step("GET", path, seat.token) for seat in seats))


def w4_patch(seats: Sequence[Seat]) -> Workload:
    """PATCH ``active`` of some users to false, then of the same to true, so each request changes something."""
    people = _people(seats)
    steps = []
    for first in range(0, len(people), _BLOCK):
        for value in (False, True):
            body = bodies.as_json(bodies.set_active(value))
            steps += [
                Step("PATCH", f"/Users/{who.id}", seat.token, body) for seat, who in people[first : first + _BLOCK]
            ]
    return Workload("W4", tuple(steps))


def w5_members(seats: Sequence[Seat], size: int) -> Workload:
    """PATCH a group of a size: add one member, then remove that one by filter."""
    steps = []
    for seat in seats:
        path = f"/Groups/{seat.groups[size]}"
        for who in seat.spares:
            steps += [
                Step("PATCH", path, seat.token, bodies.as_json(body))
                for body in (bodies.add_member(who.id), bodies.remove_member(who.id))
            ]
    return Workload(f"W5:{size}", tuple(steps), serial=True, stride=2)


def w6_page(seat: Seat, place: str) -> Workload:
    """GET a page of 100 users at the ``start``, in the ``middle`` or at the ``end``."""
    first = {"start": 1, "middle": seat.user_count // 2, "end": max(1, seat.user_count - PAGE + 1)}[place]
    return Workload(f"W6:{place}", (w6_step(seat, first),))


def w6_step(seat: Seat, first: int) -> Step:
    """Return the request for the page of 100 users from an index on."""
    return Step("GET", f"/Users?startIndex={first}&count={PAGE}", seat.token)


def w7g_group(seats: Sequence[Seat], size: int) -> Workload:
    """GET a group without its members."""
    path = "/Groups/{}?excludedAttributes=members"
    return Workload(f"W7g:{size}", tuple(Step("GET", path.format(seat.groups[size]), seat.token) for seat in seats))


def w7f_find(seats: Sequence[Seat], size: int) -> Workload:
    """Find a group by displayName, without its members."""
    named = quote(f'displayName eq "{group_name(size)}"')
    path = f"/Groups?excludedAttributes=members&filter={named}"
    return Workload(f"W7f:{size}", tuple(Step("GET", path, seat.token) for seat in seats))


def w7_full(seat: Seat, size: int) -> Workload:
    """GET a group with all its members."""
    return Workload(f"W7full:{size}", (Step("GET", f"/Groups/{seat.groups[size]}", seat.token),))


def w8_bulk(seat: Seat, creates: int = 100) -> Workload:
    """POST a bulk that creates users."""
    body = bodies.as_json(bodies.bulk([f"w8-{UNIQUE}-{index}@contoso.example" for index in range(creates)]))
    return Workload(f"W8:{creates}", (Step("POST", "/Bulk", seat.token, body),))


def w9_cycle(seats: Sequence[Seat], size: int) -> Workload:
    """What Entra ID does for one person: a miss, POST, a hit, PATCH, and into a group and out of it."""
    name = f"w9-{UNIQUE}@contoso.example"
    steps = []
    for seat in seats:
        group = f"/Groups/{seat.groups[size]}"
        steps += [
            Step("GET", _by_user_name(name), seat.token),
            Step("POST", "/Users", seat.token, bodies.as_json(bodies.user(name))),
            Step("GET", _by_user_name(name), seat.token),
            Step("PATCH", f"/Users/{CREATED}", seat.token, bodies.as_json(bodies.set_active(False))),
            Step("PATCH", group, seat.token, bodies.as_json(bodies.add_member(CREATED))),
            Step("PATCH", group, seat.token, bodies.as_json(bodies.remove_member(CREATED))),
        ]
    return Workload("W9", tuple(steps), serial=True, stride=6)


def initial_cycle(seat: Seat, groups: Sequence[str]) -> Workload:
    """Provision people for the first time: for each a miss, POST, a hit, PATCH, and into one of the groups."""
    name = f"initial-{UNIQUE}@contoso.example"
    steps = []
    for group in groups:
        steps += [
            Step("GET", _by_user_name(name), seat.token),
            Step("POST", "/Users", seat.token, bodies.as_json(bodies.user(name))),
            Step("GET", _by_user_name(name), seat.token),
            Step("PATCH", f"/Users/{CREATED}", seat.token, bodies.as_json(bodies.set_active(False))),
            Step("PATCH", f"/Groups/{group}", seat.token, bodies.as_json(bodies.add_member(CREATED))),
        ]
    return Workload("initial", tuple(steps), serial=True, stride=5)


def limit_read(seat: Seat) -> Workload:
    """GET a stored document from the limit's view."""
    return Workload("limit-read", tuple(Step("GET", f"/documents/{who.id}", seat.token) for who in seat.sample))


def limit_write(seat: Seat) -> Workload:
    """POST what W1 posts to the limit's view."""
    body = bodies.as_json(bodies.user(f"w1-{UNIQUE}@contoso.example"))
    return Workload("limit-write", (Step("POST", "/documents", seat.token, body),))


def _by_user_name(name: str) -> str:
    return "/Users?filter=" + quote(f'userName eq "{name}"', safe="@")


def _people(seats: Sequence[Seat]) -> list[tuple[Seat, Person]]:
    """Return the people of all seats, mixed, the same way each time."""
    people = [(seat, who) for seat in seats for who in seat.sample]
    random.Random(7_643).shuffle(people)
    return people
