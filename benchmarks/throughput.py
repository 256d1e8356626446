"""P1, P2, P3, P4 and P11: throughput and CPU time of cells, one beside the other."""

from collections.abc import Iterator, Sequence

from benchmarks import workloads
from benchmarks.options import Options
from benchmarks.recorded import BEST_DURABLE, RECORDED_LIMITS
from benchmarks.rounds import CONNECTIONS, MANY_CONNECTIONS, Key, Planned, Rounds
from benchmarks.rows import Row, shown, verdict, with_errors
from benchmarks.servers import KINDS
from benchmarks.stage import Stage
from benchmarks.workloads import Workload

READ_GOALS = {"gunicorn": 0.65, "granian": 0.5}
WRITE_GOALS = {"gunicorn": 0.5, "granian": 0.4}
CPU_GOALS_MS = {
    "gunicorn": {"reads": 1.2, "W1": 2.2, "W4": 2.2},
    "granian": {"reads": 0.6, "W1": 1.6, "W4": 1.4},
}
DURABLE_GOALS = {"gunicorn": 1.2, "granian": 2.0}
SCIM2_SERVER_GOAL = 4.0
RATE_GOAL = 0.9
P99_GOAL = 5.0

PEER_WORKLOADS = ("W1", "W2", "W3", "W4", "W9")
_MANY = ("W2", "W1")


def reads(stage: Stage) -> tuple[Workload, ...]:
    """Return the workloads that only read."""
    seats, largest = [stage.reading], max(stage.reading.groups)
    return (
        workloads.w2_read(seats),
        workloads.w3_find(seats),
        workloads.w3m_miss(seats),
        workloads.w7g_group(seats, largest),
        workloads.w7f_find(seats, largest),
    )


def writes(stage: Stage) -> tuple[Workload, ...]:
    """Return the workloads that write: users are created where nobody reads."""
    return (workloads.w1_create([stage.writing]), workloads.w4_patch([stage.reading]))


def plan(stage: Stage, options: Options) -> list[Planned]:
    """Return the cells that the targets asked for need, those that are compared next to each other."""
    planned: list[Planned] = []
    for kind in KINDS:
        planned += _plan_server(stage, options, kind)
    if options.wants("P3"):
        assert stage.peer is not None
        planned += [Planned("peer", each) for each in _peer_workloads(stage)]
    return planned


def _plan_server(stage: Stage, options: Options, kind: str) -> Iterator[Planned]:
    limited = options.wants("P1", "P2")
    if limited:
        yield Planned(f"limit-{kind}", workloads.limit_read(stage.reading))
    for each in reads(stage):
        if (
            options.wants("P1", "P4")
            or (options.wants("P3") and each.name in PEER_WORKLOADS)
            or _is_many(options, each)
        ):
            yield Planned(kind, each)
        if _is_many(options, each):
            yield Planned(kind, each, MANY_CONNECTIONS)
    if limited:
        yield Planned(f"limit-{kind}", workloads.limit_write(stage.reading))
    for each in writes(stage):
        if options.wants("P2", "P3", "P4") or _is_many(options, each):
            yield Planned(kind, each)
        if _is_many(options, each):
            yield Planned(kind, each, MANY_CONNECTIONS)
    if options.wants("P3"):
        yield Planned(kind, workloads.w9_cycle([stage.writing], min(stage.writing.groups)))


def _is_many(options: Options, workload: Workload) -> bool:
    return options.wants("P11") and workload.name in _MANY


def _peer_workloads(stage: Stage) -> tuple[Workload, ...]:
    assert stage.peer is not None
    seats = [stage.peer]
    return (
        workloads.w1_create(seats),
        workloads.w2_read(seats),
        workloads.w3_find(seats),
        workloads.w4_patch(seats),
        workloads.w9_cycle(seats, min(stage.peer.groups)),
    )


def rows(measured: Rounds, stage: Stage, options: Options, kinds: Sequence[str] = KINDS) -> list[Row]:
    """Return the rows of the targets asked for."""
    found: list[Row] = []
    read_names, write_names = ([each.name for each in part] for part in (reads(stage), writes(stage)))
    for target, names, goals, limit in (
        ("P1", read_names, READ_GOALS, "limit-read"),
        ("P2", write_names, WRITE_GOALS, "limit-write"),
    ):
        if options.wants(target):
            for kind in kinds:
                found += limit_rows(measured, target, kind, names, goals[kind], limit)
    if options.wants("P3"):
        for kind in kinds:
            found += [_peer_row(measured, kind, name) for name in PEER_WORKLOADS]
            found += [_recorded_row(measured, kind, name, options) for name in PEER_WORKLOADS]
    if options.wants("P4"):
        for kind in kinds:
            found += _cpu_rows(measured, kind, read_names, write_names)
    if options.wants("P11"):
        for kind in kinds:
            found += [_many_row(measured, kind, name) for name in _MANY]
    return found


