"""The command line: `python -m conformance --url URL --token TOKEN`."""

import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import click
from rich.console import Console

from conformance.exchange import ExchangeError, Wire
from conformance.replay import Result, Server, replay_all
from conformance.report import print_failures, print_line, print_slow, print_table, write_report
from conformance.scenario import LEVELS, Level, Scenario, ScenarioError, load_all

FAILED, WRONG_USAGE = 1, 2


@click.command(context_settings={"max_content_width": 110})
@click.option("--url", required=True, help="Base URL of the SCIM server, e.g. http://127.0.0.1:8000/scim/v2.")
@click.option("--token", required=True, help="Bearer token the scenarios authenticate with.")
@click.option("--token-endpoint", help="OAuth token endpoint; announces the feature `oauth`.")
@click.option("--client", "clients", multiple=True, help="Only this client; may be given several times.")
@click.option("--scenario", "pattern", help="Only scenarios like this, e.g. 'entra/1*' or '*manager'.")
@click.option("--level", type=click.Choice(LEVELS), default="may", help="Lowest level to replay.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Also write JSON here.")
@click.option("--verbose", is_flag=True, help="Print each scenario while it is replayed.")
def main(
    url: str,
    token: str,
    token_endpoint: str | None,
    clients: Sequence[str],
    pattern: str | None,
    level: Level,
    report: Path | None,
    verbose: bool,
) -> None:
    """Replay what identity providers send at a SCIM 2.0 server.

    Exits with 0 when all must and should scenarios pass, 1 when one fails, 2 on wrong usage or when the
    server cannot be reached. Scenarios create users and groups: use a tenant made for testing.
    """
    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f"--url {url} is no http or https URL")
    scenarios = _chosen(_all_scenarios(), clients, pattern, level)
    console = Console()
    server = Server(url.rstrip("/"), token, token_endpoint)
    results: list[Result] = []
    try:
        with Wire() as wire:
            for result in replay_all(scenarios, server, wire):
                results.append(result)
                if verbose:
                    print_line(console, result)
    except ExchangeError as error:
        click.echo(f"{url} cannot be reached: {error}", err=True)
        sys.exit(WRONG_USAGE)
    print_failures(console, results)
    print_slow(console, results)
    print_table(console, results)
    if report:
        write_report(report, results, server)
    sys.exit(exit_code(results))


def exit_code(results: Sequence[Result]) -> int:
    """The exit code for these results: a failed *may* is shown and forgiven."""
    return FAILED if any(r.outcome == "failed" and r.scenario.level != "may" for r in results) else 0


def _all_scenarios() -> list[Scenario]:
    try:
        return load_all()
    except ScenarioError as error:
        raise click.UsageError(str(error)) from error


def _chosen(scenarios: Sequence[Scenario], clients: Sequence[str], pattern: str | None, level: Level) -> list[Scenario]:
    """Keep the scenarios asked for; asking for none at all is wrong usage, not a success."""
    unknown = set(clients) - {scenario.client for scenario in scenarios}
    if unknown:
        known = ", ".join(sorted({scenario.client for scenario in scenarios}))
        raise click.UsageError(f"no client {', '.join(sorted(unknown))}; there are {known}")
    levels = LEVELS[: LEVELS.index(level) + 1]
    chosen = [
        scenario
        for scenario in scenarios
        if (not clients or scenario.client in clients)
        and (not pattern or fnmatchcase(scenario.label, pattern) or fnmatchcase(scenario.file, pattern))
        and scenario.level in levels
    ]
    if not chosen:
        raise click.UsageError("no scenario is left to replay")
    return chosen


if __name__ == "__main__":
    main(prog_name="python -m conformance")
