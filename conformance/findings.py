"""What was found, in one form for checks and scenarios: the reports are made from it. Holds no secrets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

import orjson

from conformance.replay import Outcome, Result, StepFailure
from conformance.rfc.answers import Body
from conformance.rfc.catalog import SECTIONS
from conformance.rfc.run import CheckResult
from conformance.scenario import LEVELS, Level
from conformance.transcript import Exchange, cut, exchange_text, redacted

Part: TypeAlias = Literal["rfc", "clients"]
VALUE_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is wrong, the exchange that shows it, and in a line each those before it."""

    what: str
    request: str
    response: str
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one check or scenario; `title` is the rule, `reference` the section or source it is from."""

    part: Part
    group: str
    id: str
    level: Level
    title: str
    reference: str
    outcome: Outcome
    reason: str
    evidence: tuple[Evidence, ...]
    requests: int
    seconds: float

    @property
    def breaks(self) -> bool:
        """Whether this fails the run: a failed *may* is forgiven."""
        return self.outcome == "failed" and self.level != "may"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything there is to tell about one run."""

    url: str
    profile: str | None
    at: datetime
    config: Body
    findings: tuple[Finding, ...]
    slow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """How many findings of a group have which outcome."""

    total: int
    passed: int
    failed: dict[Level, int]
    not_announced: int

    def cells(self) -> list[str]:
        """The numbers for a table, in the order of `HEADINGS`, with a dash for none."""
        counts = (self.total, self.passed, *self.failed.values(), self.not_announced)
        return [str(count or "-") for count in counts]


HEADINGS = ("all", "passed", *(f"failed {level}" for level in LEVELS), "not announced")


def tally(findings: Sequence[Finding]) -> Tally:
    """Count outcomes."""
    failed = {level: sum(f.outcome == "failed" and f.level == level for f in findings) for level in LEVELS}
    passed = sum(f.outcome == "passed" for f in findings)
    return Tally(len(findings), passed, failed, sum(f.outcome == "not announced" for f in findings))


def grouped(findings: Sequence[Finding], part: Part) -> list[tuple[str, list[Finding]]]:
    """The findings of a part by section or client, with its title."""
    names = dict.fromkeys(finding.group for finding in findings if finding.part == part)
    return [
        (SECTIONS[name] if part == "rfc" else name, [f for f in findings if (f.part, f.group) == (part, name)])
        for name in names
    ]


def from_check(result: CheckResult, secrets: Iterable[str]) -> Finding:
    """Tell what became of a check."""
    check, hidden = result.check, tuple(secrets)
    reason = redacted(result.message, hidden)
    evidence: tuple[Evidence, ...] = ()
    if result.outcome == "failed":
        request, response = exchange_text(result.exchange, hidden) if result.exchange else ("", "")
        before = tuple(redacted(_line(one), hidden) for one in result.exchanges if one is not result.exchange)
        evidence = (Evidence(reason, request, response, before),)
    return Finding(
        part="rfc",
        group=check.section,
        id=check.id,
        level=check.level,
        title=check.rule,
        reference=check.reference,
        outcome=result.outcome,
        reason=reason,
        evidence=evidence,
        requests=result.requests,
        seconds=result.seconds,
    )


def from_scenario(result: Result, secrets: Iterable[str]) -> Finding:
    """Tell what became of a scenario."""
    scenario, hidden = result.scenario, (*secrets, *result.secrets)
    evidence = tuple(_evidence(failure, hidden) for failure in result.failures)
    needs = f"feature {', '.join(scenario.requires)}" if result.outcome == "not announced" else ""
    return Finding(
        part="clients",
        group=scenario.client,
        id=scenario.label,
        level=scenario.level,
        title=scenario.name,
        reference=scenario.source,
        outcome=result.outcome,
        reason=evidence[0].what if evidence else needs,
        evidence=evidence,
        requests=result.requests,
        seconds=result.seconds,
    )


def _evidence(failure: StepFailure, hidden: tuple[str, ...]) -> Evidence:
    where = f"steps[{failure.step}]" + (f" turn {failure.turn}" if failure.turn else "")
    lines = [f"{where}: {failure.comment}" if failure.comment else where]
    for mismatch in failure.mismatches:
        expected = orjson.dumps(mismatch.expected).decode()
        lines.append(f"{mismatch.what}: expected {cut(expected, VALUE_LIMIT)}")
        lines.append(f"{' ' * len(mismatch.what)}       got {cut(mismatch.got, VALUE_LIMIT)}")
    request, response = ("", "")
    if failure.sent:
        request, response = exchange_text(Exchange(failure.sent, failure.received), hidden)
    return Evidence(redacted("\n".join(lines), hidden), request, response)


def _line(exchange: Exchange) -> str:
    answer = exchange.received.status if exchange.received else "no answer"
    return f"{exchange.sent.method} {exchange.sent.url} → {answer}"