def limit_rows(
    measured: Rounds,
    target: str,
    kind: str,
    names: Sequence[str],
    goal: float,
    limit: str,
    connections: int = CONNECTIONS,
) -> Iterator[Row]:
    """Compare workloads with the limit of the stack (P1, P2)."""
    for name in names:
        ours, bare = Key(kind, name, connections), Key(f"limit-{kind}", limit, connections)
        estimate, errors = measured.rate_ratio(ours, bare), measured.errors(ours, bare)
        yield Row(
            target,
            f"{name} against the limit, {kind}",
            f"≥ {goal}",
            with_errors(shown(estimate), errors),
            verdict(estimate.at_least(goal), errors),
            f"{estimate.count} pairs, {connections} connections, PostgreSQL",
        )


def _peer_row(measured: Rounds, kind: str, name: str) -> Row:
    ours, peer = Key(kind, name), Key("peer", name)
    estimate, errors = measured.rate_ratio(ours, peer), measured.errors(ours, peer)
    return Row(
        "P3",
        f"{name} against scim2-server, {kind}",
        f"≥ {SCIM2_SERVER_GOAL:g} times",
        with_errors(shown(estimate, "times"), errors),
        verdict(estimate.at_least(SCIM2_SERVER_GOAL), errors),
        f"{estimate.count} pairs; ours on PostgreSQL, scim2-server in memory on gunicorn, one process",
    )


def _recorded_row(measured: Rounds, kind: str, name: str, options: Options) -> Row:
    """Return the comparison with a peer that is on no package index: by its recorded figure."""
    peer, rate = BEST_DURABLE[name]
    ours = measured.rates(Key(kind, name))
    middle = sorted(ours)[len(ours) // 2]
    text = f"{middle:,.0f}/s against {rate:,.0f}/s: {middle / rate:.1f} times"
    limit_key = Key(f"limit-{kind}", "limit-write" if name in ("W1", "W4") else "limit-read")
    if name != "W9" and options.wants("P1", "P2"):
        own_share = measured.rate_ratio(Key(kind, name), limit_key).value
        share = rate / RECORDED_LIMITS[kind][limit_key.workload]
        text += f", {own_share / share:.1f} times by each one's share of its limit"
    return Row(
        "P3",
        f"{name} against {peer}, {kind}",
        f"≥ {DURABLE_GOALS[kind]:g} times",
        text,
        "recorded",
        "the peer's figure was recorded in another run, so this only indicates; it validates next to nothing",
    )


def _cpu_rows(measured: Rounds, kind: str, read_names: Sequence[str], write_names: Sequence[str]) -> Iterator[Row]:
    for name in (*read_names, *write_names):
        goal = CPU_GOALS_MS[kind]["reads" if name in read_names else name]
        key = Key(kind, name)
        estimate, errors = measured.server_cpu_ms(key), measured.errors(key)
        yield Row(
            "P4",
            f"CPU of {name}, {kind}",
            f"≤ {goal} ms",
            with_errors(shown(estimate, "ms"), errors),
            verdict(estimate.at_most(goal), errors),
            f"the server's processes over {estimate.count} cells, {CONNECTIONS} connections; PostgreSQL's apart",
        )


def _many_row(measured: Rounds, kind: str, name: str) -> Row:
    few, many = Key(kind, name), Key(kind, name, MANY_CONNECTIONS)
    rate, errors = measured.rate_ratio(many, few), measured.errors(few, many)
    p99 = measured.p99_ratio(many, few)
    return Row(
        "P11",
        f"{name} on {MANY_CONNECTIONS} connections against {CONNECTIONS}, {kind}",
        f"throughput ≥ {RATE_GOAL}, p99 ≤ {P99_GOAL:g} times, no error",
        with_errors(f"throughput {shown(rate)}, p99 {shown(p99, 'times', 1)}", errors),
        verdict(rate.at_least(RATE_GOAL) and p99.at_most(P99_GOAL), errors),
        f"{rate.count} pairs",
    )
