"""P7 in a large organization: pages of 100 by cursor, by index in order, and after a jump."""

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import orjson

from benchmarks.cells import Server
from benchmarks.connection import Connection
from benchmarks.intervals import median
from benchmarks.load import Loaded
from benchmarks.rows import Row, shown, verdict
from benchmarks.stage import SECRET_KEY
from benchmarks.workloads import PAGE, Step, w6_step
from scim_server.protocol.cursors import CursorKey, Position, write_cursor

ORDERED_GOAL_MS = 12.0
JUMP_GOAL_MS = 120.0
_IN_ORDER = 20
_PLACES = {"start": 0.0, "middle": 0.5, "end": 0.95}


def rows(server: Server, seat: Loaded, jumps: int) -> Iterator[Row]:
    """Walk through all users in each way, from each place."""
    with closing(Connection(server)) as connection:
        for place, share in _PLACES.items():
            yield _row(f"by cursor at the {place}", seat, _by_cursor(connection, seat, share), ORDERED_GOAL_MS)
        for place, share in _PLACES.items():
            yield _row(f"by index in order at the {place}", seat, _in_order(connection, seat, share), ORDERED_GOAL_MS)
        yield _row("after a random jump", seat, _jumps(connection, seat, jumps), JUMP_GOAL_MS)


def _by_cursor(connection: Connection, seat: Loaded, share: float) -> list[float]:
    """Return the times of some pages by cursor, each from the cursor that the one before gave."""
    found = []
    cursor = _cursor_at(connection, seat, share)
    for _ in range(_IN_ORDER):
        step = Step("GET", f"/Users?count={PAGE}&cursor={cursor}", seat.token)
        found.append(connection.timed(step))
        following = orjson.loads(connection.expect(step)).get("nextCursor")
        if following is None:
            break
        cursor = following
    return found


def _cursor_at(connection: Connection, seat: Loaded, share: float) -> str:
    """Return the cursor of a place far on, sealed with the key of this run, without the walk to it."""
    first = orjson.loads(connection.expect(Step("GET", f"/Users?count={PAGE}&cursor=", seat.token)))
    key = CursorKey.derive(SECRET_KEY)
    sealed = str(first["nextCursor"])
    query = orjson.loads(key.fernet.decrypt(sealed + "=" * (-len(sealed) % 4)))[0]
    place = Position(None, seat.sample[int(share * (len(seat.sample) - 1))].id, backwards=False)
    return write_cursor(key, query, PAGE, place, datetime.now(UTC))


def _in_order(connection: Connection, seat: Loaded, share: float) -> list[float]:
    """Return the times of some pages by index, each following the one before; that which leads there is not one."""
    first = 1 + int(share * (seat.user_count - PAGE)) // PAGE * PAGE
    steps = [w6_step(seat, first + number * PAGE) for number in range(_IN_ORDER + 1)]
    return [connection.timed(step) for step in steps][1:]


def _jumps(connection: Connection, seat: Loaded, count: int) -> list[float]:
    chance = random.Random(7_644)
    last = max(1, seat.user_count - PAGE)
    return [connection.timed(w6_step(seat, chance.randint(1, last))) for _ in range(count)]


def _row(way: str, seat: Loaded, times_ms: list[float], goal_ms: float) -> Row:
    p50 = median(times_ms)
    return Row(
        "P7",
        f"W6 {way}, of {seat.user_count:,}",
        f"≤ {goal_ms:g} ms",
        shown(p50, "ms"),
        verdict(p50.at_most(goal_ms)),
        f"p50 of {p50.count} pages of {PAGE} users with exact totalResults, one connection, granian",
    )
