"""Runs the checks against one server, section by section."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from conformance.replay import Outcome
from conformance.rfc.answers import CheckFailed, NotApplicable
from conformance.rfc.capabilities import Capabilities, Target
from conformance.rfc.check import Check
from conformance.rfc.client import Scim, Stage
from conformance.transcript import Exchange


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What became of one check; `message` says what is wrong, or what is not announced."""

    check: Check
    outcome: Outcome
    message: str = ""
    exchange: Exchange | None = None
    exchanges: tuple[Exchange, ...] = ()
    requests: int = 0
    seconds: float = 0.0


def run_all(checks: Iterable[Check], target: Target, can: Capabilities) -> Iterator[CheckResult]:
    """Run checks in their order; those of a section share what its first one made."""
    transport = target.open()
    for _, section in groupby(checks, key=lambda check: check.section):
        stage = Stage(Scim(target, can, transport))
        try:
            for check in section:
                yield run_one(check, Scim(target, can, transport, stage))
        finally:
            stage.scim.close()


def run_one(check: Check, scim: Scim) -> CheckResult:
    """Run one check and delete what it created, whatever happens."""
    missing = absent(check, scim.can)
    if missing:
        return CheckResult(check, "not announced", missing)
    start = time.perf_counter()
    outcome: Outcome = "passed"
    message, exchange = "", None
    try:
        check.run(scim)
    except NotApplicable as reason:
        outcome, message = "not announced", str(reason)
    except CheckFailed as failure:
        outcome, message, exchange = "failed", str(failure), failure.exchange
    except Exception as error:
        # Whatever shape a server gives its answers, the next check has its turn.
        outcome, message = "failed", f"the answer cannot be used: {type(error).__name__}: {error}"
        exchange = scim.exchanges[-1] if scim.exchanges else None
    finally:
        scim.close()
    kept = tuple(scim.exchanges) if outcome == "failed" else ()
    return CheckResult(check, outcome, message, exchange, kept, len(scim.exchanges), time.perf_counter() - start)


def absent(check: Check, can: Capabilities) -> str:
    """Say what a check needs and the server does not offer; empty when nothing is missing."""
    features: Sequence[str] = [name for name in check.needs if name not in can.features]
    attributes = [name for name in check.uses if not can.declares(name)]
    parts = [f"feature {name}" for name in features] + [f"attribute {name}" for name in attributes]
    return ", ".join(parts)
