"""The command line: `python -m conformance --url URL --token TOKEN`."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

import click
from rich.console import Console

from conformance.exchange import ExchangeError, Wire
from conformance.findings import Finding, Report, from_check, from_scenario
from conformance.replay import Result, Server, replay_all
from conformance.report import WRITERS, print_line, print_report, write_report
from conformance.rfc.answers import Body
from conformance.rfc.capabilities import Capabilities, Target, discover
from conformance.rfc.catalog import SECTIONS, all_checks
from conformance.rfc.check import Check
from conformance.rfc.run import run_all
from conformance.scenario import LEVELS, Level, Scenario, ScenarioError, load_all

FAILED, WRONG_USAGE = 1, 2


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be run."""

    checks: tuple[Check, ...]
    scenarios: tuple[Scenario, ...]


@click.command(context_settings={"max_content_width": 110})
@click.option("--url", required=True, help="Base URL of the SCIM server, e.g. http://127.0.0.1:8000/scim/v2.")
@click.option("--token", required=True, help="Bearer token to authenticate with.")
@click.option("--client-token", help="Another bearer token, for the client scenarios.")
@click.option("--token-endpoint", help="OAuth token endpoint; announces the feature `oauth`.")
@click.option("--profile", type=click.Choice(["rfc", "lenient"]), help="Name of the server's setting, for the report.")
@click.option("--only", type=click.Choice(["rfc", "clients"]), help="Only the RFC sections, or only the clients.")
@click.option(
    "--section", "sections", multiple=True, help="Only this RFC section or check, e.g. patch or 'filter.eq*'."
)
@click.option("--client", "clients", multiple=True, help="Only this client; may be given several times.")
@click.option("--scenario", "pattern", help="Only scenarios like this, e.g. 'entra/1*' or '*manager'.")
@click.option("--level", type=click.Choice(LEVELS), default="may", help="Lowest level to look at.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write a .json, .md or .html file; may be given several times.",
)
@click.option("--verbose", is_flag=True, help="Print each check and scenario when it is done.")
def main(
    url: str,
    token: str,
    client_token: str | None,
    token_endpoint: str | None,
    profile: str | None,
    only: str | None,
    sections: Sequence[str],
    clients: Sequence[str],
    pattern: str | None,
    level: Level,
    reports: Sequence[Path],
    verbose: bool,
) -> None:
    """Find out what a SCIM 2.0 server keeps of the RFCs, and which clients it would break.

    Exits with 0 when every must and should passes, 1 when one fails, 2 on wrong usage or when the
    server cannot be reached. Creates users and groups: use a tenant made for testing.
    """
    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f"--url {url} is no http or https URL")
    for report in reports:
        if report.suffix not in WRITERS:
            raise click.UsageError(f"--report {report} is none of {', '.join(WRITERS)}")
    levels = LEVELS[: LEVELS.index(level) + 1]
    chosen = _chosen(only, sections, clients, pattern, levels)
    base, console = url.rstrip("/"), Console()
    server = Server(base, client_token or token, token_endpoint)
    try:
        with Wire() as wire:
            can = discover(Target(base, token, lambda: wire))
            found = Run(base, token, server, can, wire)
            findings = []
            for finding in found.findings(chosen):
                findings.append(finding)
                if verbose:
                    print_line(console, finding)
    except ExchangeError as error:
        click.echo(f"{url} cannot be reached: {error}", err=True)
        sys.exit(WRONG_USAGE)
    told = Report(base, profile, datetime.now(UTC), found.config, tuple(findings), tuple(found.slow))
    print_report(console, told)
    for report in reports:
        write_report(report, told)
    sys.exit(exit_code(findings))


class Run:
    """One run against one server; `slow` grows while scenarios are replayed."""

    def __init__(self, base: str, token: str, server: Server, can: Capabilities, wire: Wire) -> None:
        """Start with nothing run."""
        self._target = Target(base, token, Wire)
        self._server = server
        self._can = can
        self._wire = wire
        self._secrets = (token, server.token)
        self.slow: list[str] = []

    @property
    def config(self) -> Body:
        """The server's ServiceProviderConfig."""
        return self._can.config

    def findings(self, chosen: Chosen) -> Iterator[Finding]:
        """Run the checks, then the scenarios."""
        for checked in run_all(chosen.checks, self._target, self._can):
            yield from_check(checked, self._secrets)
        if chosen.scenarios:
            for replayed in replay_all(chosen.scenarios, self._server, self._wire):
                self.slow += _slow_lines(replayed)
                yield from_scenario(replayed, self._secrets)


def _slow_lines(result: Result) -> list[str]:
    return [
        f"slow: {result.scenario.label} steps[{slow.step}] took {slow.milliseconds:.0f} ms, {slow.max_ms} ms hoped for"
        for slow in result.slow
    ]


def exit_code(findings: Sequence[Finding]) -> int:
    """The exit code for these findings: a failed *may* is shown and forgiven."""
    return FAILED if any(finding.breaks for finding in findings) else 0


def _chosen(
    only: str | None, sections: Sequence[str], clients: Sequence[str], pattern: str | None, levels: Sequence[Level]
) -> Chosen:
    """Choose what was asked for; asking for none at all is wrong usage, not a success.

    An option that speaks of one part alone leaves out the other one.
    """
    of_clients = bool(clients or pattern)
    checks = _checks(sections, levels) if only != "clients" and (sections or not of_clients) else ()
    scenarios = _scenarios(clients, pattern, levels) if only != "rfc" and (of_clients or not sections) else ()
    if not checks and not scenarios:
        raise click.UsageError("no check and no scenario is left")
    return Chosen(checks, scenarios)


def _checks(sections: Sequence[str], levels: Sequence[Level]) -> tuple[Check, ...]:
    checks = all_checks()
    for name in sections:
        if name not in SECTIONS and not any(fnmatchcase(check.id, name) for check in checks):
            raise click.UsageError(f"no section {name}; there are {', '.join(SECTIONS)}")
    return tuple(
        check
        for check in checks
        if check.level in levels
        and (not sections or any(check.section == name or fnmatchcase(check.id, name) for name in sections))
    )


def _scenarios(clients: Sequence[str], pattern: str | None, levels: Sequence[Level]) -> tuple[Scenario, ...]:
    try:
        scenarios = load_all()
    except ScenarioError as error:
        raise click.UsageError(str(error)) from error
    unknown = set(clients) - {scenario.client for scenario in scenarios}
    if unknown:
        known = ", ".join(sorted({scenario.client for scenario in scenarios}))
        raise click.UsageError(f"no client {', '.join(sorted(unknown))}; there are {known}")
    return tuple(
        scenario
        for scenario in scenarios
        if (not clients or scenario.client in clients)
        and (not pattern or fnmatchcase(scenario.label, pattern) or fnmatchcase(scenario.file, pattern))
        and scenario.level in levels
    )


if __name__ == "__main__":
    main(prog_name="python -m conformance")
